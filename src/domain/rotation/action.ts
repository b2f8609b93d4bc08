import type { ProviderFacts } from "./facts.ts";
import type { IdentityState } from "./identity.ts";
import type { RotationStatus, Suspension, Trigger } from "./record.ts";
import type { RotationSettings } from "./settings.ts";

/** A part of the world that has not been read in this pass yet. */
export type Observable = "listing" | "staging" | "deliveries" | "dependents";

export interface ObservedId {
  readonly id: string;
  readonly createdAt: Date;
  readonly enabled: boolean;
  readonly mark?: string | undefined;
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
  | {
      readonly kind: "ours";
      readonly version: string;
      readonly carries: readonly string[];
      /** What the value there says of itself, where the source's values do. */
      readonly holds?: { readonly id: string; readonly fits: boolean } | undefined;
    }
  /** Somebody's, whole, and it says itself that this resource may take it over. */
  | { readonly kind: "adoptable" }
  | { readonly kind: "foreign"; readonly why: string };

/**
 * A Deployment is paused; a StatefulSet's partition keeps pods back; a strategy OnDelete leaves pods to people; a run of a CronJob that has begun
 * before goes on.
 */
export type HeldBy = "Paused" | "Partition" | "OnDelete" | "RunningJob";

export type DependentView =
  | {
      readonly kind: "workload";
      readonly state: "Missing" | "Progressing" | "Healthy";
      readonly version?: string;
      readonly graceSeconds: number;
      /** Why it is Progressing for as long as somebody wants: no time-out counts. */
      readonly held?: HeldBy;
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
  /** Of the identity that the credential belongs to, read live in this pass; undefined: it belongs to none. */
  readonly identity?: IdentityState | undefined;
  /** An IdentityHold holds it, so `identity` has ended: what was only adopted is surrendered too, not given back. */
  readonly held?: boolean | undefined;
  /** Name of the credentials' holder at the provider, for people. */
  readonly holder: string;
  readonly rotateAt?: Date | undefined;
  /** A version that somebody says has leaked, until it is on record. */
  readonly leaked?: string | undefined;
  /** The provider has come back since the last try. */
  readonly revived?: boolean;
  /** Of the resource, to spread those with the same schedule: its UID. */
  readonly seed: string;
  /** Reserved refusals that this process has tried already, by id. */
  readonly spentRefusals: ReadonlySet<string>;
  readonly listing?: readonly ObservedId[] | undefined;
  readonly staging?: readonly StagedId[] | undefined;
  readonly deliveries?: Readonly<Record<string, DeliveryView>> | undefined;
  readonly dependents?: Readonly<Record<string, DependentView>> | undefined;
}

export type WaitFor =
  | "Paused"
  | "IdentityNotReady"
  | "IdentitySuspended"
  | "IdentityDecommissioned"
  | "BackingOff"
  | "Verification"
  | "DependentUnhealthy"
  | "DependentRollout"
  | "DependentMissing"
  | "DependentHeld"
  | "RolloutTurn"
  | "ExternalConfirmation"
  | "FreeSlot"
  | "Lockout"
  | "Overlap"
  | "Soak"
  | "ClockSkew"
  | "NextReplacement"
  | "NextRotation";

/** The one next thing to do. Each has at most one outside effect, may be repeated, and is followed by one status write. */
export type RotationAction =
  /** `toRevoke`: the credential whose revocation needs it; a failed read is booked there. */
  | { readonly type: "observe"; readonly what: Observable; readonly toRevoke?: string }
  | { readonly type: "wait"; readonly for: WaitFor; readonly recheckAt?: Date; readonly about?: string }
  | {
      readonly type: "stall";
      readonly reason: "StrayOnSharedTarget" | "StrayInUse" | "SlotsFull" | "Conflict";
      readonly about: string;
    }
  | { readonly type: "recordStray"; readonly id: string }
  /** (record) Somebody says that this version has leaked. */
  | { readonly type: "recordLeak"; readonly version: string }
  | { readonly type: "openIntent"; readonly trigger: Trigger }
  | { readonly type: "renewIntent" }
  | { readonly type: "issueAndStage" }
  | { readonly type: "recordStaged"; readonly id: string; readonly issuedAt: Date }
  | {
      readonly type: "discardPending";
      readonly because:
        "StagingLost" | "Rejected" | "NegativeControlAccepted" | "IdentityNotActive" | "AdoptionEnded" | "Leaked";
    }
  /** (record) The identity is not Active: nothing is issued until it is again. */
  | { readonly type: "recordSuspension"; readonly reason: Suspension["reason"] }
  /** The identity is Active again: the current credential logs in, and only then things go on. `End`: there is none to try. */
  | { readonly type: "comeBack"; readonly step: "Begin" | "Login" | "End" }
  /** A credential and its Secrets that were there before become the current ones, unchanged. */
  | { readonly type: "adopt"; readonly deliveries: readonly string[] }
  | { readonly type: "giveBack"; readonly because: "IdentityNotActive" | "NotAsked" | "PlaceChanged" }
  /** A login that may be refused is put on record before it is tried, where the target locks out who is refused too often. */
  | { readonly type: "reserveRefusal"; readonly about: string }
  | { readonly type: "keepPrevious" }
  /** The value of a credential is gone from staging and stands at a delivery still: it is copied back. */
  | { readonly type: "restage"; readonly version: string; readonly id: string; readonly issuedAt: string }
  | { readonly type: "verify"; readonly version: string; readonly id: string; readonly issuedAt: Date }
  | { readonly type: "declare"; readonly delivery: string }
  /** Of sources that leave nothing behind: issued, checked and published at every place in one step. */
  | {
      readonly type: "sign";
      readonly because: "FirstIssue" | "Scheduled" | "Requested" | "Lost" | "Changed" | "Leaked";
    }
  | { readonly type: "recordSigned"; readonly delivery: string }
  /** The identity has ended, and what it holds cannot be disabled: it is given up, and another one issued on its return. */
  | { readonly type: "surrender" }
  /** It has ended by itself. */
  | { readonly type: "recordExpired"; readonly id: string }
  | { readonly type: "publish"; readonly delivery: string; readonly version: string }
  | { readonly type: "recordPublished" }
  | { readonly type: "moveDependent"; readonly name: string; readonly version: string }
  | { readonly type: "recordDependent"; readonly name: string; readonly graceSeconds: number }
  /** People have begun to hold its roll-out, or hold it no longer: its time-out stands still in between. */
  | { readonly type: "recordHold"; readonly name: string; readonly held: boolean }
  | { readonly type: "goBack"; readonly because: string }
  | { readonly type: "closeRotation"; readonly result: "Succeeded" | "RolledBack" | "Abandoned" }
  | { readonly type: "resume"; readonly step: "Enable" | "Verify" }
  | { readonly type: "disable"; readonly id: string; readonly requireUnusedForMs?: number }
  | { readonly type: "revoke"; readonly id: string; readonly onlyIfNeverUsed: boolean }
  | { readonly type: "prove"; readonly id: string; readonly version: string }
  | { readonly type: "withdraw"; readonly target: string }
  | { readonly type: "pruneStaging"; readonly keep: readonly string[] }
  | { readonly type: "recordGood" };
