import assert from "node:assert/strict";
import type { DependentView, ObservedId, PlanInput, RotationAction, StagedId } from "./action.ts";
import { planRotation } from "./plan.ts";
import type { CurrentCredential, OpenRotation, PendingRevocation, RotationStatus } from "./record.ts";
import type { RotationSettings } from "./settings.ts";
import { settingsOf, type ModelSpec } from "./world.fake.ts";

const at = (text: string): Date => new Date(`2026-01-01T${text}Z`);
const now = at("12:00:00");
const spec: ModelSpec = {
  dependents: ["web"],
  deliveries: ["app"],
  overlapSeconds: 60,
  requireUnusedForSeconds: undefined,
  exclusive: true,
};
const every = (everyMs: number) => ({ everyMs, windows: [], jitterMs: 0 });
const tonight = { cron: { pattern: "0 22 * * *", timeZone: "UTC" }, durationMs: 3_600_000, mode: "Allow" as const };
const settings = (more: Partial<ModelSpec> = {}): RotationSettings => settingsOf({ ...spec, ...more });

const key = (id: string, more: Partial<ObservedId> = {}): ObservedId => ({
  id,
  createdAt: at("11:00:00"),
  enabled: true,
  ...more,
});
const staged = (version: string, id: string): StagedId => ({ version, id, issuedAt: at("11:00:00") });
const current: CurrentCredential = { version: "1-a", id: "K1", issuedAt: "2026-01-01T11:00:00Z" };
const previous: CurrentCredential = current;
const record = (version: string) => ({
  name: "app",
  version,
  target: "secret/n/app",
  place: { kubernetesSecret: { name: "app" } },
  digest: "digest-of-app",
});
const ours = (version: string) => ({ app: { kind: "ours" as const, version, carries: [version] } });
const web = (version: string | undefined, state: "Healthy" | "Progressing" | "Missing" = "Healthy") => ({
  web: { kind: "workload", state, graceSeconds: 30, ...(version === undefined ? {} : { version }) } as DependentView,
});
const good = { generation: 1, specHash: "hash", spec: "{}" };
const failures = (reason: string, since: string, next: string) => ({
  count: 1,
  reason,
  message: "No.",
  since: `2026-01-01T${since}Z`,
  nextAttemptTime: `2026-01-01T${next}Z`,
});
const entry = (more: Partial<PendingRevocation> = {}): PendingRevocation => ({
  version: "1-a",
  id: "K1",
  why: "Superseded",
  since: "2026-01-01T11:00:00Z",
  graceSeconds: 0,
  overlapSeconds: 60,
  ...more,
});
const rotation = (more: Partial<OpenRotation> = {}): OpenRotation => ({
  id: "r2",
  version: "2-b",
  trigger: "Requested",
  openedAt: "2026-01-01T11:59:00Z",
  providerTime: "2026-01-01T11:59:00Z",
  knownIds: ["K1"],
  issuer: "me",
  attempt: 1,
  direction: "Forward",
  ...more,
});
const issued = { credential: { id: "K2", issuedAt: "2026-01-01T11:59:10Z" }, previousKept: "Kept" as const };
const verified = {
  ...issued,
  verification: { successes: 2, refusals: 0, wrongRefused: true, verifiedAt: "2026-01-01T11:59:30Z" },
};
const publishedNow = { ...verified, publishedAt: "2026-01-01T11:59:40Z", previous };

/** At rest with its first credential, everything read, nothing due. */
const resting: RotationStatus = { sequence: 1, current, deliveries: [record("1-a")], lastKnownGood: good };
const input = (status: RotationStatus, more: Partial<PlanInput> = {}): PlanInput => ({
  now,
  timeTrusted: true,
  self: "me",
  settings: settings(),
  seed: "uid",
  spentRefusals: new Set(),
  specHash: "hash",
  facts: {
    slots: 2,
    canDisable: true,
    reportsLastUse: true,
    leavesNothing: false,
    marks: false,
    lockout: false,
    controlCounts: false,
  },
  status,
  attributionWindowMs: 600_000,
  paused: false,
  holder: "exporter",
  listing: [key("K1")],
  staging: [staged("1-a", "K1")],
  deliveries: ours("1-a"),
  dependents: web("1-a"),
  ...more,
});

type Row = readonly [sentence: string, input: PlanInput, expected: Partial<RotationAction> & { readonly type: string }];

const holds = (rows: readonly Row[]): void => {
  for (const [sentence, given, expected] of rows) {
    it(sentence, () => {
      const action = planRotation(given);
      const told = Object.fromEntries(Object.keys(expected).map((name) => [name, action[name as keyof typeof action]]));
      assert.deepEqual(told, expected);
    });
  }
};

