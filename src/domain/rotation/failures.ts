import type { Failures, RotationStatus } from "./record.ts";
import { timeText } from "../../kernel/time-text.ts";
import { drop } from "./record-parts.ts";

/** Back-off, on record so that it survives a restart. */

const FIRST_PAUSE_MS = 1000;

/** The pause doubles from one second up to the cap; `since` stays at the first failure of the same kind. */
export const failed = (
  before: Failures | undefined,
  failure: {
    readonly reason: string;
    readonly message: string;
    /** Id of the credential that it is about, where there is one. */
    readonly about?: string | undefined;
    readonly now: Date;
    readonly capMs: number;
    readonly retryAfterMs?: number | undefined;
  },
): Failures => {
  const same = before?.reason === failure.reason && before.about === failure.about;
  const count = same ? before.count + 1 : 1;
  const pauseMs = Math.max(Math.min(FIRST_PAUSE_MS * 2 ** (count - 1), failure.capMs), failure.retryAfterMs ?? 0);
  return {
    count,
    reason: failure.reason,
    message: failure.message.slice(0, 1024),
    ...(failure.about === undefined ? {} : { about: failure.about }),
    since: same ? before.since : timeText(failure.now),
    nextAttemptTime: timeText(new Date(failure.now.getTime() + pauseMs)),
  };
};

export const cleared = (
  status: RotationStatus,
  ...keys: readonly ("failures" | "revocationFailures" | "quarantine")[]
): RotationStatus => drop(status, ...keys);
