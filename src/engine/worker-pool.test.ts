import { deepEqual, equal, ok } from "node:assert/strict";
import { WorkerPool, workersFor } from "./worker-pool.ts";

/** Lets shares take workers in turn until none may have one more; how many each has. */
const taken = (pool: WorkerPool, workers: number, shares: readonly string[]): number[] => {
  const counts = shares.map(() => 0);
  let busy = 0;
  for (let taking = true; taking;) {
    taking = false;
    for (const [index, share] of shares.entries()) {
      if (busy === workers || !pool.mayHave(share)) continue;
      pool.begin(share);
      busy += 1;
      counts[index]! += 1;
      taking = true;
    }
  }
  return counts;
};

describe("workers between shares", () => {
  it("one share has as many as are asked for, and a quarter more is free for others", () => {
    const workers = workersFor(32);
    equal(workers, 40);
    deepEqual(taken(new WorkerPool(32), workers, ["mob"]), [32]);
    deepEqual([1, 2, 8].map(workersFor), [2, 3, 10]);
    deepEqual(
      [1, 2, 8].map((most) => taken(new WorkerPool(most), workersFor(most), ["mob"])[0]),
      [1, 2, 8],
    );
  });

  it("several that never end leave one free for somebody else", () => {
    for (const count of [1, 2, 3, 5, 8]) {
      const shares = Array.from({ length: count }, (_, number) => `mob-${number}`);
      const pool = new WorkerPool(32);
      const sum = taken(pool, 40, shares).reduce((all, one) => all + one, 0);
      ok(sum < 40, `${count}: ${sum}`);
      equal(pool.mayHave("payments"), true);
    }
  });

  it("gives back what has ended", () => {
    const pool = new WorkerPool(2);
    pool.begin("a");
    pool.begin("a");
    equal(pool.mayHave("a"), false);
    pool.end("a");
    equal(pool.mayHave("a"), true);
  });
});
