import type { PlanInput, RotationAction } from "./action.ts";
import { planAdoption, planGivingBack } from "./adoption.ts";
import { planConvergence } from "./converge.ts";
import { undeclared, valueLost } from "./deliveries.ts";
import { planOpenRotation } from "./open-rotation.ts";
import type { Trigger } from "./record.ts";
import { pendingLeaked, planLeak } from "./leak.ts";
import { nextRotation } from "./next.ts";
import { planRetirement, type RetirementWait } from "./retire.ts";
import { freeSlot, missing } from "./slots.ts";
import { findStray } from "./strays.ts";
import { backOff, earliest } from "./waits.ts";
import { planAbort, planComeback, planHold } from "./suspension.ts";

/**
 * The rotation protocol: from what is recorded and observed to one next action. Pure, so that every crash point is a
 * history that a test can replay: whatever was lost, the next pass starts here again.
 *
 * The order is the protocol's order of urgency: what may be ours and unknown, then what has lost its ground (the identity has
 * ended, an adoption is not wanted any more), then what must still die, then the rotation under way, then what the spec asks
 * for, then the next rotation.
 */
export const planRotation = (input: PlanInput): RotationAction => {
  const leak = planLeak(input) ?? pendingLeaked(input);
  if (leak !== undefined) return leak;
  if (input.paused) return planPaused(input);
  const stray = findStray(input);
  if (stray !== undefined) return stray;
  const ended = planAbort(input);
  if (ended !== undefined) return ended;

  const retirement = planRetirement(input);
  if (retirement.kind === "act") return retirement.action;

  const blocked = backOff(input);
  const grounds = planGivingBack(input) ?? planHold(input);
  if (grounds !== undefined) return earliest(grounds.type === "wait" ? grounds : (blocked ?? grounds), retirement);
  if (input.status.rotation !== undefined) return blocked ?? planOpenRotation(input, input.status.rotation, retirement);

  if (blocked !== undefined) return earliest(blocked, retirement);
  const comeback = planComeback(input);
  if (comeback !== undefined) return comeback;
  if (input.listing === undefined && input.status.current !== undefined) return { type: "observe", what: "listing" };
  // With a dead credential there is nothing to converge to.
  const convergence = currentGone(input) || currentRefused(input) ? undefined : planConvergence(input);
  if (convergence !== undefined) return earliest(convergence, retirement);
  return earliest(planNext(input, retirement), retirement);
};

/** Whoever asks for a pause does not ask for old keys to live on. */
const planPaused = (input: PlanInput): RotationAction => {
  const retirement = planRetirement(input);
  return retirement.kind === "act" ? retirement.action : earliest({ type: "wait", for: "Paused" }, retirement);
};

/** Is a rotation due, and may its intent be written now? */
const planNext = (input: PlanInput, retirement: RetirementWait): RotationAction => {
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  const { trigger, dueAt } = due(input);
  if (trigger === undefined) {
    return { type: "wait", for: "NextRotation", ...(dueAt === undefined ? {} : { recheckAt: dueAt }) };
  }
  const adoption = trigger === "FirstIssue" ? planAdoption(input) : undefined;
  // A place that is somebody else's is found out before there is a credential to put there.
  return adoption ?? undeclared(input) ?? freeSlot(input, retirement) ?? { type: "openIntent", trigger };
};

const currentGone = ({ status, listing, now }: PlanInput): boolean =>
  status.current !== undefined && status.current.resuming !== true && missing(status.current, listing, now);

/** It did not log in after its identity had come back. */
const currentRefused = ({ status }: PlanInput): boolean =>
  status.current !== undefined && status.suspension?.refused === true;

const due = (input: PlanInput): { readonly trigger?: Trigger; readonly dueAt?: Date } => {
  const { status, now } = input;
  if (status.current === undefined) return { trigger: "FirstIssue" };
  const asked = input.rotateAt;
  if (asked !== undefined && asked <= now) return { trigger: "Requested" };
  if (currentGone(input) || valueLost(input)) return { trigger: "Lost" };
  if (currentRefused(input)) return { trigger: "Resumed" };
  if (status.current.leaked === true) return { trigger: "Leaked" };
  const next = nextRotation(input);
  if (next === undefined) return {};
  return next.at <= now ? { trigger: "Scheduled" } : { dueAt: next.at };
};
