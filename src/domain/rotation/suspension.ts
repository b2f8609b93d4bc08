import type { PlanInput, RotationAction } from "./action.ts";
import { isAdopted } from "./adoption.ts";
import { hasEnded } from "./identity.ts";
import type { Suspension } from "./record.ts";
import { missing } from "./slots.ts";

/** The identity has ended while a rotation was open: the rotation ends where it is, with whatever is current then. */
const planAbort = ({ status }: PlanInput): RotationAction | undefined => {
  const { rotation } = status;
  if (rotation === undefined) return undefined;
  // Going back had made the previous one current; published, the new one is. The other one passes through the gates later.
  if (rotation.direction === "Back") return { type: "closeRotation", result: "RolledBack" };
  if (rotation.publishedAt !== undefined) return { type: "closeRotation", result: "Abandoned" };
  return { type: "discardPending", because: "IdentityNotActive" };
};

/**
 * What the end of the identity asks of the record: no rotation is open, the end is noted, and what nobody else switches off is given up. It
 * needs nobody outside, so it comes before everything that can fail or wait: pauses, back-off, strays, the revocation of older ones.
 */
export const planEnd = (input: PlanInput): RotationAction | undefined => {
  const { identity, status } = input;
  if (!hasEnded(identity)) return undefined;
  const ended = planAbort(input);
  if (ended !== undefined) return ended;
  const reason = reasonOf(identity);
  const { suspension } = status;
  if (suspension?.reason !== reason || suspension.resumedAt !== undefined) return { type: "recordSuspension", reason };
  // What was only adopted is given back instead, unless it is held.
  const givenUp = input.held === true || !isAdopted(status);
  return status.current !== undefined && endsHere(input) && givenUp ? { type: "surrender" } : undefined;
};

/** Does no one else switch it off? Keys of an account of the identity are switched off, and on again, by the identity's own reconciler. */
export const endsHere = ({ facts, settings }: Pick<PlanInput, "facts" | "settings">): boolean =>
  !facts.canDisable || settings.source.kind !== "account";

const reasonOf = (identity: "Suspended" | "Decommissioned"): Suspension["reason"] =>
  identity === "Suspended" ? "IdentitySuspended" : "IdentityDecommissioned";

/** While the identity is not Active nothing is made, moved or switched on; only what must die goes on dying. */
export const planHold = (input: PlanInput): RotationAction | undefined => {
  const { identity, now } = input;
  if (!hasEnded(identity)) return undefined;
  const lateUntil = lateAnswersUntil(input);
  const reason = reasonOf(identity);
  if (lateUntil <= now.getTime() || input.facts.leavesNothing) return { type: "wait", for: reason };
  // A CreateAccessKey whose answer was lost may still have worked: its key is looked for before all is quiet.
  return input.listing === undefined
    ? { type: "observe", what: "listing" }
    : { type: "wait", for: reason, recheckAt: new Date(lateUntil) };
};

/** It does not exist yet: nothing fails by that, and nothing is begun. */
export const planNotReady = ({ identity }: PlanInput): Extract<RotationAction, { type: "wait" }> | undefined =>
  identity === "NotReady" ? { type: "wait", for: "IdentityNotReady" } : undefined;

/** Until then a lost answer to one of our closed intents may still turn out to have worked; 0: there is none. */
export const lateAnswersUntil = ({ status, attributionWindowMs }: PlanInput): number =>
  Math.max(0, ...(status.closedIntents ?? []).map(({ closedAt }) => Date.parse(closedAt) + attributionWindowMs));

/** After a suspension: the current credential must log in before anything is built on it. */
export const planComeback = (input: PlanInput): RotationAction | undefined => {
  const { suspension, current } = input.status;
  if (suspension === undefined || suspension.refused === true) return undefined;
  // One that has leaked meanwhile is not switched on again: it is replaced.
  if (current === undefined || current.resuming === true || current.leaked === true)
    return { type: "comeBack", step: "End" };
  if (suspension.resumedAt === undefined) return { type: "comeBack", step: "Begin" };
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  if (missing(current, input.listing, input.now)) return { type: "comeBack", step: "End" };
  if (input.staging === undefined) return { type: "observe", what: "staging" };
  return { type: "comeBack", step: "Login" };
};
