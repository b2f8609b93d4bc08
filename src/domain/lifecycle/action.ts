import type { Direction, ObservedPiece, Piece } from "./piece.ts";
import type { AccountRecord, CutWayName, FormerPiece, LifecycleStatus, Proof } from "./record.ts";
import type { KnownCredentials } from "./reopening.ts";
import type { LifecycleSettings } from "./settings.ts";

/** An account as it was observed in this pass (providers/account.ts), seen by the planner. */
export interface AccountView {
  readonly principal: "absent" | "ours" | "adoptable" | "foreign";
  readonly externalId?: string | undefined;
  readonly pieces: readonly ObservedPiece[];
  readonly conflicts: readonly string[];
  readonly foreignGrants: readonly string[];
  /** Grants to groups of which the account is one of many members: told, and no part of the proof. */
  readonly groupGrants: readonly string[];
  readonly credentials: readonly {
    readonly id: string;
    readonly createdAt: Date;
    readonly enabled: boolean;
    /** It can be switched off and on again; one without a switch ends by being deleted. */
    readonly switchable: boolean;
    /** It lets in by itself and has no switch (a password): deleted at the cut where no denial is in force. */
    readonly endsAtCut?: boolean | undefined;
  }[];
  readonly rightsCut: boolean;
  readonly loginClosed: boolean;
  /** Nothing that grants is left; less than `rightsCut`, for what others give the account by name is not denied. */
  readonly grantsGone: boolean;
  /** Ways in which it can be cut now, best first; empty where its grants are taken away one by one. */
  readonly cutWays: readonly CutWay[];
  /** Denials of ours that are in force. */
  readonly cutBy: readonly CutWayName[];
  /** What closing the login takes away, so that it is on record before. */
  readonly closes: readonly FormerPiece[];
  /** What was given before the cut and works on although nothing new is given. */
  readonly outstanding: readonly Outstanding[];
  /** What was not looked at, and why. */
  readonly notLooked: readonly NotLooked[];
}

/** One way to cut an account, as it is now. */
export interface CutWay {
  readonly name: CutWayName;
  /** What its request replaces (a boundary). */
  readonly replaces: readonly FormerPiece[];
  /** What is taken away first, one request each. */
  readonly clears: readonly FormerPiece[];
  /** False: the account is cut, as far as it can be, when all that it clears is gone. */
  readonly request: boolean;
}

export interface Outstanding {
  /** For people: `tokens of the login role keyturn.payments.billing`. */
  readonly title: string;
  /** The latest moment at which it ends; absent: not known. */
  readonly until?: Date | undefined;
  /** While it lasts the account does not count as offboarded. */
  readonly holdsUp: boolean;
}

export interface NotLooked {
  /** For people: `SSH public keys`, `RoleBindings of other namespaces`. */
  readonly what: string;
  /** `Failed`: this time; until the next look it is not known. `NotAllowed`: the operator lacks the right `right`. */
  readonly why: "Failed" | "NotAllowed";
  readonly right?: string | undefined;
}

/** What the platform says about a privilege that is about to be given. */
export type Permission =
  | { readonly kind: "allowed" }
  /** A refusal of the spec: `PermissionDenied` or `InvalidSpec`, with a message that names the field and the way out. */
  | { readonly kind: "refused"; readonly code: "PermissionDenied" | "InvalidSpec"; readonly message: string };

