import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
} from "../../api/v1alpha1/service-account-lifecycle.ts";
import { writeStatus } from "../../cluster/status-writer.ts";
import type { LifecycleAction } from "../../domain/lifecycle/action.ts";
import { planDeparture, type DepartureInput } from "../../domain/lifecycle/deletion.ts";
import type { LeavingAnswer } from "../../domain/lifecycle/leaving.ts";
import { stepsBackingOff } from "../../domain/lifecycle/step-names.ts";
import {
  afterOutside,
  forgotten,
  formerRecorded,
  leavingBegun,
  proofVoided,
  proven,
} from "../../domain/lifecycle/transitions.ts";
import { wouldChange } from "../../domain/lifecycle/would.ts";
import type { IdentityOrphan, OrphanStatus } from "../../domain/orphan/record.ts";
import { reportOrphan, type OrphanProgress } from "../../domain/orphan/report.ts";
import type { Outcome, PassContext } from "../../engine/contract.ts";
import { OperatorError, toOperatorError } from "../../kernel/errors.ts";
import { without } from "../../kernel/without.ts";
import { isTimeTrusted, msUntil } from "../server-time.ts";
import type { Ports } from "../ports.ts";
import { carryOutside, carryProof } from "../service-account-lifecycle/acts/outside.ts";
import { emptyHands, failedSteps, type AccountScope } from "../service-account-lifecycle/scope.ts";
import {
  leavingCapabilities,
  noteFailure,
  observeAccount,
  viewOf,
} from "../service-account-lifecycle/steps/accounts.ts";
import { recordFailures } from "../service-account-lifecycle/status.ts";
import { begun, isGivenBack } from "../../domain/lifecycle/leaving.ts";
import { compromisedNoted } from "../../domain/lifecycle/life.ts";
import { holdsTold } from "../../domain/hold/match.ts";
import { auditHolds } from "../holds.ts";
import { heldNow } from "../service-account-lifecycle/holding.ts";
import { endOfHeld, heldBack } from "./declared.ts";
import { isReleased, orphanRef, subjectOfEntry } from "./entry.ts";

const ORIGIN_PAUSE_MS = 5000;
const SUCCESSOR_PAUSE_MS = 2000;
const LEAST_PAUSE_MS = 200;
const MOST_TURNS = 4000;

interface Entry {
  readonly object: OrphanedCredential;
  readonly spec: IdentityOrphan;
  readonly scope: AccountScope;
  readonly ports: Ports;
  /** A later resource has claimed an account and does not have it on record: what must end is cut here, and nothing is deleted. */
  isClaimed?: boolean;
}

interface PassEnd {
  readonly progress: OrphanProgress;
  /** How long until the next look; absent: until somebody changes something. */
  readonly recheckAfterMs?: number;
  /** Look again when a hold or a back-off is over. */
  readonly until?: Date | undefined;
  readonly whenDue?: boolean;
  /** The entry has nothing left to do and is deleted. */
  readonly finished?: boolean;
}

/** One pass about an entry that an identity left: the leaver's protocol, with nothing declared any more. */
export const reconcileIdentityEntry = async (
  object: OrphanedCredential,
  spec: IdentityOrphan,
  context: PassContext,
  ports: Ports,
): Promise<Outcome> => {
  const entry: Entry = { object, spec, scope: openScope(object, spec, context, ports), ports };
  try {
    const end = await pass(entry);
    if (end.finished === true) return await finish(entry);
    recordFailures(entry.scope, { atRest: false, whole: end.recheckAfterMs !== 0 });
    await write(entry, end.progress);
    return outcomeOf(entry, end);
  } catch (thrown) {
    const error = toOperatorError(thrown);
    return { kind: "failed", error };
  }
};

