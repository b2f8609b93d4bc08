import assert from "node:assert/strict";
import { FakeClock } from "../../../kernel/fake-clock.ts";
import { IamMemory, type Topic } from "./memory.ts";

const GROUPS: Topic<string> = { name: "groups" };

describe("what is remembered of IAM", () => {
  it("is known until it is too old for whoever asks, or forgotten", async () => {
    const clock = new FakeClock();
    const memory = new IamMemory(clock);
    assert.deepEqual([memory.recall(GROUPS, "a"), memory.ageMs(GROUPS, "a")], [undefined, undefined]);
    memory.keep(GROUPS, "a", "one");
    await clock.advance(1000);
    assert.deepEqual(
      [memory.recall(GROUPS, "a", 1000), memory.recall(GROUPS, "a", 1001), memory.recall(GROUPS, "a")],
      [undefined, "one", "one"],
    );
    assert.equal(memory.ageMs(GROUPS, "a"), 1000);
    assert.equal(memory.recall({ name: "others" }, "a"), undefined);
    memory.forget(GROUPS, "a");
    assert.equal(memory.recall(GROUPS, "a"), undefined);
  });

  it("is bounded: what was kept longest ago goes", () => {
    const memory = new IamMemory(new FakeClock());
    for (let i = 0; i <= 10_000; i += 1) memory.keep(GROUPS, String(i), "x");
    assert.deepEqual(
      ["0", "1", "10000"].map((about) => memory.recall(GROUPS, about)),
      [undefined, "x", "x"],
    );
  });
});
