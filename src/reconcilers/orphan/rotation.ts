import { without } from "../../kernel/without.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { SECRET_ROTATION, type SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import { writeStatus } from "../../cluster/status-writer.ts";
import { planOrphan, type OrphanAction, type OrphanInput } from "../../domain/orphan/plan.ts";
import {
  sourceOf,
  type OrphanCredentialState,
  type OrphanStatus,
  type RotationOrphan,
} from "../../domain/orphan/record.ts";
import { holdsTold } from "../../domain/hold/match.ts";
import { auditHolds } from "../holds.ts";
import { wordsOf, type SourceTarget } from "../../domain/rotation/source.ts";
import { claimFor } from "../secret-rotation/scope.ts";
import { wouldEnd } from "../../domain/orphan/would.ts";
import { progressOf, reportOrphan } from "../../domain/orphan/report.ts";
import { failed } from "../../domain/rotation/failures.ts";
import { timeText } from "../../kernel/time-text.ts";
import type { Outcome, PassContext } from "../../engine/contract.ts";
import { OperatorError, toOperatorError } from "../../kernel/errors.ts";
import type { CallContext, CredentialSource, Listing } from "../../providers/contract.ts";
import type { DeliveryOwner, DeliveryStore } from "../../stores/contract.ts";
import type { DeliveryPlace } from "../../domain/rotation/record.ts";
import { connectionToTakeBack } from "../connections.ts";
import { isHalted } from "../halted.ts";
import type { Ports } from "../ports.ts";
import { msUntil } from "../server-time.ts";
import { endOfHeld, heldBack } from "./declared.ts";
import { isLedgerOf, orphanRef, subjectOfEntry } from "./entry.ts";
import { readableOf } from "../../kernel/listed.ts";

const RETRY_CAP_MS = 300_000;

interface OrphanScope {
  readonly object: OrphanedCredential;
  readonly spec: RotationOrphan;
  readonly context: PassContext;
  readonly now: Date;
  status: OrphanStatus;
  source?: CredentialSource;
  /** The target that the connection leads to now. */
  account?: string;
  listing?: Listing;
}

/** One pass about an entry that a SecretRotation left: one action, each after a fresh listing. */
export const reconcileRotationEntry = async (
  object: OrphanedCredential,
  spec: RotationOrphan,
  context: PassContext,
  ports: Ports,
): Promise<Outcome> => {
  const ref = { kind: ORPHANED_CREDENTIAL, name: object.metadata.name };
  const scope: OrphanScope = {
    object,
    spec,
    context,
    now: ports.cluster.serverTime()?.now ?? context.clock.now(),
    status: object.status ?? {},
  };
  await noteHolds(scope, ports);
  const blockedMs = backOffMs(scope);
  if (blockedMs > 0) return { kind: "waiting", recheckAfterMs: blockedMs };
  const { outcome, action } = await attempt(scope, ports);
  if (action?.type === "finish") return outcome;
  // Taken over and deleted: there is nothing left to write a status on.
  if (action?.type === "wait" && action.for === "TakenOver" && outcome.kind === "settled") return outcome;
  const next = reportOrphan(scope.status, {
    spec,
    progress: action === undefined ? undefined : progressOf(action),
    generation: object.metadata.generation ?? 0,
    now: scope.now,
  });
  await writeStatus<OrphanedCredential>(ports.cluster, ref, { base: object, next: next }, { clock: ports.clock });
  return outcome;
};

/** The holds on what the resource has left: by the identity that it named, and by its target. A limit does not hold back what they hold. */
const noteHolds = async (scope: OrphanScope, ports: Ports): Promise<void> => {
  const { object, spec, status, context } = scope;
  const { name, uid } = object.metadata;
  const { namespace } = spec.origin;
  const identity = (of: string): boolean => isLedgerOf(object.metadata, { namespace, name: of });
  const found = ports.holds.on({ namespace, identity, targets: [spec.target] })?.names ?? [];
  const names = ports.holds.read() ? found : [...new Set([...found, ...(status.holds ?? [])])];
  const subject = { kind: ORPHANED_CREDENTIAL.kind, namespace: "", name, uid };
  const { passId, signal } = context;
  await auditHolds({ subject, passId, signal, before: status.holds ?? [], now: names }, ports);
  scope.status = { ...without(status, "holds"), ...holdsTold(names, status.holds) };
};

const backOffMs = ({ status, now }: OrphanScope): number =>
  status.failures === undefined ? 0 : Date.parse(status.failures.nextAttemptTime) - now.getTime();

