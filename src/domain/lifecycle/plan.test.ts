import assert from "node:assert/strict";
import type { CutWay, LifecycleAction, LifecycleInput } from "./action.ts";
import {
  DENY,
  absent,
  account,
  allowed,
  at,
  failures,
  good,
  input,
  key,
  piece,
  record,
  refused,
  settings,
  spec,
  text,
  view,
} from "./fixtures.fake.ts";
import { normalise } from "../policy-document/index.ts";
import type { Effect, ObservedPiece } from "./piece.ts";
import { leavingLine, planRecord } from "./plan-record.ts";
import { planLifecycle } from "./plan.ts";
import type { LifecycleStatus } from "./record.ts";

type Row = readonly [string, LifecycleInput, Partial<LifecycleAction>];

const holds = (rows: readonly Row[]): void => {
  for (const [sentence, given, expected] of rows) {
    it(sentence, () => {
      const action = planLifecycle(given);
      const seen = Object.fromEntries(
        Object.keys(expected).map((name) => [name, (action as unknown as Record<string, unknown>)[name]]),
      );
      assert.deepEqual(seen, expected, JSON.stringify(action));
    });
  }
};

const R = piece("managedPolicy/R");
const W = piece("managedPolicy/W");
const B = piece("boundary", '"b"');
const I = piece("inlinePolicy/I", '"i"');
const both = { lake: account("lake", [R, W]) };
const plan = (...lines: readonly string[]): Pick<LifecycleStatus, "plan"> => ({
  plan: { generation: 1, digest: "d", lines },
});
const PLUS_R = "+ lake: managedPolicy/R (widens)";
const PLUS_W = "+ lake: managedPolicy/W (widens)";
const MINUS_W = "- lake: managedPolicy/W (narrows)";
const FOR_R = "- lake: managedPolicy/W, in exchange: it waits for what is added, an hour at most (narrows)";
const NEW = "+ lake: principal";
const OWNER = "+ lake: owner";
const other = { specHash: "h2" };

describe("the planner and somebody who joins", () => {
  const fresh = { status: {}, observed: { lake: absent }, desired: { lake: account("lake", [R]) } };
  const told = { ...fresh, status: plan(NEW, OWNER, PLUS_R) };
  const may = { permissions: allowed("lake/principal", "lake/managedPolicy/R") };
  const pending = (keys: readonly string[]) => ({
    ...plan(NEW, OWNER, PLUS_R),
    accounts: [record("lake", keys, { state: "Pending" })],
  });
  holds([
    ["looks first", input({ ...fresh, observed: {} }), { type: "observe", what: "account" } as never],
    ["says what it will do before it does it", input(fresh), { type: "recordPlan" }],
    [
      "asks whether each privilege may be given",
      input({ ...told, permissions: {} }),
      { type: "observe", what: "permissions" } as never,
    ],
    [
      "stops where one may not, and has made nothing",
      input({ ...told, permissions: { ...allowed("lake/principal"), ...refused("lake/managedPolicy/R") } }),
      { type: "refuse", code: "PermissionDenied", about: "lake/managedPolicy/R" },
    ],
    [
      "writes down what it may make before it makes it",
      input({ ...told, ...may }),
      { type: "declare", records: [record("lake", ["managedPolicy/R"], { state: "Pending" })] },
    ],
    [
      "makes the principal first",
      input({ ...told, ...may, status: pending(["managedPolicy/R"]) }),
      { type: "apply", piece: piece("principal"), because: "Declared" },
    ],
    [
      "puts the owner on it before it gives anything",
      input({
        ...told,
        ...may,
        status: pending(["managedPolicy/R"]),
        observed: { lake: view([], { pieces: [piece("principal")] }) },
      }),
      { type: "apply", piece: piece("owner") },
    ],
    [
      "puts the boundary up before it gives anything",
      input({
        status: {
          ...plan("+ lake: boundary (narrows)", PLUS_R),
          accounts: [record("lake", ["boundary", "managedPolicy/R"], { state: "Pending" })],
        },
        desired: { lake: account("lake", [R, B]) },
        ...may,
      }),
      { type: "apply", piece: B },
    ],
    [
      "makes every principal before it gives anything to one, the ServiceAccount first",
      input({
        settings: settings({
          accounts: [
            { name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } },
            { name: "sa", kubernetes: {} },
          ],
        }),
        status: {
          ...plan(NEW, OWNER, PLUS_R, "+ sa: principal", "+ sa: owner"),
          accounts: [record("lake", ["managedPolicy/R"], { state: "Pending" }), record("sa", [], { state: "Pending" })],
        },
        desired: { lake: account("lake", [R]), sa: account("sa", [], { cutsByRemoval: true }) },
        observed: { lake: absent, sa: absent },
        permissions: allowed("lake/principal", "lake/managedPolicy/R", "sa/principal"),
      }),
      { type: "apply", account: "sa" },
    ],
    [
      "calls the spec good when everything stands",
      input({ ...told, status: pending(["managedPolicy/R"]), observed: { lake: view([R]) } }),
      { type: "recordGood" },
    ],
    ["rests then", input(), { type: "wait", for: "Rest" }],
    [
      "never touches what is somebody else's",
      input({ ...fresh, observed: { lake: view([], { principal: "foreign", pieces: [] }) } }),
      { type: "refuse", code: "Conflict", about: "lake" },
    ],
    [
      "takes nothing over that was not asked for",
      input({ ...fresh, observed: { lake: view([], { principal: "adoptable" }) } }),
      { type: "refuse", code: "Conflict" },
    ],
    [
      "does not begin where the place of one piece is taken",
      input({ ...fresh, observed: { lake: { ...absent, conflicts: ["managedPolicy/R"] } } }),
      { type: "refuse", code: "Conflict", about: "lake/managedPolicy/R" },
    ],
    [
      "begins with no account where another one of the same spec cannot be had",
      input({
        settings: settings({ accounts: [...spec().accounts, { name: "sa", kubernetes: {} }] }),
        status: {},
        desired: { lake: account("lake", [R]), sa: account("sa", [], { cutsByRemoval: true }) },
        observed: { lake: absent, sa: view([], { principal: "foreign", pieces: [] }) },
      }),
      { type: "refuse", code: "Conflict", about: "sa" },
    ],
    [
      "makes nothing that has expired already, and says which field it is",
      input({ ...fresh, settings: settings({ expiresAt: text("11:00:00") }), observed: { lake: absent } }),
      { type: "refuse", about: "spec.expiresAt", final: true },
    ],
    [
      "does not make again what was decommissioned and deleted",
      input({
        ...fresh,
        status: {
          state: "Decommissioned",
          conditions: [
            {
              type: "Offboarded",
              status: "True",
              reason: "Deleted",
              message: "",
              lastTransitionTime: text("10:00:00"),
            },
          ],
        },
      }),
      { type: "refuse", about: "spec.state", final: true },
    ],
    [
      "has no room for more accounts than status has",
      input({
        ...told,
        ...may,
        status: {
          ...plan(NEW, OWNER, PLUS_R, "- x: "),
          accounts: Array.from({ length: 16 }, (_, index) =>
            record(`a${index}`, [], { state: "Cut", provenAt: text("11:00:00"), heldUntil: text("13:00:00") }),
          ),
        },
        observed: {
          lake: absent,
          ...Object.fromEntries(Array.from({ length: 16 }, (_, index) => [`a${index}`, view([], { rightsCut: true })])),
        },
      }),
      { type: "refuse", code: "InvalidSpec", about: "lake" },
    ],
    ["adds nothing while it is paused", input({ ...fresh, paused: true }), { type: "wait", for: "Paused" }],
    ["plans under a dry run", input({ ...fresh, dryRun: true }), { type: "recordPlan" }],
    ["and does nothing more", input({ ...told, dryRun: true }), { type: "wait", for: "DryRun" }],
    [
      "waits for its back-off",
      input({ ...fresh, status: { failures: failures("NotFound", "11:00:00", "12:05:00") } }),
      { type: "wait", for: "BackingOff", recheckAt: at("12:05:00") },
    ],
  ]);
});

