import { deepStrictEqual, ok, throws } from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import * as resources from "../src/cluster/resources.ts";
import { OPTIONAL_ROLE_FILES, cellOf, rowsOfOptionalRoles } from "./optional-roles.ts";

const ROOT = join(import.meta.dirname, "..");
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

interface Role {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}
const rolesIn = (text: string): readonly Role[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Role | null)
    .filter((object): object is Role => object !== null && /^(Cluster)?Role$/.test(object.kind));

/** Rows of the page's tables, as cells. */
const rows = read("docs/reference/rbac.md")
  .split("\n")
  .filter((line) => line.startsWith("| "))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

/** Roles for people; the section "Yours" tells of them in words. */
const PEOPLES = [
  "keyturn-view",
  "keyturn-edit",
  "keyturn-approver",
  "keyturn-platform",
  "keyturn-security",
  "keyturn-auditor",
  "keyturn-metrics-reader",
];
const OPERATORS = ["keyturn-operator", "keyturn-operator-namespace"];

describe("the page of rights", () => {
  const manifests = readdirSync(join(ROOT, "config"), { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".yaml") && !path.startsWith("samples/"))
    .map((path) => `config/${path}`);

  it("has a row for each rule of each role in config/, and names the roles for people", () => {
    let compared = 0;
    for (const path of manifests) {
      for (const { metadata, rules = [] } of rolesIn(read(path))) {
        const { name } = metadata;
        if (PEOPLES.includes(name)) {
          ok(
            rows.some(([role]) => role === `\`${name}\``),
            name,
          );
          continue;
        }
        const own = OPERATORS.includes(name);
        ok(own || rows.some(([role]) => role === `\`${name}\``), `${path}: ${name} is not on the page`);
        for (const { apiGroups, resources: of, verbs } of rules) {
          const wanted = [...(own ? [] : [`\`${name}\``]), cellOf(apiGroups[0] ?? "", of), verbs.join(" ")];
          ok(
            rows.some((cells) => wanted.every((cell, index) => cells[index] === cell)),
            `${path}: ${wanted.join(" ")}`,
          );
          compared += 1;
        }
      }
    }
    ok(compared > 30, String(compared));
  });

  it("names every kind that the operator asks kube-apiserver for", () => {
    const paths = [...read("src/cluster/kubernetes-client.ts").matchAll(/"\/apis\/([\w.]+)\/v1\/(\w+)"/g)];
    ok(paths.length >= 2);
    const kinds = Object.values(resources).filter((one) => typeof one === "object");
    // Only tests ask for namespaces.
    const asked = kinds
      .filter(({ plural }) => plural !== "namespaces")
      .map(({ group, plural }) => [group, plural] as const);
    for (const [group, plural] of [...asked, ...paths.map(([, group = "", plural = ""]) => [group, plural] as const)])
      ok(
        rows.some((cells) => cells.some((cell) => cell.includes(cellOf(group, [plural])))),
        `${plural}.${group}`,
      );
  });

  it("has of each rule that is given on demand why it is there, and takes none without", () => {
    const rule = "- apiGroups: [batch]\n    resources: [jobs]\n    verbs: [create]\n";
    const role = (rules: string): string => `kind: Role\nmetadata:\n  name: some\nrules:${rules}`;
    deepStrictEqual(rowsOfOptionalRoles([role(`\n  # Needs it.\n  ${rule}`)]), [
      "| `some` | `jobs.batch` | create | Needs it. |\n",
    ]);
    throws(() => rowsOfOptionalRoles([role(`\n  ${rule}`)]), /some: a rule without a comment/);
    throws(() => rowsOfOptionalRoles([role("\n  # One.\n  " + rule + "  " + rule)]), /some: a rule without a comment/);
    throws(() => rowsOfOptionalRoles(["kind: Role\nmetadata:\n  name: some\n"]), /some has no rules/);
  });

  it("tells the same of both ways to install", () => {
    // What the chart may bind is held by its own test.
    const pairs = [
      ["config/rbac/token-issuer.yaml", "rbac-token-issuer"],
      ["config/hook-jobs/role.yaml", "rbac-hook-jobs"],
      ["config/fairness/role.yaml", "rbac-fairness"],
    ] as const;
    deepStrictEqual(["config/rbac/grantable-roles.yaml", ...pairs.map(([file]) => file)], [...OPTIONAL_ROLE_FILES]);
    for (const [file, template] of pairs) {
      const text = read(`charts/keyturn/templates/${template}.yaml`)
        .replaceAll(/^\{\{-? .*\}\}\n/gm, "")
        .replaceAll(/\{\{ .* \}\}/g, "x");
      const plain = (roles: readonly Role[]): unknown =>
        roles.map(({ kind, metadata, rules }) => [kind, metadata.name, rules]);
      deepStrictEqual(plain(rolesIn(text)), plain(rolesIn(read(file))), file);
    }
  });
});
