import { LEAKED } from "../../api/v1alpha1/annotations.ts";
import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { hasFinalizer, removeFinalizer } from "../../cluster/finalizer.ts";
import { writeStatus } from "../../cluster/status-writer.ts";
import {
  mayHandOver,
  credentialsToEnd,
  planDeletion,
  type DeletionAction,
  type DeletionInput,
} from "../../domain/rotation/deletion.ts";
import { wouldDeleteRotation } from "../../domain/rotation/would.ts";
import type { ClosedIntent, DeliveryRecord, RotationStatus } from "../../domain/rotation/record.ts";
import { readForEndings, readSettings } from "../../domain/rotation/settings.ts";
import { failed } from "../../domain/rotation/failures.ts";
import { hasEnded } from "../../domain/rotation/identity.ts";
import { without } from "../../kernel/without.ts";
import { timeText } from "../../kernel/time-text.ts";
import { orphanSource, type OrphanSpec } from "../../domain/orphan/record.ts";
import { claimOf, isSourceClaim, thawed, type FrozenSource } from "../../domain/rotation/source.ts";
import type { Outcome } from "../../engine/contract.ts";
import { OperatorError, toOperatorError } from "../../kernel/errors.ts";
import { hasIdentityEnded, heldUntil, identityNamed } from "../orphan/declared.ts";
import { orphanRef, writeOrphan } from "../orphan/entry.ts";
import { isHalted } from "../halted.ts";
import type { Ports } from "../ports.ts";
import { msUntil } from "../server-time.ts";
import { callContext, mutate, type Act } from "./acts/act.ts";
import { ASK_AGAIN_MS, permitForOffboarding } from "../limits.ts";
import { returnPlaces } from "./acts/adoption.ts";
import {
  capabilitiesFor,
  claimFor,
  requireTarget,
  subjectOf,
  wordsFor,
  type InForce,
  type RotationScope,
} from "./scope.ts";
import { readStanding } from "./steps/holding.ts";
import { readIdentity } from "./steps/identity.ts";
import { noneOfNobody, openSource, openStore } from "./steps/observe.ts";
import { readableOf, wholeOf } from "../../kernel/listed.ts";

const RETRY_CAP_MS = 60_000;
const UNREAD_PAUSE_MS = 5000;

/** Deleting: the planner's steps one after another, each read afresh; a failure waits, or is handed over when its time is up. */
export const deleteRotation = async (scope: RotationScope, ports: Ports): Promise<Outcome> => {
  if (!hasFinalizer(scope.object)) return { kind: "settled" };
  const declared = settingsForDeletion(scope);
  // Whether it may be retained may hang on a hold; everything else does not wait for it.
  if (declared.settings.deletion.policy === "Retain" && !ports.holds.read())
    return { kind: "waiting", recheckAfterMs: UNREAD_PAUSE_MS };
  await readStanding(scope, declared.settings, ports).catch((thrown: unknown) => {
    if (declared.settings.deletion.policy === "Retain") throw thrown;
  });
  const inForce = withoutRetaining(scope, declared);
  if (scope.hold !== undefined) scope.status = withoutAdoption(scope.status);
  const act: Act = { scope, inForce, ports };
  await rememberTarget(scope, inForce, ports);
  const entry = await ports.cluster.get<OrphanedCredential>(orphanRef(scope.object.metadata.uid));
  if (entry?.spec.held !== undefined) return letGo(act, "removeFinalizer");
  const facts = capabilitiesFor({ inForce, ports });
  const deletedAt = new Date(scope.object.metadata.deletionTimestamp ?? scope.now);
  const { versions: staged } = await ports.staging.read(scope.object.metadata.uid);
  const disabled = new Set<string>();
  const seen: Seen = {
    inLedger: entry !== undefined,
    staged,
    listing: undefined,
    standing: undefined,
    givenBack: false,
    held: false,
    gathers: false,
  };
  const input = (): DeletionInput => ({
    now: scope.now,
    deletedAt,
    deletion: inForce.settings.deletion,
    canDisable: facts.canDisable,
    revokes: inForce.settings.revokes,
    status: scope.status,
    ...seen,
  });
  try {
    for (let action = planDeletion(input()); ; action = planDeletion(input())) {
      await ports.demand(wouldDeleteRotation(action));
      if (action.type === "removeFinalizer" || action.type === "releaseAll") return await letGo(act, action.type);
      if (action.type === "disable") {
        if (disabled.has(action.id)) throw stillListed(wordsFor(act).credential, action.id);
        disabled.add(action.id);
      }
      await carry(act, action, seen);
      // What the limit holds back waits in the ledger for a person, not on the finalizer.
      if (seen.held) return await letGo(act, "removeFinalizer");
      if (seen.gathers) return { kind: "waiting", recheckAfterMs: ASK_AGAIN_MS };
    }
  } catch (thrown) {
    const error = toOperatorError(thrown);
    if (error.code === "Aborted" || isHalted(error)) return { kind: "failed", error };
    if (seen.inLedger && mayHandOver(input())) return letGo(act, "removeFinalizer");
    return delayed(scope, ports, error, handOverAt(input()));
  }
};