describe("the planner and somebody who moves", () => {
  const declared = record("lake", ["managedPolicy/R", "managedPolicy/W"]);
  const moving = {
    ...other,
    desired: { lake: account("lake", [R]) },
    observed: { lake: view([W]) },
    permissions: allowed("lake/managedPolicy/R"),
    status: good([declared], plan(PLUS_R, MINUS_W)),
  };
  const narrowing = { ...moving, observed: { lake: view([R, W]) } };
  const waiting = { exchangeSince: text("12:10:00"), ...plan(PLUS_R, FOR_R) };
  const exchanging = {
    ...moving,
    now: at("12:10:00"),
    settings: settings({ progressDeadline: "10m" }),
    status: good([declared], waiting),
  };
  const exchanged = { ...exchanging, observed: { lake: view([R, W]) } };
  const line = (sign: "+" | "-", { title }: { readonly title: string }) => ({
    sign,
    account: "lake",
    title,
    direction: "narrow" as const,
  });
  const wide = piece("inlinePolicy/x", doc("s3:*"));
  const narrow = piece("inlinePolicy/x", doc("s3:Get"));
  const C = piece("boundary", '"c"');
  holds([
    ["adds before it takes away in exchange", input(exchanging), { type: "apply", piece: R }],
    ["takes away in exchange when what is added stands", input(exchanged), { type: "remove", key: W.key }],
    [
      "says from the start what it takes away in exchange",
      input({ ...moving, status: good([declared]) }),
      {
        type: "recordPlan",
        lines: [
          { ...line("+", R), direction: "widen" },
          { ...line("-", W), exchange: true },
        ],
      },
    ],
    [
      "waits with an exchange while what is added has failed",
      input({ ...exchanging, failed: ["lake/managedPolicy/R"] }),
      { type: "wait", for: "BackingOff", recheckAt: at("12:20:00") },
    ],
    [
      "takes away when the exchange has waited long enough, whatever became of what is added",
      input({ ...exchanging, now: at("12:20:00"), failed: ["lake/managedPolicy/R"] }),
      { type: "remove", key: W.key, because: "NotDeclared" },
    ],
    [
      "takes away at once although what is added is not permitted, where that was asked for before",
      input({
        ...moving,
        status: good([declared], plan(MINUS_W, PLUS_R)),
        permissions: refused("lake/managedPolicy/R"),
      }),
      { type: "remove", key: W.key },
    ],
    [
      "counts what an earlier generation asked for as no exchange",
      input({ ...moving, status: good([declared], { plan: { generation: 0, digest: "d", lines: [PLUS_R] } }) }),
      { type: "recordPlan", lines: [{ ...line("+", R), direction: "widen" }, line("-", W)] },
    ],
    [
      "counts what a quarantined spec asked for as no exchange",
      input({ ...moving, status: good([declared], { triedAdditions: [PLUS_R] }) }),
      { type: "recordPlan", lines: [{ ...line("+", R), direction: "widen" }, line("-", W)] },
    ],
    [
      "takes for no exchange what another account is to get",
      input({
        ...narrowing,
        settings: settings({ accounts: [...spec().accounts, { name: "work", kubernetes: {} }] }),
        status: good([declared, record("work")]),
        desired: { ...narrowing.desired, work: account("work", [R]) },
        observed: { ...narrowing.observed, work: view([]) },
      }),
      { type: "recordPlan", lines: [line("-", W), { ...line("+", R), account: "work", direction: "widen" }] },
    ],
    [
      "takes away at once although another account cannot be reached",
      input({
        ...narrowing,
        settings: settings({ accounts: [...spec().accounts, { name: "sa", kubernetes: {} }] }),
        desired: { ...moving.desired, sa: account("sa", []) },
        failed: ["sa"],
      }),
      { type: "remove", key: W.key },
    ],
    [
      "takes away at once although another account is somebody else's",
      input({
        ...narrowing,
        desired: { ...moving.desired, work: account("work", []) },
        observed: { ...narrowing.observed, work: view([], { principal: "foreign", pieces: [] }) },
      }),
      { type: "remove", account: "lake", key: W.key },
    ],
    [
      "takes one away before it adds one where a quota has no room for both",
      input({
        ...exchanging,
        desired: {
          lake: account("lake", [R], { quotas: [{ prefix: "managedPolicy/", most: 1, unit: "pieces", title: "" }] }),
        },
      }),
      { type: "remove", key: W.key, insteadOf: R },
    ],
    [
      "takes away although somebody who leaves cannot be reached",
      input({
        ...narrowing,
        status: { ...good([declared, record("old", [], { state: "Leaving" })]), ...plan(MINUS_W), narrowed: "h2" },
        failed: ["old"],
      }),
      { type: "remove", account: "lake", key: "managedPolicy/W" },
    ],
    [
      "widens an inline policy with the additions",
      input({
        ...moving,
        desired: { lake: account("lake", [wide]) },
        observed: { lake: view([narrow]) },
        permissions: allowed("lake/inlinePolicy/x"),
        status: good([record("lake", ["inlinePolicy/x"])], plan("~ lake: inlinePolicy/x (widens)")),
      }),
      { type: "apply", piece: wide },
    ],
    [
      "narrows one only with the removals",
      input({
        ...moving,
        desired: { lake: account("lake", [narrow]) },
        observed: { lake: view([wide]) },
        status: good([record("lake", ["inlinePolicy/x"])], plan("~ lake: inlinePolicy/x (narrows)")),
      }),
      { type: "beginNarrowing" },
    ],
    [
      "takes a boundary off only when nothing that it bounded is left",
      input({
        ...moving,
        desired: { lake: account("lake", [R]) },
        observed: { lake: view([R, W, B]) },
        permissions: allowed("lake/boundary"),
        status: good([record("lake", ["managedPolicy/R", "managedPolicy/W", "boundary"])], {
          ...plan(MINUS_W, "- lake: boundary (widens)"),
          narrowed: "h2",
        }),
      }),
      { type: "remove", key: "managedPolicy/W" },
    ],
    [
      "exchanges a boundary before it gives what is to stand under the new one",
      input({
        ...moving,
        desired: { lake: account("lake", [R, C]) },
        observed: { lake: view([B]) },
        permissions: allowed("lake/boundary", "lake/managedPolicy/R"),
        status: good([record("lake", ["managedPolicy/R", "boundary"])], {
          ...plan(PLUS_R, "~ lake: boundary (widens and narrows)"),
          narrowed: "h2",
        }),
      }),
      { type: "apply", piece: C },
    ],
    [
      "plans again when more is to be done than it has said",
      input({ ...moving, status: good([declared], plan(PLUS_R)) }),
      { type: "recordPlan" },
    ],
    [
      "does not plan again because some of it is done",
      input({ ...narrowing, status: { ...narrowing.status, narrowed: "h2" } }),
      { type: "remove" },
    ],
    [
      "records a new owner as a change although no right changes",
      input({ settings: settings({ owner: { team: "billing", contact: "b@example.com" } }), ...other }),
      { type: "recordGood" },
    ],
    [
      "asks nothing for what only narrows",
      input({
        ...other,
        desired: { lake: account("lake", []) },
        observed: { lake: view([W]) },
        permissions: undefined,
        status: good([declared], plan(MINUS_W)),
      }),
      { type: "remove", key: W.key },
    ],
  ]);
});