describe("the planner between rotations", () => {
  holds([
    ["rests when nothing is due", input(resting), { type: "wait", for: "NextRotation" }],
    [
      "does nothing while it is paused",
      input(resting, { paused: true, rotateAt: now }),
      { type: "wait", for: "Paused" },
    ],
    [
      "still takes away what must go while it is paused",
      input(
        { ...resting, pendingRevocations: [entry({ version: "0-z", id: "K0", disabledAt: "2026-01-01T11:59:00Z" })] },
        { paused: true, rotateAt: now, listing: [key("K1"), key("K0", { enabled: false })] },
      ),
      { type: "revoke", id: "K0" },
    ],
    [
      "is paused until the next of these may go",
      input(
        { ...resting, pendingRevocations: [entry({ version: "0-z", id: "K0", since: "2026-01-01T11:59:30Z" })] },
        { paused: true },
      ),
      { type: "wait", for: "Paused", recheckAt: at("12:00:31") },
    ],
    [
      "reads the listing before it opens an intent",
      input({}, { listing: undefined }),
      { type: "observe", what: "listing" },
    ],
    [
      "declares the places of delivery before anything is issued",
      input({}, { listing: [] }),
      { type: "declare", delivery: "app" },
    ],
    [
      "issues the first credential when there is none",
      input({ deliveries: [record("0-unwritten")] }, { listing: [] }),
      { type: "openIntent", trigger: "FirstIssue" },
    ],
    ["rotates when it is asked to", input(resting, { rotateAt: now }), { type: "openIntent", trigger: "Requested" }],
    [
      "waits for a rotate-at in the future",
      input(resting, { rotateAt: at("13:00:00") }),
      { type: "wait", for: "NextRotation", recheckAt: at("13:00:00") },
    ],
    [
      "rotates when spec.schedule.every has passed since the issue",
      input(resting, { settings: { ...settings(), schedule: every(3_600_000) } }),
      { type: "openIntent", trigger: "Scheduled" },
    ],
    [
      "says when spec.schedule.every will have passed",
      input(resting, { settings: { ...settings(), schedule: every(7_200_000) } }),
      { type: "wait", for: "NextRotation", recheckAt: at("13:00:00") },
    ],
    [
      "waits for a window when the schedule has come outside of it",
      input(resting, { settings: { ...settings(), schedule: { ...every(3_600_000), windows: [tonight] } } }),
      { type: "wait", for: "NextRotation", recheckAt: at("22:00:00") },
    ],
    [
      "does not wait for a window when it is asked to",
      input(resting, {
        rotateAt: now,
        settings: { ...settings(), schedule: { ...every(3_600_000), windows: [tonight] } },
      }),
      { type: "openIntent", trigger: "Requested" },
    ],
    [
      "does not wait for a window when the current key is gone",
      input(resting, {
        listing: [],
        settings: { ...settings(), schedule: { ...every(3_600_000), windows: [tonight] } },
      }),
      { type: "openIntent", trigger: "Lost" },
    ],
    [
      "rotates when the current key is gone at the provider",
      input(resting, { listing: [] }),
      { type: "openIntent", trigger: "Lost" },
    ],
    [
      "does not take a young key for gone that a listing does not show yet",
      input({ ...resting, current: { ...current, issuedAt: "2026-01-01T11:59:30Z" } }, { listing: [] }),
      { type: "wait", for: "NextRotation" },
    ],
    [
      "rotates when the value is in no place any more",
      input(resting, { staging: [], deliveries: { app: { kind: "absent" } } }),
      { type: "openIntent", trigger: "Lost" },
    ],
    [
      "backs off after a failure, also across a restart",
      input({ ...resting, failures: failures("Unavailable", "11:59:59", "12:00:05") }, { rotateAt: now }),
      { type: "wait", for: "BackingOff", recheckAt: at("12:00:05") },
    ],
    [
      "publishes again what was removed by hand",
      input(resting, { deliveries: { app: { kind: "absent" } } }),
      { type: "publish", delivery: "app", version: "1-a" },
    ],
    [
      "publishes again what was changed by hand under the right mark",
      input(resting, { deliveries: { app: { kind: "ours", version: "1-a", carries: [] } } }),
      { type: "publish", delivery: "app", version: "1-a" },
    ],
    [
      "does not write a delivery that cannot be compared because its staging was lost",
      input(resting, { staging: [], deliveries: { app: { kind: "ours", version: "1-a", carries: [] } } }),
      { type: "wait", for: "NextRotation" },
    ],
    [
      "moves a dependent that is on another version",
      input(resting, { dependents: web("0-z") }),
      { type: "moveDependent", name: "web", version: "1-a" },
    ],
    [
      "leaves a dependent alone that reloads by itself",
      input(resting, {
        dependents: web(undefined),
        settings: {
          ...settings(),
          dependents: [{ ...settings().dependents[0]!, restart: false } as RotationSettings["dependents"][number]],
        },
      }),
      { type: "wait", for: "NextRotation" },
    ],
    [
      "waits for a dependent that a new spec names and that does not exist",
      input({ ...resting, lastKnownGood: { ...good, specHash: "old" } }, { dependents: web(undefined, "Missing") }),
      { type: "wait", for: "DependentMissing", about: "web" },
    ],
    [
      "calls a spec good only when its dependents are well",
      input({ ...resting, lastKnownGood: { ...good, specHash: "old" } }, { dependents: web("1-a", "Progressing") }),
      { type: "wait", for: "DependentRollout", about: "web" },
    ],
    [
      "withdraws what the spec no longer names",
      input({ ...resting, deliveries: [record("1-a"), { ...record("1-a"), name: "old", target: "secret/n/old" }] }),
      { type: "withdraw", target: "secret/n/old" },
    ],
    [
      "prunes values that nothing needs any more",
      input(resting, { staging: [staged("1-a", "K1"), staged("0-z", "K0")] }),
      { type: "pruneStaging", keep: ["1-a"] },
    ],
    [
      "records a spec as good when all of it stands",
      input({ ...resting, lastKnownGood: { ...good, specHash: "old" } }),
      { type: "recordGood" },
    ],
    [
      "switches the key of an undone deletion on first",
      input({ ...resting, current: { ...current, resuming: true } }, { listing: [key("K1", { enabled: false })] }),
      { type: "resume", step: "Enable" },
    ],
    [
      "has the key of an undone deletion log in before it counts",
      input({ ...resting, current: { ...current, resuming: true } }),
      { type: "resume", step: "Verify" },
    ],
  ]);
});

