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
  /** Conflict while something hangs on it. */
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
