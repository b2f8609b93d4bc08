import assert from "node:assert/strict";
import { SettlingClock } from "./settling-clock.ts";
import { ExponentialRateLimiter } from "./rate-limiter.ts";
import { WorkQueue, type WorkQueueOptions } from "./work-queue.ts";

const setUp = () => {
  const clock = new SettlingClock();
  const depths: number[] = [];
  const limiter = new ExponentialRateLimiter({ baseMs: 1000, maxMs: 8000, jitter: 0, random: () => 0.5 });
  const queue = new WorkQueue({
    clock,
    limiter,
    onDepth: (lane, depth) => {
      if (lane === "rest") depths.push(depth);
    },
  });
  return { clock, queue, depths };
};

describe("work queue", () => {
  it("hands out keys in the order in which they came, each once", async () => {
    const { queue } = setUp();
    ["a", "b", "a", "c", "b"].forEach((key) => queue.add(key));
    assert.equal(queue.depth, 3);
    assert.deepEqual([await queue.take(), await queue.take(), await queue.take()], ["a", "b", "c"]);
    assert.equal(queue.depth, 0);
  });

  it("gives a key to a worker that waits already", async () => {
    const { queue } = setUp();
    const taken = queue.take();
    queue.add("a");
    assert.equal(await taken, "a");
  });

  it("holds back a key that is in flight and puts it at the end once it is done", async () => {
    const { queue } = setUp();
    queue.add("a");
    await queue.take();
    queue.add("a");
    queue.add("a");
    queue.add("b");
    assert.equal(queue.depth, 1, "only b is ready");
    queue.done("a");
    assert.deepEqual([await queue.take(), await queue.take()], ["b", "a"]);
    queue.done("a");
    assert.equal(queue.depth, 0, "added twice in flight is one more pass, not two");
  });

  it("keeps the earliest of several delays", async () => {
    const { clock, queue } = setUp();
    queue.addAfter("late-then-soon", 5000);
    queue.addAfter("late-then-soon", 1000);
    queue.addAfter("soon-then-late", 1000);
    queue.addAfter("soon-then-late", 5000);
    await clock.advance(999);
    assert.equal(queue.depth, 0);
    await clock.advance(1);
    assert.equal(queue.depth, 2);
    await queue.take();
    await queue.take();
    queue.done("late-then-soon");
    queue.done("soon-then-late");
    await clock.advance(10_000);
    assert.equal(queue.depth, 0, "no second timer was left");
  });

  it("drops the timer of a key that is added at once", async () => {
    const { clock, queue } = setUp();
    queue.addAfter("a", 1000);
    queue.add("a");
    await queue.take();
    queue.done("a");
    await clock.advance(5000);
    assert.equal(queue.depth, 0);
  });

  it("asks for no later pass when the key is ready already", async () => {
    const { clock, queue } = setUp();
    queue.add("a");
    queue.addAfter("a", 1000);
    await queue.take();
    queue.done("a");
    await clock.advance(5000);
    assert.equal(queue.depth, 0);
  });

  it("keeps a delay that was asked for while the key was in flight", async () => {
    const { clock, queue } = setUp();
    queue.add("a");
    await queue.take();
    queue.addAfter("a", 1000);
    queue.done("a");
    assert.equal(queue.depth, 0);
    await clock.advance(1000);
    assert.equal(await queue.take(), "a");
  });

  it("doubles the delay of a key that fails, up to the maximum, until it is forgotten", () => {
    const { queue } = setUp();
    const delays = [1, 2, 3, 4, 5].map(() => queue.addRateLimited("a"));
    assert.deepEqual(delays, [1000, 2000, 4000, 8000, 8000]);
    assert.equal(queue.attempts("a"), 5);
    queue.forget("a");
    assert.equal(queue.attempts("a"), 0);
    assert.equal(queue.addRateLimited("a"), 1000);
  });

  it("hands out nothing after shutdown and is drained when the last key is given back", async () => {
    const { clock, queue } = setUp();
    ["a", "b"].forEach((key) => queue.add(key));
    queue.addAfter("c", 10);
    await queue.take();
    const waiting = queue.take();
    assert.equal(await waiting, "b");
    const idle = queue.take();
    let drained = false;
    const end = queue.shutDown().then(() => (drained = true));
    assert.equal(await idle, undefined, "waiting workers are let go");
    queue.add("d");
    queue.done("a");
    await clock.advance(1000);
    assert.equal(drained, false);
    queue.done("b");
    await end;
    assert.equal(queue.depth, 0);
    assert.equal(await queue.take(), undefined);
  });

  it("tells its depth", async () => {
    const { queue, depths } = setUp();
    queue.add("a");
    queue.add("b");
    await queue.take();
    assert.deepEqual(depths, [1, 2, 1]);
  });
});

