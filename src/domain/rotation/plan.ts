import type { ProviderFacts } from "./facts.ts";
import type { RotationStatus, Trigger } from "./record.ts";
import type { RotationSettings } from "./settings.ts";
import { planConvergence } from "./converge.ts";
import { undeclared, valueLost } from "./deliveries.ts";
import { planOpenRotation } from "./open-rotation.ts";
import { planRetirement, type RetirementWait } from "./retire.ts";
import { findStray } from "./strays.ts";
import { MOST_PENDING_REVOCATIONS } from "./transitions.ts";

/** A part of the world that has not been read in this pass yet. */
export type Observable = "listing" | "staging" | "deliveries" | "dependents";

export interface ObservedId {
  readonly id: string;
  readonly createdAt: Date;
  readonly enabled: boolean;
}

export interface StagedId {
  readonly version: string;
  readonly id: string;
  readonly issuedAt: Date;
}

/** A delivery as it stands now, seen against what is staged. */
export type DeliveryView =
  | { readonly kind: "absent" }
  /** `carries`: the staged versions whose material stands there byte for byte. */
  | { readonly kind: "ours"; readonly version: string; readonly carries: readonly string[] }
  | { readonly kind: "foreign"; readonly why: string };

export type DependentView =
  | {
      readonly kind: "workload";
      readonly state: "Missing" | "Progressing" | "Healthy";
      readonly version?: string;
      readonly graceSeconds: number;
    }
  | { readonly kind: "external"; readonly confirmed?: string };

/** All that the planner may look at. What is undefined has not been read; the planner asks for it by `observe`. */
export interface PlanInput {
  /** kube-apiserver's time. */
  readonly now: Date;
  /** False when the operator's clock and kube-apiserver's disagree by more than 30 s: nothing is retired by time. */
  readonly timeTrusted: boolean;
  /** This process; only it may issue under an intent that names it. */
  readonly self: string;
  readonly settings: RotationSettings;
  /** Hash of the spec that the settings come from. */
  readonly specHash: string;
  readonly facts: ProviderFacts;
  readonly status: RotationStatus;
  readonly attributionWindowMs: number;
  readonly paused: boolean;
  readonly rotateAt?: Date | undefined;
  readonly listing?: readonly ObservedId[] | undefined;
  readonly staging?: readonly StagedId[] | undefined;
  readonly deliveries?: Readonly<Record<string, DeliveryView>> | undefined;
  readonly dependents?: Readonly<Record<string, DependentView>> | undefined;
}

export type WaitFor =
  | "Paused"
  | "BackingOff"
  | "Verification"
  | "DependentUnhealthy"
  | "DependentRollout"
  | "DependentMissing"
  | "ExternalConfirmation"
  | "FreeSlot"
  | "Overlap"
  | "Soak"
  | "ClockSkew"
  | "NextRotation";

/** The one next thing to do. Each has at most one outside effect, may be repeated, and is followed by one status write. */
export type RotationAction =
  | { readonly type: "observe"; readonly what: Observable }
  | { readonly type: "wait"; readonly for: WaitFor; readonly recheckAt?: Date; readonly about?: string }
  | {
      readonly type: "stall";
      readonly reason: "StrayOnSharedTarget" | "StrayInUse" | "SlotsFull" | "Conflict";
      readonly about: string;
    }
  | { readonly type: "recordStray"; readonly id: string }
  | { readonly type: "openIntent"; readonly trigger: Trigger }
  | { readonly type: "renewIntent" }
  | { readonly type: "issueAndStage" }
  | { readonly type: "recordStaged"; readonly id: string; readonly issuedAt: Date }
  | { readonly type: "discardPending"; readonly because: "StagingLost" | "Rejected" | "NegativeControlAccepted" }
  | { readonly type: "keepPrevious" }
  | { readonly type: "verify"; readonly version: string; readonly id: string; readonly issuedAt: Date }
  | { readonly type: "declare"; readonly delivery: string }
  | { readonly type: "publish"; readonly delivery: string; readonly version: string }
  | { readonly type: "recordPublished" }
  | { readonly type: "moveDependent"; readonly name: string; readonly version: string }
  | { readonly type: "recordDependent"; readonly name: string; readonly graceSeconds: number }
  | { readonly type: "goBack"; readonly because: string }
  | { readonly type: "closeRotation"; readonly result: "Succeeded" | "RolledBack" | "Abandoned" }
  | { readonly type: "resume"; readonly step: "Enable" | "Verify" }
  | { readonly type: "disable"; readonly id: string; readonly requireUnusedForMs?: number }
  | { readonly type: "revoke"; readonly id: string; readonly onlyIfNeverUsed: boolean }
  | { readonly type: "prove"; readonly id: string; readonly version: string }
  | { readonly type: "withdraw"; readonly target: string }
  | { readonly type: "pruneStaging"; readonly keep: readonly string[] }
  | { readonly type: "recordGood" };

