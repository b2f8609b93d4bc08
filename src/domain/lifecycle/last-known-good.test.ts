import assert from "node:assert/strict";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { LifecycleAction } from "./action.ts";
import { at, failures, piece, settings, spec } from "./fixtures.fake.ts";
import { effectiveSpec, onlyNarrows, quarantineDue, specInForce } from "./last-known-good.ts";
import type { LifecycleStatus } from "./record.ts";
import { lifecycleSpecHash } from "./settings.ts";

const GOOD_SPEC = spec();
const lastKnownGood = { generation: 1, specHash: lifecycleSpecHash(GOOD_SPEC), spec: JSON.stringify(GOOD_SPEC) };
const BAD = spec({ accounts: [...GOOD_SPEC.accounts, { name: "sa", kubernetes: {} }] });
const badHash = lifecycleSpecHash(BAD);
const late = failures("NotFound", "11:40:00", "12:00:00");
const early = failures("NotFound", "11:51:00", "12:00:00");

describe("a spec that fails", () => {
  const due = (
    status: LifecycleStatus,
    more: { readonly action?: LifecycleAction; readonly rollback?: "None"; readonly specHash?: string } = {},
  ) =>
    quarantineDue(status, settings(more.rollback === undefined ? {} : { rollback: { mode: more.rollback } }), {
      specHash: more.specHash ?? badHash,
      now: at("12:00:00"),
      ...(more.action === undefined ? {} : { action: more.action }),
    })?.reason;
  const apply: LifecycleAction = { type: "apply", account: "lake", piece: piece("group/x"), because: "Declared" };
  const remove: LifecycleAction = { type: "remove", account: "lake", key: "group/x", because: "NotDeclared" };

  const rows: readonly (readonly [string, string | undefined, string | undefined])[] = [
    ["is given up when it was refused for its whole deadline", due({ lastKnownGood, failures: late }), "NotFound"],
    ["and not before", due({ lastKnownGood, failures: early }), undefined],
    ["also when it is the first one", due({ failures: late }), "NotFound"],
    [
      "never for what is merely out of reach",
      due({ lastKnownGood, failures: failures("Unavailable", "10:00:00", "12:00:00") }),
      undefined,
    ],
    [
      "at once when it is invalid",
      due({ lastKnownGood, failures: failures("InvalidSpec", "11:59:59", "12:00:00") }),
      "InvalidSpec",
    ],
    [
      "at the second sight when something is somebody else's",
      due({ lastKnownGood, failures: failures("Conflict", "11:59:59", "12:00:00", { count: 2 }) }),
      "Conflict",
    ],
    [
      "and not at the first, which two who wrote at once see too",
      due({ lastKnownGood, failures: failures("Conflict", "11:59:59", "12:00:00") }),
      undefined,
    ],
    [
      "never when something was taken away for it",
      due({ lastKnownGood, failures: late, narrowed: badHash }),
      undefined,
    ],
    [
      "never when something was taken away for one that came between",
      due({ lastKnownGood, failures: late, narrowed: "another" }),
      undefined,
    ],
    [
      "although something was taken away when there is nothing good to give it back",
      due({ failures: late, narrowed: badHash }),
      "NotFound",
    ],
    [
      "never when the owner wants to go forward",
      due({ lastKnownGood, failures: late }, { rollback: "None" }),
      undefined,
    ],
    [
      "never when it is the good one itself",
      due({ lastKnownGood, failures: late }, { specHash: lastKnownGood.specHash }),
      undefined,
    ],
    ["for what it adds", due({ lastKnownGood, failures: late }, { action: apply }), "NotFound"],
    ["never for what it removes", due({ lastKnownGood, failures: late }, { action: remove }), undefined],
  ];
  for (const [sentence, reason, expected] of rows) {
    it(sentence, () => {
      assert.equal(reason, expected);
    });
  }
});

