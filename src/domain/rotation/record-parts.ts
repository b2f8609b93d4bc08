import { without } from "../../kernel/without.ts";
import type { DeliveryRecord, PendingRevocation, RotationStatus } from "./record.ts";

/** Changes of the record that several transitions are made of. */

/** Removes optional members; typed back because only optional ones are ever passed. */
export const drop = (status: RotationStatus, ...keys: readonly (keyof RotationStatus)[]): RotationStatus =>
  without(status, ...keys);

/** A delivery that was written and read back. The record is kept by target, for a place may be re-declared under its name. */
export const deliveryRecorded = (status: RotationStatus, record: DeliveryRecord): RotationStatus => ({
  ...status,
  deliveries: [...(status.deliveries ?? []).filter(({ target }) => target !== record.target), record],
});

export const withRevocation = (status: RotationStatus, entry: PendingRevocation): RotationStatus => ({
  ...status,
  pendingRevocations: [...(status.pendingRevocations ?? []).filter(({ id }) => id !== entry.id), entry],
});