describe("the planner and what others have forbidden", () => {
  const deny = normalise({
    Version: "2012-10-17",
    Statement: [{ Action: ["s3:Put"], Effect: "Deny", Resource: ["*"] }],
  });
  const both = normalise({
    Version: "2012-10-17",
    Statement: [
      { Action: ["s3:Get"], Effect: "Allow", Resource: ["*"] },
      { Action: ["s3:Put"], Effect: "Deny", Resource: ["*"] },
    ],
  });
  const mine = (...pieces: readonly ObservedPiece[]) => ({
    status: good([record("lake", [R.key])]),
    desired: { lake: account("lake", [R]) },
    observed: { lake: view([R, ...pieces]) },
  });
  const theirs = (key: string, effect: Effect, missingRight?: string): ObservedPiece => ({
    ...piece(key),
    effect,
    missingRight,
  });
  const denying = piece("inlinePolicy/theirs", deny);
  const mixed = piece("inlinePolicy/theirs", both);
  holds([
    [
      "leaves an inline policy that only denies, and tells of it",
      input(mine(denying)),
      { type: "recordDrift", lines: ["+ lake: inlinePolicy/theirs (narrows)"] },
    ],
    [
      "leaves a managed policy that only denies",
      input(mine(theirs("managedPolicy/x", "Denies"))),
      { type: "recordDrift", lines: ["+ lake: managedPolicy/x (narrows)"] },
    ],
    [
      "takes a managed policy away that only allows",
      input(mine(theirs("managedPolicy/x", "Allows"))),
      { type: "remove", key: "managedPolicy/x", because: "Drift" },
    ],
    [
      "leaves a group that may deny as well, and says that it cannot decide",
      input(mine(theirs("group/x", "Both"))),
      { type: "recordDrift", lines: ["+ lake: group/x (widens and narrows) (stays: it may forbid)"] },
    ],
    [
      "leaves what it cannot read, and names the right that it lacks",
      input(mine(theirs("managedPolicy/x", "Unread", "iam:GetPolicyVersion"))),
      {
        type: "recordDrift",
        lines: ["+ lake: managedPolicy/x (widens and narrows) (stays: it may forbid): iam:GetPolicyVersion is missing"],
      },
    ],
    [
      "writes a mixed inline policy down before it takes away what that gives",
      input(mine(mixed)),
      { type: "recordFormer", way: undefined, pieces: [{ key: mixed.key, value: both }] },
    ],
    [
      "leaves of a mixed inline policy what it denies",
      input({
        ...mine(mixed),
        status: good([record("lake", [R.key], { former: [{ key: mixed.key, value: both }] })]),
      }),
      { type: "apply", piece: { ...mixed, value: deny }, because: "Drift" },
    ],
    [
      "asks for permission before a declared denial is taken out",
      input({
        ...mine(denying),
        status: good([record("lake", [R.key, denying.key])], {
          plan: { generation: 1, digest: "d", lines: ["- lake: inlinePolicy/theirs (widens)"] },
        }),
        ...other,
      }),
      { type: "observe", what: "permissions" },
    ],
    [
      "takes out of a policy of its own at once what that gives, and what it denies with the rest",
      input({
        ...mine(mixed),
        status: good([record("lake", [R.key, mixed.key])], {
          plan: { generation: 1, digest: "d", lines: ["~ lake: inlinePolicy/theirs (narrows)"] },
        }),
        failed: ["pond/managedPolicy/W"],
        ...other,
      }),
      { type: "apply", piece: { ...mixed, value: deny } },
    ],
    [
      "adds a denial without a permission",
      input({
        ...mine(),
        desired: { lake: account("lake", [R, denying]) },
        status: good([record("lake", [R.key, denying.key])], {
          plan: { generation: 1, digest: "d", lines: ["+ lake: inlinePolicy/theirs (narrows)"] },
        }),
        ...other,
      }),
      { type: "apply", piece: denying },
    ],
  ]);
});

