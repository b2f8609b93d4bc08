import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { ReviewLane } from "./review-lane.ts";

const bench = (more: object = {}) => {
  const clock = new FakeClock();
  const lane = new ReviewLane(clock, { perSecond: 5, perAddress: 10, most: 20, waitMs: 60_000, ...more });
  const begun: { readonly name: string; readonly atMs: number }[] = [];
  const refused: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    begun.push({ name, atMs: clock.monotonicMs() });
  };
  const refusedAs = (name: string) => (): void => void refused.push(name);
  const ask = (address: string, name = address): void => void lane.inTurn(address, work(name)).catch(refusedAs(name));
  const first = (name: string): void => void lane.first(work(name)).catch(refusedAs(name));
  const names = (): readonly string[] => begun.map(({ name }) => name);
  return { clock, begun, refused, ask, first, names };
};

describe("the lane of reviews", () => {
  it("lets five begin in any second", async () => {
    const { clock, ask, begun } = bench();
    for (let i = 0; i < 10; i += 1) ask("a");
    await clock.advance(0);
    await clock.advance(60_000);
    for (let i = 0; i < 10; i += 1) ask("a");
    await clock.advance(0);
    await clock.advance(60_000);
    assert.equal(begun.length, 20);
    for (const { atMs } of begun)
      assert.ok(begun.filter((other) => other.atMs >= atMs && other.atMs < atMs + 999).length <= 5);
  });

  it("goes round between addresses, so that a flood waits behind itself", async () => {
    const { clock, ask, names } = bench();
    for (let i = 0; i < 8; i += 1) ask("mob");
    ask("reader");
    ask("other");
    await clock.advance(600);
    assert.deepEqual(names(), ["mob", "mob", "reader", "other"]);
  });

  it("lets those go first that are known", async () => {
    const { clock, ask, first, names } = bench();
    ask("a", "one");
    ask("a", "two");
    first("known");
    await clock.advance(400);
    assert.deepEqual(names(), ["one", "known", "two"]);
  });

  it("refuses what is too many of one address, too many in all, and what has waited too long", async () => {
    const { clock, ask, refused, begun } = bench({ perAddress: 2, most: 3, waitMs: 300 });
    for (const name of ["1", "2", "3", "4"]) ask("a", name);
    // The first began at once.
    await clock.advance(0);
    assert.deepEqual(refused, ["4"]);
    ask("b", "5");
    ask("c", "6");
    await clock.advance(0);
    assert.deepEqual(refused, ["4", "6"]);
    await clock.advance(1000);
    assert.deepEqual(
      refused,
      ["4", "6", "5", "3"].sort((a, b) => refused.indexOf(a) - refused.indexOf(b)),
    );
    assert.equal(begun.length, 2);
    // Who gave up holds no place.
    ask("a", "7");
    ask("b", "8");
    await clock.advance(200);
    assert.equal(begun.length, 4);
  });
});
