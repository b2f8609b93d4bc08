import type { Behind } from "../kernel/behind.ts";
import type { Logger } from "../kernel/logger.ts";
import type { SecretMaterial } from "../kernel/secret-material.ts";
import type { Turn } from "../kernel/turn.ts";

/** Facts about a credential source that the planner decides by; there are no special cases per provider. */
export interface ProviderCapabilities {
  /** How many credentials of one target may exist at once (AWS access keys: 2). */
  readonly slots: number;
  readonly canDisable: boolean;
  readonly materialShownOnce: boolean;
  readonly reportsLastUse: boolean;
  /** Refused logins lock the principal out, so they are counted and limited. */
  readonly lockout: boolean;
  /** The login of the negative control is one of the same principal, so that its refusal counts. */
  readonly controlCounts: boolean;
  /**
   * Issuing needs nothing to be cleaned up when its answer is lost, and what was issued says what it is (`recognise`): no intent, no
   * staging, no listing. Such a source lists nothing, and its `revoke` reads the revocation back.
   */
  readonly leavesNothing: boolean;
  /** `verify` and `negativeControl` ask nobody: they take nothing of the connection's budget. */
  readonly checksHere?: true;
  /** Each credential carries the id of the rotation that made it (`mark`), so that strays are known by it and not by time. */
  readonly marks: boolean;
  /**
   * There is a fixed number of places, each with something in it at all times: issuing overwrites what is in a place that is not in use. What an
   * answer was lost of is gone with the next one, so nothing that is listed is a stray.
   */
  readonly overwrites?: true;
  /** How long a new credential may be refused although it is good. */
  readonly settleMs: number;
  /** How long a dead credential may be accepted still, because its good answer is remembered somewhere. Absent: not at all. */
  readonly lingersMs?: number;
}

export interface CallContext {
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** In which lane the call goes, and with whom it shares places and tokens of the connection (PassContext.turn). */
  readonly turn?: Turn | undefined;
  /** For what reaches a host behind the connection's own (reaching.ts). Absent where no budget counts the call. */
  readonly behind?: Behind | undefined;
}

/** One credential as the provider lists it. */
export interface ObservedCredential {
  readonly id: string;
  readonly createdAt: Date;
  readonly enabled: boolean;
  /** Id of the rotation that made it, where credentials carry one. */
  readonly mark?: string | undefined;
  /** When it ends by itself. */
  readonly expiresAt?: Date | undefined;
}

export interface Listing {
  readonly credentials: readonly ObservedCredential[];
  /** The provider's own clock, from its answer. */
  readonly providerTime: Date;
}

/** Who owns the target, by marks on the target itself. */
export interface TargetObservation {
  readonly exists: boolean;
  /** The target lies where the connection allows this namespace to act. */
  readonly allowed: boolean;
  /** `<cluster>/<namespace>/<name>` as the mark says, undefined when there is no mark. */
  readonly owner?: string | undefined;
  readonly ownerUid?: string | undefined;
  /** Who may take it over, as the mark `keyturn.dev/adopt` says (`<namespace>/<name>`). */
  readonly adopt?: string | undefined;
  /** What the mark `keyturn.dev/token-for` says, as it stands there: which SecretRotations of its namespace it gives its credentials. */
  readonly tokenFor?: string | undefined;
  /** It carries no marks: its name, below the namespace's own prefix, says whose it is. */
  readonly ownedByName?: true;
}

/** The marks to be set; without an owner it is there already. */
export interface OwnerMark {
  readonly uid: string;
  readonly owner?: string;
}

/** For whom credentials are made: the resource, as its marks name it. */
export interface SourceOwner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface IssuedCredential {
  readonly id: string;
  readonly material: SecretMaterial;
  readonly issuedAt: Date;
  /** When it ends by itself. */
  readonly expiresAt?: Date;
}

export interface IssueOptions {
  /** Ids that must live on. */
  readonly inUse: readonly string[];
  /** All that was there when the intent was written: what has come since is somebody else's doing, and is not overwritten. */
  readonly knownIds?: readonly string[];
  /** Nothing of the resource is on record yet, so a target that is set up badly is refused rather than reported. */
  readonly first?: true;
}

/** What a value says of itself. `fits`: it is what would be issued now, but for its age. */
export interface RecognisedCredential {
  readonly id: string;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  readonly fits: boolean;
}

/** `notYet`: refused, but so young that the provider may not know it everywhere; `rejected`: refused for good. */
export type VerifyOutcome = { readonly kind: "usable" } | { readonly kind: "notYet" } | { readonly kind: "rejected" };

/** What became of a login that ought to be refused. */
export type RefusalOutcome = { readonly kind: "refused" } | { readonly kind: "accepted" };

export type LastUse =
  { readonly kind: "at"; readonly at: Date } | { readonly kind: "never" } | { readonly kind: "unknown" };

/**
 * One target (an IAM user) through one connection. Every call has a deadline and throws OperatorError;
 * removal of what is absent is success. Nothing here records or decides.
 */
export interface CredentialSource {
  readonly capabilities: ProviderCapabilities;
  observeTarget(context: CallContext): Promise<TargetObservation>;
  /** Adds or moves the owner's marks; the caller has proved ownership by a live read. */
  markOwner(mark: OwnerMark, context: CallContext): Promise<void>;
  list(context: CallContext): Promise<Listing>;
  lastUse(id: string, context: CallContext): Promise<LastUse>;
  /** `rotationId`: what the credential is marked with, where the source can. `options`: where issuing overwrites. */
  issue(context: CallContext, rotationId?: string, options?: IssueOptions): Promise<IssuedCredential>;
  /** Of sources that leave nothing behind: what stands at a place, when it is whole and was issued by this source. */
  recognise?(material: SecretMaterial): RecognisedCredential | undefined;
  /**
   * What is wrong with the target's set-up although it works, with the command that mends it; `message` absent: nothing. Undefined: not known
   * yet. Waits for nothing: what has to be asked is known at a later look, and may be an hour old.
   */
  caution?(context: CallContext): { readonly message?: string } | undefined;
  /** A real login. `issuedAt` separates notYet from rejected. */
  verify(material: SecretMaterial, issuedAt: Date, context: CallContext): Promise<VerifyOutcome>;
  /** A real login with a wrong credential of the same shape, which must be refused, or the check lies. */
  negativeControl(material: SecretMaterial, context: CallContext): Promise<RefusalOutcome>;
  /** A real login with a credential that is said to be dead. */
  proveRefused(material: SecretMaterial, context: CallContext): Promise<RefusalOutcome>;
  setEnabled(id: string, enabled: boolean, context: CallContext): Promise<void>;
  revoke(id: string, context: CallContext): Promise<"removed" | "alreadyAbsent">;
}