const attempt = async (
  scope: OrphanScope,
  ports: Ports,
): Promise<{ readonly outcome: Outcome; readonly action?: OrphanAction }> => {
  try {
    const action = await stepByStep(scope, ports);
    if (action.type === "wait") {
      if (action.for === "TakenOver") return { outcome: await yieldToSuccessor(scope, ports), action };
      const recheckAfterMs =
        action.recheckAt === undefined ? undefined : Math.max(msUntil(action.recheckAt, scope.now), 200);
      return {
        outcome: recheckAfterMs === undefined ? { kind: "settled" } : { kind: "waiting", recheckAfterMs },
        action,
      };
    }
    scope.status = without(scope.status, "failures");
    return { outcome: action.type === "finish" ? { kind: "settled" } : { kind: "waiting", recheckAfterMs: 0 }, action };
  } catch (thrown) {
    const error = toOperatorError(thrown);
    if (error.code === "Aborted" || isHalted(error)) return { outcome: { kind: "failed", error } };
    const failures = failed(scope.status.failures, {
      reason: error.code,
      message: error.publicMessage,
      now: scope.now,
      capMs: RETRY_CAP_MS,
      retryAfterMs: error.retryAfterMs,
    });
    scope.status = { ...scope.status, failures };
    return {
      outcome: {
        kind: "waiting",
        recheckAfterMs: Math.max(Date.parse(failures.nextAttemptTime) - scope.now.getTime(), 1000),
      },
    };
  }
};

/**
 * Carries out the next step. One that fails about one credential keeps no other from its own: these are tried in the same pass, and only then
 * the first failure ends it.
 */
const stepByStep = async (scope: OrphanScope, ports: Ports): Promise<Exclude<OrphanAction, { type: "observe" }>> => {
  const setAside = new Set<string>();
  let failure: { readonly thrown: unknown } | undefined;
  for (;;) {
    const action = await decide(scope, ports, setAside);
    const about = ABOUT_ONE.includes(action.type) && "id" in action ? action.id : undefined;
    if (failure !== undefined && about === undefined) throw failure.thrown;
    if (action.type === "wait") return action;
    try {
      await carry(scope, action, ports);
      if (failure === undefined) return action;
    } catch (thrown) {
      if (about === undefined || isHalted(thrown) || toOperatorError(thrown).code === "Aborted") throw thrown;
      failure ??= { thrown };
    }
    if (about !== undefined) setAside.add(about);
  }
};

const ABOUT_ONE: readonly OrphanAction["type"][] = ["disable", "revoke", "prove"];

const decide = async (
  scope: OrphanScope,
  ports: Ports,
  setAside: ReadonlySet<string>,
): Promise<Exclude<OrphanAction, { type: "observe" }>> => {
  const { spec } = scope;
  const { origin } = spec;
  const successor = await ports.cluster.get<SecretRotation>({
    kind: SECRET_ROTATION,
    namespace: origin.namespace,
    name: origin.name,
  });
  const holder = (await ports.claims.read(spec.target))?.owner.uid;
  const claimed = successor !== undefined && successor.metadata.uid !== origin.uid && successor.metadata.uid === holder;
  // Under a hold nobody takes over: one that had claimed the target before it and has nothing on record never will.
  const lives = claimed && (scope.status.holds === undefined || successor.status?.sequence !== undefined);
  const takenOver = lives || (await isHandedOn(scope, holder, ports));
  const input = (): OrphanInput => ({
    now: scope.now,
    spec,
    status: scope.status,
    originAlive: successor?.metadata.uid === origin.uid,
    held: scope.status.holds === undefined ? heldBack(scope.object, ports, scope.now) : undefined,
    heldEnds: endOfHeld(scope.object),
    takenOver,
    unclaimed: holder === undefined,
    listing: scope.listing?.credentials,
    setAside,
    ...factsOf(scope, ports),
    attributionWindowMs:
      spec.attributionSeconds === undefined ? ports.attributionWindowMs : spec.attributionSeconds * 1000,
  });
  for (;;) {
    const action = planOrphan(input());
    if (action.type !== "observe") return action;
    scope.listing = await listingOf(await openSource(scope, ports), scope);
  }
};

const factsOf = (scope: OrphanScope, ports: Ports) => {
  const { leavesNothing, canDisable, marks } = ports.sources.capabilities(requireSource(scope).kind);
  return { leavesNothing, canDisable, marks };
};

/**
 * The user went with its identity, so its keys are gone too. That is only so where it was looked for in the account that the
 * claim names: a connection may have been made anew for another one.
 */
