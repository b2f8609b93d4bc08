import assert from "node:assert/strict";
import { SettlingClock } from "./settling-clock.ts";
import { Resync } from "./resync.ts";

const DAY_MS = 86_400_000;

const setUp = (everyMs = 600_000) => {
  const clock = new SettlingClock();
  const times = new Map<string, number[]>();
  const resync = new Resync({
    clock,
    everyMs,
    enqueue: ({ name }) => times.set(name, [...(times.get(name) ?? []), clock.monotonicMs()]),
  });
  return { clock, resync, times };
};

describe("resync", () => {
  it("enqueues each object every period, within ten per cent", async () => {
    const { clock, resync, times } = setUp();
    resync.track("uid-1", { namespace: "n", name: "a" });
    await clock.advance(6_600_000);
    const at = times.get("a") ?? [];
    assert.ok(at.length >= 10, `${at.length} rounds`);
    const gaps = at.map((time, index) => time - (at[index - 1] ?? 0));
    assert.ok(
      gaps.every((gap) => gap >= 540_000 && gap <= 660_000),
      gaps.join(),
    );
  });

  it("spreads objects apart, the same way every time", async () => {
    const [one, two] = [setUp(), setUp()];
    for (const { clock, resync } of [one, two]) {
      for (let n = 0; n < 50; n += 1) resync.track(`uid-${n}`, { namespace: "n", name: String(n) });
      await clock.advance(700_000);
    }
    assert.deepEqual([...one.times], [...two.times]);
    assert.ok(new Set([...one.times.values()].map((at) => at[0])).size > 40);
  });

  it("tracks an object once and stops when it is gone", async () => {
    const { clock, resync, times } = setUp();
    resync.track("uid-1", { namespace: "n", name: "a" });
    resync.track("uid-1", { namespace: "n", name: "a" });
    resync.track("uid-2", { namespace: "n", name: "b" });
    await clock.advance(660_000);
    assert.equal(times.get("a")?.length, 1);
    resync.untrack("uid-1");
    await clock.advance(660_000);
    assert.equal(times.get("a")?.length, 1);
    resync.stop();
    const before = times.get("b")?.length;
    await clock.advance(DAY_MS);
    assert.equal(times.get("b")?.length, before);
  });
});
