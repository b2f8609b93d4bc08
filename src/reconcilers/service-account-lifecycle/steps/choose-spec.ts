import { RETRY } from "../../../api/v1alpha1/annotations.ts";
import type { ServiceAccountLifecycleSpec } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { specInForce, type SpecInForce } from "../../../domain/lifecycle/last-known-good.ts";
import { cleared } from "../../../domain/lifecycle/transitions.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { Ports } from "../../ports.ts";
import { connectionNames, readConnection } from "../connections.ts";
import type { LifecycleScope } from "../scope.ts";

/** What status has room for. */
const MOST_ANNOTATION = 256;

/**
 * Which spec is worked for: the object's own, or the last known good accounts while it is quarantined. In the pass in which a spec is
 * given up, people are told.
 */
export const chooseSpec = async (scope: LifecycleScope, ports: Ports): Promise<void> => {
  retryAsked(scope);
  const { metadata, spec } = scope.object;
  // What failed was another spec; this one starts with a clean slate.
  if (scope.status.observedGeneration !== metadata.generation) scope.status = cleared(scope.status, "failures");
  const chosen = specInForce({
    spec,
    status: scope.status,
    generation: metadata.generation ?? 0,
    connectionGeneration: await connectionGenerations(scope, spec, ports),
    now: scope.now,
  });
  scope.status = chosen.status;
  scope.inForce = {
    settings: chosen.settings,
    spec: chosen.spec,
    specHash: chosen.specHash,
    own: chosen.own,
    ...(chosen.refusal === undefined || standsOnGood(chosen) ? {} : { refusal: chosen.refusal }),
  };
  if (chosen.reverted === undefined) return;
  const good = scope.status.lastKnownGood;
  scope.reverted = chosen.reverted.reason;
  scope.events.push({
    type: "Warning",
    reason: "Reverted",
    action: "Revert",
    note:
      good === undefined
        ? `Generation ${metadata.generation ?? 0} could not be applied (${chosen.reverted.reason}); what was made for it is taken back.`
        : `Generation ${metadata.generation ?? 0} could not be applied (${chosen.reverted.reason}); the accounts of generation ${good.generation} stay in force.`,
  });
};

/** A spec that makes no sense is left out wholly, and the last known good one is kept up as if it were the newest. */
const standsOnGood = ({ own, status }: SpecInForce): boolean =>
  !own && status.quarantine !== undefined && status.lastKnownGood !== undefined;

/**
 * Sum of the generations of every connection that the spec names: it changes when the platform changes any of them. Where one cannot be
 * read, a quarantine goes on as it was; that holds up no other account of the identity.
 */
const connectionGenerations = async (
  scope: LifecycleScope,
  spec: ServiceAccountLifecycleSpec,
  ports: Ports,
): Promise<number> => {
  let sum = 0;
  let unread = false;
  for (const name of connectionNames(spec)) {
    const found = scope.connections.get(name) ?? (await readConnection(ports.cluster, name));
    scope.connections.set(name, found);
    if (!(found instanceof OperatorError)) sum += found.metadata.generation ?? 0;
    else if (found.code === "Aborted") throw found;
    else if (found.code !== "NotFound") unread = true;
  }
  return unread ? (scope.status.quarantine?.connectionGeneration ?? sum) : sum;
};

const retryAsked = (scope: LifecycleScope): void => {
  const asked = scope.object.metadata.annotations?.[RETRY]?.slice(0, MOST_ANNOTATION);
  if (asked === undefined || asked === scope.status.lastHandledRetry) return;
  scope.status = {
    ...cleared(scope.status, "failures", "leaveFailures", "quarantine"),
    lastHandledRetry: asked,
  };
};
