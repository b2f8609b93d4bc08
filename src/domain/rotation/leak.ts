import type { PlanInput, RotationAction } from "./action.ts";
import type { OpenRotation, RotationStatus } from "./record.ts";

/** What somebody says has leaked goes on record before anything else, also while the resource is paused. */
export const planLeak = ({ leaked }: PlanInput): RotationAction | undefined =>
  leaked === undefined ? undefined : { type: "recordLeak", version: leaked };

/** A new credential that leaked before anybody had it is given up. */
export const pendingLeaked = ({ status }: PlanInput): RotationAction | undefined => {
  const { rotation, lastHandledLeak } = status;
  return rotation !== undefined && rotation.publishedAt === undefined && rotation.version === lastHandledLeak
    ? { type: "discardPending", because: "Leaked" }
    : undefined;
};

/** Is a leaked credential being replaced? Nobody is made ill by that, and nobody goes back to it. */
export const replacesLeaked = ({ current }: RotationStatus, rotation: OpenRotation): boolean =>
  rotation.trigger === "Leaked" || (rotation.previous ?? current)?.leaked === true;

/** Does anything have to make room for the successor of a leaked one? */
export const leaking = (status: RotationStatus): boolean =>
  status.current?.leaked === true || (status.rotation !== undefined && replacesLeaked(status, status.rotation));
