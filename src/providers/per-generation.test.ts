import assert from "node:assert/strict";
import { PerGeneration } from "./per-generation.ts";

describe("what is kept for each generation of a connection", () => {
  const first = { uid: "u-1", generation: 1 };

  it("is made once, and anew for another generation or another object of the name", () => {
    const replaced: number[] = [];
    let made = 0;
    const kept = new PerGeneration<number>((value) => replaced.push(value));
    const of = (who: typeof first): number => kept.of("main", who, () => ++made);
    assert.deepEqual([of(first), of(first)], [1, 1]);
    assert.equal(of({ ...first, generation: 2 }), 2);
    assert.equal(of({ ...first, uid: "u-2" }), 3);
    assert.deepEqual(replaced, [1, 2]);
  });

  it("stays as it was where the new one cannot be made", () => {
    const replaced: string[] = [];
    const kept = new PerGeneration<string>((value) => replaced.push(value));
    kept.of("main", first, () => "good");
    const bad = (): string => {
      throw new Error("bad spec");
    };
    assert.throws(() => kept.of("main", { ...first, generation: 2 }, bad), /bad spec/);
    assert.deepEqual(replaced, []);
    assert.equal(kept.of("main", first, bad), "good");
  });

  it("is handed over once, and closed by whoever took it", () => {
    const replaced: string[] = [];
    const kept = new PerGeneration<string>((value) => replaced.push(value));
    for (const name of ["a", "b", "c"]) kept.of(name, first, () => name);
    assert.deepEqual([kept.take("b"), kept.take("b")], ["b", undefined]);
    assert.deepEqual([kept.takeAll(), kept.takeAll()], [["a", "c"], []]);
    assert.deepEqual(replaced, []);
  });
});
