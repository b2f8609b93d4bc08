import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { inTurn, permitFor, type Permit, type PermitRule, type Waiter } from "./permits.ts";

const RULE: PermitRule = { limit: 20, perShare: 5, reserve: 0, gatherMs: 3000, forgetMs: 15_000 };
const NOW = 1_000_000;

const waiter = (share: string, key: string, more: Partial<Waiter> = {}): Waiter => ({
  key,
  share,
  since: NOW - RULE.gatherMs,
  askedAt: NOW,
  urgent: false,
  ...more,
});
const permits = (share: string, count: number): readonly Permit[] =>
  Array.from({ length: count }, (_, index) => ({ key: `${share}-had-${index}`, share, at: NOW - 1000 }));

/** All ask again and again, in this order, until nobody is told `later`. */
const settle = (waiters: readonly Waiter[], rule: PermitRule, before: readonly Permit[] = []) => {
  const given = [...before];
  let left = [...waiters];
  const refused: Waiter[] = [];
  for (let now = NOW; left.length > 0; now += 1000) {
    ok(now < NOW + 60_000, "somebody waits for ever");
    for (const each of left.map((one) => ({ ...one, askedAt: now }))) {
      const present = left.map((one) => ({ ...one, askedAt: now }));
      const answer = permitFor(each, present, given, rule, now);
      if (answer === "later") continue;
      left = left.filter(({ key }) => key !== each.key);
      if (answer === "given") given.push({ key: each.key, share: each.share, at: now });
      else refused.push(each);
    }
  }
  return { given: given.slice(before.length), refused };
};
const countOf = (given: readonly Permit[], share: string): number => given.filter((one) => one.share === share).length;

describe("permits", () => {
  it("of a prune of 300 in 60 namespaces go to 20 namespaces, one each; 280 are refused", () => {
    const waiters = Array.from({ length: 300 }, (_, index) =>
      waiter(`n${Math.floor(index / 5)}`, `k${index}`, { since: NOW }),
    );
    const { given, refused } = settle(waiters, RULE);
    deepEqual([given.length, refused.length], [20, 280]);
    equal(new Set(given.map(({ share }) => share)).size, 20);
  });

  it("of a flood in one namespace are its share, and leave another its own", () => {
    const flood = Array.from({ length: 100 }, (_, index) => waiter("flood", `k${index}`, { since: NOW }));
    const { given } = settle([...flood, waiter("other", "o", { since: NOW })], RULE);
    deepEqual([countOf(given, "flood"), countOf(given, "other")], [5, 1]);
  });

  it("do not go to who came first: of the last one a share that has had fewer has it", () => {
    const given = [...permits("a", 4), ...permits("b", 1), ...permits("c", 5), ...permits("d", 5), ...permits("e", 4)];
    const early = waiter("a", "early", { since: NOW - 10_000 });
    const late = waiter("b", "late");
    equal(permitFor(early, [early, late], given, RULE, NOW), "full");
    equal(permitFor(late, [early, late], given, RULE, NOW), "given");
  });

  it("come at once for the first of a namespace, and after the gathering for its others", () => {
    const first = waiter("a", "first", { since: NOW });
    equal(permitFor(first, [first], [], RULE, NOW), "given");
    const second = waiter("a", "second", { since: NOW });
    equal(permitFor(second, [second], permits("a", 1), RULE, NOW), "later");
    equal(permitFor(second, [second], permits("a", 1), RULE, NOW + RULE.gatherMs), "given");
  });

  it("go first to what is urgent", () => {
    const plain = waiter("a", "plain", { since: NOW - 9000 });
    const urgent = waiter("b", "urgent", { urgent: true });
    const given = permits("c", 19);
    const rule = { ...RULE, perShare: 0 };
    equal(permitFor(plain, [plain, urgent], given, rule, NOW), "full");
    equal(permitFor(urgent, [plain, urgent], given, rule, NOW), "given");
  });

  it("keep the last of them for a namespace that has had none", () => {
    const rule: PermitRule = { limit: 100, perShare: 0, reserve: 20, gatherMs: 0, forgetMs: 360_000 };
    const flood = waiter("flood", "more");
    const other = waiter("other", "one");
    const given = permits("flood", 80);
    equal(permitFor(flood, [flood], given, rule, NOW), "full");
    equal(permitFor(other, [flood, other], given, rule, NOW), "given");
  });

  it("are not kept for who asks no more", () => {
    const gone = waiter("b", "gone", { askedAt: NOW - RULE.forgetMs });
    const here = waiter("a", "here");
    equal(permitFor(here, [gone, here], [...permits("a", 4), ...permits("c", 15)], RULE, NOW), "given");
  });

  it("are the same permit for the same key, and count without a share in the cluster alone", () => {
    const asks = waiter("a", "k");
    equal(permitFor(asks, [asks], [{ key: "k", share: "a", at: 1 }], { ...RULE, limit: 1 }, NOW), "given");
    const unknown = Array.from({ length: 19 }, (_, index) => ({ key: `u${index}`, share: undefined, at: NOW }));
    equal(permitFor(asks, [asks], unknown, RULE, NOW), "given");
    equal(permitFor(asks, [asks], [...unknown, { key: "u", share: undefined, at: NOW }], RULE, NOW), "full");
  });

  it("are fair whoever asks, in whatever order (property)", () => {
    const crowd = fc.record({
      sizes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 }),
      limit: fc.integer({ min: 1, max: 25 }),
      perShare: fc.integer({ min: 0, max: 6 }),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(crowd, ({ sizes, limit, perShare, seed }) => {
        const rule = { ...RULE, limit, perShare };
        const waiters = sizes
          .flatMap((size, share) =>
            Array.from({ length: size }, (_, index) => waiter(`s${share}`, `s${share}-${index}`)),
          )
          .map((each, index) => ({ each, at: Math.imul(index + 1, seed | 1) }))
          .sort((a, b) => a.at - b.at)
          .map(({ each }) => each);
        const { given } = settle(waiters, rule);
        const most = sizes.map((size) => (perShare === 0 ? size : Math.min(size, perShare)));
        const had = sizes.map((_, share) => countOf(given, `s${share}`));
        equal(
          given.length,
          Math.min(
            limit,
            most.reduce((sum, each) => sum + each, 0),
          ),
          "none is wasted",
        );
        for (const [share, count] of had.entries()) {
          ok(count <= (most[share] ?? 0), "no share has more than its own");
          // One that wanted more has had at most one less than any other.
          if (count < (most[share] ?? 0))
            ok(
              had.every((other) => other <= count + 1),
              `${String(had)} of ${String(sizes)}`,
            );
        }
      }),
    );
  });
});

describe("inTurn", () => {
  it("takes one of each share after the other", () => {
    deepEqual(
      inTurn(["a1", "a2", "a3", "b1", "c1", "c2"], (thing) => thing.slice(0, 1)),
      ["a1", "b1", "c1", "a2", "c2", "a3"],
    );
  });
});