describe("the planner and the identity of a credential", () => {
  const away = { identity: "Suspended", rotateAt: now } as const;
  const suspension = { reason: "IdentitySuspended", since: "2026-01-01T11:00:00Z" } as const;
  const back = { ...suspension, resumedAt: "2026-01-01T11:59:00Z" };
  const held: RotationStatus = { ...resting, suspension };
  const open = (more: Partial<OpenRotation>): RotationStatus => ({ ...resting, sequence: 2, rotation: rotation(more) });
  const closedIntents = [
    {
      id: "r1",
      version: "1-a",
      openedAt: "2026-01-01T11:58:00Z",
      closedAt: "2026-01-01T11:59:00Z",
      providerTime: "2026-01-01T11:58:00Z",
      knownIds: [],
      result: "Succeeded" as const,
    },
  ];
  holds([
    ["goes on while it is Active", input(resting, { ...away, identity: "Active" }), { type: "openIntent" }],
    [
      "waits while it is not ready",
      input(resting, { ...away, identity: "NotReady" }),
      { type: "wait", for: "IdentityNotReady" },
    ],
    [
      "leaves an open rotation where it is meanwhile",
      input(open(issued), { identity: "NotReady" }),
      { type: "wait", for: "IdentityNotReady" },
    ],
    [
      "puts on record that it is suspended",
      input(resting, away),
      { type: "recordSuspension", reason: "IdentitySuspended" },
    ],
    [
      "puts on record that it has ended after it was suspended",
      input(held, { identity: "Decommissioned" }),
      { type: "recordSuspension", reason: "IdentityDecommissioned" },
    ],
    [
      "puts it on record anew when it ends again before it has come back",
      input({ ...resting, suspension: back }, away),
      { type: "recordSuspension", reason: "IdentitySuspended" },
    ],
    ["then waits, whatever is due", input(held, away), { type: "wait", for: "IdentitySuspended" }],
    [
      "does not call a key lost that its reconciler has switched off or taken away",
      input(held, { ...away, listing: [], deliveries: { app: { kind: "absent" } }, staging: [] }),
      { type: "wait", for: "IdentitySuspended" },
    ],
    [
      "does not switch on the key of an undone deletion",
      input(
        { ...held, current: { ...current, resuming: true } },
        { ...away, listing: [key("K1", { enabled: false })] },
      ),
      { type: "wait", for: "IdentitySuspended" },
    ],
    [
      "looks for a late answer as long as one may come",
      input({ ...held, closedIntents }, { ...away, listing: undefined }),
      { type: "observe", what: "listing" },
    ],
    [
      "looks again when none can come any more",
      input({ ...held, closedIntents }, away),
      { type: "wait", for: "IdentitySuspended", recheckAt: at("12:09:00") },
    ],
    ["closes an intent without a key", input(open({}), away), { type: "discardPending", because: "IdentityNotActive" }],
    [
      "gives up a key that nobody has",
      input(open(issued), away),
      { type: "discardPending", because: "IdentityNotActive" },
    ],
    [
      "gives up a key that a part of the places carry",
      input({ ...open(verified), deliveries: [record("2-b")] }, away),
      { type: "discardPending", because: "IdentityNotActive" },
    ],
    [
      "ends a rotation that was published with the new key",
      input(open(publishedNow), away),
      { type: "closeRotation", result: "Abandoned" },
    ],
    [
      "ends a rotation that was going back with the old key",
      input(open({ ...publishedNow, direction: "Back" }), away),
      { type: "closeRotation", result: "RolledBack" },
    ],
    [
      "still takes away what must go",
      input(
        { ...held, pendingRevocations: [entry({ version: "0-z", id: "K0", disabledAt: "2026-01-01T11:59:00Z" })] },
        { ...away, listing: [key("K1"), key("K0", { enabled: false })] },
      ),
      { type: "revoke", id: "K0" },
    ],
    ["begins to come back", input(held, { ...away, identity: "Active" }), { type: "comeBack", step: "Begin" }],
    [
      "has the current key log in before anything else",
      input({ ...resting, suspension: back }, { ...away, identity: "Active" }),
      { type: "comeBack", step: "Login" },
    ],
    [
      "has nothing to try when there is no key",
      input({ suspension }, { identity: "Active" }),
      { type: "comeBack", step: "End" },
    ],
    [
      "has nothing to try when the key is gone",
      input({ ...resting, suspension: back }, { identity: "Active", listing: [] }),
      { type: "comeBack", step: "End" },
    ],
    [
      "backs off between its tries",
      input(
        { ...resting, suspension: back, failures: failures("Unavailable", "11:59:59", "12:00:05") },
        { identity: "Active" },
      ),
      { type: "wait", for: "BackingOff" },
    ],
    [
      "makes a new key when the old one was refused for good",
      input({ ...resting, suspension: { ...back, refused: true } }, { identity: "Active", dependents: web("0-z") }),
      { type: "openIntent", trigger: "Resumed" },
    ],
    [
      "moves dependents to it although they are ill for want of it",
      input(
        { ...open({ ...verified, trigger: "Resumed" }), suspension: { ...back, refused: true } },
        {
          identity: "Active",
          staging: [staged("1-a", "K1"), staged("2-b", "K2")],
          dependents: web("1-a", "Progressing"),
        },
      ),
      { type: "publish", delivery: "app", version: "2-b" },
    ],
  ]);
});

const ended = { reason: "IdentitySuspended", since: "2026-01-01T11:00:00Z" } as const;

