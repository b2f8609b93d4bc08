import type { ServiceAccountLifecycleSpec } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { Ports } from "../../ports.ts";
import { rewriteSpec } from "../../rewrite-spec.ts";
import type { LifecycleScope } from "../scope.ts";

/** Accounts are what goes back; everything else acts as it is declared now. */
const NEWEST: readonly (keyof ServiceAccountLifecycleSpec)[] = [
  "owner",
  "purpose",
  "environment",
  "state",
  "expiresAt",
  "review",
  "adoption",
  "drift",
  "progressDeadline",
  "deletion",
  "rollback",
];

/**
 * rollback.mode RewriteSpec: once per failed generation, in a pass after the one that recorded the failure. True when the spec was
 * written or that was refused for good: the pass then ends with its status write.
 */
export const rewriteFailed = async (scope: LifecycleScope, ports: Ports): Promise<boolean> => {
  const { object, status } = scope;
  const { quarantine, lastKnownGood } = status;
  const recorded = object.status?.quarantine?.generation;
  if (quarantine === undefined || lastKnownGood === undefined || recorded !== object.metadata.generation) return false;
  if (object.spec.rollback?.mode !== "RewriteSpec" || status.rewrittenGeneration === quarantine.generation)
    return false;
  const outcome = await rewriteSpec<ServiceAccountLifecycleSpec>(ports, {
    ref: scope.ref,
    object,
    good: JSON.parse(lastKnownGood.spec) as ServiceAccountLifecycleSpec,
    newest: NEWEST,
    subject: scope.subject,
    passId: scope.passId,
    signal: scope.signal,
  });
  scope.status = { ...scope.status, rewrittenGeneration: quarantine.generation };
  scope.rewritten = true;
  if (outcome.kind === "written") {
    scope.events.push({
      type: "Normal",
      reason: "SpecRewritten",
      action: "Revert",
      note: `The accounts of generation ${lastKnownGood.generation} were written back to spec in the place of generation ${quarantine.generation}.`,
    });
  }
  if (outcome.kind === "refused") {
    scope.events.push({
      type: "Warning",
      reason: "RewriteRefused",
      action: "Revert",
      note: `The spec of generation ${quarantine.generation} is not written back: ${outcome.why}`,
    });
  }
  return true;
};
