import { without } from "../../kernel/without.ts";
import type { DeliveryRecord, RotationStatus, Suspension, TargetRecord } from "./record.ts";
import { timeText } from "../../kernel/time-text.ts";
import { deliveryRecorded, drop } from "./record-parts.ts";

/** How the record changes with whom the credential belongs to: suspension and return, adoption, undo, the last known good. */

export const resumed = (status: RotationStatus, now: Date): RotationStatus =>
  status.current === undefined
    ? status
    : {
        ...status,
        current: { ...without(status.current, "resuming"), verifiedAt: timeText(now) },
      };

/** Nothing is made until the identity is Active again; what failed before has lost its meaning. */
export const suspended = (status: RotationStatus, reason: Suspension["reason"], now: Date): RotationStatus => ({
  ...drop(status, "failures"),
  suspension: { reason, since: timeText(now) },
});

export const comingBack = (status: RotationStatus, now: Date): RotationStatus =>
  status.suspension === undefined
    ? status
    : { ...status, suspension: { ...status.suspension, resumedAt: timeText(now) } };

export const cameBack = (status: RotationStatus, verifiedAt?: Date): RotationStatus => ({
  ...drop(status, "suspension", "failures"),
  ...(status.current === undefined || verifiedAt === undefined
    ? {}
    : { current: { ...status.current, verifiedAt: timeText(verifiedAt) } }),
});

/** It has been tried for long enough: a new one is issued. */
export const comebackRefused = (status: RotationStatus): RotationStatus =>
  status.suspension === undefined
    ? status
    : { ...drop(status, "failures"), suspension: { ...status.suspension, refused: true } };

export const targetFound = (status: RotationStatus, target: TargetRecord): RotationStatus => ({ ...status, target });

/** What was there before is the current credential: verified, and already where it belongs. */
export const adopted = (
  status: RotationStatus,
  found: {
    readonly version: string;
    readonly sequence: number;
    readonly id: string;
    readonly issuedAt: Date;
    readonly places: readonly DeliveryRecord[];
    readonly now: Date;
  },
): RotationStatus => {
  const { version, id, issuedAt, places, now } = found;
  const time = timeText(now);
  return {
    ...found.places.reduce(deliveryRecorded, drop(status, "failures")),
    sequence: found.sequence,
    current: { version, id, issuedAt: timeText(issuedAt), verifiedAt: time, publishedAt: time, adopted: true },
    adoptedPlaces: places.map(({ target }) => target),
  };
};

/** As if it had never been taken over; numbers go on. */
export const givenBack = (status: RotationStatus): RotationStatus => ({
  ...drop(status, "current", "adoptedPlaces", "failures"),
  deliveries: [],
});

export const markedGood = (
  status: RotationStatus,
  good: { readonly generation: number; readonly specHash: string; readonly spec: string },
): RotationStatus => ({ ...drop(status, "failures"), lastKnownGood: good });
