import assert from "node:assert/strict";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Turns } from "./turns.ts";

/** Passes that each work for so many ms in every one of their steps, all at the same moment. */
const worked = async (passes: number, ms: number, steps = 1) => {
  let nowMs = 0;
  let turn = 0;
  let over = false;
  const turns = new Turns({ monotonicMs: () => nowMs });
  const told: { readonly pass: number; readonly turn: number }[] = [];
  const count = async (): Promise<void> => {
    while (!over) {
      await nextTurn();
      turn += 1;
    }
  };
  const counting = count();
  const run = async (_: unknown, pass: number): Promise<void> => {
    for (let step = 0; step < steps; step += 1) {
      const wait = turns.take();
      if (wait !== undefined) await wait;
      nowMs += ms;
      told.push({ pass, turn });
    }
  };
  await Promise.all(Array.from({ length: passes }, run));
  over = true;
  await counting;
  const inOneTurn = Math.max(...told.map(({ turn: one }) => told.filter(({ turn: other }) => other === one).length));
  return { order: told.map(({ pass }) => pass), inOneTurn };
};

describe("turns", () => {
  it("let whoever has little to do go on at once", async () => {
    assert.deepEqual(await worked(4, 1), { order: [0, 1, 2, 3], inOneTurn: 4 });
  });

  it("end when passes have worked for eight milliseconds; the others go on one by one, first come first served", async () => {
    const { order, inOneTurn } = await worked(32, 4);
    assert.deepEqual(order, [...Array(32).keys()]);
    assert.equal(inOneTurn, 2);
  });

  it("let nobody overtake who has waited", async () => {
    const { order, inOneTurn } = await worked(3, 10, 2);
    // The first one has asked again before the others have asked at all.
    assert.deepEqual(order, [0, 0, 1, 2, 1, 2]);
    assert.equal(inOneTurn, 1);
  });

  it("begin anew with each turn of the event loop", async () => {
    let nowMs = 0;
    const turns = new Turns({ monotonicMs: () => nowMs });
    assert.equal(turns.take(), undefined);
    nowMs = 100;
    await nextTurn();
    assert.equal(turns.take(), undefined);
  });

  it("are given to ends first, and otherwise go round between shares", async () => {
    let nowMs = 0;
    const turns = new Turns({ monotonicMs: () => nowMs });
    const order: string[] = [];
    const ask = async (name: string, lane: "end" | "rest", share: string): Promise<void> => {
      const wait = turns.take({ lane, share });
      if (wait !== undefined) await wait;
      nowMs += 10;
      order.push(name);
    };
    await Promise.all([
      ...["mob-1", "mob-2", "mob-3", "mob-4"].map((name) => ask(name, "rest", "mob")),
      ask("db", "rest", "payments"),
      ask("leaver", "end", "billing"),
    ]);
    assert.deepEqual(order, ["mob-1", "leaver", "mob-2", "db", "mob-3", "mob-4"]);
  });
});
