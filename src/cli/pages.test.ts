import { deepEqual } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { CONDITIONS, type ConditionMeaning } from "../api/v1alpha1/reasons.ts";
import { OPERATOR_COMMANDS, PLUGIN_COMMANDS, type Command } from "./commands.ts";
import { EXIT } from "./doctor/finding.ts";
import { POLICY_NAMES } from "./doctor/examine.ts";
import { NEXT_STEPS } from "./doctor/next-steps.ts";
import { SPOKEN_OF } from "./doctor/stuck.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string): Promise<string> => readFile(join(ROOT, path), "utf8");

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}
const manifests = async (path: string): Promise<readonly Manifest[]> =>
  parseAllDocuments(await read(path)).map((document) => document.toJS() as Manifest);

describe("pages of the command line", () => {
  it("name every command of both programs", async () => {
    const page = await read("docs/reference/cli.md");
    const section = (heading: string): string => page.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
    const rows = (commands: readonly Command[]): readonly string[] =>
      commands.map(({ name, args, help }) => `| \`${`${name} ${args.replaceAll("|", "\\|")}`.trim()}\` | ${help} |`);
    const shown = (heading: string): readonly string[] =>
      section(heading)
        .split("\n")
        .filter((line) => line.startsWith("| `"));
    deepEqual(shown("keyturn"), rows(OPERATOR_COMMANDS));
    deepEqual(shown("kubectl keyturn"), rows(PLUGIN_COMMANDS));
  });

  it("have the exit codes of the code", async () => {
    const page = (await read("docs/reference/exit-codes.md")).split("Every command")[1] ?? "";
    const codes = [...page.matchAll(/^\| (\d) \|/gm)].map(([, code]) => Number(code));
    deepEqual(codes, Object.values(EXIT));
  });

  it("say in docs/reference/conditions.md what to do, as the doctor says it", async () => {
    const page = (await read("docs/reference/conditions.md")).split("## What to do\n")[1] ?? "";
    const rows = [...page.matchAll(/^\| `(\w+\/[\w…]+)` \| (.*) \|$/gm)].map(([, key, text]) => [key, text]);
    deepEqual(
      rows,
      Object.entries(NEXT_STEPS).map(([key, text]) => [key.includes("/") ? key : `${key}/…`, text]),
    );
  });

  it("speak of conditions and reasons that exist", () => {
    const known: Readonly<Record<string, ConditionMeaning>> = CONDITIONS;
    const strangers = Object.keys(NEXT_STEPS).filter((key) => {
      const [type = "", reason] = key.split("/");
      return known[type] === undefined || (reason !== undefined && known[type].reasons[reason] === undefined);
    });
    deepEqual(strangers, []);
    deepEqual(SPOKEN_OF, []);
  });
});

describe("the doctor's lists", () => {
  it("have the policies of config/policies", async () => {
    const files = (await readdir(join(ROOT, "config/policies"), { recursive: true })).filter(
      (file) => file.endsWith(".yaml") && !file.endsWith("kustomization.yaml"),
    );
    const all = (await Promise.all(files.map((file) => manifests(join("config/policies", file))))).flat();
    const named = (kind: string): readonly string[] =>
      all
        .filter((one) => one.kind === kind)
        .map(({ metadata }) => metadata.name)
        .sort();
    deepEqual(named("ValidatingAdmissionPolicy"), [...POLICY_NAMES.validating, ...POLICY_NAMES.warning].sort());
    deepEqual(named("MutatingAdmissionPolicy"), POLICY_NAMES.mutating);
  });
});
