import type { ObservedPiece, Piece } from "../domain/lifecycle/piece.ts";
import type { CutWay, NotLooked, Outstanding } from "../domain/lifecycle/action.ts";
import type { CutWayName, FormerPiece, Proof } from "../domain/lifecycle/record.ts";
import type { CallContext } from "./contract.ts";

/** Whose account it is. The marks `keyturn.dev/owner` and `keyturn.dev/owner-uid` on the account itself say the same. */
export interface AccountOwner {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** UIDs of dead predecessors of the same name whose marks count as ours (undo). */
  readonly predecessors: readonly string[];
}

export type AccountKind = "KubernetesServiceAccount" | "AwsUser" | "AwsRole" | "VaultEntity";

/** One credential or session root of the account, as the provider lists it, whoever made it. */
export interface AccountCredential {
  /** Unique within the account over all kinds; of an access key its id, of another kind `<kind>/<the provider's id>`. */
  readonly id: string;
  readonly kind: CredentialKind;
  readonly createdAt: Date;
  readonly enabled: boolean;
  /** False: a password, an MFA device. It ends by being deleted (`removeCredential`). */
  readonly switchable: boolean;
  /** It lets in by itself and has no switch (a password): deleted at the cut where no denial is in force. */
  readonly endsAtCut?: boolean | undefined;
}

export type CredentialKind =
  | "AccessKey"
  | "SecretId"
  | "Password"
  | "MfaDevice"
  | "SshPublicKey"
  | "ServiceSpecificCredential"
  | "SigningCertificate"
  | "InstanceProfile";

export interface AccountObservation {
  /**
   * `ours`: it carries our marks, or its externalId is the recorded one. `adoptable`: it is somebody's, and says itself
   * (`keyturn.dev/adopt: <namespace>/<name>`) that this resource may take it over. `foreign`: it is there and is not ours.
   */
  readonly principal: "absent" | "ours" | "adoptable" | "foreign";
  /** Of what is there, also when it is foreign. */
  readonly externalId?: string | undefined;
  /**
   * What stands, by key, in comparable form; the principal and its owner among them. Of a foreign account: nothing. Objects that stand beside
   * the account (RoleBindings, login roles) are here only when they are ours; those under our names that are not are in `conflicts`.
   */
  readonly pieces: readonly ObservedPiece[];
  /** Keys whose place is taken by something that is not ours. */
  readonly conflicts: readonly string[];
  /** Privileges that reach the account but are somebody else's objects (another's RoleBinding): told to people, never touched. */
  readonly foreignGrants: readonly string[];
  /** Grants to groups of which it is one of many members (`system:serviceaccounts:payments`): told, never touched, no part of the proof. */
  readonly groupGrants: readonly string[];
  readonly credentials: readonly AccountCredential[];
  /** An action that sessions could do before is denied now, whatever else stands (deny-all, disabled entity, no bindings of ours). */
  readonly rightsCut: boolean;
  /** New logins and sessions are refused (trust closed, entity disabled). True where an account has no login of its own. */
  readonly loginClosed: boolean;
  /** Nothing that grants is left (see AccountView). */
  readonly grantsGone: boolean;
  /** Ways in which the account can be cut now, best first. */
  readonly cutWays: readonly CutWay[];
  /** Denials of ours that are in force. */
  readonly cutBy: readonly CutWayName[];
  /** What `closeLogin` would take away. */
  readonly closes: readonly FormerPiece[];
  readonly outstanding: readonly Outstanding[];
  readonly notLooked: readonly NotLooked[];
  readonly providerTime?: Date | undefined;
}

/** What an account that has nothing, or is not ours, answers to the questions of leaving. */
export const NOTHING_TO_CUT = {
  groupGrants: [],
  grantsGone: true,
  cutWays: [],
  cutBy: [],
  closes: [],
  outstanding: [],
  notLooked: [],
} as const satisfies Partial<AccountObservation>;

