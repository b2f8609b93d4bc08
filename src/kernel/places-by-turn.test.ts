import { deepEqual, equal } from "node:assert/strict";
import { currentTurn, inTurn } from "./current-turn.ts";
import { FakeClock } from "./fake-clock.ts";
import { PlacesByTurn } from "./places-by-turn.ts";
import type { Lane } from "./turn.ts";

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const setUp = (places: number, forEnds: number, beside = places) => {
  const clock = new FakeClock();
  const all = new PlacesByTurn({ clock, places, forEnds, beside });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (name: string, lane: Lane = "rest"): Promise<void> =>
    all.run({ lane, share: name.split("/")[0]! }, () => {
      begun.push(name);
      return new Promise((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string): Promise<void> => {
    ends.get(name)?.();
    await tick();
  };
  return { clock, begun, ask, end };
};

describe("places by turn", () => {
  it("go round between shares, however many one of them asks for", async () => {
    const { begun, ask, end } = setUp(1, 0);
    for (let number = 1; number <= 100; number += 1) void ask(`mob/${number}`);
    void ask("payments/db");
    await end("mob/1");
    await end("mob/2");
    await end("payments/db");
    deepEqual(begun, ["mob/1", "mob/2", "payments/db", "mob/3"]);
  });

  it("are given to ends first, and some to ends alone", async () => {
    const { begun, ask, end } = setUp(3, 1);
    for (const number of [1, 2, 3, 4]) void ask(`mob/${number}`);
    deepEqual(begun, ["mob/1", "mob/2"]);
    void ask("payments/leaver", "end");
    void ask("payments/leaver-2", "end");
    deepEqual(begun.slice(2), ["payments/leaver"]);
    await end("mob/1");
    deepEqual(begun.slice(3), ["payments/leaver-2"]);
    await end("payments/leaver");
    equal(begun.length, 4, "that place was kept for ends");
    await end("payments/leaver-2");
    deepEqual(begun.slice(4), ["mob/3"]);
  });

  it("are all for one who is alone, and a few for each while others are about", async () => {
    const { clock, begun, ask, end } = setUp(6, 0, 2);
    for (const number of [1, 2, 3, 4]) void ask(`mob/${number}`);
    equal(begun.length, 4);
    void ask("payments/1");
    for (const number of [5, 6, 7]) void ask(`mob/${number}`);
    deepEqual(begun.slice(4), ["payments/1"], "a place is free, and not for the mob");
    void ask("payments/2");
    await tick();
    deepEqual(begun.slice(5), ["payments/2"], "the next in turn passes by those who hold what they may");
    for (const number of [1, 2]) await end(`mob/${number}`);
    equal(begun.length, 6, "two are held still");
    await end("mob/3");
    deepEqual(begun.slice(6), ["mob/5"]);
    await clock.advance(6000);
    await end("mob/4");
    deepEqual(begun.slice(7), ["mob/6", "mob/7"], "nobody else has asked for a while");
  });

  it("are given back by work that fails", async () => {
    const places = new PlacesByTurn({ clock: new FakeClock(), places: 1, forEnds: 0, beside: 1 });
    const turn = { lane: "rest", share: "a" } as const;
    await places.run(turn, () => Promise.reject(new Error("no"))).catch(() => undefined);
    equal(await places.run(turn, () => Promise.resolve(7)), 7);
  });
});

describe("the turn of a pass", () => {
  it("is known to everything that it awaits, and to nothing else", async () => {
    const turn = { lane: "end", share: "payments" } as const;
    const seen = await inTurn(turn, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return currentTurn();
    });
    deepEqual(seen, turn);
    equal(currentTurn(), undefined);
  });
});