/** What was read on the way; the planner's input changes only here. */
type Seen = { -readonly [Key in "inLedger" | "listing" | "standing" | "givenBack"]: DeletionInput[Key] } & Pick<
  DeletionInput,
  "staged"
> & { held: boolean; gathers: boolean };

/** Was it declared to end before it was deleted? No limit holds that back: a hold, the end of its identity, a leak. */
const isDeclared = ({ scope, inForce, ports }: Act): boolean => {
  const { status, object, request, now } = scope;
  const { current, pendingRevocations = [] } = status;
  const leaked = current?.leaked === true || pendingRevocations.some((entry) => entry.leaked === true);
  const told = object.metadata.annotations?.[LEAKED];
  if (scope.hold !== undefined || leaked || (told !== undefined && told === current?.version)) return true;
  return hasIdentityEnded(identityNamed(ports, request.namespace, inForce.settings.identity), now);
};

const stillListed = (credential: string, id: string): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `${credential} ${id} was disabled and is still listed as active; it is tried again.`,
  });

const carry = async (
  act: Act,
  action: Exclude<DeletionAction, { type: "removeFinalizer" | "releaseAll" }>,
  seen: Seen,
): Promise<void> => {
  const { scope, inForce, ports } = act;
  switch (action.type) {
    case "writeLedger": {
      const entry = await ledgerEntry(act, seen.staged);
      const { uid } = scope.object.metadata;
      const { namespace } = scope.request;
      const answer = isDeclared(act) ? "taken" : await permitForOffboarding(ports, { key: uid, namespace });
      if (answer === "later") {
        seen.gathers = true;
        return;
      }
      seen.held = answer === "none";
      // What was adopted is given back at once: that takes nothing out of use.
      if (seen.held && scope.status.current?.adopted === true) await returnPlaces(act);
      await writeOrphan(
        ports,
        seen.held ? { ...entry, ...heldUntil(identityNamed(ports, namespace, inForce.settings.identity)) } : entry,
        inForce.settings.identity,
        subjectOf(scope).asked,
      );
      seen.inLedger = true;
      return;
    }
    case "observe":
      if (action.what === "listing") {
        const source = await openSource(scope, inForce, ports);
        const listing = source.list(callContext(act)).catch((thrown: unknown) => noneOfNobody(scope, inForce, thrown));
        seen.listing = (await listing).credentials;
      } else {
        seen.standing = await standing(act);
      }
      return;
    case "disable": {
      const source = await openSource(scope, inForce, ports);
      await mutate(
        act,
        {
          action: wordsFor(act).enable,
          kind: "Revoking",
          target: action.id,
          facts: { status: "Inactive", because: "Deleted" },
        },
        () => source.setEnabled(action.id, false, callContext(act)),
      );
      seen.listing = undefined;
      return;
    }
    case "withdraw": {
      const record = (scope.status.deliveries ?? []).find(({ target }) => target === action.target);
      if (record !== undefined) {
        const store = await openStore(scope, record.place, ports);
        await mutate(act, { action: "delivery:Withdraw", kind: "Revoking", target: action.target }, () =>
          store.withdraw({ final: false }, callContext(act)),
        );
      }
      seen.standing = seen.standing?.filter((target) => target !== action.target);
      return;
    }
    case "giveBack":
      await returnPlaces(act);
      seen.givenBack = true;
      say(ports, scope, "GivenBack", "What was adopted is as it was found.");
      return;
  }
};

