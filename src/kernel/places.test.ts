import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Places } from "./places.ts";

describe("places", () => {
  const setUp = (count: number) => {
    const places = new Places(count);
    const order: string[] = [];
    const doors = new Map<string, () => void>();
    const come = (name: string, signal?: AbortSignal): Promise<void> =>
      places.run(async () => {
        order.push(name);
        await new Promise<void>((resolve) => doors.set(name, resolve));
      }, signal);
    const leave = async (name: string): Promise<void> => {
      doors.get(name)?.();
      await nextTurn();
    };
    return { places, order, come, leave };
  };

  it("let so many in at a time, and the others in the order in which they came", async () => {
    const { order, come, leave } = setUp(2);
    const all = ["a", "b", "c", "d"].map((name) => come(name));
    await nextTurn();
    assert.deepEqual(order, ["a", "b"]);
    await leave("b");
    assert.deepEqual(order, ["a", "b", "c"]);
    for (const name of ["a", "c", "d"]) await leave(name);
    await Promise.all(all);
    assert.deepEqual(order, ["a", "b", "c", "d"]);
  });

  it("are free again after a failure", async () => {
    const { places } = setUp(1);
    await assert.rejects(
      places.run(() => Promise.reject(new Error("broken"))),
      /broken/,
    );
    assert.equal(await places.run(() => Promise.resolve(7)), 7);
  });

  it("are not kept for whoever has given up", async () => {
    const { order, come, leave } = setUp(1);
    const first = come("a");
    const stop = new AbortController();
    const second = come("b", stop.signal);
    const third = come("c");
    stop.abort(new Error("given up"));
    await assert.rejects(second, /given up/);
    await assert.rejects(come("d", stop.signal), /given up/);
    await leave("a");
    await leave("c");
    await Promise.all([first, third]);
    assert.deepEqual(order, ["a", "c"]);
  });
});