describe("the planner and an end that others are in the way of", () => {
  const away = { identity: "Suspended", paused: true } as const;
  const stuck = failures("Conflict", "11:00:00", "12:59:00");
  const own: Partial<PlanInput> = { settings: settingsOf(spec, "user") };
  const marked: Partial<PlanInput> = {
    settings: settingsOf(spec, "marked"),
    facts: { ...input({}).facts, canDisable: false, marks: true },
  };
  const held: RotationStatus = { ...resting, suspension: ended, failures: stuck };
  const given = { ...held, current: undefined, pendingRevocations: [entry()] } as unknown as RotationStatus;
  const open: RotationStatus = { ...resting, sequence: 2, failures: stuck, rotation: rotation(issued) };
  const closedAt = (time: string) => [
    {
      id: "r0",
      version: "0-z",
      openedAt: "2026-01-01T11:40:00Z",
      closedAt: `2026-01-01T${time}Z`,
      providerTime: "2026-01-01T11:40:00Z",
      knownIds: ["K1"],
      result: "Abandoned" as const,
    },
  ];
  const stray = key("K9", { createdAt: at("11:41:00") });
  const young = key("K8", { createdAt: at("11:59:30") });
  const bad: RotationStatus = { ...held, failures: stuck, revocationFailures: { ...stuck, about: "K1" } };
  const several = ["K1", "K2", "K3"].map((id) => entry({ id, version: `1-${id}` }));
  const surrenderedAll = { ...given, pendingRevocations: several };
  holds([
    ["notes the end", input({ ...resting, failures: stuck }, away), { type: "recordSuspension" }],
    ["gives up what has no switch", input(held, { ...away, ...marked }), { type: "surrender" }],
    ["gives up the key of a user that it names itself", input(held, { ...away, ...own }), { type: "surrender" }],
    [
      "leaves the key of an account to the identity's own reconciler",
      input(held, away),
      { type: "wait", for: "IdentitySuspended" },
    ],
    [
      "ends an open rotation",
      input(open, { ...away, ...own }),
      { type: "discardPending", because: "IdentityNotActive" },
    ],
    [
      "switches off what was given up, however lately it was used and whoever is behind",
      input(given, {
        ...away,
        settings: settingsOf({ ...spec, requireUnusedForSeconds: 20 }, "user"),
        dependents: web("0-z"),
      }),
      { type: "disable", id: "K1" },
    ],
    [
      "and deletes it without a soak, even when nobody knows what time it is",
      input(
        { ...given, pendingRevocations: [entry({ disabledAt: "2026-01-01T12:00:00Z" })] },
        { ...away, ...own, timeTrusted: false },
      ),
      { type: "revoke", id: "K1" },
    ],
    ["gives up before it revokes what cannot be revoked", input(bad, { ...away, ...marked }), { type: "surrender" }],
    [
      "takes the next one when one cannot be revoked",
      input({ ...surrenderedAll, revocationFailures: { ...stuck, about: "K1" } }, { ...away, ...marked }),
      { type: "revoke", id: "K2" },
    ],
    [
      "takes the third one when two cannot be revoked",
      input(
        { ...surrenderedAll, revocationFailures: { ...failures("Conflict", "11:59:00", "11:59:59"), about: "K2" } },
        { ...away, ...marked },
      ),
      { type: "revoke", id: "K3" },
    ],
    [
      "gives up although a key on a shared user is for a person to judge",
      input(
        { ...held, closedIntents: closedAt("11:55:00") },
        { ...away, settings: settingsOf({ ...spec, exclusive: false }, "user"), listing: [key("K1"), stray] },
      ),
      { type: "surrender" },
    ],
    [
      "looks under a pause for what a closed rotation may have left",
      input({ ...resting, closedIntents: closedAt("11:50:00") }, { paused: true, listing: undefined }),
      { type: "observe", what: "listing" },
    ],
    [
      "puts under a pause on record what a closed rotation has left",
      input({ ...resting, closedIntents: closedAt("11:50:00") }, { paused: true, listing: [key("K1"), stray] }),
      { type: "recordStray", id: "K9" },
    ],
    [
      "leaves under a pause what the open rotation has made",
      input({ ...resting, rotation: rotation() }, { paused: true, listing: [key("K1"), young] }),
      { type: "wait", for: "Paused" },
    ],
    [
      "puts that on record when the pause is over",
      input({ ...resting, rotation: rotation() }, { listing: [key("K1"), young] }),
      { type: "recordStray", id: "K8" },
    ],
    [
      "looks for a late answer although a refused spec backs off",
      input({ ...resting, failures: stuck, closedIntents: closedAt("11:55:00") }, { listing: undefined }),
      { type: "observe", what: "listing" },
    ],
    [
      "asks nobody who is out of reach before the back-off ends",
      input(
        { ...resting, failures: { ...stuck, reason: "Unavailable" }, closedIntents: closedAt("11:55:00") },
        { listing: undefined },
      ),
      { type: "wait", for: "BackingOff" },
    ],
    [
      "revokes what must go although a stray is for a person to judge",
      input(
        {
          ...resting,
          closedIntents: closedAt("11:55:00"),
          pendingRevocations: [entry({ version: "0-z", id: "K0", disabledAt: "2026-01-01T11:59:00Z" })],
        },
        { settings: settings({ exclusive: false }), listing: [key("K1"), key("K0", { enabled: false }), stray] },
      ),
      { type: "revoke", id: "K0" },
    ],
  ]);
});

