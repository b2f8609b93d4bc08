import { timeText } from "../../kernel/time-text.ts";
import type { RotationStatus, Trigger } from "./record.ts";

/**
 * The bound on replacements that nobody planned: of a credential that was lost, or has leaked. Somebody who loses one again and again is given
 * three a day, then one an hour. Renewal, expiry and what a person asks for have no such bound, and a leaked credential ends in any case.
 */

export const MOST_REPLACEMENTS = 3;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Is it issued in the place of one that was lost, or has leaked and was revoked first? */
export const replacesLost = ({ current, lastHandledLeak }: RotationStatus, because: Trigger | "Changed"): boolean =>
  because === "Lost" ||
  because === "Leaked" ||
  (because === "FirstIssue" && current === undefined && lastHandledLeak !== undefined);

/** One more was issued. */
export const replacementNoted = (status: RotationStatus, because: Trigger | "Changed", now: Date): RotationStatus =>
  replacesLost(status, because)
    ? { ...status, replacedAt: [timeText(now), ...(status.replacedAt ?? [])].slice(0, MOST_REPLACEMENTS) }
    : status;

/** When the next one may be issued; undefined: now. */
export const nextReplacement = ({ replacedAt = [] }: RotationStatus, now: Date): Date | undefined => {
  const [newest] = replacedAt;
  const oldest = replacedAt[MOST_REPLACEMENTS - 1];
  if (newest === undefined || oldest === undefined || Date.parse(oldest) + DAY_MS <= now.getTime()) return undefined;
  const next = new Date(Date.parse(newest) + HOUR_MS);
  return next > now ? next : undefined;
};