describe("the planner and what somebody changed by hand", () => {
  const mine = { status: good([record("lake", ["managedPolicy/R"])]), desired: { lake: account("lake", [R]) } };
  const may = { permissions: allowed("lake/managedPolicy/R", "lake/principal") };
  const report = { settings: settings({ drift: { mode: "Report" } }) };
  holds([
    ["puts back what is gone", input({ ...mine, ...may }), { type: "apply", piece: R, because: "Drift" }],
    [
      "asks before it gives again",
      input({ ...mine, permissions: {} }),
      { type: "observe", what: "permissions" } as never,
    ],
    [
      "takes away what is new",
      input({ ...mine, observed: { lake: view([R, W]) } }),
      { type: "remove", key: "managedPolicy/W", because: "Drift" },
    ],
    ["only tells where it is told to", input({ ...mine, ...report }), { type: "recordDrift", lines: [PLUS_R] }],
    [
      "tells it once",
      input({ ...mine, ...report, status: { ...mine.status, drift: [PLUS_R] } }),
      { type: "wait", for: "Rest" },
    ],
    [
      "tells when nothing differs any more",
      input({ ...mine, observed: { lake: view([R]) }, status: { ...mine.status, drift: [PLUS_R] } }),
      { type: "recordDrift", lines: [] },
    ],
    [
      "keeps its own marks up whatever it is told",
      input({
        ...mine,
        ...report,
        observed: { lake: view([R], { pieces: [piece("principal"), piece("owner", "x"), R] }) },
      }),
      { type: "apply", piece: piece("owner"), because: "Drift" },
    ],
    [
      "never widens what somebody else has narrowed, and tells it",
      input({ ...mine, observed: { lake: view([R, B]) } }),
      { type: "recordDrift", lines: ["+ lake: boundary (narrows)"] },
    ],
    [
      "never lifts a cut that it did not make, and tells it",
      input({ ...mine, observed: { lake: view([R], { rightsCut: true }) } }),
      { type: "recordDrift", lines: ["~ lake: rights are cut by hand (narrows)"] },
    ],
    [
      "undoes what a failed spec has begun, also where drift is only told",
      input({
        ...mine,
        ...report,
        observed: { lake: view([R, W]) },
        status: { ...mine.status, ...plan(PLUS_W, MINUS_W) },
      }),
      { type: "remove", key: "managedPolicy/W", because: "NotDeclared" },
    ],
    [
      "keeps up what it can of a good spec, although something else of it is refused",
      input({
        status: good([record("lake", ["managedPolicy/R", "managedPolicy/W"])]),
        desired: both,
        permissions: { ...refused("lake/managedPolicy/R"), ...allowed("lake/managedPolicy/W") },
      }),
      { type: "apply", piece: W },
    ],
  ]);
});

