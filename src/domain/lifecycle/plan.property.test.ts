import assert from "node:assert/strict";
import fc from "fast-check";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import { without } from "../../kernel/without.ts";
import type { DesiredAccount } from "./action.ts";
import type { AccountRecord } from "./record.ts";
import { wasOffboarded } from "./plan.ts";
import { readLeniently, wantedState } from "./settings.ts";
import { cleared } from "./transitions.ts";
import { World, type Happening } from "./world.fake.ts";
import type { Place } from "./world-place.fake.ts";

/**
 * Random histories: edits of the spec, providers that are down or refuse, hands that change things outside, suspensions, expiry,
 * deletion, and an operator that is killed between any two outside calls. The invariants hold at every step; when the faults end, the
 * world is what the spec says, whatever path led there. Replay a failure with KEYTURN_SEED and KEYTURN_PATH as fast-check
 * prints them; KEYTURN_RUNS for more of them.
 */
type Spec = ServiceAccountLifecycleSpec;
type Account = Spec["accounts"][number];

const arn = (name: string): string => `arn:aws:iam::aws:policy/${name}`;
const POLICIES = ["ReadOnlyAccess", "AmazonS3FullAccess", "AWSBillingReadOnlyAccess"].map(arn);
const BOUNDARIES = ["arn:aws:iam::123456789012:policy/bound-a", "arn:aws:iam::123456789012:policy/bound-b"];
const ROLES = [
  { kind: "Role", name: "reader" },
  { kind: "ClusterRole", name: "view" },
  { kind: "ClusterRole", name: "auditor", scope: "Cluster" },
] as const;

const inline = (actions: readonly string[]) => [
  { name: "own", statements: [{ effect: "Allow" as const, actions: [...actions], resources: ["*"] }] },
];

const cluster: fc.Arbitrary<Account> = fc
  .record({ roles: fc.subarray([...ROLES]) })
  .map(({ roles }) => ({ name: "cluster", kubernetes: { roles } }));
const rights = fc.record(
  {
    policies: fc.subarray(POLICIES),
    inlinePolicies: fc.constantFrom(inline(["s3:GetObject"]), inline(["s3:*"]), inline(["sqs:SendMessage"])),
    permissionsBoundary: fc.constantFrom(...BOUNDARIES),
  },
  { requiredKeys: [] },
);
const lake: fc.Arbitrary<Account> = fc
  .record({ rights, groups: fc.subarray(["analysts", "auditors"]) })
  .map(({ rights: given, groups }) => ({
    name: "lake",
    aws: { connectionRef: { name: "aws" }, user: { ...given, groups } },
  }));
const work: fc.Arbitrary<Account> = fc
  .record({
    rights,
    audience: fc.constantFrom("sts.amazonaws.com", "other"),
    maxSessionDuration: fc.constantFrom("1h", "2h"),
  })
  .map(({ rights: given, ...rest }) => ({
    name: "work",
    aws: { connectionRef: { name: "aws" }, role: { ...given, ...rest } },
  }));
const secrets: fc.Arbitrary<Account> = fc
  .record({ policies: fc.subarray(["billing-read", "billing-write"]), tokenTTL: fc.constantFrom("1h", "30m") })
  .map(({ policies, tokenTTL }) => ({
    name: "secrets",
    vault: { connectionRef: { name: "vault" }, policies, login: { mode: "AppRole" as const, tokenTTL } },
  }));

const accounts: fc.Arbitrary<Account[]> = fc
  .tuple(cluster, fc.option(lake), fc.option(work), fc.option(secrets))
  .map((each) => each.filter((account) => account !== null));

const HOLD_SECONDS = 3600;

