import { recordedPlace } from "../../../domain/rotation/record.ts";
import { deliveryWithdrawn, published } from "../../../domain/rotation/transitions.ts";
import { deliveryRecorded } from "../../../domain/rotation/record-parts.ts";
import { markedGood } from "../../../domain/rotation/standing.ts";
import { cleared } from "../../../domain/rotation/failures.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { SecretMaterial } from "../../../kernel/secret-material.ts";
import type { DeliveryObservation, DeliveryStore } from "../../../stores/contract.ts";
import { isAdoptedPlace, needsFinalizer, NOT_ADOPTED, openStore } from "../steps/observe.ts";
import { capabilitiesFor } from "../scope.ts";
import { callContext, mutate, openRotation, say, type Act, type Carry } from "./act.ts";
import { claimTarget } from "./claim.ts";
import { ensureFinalizer, refreshClaim } from "./ownership.ts";
import { fromDelivery } from "./issue.ts";
import { staged } from "./verify.ts";

/**
 * One delivery is switched to a version and read back. What stands there is read first: it may already be done (the answer was
 * lost), or not be ours (Conflict, nothing written).
 */
export const publish: Carry<"publish"> = async (act, { delivery, version }) => {
  const { scope, ports, inForce } = act;
  const setting = inForce.settings.deliveries.find(({ name }) => name === delivery);
  if (setting === undefined) return scope.status;
  // The one before stands there as well.
  if (setting.place.kubernetesSecret?.includePrevious === true)
    scope.staging ??= await ports.staging.read(scope.object.metadata.uid);
  const store = await openStore(scope, setting.place, ports);
  const material = await valueOf(act, version);
  const before = await store.observe(callContext(act));
  if (!carries(before, version, material)) {
    if (before.kind === "foreign") throw new OperatorError("Conflict", { publicMessage: before.why });
    if (before.kind === "adoptable" && !isAdoptedPlace(scope, setting.name)) throw notAdopted(act);
    await mutate(
      act,
      { action: `${actionOf(store)}:Publish`, kind: "Issuing", target: store.target, facts: { version } },
      () => store.publish({ version, material }, before.precondition, callContext(act)),
    ).catch((thrown: unknown) => keepIfConflict(thrown));
    await readBack(act, store, version, material);
    say(act, "Normal", "Published", `Credential ${version} is delivered to ${store.target}.`, "Publish");
  }
  return deliveryRecorded(scope.status, {
    name: setting.name,
    version,
    target: store.target,
    place: recordedPlace(setting.place),
    digest: setting.digest,
  });
};

/** Of sources that leave nothing behind the value stands at another place, else in staging. */
const valueOf = async (act: Act, version: string): Promise<SecretMaterial> => {
  const { inForce, ports } = act;
  if (!capabilitiesFor({ inForce, ports }).leavesNothing) return staged(act, version);
  const material = await fromDelivery(act, version);
  if (material !== undefined) return material;
  throw new OperatorError("NotFound", { publicMessage: `The value of credential ${version} is in no place any more.` });
};

/**
 * A place is claimed and put on record before anything is written to it, so that a spec which fails later is undone there too.
 * What stands there and is not ours is neither claimed nor recorded.
 */
export const declare: Carry<"declare"> = async (act, { delivery }) => {
  const { scope, ports, inForce } = act;
  const setting = inForce.settings.deliveries.find(({ name }) => name === delivery);
  if (setting === undefined) return scope.status;
  const store = await openStore(scope, setting.place, ports);
  const seen = await store.observe(callContext(act));
  if (seen.kind === "foreign") throw new OperatorError("Conflict", { publicMessage: seen.why });
  if (seen.kind === "adoptable") throw notAdopted(act);
  await ensureFinalizer(act);
  await claimTarget(act, store.target, { snapshot: canonicalJson({ delivery: recordedPlace(setting.place) }) });
  const { name, place, digest } = setting;
  return deliveryRecorded(scope.status, {
    name,
    version: UNWRITTEN,
    target: store.target,
    place: recordedPlace(place),
    digest,
  });
};

/** It asks to be taken over, but only a first credential is taken over, and only when the spec says so. */
const notAdopted = ({ inForce }: Act): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: inForce.settings.adopt
      ? "A Secret asks to be adopted although there is a credential already; delete it or choose another name."
      : `${NOT_ADOPTED}.`,
  });

/** No credential's version: those begin with a number from 1 on. */
const UNWRITTEN = "0-unwritten";

export const actionOf = (store: DeliveryStore): string => (store.target.startsWith("kv/") ? "vault" : "kubernetes");

const carries = (seen: DeliveryObservation, version: string, material: SecretMaterial): boolean =>
  seen.kind === "ours" && seen.version === version && seen.matches(material);

/** A Conflict may be our own write whose answer was lost: reading back decides, so it is not thrown here. */
const keepIfConflict = (thrown: unknown): void => {
  if (thrown instanceof OperatorError && thrown.code === "Conflict") return;
  throw thrown;
};

const readBack = async (act: Act, store: DeliveryStore, version: string, material: SecretMaterial): Promise<void> => {
  const after = await store.observe(callContext(act));
  if (carries(after, version, material)) return;
  if (after.kind === "foreign") throw new OperatorError("Conflict", { publicMessage: after.why });
  throw new OperatorError("Unavailable", {
    publicMessage: `What was written to ${store.target} could not be read back; it is written again.`,
  });
};

/** Every delivery was written and read back: the new credential is the current one. */
export const recordPublished: Carry<"recordPublished"> = async (act) => {
  const rotation = openRotation(act);
  return published(cleared(act.scope.status, "failures"), rotation, act.scope.now);
};

/** A place that the spec no longer names gets its material taken away; what is not ours there stays. */
export const withdraw: Carry<"withdraw"> = async (act, { target }) => {
  const { scope, ports } = act;
  const record = (scope.status.deliveries ?? []).find((candidate) => candidate.target === target);
  if (record === undefined) return scope.status;
  const store = await openStore(scope, record.place, ports);
  const result = await mutate(act, { action: `${actionOf(store)}:Withdraw`, kind: "Revoking", target }, () =>
    store.withdraw({ final: true }, callContext(act)),
  );
  await ports.claims.release(target, scope.object.metadata.uid);
  say(act, "Normal", "Withdrawn", `Delivery ${record.name} (${target}) is no longer declared: ${result}.`, "Withdraw");
  return deliveryWithdrawn(scope.status, target);
};

export const pruneStaging: Carry<"pruneStaging"> = async (act, { keep }) => {
  const { scope, ports } = act;
  await mutate(act, { action: "kubernetes:PruneStaging", kind: "Revoking", target: scope.object.metadata.uid }, () =>
    ports.staging.keepOnly(scope.object.metadata.uid, keep),
  );
  return scope.status;
};

export const recordGood: Carry<"recordGood"> = async (act) => {
  const { scope, inForce } = act;
  // Declared only now: what there is to revoke or to withdraw at deletion.
  if (needsFinalizer(inForce.settings)) await ensureFinalizer(act);
  await refreshClaim(act);
  return markedGood(scope.status, {
    generation: inForce.own ? (scope.object.metadata.generation ?? 0) : (scope.status.lastKnownGood?.generation ?? 0),
    specHash: inForce.specHash,
    spec: canonicalJson(inForce.spec),
  });
};