describe("the planner and somebody who leaves", () => {
  const suspended = { settings: settings({ state: "Suspended" }) };
  const ended = { settings: settings({ state: "Decommissioned", deletion: { holdFor: "1h" } }) };
  const line = (name: string, wanted: "Suspended" | "Gone") => ({ plan: planRecord(1, [leavingLine(name, wanted)]) });
  const told = { status: good([record("lake")], line("lake", "Suspended")) };
  const off = { rightsCut: true };
  const leaving = (more: object = {}) =>
    good([record("lake", [], { state: "Leaving", enabledCredentials: ["K1"], ...more })]);
  const cut = (more: object = {}) =>
    leaving({ state: "Cut", provenAt: text("11:00:00"), heldUntil: text("12:00:00"), ...more });
  const gone = { rightsCut: true, credentials: [key("K1", false)] };
  const ways = {
    Deny: DENY,
    Boundary: { ...DENY, name: "Boundary", replaces: [{ key: B.key, value: B.value }] },
    AttachedDeny: { ...DENY, name: "AttachedDeny" },
    Room: { ...DENY, name: "Room", clears: [{ key: I.key, value: I.value }] },
    Grants: { ...DENY, name: "Grants", clears: [{ key: R.key, value: R.value }], request: false },
  } as const satisfies Record<string, CutWay>;
  const WAYS = { cutWays: Object.values(ways) };
  const BOUND = { key: B.key, value: B.value };
  const INLINE = { key: I.key, value: I.value };
  const REFUSED = ["lake/cut/Deny", "lake/cut/Boundary", "lake/cut/AttachedDeny", "lake/cut/Room"];
  const PASSWORD = { ...key("password"), switchable: false, endsAtCut: true };
  holds([
    ["says so first", input(suspended), { type: "recordPlan" }],
    [
      "says that a ServiceAccount which goes at the cut comes back as another one",
      input({
        ...suspended,
        status: good([
          record("lake", [], {
            declaration: JSON.stringify({ name: "lake", kubernetes: { onCut: "DeleteServiceAccount" } }),
          }),
        ]),
      }),
      { type: "recordPlan", lines: [leavingLine("lake", "Suspended", true)] },
    ],
    [
      "remembers which credentials were in use",
      input({ ...suspended, ...told, observed: { lake: view([], { credentials: [key("K1"), key("K2", false)] }) } }),
      { type: "beginLeaving", enabledCredentials: ["K1"] },
    ],
    [
      "cuts rights first",
      input({ ...suspended, status: leaving(), observed: { lake: view([R], { credentials: [key("K1")] }) } }),
      { type: "cut" },
    ],
    [
      "closes the login",
      input({ ...suspended, status: leaving(), observed: { lake: view([R], { ...off, loginClosed: false }) } }),
      { type: "closeLogin" },
    ],
    [
      "switches off every credential that the provider lists, whoever made it",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([R], { ...off, credentials: [key("FOREIGN")] }) },
      }),
      { type: "disableCredential", id: "FOREIGN" },
    ],
    ["proves it", input({ ...suspended, status: leaving(), observed: { lake: view([R], gone) } }), { type: "prove" }],
    [
      "rests when it is proven",
      input({ ...suspended, status: cut({ heldUntil: undefined }), observed: { lake: view([R], gone) } }),
      { type: "wait", for: "Rest" },
    ],
    [
      "switches off again what somebody has switched on",
      input({
        ...suspended,
        status: cut({ heldUntil: undefined }),
        observed: { lake: view([R], { ...off, credentials: [key("K1")] }) },
      }),
      { type: "disableCredential", id: "K1" },
    ],
    [
      "puts back a cut that somebody has lifted",
      input({ ...suspended, status: cut({ heldUntil: undefined }), observed: { lake: view([R]) } }),
      { type: "cut" },
    ],
    [
      "says that the proof is void when the cut cannot be put back",
      input({
        ...suspended,
        status: cut({ heldUntil: undefined }),
        observed: { lake: view([R]) },
        failed: ["lake/cut/Deny"],
      }),
      { type: "voidProof", account: "lake" },
    ],
    [
      "switches a key off although the rights could not be cut",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([R], { credentials: [key("K1")] }) },
        failed: ["lake/cut/Deny"],
      }),
      { type: "disableCredential", id: "K1" },
    ],
    [
      "switches off the second key although the first could not be",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([R], { ...off, credentials: [key("K1"), key("K2")] }) },
        failed: ["lake/disable/K1"],
      }),
      { type: "disableCredential", id: "K2" },
    ],
    [
      "closes the login of what is not there, where one still lets in",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([], { principal: "absent", pieces: [], rightsCut: true, loginClosed: false }) },
      }),
      { type: "closeLogin" },
    ],
    [
      "closes the login before it writes down what another way replaces, for that ends the pass",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([R, B], { ...WAYS, loginClosed: false, credentials: [key("K1")] }) },
        failed: ["lake/cut/Deny"],
      }),
      { type: "closeLogin" },
    ],
    [
      "switches credentials off before that too",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([R, B], { ...WAYS, credentials: [key("K1")] }) },
        failed: ["lake/cut/Deny"],
      }),
      { type: "disableCredential", id: "K1" },
    ],
    [
      "writes down what another way replaces, before it goes it",
      input({ ...suspended, status: leaving(), observed: { lake: view([R, B], WAYS) }, failed: ["lake/cut/Deny"] }),
      { type: "recordFormer", way: "Boundary", pieces: [BOUND] },
    ],
    [
      "goes another way when the first is refused",
      input({
        ...suspended,
        status: leaving({ cutWays: ["Boundary"], former: [BOUND] }),
        observed: { lake: view([R, B], WAYS) },
        failed: ["lake/cut/Deny"],
      }),
      { type: "cut", way: "Boundary" },
    ],
    [
      "writes down a boundary that has become another since",
      input({
        ...suspended,
        status: leaving({ cutWays: ["Boundary"], former: [{ ...BOUND, value: '"arn:other"' }] }),
        observed: { lake: view([R, B], WAYS) },
        failed: ["lake/cut/Deny"],
      }),
      { type: "recordFormer", way: "Boundary", pieces: [BOUND] },
    ],
    [
      "makes room last, and writes down what it takes away",
      input({ ...suspended, status: leaving(), observed: { lake: view([I], WAYS) }, failed: REFUSED.slice(0, 3) }),
      { type: "recordFormer", way: "Room", pieces: [INLINE] },
    ],
    [
      "makes room",
      input({
        ...suspended,
        status: leaving({ cutWays: ["Room"], former: [INLINE] }),
        observed: { lake: view([I], WAYS) },
        failed: REFUSED.slice(0, 3),
      }),
      { type: "remove", key: I.key, because: "Leaving" },
    ],
    [
      "takes the grants away when every denial is refused",
      input({
        ...suspended,
        status: leaving({ cutWays: ["Room", "Grants"], former: [INLINE, { key: R.key, value: R.value }] }),
        observed: { lake: view([R], { ...WAYS, cutWays: [ways.Deny, ways.Grants] }) },
        failed: REFUSED,
      }),
      { type: "remove", key: R.key, because: "Leaving" },
    ],
    [
      "ends a password at once where no denial is in force",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([], { credentials: [PASSWORD] }) },
        failed: ["lake/cut/Deny"],
      }),
      { type: "removeCredential", id: "password" },
    ],
    [
      "proves nothing while a password lives and no denial is in force",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([], { credentials: [PASSWORD] }) },
        failed: ["lake/cut/Deny", "lake/credential/password"],
      }),
      { type: "wait", for: "BackingOff" },
    ],
    [
      "leaves a password to the end under a denial",
      input({ ...suspended, status: leaving(), observed: { lake: view([], { ...off, credentials: [PASSWORD] }) } }),
      { type: "prove" },
    ],
    [
      "proves nothing of what is not ours",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([], { ...off, principal: "foreign", pieces: [] }) },
      }),
      { type: "wait", for: "Rest" },
    ],
    [
      "does not take an account that is absent for refused while its login lets in",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([], { principal: "absent", pieces: [], rightsCut: true, loginClosed: false }) },
        failed: ["lake/close"],
      }),
      { type: "wait", for: "BackingOff" },
    ],
    [
      "looks at what is declared and not on record before it says anything",
      input({ ...suspended, status: {}, observed: {} }),
      { type: "observe", account: "lake" },
    ],
    [
      "puts on record what carries our marks, so that it is cut",
      input({ ...suspended, status: {}, observed: { lake: view([R]) } }),
      { type: "declare" },
    ],
    [
      "takes nothing foreign on record",
      input({ ...suspended, status: {}, observed: { lake: view([], { principal: "foreign", pieces: [] }) } }),
      { type: "wait", for: "Rest" },
    ],
    [
      "has the boundary of before on record, before the principal is bound and goes",
      input({ ...ended, now: at("12:00:00"), status: cut(), observed: { lake: view([B], { ...off, ...WAYS }) } }),
      { type: "recordFormer", way: "Boundary", pieces: [BOUND] },
    ],
    [
      "lets the principal go that may be bound, by the record",
      input({
        ...ended,
        now: at("12:00:00"),
        status: cut({ cutWays: ["Boundary"], former: [BOUND] }),
        observed: { lake: view([], { ...off, ...WAYS }) },
      }),
      { type: "remove", key: "principal", because: "Deleted" },
    ],
    [
      "keeps the boundary until the principal goes",
      input({ ...ended, now: at("12:00:00"), status: cut(), observed: { lake: view([B], off) } }),
      { type: "remove", key: "principal", because: "Deleted" },
    ],
    [
      "keeps the principal while something that hangs on it cannot be taken away",
      input({
        ...ended,
        now: at("12:00:00"),
        status: cut(),
        observed: { lake: view([R], off) },
        failed: [`lake/${R.key}`],
      }),
      { type: "wait", for: "BackingOff" },
    ],
    [
      "cuts a ServiceAccount by taking its bindings away",
      input({
        ...suspended,
        status: leaving(),
        desired: { lake: account("lake", [R], { cutsByRemoval: true }) },
        observed: { lake: view([R]) },
      }),
      { type: "remove", key: "managedPolicy/R", because: "Leaving" },
    ],
    [
      "counts the hold of a suspended account from its decommissioning",
      input({ ...ended, status: cut({ heldUntil: undefined }), observed: { lake: view([R], gone) } }),
      { type: "prove" },
    ],
    [
      "gives the hold up when it is only suspended again",
      input({ ...suspended, status: cut(), observed: { lake: view([R], gone) } }),
      { type: "prove" },
    ],
    [
      "deletes nothing before the hold is over",
      input({ ...ended, now: at("11:59:59"), status: cut(), observed: { lake: view([R], gone) } }),
      { type: "wait", for: "Hold", recheckAt: at("12:00:00") },
    ],
    [
      "keeps to a hold that was lengthened",
      input({
        settings: settings({ state: "Decommissioned", deletion: { holdFor: "2h" } }),
        status: cut(),
        observed: { lake: view([R], gone) },
      }),
      { type: "wait", for: "Hold", recheckAt: at("13:00:00") },
    ],
    [
      "deletes nothing by a clock that disagrees",
      input({ ...ended, timeTrusted: false, status: cut(), observed: { lake: view([R], gone) } }),
      { type: "wait", for: "ClockSkew" },
    ],
    [
      "then deletes the credentials",
      input({ ...ended, status: cut(), observed: { lake: view([R], gone) } }),
      { type: "removeCredential", id: "K1" },
    ],
    [
      "then the login, what it may do, what bounds it",
      input({ ...ended, status: cut(), observed: { lake: view([B, R, piece("login")], off) } }),
      { type: "remove", key: "login", because: "Deleted" },
    ],
    [
      "takes the boundary off last",
      input({ ...ended, status: cut(), observed: { lake: view([B, R], off) } }),
      { type: "remove", key: "managedPolicy/R" },
    ],
    [
      "then the principal",
      input({ ...ended, status: cut(), observed: { lake: view([], off) } }),
      { type: "remove", key: "principal" },
    ],
    ["then forgets it", input({ ...ended, status: cut(), observed: { lake: absent } }), { type: "forget" }],
    [
      "deletes nothing of what has become somebody else's",
      input({
        ...ended,
        status: cut(),
        observed: { lake: view([], { principal: "foreign", pieces: [], credentials: [key("X")], rightsCut: true }) },
      }),
      { type: "forget" },
    ],
    [
      "keeps what is only to be disabled",
      input({
        settings: settings({ state: "Decommissioned", deletion: { policy: "Disable" } }),
        status: cut({ heldUntil: undefined }),
        observed: { lake: view([R], gone) },
      }),
      { type: "wait", for: "Rest" },
    ],
    [
      "takes Retain for Disable where the identity itself ends",
      input({
        settings: settings({ state: "Decommissioned", deletion: { policy: "Retain" } }),
        status: cut({ heldUntil: undefined }),
        observed: { lake: view([R], gone) },
      }),
      { type: "wait", for: "Rest" },
    ],
    [
      "leaves by its expiry",
      input({
        settings: settings({ expiresAt: text("12:00:00") }),
        status: good([record("lake")], line("lake", "Gone")),
      }),
      { type: "beginLeaving" },
    ],
    [
      "and not before",
      input({ settings: settings({ expiresAt: text("12:00:01") }) }),
      { type: "wait", for: "Expiry", recheckAt: at("12:00:01") },
    ],
    [
      "leaves although it is paused",
      input({ ...suspended, status: leaving(), paused: true, observed: { lake: view([R]) } }),
      { type: "cut" },
    ],
    [
      "leaves although what is added backs off",
      input({
        ...suspended,
        status: { ...leaving(), failures: failures("NotFound", "11:00:00", "13:00:00") },
        observed: { lake: view([R]) },
      }),
      { type: "cut" },
    ],
    [
      "begins to leave under a dry run as well",
      input({ ...suspended, ...told, dryRun: true }),
      { type: "beginLeaving" },
    ],
    [
      "goes on to leave under a dry run",
      input({ ...suspended, status: leaving(), dryRun: true, observed: { lake: view([R]) } }),
      { type: "cut" },
    ],
    [
      "leaves although the spec cannot be read",
      input({
        ...suspended,
        status: leaving(),
        observed: { lake: view([R]) },
        refusal: { type: "refuse", code: "InvalidSpec", message: "", about: "spec", final: true },
      }),
      { type: "cut" },
    ],
  ]);
});