const listingOf = async (source: CredentialSource, scope: OrphanScope): Promise<Listing> => {
  try {
    return await source.list(callContext(scope));
  } catch (thrown) {
    if (toOperatorError(thrown).code !== "NotFound" || scope.account !== scope.spec.target) throw thrown;
    return { credentials: [], providerTime: scope.now };
  }
};

/** Has a later resource, which held the target and is gone as well, left an entry with all that is still open here? Then that one goes on. */
const isHandedOn = async (scope: OrphanScope, holder: string | undefined, ports: Ports): Promise<boolean> => {
  if (holder === undefined || holder === scope.spec.origin.uid) return false;
  const later = await ports.cluster.get<OrphanedCredential>(orphanRef(holder));
  if (later === undefined) return false;
  const known = [...(later.spec.credentials ?? []), ...(later.status?.credentials ?? [])].map(({ id }) => id);
  return states(scope).every(({ id, state }) => state === "Proven" || known.includes(id));
};

/** Once the successor's record, or the entry that it left, names what is ours, nothing here is needed any more. */
const yieldToSuccessor = async (scope: OrphanScope, ports: Ports): Promise<Outcome> => {
  const { origin } = scope.spec;
  const successor = await ports.cluster.get<SecretRotation>({
    kind: SECRET_ROTATION,
    namespace: origin.namespace,
    name: origin.name,
  });
  const record = successor?.status ?? {};
  const lives = successor !== undefined && record.predecessors?.includes(origin.uid) !== true;
  if (lives) return { kind: "waiting", recheckAfterMs: 2000 };
  const { uid, resourceVersion } = scope.object.metadata;
  await ports.cluster.delete({ kind: ORPHANED_CREDENTIAL, name: scope.object.metadata.name }, { uid, resourceVersion });
  return { kind: "settled" };
};

/** The connection is used as it stands now, whether or not it still allows the namespace: this is only ever a taking back. */
const openSource = async (scope: OrphanScope, ports: Ports): Promise<CredentialSource> => {
  if (scope.source !== undefined) return scope.source;
  const target = requireSource(scope);
  const connection = await connectionToTakeBack(ports.cluster, target.connection);
  scope.account = claimFor(connection, target, scope.spec.origin.namespace);
  scope.source = ports.sources.open(connection, target, scope.spec.origin);
  return scope.source;
};

const requireSource = ({ spec }: Pick<OrphanScope, "spec">): SourceTarget => {
  const target = sourceOf(spec.source);
  if (target !== undefined) return target;
  throw new OperatorError("VersionSkew", {
    publicMessage: "The ledger entry names a source that this version of the operator does not know.",
  });
};

const callContext = ({ context }: OrphanScope): CallContext => ({
  signal: context.signal,
  turn: context.turn,
  log: context.log,
});

const mutate = <T>(
  scope: OrphanScope,
  ports: Ports,
  mutation: { readonly action: string; readonly target: string },
  run: () => Promise<T>,
): Promise<T> =>
  ports.outside.mutate(
    {
      ...mutation,
      kind: "Revoking",
      subject: subjectOfEntry(scope.object),
      passId: scope.context.passId,
    },
    scope.context.signal,
    run,
  );

const carry = async (
  scope: OrphanScope,
  action: Exclude<OrphanAction, { type: "wait" } | { type: "observe" }>,
  ports: Ports,
): Promise<void> => {
  await ports.demand(wouldEnd(action));
  const at = timeText(scope.now);
  switch (action.type) {
    case "recordStray":
      scope.status = {
        ...scope.status,
        credentials: [...states(scope), { version: `stray-${action.id}`, id: action.id, state: "Pending" }],
      };
      return;
    case "disable": {
      const source = await openSource(scope, ports);
      await mutate(scope, ports, { action: wordsOf(requireSource(scope).kind).enable, target: action.id }, () =>
        source.setEnabled(action.id, false, callContext(scope)),
      );
      change(scope, action.id, { state: "Disabled", disabledAt: at });
      return;
    }
    case "revoke": {
      const source = await openSource(scope, ports);
      await refuseUsedStray(scope, source, action);
      await mutate(scope, ports, { action: wordsOf(requireSource(scope).kind).revoke, target: action.id }, () =>
        source.revoke(action.id, callContext(scope)),
      );
      change(scope, action.id, { state: "Deleted", deletedAt: at });
      return;
    }
    case "prove":
      await proveOnRecord(scope, action, ports);
      return;
    case "withdraw":
      for (const record of scope.spec.deliveries) {
        const store = await storeOf(scope, record.place, ports);
        await mutate(scope, ports, { action: "delivery:Withdraw", target: record.target }, () =>
          store.withdraw({ final: true }, callContext(scope)),
        );
      }
      scope.status = { ...scope.status, withdrawn: true };
      return;
    case "finish":
      await finish(scope, ports);
      return;
  }
};