describe("the planner and what existed before", () => {
  const adopting = { settings: { ...settings(), adopt: true } };
  const asks = { app: { kind: "adoptable" as const } };
  const adopted: RotationStatus = {
    ...resting,
    current: { ...current, adopted: true },
    adoptedPlaces: ["secret/n/app"],
  };
  const rotating: RotationStatus = { ...adopted, sequence: 2, rotation: rotation(verified) };
  const both = { staging: [staged("1-a", "K1"), staged("2-b", "K2")] };
  const changed = { deliveries: { app: { kind: "foreign" as const, why: "" } } };
  holds([
    [
      "looks whether something asks to be adopted before it makes a first key",
      input({}, { ...adopting, deliveries: undefined }),
      { type: "observe", what: "deliveries" },
    ],
    ["adopts it", input({}, { ...adopting, deliveries: asks }), { type: "adopt", deliveries: ["app"] }],
    ["does not where the spec does not say so", input({}, { deliveries: asks }), { type: "declare", delivery: "app" }],
    [
      "does not adopt when there is a key already",
      input({ ...resting, deliveries: [] }, { ...adopting, deliveries: asks }),
      { type: "declare", delivery: "app" },
    ],
    ["leaves what is adopted alone", input(adopted, adopting), { type: "wait", for: "NextRotation" }],
    [
      "does not move those who use it already",
      input(adopted, { ...adopting, dependents: web(undefined, "Progressing") }),
      { type: "wait", for: "NextRotation" },
    ],
    ["rotates it when that is due", input(adopted, { ...adopting, rotateAt: now }), { type: "openIntent" }],
    [
      "gives it back when it was changed",
      input(adopted, { ...adopting, ...changed }),
      { type: "giveBack", because: "PlaceChanged" },
    ],
    ["gives it back when the spec does not ask any more", input(adopted), { type: "giveBack", because: "NotAsked" }],
    [
      "gives it back when its place is not declared any more",
      input(adopted, { settings: { ...settings(), adopt: true, deliveries: [] } }),
      { type: "giveBack", because: "NotAsked" },
    ],
    [
      "notes that the identity has ended before it gives it back",
      input(adopted, { ...adopting, identity: "Suspended" }),
      { type: "recordSuspension", reason: "IdentitySuspended" },
    ],
    [
      "gives it back when the identity has ended, whatever is paused or backs off",
      input(
        { ...adopted, suspension: ended, failures: failures("Conflict", "11:00:00", "12:59:00") },
        { ...adopting, identity: "Suspended", paused: true },
      ),
      { type: "giveBack", because: "IdentityNotActive" },
    ],
    [
      "keeps it while the identity is not ready",
      input(adopted, { ...adopting, identity: "NotReady" }),
      { type: "wait" },
    ],
    [
      "gives up the key that was to replace it before it gives it back",
      input(rotating, { ...adopting, ...both, ...changed }),
      { type: "discardPending", because: "AdoptionEnded" },
    ],
    [
      "publishes over it with a key that is verified",
      input(rotating, { ...adopting, ...both }),
      { type: "publish", delivery: "app", version: "2-b" },
    ],
    [
      "goes on when it has begun to publish",
      input({ ...rotating, deliveries: [record("2-b")] }, { ...both, ...changed }),
      { type: "recordPublished" },
    ],
    [
      "retires a key that was taken back though nobody had to be moved to what was adopted",
      input(
        { ...adopted, pendingRevocations: [entry({ version: "2-b", id: "K2", why: "Rejected", overlapSeconds: 1 })] },
        { ...adopting, dependents: web(undefined), listing: [key("K1"), key("K2")] },
      ),
      { type: "disable", id: "K2" },
    ],
  ]);
});

describe("the planner and the provider's slots", () => {
  const due = { rotateAt: now };
  holds([
    [
      "stalls when every slot is taken by keys that are not ours",
      input(resting, { ...due, listing: [key("K1"), key("F1")] }),
      { type: "stall", reason: "SlotsFull" },
    ],
    [
      "deletes early what is disabled already",
      input(
        { ...resting, pendingRevocations: [entry({ version: "0-z", id: "K0", disabledAt: "2026-01-01T11:59:59Z" })] },
        { ...due, listing: [key("K1"), key("K0", { enabled: false })] },
      ),
      { type: "revoke", id: "K0", onlyIfNeverUsed: false },
    ],
    [
      "waits for an overlap to end rather than cut it short",
      input(
        { ...resting, pendingRevocations: [entry({ version: "0-z", id: "K0", since: "2026-01-01T11:59:30Z" })] },
        { ...due, listing: [key("K1"), key("K0")] },
      ),
      { type: "wait", for: "FreeSlot", recheckAt: at("12:00:31") },
    ],
  ]);
});

