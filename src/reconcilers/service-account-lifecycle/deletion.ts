import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { Account } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { hasFinalizer, removeFinalizer } from "../../cluster/finalizer.ts";
import { writeStatus } from "../../cluster/status-writer.ts";
import {
  cutAsKnown,
  ledgerWith,
  mayHandOver,
  planIdentityDeletion,
  type IdentityDeletionAction,
  type IdentityDeletionInput,
} from "../../domain/lifecycle/deletion.ts";
import { keptDown, lifeQuestion, retainsByPermission } from "../../domain/lifecycle/life.ts";
import { isGivenBack } from "../../domain/lifecycle/leaving.ts";
import type { AccountRecord, LifecycleStatus } from "../../domain/lifecycle/record.ts";
import { NOTHING_RETAINED, retentionOf, type Retention } from "../../domain/lifecycle/retention.ts";
import { wantedState, type LifecycleSettings } from "../../domain/lifecycle/settings.ts";
import { afterOutside, formerRecorded, leavingBegun, proofVoided } from "../../domain/lifecycle/transitions.ts";
import { wouldChange } from "../../domain/lifecycle/would.ts";
import { specInForce } from "../../domain/lifecycle/last-known-good.ts";
import type { Outcome } from "../../engine/contract.ts";
import { OperatorError, toOperatorError } from "../../kernel/errors.ts";
import { orphanRef, writeOrphan } from "../orphan/entry.ts";
import { ASK_AGAIN_MS } from "../limits.ts";
import type { Ports } from "../ports.ts";
import { msUntil } from "../server-time.ts";
import { identityEntry, permitForAccounts, recoverFrom } from "../sweep-identities.ts";
import { carryOutside } from "./acts/outside.ts";
import { releaseAccount } from "./acts/claim.ts";
import { heldNow } from "./holding.ts";
import { retainAnswers } from "./retain.ts";
import { failedSteps, type LifecycleScope } from "./scope.ts";
import { recordFailures } from "./status.ts";
import { leavingCapabilities, noteFailure, observeAccount, viewOf } from "./steps/accounts.ts";
import { wholeOf } from "../../kernel/listed.ts";

const MOST_TURNS = 4000;
const LEAST_PAUSE_MS = 1000;
const UNREADABLE_PAUSE_MS = 5000;
const LEDGER_KIND = "ServiceAccountLifecycle";

interface Deletion {
  readonly scope: LifecycleScope;
  readonly ports: Ports;
  readonly settings: LifecycleSettings["deletion"];
  /** The identity's own end. */
  readonly end: Date | undefined;
  /** It was declared to end before it was deleted: no limit holds that back. */
  readonly declared: boolean;
  /** What of the accounts is not cut now. */
  readonly retention: Retention;
  readonly deletedAt: Date;
  /** As it stands in the cluster; undefined while there is none. */
  entry: OrphanedCredential | undefined;
}

/**
 * Deleting an identity: what is in use is put on record in the ledger, then every account is cut, closed and disabled, one after
 * another in this pass, then the finalizer goes and the ledger proves, holds and deletes. What fails waits, or is handed over
 * when its time is up. Where the limit on offboardings is reached, nothing is touched and the ledger waits for a person.
 */
