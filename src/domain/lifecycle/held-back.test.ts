import assert from "node:assert/strict";
import type { LifecycleAction, LifecycleInput } from "./action.ts";
import { account, allowed, at, good, input, piece, record, settings, spec, text, view } from "./fixtures.fake.ts";
import { heldBackUntil, holdBack, removalsNoted } from "./held-back.ts";
import { planLifecycle, removalsOutstanding } from "./plan.ts";

const R = piece("managedPolicy/R");
const W = piece("managedPolicy/W");
const since = (time: string) => ({ removalsSince: { generation: 2, time: text(time) } });
const LATELY = since("11:30:00");
const LONG_AGO = since("10:59:58");
const MINUS_W = "- lake: managedPolicy/W (narrows)";
const PLUS_R = "+ lake: managedPolicy/R (widens)";

/** The spec has taken W out and R in; W stands. */
const moved = (more: Partial<LifecycleInput> = {}, removals: object = {}): LifecycleInput =>
  input({
    specHash: "h2",
    generation: 2,
    desired: { lake: account("lake", [R], { declaration: '{"r":1}' }) },
    observed: { lake: view([W]) },
    status: good([record("lake", ["managedPolicy/W"])], {
      plan: { generation: 2, digest: "d", lines: [PLUS_R, MINUS_W] },
      ...removals,
    }),
    permissions: allowed("lake/managedPolicy/R"),
    ...more,
  });

/** The spec has left account `old` out. */
const leftOut = (more: Partial<LifecycleInput> = {}, removals: object = {}): LifecycleInput =>
  input({
    specHash: "h2",
    generation: 2,
    leaving: { old: { cutsByRemoval: false, canDisableCredentials: true } },
    observed: { lake: view(), old: view([W]) },
    status: good([record("lake"), record("old", ["managedPolicy/W"])], {
      plan: {
        generation: 2,
        digest: "d",
        lines: ["- old: the whole account is cut and disabled, then deleted as spec.deletion says (narrows)"],
      },
      ...removals,
    }),
    ...more,
  });

const ANNOTATIONS = [
  ["DryRun", { dryRun: true }],
  ["Paused", { paused: true }],
] as const;

const acts = (given: LifecycleInput, expected: Partial<LifecycleAction>): void => {
  const action = planLifecycle(given);
  const seen = Object.fromEntries(Object.keys(expected).map((name) => [name, action[name as keyof LifecycleAction]]));
  assert.deepEqual(seen, expected, JSON.stringify(action));
};

/** Under a dry run the plan follows what is left to do. */
const rests = (given: LifecycleInput, wait: "DryRun" | "Paused"): void => {
  const action = planLifecycle(given);
  const at = wait === "DryRun" && action.type === "recordPlan" ? "DryRun" : action.type === "wait" && action.for;
  assert.equal(at, wait, JSON.stringify(action));
};

