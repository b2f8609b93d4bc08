import { RETRY } from "../../../api/v1alpha1/annotations.ts";
import type { SecretRotationSpec } from "../../../api/v1alpha1/secret-rotation.ts";
import { PROVIDER_CONNECTION, type ProviderConnection } from "../../../api/v1alpha1/provider-connection.ts";
import { quarantineDue } from "../../../domain/rotation/last-known-good.ts";
import type { OpenRotation } from "../../../domain/rotation/record.ts";
import { touched } from "../../../domain/rotation/open-rotation.ts";
import { readForEndings, readSettings, specHash, type RotationSettings } from "../../../domain/rotation/settings.ts";
import { connectionNamed } from "../../../domain/rotation/source.ts";
import { cleared } from "../../../domain/rotation/failures.ts";
import type { ClusterClient } from "../../../cluster/contract.ts";
import type { InForce, RotationScope } from "../scope.ts";

/**
 * Which spec is worked for: the object's own, unless it is quarantined, or a rotation that began under the last known good one
 * is still to be finished. Where none makes sense, what is on record still ends by what can be read of it (`endsOnly`), and the scope's
 * situation says why; undefined: nothing can be read of it.
 */
export const chooseSpec = async (scope: RotationScope, cluster: ClusterClient): Promise<InForce | undefined> => {
  retryAsked(scope);
  // What failed was another spec; this one starts with a clean slate.
  if (scope.status.observedGeneration !== scope.object.metadata.generation)
    scope.status = cleared(scope.status, "failures");
  const { spec } = scope.object;
  const hash = specHash(spec);
  const own = readSettings(spec);
  const good = lastKnownGood(scope);
  // Asked only where a quarantine is at stake: a converged resource should cost few reads.
  const generation = (): Promise<number> => connectionGenerations(scope, cluster);

  if ("field" in own) {
    if (good === undefined || good.settings.rollback === "None") {
      scope.situation = { kind: "stalled", reason: "InvalidSpec", message: own.message };
      return forEndings(scope);
    }
    quarantine(scope, hash, await generation(), { reason: "InvalidSpec", message: own.message });
    return good;
  }
  const ownInForce: InForce = { settings: own, specHash: hash, spec, own: true };

  const held = scope.status.quarantine;
  const lifted =
    held !== undefined &&
    (good === undefined || held.specHash !== hash || held.connectionGeneration !== (await generation()));
  if (lifted) scope.status = cleared(scope.status, "quarantine", "failures");
  if (scope.status.quarantine !== undefined && good !== undefined) return good;
  if (good === undefined || good.specHash === hash) return ownInForce;
  // A rotation that has switched a place already is finished (or taken back) by the spec it began with.
  const { rotation } = scope.status;
  if (rotation !== undefined) {
    if (touched(scope.status, rotation) && rotation.specHash !== hash) return withoutRemoved(good, own, rotation);
    scope.status = { ...scope.status, rotation: { ...rotation, specHash: hash } };
  }

  const verdict = quarantineDue(scope.status, own, scope.now);
  if (verdict === undefined || own.rollback === "None") return ownInForce;
  quarantine(scope, hash, await generation(), verdict);
  return good;
};

/** What ends is ended by the last known good spec, or by what can be read of the own one. */
export const forEndings = (scope: RotationScope): InForce | undefined => {
  const good = lastKnownGood(scope);
  if (good !== undefined) return { ...good, endsOnly: true };
  const { spec } = scope.object;
  const settings = readForEndings(spec);
  return settings && { settings, spec, specHash: specHash(spec), own: true, endsOnly: true };
};

/**
 * A dependent that the owner has taken out of the spec is waited for no more: leaving one out only narrows. One that this
 * rotation has begun to move is waited for, whichever spec brought it.
 */
const withoutRemoved = (good: InForce, own: RotationSettings, rotation: OpenRotation): InForce => {
  const waitedFor = new Set([...good.settings.dependents, ...(rotation.dependents ?? [])].map(({ name }) => name));
  return {
    ...good,
    settings: { ...good.settings, dependents: own.dependents.filter(({ name }) => waitedFor.has(name)) },
  };
};

const quarantine = (
  scope: RotationScope,
  hash: string,
  connectionGeneration: number,
  verdict: { readonly reason: string; readonly message: string },
): void => {
  const generation = scope.object.metadata.generation ?? 0;
  if (scope.status.quarantine?.specHash !== hash) {
    scope.events.push({
      type: "Warning",
      reason: "Reverted",
      action: "Revert",
      note: `Generation ${generation} could not be applied (${verdict.reason}); the last known good spec stays in force.`,
    });
    scope.reverted = verdict.reason;
  }
  scope.status = {
    ...cleared(scope.status, "failures"),
    quarantine: { specHash: hash, connectionGeneration, generation, ...verdict },
  };
};

const lastKnownGood = (scope: RotationScope): InForce | undefined => {
  const good = scope.status.lastKnownGood;
  if (good === undefined) return undefined;
  const spec = goodSpec(good.spec);
  const settings = spec && readSettings(spec);
  if (spec === undefined || settings === undefined || "field" in settings) return undefined;
  return { settings: newestOf(settings, scope), specHash: good.specHash, spec, own: false };
};

/** What cannot be read any more is no spec to go back to. */
const goodSpec = (text: string): SecretRotationSpec | undefined => {
  try {
    return JSON.parse(text) as SecretRotationSpec;
  } catch {
    return undefined;
  }
};

/** Deletion, adoption and the identity are obeyed as they are declared now, whatever else in the same spec fails (product.md). */
const newestOf = (settings: RotationSettings, scope: RotationScope): RotationSettings => {
  const own = readSettings(scope.object.spec);
  // It may be set later than the last known good spec, and never changes.
  const identity = scope.object.spec.identityRef?.name ?? settings.identity;
  const belongs = { ...settings, ...(identity === undefined ? {} : { identity }) };
  return "field" in own ? belongs : { ...belongs, deletion: own.deletion, adopt: own.adopt, rollback: own.rollback };
};

/** Sum of the generations of every connection that the spec names: it changes when the platform changes any of them. */
const connectionGenerations = async (
  { object: { spec }, status }: RotationScope,
  cluster: ClusterClient,
): Promise<number> => {
  const names = new Set([
    connectionNamed(spec.source) ?? status.target?.connection,
    ...spec.deliver.map(({ vaultKV, hook }) => (vaultKV ?? hook)?.connectionRef.name),
  ]);
  let sum = 0;
  for (const name of names) {
    if (name === undefined) continue;
    const connection = await cluster.get<ProviderConnection>({ kind: PROVIDER_CONNECTION, name });
    sum += connection?.metadata.generation ?? 0;
  }
  return sum;
};

/** What status has room for. */
const MOST_ANNOTATION = 256;

const retryAsked = (scope: RotationScope): void => {
  const asked = scope.object.metadata.annotations?.[RETRY];
  if (asked === undefined || asked.slice(0, MOST_ANNOTATION) === scope.status.lastHandledRetry) return;
  scope.status = {
    ...cleared(scope.status, "failures", "revocationFailures", "quarantine"),
    lastHandledRetry: asked.slice(0, MOST_ANNOTATION),
  };
};