export const deleteIdentity = async (scope: LifecycleScope, ports: Ports): Promise<Outcome> => {
  if (!hasFinalizer(scope.object)) return { kind: "settled" };
  const settings = settingsForDeletion(scope);
  // Whether something is kept or given back may hang on a hold; everything else does not wait for it, and nothing is kept beyond its end.
  const keeps = settings.deletion.policy === "Retain" && wantedState(settings, scope.now) === "Active";
  if (!ports.holds.read() && (keeps || (scope.status.accounts ?? []).some(isGivenBack)))
    return { kind: "waiting", recheckAfterMs: UNREADABLE_PAUSE_MS };
  scope.hold = heldNow(scope, [], ports);
  const retention = await retained(scope, settings, ports);
  if (retention === undefined) return { kind: "waiting", recheckAfterMs: UNREADABLE_PAUSE_MS };
  const entry = await readEntry(scope, ports);
  if (entry !== undefined) scope.status = cutAsKnown(scope.status, recordsOf(entry));
  const deletion: Deletion = {
    scope,
    ports,
    settings: settings.deletion,
    end: settings.expiresAt,
    declared: scope.hold !== undefined || wantedState(settings, scope.now) !== "Active",
    retention,
    deletedAt: new Date(scope.object.metadata.deletionTimestamp ?? scope.now),
    entry,
  };
  try {
    const answer = await limitOn(deletion);
    if (answer === "later") return { kind: "waiting", recheckAfterMs: ASK_AGAIN_MS };
    if (answer === "held") return await letGo(deletion, HELD);
    const last = await leave(deletion);
    if (last === "releaseAll") return await releaseAll(deletion);
    if (last === "removeFinalizer") return await handOver(deletion);
  } catch (thrown) {
    noteFailure(scope, "*", toOperatorError(thrown), true);
  }
  // By the time at the end of the pass: a provider that does not answer has taken its part of it.
  const now = ports.cluster.serverTime()?.now ?? ports.clock.now();
  if (deletion.entry !== undefined && mayHandOver({ ...inputBase(deletion), now })) return letGo(deletion, HANDED_OVER);
  return delayed(deletion);
};

const HANDED_OVER = "The ledger (OrphanedCredential) does what is left: proving, holding and deleting.";
const UNTIL_END =
  "deletion.policy Retain ends with the identity: the ledger (OrphanedCredential) leaves its accounts in use until then, and cuts them.";
const HELD =
  "The limit on offboardings is reached: nothing was cut, and the ledger (OrphanedCredential) waits for a person.";

const readEntry = (scope: LifecycleScope, ports: Ports): Promise<OrphanedCredential | undefined> =>
  ports.cluster.get<OrphanedCredential>(orphanRef(scope.object.metadata.uid, LEDGER_KIND));

/**
 * Deletion does not depend on a spec that makes sense: what can be read of the newest, else what was good last. An end that nobody was permitted
 * to lift yet is in force.
 */
const settingsForDeletion = ({ object, status, now }: LifecycleScope): LifecycleSettings => {
  const { settings } = specInForce({
    spec: object.spec,
    status,
    generation: object.metadata.generation ?? 0,
    connectionGeneration: status.quarantine?.connectionGeneration ?? 0,
    now,
  });
  return lifeQuestion(status, settings, now) === undefined ? settings : keptDown(status, settings);
};

/** Undefined: whether the platform allows it cannot be read now, and what is kept or cut by mistake cannot be put right. */
const retained = async (
  scope: LifecycleScope,
  settings: LifecycleSettings,
  ports: Ports,
): Promise<Retention | undefined> => {
  const { status, object, now } = scope;
  // Under a hold nothing keeps a right.
  if (scope.hold !== undefined) return NOTHING_RETAINED;
  const records = status.accounts ?? [];
  const byPermission = retainsByPermission(status, object.metadata.generation ?? 0, true);
  const asks = settings.deletion.policy === "Retain" && byPermission && settings.expiresAt === undefined;
  try {
    const accounts = asks ? records.map(({ declaration }) => JSON.parse(declaration) as Account) : [];
    return retentionOf(records, settings, { now, byPermission, answers: await retainAnswers(scope, accounts, ports) });
  } catch (thrown) {
    const error = toOperatorError(thrown);
    if (error.code === "Aborted") throw thrown;
    ports.log.warn("A deletion waits, for it cannot be read whether its accounts may be kept", {
      ...scope.request,
      error,
    });
    return undefined;
  }
};

/** What the platform allows to be kept has no owner from here on; the ledger has the rest. */
const handOver = async (deletion: Deletion): Promise<Outcome> => {
  const { scope, ports, retention } = deletion;
  for (const { name, target } of scope.status.accounts ?? []) {
    if (retention.kept.includes(name)) await releaseAccount({ ports, ...scope }, target);
  }
  return letGo(deletion, retention.until === undefined ? HANDED_OVER : UNTIL_END);
};