describe("the planner and several who leave", () => {
  const two = spec({
    state: "Suspended",
    accounts: [
      ...spec().accounts,
      { name: "work", aws: { connectionRef: { name: "aws" }, role: {} } },
      { name: "sa", kubernetes: {} },
    ],
  });
  const both = {
    settings: settings(two),
    desired: { lake: account("lake", []), work: account("work", []), sa: account("sa", []) },
    status: good([record("lake", [], { state: "Leaving" }), record("work", [], { state: "Leaving" })]),
  };
  const closed = view([], { rightsCut: true });
  holds([
    [
      "cuts all before it switches anything off",
      input({ ...both, observed: { lake: view([], { rightsCut: true, credentials: [key("K1")] }), work: view([]) } }),
      { type: "cut", account: "work", way: "Deny" },
    ],
    [
      "is not held up by one that cannot be reached",
      input({ ...both, observed: { work: view([]) }, failed: ["lake"] }),
      { type: "cut", account: "work", way: "Deny" },
    ],
    [
      "proves the one that it can, and says that it tries the other again",
      input({
        ...both,
        observed: { work: closed },
        status: {
          ...both.status,
          leaveFailures: { ...failures("Unavailable", "11:59:00", "12:01:00"), about: "lake" },
        },
      }),
      { type: "prove", account: "work" },
    ],
    [
      "is not held up by a back-off that a wrong clock has written",
      input({
        ...both,
        observed: { lake: view([]), work: closed, sa: absent },
        status: {
          ...good([
            record("lake", [], { state: "Leaving" }),
            record("work", [], { state: "Cut", provenAt: text("11:00:00") }),
          ]),
          leaveFailures: { ...failures("Unavailable", "22:59:00", "23:01:00"), about: "lake" },
        },
      }),
      { type: "cut", account: "lake" },
    ],
    [
      "waits for the back-off of the one that is left",
      input({
        ...both,
        observed: { work: closed, sa: absent },
        status: {
          ...good([
            record("lake", [], { state: "Leaving" }),
            record("work", [], { state: "Cut", provenAt: text("11:00:00") }),
          ]),
          leaveFailures: { ...failures("Unavailable", "11:59:00", "12:01:00"), about: "lake" },
        },
      }),
      { type: "wait", for: "BackingOff", recheckAt: at("12:01:00") },
    ],
  ]);
});