const openScope = (
  object: OrphanedCredential,
  spec: IdentityOrphan,
  context: PassContext,
  ports: Ports,
): AccountScope => {
  const { namespace, name, uid } = spec.origin;
  const status: OrphanStatus = object.status ?? {};
  const time = ports.cluster.serverTime();
  return {
    request: { namespace, name },
    passId: context.passId,
    signal: context.signal,
    turn: context.turn,
    now: time?.now ?? context.clock.now(),
    timeTrusted: isTimeTrusted(time),
    subject: subjectOfEntry(object),
    owner: { cluster: ports.clusterName, namespace, name, uid, predecessors: spec.predecessors ?? [] },
    status: {
      accounts: status.accounts ?? spec.accounts,
      ...(status.failures === undefined ? {} : { leaveFailures: status.failures }),
    },
    ...emptyHands(),
  };
};

const pass = async (entry: Entry): Promise<PassEnd> => {
  const { spec, scope, ports } = entry;
  const { namespace, name } = spec.origin;
  const living = await ports.cluster.get<ServiceAccountLifecycle>({ kind: SERVICE_ACCOUNT_LIFECYCLE, namespace, name });
  if (living?.metadata.uid === spec.origin.uid) return waits("Origin", ORIGIN_PAUSE_MS);
  entry.isClaimed = (await yieldClaimed(entry, living)) === "pending";
  scope.hold = heldNow(scope, [], ports, entry.object.status ?? {});
  // An undo that stopped half-way may be refused when it is tried again: neither a hold nor the end waits for it.
  const mustEnd = scope.hold !== undefined || (spec.until !== undefined && new Date(spec.until) <= scope.now);
  if (entry.isClaimed && !mustEnd) return waits("TakenOver", SUCCESSOR_PAUSE_MS);
  if ((scope.status.accounts ?? []).length === 0) return FINISHED;
  await auditHolds({ ...scope, before: entry.object.status?.holds ?? [], now: scope.hold?.names ?? [] }, ports);
  const held = scope.hold === undefined ? heldBack(entry.object, ports, scope.now) : undefined;
  if (held !== undefined)
    return { progress: { waits: held }, whenDue: spec.until !== undefined, until: endOfHeld(entry.object) };
  return leave(entry);
};

const FINISHED: PassEnd = { progress: { does: "Done" }, finished: true };

const waits = (why: "Origin" | "TakenOver", recheckAfterMs: number): PassEnd => ({
  recheckAfterMs,
  progress: { waits: why },
});

/**
 * Accounts that a later resource of the same name has claimed are not ours to touch any more. One that lives has them on record itself
 * once its record names this entry's resource; one that is gone has left an entry of its own that does. Either way they leave this
 * entry. One that came to neither before it went leaves them here. Its end, too, may have come and gone: an account that nobody
 * claims any more and of which nothing is left has nothing to be held for.
 */
const yieldClaimed = async (entry: Entry, living: ServiceAccountLifecycle | undefined): Promise<"pending" | "done"> => {
  const { spec, scope, ports } = entry;
  let pending = false;
  for (const { name, target } of scope.status.accounts ?? []) {
    const holder = (await ports.claims.read(target))?.owner.uid;
    if (holder === spec.origin.uid) continue;
    if (holder === undefined) {
      if (await isNothingLeft(entry, name)) scope.status = forgotten(scope.status, name);
      continue;
    }
    if (holder !== living?.metadata.uid) {
      if (await hasEntry(entry, holder)) scope.status = forgotten(scope.status, name);
      continue;
    }
    const recorded = living.status?.predecessors?.includes(spec.origin.uid) === true;
    if (recorded) scope.status = forgotten(scope.status, name);
    else pending = true;
  }
  return pending ? "pending" : "done";
};

/** Does the ledger hold what the later resource left, as one that answers for this entry's marks too? */
const hasEntry = async ({ spec, ports }: Entry, uid: string): Promise<boolean> => {
  const later = await ports.cluster.get<OrphanedCredential>(orphanRef(uid, SERVICE_ACCOUNT_LIFECYCLE.kind));
  return later?.spec.predecessors?.includes(spec.origin.uid) === true;
};

