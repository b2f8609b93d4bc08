import type { Direction, ObservedPiece, Piece } from "./piece.ts";
import type { AccountRecord, LifecycleStatus, Proof } from "./record.ts";
import type { LifecycleSettings } from "./settings.ts";

/** An account as it was observed in this pass (providers/account.ts), seen by the planner. */
export interface AccountView {
  readonly principal: "absent" | "ours" | "adoptable" | "foreign";
  readonly externalId?: string | undefined;
  readonly pieces: readonly ObservedPiece[];
  readonly conflicts: readonly string[];
  readonly foreignGrants: readonly string[];
  readonly credentials: readonly { readonly id: string; readonly createdAt: Date; readonly enabled: boolean }[];
  readonly rightsCut: boolean;
  readonly loginClosed: boolean;
}

/** What the platform says about a privilege that is about to be given. */
export type Permission =
  | { readonly kind: "allowed" }
  /** A refusal of the spec: `PermissionDenied` or `InvalidSpec`, with a message that names the field and the way out. */
  | { readonly kind: "refused"; readonly code: "PermissionDenied" | "InvalidSpec"; readonly message: string };

/** An account of the spec in force, as the domain understands it. */
export interface DesiredAccount {
  readonly name: string;
  readonly target: string;
  /** Canonical JSON of the declaration, for the record. */
  readonly declaration: string;
  /** In the order in which they are made. */
  readonly pieces: readonly Piece[];
  readonly cutsByRemoval: boolean;
  readonly canDisableCredentials: boolean;
}

/** All that the planner may look at. What is undefined has not been read; the planner asks for it by `observe`. */
export interface LifecycleInput {
  /** kube-apiserver's time. */
  readonly now: Date;
  /** False when the operator's clock and kube-apiserver's disagree by more than 30 s: nothing is deleted by time. */
  readonly timeTrusted: boolean;
  readonly status: LifecycleStatus;
  /** Of the spec in force: the object's own, with the accounts of the last known good one while it is quarantined. */
  readonly settings: LifecycleSettings;
  readonly specHash: string;
  readonly generation: number;
  /** False while the object's own spec is quarantined and the last known good accounts are in force. */
  readonly own: boolean;
  /** Accounts of the spec in force, by name. Accounts that are only in status.accounts are on their way out. */
  readonly desired: Readonly<Record<string, DesiredAccount>>;
  /** Capabilities of accounts that are only on record. */
  readonly leaving: Readonly<Record<string, Pick<DesiredAccount, "cutsByRemoval" | "canDisableCredentials">>>;
  readonly observed: Readonly<Record<string, AccountView>>;
  /**
   * Accounts about which something failed in this pass, or whose back-off lasts: nothing more is planned for them now, the others go
   * on. When nothing else is left to do and one of these is not done, the answer is `wait` for BackingOff.
   */
  readonly failed?: readonly string[] | undefined;
  /** Nothing may be added: the own spec makes no sense and there is none to go back to. Leaving goes on. */
  readonly refusal?: Extract<LifecycleAction, { type: "refuse" }> | undefined;
  /** By `<account>/<piece key>`, for every piece that the planner would make or widen. */
  readonly permissions?: Readonly<Record<string, Permission>> | undefined;
  readonly dryRun: boolean;
  readonly paused: boolean;
}

export type LifecycleWait = "Paused" | "DryRun" | "BackingOff" | "Hold" | "ClockSkew" | "Expiry" | "Rest";

/**
 * The one next thing to do. At most one outside request each, repeatable. Those marked (record) only change status and are followed by
 * a status write; after an outside one the account is observed again before the planner is asked again, in the same pass.
 */
export type LifecycleAction =
  | { readonly type: "observe"; readonly what: "account"; readonly account: string }
  /** Asks the platform about these privileges: the connection's grants, and for Kubernetes roles the requester's right to bind. */
  | { readonly type: "observe"; readonly what: "permissions"; readonly privileges: readonly Privilege[] }
  /** (record) The plan, before anything of it is done. */
  | { readonly type: "recordPlan"; readonly lines: readonly PlanLine[] }
  /** Finalizer, claims of these targets, then (record) the write-ahead records of what may come to stand. */
  | { readonly type: "declare"; readonly records: readonly AccountRecord[] }
  | { readonly type: "apply"; readonly account: string; readonly piece: Piece; readonly because: "Declared" | "Drift" }
  /** (record) Before the first removal or narrowing of a spec that is not good yet; what was adopted is ours from then on. */
  | { readonly type: "beginNarrowing"; readonly accounts: readonly string[] }
  | { readonly type: "remove"; readonly account: string; readonly key: string; readonly because: RemovalCause }
  /** (record) Everything stands as declared: the spec is the last known good one, records hold what is desired and no more. */
  | { readonly type: "recordGood" }
  /** (record) drift.mode Report: what differs. Empty when nothing does any more. */
  | { readonly type: "recordDrift"; readonly lines: readonly string[] }
  // Leaving, in this order over all leaving accounts: begin, cut, close, disable, prove; then hold, then removal.
  /** Takes the cluster-wide permit, then (record) state Leaving and the ids that are active now. */
  | {
      readonly type: "beginLeaving";
      readonly account: string;
      readonly enabledCredentials: readonly string[];
      /** The object's own spec no longer declares the account: a narrowing, which is never reverted. */
      readonly narrows?: true;
    }
  | { readonly type: "cut"; readonly account: string }
  | { readonly type: "closeLogin"; readonly account: string }
  | { readonly type: "disableCredential"; readonly account: string; readonly id: string }
  | { readonly type: "prove"; readonly account: string }
  | { readonly type: "removeCredential"; readonly account: string; readonly id: string }
  /** (record) Deleted: the claim is released, the record goes. */
  | { readonly type: "forget"; readonly account: string }
  /** Followed by state Gone on record, then `forget`. */
  | { readonly type: "giveBack"; readonly account: string }
  // Coming back: login, credentials, rights, then (record) state Active.
  /** (record) Proof and hold are void from here on: whoever leaves again is proven and held anew. */
  | { readonly type: "beginReturning"; readonly account: string }
  | { readonly type: "openLogin"; readonly account: string }
  | { readonly type: "enableCredential"; readonly account: string; readonly id: string }
  | { readonly type: "uncut"; readonly account: string }
  | { readonly type: "recordResumed"; readonly account: string }
  /** The spec cannot be applied as it stands; counted against its progress deadline (InvalidSpec and Conflict count at once). */
  | {
      readonly type: "refuse";
      readonly code: "Conflict" | "InvalidSpec" | "PermissionDenied";
      readonly message: string;
      readonly about: string;
      /** No retry will cure it: Stalled, not counted and never quarantined. */
      readonly final?: true;
    }
  | { readonly type: "wait"; readonly for: LifecycleWait; readonly recheckAt?: Date; readonly about?: string };

export type RemovalCause = "NotDeclared" | "Drift" | "Reverted" | "Leaving" | "Deleted";

export interface Privilege {
  readonly account: string;
  readonly piece: Piece;
}

export interface PlanLine {
  readonly sign: "+" | "~" | "-";
  readonly account: string;
  readonly title: string;
  readonly direction: Direction;
}

/** What a proof says, for the record. */
export interface ProofResult {
  readonly proof: Proof;
}
