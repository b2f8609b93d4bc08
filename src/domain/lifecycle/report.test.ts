import assert from "node:assert/strict";
import { CONDITIONS, EVENTS, type ConditionMeaning } from "../../api/v1alpha1/reasons.ts";
import type { LifecycleAction } from "./action.ts";
import { eventsOf, refusedReturn, turnEvents } from "./events.ts";
import { absent, at, failures, good, HASH, input, key, piece, record, settings, text, view } from "./fixtures.fake.ts";
import type { LifecycleStatus } from "./record.ts";
import { report, type ReportInput } from "./report.ts";

const rest = { kind: "waiting", wait: { type: "wait", for: "Rest" } } as const;
const given = (more: Partial<ReportInput> = {}): ReportInput => ({
  status: good([record("lake")]),
  situation: rest,
  settings: settings(),
  specHash: HASH,
  own: true,
  generation: 4,
  now: at("12:00:00"),
  paused: false,
  dryRun: false,
  observed: {},
  ...more,
});

/** Type → status and reason. */
const told = (more: Partial<ReportInput> = {}): Readonly<Record<string, string>> =>
  Object.fromEntries(
    (report(given(more)).conditions ?? []).map(({ type, status, reason }) => [type, `${status} ${reason}`]),
  );

const cut = record("lake", [], { state: "Cut", provenAt: text("11:00:00") });
const leaving = record("lake", [], { state: "Leaving" });
const refusedOften = failures("NotFound", "11:00:00", "13:00:00", { count: 5 });
const quarantine = { specHash: "h2", connectionGeneration: 1, generation: 4, reason: "NotFound", message: "NotFound." };
const open = { plan: { generation: 4, digest: "d", lines: ["+ lake: x (widens)"] } };
const suspended = settings({ state: "Suspended" });
const ended = settings({ state: "Decommissioned" });
const proved = (type: string) => ({
  type,
  status: "True" as const,
  reason: "Proven",
  message: "",
  lastTransitionTime: text("11:00:00"),
});
const past = settings({ expiresAt: text("11:00:00") });