describe("the planner in an open rotation", () => {
  const open = (more: Partial<OpenRotation> = {}, status: Partial<RotationStatus> = {}): RotationStatus => ({
    ...resting,
    sequence: 2,
    rotation: rotation(more),
    ...status,
  });
  const both = [staged("1-a", "K1"), staged("2-b", "K2")];
  const two = [key("K1"), key("K2", { createdAt: at("11:59:10") })];
  const live = { staging: both, listing: two };
  const sick = { dependents: web("1-a", "Progressing") };
  const moving = {
    ...publishedNow,
    dependents: [{ name: "web", startedAt: "2026-01-01T11:59:50Z" }],
  };
  const paused = { web: { ...web("2-b", "Progressing").web, held: "Paused" } as DependentView };
  const heldOpen = { ...moving, dependents: [{ ...moving.dependents[0]!, heldAt: "2026-01-01T11:59:55Z" }] };
  const switched = { current: { ...current, version: "2-b", id: "K2" }, deliveries: [record("2-b")] };
  const back = { ...moving, direction: "Back" as const, dependents: [{ name: "web" }] };
  holds([
    ["issues under an intent of its own", input(open()), { type: "issueAndStage" }],
    ["writes an intent anew that another process wrote", input(open({ issuer: "other" })), { type: "renewIntent" }],
    [
      "records what was staged before a crash",
      input(open(), { staging: both, listing: two }),
      { type: "recordStaged", id: "K2" },
    ],
    [
      "keeps the previous value before it replaces it",
      input(open({ credential: issued.credential }), live),
      { type: "keepPrevious" },
    ],
    ["verifies before it publishes", input(open(issued), live), { type: "verify", version: "2-b", id: "K2" }],
    [
      "spreads its logins over the soak",
      input(
        open({
          ...issued,
          verification: { successes: 1, refusals: 0, wrongRefused: true, lastTryAt: "2026-01-01T11:59:59Z" },
        }),
        live,
      ),
      { type: "wait", for: "Verification", recheckAt: at("12:00:01") },
    ],
    [
      "pauses after a refusal",
      input(
        open({
          ...issued,
          verification: { successes: 0, refusals: 1, wrongRefused: false, lastTryAt: "2026-01-01T11:59:59Z" },
        }),
        live,
      ),
      { type: "wait", for: "Verification" },
    ],
    [
      "discards a pending credential whose value was lost",
      input(open(issued)),
      { type: "discardPending", because: "StagingLost" },
    ],
    [
      "wins the value back from where it stands when it was lost half-way through publishing",
      input(open(verified), { listing: two, deliveries: ours("2-b") }),
      { type: "restage", version: "2-b", id: "K2" },
    ],
    [
      "goes back when it was lost half-way through publishing and stands nowhere any more",
      input(
        { ...open(verified), deliveries: [record("2-b")] },
        { listing: two, deliveries: { app: { kind: "absent" } } },
      ),
      { type: "goBack", because: "StagingLost" },
    ],
    [
      "publishes when it is verified",
      input(open(verified), live),
      { type: "publish", delivery: "app", version: "2-b" },
    ],
    [
      "waits for a dependent that is ill before the change",
      input(open(verified), { ...live, ...sick }),
      { type: "wait", for: "DependentUnhealthy", about: "web" },
    ],
    [
      "does not make those wait for the cure who are ill for want of a working key",
      input(open(verified), { ...live, ...sick, listing: [key("K2", { createdAt: at("11:59:10") })] }),
      { type: "publish", delivery: "app", version: "2-b" },
    ],
    [
      "takes the new credential for current when every place carries it",
      input(open(verified, { deliveries: [record("2-b")] }), live),
      { type: "recordPublished" },
    ],
    [
      "goes back when a place has refused it for the progress deadline",
      input(open(verified, { failures: failures("Conflict", "11:45:00", "11:59:00") }), live),
      { type: "goBack", because: "Conflict" },
    ],
    [
      "never goes back for what is merely out of reach",
      input(open(verified, { failures: failures("Unavailable", "11:00:00", "11:59:00") }), live),
      { type: "publish" },
    ],
    [
      "moves the dependents when the credential is published",
      input(open(publishedNow, switched), { ...live, deliveries: ours("2-b") }),
      { type: "moveDependent", name: "web", version: "2-b" },
    ],
    [
      "waits for a rollout until its time-out",
      input(open(moving, switched), { ...live, deliveries: ours("2-b"), dependents: web("2-b", "Progressing") }),
      { type: "wait", for: "DependentRollout", about: "web", recheckAt: at("12:01:50") },
    ],
    [
      "repairs a place that was removed while dependents roll",
      input(open(moving, switched), {
        ...live,
        deliveries: { app: { kind: "absent" } },
        dependents: web("2-b", "Progressing"),
      }),
      { type: "publish", delivery: "app", version: "2-b" },
    ],
    [
      "records a dependent that runs on it",
      input(open(moving, switched), { ...live, dependents: web("2-b") }),
      { type: "recordDependent", name: "web", graceSeconds: 30 },
    ],
    [
      "goes back when a dependent does not come up in time",
      input(open(moving, switched), { ...live, now: at("12:02:00"), dependents: web("2-b", "Progressing") }),
      { type: "goBack", because: "web" },
    ],
    [
      "writes down that people hold a dependent's roll-out, whatever its time-out",
      input(open(moving, switched), { ...live, now: at("12:02:00"), deliveries: ours("2-b"), dependents: paused }),
      { type: "recordHold", name: "web", held: true },
    ],
    [
      "waits without time-out for one that people hold",
      input(open(heldOpen, switched), { ...live, now: at("12:02:00"), deliveries: ours("2-b"), dependents: paused }),
      { type: "wait", for: "DependentHeld" },
    ],
    [
      "lets the time-out count on, and does not go back, when they hold it no longer",
      input(open(heldOpen, switched), { ...live, now: at("12:02:00"), dependents: web("2-b", "Progressing") }),
      { type: "recordHold", name: "web", held: false },
    ],
    [
      "does not let a leaked credential live on for one that people hold",
      input(open({ ...moving, previous: { ...current, leaked: true } }, switched), {
        ...live,
        now: at("12:02:00"),
        deliveries: ours("2-b"),
        dependents: paused,
      }),
      { type: "closeRotation", result: "Abandoned" },
    ],
    [
      "never goes back to a key that is gone",
      input(open(moving, switched), {
        ...live,
        now: at("12:02:00"),
        listing: [key("K2", { createdAt: at("11:59:10") })],
        deliveries: ours("2-b"),
        dependents: web("2-b", "Progressing"),
      }),
      { type: "wait", for: "DependentRollout" },
    ],
    [
      "never goes back when the previous value is lost",
      input(open({ ...moving, previousKept: "Unavailable" }, switched), {
        ...live,
        now: at("12:02:00"),
        deliveries: ours("2-b"),
        dependents: web("2-b", "Progressing"),
      }),
      { type: "wait", for: "DependentRollout" },
    ],
    [
      "ends a rotation whose own key somebody took away",
      input(open(moving, switched), {
        ...live,
        now: at("12:01:00"),
        listing: [],
        deliveries: ours("2-b"),
        dependents: web("2-b", "Progressing"),
      }),
      { type: "closeRotation", result: "Abandoned" },
    ],
    [
      "closes when everybody has moved",
      input(
        open({ ...moving, dependents: [{ name: "web", doneAt: "2026-01-01T11:59:59Z", graceSeconds: 30 }] }, switched),
        live,
      ),
      { type: "closeRotation", result: "Succeeded" },
    ],
    [
      "publishes the previous value everywhere on the way back",
      input(open(back, { deliveries: [record("2-b")] }), live),
      { type: "publish", delivery: "app", version: "1-a" },
    ],
    [
      "moves back whom it had moved",
      input(open(back), { ...live, dependents: web("2-b") }),
      { type: "moveDependent", name: "web", version: "1-a" },
    ],
    [
      "is not held up on the way back by a dependent that is gone",
      input(open({ ...back, dependents: [{ name: "web", startedAt: "2026-01-01T11:59:50Z" }] }), {
        ...live,
        dependents: web(undefined, "Missing"),
      }),
      { type: "recordDependent", name: "web", graceSeconds: 0 },
    ],
    [
      "closes as rolled back when everybody is back",
      input(open({ ...back, dependents: [{ name: "web", doneAt: "2026-01-01T11:59:59Z" }] }), live),
      { type: "closeRotation", result: "RolledBack" },
    ],
  ]);

  it("asks an external dependent for the version, and believes no other answer", () => {
    const given = (confirmed: string | undefined): PlanInput =>
      input(open({ ...publishedNow, dependents: [{ name: "ci", startedAt: "2026-01-01T11:59:50Z" }] }, switched), {
        ...live,
        settings: settings({ dependents: ["ci"] }),
        deliveries: ours("2-b"),
        dependents: { ci: { kind: "external", ...(confirmed === undefined ? {} : { confirmed }) } },
      });
    for (const wrong of [undefined, "1-a", "true", "2-b ", "2"]) {
      const action = planRotation(given(wrong));
      assert.ok(action.type === "wait" && action.for === "ExternalConfirmation");
    }
    assert.equal(planRotation(given("2-b")).type, "recordDependent");
  });

  it("moves dependents of one order together and the next order after them", () => {
    const status = open(
      { ...publishedNow, dependents: [{ name: "web", startedAt: "2026-01-01T11:59:50Z" }] },
      switched,
    );
    const dependents = {
      ...web("2-b", "Progressing"),
      batch: { kind: "workload", state: "Healthy", graceSeconds: 5 } as const,
    };
    const given = input(status, {
      ...live,
      settings: settings({ dependents: ["web", "batch"] }),
      deliveries: ours("2-b"),
      dependents,
    });
    assert.equal(planRotation(given).type, "wait");
    const together = given.settings.dependents.map((dependent) => ({ ...dependent, order: 0 }));
    const action = planRotation({ ...given, settings: { ...given.settings, dependents: together } });
    assert.deepEqual(action, { type: "moveDependent", name: "batch", version: "2-b" });
  });
});