const specs: fc.Arbitrary<Spec> = fc
  .record({
    accounts,
    team: fc.constantFrom("payments", "billing"),
    environment: fc.constantFrom(undefined, "production"),
    drift: fc.constantFrom("Enforce" as const, "Enforce" as const, "Report" as const),
    adoption: fc.constantFrom("Never" as const, "IfAnnotated" as const),
    policy: fc.constantFrom("Delete" as const, "Delete" as const, "Disable" as const),
    rollback: fc.constantFrom("Effective" as const, "Effective" as const, "None" as const),
  })
  .map(({ accounts: each, team, environment, drift, adoption, policy, rollback }) => ({
    owner: { team, contact: `${team}@example.com` },
    purpose: "Exports invoices",
    ...(environment === undefined ? {} : { environment }),
    accounts: each,
    drift: { mode: drift },
    adoption: { mode: adoption },
    progressDeadline: "10m",
    deletion: { policy, holdFor: `${HOLD_SECONDS}s`, timeout: "10m", onTimeout: "HandOver" as const },
    rollback: { mode: rollback },
  }));

type State = "Active" | "Suspended" | "Decommissioned";
const NAMES = ["cluster", "lake", "work", "secrets"] as const;
const TARGETS = {
  cluster: "kubernetes-service-account/payments/billing",
  lake: "aws-user/123456789012/payments.billing.lake",
  work: "aws-role/123456789012/payments.billing.work",
  secrets: "vault-entity/vault:8200/-/keyturn.payments.billing.secrets",
} as const;

type Command =
  | { readonly do: "pass" | "step"; readonly times: number }
  | { readonly do: "crash" | "delete" | "skew" | "timeBack" | "pause" | "dryRun" | "goOn" }
  | { readonly do: "tick"; readonly seconds: number }
  | { readonly do: "spec"; readonly spec: Spec }
  | { readonly do: "accounts"; readonly accounts: Account[] }
  | { readonly do: "state"; readonly state: State }
  | { readonly do: "expire"; readonly seconds: number | undefined }
  | {
      readonly do: "down" | "up" | "addKey" | "enableKeys" | "removePiece" | "addPiece" | "bound" | "uncut" | "vanish";
      readonly account: (typeof NAMES)[number];
    }
  | { readonly do: "plant" | "offer" | "conflict"; readonly account: (typeof NAMES)[number] }
  | { readonly do: "refuseStep"; readonly account: (typeof NAMES)[number]; readonly step: string }
  | { readonly do: "refuse" | "forbid" | "allow"; readonly key: string }
  | { readonly do: "nextCall"; readonly fate: "fails" | "answerLost" };

const name = fc.constantFrom(...NAMES);
/** What a provider may refuse of a leaver, and of one who comes back. */
const leavingSteps = fc.constantFrom(
  "cut/Deny",
  "cut/Boundary",
  "cut/AttachedDeny",
  "cut/Room",
  "close",
  "disable",
  "managedPolicy",
  "inlinePolicy",
  "group",
  "binding",
);
const keys = fc.constantFrom(
  ...POLICIES.flatMap((policy) => [`lake/managedPolicy/${policy}`, `work/managedPolicy/${policy}`]),
  "cluster/binding/Role/reader",
  "cluster/clusterBinding/ClusterRole/auditor",
  "secrets/policy/billing-write",
  "lake/inlinePolicy/own",
);

const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ do: fc.constant("pass" as const), times: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 20, arbitrary: fc.record({ do: fc.constant("step" as const), times: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 10, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
  {
    weight: 20,
    arbitrary: fc.record({ do: fc.constant("tick" as const), seconds: fc.constantFrom(1, 5, 60, 700, 1800, 3700) }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("spec" as const), spec: specs }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("accounts" as const), accounts }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("state" as const),
      state: fc.constantFrom<State>("Active", "Active", "Suspended", "Decommissioned"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("expire" as const), seconds: fc.constantFrom(undefined, 10, 1000) }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "down" as const,
        "up" as const,
        "up" as const,
        "addKey" as const,
        "addKey" as const,
        "enableKeys" as const,
        "removePiece" as const,
        "addPiece" as const,
        "bound" as const,
        "uncut" as const,
        "vanish" as const,
      ),
      account: name,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom("plant" as const, "offer" as const, "conflict" as const),
      account: name,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("refuseStep" as const), account: name, step: leavingSteps }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom("refuse" as const, "forbid" as const, "allow" as const), key: keys }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "skew" as const,
        "timeBack" as const,
        "timeBack" as const,
        "pause" as const,
        "dryRun" as const,
        "goOn" as const,
        "goOn" as const,
      ),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("nextCall" as const),
      fate: fc.constantFrom("fails" as const, "answerLost" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const) }) },
);