describe("the spec in force", () => {
  const choose = (
    own: ServiceAccountLifecycleSpec,
    status: LifecycleStatus,
    more: { readonly connectionGeneration?: number; readonly now?: string } = {},
  ) =>
    specInForce({
      spec: own,
      status,
      generation: 2,
      connectionGeneration: more.connectionGeneration ?? 7,
      now: at(more.now ?? "12:00:00"),
    });
  const quarantine = {
    specHash: badHash,
    connectionGeneration: 7,
    generation: 2,
    reason: "NotFound",
    message: "NotFound.",
  };
  const held: LifecycleStatus = { lastKnownGood, quarantine };

  it("is the own one while nothing has failed", () => {
    const { own, specHash, reverted } = choose(BAD, { lastKnownGood, failures: early });
    assert.deepEqual([own, specHash, reverted], [true, badHash, undefined]);
  });

  it("is the good one from when the own one has failed, and says so once", () => {
    const chosen = choose(BAD, { lastKnownGood, failures: late });
    assert.deepEqual([chosen.own, chosen.specHash], [false, lastKnownGood.specHash]);
    assert.equal(chosen.reverted?.reason, "NotFound");
    assert.deepEqual(chosen.status, held);
    const again = choose(BAD, chosen.status);
    assert.deepEqual([again.own, again.reverted], [false, undefined]);
  });

  it("is the own one again when the spec changes, or the platform changes the connection", () => {
    const next = choose(spec({ purpose: "Another try" }), held);
    assert.deepEqual([next.own, next.status.quarantine], [true, undefined]);
    const fixed = choose(BAD, held, { connectionGeneration: 8 });
    assert.deepEqual([fixed.own, fixed.status.quarantine], [true, undefined]);
  });

  it("is the own one as soon as the owner wants no rollback", () => {
    assert.equal(choose({ ...BAD, rollback: { mode: "None" } }, held).own, true);
  });

  it("does not become another one by state, expiry or deletion, which are obeyed meanwhile", () => {
    const chosen = choose({ ...BAD, state: "Suspended", deletion: { holdFor: "1h" } }, held);
    assert.equal(chosen.own, false);
    assert.deepEqual([chosen.settings.state, chosen.settings.deletion.holdMs], ["Suspended", 3_600_000]);
  });

  it("has no accounts when nothing was ever good, until the back-off is over", () => {
    const first = choose(BAD, { failures: late }, { now: "11:59:59" });
    assert.deepEqual([first.own, first.settings.accounts], [false, []]);
    assert.equal(choose(BAD, first.status, { now: "11:59:59" }).own, false);
    const again = choose(BAD, first.status);
    assert.equal(again.own, true);
    // The try takes several passes: it goes on until something fails.
    assert.equal(choose(BAD, again.status, { now: "12:01:00" }).own, true);
    const failing = { ...again.status, failures: failures("NotFound", "11:40:00", "12:10:00") };
    assert.equal(choose(BAD, failing, { now: "12:01:00" }).own, false);
    const unreachable = { ...again.status, failures: failures("Unavailable", "12:00:00", "12:10:00") };
    assert.equal(choose(BAD, unreachable, { now: "12:01:00" }).own, true);
  });

  it("pauses longer with every try when nothing was ever good", () => {
    const invalid = spec({ accounts: [] });
    const first = choose(invalid, {});
    const { failures: paused } = first.status;
    assert.deepEqual([paused?.reason, paused?.count], ["InvalidSpec", 1]);
    const second = choose(invalid, first.status, { now: "12:00:05" });
    assert.equal(second.status.failures?.count, 2);
  });

  it("is the good one at once when the own one makes no sense", () => {
    const chosen = choose(spec({ accounts: [] }), { lastKnownGood });
    assert.deepEqual([chosen.own, chosen.reverted?.reason, chosen.refusal], [false, "InvalidSpec", undefined]);
  });

  it("adds nothing when the own one makes no sense and to go back would give back what was taken away", () => {
    const chosen = choose(spec({ accounts: [] }), { lastKnownGood, narrowed: "h9" });
    assert.deepEqual([chosen.own, chosen.refusal?.code, chosen.status.quarantine], [false, "InvalidSpec", undefined]);
    assert.equal(choose(spec({ accounts: [], rollback: { mode: "None" } }), { lastKnownGood }).refusal?.final, true);
  });
});

