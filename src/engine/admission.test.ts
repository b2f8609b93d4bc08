import assert from "node:assert/strict";
import { FakeClock } from "../kernel/fake-clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import type { Lane } from "../kernel/turn.ts";
import { Admission } from "./admission.ts";

const signal = new AbortController().signal;

const setUp = (perSecond = 1000, burst = 2000, atOnce = 20) => {
  const clock = new FakeClock();
  const admission = new Admission({ clock, name: "vault", perSecond, burst, atOnce });
  const served = new Map<string, number>();
  const refused = new Map<string, number>();
  /** A call that takes so long; how long it waited for its turn, once it is over; undefined when it was refused. */
  const call = (share: string, lane: Lane = "rest", takesMs = 10): Promise<number | undefined> => {
    const askedMs = clock.monotonicMs();
    return admission
      .run({ lane, share }, signal, async () => {
        const waitedMs = clock.monotonicMs() - askedMs;
        served.set(share, (served.get(share) ?? 0) + 1);
        await clock.sleep(takesMs);
        return waitedMs;
      })
      .catch((thrown: unknown) => {
        assert.ok(thrown instanceof OperatorError && thrown.code === "Throttled");
        refused.set(share, (refused.get(share) ?? 0) + 1);
        return undefined;
      });
  };
  /** Keeps so many calls of a share on the way, for as long as the test runs. */
  const flood = (
    share: string,
    width: number,
    { lane = "rest", takesMs = 10 }: { lane?: Lane; takesMs?: number } = {},
  ): void => {
    const again = async (): Promise<void> => {
      for (;;) if ((await call(share, lane, takesMs)) === undefined) await clock.sleep(100);
    };
    for (let n = 0; n < width; n += 1) void again();
  };
  const waited = async (asked: Promise<number | undefined>): Promise<number> => {
    let answer: number | undefined;
    void asked.then((ms) => (answer = ms ?? Infinity));
    for (let tenth = 0; tenth < 700 && answer === undefined; tenth += 1) await clock.advance(100);
    return answer ?? Infinity;
  };
  return { clock, admission, call, flood, waited, served, refused };
};

describe("tokens of a connection", () => {
  it("go round between namespaces: one call does not wait for another namespace's flood", async () => {
    const { clock, call, flood, waited } = setUp(10, 4, 1000);
    flood("mob", 60);
    await clock.advance(10_000);
    for (let n = 0; n < 5; n += 1) assert.ok((await waited(call("healthy"))) <= 200);
  });

  it("are shared evenly, however many ask for each namespace", async () => {
    const { clock, flood, served } = setUp(10, 4, 1000);
    flood("mob", 40);
    flood("a", 3);
    flood("b", 3);
    await clock.advance(30_000);
    const counts = ["mob", "a", "b"].map((share) => served.get(share) ?? 0);
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 3, counts.join());
    assert.ok(counts.reduce((sum, count) => sum + count, 0) >= 290, "and none is left unused");
  });

  it("serve the oldest first within a namespace", async () => {
    const { clock, admission } = setUp(10, 1, 1000);
    const order: number[] = [];
    const all = Array.from({ length: 20 }, (_, index) =>
      admission.run({ lane: "rest", share: "a" }, signal, () => Promise.resolve(order.push(index))),
    );
    await clock.advance(3000);
    await Promise.all(all);
    assert.deepEqual(
      order,
      [...order].sort((a, b) => a - b),
    );
  });

  it("have a part for ends: a flood of the rest in sixty namespaces lets none wait two seconds, or be refused", async () => {
    const { clock, call, flood, waited, refused } = setUp(2, 4, 1000);
    for (let n = 0; n < 60; n += 1) flood(`mob-${n}`, 3);
    await clock.advance(10_000);
    for (let n = 0; n < 12; n += 1) assert.ok((await waited(call("payments", "end"))) <= 1100);
    assert.equal(refused.get("payments"), undefined);
  });

  it("are not starved by ends: a flood of them in one namespace leaves half to the rest of others", async () => {
    const { clock, flood, served } = setUp(10, 40, 1000);
    flood("mob", 40, { lane: "end" });
    flood("healthy", 5);
    await clock.advance(20_000);
    assert.ok((served.get("healthy") ?? 0) >= 100, `${served.get("healthy")}`);
    assert.ok((served.get("mob") ?? 0) >= 100);
  });

  it("are all for the rest where nothing ends", async () => {
    const { clock, flood, served } = setUp(10, 4, 1000);
    flood("healthy", 30);
    await clock.advance(20_000);
    assert.ok((served.get("healthy") ?? 0) >= 200);
  });
});

