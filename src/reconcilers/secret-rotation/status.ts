import { without } from "../../kernel/without.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { RotationAction } from "../../domain/rotation/action.ts";
import type { RotationStatus } from "../../domain/rotation/record.ts";
import { nextRotation } from "../../domain/rotation/next.ts";
import { report, type Situation } from "../../domain/rotation/report.ts";
import { kindOf, wordsOf } from "../../domain/rotation/source.ts";
import { unmanagedIds } from "../../domain/rotation/strays.ts";
import { cleared, failed } from "../../domain/rotation/failures.ts";
import { timeText } from "../../kernel/time-text.ts";
import { isRefusal, type OperatorError } from "../../kernel/errors.ts";
import type { Ports } from "../ports.ts";
import { planInput, rotateAt } from "./steps/observe.ts";
import type { RotationScope } from "./scope.ts";

const REVOCATIONS: readonly RotationAction["type"][] = ["disable", "revoke", "prove"];
const REJECTIONS: readonly string[] = ["Rejected", "NegativeControlAccepted"];
const REFUSED_CAP_MS = 3_600_000;
/** A pause doubles, so nobody waits much longer than the outage has lasted; and who comes back is noticed (Ports.revived). */
const UNAVAILABLE_CAP_MS = 2 * 3_600_000;
/** A limit of ours passes within ten minutes. */
const LIMIT_CAP_MS = 60_000;

const LIMITS = [
  { type: "Warning", reason: "LimitReached", action: "Rotate" },
  { type: "Warning", reason: "AuditShareUsed", action: "Rotate" },
] as const;

/** A failed action goes on record with its back-off; revocation has a record of its own, so that neither holds up the other. */
export const recordFailure = (scope: RotationScope, error: OperatorError): void => {
  const acting = scope.action !== undefined && REVOCATIONS.includes(scope.action.type);
  // A read that failed on the way to a revocation is the revocation's failure.
  const revoking = acting || (scope.action === undefined && scope.revoking !== undefined);
  const key = revoking ? "revocationFailures" : "failures";
  const about = acting && scope.action !== undefined && "id" in scope.action ? scope.action.id : scope.revoking;
  const limit = LIMITS.find(({ reason }) => reason === error.code);
  if (limit !== undefined && scope.status.failures?.reason !== error.code)
    scope.events.push({ ...limit, note: error.publicMessage });
  scope.status = {
    ...scope.status,
    [key]: failed(scope.status[key], {
      reason: error.code,
      message: error.publicMessage,
      now: scope.now,
      capMs: capFor(error),
      retryAfterMs: error.retryAfterMs,
      about: revoking ? about : undefined,
    }),
  };
};

const capFor = (error: OperatorError): number => {
  if (error.code === "LimitReached" || error.code === "AuditShareUsed") return LIMIT_CAP_MS;
  return isRefusal(error) || error.code === "StillInUse" ? REFUSED_CAP_MS : UNAVAILABLE_CAP_MS;
};

/** What the pass did worked, so the back-off of its kind ends. */
export const recordSuccess = (scope: RotationScope, status: RotationStatus): void => {
  const revoking = scope.action !== undefined && REVOCATIONS.includes(scope.action.type);
  if (revoking) {
    scope.status = cleared(status, "revocationFailures");
    return;
  }
  // A rejected credential is made up for by one that is published, not by having issued another.
  const rejected = REJECTIONS.includes(status.failures?.reason ?? "");
  scope.status = rejected ? status : cleared(status, "failures");
};

/** The status as people will read it. */
export const finalStatus = (scope: RotationScope, situation: Situation, ports: Ports): RotationStatus => {
  const { inForce } = scope;
  const status = report({
    status: withNextRotation(scope),
    situation,
    generation: scope.object.metadata.generation ?? 0,
    now: scope.now,
    login: inForce?.settings.verify.login ?? true,
    checked: wordsOf(kindOf(scope.object.spec.source)).checked,
    unmanaged:
      scope.listing === undefined || inForce === undefined ? undefined : unmanagedIds(planInput(scope, inForce, ports)),
    caution: kindOf(scope.object.spec.source) === "vaultPKI" ? scope.caution : {},
  });
  return status;
};

const withNextRotation = (scope: RotationScope): RotationStatus => {
  const { inForce } = scope;
  const uid = scope.identity?.uid ?? scope.status.identityUid;
  const status: RotationStatus = uid === undefined ? scope.status : { ...scope.status, identityUid: uid };
  const rest = without(status, "nextRotationTime", "nextRotationReason");
  const { uid: seed } = scope.object.metadata;
  const next =
    inForce === undefined || inForce.endsOnly === true
      ? undefined
      : nextRotation({ status, settings: inForce.settings, rotateAt: rotateAt(scope), seed });
  if (next === undefined) return rest;
  return { ...rest, nextRotationTime: timeText(next.at), nextRotationReason: next.reason };
};

export const baseStatus = (object: SecretRotation): RotationStatus => object.status ?? {};