type Say = (why: string) => string;

/** The model's memory of what people did and what they may expect. */
class Judge {
  readonly world: World;
  /** Snapshots of what is somebody else's, by target. */
  readonly foreign = new Map<string, string>();
  /** Restrictions that somebody put up by hand. */
  readonly boundByHand = new Set<string>();
  /** `<account>/<key>` that was taken away since the last good spec, while the own spec was in force. */
  readonly narrowed = new Set<string>();
  /** Since when each account is to be gone without a break. */
  readonly goneSince = new Map<string, number>();
  #good: string | undefined;

  constructor(world: World) {
    this.world = world;
    world.watch = (happening) => {
      this.#remember();
      this.#judge(happening);
    };
  }

  check(): void {
    const { world } = this;
    this.#remember();
    for (const [target, before] of this.foreign)
      assert.equal(world.place(target).snapshot(), before, `S3: ${target} is somebody else's and was touched`);
    bounded(world);
  }

  #remember(): void {
    const { world } = this;
    const good = canonicalJson(world.status.lastKnownGood ?? null);
    if (good !== this.#good && world.status.narrowed === undefined) this.narrowed.clear();
    this.#good = good;
    const settings = readLeniently(world.spec);
    const leaving = world.deletedAtMs !== undefined || wantedState(settings, world.now) === "Decommissioned";
    for (const each of NAMES) {
      const gone = leaving || !world.spec.accounts.some((account) => account.name === each);
      const held = (world.status.accounts ?? []).some(({ name: known, state }) => known === each && state === "Cut");
      // A change of mind that the operator never saw changes nothing.
      if (!gone && !held) this.goneSince.delete(each);
      else if (!gone) continue;
      else if (!this.goneSince.has(each)) this.goneSince.set(each, world.nowMs);
    }
  }

  #judge({ action, stored, own, place, atMs, desired }: Happening): void {
    const say = (why: string): string =>
      `${action.type} ${action.account}${"key" in action ? ` ${action.key}` : ""}: ${why}`;
    const record = (stored.accounts ?? []).find((each) => each.name === action.account);
    assert.ok(record !== undefined, say("not on record before it was done"));
    assert.ok(!this.foreign.has(place.target) || action.type === "prove", say("it is somebody else's"));
    this.#keepsBounds(action, place, desired, say);
    if (action.type === "apply") {
      const { piece } = action;
      assert.ok(record.pieces.includes(piece.key), say(`${piece.key} is not on record before it is made`));
      const told = (stored.plan?.lines ?? []).some((line) => line.includes(` ${action.account}: ${piece.title}`));
      const former = action.because === "Former" && record.former?.some(({ key }) => key === piece.key) === true;
      assert.ok(told || action.because === "Drift" || former, say("not in the plan"));
      if (piece.class !== "grant") return;
      assert.ok(place.pieces.has("owner"), say("a grant before the owner is on record"));
      const bound = desired?.pieces.some(({ key }) => key === "boundary") === true;
      // A boundary that denies everything stands in its place until the cut is lifted, which sets the declared one.
      const bounded = place.pieces.has("boundary") || place.cutBy.has("Boundary");
      assert.ok(!bound || bounded, say("a grant before the boundary stands"));
      const privilege = `${action.account}/${piece.key}`;
      const wanted = this.world.desiredOf(this.world.spec)[action.account]?.pieces.some(({ key }) => key === piece.key);
      assert.ok(!this.narrowed.has(privilege) || wanted === true || !own, say("given back although it was taken away"));
      assert.ok(!this.narrowed.has(privilege) || own, say("a revert gives back what was taken away"));
      return;
    }
    if (action.type === "remove" && action.because === "NotDeclared" && own)
      this.narrowed.add(`${action.account}/${action.key}`);
    if ((action.type === "remove" && action.because === "Deleted") || action.type === "removeCredential")
      this.#heldLongEnough(record, atMs, say);
  }

  /** What was given under a boundary never stands without it, or under another one, unless the spec says so too. */
  #keepsBounds(action: Happening["action"], place: Place, desired: DesiredAccount | undefined, say: Say): void {
    const key = action.type === "remove" ? action.key : action.type === "apply" ? action.piece.key : "";
    const lifted = action.type === "remove" && (action.because === "NotDeclared" || action.because === "Drift");
    const changed = action.type === "apply" && place.pieces.has(key);
    if (key !== "boundary" || !(lifted || changed)) return;
    const declared = new Set(desired?.pieces.map((piece) => piece.key));
    for (const piece of place.pieces.values())
      assert.ok(piece.class !== "grant" || declared.has(piece.key), say(`${piece.key} stands under the old boundary`));
  }

  #heldLongEnough(record: AccountRecord, atMs: number, say: Say): void {
    assert.ok(this.world.timeTrusted, say("deleted although the clocks disagree"));
    assert.ok(record.heldUntil !== undefined && atMs >= Date.parse(record.heldUntil), say("deleted before heldUntil"));
    const since = this.goneSince.get(record.name);
    assert.ok(since !== undefined, say("deleted although it is wanted"));
    const held = (atMs - since) / 1000;
    assert.ok(held >= HOLD_SECONDS, say(`deleted after ${held} of ${HOLD_SECONDS} s`));
  }
}