describe("the planner and an account that the spec has left out", () => {
  const out = {
    settings: settings({ accounts: [{ name: "sa", kubernetes: {} }] }),
    desired: { sa: account("sa", []) },
    ...other,
    observed: { sa: view(), lake: view([R]) },
  };
  const told = planRecord(1, [leavingLine("lake", "Gone")]);
  holds([
    [
      "cuts it at once, and never gives it back by a revert",
      input({ ...out, status: good([record("lake", ["managedPolicy/R"]), record("sa")], { plan: told }) }),
      { type: "beginLeaving", account: "lake", narrows: true },
    ],
    [
      "cuts and holds it also when it was never good, for somebody may have used it",
      input({ ...out, status: good([record("lake", [], { state: "Pending" }), record("sa")], { plan: told }) }),
      { type: "beginLeaving", account: "lake" },
    ],
    [
      "takes it back at once when its spec has failed",
      input({
        ...out,
        own: false,
        status: good([record("lake", [], { state: "Pending" }), record("sa")], { plan: told }),
      }),
      { type: "remove", account: "lake", key: "managedPolicy/R", because: "Reverted" },
    ],
    [
      "takes everything back when nothing was ever good",
      input({
        ...out,
        settings: { ...settings(), accounts: [] },
        desired: {},
        own: false,
        specHash: "",
        status: { accounts: [record("lake", [], { state: "Pending" })], plan: told },
        observed: { lake: view() },
      }),
      { type: "remove", key: "principal", because: "Reverted" },
    ],
    [
      "does not take back at once what a credential says that somebody has used",
      input({
        ...out,
        own: false,
        status: good([record("lake", [], { state: "Pending" }), record("sa")], { plan: told }),
        observed: { sa: view(), lake: view([R], { credentials: [key("K1")] }) },
      }),
      { type: "beginLeaving", account: "lake" },
    ],
    [
      "does not take back at once what a predecessor had",
      input({
        ...out,
        own: false,
        status: {
          ...good([record("lake", [], { state: "Pending" }), record("sa")], { plan: told }),
          predecessors: ["u0"],
        },
      }),
      { type: "beginLeaving", account: "lake" },
    ],
  ]);
});

const stays = (id: string, why: string) => ({
  sign: "~" as const,
  account: "lake",
  title: `credential ${id} stays off: ${why}`,
  direction: "none" as const,
});

describe("the planner and somebody who comes back", () => {
  const cut = good([
    record("lake", ["managedPolicy/R"], { state: "Cut", enabledCredentials: ["K1"], provenAt: text("11:00:00") }),
  ]);
  const leaving = good([record("lake", ["managedPolicy/R"], { state: "Leaving", enabledCredentials: ["K1"] })]);
  const desired = { lake: account("lake", [R]) };
  const off = { rightsCut: true, credentials: [key("K1", false), key("K2", false)] };
  const trust = piece("trust");
  const known = { onRecord: ["K1", "K2"], leaked: [] };
  holds([
    [
      "declares proof and hold void first",
      input({ known, status: cut, desired, observed: { lake: view([R], off) } }),
      { type: "beginReturning" },
    ],
    [
      "opens the login of a role",
      input({
        known,
        status: leaving,
        desired: { lake: account("lake", [trust, R]) },
        observed: { lake: view([R], off) },
      }),
      { type: "openLogin" },
    ],
    [
      "asks what SecretRotations have on record before anything is begun",
      input({ status: cut, desired, observed: { lake: view([R], off) } }),
      { type: "observe", what: "credentials", account: "lake" } as never,
    ],
    [
      "asks for nothing of the kind where no credential was in use",
      input({
        status: good([record("lake", ["managedPolicy/R"], { state: "Cut", enabledCredentials: [] })]),
        desired,
        observed: { lake: view([R], off) },
      }),
      { type: "beginReturning" },
    ],
    [
      "tells first which credential stays off, for no SecretRotation has it",
      input({ status: cut, desired, observed: { lake: view([R], off) }, known: { onRecord: ["K2"], leaked: [] } }),
      { type: "recordPlan", lines: [stays("K1", "no SecretRotation answers for it")] },
    ],
    [
      "tells first which credential stays off, for it is reported leaked",
      input({
        status: cut,
        desired,
        observed: { lake: view([R], off) },
        known: { onRecord: ["K1", "K2"], leaked: ["K1"] },
      }),
      { type: "recordPlan", lines: [stays("K1", "it is reported leaked")] },
    ],
    [
      "leaves it off",
      input({
        status: { ...leaving, ...plan("~ lake: credential K1 stays off: no SecretRotation answers for it") },
        desired,
        observed: { lake: view([R], off) },
        known: { onRecord: ["K2"], leaked: [] },
      }),
      { type: "uncut" },
    ],
    [
      "has nothing to do about it once it is back",
      input({
        status: {
          ...good([record("lake", ["managedPolicy/R"])]),
          ...plan("~ lake: credential K1 stays off: no SecretRotation answers for it"),
        },
        desired,
        observed: { lake: view([R], { credentials: off.credentials }) },
      }),
      { type: "wait", for: "Rest" },
    ],
    [
      "switches on exactly what was in use",
      input({ known, status: leaving, desired, observed: { lake: view([R], off) } }),
      { type: "enableCredential", id: "K1" },
    ],
    [
      "puts the boundary of before in the place of the one that denies",
      input({
        status: good([
          record("lake", ["managedPolicy/R"], {
            state: "Leaving",
            cutWays: ["Boundary"],
            former: [{ key: "boundary", value: '"former"' }],
          }),
        ]),
        desired,
        observed: { lake: view([R], { rightsCut: true, cutBy: ["Boundary"] }) },
      }),
      { type: "uncut", ways: ["Boundary"], boundary: '"former"' },
    ],
    [
      "gives the rights back last",
      input({
        known,
        status: leaving,
        desired,
        observed: { lake: view([R], { ...off, credentials: [key("K1"), key("K2", false)] }) },
      }),
      { type: "uncut" },
    ],
    [
      "is in use again then",
      input({
        known,
        status: leaving,
        desired,
        observed: { lake: view([R], { credentials: [key("K1"), key("K2", false)] }) },
      }),
      { type: "recordResumed" },
    ],
    [
      "takes away what is no longer declared while nothing works yet",
      input({
        known,
        ...other,
        status: { ...leaving, ...plan(MINUS_W), narrowed: "h2" },
        desired,
        observed: { lake: view([R, W], off) },
      }),
      { type: "remove", key: "managedPolicy/W" },
    ],
    [
      "puts a new boundary up while nothing works yet",
      input({
        ...other,
        status: {
          ...good([record("lake", ["managedPolicy/R", "boundary"], { state: "Leaving" })]),
          ...plan("+ lake: boundary (narrows)"),
          narrowed: "h2",
        },
        desired: { lake: account("lake", [R, B]) },
        observed: { lake: view([R], off) },
      }),
      { type: "apply", piece: B },
    ],
    [
      "does not come back while it is paused",
      input({ status: leaving, desired, paused: true, observed: {} }),
      { type: "wait", for: "Paused" },
    ],
  ]);

  const serviceAccount = account("cluster", [piece("binding/Role/R")], {
    target: "kubernetes-service-account/payments/billing",
    cutsByRemoval: true,
  });
  const alone = (state: "Leaving" | "Cut", more: Partial<LifecycleInput> = {}) =>
    input({
      status: good([
        record("cluster", ["binding/Role/R"], { state, enabledCredentials: [], target: serviceAccount.target }),
      ]),
      settings: settings({ accounts: [{ name: "cluster", kubernetes: {} }] }),
      desired: { cluster: serviceAccount },
      leaving: {},
      observed: { cluster: view([piece("binding/Role/R")]) },
      ...more,
    });
  holds([
    [
      "asks who wants a ServiceAccount back, also one that is not cut yet, for each binding of it",
      alone("Leaving", { permissions: {} }),
      {
        type: "observe",
        what: "permissions",
        privileges: [{ account: "cluster", piece: piece("binding/Role/R") }],
      } as never,
    ],
    [
      "goes on with a leaving ServiceAccount whose return is refused",
      alone("Leaving", { permissions: refused("cluster/binding/Role/R") }),
      { type: "remove", key: "binding/Role/R", because: "Leaving" },
    ],
    [
      "keeps a ServiceAccount down when it cannot be found out who may bring it back",
      alone("Leaving", { permissions: refused("cluster/binding/Role/R"), failed: ["cluster/open"] }),
      { type: "remove", key: "binding/Role/R", because: "Leaving" },
    ],
    [
      "says why it stays down",
      alone("Cut", {
        status: good(
          [
            record("cluster", ["binding/Role/R"], {
              state: "Cut",
              enabledCredentials: [],
              target: serviceAccount.target,
              provenAt: text("11:00:00"),
            }),
          ],
          plan("+ cluster: binding/Role/R (widens)"),
        ),
        observed: { cluster: view([]) },
        permissions: refused("cluster/binding/Role/R"),
      }),
      { type: "refuse", code: "PermissionDenied", about: "cluster/binding/Role/R" } as never,
    ],
  ]);
});