/**
 * The rotation protocol: from what is recorded and observed to one next action. Pure, so that every crash point is a
 * history that a test can replay: whatever was lost, the next pass starts here again.
 *
 * The order is the protocol's order of urgency: what may be ours and unknown, then the rotation under way, then what must
 * still die, then what the spec asks for, then the next rotation.
 */
export const planRotation = (input: PlanInput): RotationAction => {
  if (input.paused) return { type: "wait", for: "Paused" };
  const stray = findStray(input);
  if (stray !== undefined) return stray;

  const retirement = planRetirement(input);
  if (retirement.kind === "act") return retirement.action;

  const blocked = backOff(input);
  if (input.status.rotation !== undefined) return blocked ?? planOpenRotation(input, input.status.rotation, retirement);

  if (blocked !== undefined) return earliest(blocked, retirement);
  if (input.listing === undefined && input.status.current !== undefined) return { type: "observe", what: "listing" };
  // With a dead credential there is nothing to converge to.
  const convergence = currentGone(input) ? undefined : planConvergence(input);
  if (convergence !== undefined) return earliest(convergence, retirement);
  return earliest(planNext(input, retirement), retirement);
};

/** Back-off is kept in status, so a restart does not shorten it. Revocation has its own and is never held up by this one. */
const backOff = ({ status, now }: PlanInput): RotationAction | undefined => {
  if (status.failures === undefined) return undefined;
  const until = new Date(status.failures.nextAttemptTime);
  return until > now ? { type: "wait", for: "BackingOff", recheckAt: until, about: status.failures.reason } : undefined;
};

/** Is a rotation due, and may its intent be written now? */
const planNext = (input: PlanInput, retirement: RetirementWait): RotationAction => {
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  const { trigger, dueAt } = due(input);
  if (trigger === undefined) {
    return { type: "wait", for: "NextRotation", ...(dueAt === undefined ? {} : { recheckAt: dueAt }) };
  }
  // A place that is somebody else's is found out before there is a credential to put there.
  return undeclared(input) ?? freeSlot(input, retirement) ?? { type: "openIntent", trigger };
};

const currentGone = ({ status, listing, now }: PlanInput): boolean =>
  status.current !== undefined && status.current.resuming !== true && missing(status.current, listing, now);

/** Somebody took it away at the provider. A young credential may simply not be listed everywhere yet. */
export const missing = (
  credential: { readonly id: string; readonly issuedAt: string },
  listing: PlanInput["listing"],
  now: Date,
): boolean =>
  listing !== undefined &&
  !listing.some(({ id }) => id === credential.id) &&
  now.getTime() - Date.parse(credential.issuedAt) > LISTED_BY_MS;

const LISTED_BY_MS = 60_000;

const due = (input: PlanInput): { readonly trigger?: Trigger; readonly dueAt?: Date } => {
  const { status, settings, now } = input;
  if (status.current === undefined) return { trigger: "FirstIssue" };
  const asked = input.rotateAt;
  if (asked !== undefined && asked <= now) return { trigger: "Requested" };
  const current = status.current;
  if (currentGone(input) || valueLost(input)) return { trigger: "Lost" };
  const scheduled =
    settings.everyMs === undefined ? undefined : new Date(Date.parse(current.issuedAt) + settings.everyMs);
  if (scheduled !== undefined && scheduled <= now) return { trigger: "Scheduled" };
  const dueAt = [asked, scheduled].filter((at) => at !== undefined).sort((a, b) => a.getTime() - b.getTime())[0];
  return dueAt === undefined ? {} : { dueAt };
};

/** Room for one more credential, made by deleting early what is disabled already; undefined when there is room. */
export const freeSlot = (input: PlanInput, retirement: RetirementWait): RotationAction | undefined => {
  const live = input.listing?.length ?? 0;
  const recordFull = (input.status.pendingRevocations ?? []).length >= MOST_PENDING_REVOCATIONS;
  if (live < input.facts.slots && !recordFull) return undefined;
  const retired = input.status.pendingRevocations?.find(
    (entry) => entry.disabledAt !== undefined && entry.deletedAt === undefined && entry.why !== "Stray",
  );
  if (retired !== undefined) return { type: "revoke", id: retired.id, onlyIfNeverUsed: false };
  if ((input.status.pendingRevocations ?? []).length > 0) {
    return {
      type: "wait",
      for: "FreeSlot",
      ...(retirement.recheckAt === undefined ? {} : { recheckAt: retirement.recheckAt }),
    };
  }
  return { type: "stall", reason: "SlotsFull", about: input.settings.source.userName };
};

/** A wait ends at the earlier of its own end and the next retirement gate; resting gives way to what is still to be retired. */
const earliest = (action: RotationAction, retirement: RetirementWait): RotationAction => {
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