describe("what a dry run and a pause hold back", () => {
  for (const [wait, annotated] of ANNOTATIONS) {
    const ends: readonly (readonly [string, Partial<LifecycleInput>])[] = [
      ["a suspension", { settings: settings({ state: "Suspended" }) }],
      ["a decommissioning", { settings: settings({ state: "Decommissioned" }) }],
      ["an expiry", { settings: settings({ expiresAt: text("11:00:00") }) }],
    ];
    for (const [what, end] of ends)
      it(`${wait}: is never ${what}`, () => {
        acts(input({ ...annotated, ...end }), { type: "recordPlan" });
        const planned = planLifecycle(input({ ...annotated, ...end }));
        const lines = planned.type === "recordPlan" ? planned.lines : [];
        const told = lines.map(({ sign, account: name, title }) => `${sign} ${name}: ${title} (narrows)`);
        const status = good([record("lake")], { plan: { generation: 1, digest: "d", lines: told } });
        acts(input({ ...annotated, ...end, status }), { type: "beginLeaving", account: "lake" });
      });

    it(`${wait}: is an account that a changed spec leaves out`, () => {
      acts(leftOut(annotated), { type: "wait", for: wait });
      acts(leftOut(annotated, LATELY), { type: "wait", for: wait });
    });

    it(`${wait}: is that account for an hour at most`, () => {
      acts(leftOut(annotated, LONG_AGO), { type: "beginLeaving", account: "old" });
    });

    it(`${wait}: is no account that a changed spec leaves out of an identity that has ended`, () => {
      acts(leftOut({ ...annotated, settings: settings({ state: "Suspended" }) }), { type: "recordPlan" });
    });

    it(`${wait}: is what a changed spec adds and takes away`, () => {
      acts(moved(annotated), { type: "wait", for: wait });
      acts(moved(annotated, LATELY), { type: "wait", for: wait });
    });

    it(`${wait}: is what it takes away for an hour at most, and what it adds for longer`, () => {
      acts(moved(annotated, LONG_AGO), { type: "beginNarrowing", accounts: ["lake"] });
      const going = { ...LONG_AGO, narrowed: "h2" };
      acts(moved(annotated, going), { type: "remove", account: "lake", key: "managedPolicy/W" });
      rests(moved({ ...annotated, observed: { lake: view([]) } }, going), wait);
    });

    it(`${wait}: takes it away although an account beside it is in somebody else's hands`, () => {
      const accounts = [...spec().accounts, { name: "web", aws: { connectionRef: { name: "aws" }, user: {} } }];
      const given = moved({ ...annotated, settings: settings({ accounts }) }, { ...LONG_AGO, narrowed: "h2" });
      const desired = { ...given.desired, web: account("web", [R]) };
      const observed = { ...given.observed, web: view([], { principal: "foreign" }) };
      acts({ ...given, desired, observed }, { type: "remove", account: "lake", key: "managedPolicy/W" });
    });

    it(`${wait}: leaves what somebody else has put there to the day when it is taken off`, () => {
      const foreign = moved({ ...annotated, observed: { lake: view([piece("managedPolicy/X")]) } }, LONG_AGO);
      rests(foreign, wait);
    });
  }

  it("asks no provider under a pause when all stands as declared", () => {
    acts(input({ paused: true, observed: {} }), { type: "wait", for: "Paused" });
  });

  it("waits for nothing without an annotation", () => {
    assert.equal(holdBack(leftOut()), "no");
    acts(leftOut(), { type: "beginLeaving", account: "old" });
  });
});

describe("since when removals are held back", () => {
  const paused = { paused: true };
  const noted = (given: LifecycleInput) =>
    removalsNoted(given.status, { input: given, outstanding: removalsOutstanding(given) }).removalsSince;

  it("is noted once", () => {
    assert.deepEqual(noted(leftOut(paused)), { generation: 2, time: text("12:00:00") });
    assert.deepEqual(noted(moved(paused)), { generation: 2, time: text("12:00:00") });
    assert.deepEqual(noted(leftOut({ ...paused, generation: 3 }, LATELY)), LATELY.removalsSince);
    assert.deepEqual(heldBackUntil(LATELY), at("12:30:01"));
  });

  it("stays when the annotation is taken off and put on again", () => {
    assert.deepEqual(noted(leftOut({}, LATELY)), LATELY.removalsSince);
    assert.deepEqual(noted(leftOut({ dryRun: true }, LATELY)), LATELY.removalsSince);
  });

  it("is not noted when nothing is held back, or nothing is taken out", () => {
    assert.equal(noted(leftOut()), undefined);
    assert.equal(noted(input(paused)), undefined);
    assert.equal(noted(moved({ ...paused, observed: { lake: view([]) } })), undefined);
  });

  it("is forgotten when nothing is left to be removed, and kept while not all was looked at", () => {
    assert.equal(noted(input({ ...paused, status: good([record("lake")], LATELY) })), undefined);
    assert.deepEqual(noted(moved({ ...paused, observed: {} }, LATELY)), LATELY.removalsSince);
  });
});