/** A status that does not fit its schema could never be written again. */
const bounded = ({ status }: World): void => {
  assert.ok((status.accounts ?? []).length <= 16);
  for (const record of status.accounts ?? [])
    assert.ok(record.pieces.length <= 64 && (record.foundPieces ?? []).length <= 64);
  assert.ok(
    (status.plan?.lines ?? []).length <= 64 && (status.drift ?? []).length <= 32 && (status.moves ?? []).length <= 20,
  );
};

const obey = (judge: Judge, command: Command): void => {
  const { world } = judge;
  switch (command.do) {
    case "pass":
      for (let pass = 0; pass < command.times; pass += 1) {
        for (let result = undefined as ReturnType<World["step"]>; result === undefined;) {
          result = world.step();
          judge.check();
        }
      }
      return;
    case "step":
      for (let step = 0; step < command.times; step += 1) {
        world.step();
        judge.check();
      }
      return;
    case "crash":
      return world.crash();
    case "tick":
      world.nowMs += command.seconds * 1000;
      return;
    case "delete":
      // The pass that is under way belongs to a process that will see the deletion by its next one.
      world.crash();
      world.deletedAtMs ??= world.nowMs;
      return;
    case "skew":
      world.timeTrusted = false;
      return;
    case "timeBack":
      world.timeTrusted = true;
      return;
    case "pause":
      world.paused = true;
      return;
    case "dryRun":
      world.dryRun = true;
      return;
    case "goOn":
      world.paused = false;
      world.dryRun = false;
      return;
    case "nextCall":
      world.nextCall = command.fate;
      return;
    case "refuse":
      world.refused.add(command.key);
      return;
    case "forbid":
      world.forbidden.add(command.key);
      return;
    case "allow":
      world.refused.delete(command.key);
      world.forbidden.delete(command.key);
      return;
    default:
      return byHand(judge, command);
  }
};

type ByHand = Exclude<
  Command,
  {
    do:
      | "pass"
      | "step"
      | "crash"
      | "tick"
      | "delete"
      | "skew"
      | "timeBack"
      | "pause"
      | "dryRun"
      | "goOn"
      | "nextCall"
      | "refuse"
      | "forbid"
      | "allow";
  }
>;

const byHand = (judge: Judge, command: ByHand): void => {
  const { world } = judge;
  // A person acts between two passes: what a pass has just read, it may act on (its own read-before-write is the adapter's).
  world.crash();
  const { state, expiresAt } = world.spec;
  const steering = { ...(state === undefined ? {} : { state }), ...(expiresAt === undefined ? {} : { expiresAt }) };
  switch (command.do) {
    case "spec":
      return world.changeSpec({ ...command.spec, ...steering });
    case "accounts":
      return world.changeSpec({ ...world.spec, accounts: command.accounts });
    case "state":
      return world.changeSpec({ ...world.spec, state: command.state });
    case "expire": {
      const rest = without(world.spec, "expiresAt");
      const at =
        command.seconds === undefined ? undefined : new Date(world.nowMs + command.seconds * 1000).toISOString();
      return world.changeSpec(at === undefined ? rest : { ...rest, expiresAt: at });
    }
    case "down":
      world.down.add(command.account);
      return;
    case "refuseStep":
      world.place(TARGETS[command.account]).refuses.add(command.step);
      return;
    case "up":
      world.down.delete(command.account);
      world.place(TARGETS[command.account]).refuses.clear();
      return;
    default:
      return outsideByHand(judge, command.do, world.place(TARGETS[command.account]), command.account);
  }
};