describe("rate limiter", () => {
  it("spreads delays by the jitter and never goes past the maximum", () => {
    const spread = (random: number) =>
      new ExponentialRateLimiter({ baseMs: 1000, maxMs: 4000, jitter: 0.2, random: () => random });
    assert.equal(spread(0).next("a"), 800);
    assert.equal(Math.round(spread(0.999_999).next("a")), 1200);
    const high = spread(0.999_999);
    const delays = Array.from({ length: 2000 }, () => high.next("a"));
    assert.equal(Math.max(...delays), 4000);
    assert.ok(delays.every(Number.isFinite));
  });

  it("counts each key for itself", () => {
    const limiter = new ExponentialRateLimiter({ baseMs: 1, maxMs: 100, jitter: 0, random: () => 0 });
    limiter.next("a");
    assert.equal(limiter.next("b"), 1);
  });
});

describe("two lanes", () => {
  const lanes = (workers?: WorkQueueOptions["workers"]) => {
    const clock = new SettlingClock();
    const ends = new Set<string>();
    const limiter = new ExponentialRateLimiter({ baseMs: 1000, maxMs: 8000, jitter: 0, random: () => 0.5 });
    const waits: [string, number][] = [];
    const queue = new WorkQueue({
      ...{ clock, limiter },
      ...(workers === undefined ? {} : { workers }),
      standing: (key) => ({ lane: ends.has(key) ? "end" : "rest", share: key.split("/")[0] ?? "" }),
      onTaken: (lane, waitedMs) => waits.push([lane, waitedMs]),
    });
    return { clock, queue, ends, waits };
  };

  it("an end is taken by its own worker while thousands of others wait", async () => {
    const { queue, ends } = lanes();
    for (let number = 0; number < 5000; number += 1) queue.add(`mob/${number}`);
    ends.add("mob/end-1").add("payments/leaver");
    ["mob/end-1", "payments/leaver"].forEach((key) => queue.add(key));
    assert.equal(await queue.take("end"), "mob/end-1");
    assert.equal(await queue.take("end"), "payments/leaver");
    assert.deepEqual(queue.turnOf("payments/leaver"), { lane: "end", share: "payments" });
    assert.equal(await queue.take("rest"), "mob/0");
  });

  it("what becomes an end while it waits goes over, and is still taken once", async () => {
    const { queue, ends } = lanes();
    ["mob/1", "payments/leaver"].forEach((key) => queue.add(key));
    ends.add("payments/leaver");
    queue.add("payments/leaver");
    assert.equal(queue.depth, 2);
    assert.equal(await queue.take("end"), "payments/leaver");
    ends.delete("payments/leaver");
    queue.add("payments/leaver");
    assert.equal(queue.depth, 1, "it is in flight");
    queue.done("payments/leaver");
    assert.deepEqual([await queue.take(), await queue.take()], ["mob/1", "payments/leaver"]);
  });

  it("workers of the rest take ends when they have nothing else, and workers of ends take nothing else", async () => {
    const { queue, ends } = lanes();
    ends.add("a/end");
    const forEnds = queue.take("end");
    queue.add("a/1");
    queue.add("a/end");
    assert.equal(await forEnds, "a/end");
    ends.add("b/end");
    queue.add("b/end");
    assert.equal(await queue.take(), "a/1", "its own lane first");
    assert.equal(await queue.take(), "b/end");
  });

  it("one share does not have all workers, and what is held back so comes when one of its passes ends", async () => {
    const { queue } = lanes({ rest: 2, end: 1 });
    ["mob/1", "mob/2", "mob/3"].forEach((key) => queue.add(key));
    assert.deepEqual([await queue.take(), await queue.take()], ["mob/1", "mob/2"]);
    const third = queue.take();
    queue.add("payments/db");
    assert.equal(await third, "payments/db");
    const next = queue.take();
    queue.done("mob/1");
    assert.equal(await next, "mob/3");
  });

  it("tells for how long a key was due, from when it was due first", async () => {
    const { clock, queue, waits } = lanes();
    queue.add("a/1");
    await clock.advance(4000);
    queue.add("a/1");
    await queue.take();
    queue.done("a/1");
    queue.addAfter("a/1", 10_000);
    await clock.advance(11_000);
    await queue.take();
    assert.deepEqual(waits, [
      ["rest", 4000],
      ["rest", 1000],
    ]);
  });
});
