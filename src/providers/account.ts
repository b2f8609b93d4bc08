import type { ObservedPiece, Piece } from "../domain/lifecycle/piece.ts";
import type { Proof } from "../domain/lifecycle/record.ts";
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
  readonly id: string;
  readonly kind: "AccessKey" | "SecretId";
  readonly createdAt: Date;
  readonly enabled: boolean;
}

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
  readonly credentials: readonly AccountCredential[];
  /** An action that sessions could do before is denied now, whatever else stands (deny-all, disabled entity, no bindings of ours). */
  readonly rightsCut: boolean;
  /** New logins and sessions are refused (trust closed, entity disabled). True where an account has no login of its own. */
  readonly loginClosed: boolean;
  readonly providerTime?: Date | undefined;
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
  observe(context: CallContext, recorded?: { readonly externalId?: string | undefined }): Promise<AccountObservation>;
  /**
   * Makes or changes one piece so that it is as declared. `principal` is made together with owner marks and, where the provider can,
   * the boundary (`with`: the account's other desired pieces). Adoption is `apply` of `owner` on an adoptable account.
   */
  apply(piece: Piece, context: CallContext, desired: readonly Piece[]): Promise<void>;
  /** Takes one piece away. `principal` fails with Conflict while anything still hangs on it. */
  remove(key: string, context: CallContext): Promise<"removed" | "alreadyAbsent">;
  /** One request that denies everything to every session, now. Not for cutsByRemoval. */
  cut(context: CallContext): Promise<void>;
  uncut(context: CallContext): Promise<void>;
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
