import { deepEqual, equal } from "node:assert/strict";
import { FairQueue } from "./fair-queue.ts";

const all = (queue: FairQueue): string[] => {
  const keys: string[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) keys.push(next.key);
  return keys;
};

const filled = (...keys: readonly string[]): FairQueue => {
  const queue = new FairQueue();
  for (const key of keys) queue.push(key, { share: key.split("/")[0]!, first: key.endsWith("!") });
  return queue;
};

describe("turns between shares", () => {
  it("go round: a share with thousands of keys has one turn, as one with a single key has", () => {
    const flood = Array.from({ length: 5000 }, (_, number) => `mob/${number}`);
    const queue = filled(...flood, "payments/leaver", "billing/db");
    deepEqual(
      Array.from({ length: 4 }, () => queue.shift()?.key),
      ["mob/0", "payments/leaver", "billing/db", "mob/1"],
    );
  });

  it("give the oldest of a share first, but for those that go before the others", () => {
    deepEqual(all(filled("a/1", "a/2", "a/new!", "a/3")), ["a/new!", "a/1", "a/2", "a/3"]);
    deepEqual(all(filled("a/1", "b/1", "b/new!", "a/2")), ["a/1", "b/new!", "a/2", "b/1"]);
  });

  it("have a key once, wherever it was pushed last", () => {
    const queue = filled("a/1", "a/2", "a/1");
    equal(queue.size, 2);
    queue.push("a/2", { share: "a", first: true });
    queue.push("a/1", { share: "tenant", first: false });
    deepEqual(all(queue), ["a/2", "a/1"]);
    equal(queue.size, 0);
  });

  it("leave out a share that may not have one, which keeps its turn", () => {
    const queue = filled("a/1", "b/1", "c/1");
    equal(queue.shift((share) => share !== "a")?.key, "b/1");
    equal(queue.shift()?.key, "a/1");
    equal(
      queue.shift(() => false),
      undefined,
    );
    deepEqual(all(queue), ["c/1"]);
  });

  it("forget what is deleted", () => {
    const queue = filled("a/1", "b/1");
    equal(queue.delete("a/1"), true);
    equal(queue.delete("a/1"), false);
    deepEqual(all(queue), ["b/1"]);
  });

  it("begin where they are told to", () => {
    const first = (at: number): string | undefined => {
      const queue = filled("a/1", "b/1", "c/1", "d/1");
      queue.beginAt(at);
      return queue.shift()?.key;
    };
    deepEqual([0, 0.25, 0.6, 0.999].map(first), ["a/1", "b/1", "c/1", "d/1"]);
    const queue = filled("a/1", "b/1", "c/1", "d/1");
    queue.beginAt(0.5);
    deepEqual(all(queue), ["c/1", "d/1", "a/1", "b/1"]);
  });
});
