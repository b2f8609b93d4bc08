import type { PlanInput, RotationAction } from "./action.ts";
import { hasEnded } from "./identity.ts";
import { missing } from "./slots.ts";

/** The identity has ended while a rotation was open: the rotation ends where it is, with whatever is current then. */
export const planAbort = ({ identity, status }: PlanInput): RotationAction | undefined => {
  const { rotation } = status;
  if (rotation === undefined || !hasEnded(identity)) return undefined;
  // Going back had made the previous one current; published, the new one is. The other one passes through the gates later.
  if (rotation.direction === "Back") return { type: "closeRotation", result: "RolledBack" };
  if (rotation.publishedAt !== undefined) return { type: "closeRotation", result: "Abandoned" };
  return { type: "discardPending", because: "IdentityNotActive" };
};

/** While the identity is not Active nothing is made, moved or switched on; only what must die goes on dying. */
export const planHold = (input: PlanInput): RotationAction | undefined => {
  const { identity, status, now } = input;
  if (identity === undefined || identity === "Active") return undefined;
  if (!hasEnded(identity)) return { type: "wait", for: "IdentityNotReady" };
  const reason = identity === "Suspended" ? "IdentitySuspended" : "IdentityDecommissioned";
  const { suspension } = status;
  if (suspension?.reason !== reason || suspension.resumedAt !== undefined) return { type: "recordSuspension", reason };
  if (!input.facts.canDisable && status.current !== undefined) return { type: "surrender" };
  const lateUntil = lateAnswersUntil(input);
  if (lateUntil <= now.getTime() || input.facts.leavesNothing) return { type: "wait", for: reason };
  // A CreateAccessKey whose answer was lost may still have worked: its key is looked for before all is quiet.
  return input.listing === undefined
    ? { type: "observe", what: "listing" }
    : { type: "wait", for: reason, recheckAt: new Date(lateUntil) };
};

const lateAnswersUntil = ({ status, attributionWindowMs }: PlanInput): number =>
  Math.max(0, ...(status.closedIntents ?? []).map(({ closedAt }) => Date.parse(closedAt) + attributionWindowMs));

/** After a suspension: the current credential must log in before anything is built on it. */
export const planComeback = (input: PlanInput): RotationAction | undefined => {
  const { suspension, current } = input.status;
  if (suspension === undefined || suspension.refused === true) return undefined;
  if (current === undefined || current.resuming === true) return { type: "comeBack", step: "End" };
  if (suspension.resumedAt === undefined) return { type: "comeBack", step: "Begin" };
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  if (missing(current, input.listing, input.now)) return { type: "comeBack", step: "End" };
  if (input.staging === undefined) return { type: "observe", what: "staging" };
  return { type: "comeBack", step: "Login" };
};