/** Deletion does not depend on a spec that makes sense: what was good last, else what is there, else the defaults. */
const settingsForDeletion = (scope: RotationScope): InForce => {
  const own = readSettings(scope.object.spec);
  const good = scope.status.lastKnownGood;
  const spec =
    "field" in own && good !== undefined ? (JSON.parse(good.spec) as typeof scope.object.spec) : scope.object.spec;
  const settings = readForEndings(spec);
  if (settings === undefined) throw new Error("A stored spec without a source cannot have been acted on.");
  return { settings, specHash: good?.specHash ?? "", spec, own: true };
};

/** Under a hold what was only adopted ends like any other; the places that were there before stay as they are. */
const withoutAdoption = (status: RotationStatus): RotationStatus => {
  const { current, adoptedPlaces = [], deliveries = [] } = status;
  return current?.adopted !== true
    ? status
    : {
        ...without(status, "adoptedPlaces"),
        current: without(current, "adopted"),
        deliveries: deliveries.filter(({ target }) => !adoptedPlaces.includes(target)),
      };
};

/** Of an identity that has ended nothing is retained. */
const withoutRetaining = (scope: RotationScope, inForce: InForce): InForce => {
  const { settings } = inForce;
  if (settings.deletion.policy !== "Retain" || !hasEnded(scope.identity?.state)) return inForce;
  return { ...inForce, settings: { ...settings, deletion: { ...settings.deletion, policy: "Delete" } } };
};

/** The identity may be gone by now: whose keys these are is in the record, or else on the claim. */
const rememberTarget = async (scope: RotationScope, { settings }: InForce, ports: Ports): Promise<void> => {
  if (settings.source.kind === "target" || scope.status.target !== undefined) return;
  const claim = await sourceClaim(scope, ports);
  if (claim === undefined) {
    scope.identity = await readIdentity(scope, settings, ports);
    return;
  }
  const { source = {} } = JSON.parse(claim.snapshot) as { readonly source?: FrozenSource };
  const target = thawed(source);
  if (target?.kind !== "awsAccessKey") return;
  const { connection, userName } = target;
  scope.status = { ...scope.status, target: { connection, userName, claim: claim.target } };
};

const sourceClaim = async (scope: RotationScope, ports: Ports) => {
  const listed = await ports.claims.list();
  const found = readableOf(listed).find(
    ({ owner, target }) => owner.uid === scope.object.metadata.uid && isSourceClaim(target),
  );
  // It has none only when none was left out.
  if (found === undefined) wholeOf("claims", listed);
  return found;
};

const standing = async (act: Act): Promise<readonly string[]> => {
  const targets: string[] = [];
  for (const record of ownDeliveries(act.scope)) {
    const store = await openStore(act.scope, record.place, act.ports);
    const seen = await store.observe(callContext(act));
    if (seen.kind === "ours") targets.push(record.target);
  }
  return targets;
};

/** What was adopted is given back, not withdrawn. */
const ownDeliveries = ({ status }: RotationScope): readonly DeliveryRecord[] =>
  (status.deliveries ?? []).filter(
    ({ target }) => status.current?.adopted !== true || status.adoptedPlaces?.includes(target) !== true,
  );

const ledgerEntry = async (act: Act, staged: DeletionInput["staged"]): Promise<OrphanSpec> => {
  const { scope, inForce, ports } = act;
  const { status, request, now } = scope;
  const { settings } = inForce;
  const { policy } = settings.deletion;
  const { current } = status;
  const { canDisable } = ports.sources.capabilities(settings.source.of);
  const kept = policy === "Retain" || current?.adopted === true ? current : undefined;
  // The retained key was made under an intent of ours; to the ledger it is known, or it would be taken for a stray.
  const retained = kept === undefined ? [] : [kept.id];
  const source = requireTarget(scope, settings);
  await openSource(scope, inForce, ports).catch(() => undefined);
  const target =
    (await sourceClaim(scope, ports))?.target ??
    status.target?.claim ??
    (scope.connection === undefined
      ? claimOf(source, "unknown", request.namespace)
      : claimFor(scope.connection, source, scope.request.namespace));
  return {
    origin: {
      kind: "SecretRotation",
      namespace: request.namespace,
      name: request.name,
      uid: scope.object.metadata.uid,
    },
    source: orphanSource(source, settings.source.exclusive),
    target,
    stagingUid: scope.object.metadata.uid,
    policy: settings.deletion.policy === "Disable" ? "Disable" : "Delete",
    recordedAt: timeText(now),
    // What cannot be disabled cannot be held either: it would work all the while.
    holdSeconds: canDisable ? Math.ceil(settings.deletion.holdMs / 1000) : 0,
    credentials: credentialsToEnd(status, staged, policy).map(({ version, id }) => ({ version, id })),
    intents: [...openIntentClosed(scope, now), ...(status.closedIntents ?? [])].map((intent) => ({
      ...intent,
      knownIds: [...intent.knownIds, ...retained],
    })),
    // What is retained stays where it was delivered.
    deliveries: policy === "Retain" ? [] : ownDeliveries(scope),
    sequence: status.sequence ?? 0,
    ...(current === undefined || kept !== undefined ? {} : { currentVersion: current.version }),
  };
};