/** By a look at the provider; one that fails says nothing. */
const isNothingLeft = async (entry: Entry, account: string): Promise<boolean> => {
  await observed(entry, account);
  const seen = entry.scope.observed.get(account);
  if (seen === undefined) return false;
  const { principal, pieces, credentials, loginClosed, notLooked } = viewOf(seen);
  if (principal !== "absent" || !loginClosed) return false;
  return pieces.length === 0 && credentials.length === 0 && !notLooked.some(({ why }) => why === "Failed");
};

const leave = async (entry: Entry): Promise<PassEnd> => {
  const { scope } = entry;
  for (let turn = 0; turn < MOST_TURNS; turn += 1) {
    if (scope.signal.aborted) throw new OperatorError("Aborted", { publicMessage: "The operator is stopping." });
    const answer = planDeparture(await inputOf(entry));
    if (answer.kind !== "act") return rest(answer, inUseUntil(entry));
    const end = await carry(entry, answer.action);
    if (end !== undefined) return end;
  }
  throw new OperatorError("Unknown", { publicMessage: "The ledger's plan does not come to an end." });
};

const inputOf = async (entry: Entry): Promise<DepartureInput> => {
  const { spec, scope, ports } = entry;
  const records = (scope.status.accounts ?? []).filter((record) => ports.holds.read() || !isGivenBack(record));
  const capabilities = await leavingCapabilities(scope, ports);
  return {
    now: scope.now,
    timeTrusted: scope.timeTrusted,
    records: inUseUntil(entry) === undefined ? records : records.filter(begun),
    capabilities,
    observed: Object.fromEntries([...scope.observed].map(([name, seen]) => [name, viewOf(seen)])),
    failed: [...failedSteps(scope), ...stepsBackingOff(scope.status, scope.now)],
    deletion: { policy: policyOf(entry), holdMs: spec.holdSeconds * 1000 },
    held: scope.hold !== undefined,
  };
};

/** What a limit holds back and an IdentityHold has cut is not deleted before a person has let it go on. */
const policyOf = ({ object, spec, scope, ports, isClaimed }: Entry): IdentityOrphan["policy"] =>
  heldBack(object, ports, scope.now) !== undefined || isClaimed === true ? "Disable" : spec.policy;

/** Until when accounts that were in use stay so: the end of an identity that was deleted with Retain. Undefined: nothing waits for it. */
const inUseUntil = ({ object, spec, scope }: Entry): Date | undefined => {
  if (spec.held !== "UntilEnd" || spec.until === undefined) return undefined;
  if (isReleased(object) || scope.hold !== undefined) return undefined;
  const until = new Date(spec.until);
  return until > scope.now && (scope.status.accounts ?? []).some((record) => !begun(record)) ? until : undefined;
};

const RECORDED: PassEnd = { recheckAfterMs: 0, progress: { does: "Disabling" } };

const carry = async (entry: Entry, action: LifecycleAction): Promise<PassEnd | undefined> => {
  const { scope, ports, spec } = entry;
  await ports.demand(wouldChange(action));
  switch (action.type) {
    case "observe":
      if (action.what === "account") await observed(entry, action.account);
      return undefined;
    case "beginLeaving":
      scope.status = leavingBegun(scope.status, { ...action, narrows: false, specHash: "" });
      return RECORDED;
    case "recordFormer":
      scope.status = formerRecorded(scope.status, action);
      return RECORDED;
    case "voidProof":
      scope.status = proofVoided(scope.status, action.account);
      return RECORDED;
    case "prove": {
      const proof = await carryProof(scope, action.account, ports);
      const holdMs = policyOf(entry) === "Delete" ? spec.holdSeconds * 1000 : undefined;
      if (proof !== undefined) scope.status = proven(scope.status, action.account, { proof, now: scope.now, holdMs });
      return undefined;
    }
    case "forget":
      return forget(entry, action.account);
    case "apply":
    case "remove":
    case "cut":
    case "closeLogin":
    case "disableCredential":
    case "removeCredential":
    case "giveBack":
    case "openLogin":
    case "enableCredential":
    case "uncut":
      if (!(await carryOutside(scope, action, ports))) return undefined;
      scope.status = afterOutside(scope.status, action, scope.now);
      return undefined;
    default:
      throw new OperatorError("Unknown", { publicMessage: `The ledger cannot do ${action.type}.` });
  }
};