const outsideByHand = (judge: Judge, what: string, place: Place, account: (typeof NAMES)[number]): void => {
  const { world } = judge;
  const ours = place.principal?.owner === "us";
  const grants = [...place.pieces.values()].filter((piece) => piece.class === "grant");
  if (what === "plant" || what === "offer") {
    if (place.principal !== undefined || place.pieces.size > 0) return;
    place.principal = { id: world.newId("X"), owner: "somebody", adopt: what === "offer" };
    if (account === "lake") {
      place.pieces.set("group/theirs", { key: "group/theirs", class: "grant", value: "true", title: "group theirs" });
      place.credentials.set("AKIATHEIRS", { id: "AKIATHEIRS", createdAt: world.now, enabled: true, switchable: true });
    }
    if (what === "plant") judge.foreign.set(place.target, place.snapshot());
    return;
  }
  if (what === "conflict") {
    if (place.isKubernetes && grants.length === 0) place.conflicts.add("binding/Role/reader");
    return;
  }
  if (!ours) return;
  if (what === "addKey" && place.isUser) world.addCredential(place.target);
  if (what === "enableKeys") for (const key of place.credentials.values()) key.enabled = true;
  if (what === "removePiece" && grants[0] !== undefined) place.pieces.delete(grants[0].key);
  if (what === "addPiece" && !place.isKubernetes)
    place.pieces.set("managedPolicy/by-hand", {
      key: "managedPolicy/by-hand",
      class: "grant",
      value: "true",
      title: "by hand",
    });
  if (what === "bound" && (place.isUser || place.isRole) && !place.pieces.has("boundary")) {
    place.pieces.set("boundary", {
      key: "boundary",
      class: "restriction",
      value: '"by hand"',
      title: "boundary by hand",
    });
    judge.boundByHand.add(place.target);
  }
  if (what === "uncut") place.cutBy.clear();
  if (what === "vanish") place.vanish();
};

// Liveness: the faults end.

const heal = (judge: Judge): void => {
  const { world } = judge;
  world.crash();
  world.down.clear();
  world.refused.clear();
  world.forbidden.clear();
  world.timeTrusted = true;
  world.paused = false;
  world.dryRun = false;
  world.nextCall = "fine";
  // What is in the way is taken away by its owner.
  for (const target of judge.foreign.keys()) {
    const place = world.place(target);
    place.vanish();
    place.pieces.clear();
  }
  judge.foreign.clear();
  // What was offered and may not be taken is gone too, before it is given back into the way.
  for (const place of world.places.values()) {
    if (place.principal?.adopt !== true || world.spec.adoption?.mode === "IfAnnotated") continue;
    place.vanish();
    place.pieces.clear();
  }
  for (const place of world.places.values()) {
    place.conflicts.clear();
    place.refuses.clear();
  }
  // keyturn.dev/retry
  world.status = cleared(world.status, "failures", "leaveFailures", "quarantine");
};

const MOST_PASSES = 400;

/** Passes, each when its time has come, until nothing is due for longer than any hold. */
const rest = (judge: Judge): void => {
  const { world } = judge;
  for (let pass = 0; pass < MOST_PASSES; pass += 1) {
    let result: ReturnType<World["step"]>;
    do {
      result = world.step();
      judge.check();
    } while (result === undefined);
    if (result.kind === "gone") return;
    if (result.kind === "stalled") return;
    if (result.kind === "waiting" && result.recheckAtMs === undefined) return;
    const until = "recheckAtMs" in result ? (result.recheckAtMs ?? 0) : 0;
    world.nowMs = Math.max(world.nowMs + 1000, until);
  }
  assert.fail(`L1: no rest after ${MOST_PASSES} passes: ${world.trail.slice(-16).join(" · ")}`);
};