/** The open rotation ends here; a late answer to its CreateAccessKey is still attributed to it. */
const openIntentClosed = ({ status }: RotationScope, now: Date): readonly ClosedIntent[] => {
  const { rotation } = status;
  if (rotation === undefined) return [];
  const { id, version, openedAt, providerTime, knownIds } = rotation;
  return [{ id, version, openedAt, providerTime, knownIds, closedAt: timeText(now), result: "Abandoned" }];
};

/** The finalizer goes; with nothing left behind (or by `Retain`) the claims go too, otherwise the ledger keeps them. */
const letGo = async (act: Act, how: "removeFinalizer" | "releaseAll"): Promise<Outcome> => {
  const { scope, ports } = act;
  if (how === "releaseAll") await releaseAll(act);
  await removeFinalizer(ports.cluster, scope.ref, scope.object);
  const note =
    how === "releaseAll"
      ? "Nothing was left to revoke."
      : "The ledger (OrphanedCredential) does what is left: holding, deleting and proving.";
  say(ports, scope, "HandedOver", note);
  ports.freshness.forget(scope.object.metadata.uid);
  return { kind: "settled" };
};

const say = (ports: Ports, scope: RotationScope, reason: "HandedOver" | "GivenBack", note: string): void => {
  ports.events.record(
    { ref: scope.ref, uid: scope.object.metadata.uid },
    { type: "Normal", reason, action: "Delete", note },
  );
};

const releaseAll = async (act: Act): Promise<void> => {
  const { scope, ports } = act;
  const { uid } = scope.object.metadata;
  await mutate(act, { action: "kubernetes:PruneStaging", kind: "Revoking", target: uid }, () =>
    ports.staging.keepOnly(uid, []),
  );
  // The sweep finds the claim that could not be read, once its owner is gone.
  for (const claim of readableOf(await ports.claims.list())) {
    if (claim.owner.uid === uid) await ports.claims.release(claim.target, uid);
  }
};

/** When the ledger takes over what could not be done; undefined: never. */
const handOverAt = ({ deletedAt, deletion }: DeletionInput): Date | undefined =>
  deletion.onTimeout === "HandOver" ? new Date(deletedAt.getTime() + deletion.timeoutMs) : undefined;

const delayed = async (
  scope: RotationScope,
  ports: Ports,
  error: ReturnType<typeof toOperatorError>,
  handOver: Date | undefined,
): Promise<Outcome> => {
  const revocationFailures = failed(scope.status.revocationFailures, {
    reason: error.code,
    message: `Deletion waits: ${error.publicMessage}`,
    now: scope.now,
    capMs: RETRY_CAP_MS,
    retryAfterMs: error.retryAfterMs,
  });
  const next = { ...scope.status, revocationFailures, activity: `Deleting: ${error.code}` };
  await writeStatus(ports.cluster, scope.ref, { base: scope.object, next: next }, { clock: ports.clock });
  const retry = Date.parse(revocationFailures.nextAttemptTime);
  // No back-off is longer than what is left until the ledger takes over.
  const at = handOver !== undefined && handOver > scope.now ? Math.min(retry, handOver.getTime()) : retry;
  return { kind: "waiting", recheckAfterMs: Math.max(msUntil(at, scope.now), 1000) };
};
