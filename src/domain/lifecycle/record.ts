import type { Condition } from "../../kernel/conditions.ts";
import type { Failures, LastKnownGood, Quarantine } from "../rotation/record.ts";

/**
 * What a ServiceAccountLifecycle's status remembers. Times are RFC 3339 strings in whole seconds of kube-apiserver's clock.
 * Nothing secret. The CRD's schema and these types are held together by record.test.ts.
 */
export interface LifecycleStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  readonly state?: LifecycleState;
  /** One line for `kubectl get`: what is going on now. */
  readonly activity?: string;
  readonly plan?: PlanRecord;
  /** What stands, or may stand, outside because of this resource; written before anything of it is made. */
  readonly accounts?: readonly AccountRecord[];
  readonly requesters?: readonly Requester[];
  readonly ownerRecord?: OwnerRecord;
  /** Newest first, at most 20. */
  readonly moves?: readonly Move[];
  readonly lastKnownGood?: LastKnownGood;
  readonly quarantine?: Quarantine;
  /** Lines of what a quarantined spec would have added: they delay no removal of a later one. Until everything stands as declared. */
  readonly triedAdditions?: readonly string[];
  /** Since when removals wait in an exchange; until everything stands as declared. */
  readonly exchangeSince?: string;
  readonly rewrittenGeneration?: number;
  /** Hash of the spec under which something has been removed or narrowed already: it goes forward only. */
  readonly narrowed?: string;
  /** Since when a dry run or a pause holds back what a changed spec takes out, and the generation that took it out first. */
  readonly removalsSince?: { readonly generation: number; readonly time: string };
  readonly failures?: Failures;
  /** Of cutting, disabling, proving and deleting: never holds up, and is never held up by, what is added. */
  readonly leaveFailures?: Failures;
  /** Differences that drift.mode Report leaves standing. */
  readonly drift?: readonly string[];
  readonly inventory?: Inventory;
  readonly review?: { readonly lastTime?: string; readonly dueTime?: string };
  readonly lastHandledRetry?: string;
  /** UIDs of predecessors taken over by undo, at most 5. */
  readonly predecessors?: readonly string[];
  /** The latest end that somebody who may grant the privileges has asked for (life.ts). Absent: no end is known. */
  readonly permittedUntil?: string;
  /** Names of the IdentityHolds that hold it; absent when there is none. */
  readonly holds?: readonly string[];
  /** While it is held: the end that is in force beneath the holds. Absent: it lives again when they are gone. */
  readonly endBeneath?: "Suspended" | "Decommissioned";
  /** The generation whose asker was permitted to bring the whole identity back; until it is back (life.ts). */
  readonly permittedReturn?: number;
  /** Rules newer than b745cd6 that hold for this resource; absent: none (ADR 0048). */
  readonly rules?: readonly NewerRule[];
}

/** `RetainByPermission`: deletion.policy Retain keeps nothing beyond an end, and without an end only what the platform allows. */
export type NewerRule = "RetainByPermission";

export type LifecycleState =
  "Pending" | "Active" | "Suspending" | "Suspended" | "Resuming" | "Decommissioning" | "Decommissioned";

export interface PlanRecord {
  readonly generation: number;
  readonly digest: string;
  readonly lines: readonly string[];
  readonly omitted?: number;
}

/** One account at one provider, as far as this resource has, or may have, anything there. */
export interface AccountRecord {
  /** Name of the account in spec.accounts. */
  readonly name: string;
  /** Provider, account and name there (`aws-user/123456789012/payments.billing.lake`): what is claimed. */
  readonly target: string;
  /** The account as it was declared last, as canonical JSON: enough to take it back when the spec no longer has it. */
  readonly declaration: string;
  /** The provider's own unchangeable id (UID, UserId, entity id): proves that what stands there is what was made. */
  readonly externalId?: string;
  /** Keys of what may stand there because of this resource (write-ahead); observation says what does. */
  readonly pieces: readonly string[];
  /**
   * Pending: declared, not wholly there yet. Active. Leaving: being cut, disabled, proven. Cut: refused and proven.
   * Gone: deleted; the record goes when the claim has been released.
   */
  readonly state: "Pending" | "Active" | "Leaving" | "Cut" | "Gone";
  /** Ids that were active before the account was cut; resuming switches on those of them that a SecretRotation answers for. */
  readonly enabledCredentials?: readonly string[];
  /** It existed before; until it is first wholly applied (state Active) it is given back untouched. */
  readonly adopted?: boolean;
  /** What an adopted account had when it was taken over: given back with exactly these. */
  readonly foundPieces?: readonly string[];
  readonly cutAt?: string;
  readonly provenAt?: string;
  readonly proof?: Proof;
  /** Nothing is deleted before. */
  readonly heldUntil?: string;
  /** Ways of cutting that were begun, written before each: what coming back has to lift. Absent: the first way alone, as before it had a name. */
  readonly cutWays?: readonly CutWayName[];
  /** What cutting or closing replaces or takes away, written before it does: coming back puts it in its place. */
  readonly former?: readonly FormerPiece[];
  /** It was cut under a hold that says that its credentials may be in other hands: coming back switches none of them on. */
  readonly compromised?: boolean;
  /** When the login was closed: what it gave until then ends at the latest by its own longest life from here. */
  readonly closedAt?: string;
}

/** A piece as it stood before the account was cut. Never a secret. */
export interface FormerPiece {
  readonly key: string;
  readonly value: string;
  /** It forbids as well, or could not be read: it comes back whatever drift.mode says. */
  readonly mayDeny?: boolean;
}

/**
 * How an account is cut, best first. `Deny`: a denial of its own (IAM's inline policy). `Boundary`: a permissions boundary that denies.
 * `AttachedDeny`: an attached policy that denies. `Room`: inline policies go, then the denial of its own. `Grants`: all that grants
 * goes. `Disable`: the account itself has a switch (a Vault entity).
 */
export type CutWayName = "Deny" | "Boundary" | "AttachedDeny" | "Room" | "Grants" | "Disable";

/** How refusal was proven: a login that was tried, the provider's own decision (SubjectAccessReview), or what it lists. */
export type Proof = "ProvenByLogin" | "ProvenByReview" | "ProvenByListing";

/** Who asked for a privilege: `<account>/<piece key>`. */
export interface Requester {
  readonly privilege: string;
  readonly username: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly generation: number;
}

export interface OwnerRecord {
  readonly team: string;
  readonly contact: string;
  readonly environment?: string;
}

export interface Move {
  readonly field: "team" | "contact" | "environment";
  readonly from: string;
  readonly to: string;
  readonly time: string;
  readonly by?: string;
}

export interface Inventory {
  readonly credentials?: number;
  readonly oldestCredentialTime?: string;
  readonly unknownCredentials?: readonly string[];
}