describe("the planner and what must still die", () => {
  const after = (pending: PendingRevocation, more: Partial<RotationStatus> = {}): RotationStatus => ({
    ...resting,
    current: { ...current, version: "2-b", id: "K2" },
    deliveries: [record("2-b")],
    pendingRevocations: [pending],
    ...more,
  });
  const moved = {
    listing: [key("K1"), key("K2")],
    staging: [staged("1-a", "K1"), staged("2-b", "K2")],
    deliveries: ours("2-b"),
    dependents: web("2-b"),
  };
  holds([
    [
      "waits for overlap, grace and disableAfter, each after the other, and a second more",
      input(after(entry({ since: "2026-01-01T11:58:30Z", graceSeconds: 30 })), {
        ...moved,
        settings: { ...settings(), retire: { ...settings().retire, disableAfterMs: 10_000 } },
      }),
      { type: "wait", for: "Overlap", recheckAt: at("12:00:11") },
    ],
    ["disables when they have passed", input(after(entry()), moved), { type: "disable", id: "K1" }],
    [
      "retires nothing by a clock that disagrees",
      input(after(entry()), { ...moved, timeTrusted: false }),
      { type: "wait", for: "ClockSkew" },
    ],
    [
      "lists the dependents afresh before it disables",
      input(after(entry()), { ...moved, dependents: undefined }),
      { type: "observe", what: "dependents" },
    ],
    [
      "disables nothing while a dependent is behind",
      input(after(entry()), { ...moved, dependents: web("2-b", "Progressing") }),
      { type: "wait" },
    ],
    [
      "disables nothing that a delivery still carries",
      input(after(entry()), { ...moved, deliveries: { app: { kind: "ours", version: "1-a", carries: ["1-a"] } } }),
      { type: "publish", version: "2-b" },
    ],
    [
      "disables nothing that somebody may go back to while another rotation is under way",
      input(
        after(entry(), {
          rotation: rotation({ id: "r3", version: "3-c", credential: { id: "K3", issuedAt: "2026-01-01T11:59:10Z" } }),
        }),
        { ...moved, staging: [...moved.staging, staged("3-c", "K3")] },
      ),
      { type: "keepPrevious" },
    ],
    [
      "hands requireUnusedFor to whoever disables",
      input(after(entry()), { ...moved, settings: settings({ requireUnusedForSeconds: 20 }) }),
      { type: "disable", requireUnusedForMs: 20_000 },
    ],
    [
      "disables at once what nobody ever had, whatever the clocks say",
      input(after(entry({ why: "Rejected", overlapSeconds: 0, since: "2026-01-01T12:00:00Z" })), {
        ...moved,
        timeTrusted: false,
      }),
      { type: "disable", id: "K1" },
    ],
    [
      "holds what is disabled for deleteAfter",
      input(after(entry({ disabledAt: "2026-01-01T11:59:58Z" })), moved),
      { type: "wait", for: "Soak", recheckAt: at("12:00:04") },
    ],
    [
      "deletes when that has passed",
      input(after(entry({ disabledAt: "2026-01-01T11:59:50Z" })), moved),
      { type: "revoke", id: "K1", onlyIfNeverUsed: false },
    ],
    [
      "proves what is deleted",
      input(after(entry({ disabledAt: "2026-01-01T11:59:40Z", deletedAt: "2026-01-01T11:59:50Z" })), {
        ...moved,
        listing: [key("K2")],
      }),
      { type: "prove", id: "K1", version: "1-a" },
    ],
    [
      "deletes again what is still listed long after",
      input(after(entry({ disabledAt: "2026-01-01T11:59:40Z", deletedAt: "2026-01-01T11:59:50Z" })), moved),
      { type: "revoke", id: "K1" },
    ],
    [
      "goes on retiring while something else backs off",
      input(after(entry(), { failures: failures("Unavailable", "11:59:00", "12:30:00") }), moved),
      { type: "disable", id: "K1" },
    ],
    [
      "lets one that cannot be revoked hold up no other",
      input(
        {
          ...after(entry({ version: "stray-S", id: "S", why: "Stray", disabledAt: "2026-01-01T11:00:00Z" })),
          pendingRevocations: [
            entry({ version: "stray-S", id: "S", why: "Stray", disabledAt: "2026-01-01T11:00:00Z" }),
            entry(),
          ],
          revocationFailures: { ...failures("StillInUse", "11:59:00", "12:59:00"), about: "S" },
        },
        moved,
      ),
      { type: "disable", id: "K1" },
    ],
  ]);
});

