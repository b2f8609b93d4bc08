import assert from "node:assert/strict";
import { limitedTo } from "./limited.ts";

describe("a queue of one operator of several", () => {
  it("takes up what is ours and what the watch does not know, and nothing of others", () => {
    const taken: string[] = [];
    const objects = new Map([
      ["ours", { namespace: "payments" }],
      ["theirs", { namespace: "media" }],
    ]);
    const queue = limitedTo(
      { enqueue: ({ name }) => void taken.push(name) },
      { get: ({ name }) => objects.get(name) },
      ({ namespace }) => namespace === "payments",
    );
    for (const name of ["ours", "theirs", "unknown"]) queue.enqueue({ namespace: "", name });
    assert.deepEqual(taken, ["ours", "unknown"]);
  });
});