const observed = async ({ scope, ports }: Entry, account: string): Promise<void> => {
  try {
    await observeAccount(scope, account, ports);
  } catch (thrown) {
    noteFailure(scope, account, toOperatorError(thrown));
  }
};

/** The claim is the dead resource's; the record goes when it has gone. */
const forget = async (entry: Entry, account: string): Promise<PassEnd | undefined> => {
  const { scope, spec } = entry;
  const target = scope.status.accounts?.find(({ name }) => name === account)?.target;
  try {
    if (target !== undefined) await release(entry, target, spec.origin.uid);
  } catch (thrown) {
    noteFailure(scope, account, toOperatorError(thrown));
    return undefined;
  }
  scope.status = forgotten(scope.status, account);
  return (scope.status.accounts ?? []).length === 0 ? FINISHED : { ...RECORDED, progress: { does: "Deleting" } };
};

const release = async ({ scope, ports }: Entry, target: string, uid: string): Promise<void> => {
  await ports.outside.mutate(
    { action: "kubernetes:ReleaseClaim", kind: "Revoking", subject: scope.subject, target, passId: scope.passId },
    scope.signal,
    () => ports.claims.release(target, uid),
  );
};

const rest = (answer: Exclude<LeavingAnswer, { kind: "act" }>, inUse: Date | undefined): PassEnd => {
  if (inUse !== undefined && (answer.kind === "done" || answer.for === "Hold"))
    return { progress: { waits: "UntilEnd" }, whenDue: true, until: inUse };
  if (answer.kind === "done") return { progress: { waits: "Retained" } };
  const why = answer.for === "BackingOff" || answer.for === "ClockSkew" ? answer.for : "Hold";
  return { progress: { waits: why }, whenDue: true, until: answer.recheckAt };
};

/** The end of a hold, or of a back-off that this pass has put on record. */
const outcomeOf = ({ scope }: Entry, end: PassEnd): Outcome => {
  if (end.recheckAfterMs !== undefined) return { kind: "waiting", recheckAfterMs: end.recheckAfterMs };
  if (end.whenDue !== true) return { kind: "settled" };
  const now = scope.now.getTime();
  const retry = scope.status.leaveFailures?.nextAttemptTime;
  const times = [end.until?.getTime(), retry === undefined ? undefined : Date.parse(retry)].filter(
    (at) => at !== undefined,
  );
  const first = Math.min(...times, now + MOST_PAUSE_MS);
  return { kind: "waiting", recheckAfterMs: Math.max(msUntil(first, scope.now), LEAST_PAUSE_MS) };
};

const MOST_PAUSE_MS = 300_000;

const finish = async ({ object, ports }: Entry): Promise<Outcome> => {
  const { uid, name } = object.metadata;
  await ports.cluster.delete({ kind: ORPHANED_CREDENTIAL, name }, { uid });
  return { kind: "settled" };
};

const write = async ({ object, spec, scope, ports }: Entry, progress: OrphanProgress): Promise<void> => {
  const before: OrphanStatus = object.status ?? {};
  const { accounts = [], leaveFailures } = scope.status;
  const status: OrphanStatus = {
    ...without(before, "failures", "holds"),
    ...holdsTold(scope.hold?.names ?? [], before.holds),
    accounts: scope.hold?.compromised === true ? (compromisedNoted({ accounts }).accounts ?? []) : accounts,
    ...(leaveFailures === undefined ? {} : { failures: leaveFailures }),
  };
  const next = reportOrphan(status, {
    spec,
    progress,
    generation: object.metadata.generation ?? 0,
    now: scope.now,
  });
  const ref = { kind: ORPHANED_CREDENTIAL, name: object.metadata.name };
  await writeStatus<OrphanedCredential>(ports.cluster, ref, { base: object, next }, { clock: ports.clock });
};