describe("the planner and keys that nobody recorded", () => {
  const lost = key("LOST", { createdAt: at("11:59:30") });
  const closedIntent = {
    id: "r1",
    version: "1-a",
    openedAt: "2026-01-01T11:58:00Z",
    closedAt: "2026-01-01T11:59:00Z",
    providerTime: "2026-01-01T11:58:00Z",
    knownIds: ["OLD"],
    result: "Succeeded" as const,
  };
  const after: RotationStatus = { ...resting, closedIntents: [closedIntent] };
  const listing = [key("K1"), lost];
  holds([
    [
      "records a late key as a stray before it touches it",
      input(after, { listing }),
      { type: "recordStray", id: "LOST" },
    ],
    [
      "leaves a key alone that was there before the intent",
      input(after, { listing: [key("K1"), { ...lost, id: "OLD" }] }),
      { type: "wait", for: "NextRotation" },
    ],
    [
      "leaves a key alone that was made before the intent",
      input(after, { listing: [key("K1"), { ...lost, createdAt: at("11:57:00") }] }),
      { type: "wait", for: "NextRotation" },
    ],
    [
      "leaves a key alone that was made after the attribution window",
      input(after, { now: at("12:20:00"), listing: [key("K1"), { ...lost, createdAt: at("12:09:01") }] }),
      { type: "wait", for: "NextRotation" },
    ],
    [
      "stalls and touches nothing on a user that is not exclusive",
      input(after, { listing, settings: settings({ exclusive: false }) }),
      { type: "stall", reason: "StrayOnSharedTarget", about: "LOST" },
    ],
    [
      "does not call a key a stray before staging was read",
      input({ ...after, rotation: rotation() }, { listing, staging: undefined }),
      { type: "observe", what: "staging" },
    ],
    [
      "does not call a key a stray that is staged for the open rotation",
      input({ ...after, rotation: rotation() }, { listing, staging: [staged("1-a", "K1"), staged("2-b", "LOST")] }),
      { type: "recordStaged", id: "LOST" },
    ],
    [
      "disables a stray at once",
      input(
        { ...after, pendingRevocations: [entry({ version: "stray-LOST", id: "LOST", why: "Stray" })] },
        { listing },
      ),
      { type: "disable", id: "LOST" },
    ],
    [
      "deletes a disabled stray only if nobody ever used it",
      input(
        {
          ...after,
          pendingRevocations: [
            entry({ version: "stray-LOST", id: "LOST", why: "Stray", disabledAt: "2026-01-01T11:59:59Z" }),
          ],
        },
        { listing },
      ),
      { type: "revoke", id: "LOST", onlyIfNeverUsed: true },
    ],
    [
      "does not take a key that is proven dead for a stray when a listing lags",
      input(
        { ...after, history: [{ version: "0-z", id: "LOST", endedAt: "2026-01-01T11:59:59Z", end: "Revoked" }] },
        { listing },
      ),
      { type: "wait", for: "NextRotation" },
    ],
  ]);
});