describe("what an identity says about itself", () => {
  const rows: readonly (readonly [
    string,
    Partial<ReportInput>,
    string,
    Readonly<Record<string, string | undefined>>,
  ])[] = [
    [
      "stands as declared",
      {},
      "Active",
      { Ready: "True AsDeclared", Provisioned: "True AccountsStand", Reconciling: undefined },
    ],
    [
      "is being made",
      { status: { accounts: [record("lake", [], { state: "Pending" })] }, situation: { kind: "failed" } },
      "Pending",
      { Ready: "False Joining", Provisioned: "False Pending", Reconciling: "True Progressing" },
    ],
    ["is being changed", { specHash: "h2" }, "Active", { Ready: "False Moving" }],
    [
      "is refused",
      { status: good([record("lake")], { failures: refusedOften }), specHash: "h2" },
      "Active",
      { Ready: "False NotFound", Stalled: "True NotFound", Reconciling: undefined },
    ],
    [
      "is refused and cannot be reverted",
      { status: good([record("lake")], { failures: refusedOften, narrowed: "h2" }), specHash: "h2" },
      "Active",
      { Stalled: "True Narrowed" },
    ],
    [
      "is tried again",
      {
        status: good([record("lake")], { failures: failures("Unavailable", "11:00:00", "13:00:00", { count: 9 }) }),
        specHash: "h2",
      },
      "Active",
      { Ready: "False Unavailable", Reconciling: "True BackingOff", Stalled: undefined },
    ],
    [
      "is reverted, and as good as before",
      { status: good([record("lake")], { quarantine }), own: false },
      "Active",
      { Ready: "True LastKnownGood", Reverted: "True NotFound" },
    ],
    [
      "has nothing good to go back to",
      {
        status: { quarantine, failures: failures("NotFound", "11:00:00", "13:00:00") },
        own: false,
        settings: { ...settings(), accounts: [] },
        specHash: "",
      },
      "Pending",
      { Ready: "False NotFound", Reverted: "True NotFound" },
    ],
    [
      "is planned only",
      { status: good([record("lake")], open), dryRun: true, specHash: "h2" },
      "Active",
      { Ready: "False Planned", PlanOnly: "True AskedFor" },
    ],
    ["is paused", { paused: true }, "Active", { Ready: "True AsDeclared", Paused: "True AskedFor" }],
    [
      "has drifted where that is only told",
      {
        status: good([record("lake")], { drift: ["- lake: x (narrows)"] }),
        settings: settings({ drift: { mode: "Report" } }),
      },
      "Active",
      { Ready: "False Drifted", Drifted: "True Reported" },
    ],
    [
      "is bound by somebody else",
      { status: good([record("lake")], { drift: ["+ lake: boundary (narrows)"] }) },
      "Active",
      { Drifted: "True UnknownRestriction" },
    ],
    [
      "is being suspended",
      { status: good([leaving]), settings: suspended, situation: { kind: "failed" } },
      "Suspending",
      { Ready: "False Suspended", Suspended: "False Cutting", Offboarded: undefined },
    ],
    [
      "is suspended",
      { status: good([cut]), settings: suspended },
      "Suspended",
      { Ready: "True Suspended", Suspended: "True Proven", Offboarded: undefined },
    ],
    [
      "cannot be suspended",
      {
        status: good([leaving], { leaveFailures: failures("Unavailable", "11:00:00", "13:00:00") }),
        settings: suspended,
      },
      "Suspending",
      { Ready: "False Suspended", Suspended: "False OffboardingFailing", Reconciling: "True BackingOff" },
    ],
    ["is coming back", { status: good([leaving]) }, "Resuming", { Ready: "False Resuming", Suspended: undefined }],
    [
      "is being offboarded",
      { status: good([leaving]), settings: ended },
      "Decommissioning",
      { Ready: "False Decommissioned", Offboarded: "False Cutting" },
    ],
    [
      "is offboarded",
      { status: good([cut]), settings: ended },
      "Decommissioned",
      { Ready: "True Decommissioned", Offboarded: "True Proven" },
    ],
    [
      "is not offboarded while somebody else gives it privileges",
      {
        status: good([cut]),
        settings: ended,
        observed: { lake: view([], { rightsCut: true, cutBy: [], foreignGrants: ["RoleBinding theirs"] }) },
      },
      "Decommissioned",
      { Ready: "False Decommissioned", Offboarded: "False ForeignGrant" },
    ],
    [
      "says so of a suspended one too",
      {
        status: good([cut]),
        settings: suspended,
        observed: { lake: view([], { rightsCut: true, cutBy: [], foreignGrants: ["RoleBinding theirs"] }) },
      },
      "Suspended",
      { Ready: "False Suspended", Suspended: "False ForeignGrant" },
    ],
    [
      "is not offboarded while a credential is on again",
      {
        status: good([cut]),
        settings: ended,
        observed: { lake: view([], { rightsCut: true, credentials: [key("K1")] }) },
      },
      "Decommissioned",
      { Offboarded: "False Cutting" },
    ],
    [
      "is not offboarded while rights are back",
      { status: good([cut]), settings: ended, observed: { lake: view() } },
      "Decommissioned",
      { Offboarded: "False Cutting" },
    ],
    [
      "is offboarded when nothing stands any more",
      { status: good([cut]), settings: ended, observed: { lake: absent } },
      "Decommissioned",
      { Offboarded: "True Proven" },
    ],
    [
      "is not proven to have left while what stands under its name is not its own",
      { status: {}, settings: ended, observed: { lake: view([], { principal: "foreign", pieces: [] }) } },
      "Decommissioned",
      { Ready: "False Decommissioned", Offboarded: "False NotOurs" },
    ],
    [
      "is not proven to be suspended while what stands under its name is not its own",
      { status: good([cut]), settings: suspended, observed: { lake: view([], { principal: "foreign", pieces: [] }) } },
      "Suspended",
      { Ready: "False Suspended", Suspended: "False NotOurs" },
    ],
    [
      "is not proven to have left before what it declares was looked at",
      { status: {}, settings: ended },
      "Decommissioned",
      { Offboarded: "False NotLooked" },
    ],
    [
      "is not proven to have left while something could not be looked at",
      {
        status: good([cut]),
        settings: ended,
        observed: { lake: view([], { rightsCut: true, notLooked: [{ what: "MFA devices", why: "Failed" }] }) },
      },
      "Decommissioned",
      { Offboarded: "False NotLooked" },
    ],
    [
      "has left although the operator may not look at everything",
      {
        status: good([cut]),
        settings: ended,
        observed: { lake: view([], { rightsCut: true, notLooked: [{ what: "MFA devices", why: "NotAllowed" }] }) },
      },
      "Decommissioned",
      { Offboarded: "True Proven" },
    ],
    [
      "has not left while its tokens work on",
      {
        status: good([cut]),
        settings: ended,
        observed: { lake: view([], { rightsCut: true, outstanding: [{ title: "tokens", holdsUp: true }] }) },
      },
      "Decommissioned",
      { Offboarded: "False TokensOutstanding" },
    ],
    [
      "says that a cut that was proven is missing",
      { status: good([cut], { conditions: [proved("Suspended")] }), settings: suspended, observed: { lake: view([]) } },
      "Suspended",
      { Suspended: "False CutMissing" },
    ],
    [
      "stays as it was told while an account was not looked at",
      {
        status: good([cut], { conditions: [{ ...proved("Suspended"), status: "False", reason: "ForeignGrant" }] }),
        settings: suspended,
        observed: {},
      },
      "Suspended",
      { Suspended: "False ForeignGrant" },
    ],
    [
      "is deleted",
      { status: good([]), settings: ended },
      "Decommissioned",
      { Ready: "True Decommissioned", Offboarded: "True Deleted", Provisioned: "False Removed" },
    ],
    [
      "never had anything",
      { status: {}, settings: ended, observed: { lake: absent } },
      "Decommissioned",
      { Offboarded: "True NothingThere" },
    ],
    [
      "is offboarded under a dry run as well",
      { status: good([record("lake")]), settings: ended, dryRun: true },
      "Active",
      { Offboarded: "False Cutting" },
    ],
    [
      "has expired",
      { status: good([cut]), settings: past },
      "Decommissioned",
      { Ready: "True Expired", Expired: "True ExpiresAtPassed" },
    ],
    [
      "had expired before it began",
      { status: {}, settings: past, observed: { lake: absent } },
      "Pending",
      { Ready: "True Expired" },
    ],
    [
      "is due for review",
      {
        status: good([record("lake")], { review: { dueTime: text("12:00:00") } }),
        settings: settings({ review: { every: "1h" } }),
      },
      "Active",
      { Ready: "True AsDeclared", ReviewDue: "True NotReviewed" },
    ],
    [
      "has credentials that nobody knows",
      { unmanaged: { credentials: ["AKIA1"], grants: [] } },
      "Active",
      { Unmanaged: "True UnknownCredential" },
    ],
    [
      "has privileges from somebody else",
      { unmanaged: { credentials: [], grants: ["RoleBinding x"] } },
      "Active",
      { Unmanaged: "True ForeignGrant" },
    ],
    [
      "still has adopted what is not its own yet",
      { status: { accounts: [record("lake", [], { state: "Pending", adopted: true })] } },
      "Pending",
      { Adopted: "True UntilWhollyApplied" },
    ],
    [
      "meets somebody else's",
      { status: { failures: failures("Conflict", "11:00:00", "13:00:00") } },
      "Pending",
      { Conflict: "True NotOurs" },
    ],
    [
      "cannot cut an account that the spec has left out",
      {
        status: good([record("lake"), record("old", [], { state: "Leaving" })], {
          leaveFailures: failures("LimitReached", "11:00:00", "13:00:00", { count: 3 }),
        }),
      },
      "Active",
      { Ready: "False LimitReached", Stalled: "True LimitReached" },
    ],
    [
      "waits for a person",
      { situation: { kind: "stalled", reason: "InvalidSpec", message: "spec.expiresAt lies in the past." } },
      "Active",
      { Ready: "False InvalidSpec", Stalled: "True InvalidSpec", Reconciling: undefined },
    ],
  ];
  for (const [sentence, more, state, conditions] of rows) {
    it(sentence, () => {
      const said = told(more);
      const seen = Object.fromEntries(Object.keys(conditions).map((type) => [type, said[type]]));
      assert.deepEqual(seen, conditions);
      assert.equal(report(given(more)).state, state);
    });
  }

  it("says it only in words that docs/reference/conditions.md knows", () => {
    const known: Readonly<Record<string, ConditionMeaning>> = CONDITIONS;
    for (const [, more] of rows)
      for (const [type, said] of Object.entries(told(more))) {
        const reason = said.split(" ")[1] ?? "";
        assert.ok(known[type]?.reasons[reason] !== undefined, `${type} ${reason}`);
        assert.ok(known[type].on.includes("ServiceAccountLifecycle"), type);
      }
  });

  it("stays offboarded when somebody declares it Active again", () => {
    const deleted = report(given({ status: good([]), settings: ended }));
    const again = report(given({ status: deleted }));
    assert.equal(again.state, "Decommissioned");
    assert.ok((again.conditions ?? []).some(({ type, reason }) => type === "Offboarded" && reason === "Deleted"));
  });

  it("keeps what was said about the unmanaged until all was looked at again", () => {
    const before = report(given({ unmanaged: { credentials: ["AKIA1"], grants: [] } }));
    assert.ok((report(given({ status: before })).conditions ?? []).some(({ type }) => type === "Unmanaged"));
    const clean = report(given({ status: before, unmanaged: { credentials: [], grants: [] } }));
    assert.ok(!(clean.conditions ?? []).some(({ type }) => type === "Unmanaged"));
  });

  it("says the same of the same, however late it is", () => {
    const first = report(given({ status: good([cut]), settings: ended }));
    assert.deepEqual(report(given({ status: first, settings: ended, now: at("12:30:00") })), first);
  });
});

