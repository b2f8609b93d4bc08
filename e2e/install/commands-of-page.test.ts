import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../lane/paths.ts";
import { isExpected, stepsOfPage } from "./commands-of-page.ts";

const PAGE = `
Save as \`a.yaml\`:

\`\`\`yaml
kind: A
\`\`\`

\`\`\`console
$ kubectl apply -f a.yaml
a created
$ kubectl get a
NAME …
\`\`\`

\`\`\`
$ not for the reader to type
\`\`\`

\`\`\`console
$ kubectl apply -f bad.yaml # exit 1
…must be…
\`\`\`
`;

describe("commands of a page", () => {
  it("are those of console blocks, in order, with files between them and the exit codes that they must have", () => {
    assert.deepEqual(stepsOfPage(PAGE), [
      { kind: "file", name: "a.yaml", text: "kind: A\n" },
      { kind: "command", command: "kubectl apply -f a.yaml", exitCode: 0, expected: "a created" },
      { kind: "command", command: "kubectl get a", exitCode: 0, expected: "NAME …" },
      { kind: "command", command: "kubectl apply -f bad.yaml", exitCode: 1, expected: "…must be…" },
    ]);
  });

  const cases: readonly (readonly [string, string, boolean])[] = [
    ["a created", "a created\n", true],
    ["a created", "a configured\n", false],
    ["a created", "a created\nb created\n", false],
    ["NAME …\na …", "NAME   READY\na      True\n", true],
    ["NAME …\na …", "NAME   READY\nb      True\n", false],
    ["…a.b…", "xxaxbxx", false],
    ["…", "", true],
    ["", "", true],
    ["", "something", false],
  ];
  for (const [expected, printed, is] of cases)
    it(`${JSON.stringify(expected)} is ${is ? "" : "not "}what ${JSON.stringify(printed)} says`, () => {
      assert.equal(isExpected(expected, printed), is);
    });

  it("are at least twenty in docs/getting-started.md, and most say what they print", async () => {
    const steps = stepsOfPage(await readFile(join(root, "docs/getting-started.md"), "utf8"));
    const commands = steps.filter((step) => step.kind === "command");
    assert.ok(commands.length >= 20, String(commands.length));
    const silent = commands.filter(({ expected }) => expected === "…" || expected === "");
    assert.ok(silent.length * 2 < commands.length, String(silent.length));
  });
});
