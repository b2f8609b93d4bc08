import { isRefusalCode } from "../../kernel/errors.ts";
import type { RotationStatus } from "./record.ts";
import type { RotationSettings } from "./settings.ts";

/**
 * Has the target refused this spec for its whole progress deadline? Unavailable, throttled and timed out never count; without a
 * last known good nothing is ever quarantined.
 */
export const quarantineDue = (
  status: RotationStatus,
  settings: RotationSettings,
  now: Date,
): { readonly reason: string; readonly message: string } | undefined => {
  const { failures } = status;
  if (failures === undefined || status.lastKnownGood === undefined || !isRefusalCode(failures.reason)) return undefined;
  if (Date.parse(failures.since) + settings.progressDeadlineMs > now.getTime()) return undefined;
  return { reason: failures.reason, message: failures.message };
};