describe("what people are told of what was done", () => {
  const reasons = (action: LifecycleAction, more = {}): readonly string[] =>
    eventsOf(action, input(more)).map(({ reason }) => reason);
  const apply = (because: "Declared" | "Drift") =>
    ({ type: "apply", account: "lake", piece: piece("group/a"), because }) as const;
  const remove = (because: "NotDeclared" | "Drift" | "Leaving" | "Deleted", name = "group/a") =>
    ({ type: "remove", account: "lake", key: name, because }) as const;
  const rows: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    [
      "a plan",
      reasons({ type: "recordPlan", lines: [{ sign: "+", account: "lake", title: "x", direction: "widen" }] }),
      ["Planned"],
    ],
    ["an adoption", reasons({ type: "declare", records: [record("old", [], { adopted: true })] }), ["Adopted"]],
    ["a privilege that is given", reasons(apply("Declared")), ["Granted"]],
    ["drift that is put back", reasons(apply("Drift")), ["Drifted"]],
    ["drift that is taken away", reasons(remove("Drift")), ["Drifted"]],
    ["a privilege that is taken away", reasons(remove("NotDeclared")), ["Removed"]],
    ["nothing of each binding of somebody who leaves", reasons(remove("Leaving")), []],
    ["a deletion", reasons(remove("Deleted", "principal")), ["AccountDeleted"]],
    ["a departure", reasons({ type: "beginLeaving", account: "lake", enabledCredentials: [] }), ["Leaving"]],
    ["a suspension", reasons({ type: "prove", account: "lake" }, { settings: suspended }), ["Suspended"]],
    ["an offboarding", reasons({ type: "prove", account: "lake" }, { settings: ended }), ["Offboarded"]],
    [
      "an offboarding of what is no longer declared",
      reasons({ type: "prove", account: "old" }, { settings: suspended }),
      ["Offboarded"],
    ],
    ["a return", reasons({ type: "recordResumed", account: "lake" }), ["Resumed"]],
    ["what is given back", reasons({ type: "giveBack", account: "lake" }), ["GivenBack"]],
    ["a good spec", reasons({ type: "recordGood" }, { specHash: "h2" }), ["Provisioned"]],
    ["no good spec twice", reasons({ type: "recordGood" }), []],
    [
      "a new owner",
      reasons(
        { type: "recordGood" },
        { specHash: "h2", settings: settings({ owner: { team: "b", contact: "b@example.com" } }) },
      ),
      ["Moved", "Provisioned"],
    ],
    ["drift that is left", reasons({ type: "recordDrift", lines: ["x"] }), ["Drifted"]],
    ["not drift that has ended", reasons({ type: "recordDrift", lines: [] }), []],
  ];
  for (const [sentence, seen, expected] of rows) {
    it(`tells ${sentence}`, () => {
      assert.deepEqual(seen, expected);
      for (const reason of seen) assert.ok(reason in EVENTS, reason);
    });
  }

  it("tells a due review and a reached limit once", () => {
    const before: LifecycleStatus = {};
    const after: LifecycleStatus = {
      ...report(
        given({ status: { review: { dueTime: text("11:00:00") } }, settings: settings({ review: { every: "1h" } }) }),
      ),
      leaveFailures: failures("LimitReached", "11:00:00", "13:00:00"),
    };
    assert.deepEqual(
      turnEvents(before, after).map(({ reason }) => reason),
      ["ReviewDue", "LimitReached"],
    );
    assert.deepEqual(turnEvents(after, after), []);
  });

  const saying = (type: string, reason: string, message = "m"): LifecycleStatus => ({
    conditions: [{ type, status: "False", reason, message, lastTransitionTime: text("11:00:00") }],
  });

  for (const [type, reason] of [
    ["Suspended", "ForeignGrant"],
    ["Offboarded", "CutMissing"],
    ["Offboarded", "NotOurs"],
    ["Suspended", "NotLooked"],
    ["Drifted", "DriftUndecided"],
  ] as const) {
    it(`tells once that ${type} says ${reason}`, () => {
      assert.ok(reason in EVENTS, reason);
      const told = turnEvents(saying(type, "Cutting"), saying(type, reason, "names it"));
      assert.deepEqual(
        told.map((event) => [event.type, event.reason, event.note]),
        [["Warning", reason, "names it"]],
      );
      assert.deepEqual(turnEvents(saying(type, reason), saying(type, reason, "names another")), []);
      assert.deepEqual(turnEvents(saying(type, reason), saying(type, "Proven")), []);
    });
  }

  it("tells once who may not bring an identity back, also where the condition's message was cut", () => {
    const message = "a".repeat(2000);
    const [event, ...more] = refusedReturn(saying("Ready", "Suspended"), { message });
    assert.deepEqual([event?.reason, event?.note, more], ["ReturnRefused", message, []]);
    assert.deepEqual(refusedReturn(saying("Ready", "PermissionDenied", message.slice(0, 1024)), { message }), []);
    assert.deepEqual(refusedReturn(saying("Ready", "PermissionDenied"), undefined), []);
  });
});