/** How much of a kind of pieces a provider lets one account have. */
export interface Quota {
  /** What keys of the kind begin with; empty: every key (the record's own room). */
  readonly prefix: string;
  readonly most: number;
  /** What is counted: pieces, or characters of their values together. */
  readonly unit: "pieces" | "characters";
  /** For people: `managed policies of an IAM user`. */
  readonly title: string;
}

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
  /** Absent: none is known. */
  readonly quotas?: readonly Quota[] | undefined;
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
   * Steps that failed in this pass, by name (step-names.ts). What leaves goes on with every other step; of what stays, nothing more is
   * planned for the whole account now, and the others go on. When nothing else is left to do and one of these is not done, the answer is `wait` for BackingOff.
   */
  readonly failed?: readonly string[] | undefined;
  /** Nothing may be added: the own spec makes no sense and there is none to go back to. Leaving goes on. */
  readonly refusal?: Extract<LifecycleAction, { type: "refuse" }> | undefined;
  /** By `<account>/<piece key>`, for every piece that the planner would make or widen. */
  readonly permissions?: Readonly<Record<string, Permission>> | undefined;
  /** Undefined: not read yet; coming back asks for it where something was in use. */
  readonly known?: KnownCredentials | undefined;
  /** Lines that are told with every plan: what the resource's deletion will do although the spec says otherwise (retention.ts). */
  readonly notes?: readonly PlanLine[] | undefined;
  readonly dryRun: boolean;
  readonly paused: boolean;
  /** An IdentityHold holds it: `settings` are those of the hold. */
  readonly held?: boolean | undefined;
  /** The holds have not been read since the start: nothing is given or given back, what takes away goes on. */
  readonly holdsUnread?: boolean | undefined;
}

export type LifecycleWait =
  "Paused" | "DryRun" | "BackingOff" | "Hold" | "ClockSkew" | "Expiry" | "Rest" | "HoldsUnread";

/**
 * The one next thing to do. At most one outside request each, repeatable. Those marked (record) only change status and are followed by
 * a status write; after an outside one the account is observed again before the planner is asked again, in the same pass.
 */
export type LifecycleAction =
  | { readonly type: "observe"; readonly what: "account"; readonly account: string }
  /** Asks the platform about these privileges: the connection's grants, and for Kubernetes roles the requester's right to bind. */
  | { readonly type: "observe"; readonly what: "permissions"; readonly privileges: readonly Privilege[] }
  /** What the SecretRotations of the namespace have on record; needed before this account comes back. */
  | { readonly type: "observe"; readonly what: "credentials"; readonly account: string }
  /** (record) The plan, before anything of it is done. */
  | { readonly type: "recordPlan"; readonly lines: readonly PlanLine[] }
  /** Finalizer, claims of these targets, then (record) the write-ahead records of what may come to stand. */
  | { readonly type: "declare"; readonly records: readonly AccountRecord[] }
  | {
      readonly type: "apply";
      readonly account: string;
      readonly piece: Piece;
      /** `Former`: it stood before the account was cut, and comes back while nothing works yet. */
      readonly because: "Declared" | "Drift" | "Former";
    }
  /** (record) Before the first removal or narrowing of a spec that is not good yet; what was adopted is ours from then on. */
  | { readonly type: "beginNarrowing"; readonly accounts: readonly string[] }
  | {
      readonly type: "remove";
      readonly account: string;
      readonly key: string;
      readonly because: RemovalCause;
      /** It makes room for this piece, which is checked first: it exists and may be given. */
      readonly insteadOf?: Piece | undefined;
    }
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
  /** (record) What this way of cutting, or the closing of the login, replaces or takes away; before it does. */
  | {
      readonly type: "recordFormer";
      readonly account: string;
      readonly way: CutWayName | undefined;
      readonly pieces: readonly FormerPiece[];
    }
  | { readonly type: "cut"; readonly account: string; readonly way: CutWayName }
  | { readonly type: "closeLogin"; readonly account: string }
  | { readonly type: "disableCredential"; readonly account: string; readonly id: string }
  | { readonly type: "prove"; readonly account: string }
  /** (record) It was proven, and the cut is not there any more: the proof is void. */
  | { readonly type: "voidProof"; readonly account: string }
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
  /** Lifts these denials; a boundary is replaced by `boundary` (the value of a boundary piece), or taken off. */
  | {
      readonly type: "uncut";
      readonly account: string;
      readonly ways: readonly CutWayName[];
      readonly boundary: string | undefined;
    }
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
  /** A removal that waits until what the same generation adds of the same account and class stands. */
  readonly exchange?: boolean | undefined;
}

/** What a proof says, for the record. */
export interface ProofResult {
  readonly proof: Proof;
}
