import { isRefusalCode } from "../../kernel/errors.ts";
import type { PlanInput, RotationAction } from "./action.ts";
import { planAdoption, planEndOfAdoption, planGivingBack } from "./adoption.ts";
import { planConvergence } from "./converge.ts";
import { undeclared, valueLost } from "./deliveries.ts";
import { planOpenRotation } from "./open-rotation.ts";
import type { Trigger } from "./record.ts";
import { pendingLeaked, planLeak } from "./leak.ts";
import { nextRotation } from "./next.ts";
import { nextReplacement, replacesLost } from "./replacements.ts";
import { planRetirement, type RetirementWait } from "./retire.ts";
import { freeSlot, missing } from "./slots.ts";
import { findStray, lookForStrays } from "./strays.ts";
import { backOff, earliest } from "./waits.ts";
import { lateAnswersUntil, planComeback, planEnd, planHold, planNotReady } from "./suspension.ts";

/**
 * The rotation protocol: from what is recorded and observed to one next action. Pure, so that every crash point is a
 * history that a test can replay: whatever was lost, the next pass starts here again.
 *
 * The order is the protocol's order of urgency. First what takes away and needs only the record: a leak, the end of the identity. Then
 * what may be ours and unknown, and what must still die. None of these waits for a pause or a back-off, nor for one that fails before it.
 * Then what has lost its ground, the rotation under way, what the spec asks for, and the next rotation.
 */
export const planRotation = (input: PlanInput): RotationAction => {
  const leak = planLeak(input) ?? pendingLeaked(input) ?? planEnd(input);
  if (leak !== undefined) return leak;
  const stray = findStray(input);
  if (stray !== undefined && stray.type !== "stall") return stray;

  const retirement = planRetirement(input);
  if (retirement.kind === "act") return retirement.action;

  const blocked = backOff(input);
  const hold = planEndOfAdoption(input) ?? planHold(input);
  if (hold !== undefined) return earliest(hold.type === "wait" ? (stray ?? hold) : hold, retirement);
  const late = input.paused || isLate(input, blocked) ? lookForStrays(input) : undefined;
  if (late !== undefined) return late;
  if (input.paused) return stray ?? earliest({ type: "wait", for: "Paused" }, retirement);
  if (stray !== undefined) return stray;

  const grounds = planGivingBack(input) ?? planNotReady(input);
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

/** May a lost answer still turn up while the back-off lasts? What is out of reach is not asked before its time. */
const isLate = (input: PlanInput, blocked: RotationAction | undefined): boolean =>
  blocked !== undefined &&
  isRefusalCode(input.status.failures?.reason ?? "") &&
  lateAnswersUntil(input) > input.now.getTime();

/** Is a rotation due, and may its intent be written now? */
const planNext = (input: PlanInput, retirement: RetirementWait): RotationAction => {
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  const { trigger, dueAt } = due(input);
  if (trigger === undefined) {
    return { type: "wait", for: "NextRotation", ...(dueAt === undefined ? {} : { recheckAt: dueAt }) };
  }
  const bound = replacesLost(input.status, trigger) ? nextReplacement(input.status, input.now) : undefined;
  if (bound !== undefined) return boundReached(input, bound);
  const adoption = trigger === "FirstIssue" ? planAdoption(input) : undefined;
  // A place that is somebody else's is found out before there is a credential to put there.
  return adoption ?? undeclared(input) ?? freeSlot(input, retirement) ?? { type: "openIntent", trigger };
};

/**
 * A credential that has leaked ends although there is none to take its place; the next one comes at its time. What is only lost waits for its
 * replacement or, if that is sooner, for its renewal.
 */
const boundReached = (input: PlanInput, bound: Date): RotationAction => {
  if (input.status.current?.leaked === true) return { type: "surrender" };
  const renewal = nextRotation(input)?.at;
  if (renewal !== undefined && renewal <= input.now) return { type: "openIntent", trigger: "Scheduled" };
  return {
    type: "wait",
    for: "NextReplacement",
    recheckAt: renewal !== undefined && renewal < bound ? renewal : bound,
  };
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
