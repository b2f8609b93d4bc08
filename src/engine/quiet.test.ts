import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { Quiet } from "./quiet.ts";

describe("quiet", () => {
  const setUp = (atLeast = 3) => {
    const clock = new FakeClock();
    let runs = 0;
    const quiet = new Quiet({ clock, afterMs: 10_000, atLeast, run: () => void (runs += 1) });
    const work = (times: number): void => {
      for (let time = 0; time < times; time += 1) quiet.worked();
    };
    return { clock, work, runs: () => runs };
  };

  it("is noticed once after a busy time, and again after the next one", async () => {
    const { clock, work, runs } = setUp();
    work(5);
    await clock.advance(9000);
    work(1);
    await clock.advance(9000);
    assert.equal(runs(), 0);
    await clock.advance(2000);
    assert.equal(runs(), 1);
    await clock.advance(3_600_000);
    assert.equal(runs(), 1);
    work(3);
    await clock.advance(11_000);
    assert.equal(runs(), 2);
  });

  it("is none of its business after a little work, which adds up", async () => {
    const { clock, work, runs } = setUp();
    work(2);
    await clock.advance(60_000);
    assert.equal(runs(), 0);
    work(1);
    await clock.advance(60_000);
    assert.equal(runs(), 1);
  });
});
