import type { PlanInput } from "./action.ts";
import { nextDue, type Due } from "./schedule.ts";

/** When the credential in use will be replaced, and why then, as far as that can be known beforehand. */
export const nextRotation = ({
  status: { current },
  settings: { schedule, renewal },
  rotateAt,
  seed,
}: Pick<PlanInput, "status" | "settings" | "rotateAt" | "seed">): Due | undefined => {
  if (current === undefined) return undefined;
  const scheduled = nextDue({
    schedule,
    renewal,
    issuedAt: new Date(current.issuedAt),
    expiresAt: current.expiresAt === undefined ? undefined : new Date(current.expiresAt),
    seed,
  });
  return rotateAt !== undefined && (scheduled === undefined || rotateAt < scheduled.at)
    ? { at: rotateAt, reason: "Requested" }
    : scheduled;
};
