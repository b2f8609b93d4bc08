import { deepStrictEqual } from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { admittedFiles } from "./docker-ignore.ts";

const FILES = [
  "a.txt",
  ".npmrc",
  "src/main.ts",
  "src/main.test.ts",
  "src/deep/er/x.test.ts",
  "src/deep/er/x.ts",
  "other/main.ts",
  "axtxt",
];

describe("what .dockerignore admits", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "keyturn-ignore-"));
    for (const file of FILES) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), "");
    }
  });
  after(() => rm(folder, { recursive: true }));

  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ["everything, without a line", "", FILES],
    ["nothing", "**", []],
    [
      "what is named again, with all below it",
      "**\n!src\n!.npmrc",
      [".npmrc", ...FILES.filter((f) => f.startsWith("src/"))],
    ],
    ["by the last line that fits", "**\n!src\n**/*.test.ts", ["src/deep/er/x.ts", "src/main.ts"]],
    [
      "what lies deep in a folder that is left out",
      "src\n!src/deep/er/x.ts",
      FILES.filter((f) => !/^src\/(main|deep.*test)/.test(f)),
    ],
    ["names with a dot in them as they stand", "# no\n\n/a.txt", FILES.filter((f) => f !== "a.txt")],
    ["with * inside one folder only", "src/*.ts", FILES.filter((f) => !/^src\/main/.test(f))],
    ["with ? for one character", "a?txt", FILES.filter((f) => !/^a.txt$/.test(f))],
  ];
  for (const [what, text, admitted] of cases) {
    it(`is ${what}`, async () => {
      deepStrictEqual(await admittedFiles(folder, text), [...admitted].sort());
    });
  }
});
