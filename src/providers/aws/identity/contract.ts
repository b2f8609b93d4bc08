import type { CredentialKind } from "../../account.ts";

/** One IAM user or role. */
export interface Identity {
  readonly kind: "user" | "role";
  readonly name: string;
}

/** What GetUser or GetRole says. */
export interface IdentityFacts {
  /** UserId or RoleId: never given again. */
  readonly id: string;
  readonly path: string;
  readonly tags: Readonly<Record<string, string>>;
  /** ARN of the permissions boundary. */
  readonly boundary: string | undefined;
  /** Of a role: the trust policy, decoded. */
  readonly trust: string | undefined;
  /** Of a role. */
  readonly maxSessionSeconds: number | undefined;
  /** The server's time. */
  readonly time: Date | undefined;
}

export interface NewIdentity {
  readonly path: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly boundary: string | undefined;
  /** Of a role, which cannot be without. */
  readonly trust?: string | undefined;
  readonly maxSessionSeconds?: number | undefined;
}

/**
 * Calls about users and roles, held to the same bounds as those of sdk.ts: a deadline, a bounded answer that names its action,
 * mutations sent once. Lists are read to their end or fail. All but `find` fail with NotFound when the identity is gone.
 */
export interface IdentityCalls {
  /** Undefined when there is none. */
  find(who: Identity, signal: AbortSignal): Promise<IdentityFacts | undefined>;
  /** One request with everything in it. AlreadyExists when there is one of this name, whosever it is. */
  create(who: Identity, made: NewIdentity, signal: AbortSignal): Promise<void>;
  /** InUse while something hangs on it. */
  remove(who: Identity, signal: AbortSignal): Promise<void>;
  tag(who: Identity, tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  untag(who: Identity, keys: readonly string[], signal: AbortSignal): Promise<void>;
  setBoundary(who: Identity, arn: string, signal: AbortSignal): Promise<void>;
  removeBoundary(who: Identity, signal: AbortSignal): Promise<void>;
  /** ARNs. */
  attachedPolicies(who: Identity, signal: AbortSignal): Promise<readonly string[]>;
  attachPolicy(who: Identity, arn: string, signal: AbortSignal): Promise<void>;
  /** NotFound when it is not attached. */
  detachPolicy(who: Identity, arn: string, signal: AbortSignal): Promise<void>;
  /** Names. */
  inlinePolicies(who: Identity, signal: AbortSignal): Promise<readonly string[]>;
  /** The document, decoded; undefined when there is none of this name. */
  inlinePolicy(who: Identity, name: string, signal: AbortSignal): Promise<string | undefined>;
  putInlinePolicy(who: Identity, name: string, document: string, signal: AbortSignal): Promise<void>;
  deleteInlinePolicy(who: Identity, name: string, signal: AbortSignal): Promise<void>;
  /** Names of the groups of a user. */
  groups(userName: string, signal: AbortSignal): Promise<readonly string[]>;
  joinGroup(userName: string, group: string, signal: AbortSignal): Promise<void>;
  leaveGroup(userName: string, group: string, signal: AbortSignal): Promise<void>;
  setTrust(roleName: string, document: string, signal: AbortSignal): Promise<void>;
  setMaxSession(roleName: string, seconds: number, signal: AbortSignal): Promise<void>;
  /** Everything below a path. */
  list(kind: Identity["kind"], pathPrefix: string, signal: AbortSignal): Promise<readonly ListedIdentity[]>;
}

export interface ListedIdentity {
  readonly name: string;
  readonly path: string;
}

/** What hangs on a user besides access keys, or on a role, and lets somebody in. */
export type HangingKind = Exclude<CredentialKind, "AccessKey" | "SecretId">;

export type SwitchableKind = "SshPublicKey" | "ServiceSpecificCredential" | "SigningCertificate";

export interface ListedCredential {
  /** IAM's own: of a password the user's name, of an MFA device its serial number or ARN, of an instance profile its name. */
  readonly id: string;
  readonly createdAt: Date;
  readonly enabled: boolean;
}

/** Credentials that are no access keys, within the same bounds. Each mutation is one request. */
export interface CredentialCalls {
  /** All of this kind, whoever made them; `name`: of the user, of the role for instance profiles. */
  list(kind: HangingKind, name: string, signal: AbortSignal): Promise<readonly ListedCredential[]>;
  setEnabled(kind: SwitchableKind, userName: string, id: string, enabled: boolean, signal: AbortSignal): Promise<void>;
  /** An MFA device is deactivated, a role taken out of an instance profile, the rest deleted. NotFound when it is gone. */
  remove(kind: HangingKind, name: string, id: string, signal: AbortSignal): Promise<void>;
  /** After its deactivation. NotFound when it is gone. */
  deleteVirtualMfaDevice(serial: string, signal: AbortSignal): Promise<void>;
}

/** What managed policies and groups hold, within the same bounds. All fail with NotFound when the policy or group is gone. */
export interface PolicyCalls {
  /** Id of the version that is in force. */
  defaultVersion(arn: string, signal: AbortSignal): Promise<string>;
  /** The document, decoded. */
  document(arn: string, version: string, signal: AbortSignal): Promise<string>;
  /** ARNs. */
  attachedToGroup(group: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Names. */
  inlineOfGroup(group: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The document, decoded. */
  groupDocument(group: string, name: string, signal: AbortSignal): Promise<string>;
}
