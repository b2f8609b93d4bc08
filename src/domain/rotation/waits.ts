import { isRefusalCode } from "../../kernel/errors.ts";
import type { PlanInput, RotationAction } from "./action.ts";
import type { Failures } from "./record.ts";
import type { RetirementWait } from "./retire.ts";

/** Back-off is kept in status, so a restart does not shorten it. Revocation has its own and is never held up by this one. */
export const backOff = ({ status, now, revived }: PlanInput): RotationAction | undefined => {
  if (status.failures === undefined || isLifted(revived, status.failures)) return undefined;
  const until = new Date(status.failures.nextAttemptTime);
  return until > now ? { type: "wait", for: "BackingOff", recheckAt: until, about: status.failures.reason } : undefined;
};

/** What was out of reach is there again, and nobody waits for it any longer. A refusal is none of that. */
export const isLifted = (revived: boolean | undefined, { reason }: Pick<Failures, "reason">): boolean =>
  revived === true && !isRefusalCode(reason);

/** A wait ends at the earlier of its own end and the next retirement gate; resting gives way to what is still to be retired. */
export const earliest = (action: RotationAction, retirement: RetirementWait): RotationAction => {
  if (action.type !== "wait" || retirement.for === "NextRotation") return action;
  const ends = [action.recheckAt, retirement.recheckAt].filter((at) => at !== undefined);
  const recheckAt = ends.sort((a, b) => a.getTime() - b.getTime())[0];
  const { for: what, about } = action.for === "NextRotation" ? retirement : action;
  return {
    type: "wait",
    for: what,
    ...(recheckAt === undefined ? {} : { recheckAt }),
    ...(about === undefined ? {} : { about }),
  };
};
