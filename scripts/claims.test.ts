import { deepStrictEqual, ok } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readCrds, schemaOf, type Schema } from "./samples.ts";

const ROOT = join(import.meta.dirname, "..");

/** `spec` → `deliver` → … of the schema; an item of a list by the list's name. */
const at = (schema: Schema, ...path: readonly string[]): Schema =>
  path.reduce((from, name) => {
    const found = (from.items ?? from).properties?.[name];
    ok(found !== undefined, `no ${name} in the schema`);
    return found;
  }, schema);

/** The row of a page's table that begins with this cell. */
const rowOf = (page: string, begins: string): string => {
  const row = readFileSync(join(ROOT, page), "utf8")
    .split("\n")
    .find((line) => line.startsWith(`| ${begins} |`));
  ok(row !== undefined, `${page} has no row ${begins}`);
  return row;
};

describe("what README and the comparison say of sources, deliveries and dependents", () => {
  let spec: Schema;
  let sources: readonly string[];
  before(async () => {
    const crd = (await readCrds()).find(({ spec: { names } }) => names.kind === "SecretRotation");
    ok(crd !== undefined);
    spec = at(schemaOf(crd), "spec");
    sources = Object.keys(at(spec, "source").properties ?? {});
    ok(sources.length >= 7);
  });

  it("names each that the schema has", () => {
    const words: readonly (readonly [string, readonly string[]])[] = [
      [rowOf("README.md", "credentials"), sources.map((name) => `\`${name}\``)],
      [rowOf("docs/comparison.md", "sources"), sources.map((name) => `\`${name}\``)],
      [rowOf("README.md", "deliveries"), at(spec, "deliver", "kubernetesSecret", "type").enum ?? []],
      [rowOf("README.md", "dependents"), at(spec, "dependents", "workload", "kind").enum ?? []],
    ];
    for (const [row, wanted] of words) {
      ok(wanted.length >= 4, row);
      deepStrictEqual(
        wanted.filter((word) => !row.includes(word)),
        [],
        row,
      );
    }
  });

  it("calls none of them missing", () => {
    const missing = rowOf("README.md", "not yet");
    const words = ["sources?", "hooks?", "Vault", "tokens?", "certificates?", "AppRoles?", "restarts?", "CronJobs?"];
    for (const word of words) ok(!new RegExp(`\\b${word}\\b`, "i").test(missing), word);
    ok(!/none yet|not yet/.test(rowOf("docs/comparison.md", "certificates")));
  });

  it("counts the sources as they are", () => {
    const numbers = ["none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    ok(rowOf("docs/comparison.md", "sources").includes(`| ${numbers[sources.length] ?? ""}: `));
  });
});