/** What the record knows of an account when it is looked at. */
export interface Recorded {
  readonly externalId?: string | undefined;
  /** It is leaving or has left: what is ours by marks is cut, and what it lost is in `former`. */
  readonly leaving?: boolean | undefined;
  readonly cutWays?: readonly CutWayName[] | undefined;
  readonly former?: readonly FormerPiece[] | undefined;
  readonly closedAt?: Date | undefined;
  /** Keys of what may stand there because of this resource (write-ahead), declared now or not. */
  readonly pieces?: readonly string[] | undefined;
  /** It was adopted and has never been wholly applied, so it is not ours yet: cut it may be, deleted never. */
  readonly adopting?: boolean | undefined;
  /** When its rights were cut first: where nothing had to be closed besides, what was given before ends by its longest life from here. */
  readonly cutAt?: Date | undefined;
  /** What was given before is revoked where it can be found (a hold with `compromised`). Absent: only what the cut does not reach. */
  readonly revokeTokens?: boolean | undefined;
  /** Every kind of credential is listed: at adoption, when leaving, and once a day. False or absent: those that every look lists. */
  readonly everything?: boolean | undefined;
}

export interface AccountCapabilities {
  /** Cutting takes the grants away one by one (Kubernetes bindings), so there is no `cut` and resuming applies them again. */
  readonly cutsByRemoval: boolean;
  /** Credentials can be switched off one by one. */
  readonly canDisableCredentials: boolean;
}

/**
 * One account through one connection. Every call has a deadline and throws OperatorError; every mutation is one request, is
 * idempotent, and proves ownership by a read of its own just before (Conflict otherwise); removal of what is absent is success.
 */
export interface AccountClient {
  readonly kind: AccountKind;
  /** For the claim: `aws-user/<account id>/<name>`, `vault-entity/<host>/<namespace or ->/<name>`, `kubernetes-service-account/<namespace>/<name>`. */
  readonly target: string;
  readonly capabilities: AccountCapabilities;
  /** Changes nothing. `externalId`: the recorded one, if any. */
  observe(context: CallContext, recorded?: Recorded): Promise<AccountObservation>;
  /**
   * Makes or changes one piece so that it is as declared. `principal` is made together with owner marks and, where the provider can,
   * the boundary (`with`: the account's other desired pieces). Adoption is `apply` of `owner` on an adoptable account.
   * `former`: what the account had before it was cut, for a principal that closing took away.
   */
  apply(piece: Piece, context: CallContext, desired: readonly Piece[], former?: readonly FormerPiece[]): Promise<void>;
  /**
   * Could `apply` of this piece go well by what can be read without a change: does what it refers to exist? Throws what `apply` would throw
   * (NotFound); a provider that cannot tell answers nothing.
   */
  check?(piece: Piece, context: CallContext): Promise<void>;
  /** Takes one piece away. `principal` fails with InUse, which names it, while anything still hangs on it. */
  remove(key: string, context: CallContext): Promise<"removed" | "alreadyAbsent">;
  /**
   * One request that denies everything to every session, now, in one of the ways of the last observation that have a request.
   * Not for cutsByRemoval. A way that the provider refuses fails with its reason; the caller tries the next.
   */
  cut(context: CallContext, way: CutWayName): Promise<void>;
  /** Lifts these of our denials; of `Boundary` it sets `boundary` (the value of a boundary piece) in its place, or takes it off. What is lifted already is success. */
  uncut(
    context: CallContext,
    lift: { readonly ways: readonly CutWayName[]; readonly boundary: string | undefined },
  ): Promise<void>;
  /** New logins refused. No request where there is nothing to close. */
  closeLogin(context: CallContext): Promise<void>;
  openLogin(context: CallContext, desired: readonly Piece[]): Promise<void>;
  setCredentialEnabled(id: string, enabled: boolean, context: CallContext): Promise<void>;
  removeCredential(id: string, context: CallContext): Promise<"removed" | "alreadyAbsent">;
  /** After cut and close: does the provider really refuse? `grants`: keys that it had. Never with somebody's live credential. */
  proveRefused(
    grants: readonly string[],
    context: CallContext,
  ): Promise<
    { readonly kind: "refused"; readonly proof: Proof } | { readonly kind: "accepted"; readonly what: string }
  >;
  /** Gives an adopted account back: our marks off, nothing else changed. */
  giveBack(context: CallContext): Promise<void>;
}