/** The world is a function of the spec, whatever path led here. */
const everythingIsInOrder = (judge: Judge): void => {
  const { world } = judge;
  const { spec, status } = world;
  const settings = readLeniently(spec);
  const deleted = world.deletedAtMs !== undefined;
  const wanted = deleted ? "Decommissioned" : wantedState(settings, world.now);
  const desired = world.desiredOf(spec);
  const where = (): string => `after ${world.trail.slice(-10).join(" · ")}`;
  for (const each of NAMES) {
    const place = world.place(TARGETS[each]);
    const account = desired[each];
    const never = wasOffboarded(status) || (status.conditions ?? []).some(({ reason }) => reason === "NothingThere");
    if (account === undefined || wanted !== "Active" || never) {
      assert.equal(place.lets(), false, `S10: ${each} still lets something be done ${where()}`);
      const kept = wanted === "Suspended" && account !== undefined;
      const mayStand = kept || settings.deletion.policy !== "Delete" || place.principal?.owner === "somebody";
      if (!mayStand) assert.equal(place.principal, undefined, `${each} stands after its hold ${where()}`);
      continue;
    }
    if (settings.drift === "Report" && (status.drift ?? []).length > 0) continue;
    assert.equal(place.principal?.owner, "us", `${each} is not there ${where()}`);
    assert.equal(place.cut, false, `${each} is cut ${where()}`);
    const standing = Object.fromEntries([...place.pieces.values()].map(({ key, value }) => [key, value]));
    if (judge.boundByHand.has(place.target) && !account.pieces.some(({ key }) => key === "boundary"))
      Reflect.deleteProperty(standing, "boundary");
    const must = Object.fromEntries(account.pieces.map(({ key, value }) => [key, value]));
    assert.deepEqual(standing, must, `${each} is not as declared ${where()}`);
  }
  if (wanted !== "Active" || deleted || wasOffboarded(status)) return;
  assert.equal(status.quarantine, undefined, "at rest in quarantine");
  assert.equal(status.failures, undefined, "at rest with failures");
  assert.equal(status.narrowed, undefined, "at rest and still forward only");
  for (const record of status.accounts ?? [])
    assert.ok(record.state === "Active" || desired[record.name] === undefined, `${record.name} is ${record.state}`);
};

/** Of a leaver, with the clock standing still: what no refusal stands before is done. */
const shutAsFarAsAllowed = (place: Place, account: string, world: World): void => {
  if (place.principal?.owner !== "us") return;
  const where = `${account} refusing ${[...place.refuses].join(", ")} after ${world.trail.slice(-16).join(" · ")}`;
  const refuses = (step: string): boolean => place.refuses.has(step);
  const grants = [...place.pieces.values()].filter((piece) => piece.class === "grant");
  const kept = (key: string): boolean => refuses(key.split("/")[0] ?? "");
  if (place.isUser || place.isRole) {
    const open = ["cut/Deny", "cut/Boundary", "cut/AttachedDeny", "cut/Room"].some((way) => !refuses(way));
    assert.equal(place.cut, open, `cut: ${where}`);
    if (!open)
      assert.deepEqual(
        grants.filter(({ key }) => !kept(key)),
        [],
        where,
      );
    if (place.isRole) assert.equal(place.loginClosed, !refuses("close"), `login: ${where}`);
  }
  if (place.isKubernetes)
    assert.deepEqual(
      grants.filter(({ key }) => !kept(key)),
      [],
      where,
    );
  if (place.isUser && !refuses("disable"))
    assert.ok(
      [...place.credentials.values()].every(({ enabled }) => !enabled),
      `keys: ${where}`,
    );
};

const DEFAULT_SEED = 20261124;
const env = globalThis.process.env;
const replay = {
  numRuns: Number(env["KEYTURN_RUNS"] ?? 500),
  seed: Number(env["KEYTURN_SEED"] ?? DEFAULT_SEED),
  ...(env["KEYTURN_PATH"] === undefined ? {} : { path: env["KEYTURN_PATH"] }),
};