describe("places of a connection", () => {
  /** How many calls of a share are under way at the most, of which each takes so long. */
  const mostAtOnce = async (takesMs: number, before: (site: ReturnType<typeof setUp>) => Promise<void>) => {
    const site = setUp();
    const { clock, admission } = site;
    await before(site);
    let [under, most] = [0, 0];
    const all = Array.from({ length: 60 }, () =>
      admission
        .run({ lane: "rest", share: "one" }, signal, async () => {
          most = Math.max(most, (under += 1));
          await clock.sleep(takesMs);
          under -= 1;
        })
        .catch(() => undefined),
    );
    await clock.advance(0);
    await clock.advance(120_000);
    await Promise.all(all);
    return most;
  };
  const quickAnswer = async ({ call, waited }: ReturnType<typeof setUp>): Promise<void> => {
    await waited(call("one"));
  };

  it("are all for a namespace that is alone and whose answers come quickly, but for the ends' own", async () => {
    assert.equal(await mostAtOnce(1000, quickAnswer), 15);
  });

  it("are half for it while another is about", async () => {
    const both = async (site: ReturnType<typeof setUp>): Promise<void> => {
      await quickAnswer(site);
      await site.waited(site.call("other"));
    };
    assert.equal(await mostAtOnce(1000, both), 8);
  });

  it("are a third for one whose calls hang, alone or not", async () => {
    assert.equal(await mostAtOnce(30_000, () => Promise.resolve()), 5);
  });

  it("are there for others at once while the calls of a few namespaces hang for their thirty seconds", async () => {
    const { clock, call, flood, waited, refused } = setUp();
    for (let n = 0; n < 3; n += 1) flood(`mob-${n}`, 12, { takesMs: 30_000 });
    await clock.advance(1000);
    for (let n = 0; n < 40; n += 1) {
      assert.ok((await waited(call("healthy"))) <= 100);
      await clock.advance(1000);
    }
    assert.equal(refused.get("healthy"), undefined);
  });

  it("are not waited for by one whose own calls hold them and hang, so that they hold no more workers", async () => {
    const { clock, call, flood } = setUp();
    flood("mob", 5, { takesMs: 30_000 });
    await clock.advance(6000);
    const askedMs = clock.monotonicMs();
    const refusals = await Promise.all(Array.from({ length: 20 }, () => call("mob")));
    assert.ok(refusals.every((waited) => waited === undefined));
    assert.equal(clock.monotonicMs(), askedMs);
  });

  it("are waited for by one whose answers come in time", async () => {
    const site = setUp();
    await quickAnswer(site);
    const all = Array.from({ length: 40 }, () => site.call("one", "rest", 2000));
    await site.clock.advance(0);
    await site.clock.advance(7000);
    await Promise.all(all);
    assert.equal(site.refused.get("one"), undefined);
  });

  it("are waited for a second by one none of whose calls has been answered yet", async () => {
    const { clock, call, flood, refused } = setUp();
    flood("mob", 5, { takesMs: 30_000 });
    await clock.advance(0);
    const late = Array.from({ length: 20 }, () => call("mob"));
    await clock.advance(0);
    await clock.advance(1000);
    await Promise.all(late);
    assert.equal(refused.get("mob"), 20);
  });

  it("are waited for by the end of such a one, where the ends of others hold them", async () => {
    const { clock, call, flood, waited } = setUp();
    flood("mob", 5, { takesMs: 30_000 });
    await clock.advance(26_500);
    for (const share of ["a", "b", "c", "d", "e"]) void call(share, "end", 3000);
    for (let n = 0; n < 20; n += 1) void call(`rest-${n}`, "rest", 3000);
    await clock.advance(100);
    assert.ok((await waited(call("mob", "end"))) <= 3500);
  });

  it("are there for ends while the calls of fifty namespaces hang", async () => {
    const { clock, call, flood, waited, refused } = setUp();
    for (let n = 0; n < 50; n += 1) flood(`mob-${n}`, 2, { takesMs: 30_000 });
    await clock.advance(1000);
    for (let n = 0; n < 12; n += 1) {
      assert.ok((await waited(call("payments", "end"))) <= 100);
      await clock.advance(1000);
    }
    assert.equal(refused.get("payments"), undefined);
  });

  it("are there for the ends of others while the ends of one namespace hang", async () => {
    const { clock, call, flood, waited } = setUp();
    flood("mob", 40, { lane: "end", takesMs: 30_000 });
    await clock.advance(1000);
    for (let n = 0; n < 20; n += 1) {
      assert.ok((await waited(call("payments", "end"))) <= 100);
      assert.ok((await waited(call("healthy"))) <= 100);
      await clock.advance(1000);
    }
  });

  it("go round between namespaces when answers are slow for all", async () => {
    const { clock, flood, served } = setUp();
    flood("mob", 60, { takesMs: 2000 });
    for (const share of ["a", "b", "c"]) flood(share, 6, { takesMs: 2000 });
    for (let second = 0; second < 60; second += 1) await clock.advance(1000);
    const counts = ["mob", "a", "b", "c"].map((share) => served.get(share) ?? 0);
    assert.ok(Math.max(...counts) <= Math.min(...counts) * 1.5, counts.join());
  });

  it("are remembered of nobody who calls no more", async () => {
    const { clock, admission, call, waited } = setUp();
    for (let n = 0; n < 500; n += 1) void call(`ns-${n}`);
    await clock.advance(2000);
    assert.equal(admission.size, 500);
    await clock.advance(61_000);
    await waited(call("other"));
    assert.equal(admission.size, 1);
  });
});
