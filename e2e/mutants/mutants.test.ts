import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../lane/paths.ts";
import { mutants } from "./mutants.ts";

describe("mutants", () => {
  it("change a text that stands once in its file", async () => {
    const stale: string[] = [];
    for (const { name, file, text } of mutants) {
      const parts = (await readFile(join(root, file), "utf8")).split(text).length - 1;
      if (parts !== 1) stale.push(`${name}: ${parts} times in ${file}`);
    }
    assert.deepEqual(stale, []);
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length);
  });
});