describe("the lifecycle protocol, over random histories", function () {
  this.timeout(180_000);

  it("touches nothing foreign, gives nothing back by a revert, deletes nothing too early, and ends as the spec says", () => {
    fc.assert(
      fc.property(specs, fc.array(commands, { minLength: 5, maxLength: 50 }), (spec, history) => {
        const world = new World(spec);
        const judge = new Judge(world);
        for (const command of history) {
          obey(judge, command);
          judge.check();
        }
        heal(judge);
        rest(judge);
        everythingIsInOrder(judge);
      }),
      replay,
    );
  });

  it("leaves the world as it was, less what is not declared any more, when something that a spec adds is refused", () => {
    fc.assert(
      fc.property(specs, accounts, fc.nat(), fc.array(fc.nat(40), { maxLength: 4 }), (first, next, which, crashes) => {
        const world = new World({ ...first, rollback: { mode: "Effective" } });
        const judge = new Judge(world);
        world.settle();
        const second = { ...world.spec, accounts: changedOnly(first.accounts, next) };
        const added = addedGrants(world, second);
        fc.pre(added.length > 0);
        const before = snapshotsWithout(world, withdrawnGrants(world, second));
        world.refused.add(added[which % added.length] ?? "");
        world.changeSpec(second);
        for (const steps of crashes) {
          for (let step = 0; step < steps; step += 1) world.step();
          judge.check();
          world.crash();
        }
        for (let pass = 0; pass < 40 && world.status.quarantine === undefined; pass += 1) {
          const result = world.pass();
          if ("recheckAtMs" in result) world.nowMs = Math.max(world.nowMs + 1000, result.recheckAtMs ?? 0);
        }
        world.settle();
        judge.check();
        assert.equal(world.status.quarantine?.reason, "NotFound", world.trail.slice(-10).join(" · "));
        assert.deepEqual(snapshots(world), before, world.trail.slice(-20).join(" · "));
      }),
      replay,
    );
  });

  it("takes every step that is not refused in one pass, and brings back what another way took away", () => {
    fc.assert(
      fc.property(
        specs,
        fc.dictionary(name, fc.uniqueArray(leavingSteps, { maxLength: 6 })),
        fc.array(fc.nat(30), { maxLength: 3 }),
        fc.boolean(),
        (spec, refusals, crashes, deleted) => {
          const world = new World(spec);
          const judge = new Judge(world);
          world.settle();
          for (const each of NAMES)
            if (world.place(TARGETS[each]).isUser && world.place(TARGETS[each]).principal !== undefined)
              world.addCredential(TARGETS[each], true);
          const before = snapshots(world);
          for (const [account, steps] of Object.entries(refusals))
            for (const step of steps) world.place(TARGETS[account as (typeof NAMES)[number]]).refuses.add(step);
          if (deleted) world.deletedAtMs = world.nowMs;
          else world.changeSpec({ ...spec, state: "Suspended" });
          for (const steps of crashes) {
            for (let step = 0; step < steps; step += 1) world.step();
            world.crash();
          }
          // Records end a pass; a few of them are all that stands before the last outside step. The clock stands still.
          for (let pass = 0; pass < 40; pass += 1) world.pass();
          judge.check();
          for (const each of NAMES) shutAsFarAsAllowed(world.place(TARGETS[each]), each, world);
          if (deleted) return;
          for (const place of world.places.values()) place.refuses.clear();
          world.settle();
          for (const each of NAMES) assert.equal(world.place(TARGETS[each]).lets(), false, `${each} still works`);
          world.changeSpec({ ...spec, state: "Active" });
          world.settle();
          judge.check();
          assert.deepEqual(snapshots(world), before, world.trail.slice(-30).join(" · "));
        },
      ),
      replay,
    );
  });

  it("brings back after a suspension exactly the rights, and of the credentials those, that were in use and that a rotation has on record", () => {
    fc.assert(
      fc.property(
        specs,
        fc.array(fc.constantFrom("inUse", "off", "stranger"), { maxLength: 3 }),
        fc.array(fc.nat(30), { maxLength: 4 }),
        fc.array(fc.nat(30), { maxLength: 4 }),
        (spec, credentials, going, coming) => {
          const world = new World(spec);
          const judge = new Judge(world);
          world.settle();
          for (const each of credentials) {
            if (world.place(TARGETS.lake).principal === undefined) continue;
            const id = world.addCredential(TARGETS.lake, each !== "off");
            if (each === "stranger") world.strangers.add(id);
          }
          const switched = (enabled: boolean): void => {
            for (const [id, credential] of world.place(TARGETS.lake).credentials)
              if (world.strangers.has(id)) credential.enabled = enabled;
          };
          switched(false);
          const expected = snapshots(world);
          switched(true);
          const stumble = (crashes: readonly number[]): void => {
            for (const steps of crashes) {
              for (let step = 0; step < steps; step += 1) world.step();
              world.crash();
            }
            world.settle();
            judge.check();
          };
          world.changeSpec({ ...spec, state: "Suspended" });
          stumble(going);
          for (const each of NAMES) assert.equal(world.place(TARGETS[each]).lets(), false, `${each} still works`);
          world.changeSpec({ ...spec, state: "Active" });
          stumble(coming);
          for (const id of world.strangers) {
            const line = `~ lake: credential ${id} stays off: no SecretRotation answers for it`;
            assert.ok(world.told.has(line), `${line} was not told`);
          }
          assert.deepEqual(snapshots(world), expected, world.trail.slice(-20).join(" · "));
        },
      ),
      replay,
    );
  });
});