/** The permit before anything is touched; an entry that is there already was written with its permit, or held. */
const limitOn = async (deletion: Deletion): Promise<"free" | "held" | "later"> => {
  const { scope, retention, entry, declared } = deletion;
  if (scope.hold !== undefined) return "free";
  if (entry !== undefined) return entry.spec.held === "LimitReached" ? "held" : "free";
  if (declared) return "free";
  // What is kept is not touched, and what is in use until its end needs no permit before that.
  const accounts = (scope.status.accounts ?? []).filter(({ name }) => !retention.kept.includes(name));
  if (accounts.length === 0 || retention.until !== undefined) return "free";
  const answer = await askPermit(deletion, accounts);
  if (answer === "taken") return "free";
  if (answer === "later") return "later";
  await writeEntry(deletion, accounts, true);
  return "held";
};

/** A counter that cannot be read gives no permit; it must not hold up a namespace for ever either, so in the end a person is asked. */
const askPermit = async (
  deletion: Deletion,
  accounts: readonly AccountRecord[],
): Promise<"taken" | "none" | "later"> => {
  const { scope, ports } = deletion;
  try {
    return await permitForAccounts(ports, { key: scope.owner.uid, namespace: scope.request.namespace }, accounts);
  } catch (thrown) {
    if (toOperatorError(thrown).code === "Aborted" || !mayHandOver(inputBase(deletion))) throw thrown;
    return "none";
  }
};

const inputBase = ({
  scope,
  settings,
  deletedAt,
}: Deletion): Pick<IdentityDeletionInput, "now" | "deletedAt" | "deletion"> => ({
  now: scope.now,
  deletedAt,
  deletion: settings,
});

type End = "releaseAll" | "removeFinalizer" | "waiting";

const leave = async (deletion: Deletion): Promise<End> => {
  const { scope } = deletion;
  for (let turn = 0; turn < MOST_TURNS; turn += 1) {
    if (scope.signal.aborted) throw new OperatorError("Aborted", { publicMessage: "The operator is stopping." });
    const action = planIdentityDeletion(await inputOf(deletion));
    if (action.type === "releaseAll" || action.type === "removeFinalizer") return action.type;
    if (action.type === "wait") return "waiting";
    await carry(deletion, action);
  }
  throw new OperatorError("Unknown", { publicMessage: "The plan of the deletion does not come to an end." });
};

const inputOf = async (deletion: Deletion): Promise<IdentityDeletionInput> => {
  const { scope, ports, entry } = deletion;
  return {
    ...inputBase(deletion),
    timeTrusted: scope.timeTrusted,
    records: scope.status.accounts ?? [],
    capabilities: await leavingCapabilities(scope, ports),
    observed: Object.fromEntries([...scope.observed].map(([name, seen]) => [name, viewOf(seen)])),
    failed: failedSteps(scope),
    ledger: entry === undefined ? undefined : recordsOf(entry),
    retention: deletion.retention,
    held: scope.hold !== undefined,
  };
};

const recordsOf = ({ spec, status }: OrphanedCredential): readonly AccountRecord[] =>
  status?.accounts ?? spec.accounts ?? [];

const carry = async (
  deletion: Deletion,
  action: Exclude<IdentityDeletionAction, { type: "releaseAll" | "removeFinalizer" | "wait" }>,
): Promise<void> => {
  const { scope, ports } = deletion;
  await ports.demand(wouldChange(action));
  switch (action.type) {
    case "observe":
      if (action.what === "account") {
        await observeAccount(scope, action.account, ports).catch((thrown: unknown) => {
          noteFailure(scope, action.account, toOperatorError(thrown), true);
        });
      }
      return;
    case "writeLedger":
      await writeEntry(deletion, action.records, false);
      return;
    case "beginLeaving":
      scope.status = leavingBegun(scope.status, { ...action, narrows: false, specHash: "" });
      return;
    case "recordFormer":
      scope.status = formerRecorded(scope.status, action);
      return;
    case "voidProof":
      // The ledger proves; what is proven no more is cut again now.
      scope.status = proofVoided(scope.status, action.account);
      return;
    case "forget":
      return forget(deletion, action.account);
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
      if (!(await carryOutside(scope, action, ports))) return;
      scope.status = afterOutside(scope.status, action, scope.now);
      return;
    default:
      throw new OperatorError("Unknown", { publicMessage: `Deletion cannot do ${action.type}.` });
  }
};

