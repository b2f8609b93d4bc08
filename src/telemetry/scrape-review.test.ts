import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import type { Logger } from "../kernel/logger.ts";
import { ScrapeReview, type Caller, type Verdict } from "./scrape-review.ts";

const MINUTE = 60_000;

/** A kube-apiserver with some tokens; it can be away, or hang. */
const bench = () => {
  const clock = new FakeClock();
  const tokens = new Map<string, { readonly user: string; readonly mayRead: boolean }>([
    ["good", { user: "prometheus", mayRead: true }],
    ["poor", { user: "tenant", mayRead: false }],
  ]);
  const asked: string[] = [];
  const server = { state: "up" as "up" | "away" | "hangs" };
  const logged: unknown[] = [];
  const answer = async <T>(what: string, value: () => T): Promise<T> => {
    asked.push(what);
    if (server.state === "hangs") return new Promise<T>(() => undefined);
    if (server.state === "away") throw new OperatorError("Unavailable", { publicMessage: "No answer." });
    return value();
  };
  const log: Logger = {
    debug: (...line: unknown[]) => void logged.push(line),
    info: (...line: unknown[]) => void logged.push(line),
    warn: (...line: unknown[]) => void logged.push(line),
    error: (...line: unknown[]) => void logged.push(line),
    with: () => log,
  };
  const review = new ScrapeReview({
    clock,
    log,
    calls: {
      authenticate: (token) =>
        answer(`who ${token}`, (): Caller | undefined => {
          const known = tokens.get(token);
          return known && { user: known.user, groups: [] };
        }),
      mayRead: ({ user }) =>
        answer(`may ${user}`, () => [...tokens.values()].some((one) => one.user === user && one.mayRead)),
    },
  });
  const scrape = async (token: string | undefined, address = "10.0.0.1"): Promise<Verdict> => {
    let verdict: Verdict | undefined;
    void review.judge(token === undefined ? undefined : `Bearer ${token}`, address).then((it) => (verdict = it));
    for (let i = 0; i < 300 && verdict === undefined; i += 1) await clock.advance(100);
    assert.ok(verdict !== undefined, "no verdict within half a minute");
    return verdict;
  };
  return { clock, tokens, asked, server, review, scrape, logged };
};

describe("the review of a scrape", () => {
  it("asks nobody about what is no token", async () => {
    const { review, asked, scrape } = bench();
    assert.equal(await scrape(undefined), "Unauthenticated");
    for (const header of ["", "Bearer", "Bearer ", "Basic Z29vZA==", "Bearer a b", "Bearer ä"])
      assert.equal(await review.judge(header, "10.0.0.1"), "Unauthenticated");
    assert.deepEqual(asked, []);
  });

  it("lets read who is known and may, and remembers it five minutes", async () => {
    const { clock, scrape, asked, tokens } = bench();
    assert.equal(await scrape("good"), "Allowed");
    assert.deepEqual(asked, ["who good", "may prometheus"]);
    tokens.delete("good");
    await clock.advance(4 * MINUTE);
    assert.equal(await scrape("good"), "Allowed");
    assert.equal(asked.length, 2);
    await clock.advance(MINUTE);
    assert.equal(await scrape("good"), "Unauthenticated");
  });

  it("tells who is unknown from who may not, and remembers each a minute", async () => {
    const { clock, scrape, asked, tokens } = bench();
    assert.equal(await scrape("bad"), "Unauthenticated");
    assert.equal(await scrape("poor"), "Forbidden");
    const before = asked.length;
    tokens.set("bad", { user: "late", mayRead: true });
    tokens.set("poor", { user: "promoted", mayRead: true });
    await clock.advance(MINUTE / 2);
    assert.deepEqual([await scrape("bad"), await scrape("poor")], ["Unauthenticated", "Forbidden"]);
    assert.equal(asked.length, before);
    await clock.advance(MINUTE / 2);
    assert.deepEqual([await scrape("bad"), await scrape("poor")], ["Allowed", "Allowed"]);
  });

  it("goes on with a good answer while there is none, for an hour at most", async () => {
    const { clock, scrape, server } = bench();
    assert.equal(await scrape("good"), "Allowed");
    assert.equal(await scrape("bad"), "Unauthenticated");
    for (const state of ["away", "hangs"] as const) {
      server.state = state;
      await clock.advance(10 * MINUTE);
      assert.equal(await scrape("good"), "Allowed");
      assert.equal(await scrape("bad"), "Unavailable");
    }
    server.state = "away";
    await clock.advance(41 * MINUTE);
    assert.equal(await scrape("good"), "Unavailable");
    server.state = "up";
  });

  it("counts the hour from kube-apiserver's last answer", async () => {
    const { clock, scrape, server, tokens } = bench();
    await scrape("good");
    await clock.advance(50 * MINUTE);
    await scrape("good");
    server.state = "away";
    await clock.advance(50 * MINUTE);
    assert.equal(await scrape("good"), "Allowed");
    server.state = "up";
    tokens.delete("good");
    await clock.advance(MINUTE);
    assert.equal(await scrape("good"), "Unauthenticated");
  });

  it("shares one review between scrapes with the same token", async () => {
    const { clock, review, asked } = bench();
    const all = Array.from({ length: 64 }, () => review.judge("Bearer good", "10.0.0.1"));
    await clock.advance(1000);
    assert.deepEqual([...new Set(await Promise.all(all))], ["Allowed"]);
    assert.equal(asked.length, 2);
  });

  it("asks at most five times a second, and a reader gets through a flood of tokens", async () => {
    const { clock, review, asked, scrape } = bench();
    for (let i = 0; i < 500; i += 1) void review.judge(`Bearer random-${i}`, "10.0.0.66");
    const began = clock.monotonicMs();
    assert.equal(await scrape("good", "10.0.0.2"), "Allowed");
    const seconds = (clock.monotonicMs() - began) / 1000;
    assert.ok(asked.length <= 1 + seconds * 5, `${asked.length} reviews in ${seconds} s`);
    await clock.advance(10_000);
  });

  it("prolongs a token that is good no more by no flood of others", async () => {
    const { clock, review, tokens, scrape } = bench();
    await scrape("good");
    tokens.delete("good");
    await clock.advance(5 * MINUTE);
    for (let i = 0; i < 500; i += 1) void review.judge(`Bearer random-${i}`, "10.0.0.1");
    assert.equal(await scrape("good"), "Unauthenticated");
  });

  it("says no token in the log", async () => {
    const { server, scrape, logged } = bench();
    server.state = "away";
    assert.equal(await scrape("s3cr3t-t0k3n"), "Unavailable");
    assert.equal(await scrape("another"), "Unavailable");
    assert.equal(logged.length, 1);
    assert.ok(!JSON.stringify(logged).includes("s3cr3t"));
  });
});