const snapshots = (world: World): Readonly<Record<string, string>> =>
  Object.fromEntries(NAMES.map((each) => [each, world.place(TARGETS[each]).snapshot()]));

/**
 * Accounts stay, and boundaries are neither added nor exchanged: that acts at once, or comes before what is added and so
 * goes forward only.
 */
const changedOnly = (before: readonly Account[], next: readonly Account[]): Account[] => {
  const kept = before.filter((account) => !next.some((each) => each.name === account.name));
  return [
    ...kept,
    ...next.map((account) =>
      unbound(
        account,
        before.find(({ name: known }) => known === account.name),
      ),
    ),
  ];
};

const unbound = (account: Account, before: Account | undefined): Account => {
  const { aws } = account;
  const was = before?.aws;
  if (aws === undefined || before === undefined) return account;
  const bound = (was?.user ?? was?.role)?.permissionsBoundary;
  if (aws.user !== undefined) {
    const { permissionsBoundary: own, ...user } = aws.user;
    return {
      ...account,
      aws: { ...aws, user: bound === undefined || own === undefined ? user : { ...user, permissionsBoundary: bound } },
    };
  }
  const { permissionsBoundary: own, ...role } = aws.role ?? {};
  return {
    ...account,
    aws: { ...aws, role: bound === undefined || own === undefined ? role : { ...role, permissionsBoundary: bound } },
  };
};

/** `<account>/<key>` of what the next spec does not name any more. */
const withdrawnGrants = (world: World, next: Spec): ReadonlySet<string> => {
  const wanted = world.desiredOf(next);
  const gone = Object.values(world.desiredOf(world.spec)).flatMap(({ name: account, pieces }) =>
    pieces
      .filter(
        ({ key, class: kind }) => kind === "grant" && wanted[account]?.pieces.some((each) => each.key === key) !== true,
      )
      .map(({ key }) => `${account}/${key}`),
  );
  return new Set(gone);
};

const snapshotsWithout = (world: World, gone: ReadonlySet<string>): Readonly<Record<string, string>> =>
  Object.fromEntries(
    NAMES.map((each) => {
      const place = world.place(TARGETS[each]);
      const removed = [...place.pieces].filter(([key]) => gone.has(`${each}/${key}`));
      for (const [key] of removed) place.pieces.delete(key);
      const snapshot = place.snapshot();
      for (const [key, piece] of removed) place.pieces.set(key, piece);
      return [each, snapshot];
    }),
  );

const addedGrants = (world: World, next: Spec): readonly string[] => {
  const had = world.desiredOf(world.spec);
  return Object.values(world.desiredOf(next)).flatMap(({ name: account, pieces }) =>
    pieces
      .filter(
        ({ key, class: kind }) => kind === "grant" && had[account]?.pieces.some((piece) => piece.key === key) !== true,
      )
      .map(({ key }) => `${account}/${key}`),
  );
};