/** Given back: neither the resource nor the ledger has anything to do with it any more. */
const forget = async ({ scope, ports }: Deletion, account: string): Promise<void> => {
  const record = scope.status.accounts?.find(({ name }) => name === account);
  try {
    if (record !== undefined) await releaseAccount({ ports, ...scope }, record.target);
    scope.status = { ...scope.status, accounts: (scope.status.accounts ?? []).filter(({ name }) => name !== account) };
  } catch (thrown) {
    noteFailure(scope, account, toOperatorError(thrown), true);
  }
};

/** The spec of an entry never changes, so what is learned later of what was in use goes into its status. */
const writeEntry = async (deletion: Deletion, accounts: readonly AccountRecord[], held: boolean): Promise<void> => {
  const { scope, ports, settings, entry, retention, end } = deletion;
  if (entry === undefined) {
    const { uid } = scope.object.metadata;
    await writeOrphan(
      ports,
      identityEntry({
        owner: { ...scope.request, uid },
        accounts,
        policy: settings.policy === "Delete" ? "Delete" : "Disable",
        holdMs: settings.holdMs,
        now: scope.now,
        held: held ? "LimitReached" : retention.until === undefined ? undefined : "UntilEnd",
        until: retention.until ?? (held ? end : undefined),
        predecessors: scope.status.predecessors ?? [],
      }),
      undefined,
      scope.subject.asked,
    );
    deletion.entry = await readEntry(scope, ports);
    return;
  }
  const ref = orphanRef(scope.object.metadata.uid, LEDGER_KIND);
  const next = { ...entry.status, accounts: ledgerWith(recordsOf(entry), accounts) };
  deletion.entry = await writeStatus<OrphanedCredential>(
    ports.cluster,
    ref,
    { base: entry, next },
    { clock: ports.clock },
  );
};

const letGo = async ({ scope, ports }: Deletion, note: string): Promise<Outcome> => {
  try {
    await removeFinalizer(ports.cluster, scope.ref, scope.object);
  } catch (thrown) {
    return { kind: "failed", error: toOperatorError(thrown) };
  }
  const about = { ref: scope.ref, uid: scope.object.metadata.uid };
  ports.events.record(about, { type: "Normal", reason: "HandedOver", action: "Delete", note });
  ports.freshness.forget(scope.object.metadata.uid);
  return { kind: "settled" };
};

/** Nothing is cut: the accounts stay as they are and nobody holds them any more. */
const releaseAll = async (deletion: Deletion): Promise<Outcome> => {
  const { scope, ports, settings } = deletion;
  const { uid } = scope.object.metadata;
  const claims = wholeOf("claims", await ports.claims.list()).filter(({ owner }) => owner.uid === uid);
  // A status that was wiped knows of no account; what the claims know is the ledger's.
  if ((settings.policy !== "Retain" || scope.hold !== undefined) && claims.length > 0) {
    await recoverFrom(ports, { ...scope.request, uid }, claims);
    return letGo(deletion, HANDED_OVER);
  }
  for (const { target } of claims) await releaseAccount({ ports, ...scope }, target);
  return letGo(deletion, "Nothing was left to cut.");
};

/** A failure holds the finalizer; what was done of it until now is not on record, for observation will say it again. */
const delayed = async ({ scope, ports, settings, deletedAt }: Deletion): Promise<Outcome> => {
  recordFailures(scope, { atRest: false, whole: true });
  const { leaveFailures } = scope.status;
  const status: LifecycleStatus = {
    ...scope.status,
    activity: `Deleting: ${leaveFailures?.reason ?? "waiting"}`,
  };
  await writeStatus(ports.cluster, scope.ref, { base: scope.object, next: status }, { clock: ports.clock });
  const retry = leaveFailures === undefined ? scope.now.getTime() : Date.parse(leaveFailures.nextAttemptTime);
  // No back-off is longer than what is left until the ledger takes over.
  const now = ports.cluster.serverTime()?.now ?? ports.clock.now();
  const handOver = settings.onTimeout === "HandOver" ? deletedAt.getTime() + settings.timeoutMs : Infinity;
  const next = handOver > now.getTime() ? Math.min(retry, handOver) : retry;
  return { kind: "waiting", recheckAfterMs: Math.max(msUntil(next, now), LEAST_PAUSE_MS) };
};
