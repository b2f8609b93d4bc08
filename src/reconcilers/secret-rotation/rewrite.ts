import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { readSettings } from "../../domain/rotation/settings.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { Ports } from "../ports.ts";
import { rewriteSpec } from "../rewrite-spec.ts";
import { subjectOf, type InForce, type RotationScope } from "./scope.ts";

/** What acts as it is declared now, whatever else fails, is not taken back with the rest. */
const NEWEST = ["deletion", "adoption", "identityRef", "rollback"] as const;

/**
 * rollback.mode RewriteSpec: once the quarantine of this generation is on record, the last known good spec is written over it, once, unless
 * Git owns the object. True when that was tried in this pass.
 */
export const rewriteFailed = async (scope: RotationScope, inForce: InForce, ports: Ports): Promise<boolean> => {
  const { object, base, status } = scope;
  const generation = object.metadata.generation ?? 0;
  const wanted = rollbackOf(object.spec) ?? inForce.settings.rollback;
  const due =
    !inForce.own &&
    wanted === "RewriteSpec" &&
    base.quarantine?.generation === generation &&
    status.quarantine?.generation === generation &&
    status.rewrittenGeneration !== generation;
  if (!due) return false;
  const outcome = await rewriteSpec<SecretRotationSpec>(ports, {
    ref: scope.ref,
    object: object,
    good: inForce.spec,
    newest: readable(object.spec) ? NEWEST : NEWEST.filter((name) => name === "identityRef"),
    subject: subjectOf(scope),
    passId: scope.passId,
    signal: scope.signal,
  }).catch((thrown: unknown) => {
    throw lostRace(thrown);
  });
  scope.status = { ...status, rewrittenGeneration: generation };
  scope.events.push(
    outcome.kind === "refused"
      ? {
          type: "Warning",
          reason: "RewriteRefused",
          action: "Revert",
          note: `spec is not written back: ${outcome.why}`,
        }
      : {
          type: "Normal",
          reason: "SpecRewritten",
          action: "Revert",
          note: `Generation ${generation} failed; the last known good spec stands in spec again.`,
        },
  );
  return true;
};

const rollbackOf = (spec: SecretRotationSpec): string | undefined => {
  const own = readSettings(spec);
  return "field" in own ? undefined : own.rollback;
};

/** A spec that makes no sense may make none in these members either. */
const readable = (spec: SecretRotationSpec): boolean => !("field" in readSettings(spec));

/** Somebody wrote in between: that is not the spec's failure, and the next pass looks again. */
const lostRace = (thrown: unknown): unknown =>
  thrown instanceof OperatorError && thrown.code === "Conflict"
    ? new OperatorError("Unavailable", { publicMessage: "The object was changed in between; it is looked at again." })
    : thrown;