/** A late key is ours only by attribution: whoever used it has to be found by a person first. */
const refuseUsedStray = async (
  scope: OrphanScope,
  source: CredentialSource,
  { id, version }: { readonly id: string; readonly version: string },
): Promise<void> => {
  // Its own mark says that it is ours, whoever may have used it.
  const { marks } = source.capabilities;
  if (marks || !version.startsWith("stray-") || (await source.lastUse(id, callContext(scope))).kind === "never") return;
  throw new OperatorError("StillInUse", {
    publicMessage: `${wordsOf(requireSource(scope).kind).credential} ${id} was made under an intent of the deleted resource but somebody has used it; it is disabled. Delete it at the provider once you know who it was.`,
  });
};

const prove = async (
  scope: OrphanScope,
  { id, version }: { readonly id: string; readonly version: string },
  ports: Ports,
): Promise<NonNullable<OrphanCredentialState["proof"]>> => {
  if (ports.sources.capabilities(requireSource(scope).kind).leavesNothing) return "ProvenByAuthority";
  const staging = await ports.staging.read(scope.spec.stagingUid);
  const material = staging.versions.find((entry) => entry.version === version && entry.id === id)?.material;
  // Nobody is locked out for a proof that a listing gives as well.
  const { lockout } = ports.sources.capabilities(requireSource(scope).kind);
  if (material === undefined || lockout) return "ProvenByListing";
  const outcome = await (await openSource(scope, ports)).proveRefused(material, callContext(scope));
  if (outcome.kind === "refused") return "ProvenByLogin";
  throw new OperatorError("Unavailable", {
    publicMessage: `${wordsOf(requireSource(scope).kind).credential} ${id} is deleted but its login is still accepted; it is tried again.`,
  });
};

const proveOnRecord = async (
  scope: OrphanScope,
  action: Extract<OrphanAction, { type: "prove" }>,
  ports: Ports,
): Promise<void> => {
  const proof = await prove(scope, action, ports);
  await ports.outside.note({
    action: "proof:Refused",
    subject: subjectOfEntry(scope.object),
    target: action.id,
    passId: scope.context.passId,
    result: "OK",
    facts: { proof },
  });
  change(scope, action.id, { state: "Proven", provenAt: timeText(scope.now), proof });
};

const finish = async (scope: OrphanScope, ports: Ports): Promise<void> => {
  const { origin, stagingUid } = scope.spec;
  await mutate(scope, ports, { action: "kubernetes:PruneStaging", target: stagingUid }, () =>
    ports.staging.keepOnly(stagingUid, []),
  );
  // The sweep finds the claim that could not be read: its owner is gone.
  for (const claim of readableOf(await ports.claims.list())) {
    if (claim.owner.uid === origin.uid) await ports.claims.release(claim.target, origin.uid);
  }
  const { uid, name } = scope.object.metadata;
  await ports.cluster.delete({ kind: ORPHANED_CREDENTIAL, name }, { uid });
};

const states = ({ status, spec }: OrphanScope): readonly OrphanCredentialState[] =>
  status.credentials ?? spec.credentials.map((entry) => ({ ...entry, state: "Pending" }));

const change = (scope: OrphanScope, id: string, by: Partial<OrphanCredentialState>): void => {
  scope.status = {
    ...scope.status,
    credentials: states(scope).map((entry) => (entry.id === id ? { ...entry, ...by } : entry)),
  };
};

const storeOf = async (scope: OrphanScope, place: DeliveryPlace, ports: Ports): Promise<DeliveryStore> => {
  const { namespace, name, uid } = scope.spec.origin;
  const owner: DeliveryOwner = { cluster: ports.clusterName, namespace, name, uid, predecessors: [] };
  const form = wordsOf(requireSource(scope).kind);
  if (place.kubernetesSecret !== undefined) return ports.stores.kubernetesSecret(owner, place.kubernetesSecret, form);
  if (place.hook !== undefined)
    return ports.stores.hook(
      await connectionToTakeBack(ports.cluster, place.hook.connectionRef.name),
      owner,
      place.hook,
      form,
    );
  if (place.vaultKV === undefined)
    throw new OperatorError("InvalidSpec", { publicMessage: "A delivery names no place." });
  return ports.stores.vaultKV(
    await connectionToTakeBack(ports.cluster, place.vaultKV.connectionRef.name),
    owner,
    place.vaultKV,
    form,
  );
};