describe("the planner and what existed before", () => {
  const adopt = { settings: settings({ adoption: { mode: "IfAnnotated" } }) };
  const offered = view([W], { principal: "adoptable", pieces: [piece("principal"), W] });
  const told = plan("+ lake: owner", PLUS_R, MINUS_W);
  const taken = (more: object = {}) => ({
    ...told,
    accounts: [
      record("lake", ["managedPolicy/R", "managedPolicy/W"], {
        state: "Pending",
        adopted: true,
        foundPieces: ["principal", "managedPolicy/W"],
        ...more,
      }),
    ],
  });
  const desired = { lake: account("lake", [R]) };
  const may = { permissions: allowed("lake/managedPolicy/R", "lake/inlinePolicy/x") };
  const wide = piece("inlinePolicy/x", doc("s3:*"));
  const narrow = piece("inlinePolicy/x", doc("s3:Get"));
  holds([
    [
      "writes down what it had before it takes it over",
      input({ ...adopt, ...may, desired, status: told, observed: { lake: offered } }),
      {
        type: "declare",
        records: [
          record("lake", ["managedPolicy/R"], {
            state: "Pending",
            adopted: true,
            foundPieces: ["principal", "managedPolicy/W"],
          }),
        ],
      },
    ],
    [
      "asks whether it may have what it has already, for to take it over is to give it",
      input({ ...adopt, desired: { lake: account("lake", [W]) }, status: told, observed: { lake: offered } }),
      { type: "observe", what: "permissions" } as never,
    ],
    [
      "does not take over what no grant names",
      input({
        ...adopt,
        desired: { lake: account("lake", [W]) },
        permissions: refused("lake/managedPolicy/W"),
        status: plan("+ lake: owner"),
        observed: { lake: offered },
      }),
      { type: "refuse", about: "lake/managedPolicy/W" } as never,
    ],
    [
      "takes it over by putting the owner on it",
      input({ ...adopt, ...may, desired, status: taken(), observed: { lake: offered } }),
      { type: "apply", piece: piece("owner") },
    ],
    [
      "counts it as its own before it takes anything of it away",
      input({ ...adopt, ...may, desired, status: taken(), observed: { lake: view([R, W]) } }),
      { type: "beginNarrowing", accounts: ["lake"] },
    ],
    [
      "counts it as its own before it changes anything that it had",
      input({
        ...adopt,
        ...may,
        desired: { lake: account("lake", [wide]) },
        status: {
          ...taken({ foundPieces: ["principal", "inlinePolicy/x"], pieces: ["principal", "owner", "inlinePolicy/x"] }),
          ...plan("~ lake: inlinePolicy/x (widens)"),
        },
        observed: { lake: view([narrow]) },
      }),
      { type: "beginNarrowing", accounts: ["lake"] },
    ],
    [
      "takes off what it has added when it must go before that",
      input({
        ...adopt,
        settings: settings({ adoption: { mode: "IfAnnotated" }, state: "Suspended" }),
        desired,
        status: { ...taken(), plan: planRecord(1, [leavingLine("lake", "Suspended")]) },
        observed: { lake: view([R, W]) },
      }),
      { type: "remove", key: "managedPolicy/R" },
    ],
    [
      "then gives it back as it was",
      input({
        settings: settings({ adoption: { mode: "IfAnnotated" }, state: "Suspended" }),
        desired,
        status: { ...taken(), plan: planRecord(1, [leavingLine("lake", "Suspended")]) },
        observed: { lake: view([W]) },
      }),
      { type: "giveBack" },
    ],
    [
      "and forgets it",
      input({ settings: settings({ state: "Suspended" }), desired, status: taken({ state: "Gone" }) }),
      { type: "forget" },
    ],
    [
      "gives it back when its owner takes the consent away",
      input({
        desired,
        status: { ...taken(), plan: planRecord(1, [leavingLine("lake", "Gone")]) },
        observed: { lake: view([W]) },
      }),
      { type: "giveBack" },
    ],
  ]);
});

function doc(action: string): string {
  return JSON.stringify({
    Statement: [{ Action: [action], Effect: "Allow", Resource: ["*"] }],
    Version: "2012-10-17",
  });
}
