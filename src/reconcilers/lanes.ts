import { LEAKED } from "../api/v1alpha1/annotations.ts";
import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../api/v1alpha1/service-account-lifecycle.ts";
import { leftOf } from "../domain/lifecycle/rotations.ts";
import type { RotationStatus } from "../domain/rotation/record.ts";
import { leaking } from "../domain/rotation/leak.ts";

/** Which resources go in the lane of ends, by what the watch has shown last. A mistake costs time and no more: every pass reads what it goes by. */

interface At {
  readonly now: Date;
  /** An IdentityHold is in force on it. */
  readonly held: boolean;
}

/** An end of the identity is declared, and not yet carried out and proven. One that is goes with the rest when it is looked at again. */
export const isEndingIdentity = (identity: ServiceAccountLifecycle, at: At): boolean =>
  identity.metadata.deletionTimestamp !== undefined || (hasEnd(identity, at) && !isProven(identity));

/** Suspended, decommissioned, expired, held or deleted: as the spec and the holds say, whatever has become of it. */
export const hasEnd = ({ metadata, spec }: ServiceAccountLifecycle, { now, held }: At): boolean =>
  held ||
  metadata.deletionTimestamp !== undefined ||
  (spec.state ?? "Active") !== "Active" ||
  (spec.expiresAt !== undefined && new Date(spec.expiresAt) <= now);

const isProven = ({ metadata, status }: ServiceAccountLifecycle): boolean =>
  status?.observedGeneration === metadata.generation &&
  (status?.conditions ?? []).some(
    ({ type, status: is }) => (type === "Suspended" || type === "Offboarded") && is === "True",
  );

/** It is deleted, a leak of it is reported or being mended, or its identity (undefined: it has none) ends and it still holds something. */
export const isEndingRotation = (
  rotation: SecretRotation,
  identity: ServiceAccountLifecycle | undefined,
  at: { readonly now: Date; readonly held: boolean; readonly identityHeld: boolean },
): boolean => {
  const { metadata, status } = rotation;
  const record: RotationStatus = status ?? {};
  if (metadata.deletionTimestamp !== undefined) return true;
  const told = metadata.annotations?.[LEAKED];
  if (told !== undefined && told !== record.lastHandledLeak) return true;
  if (leaking(record) || (record.pendingRevocations ?? []).some(({ leaked }) => leaked === true)) return true;
  const { now, held, identityHeld } = at;
  const ends = held || (identity !== undefined && hasEnd(identity, { now, held: identityHeld }));
  return ends && leftOf(rotation) !== undefined;
};