describe("the effective spec", () => {
  const user = (permissionsBoundary?: string) => ({
    name: "lake",
    aws: { connectionRef: { name: "aws" }, user: permissionsBoundary === undefined ? {} : { permissionsBoundary } },
  });

  it("is the newest in everything but the accounts", () => {
    const own = spec({
      owner: { team: "b", contact: "b@example.com" },
      state: "Suspended",
      accounts: [{ name: "sa", kubernetes: {} }],
    });
    assert.deepEqual(effectiveSpec(own, GOOD_SPEC), { ...own, accounts: GOOD_SPEC.accounts });
  });

  it("keeps a boundary that the own spec has put up", () => {
    const effective = effectiveSpec(spec({ accounts: [user("b")] }), spec({ accounts: [user()] }));
    assert.deepEqual(effective.accounts, [user("b")]);
  });

  it("keeps the good one's boundary where both have one", () => {
    const effective = effectiveSpec(spec({ accounts: [user("b")] }), spec({ accounts: [user("a")] }));
    assert.deepEqual(effective.accounts, [user("a")]);
  });
});

describe("a spec that takes away alone", () => {
  const connectionRef = { name: "aws" };
  const inline = (name: string, effect: "Allow" | "Deny") => ({
    name,
    statements: [{ effect, actions: ["s3:*"], resources: ["*"] }],
  });
  const wide = [
    {
      name: "sa",
      kubernetes: {
        roles: [
          { kind: "Role" as const, name: "a" },
          { kind: "Role" as const, name: "b" },
        ],
      },
    },
    {
      name: "lake",
      aws: {
        connectionRef,
        user: {
          policies: ["arn:1", "arn:2"],
          groups: ["g"],
          inlinePolicies: [inline("x", "Allow"), inline("y", "Deny")],
        },
      },
    },
  ];
  const [sa, lake] = wide as [(typeof wide)[0], (typeof wide)[1]];
  const user = (change: object) => [sa, { ...lake, aws: { connectionRef, user: { ...lake.aws?.user, ...change } } }];
  const rows: readonly (readonly [string, readonly object[], boolean])[] = [
    [
      "a member of each list, in another order",
      user({ policies: ["arn:2"], inlinePolicies: [inline("y", "Deny")] }),
      true,
    ],
    ["a whole list, which is left out", user({ groups: undefined }), true],
    ["a whole list, which is empty", user({ groups: [] }), true],
    ["a whole account", [lake], true],
    ["nothing", [...wide].reverse(), true],
    ["and puts a boundary up", user({ groups: [], permissionsBoundary: "arn:b" }), true],
    ["but adds a policy", user({ groups: [], policies: ["arn:1", "arn:3"] }), false],
    ["a denial, which gives", user({ inlinePolicies: [inline("x", "Allow")] }), false],
    ["but changes a document", user({ groups: [], inlinePolicies: [inline("x", "Deny"), inline("y", "Deny")] }), false],
    ["but adds an account", [...wide, { name: "new", kubernetes: {} }], false],
  ];
  for (const [sentence, accounts, alone] of rows) {
    it(`${alone ? "is never given up" : "may be given up"}: it takes away ${sentence}`, () => {
      const good = spec({ accounts: wide });
      const own = spec({ accounts: accounts as never });
      assert.equal(onlyNarrows(own, good), alone);
      const chosen = specInForce({
        spec: own,
        status: {
          lastKnownGood: { generation: 1, specHash: lifecycleSpecHash(good), spec: JSON.stringify(good) },
          failures: late,
        },
        generation: 2,
        connectionGeneration: 7,
        now: at("12:00:00"),
      });
      assert.equal(chosen.reverted === undefined, alone);
    });
  }
});
