import type { LeftOut, Listed } from "../kernel/listed.ts";

/** Where an object lives. `plural` as in the URL; core group is "". */
export interface ResourceKind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface ObjectRef {
  readonly kind: ResourceKind;
  /** Undefined for a cluster-scoped kind. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly uid: string;
  }[];
}

export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
}

/** What is sent on create: the server fills in the rest of the metadata. */
export type NewObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Partial<ObjectMeta>;
} & Record<string, unknown>;

/** May this user do that? As in a SubjectAccessReview. */
export interface AccessQuestion {
  readonly user: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  /** What an authenticator says besides, for example the scopes of a token. */
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
  readonly attributes:
    | {
        readonly kind: "resource";
        readonly verb: string;
        readonly group: string;
        readonly resource: string;
        readonly subresource?: string | undefined;
        /** Absent means all namespaces, or a cluster-scoped resource. */
        readonly namespace?: string | undefined;
        /** Absent means any name. */
        readonly name?: string | undefined;
      }
    | { readonly kind: "path"; readonly verb: string; readonly path: string };
}

/** Of one namespace, or of all; absent selectors select everything. */
export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** How much of each listed object is kept: the rest is let go page by page, before the next page is asked for. */
export interface Keeping {
  readonly keep?: ((object: KubeObject) => KubeObject) | undefined;
}

/** No audiences: kube-apiserver's own. */
export interface TokenWish {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly boundTo?: { readonly name: string; readonly uid: string };
}

export interface TokenVerdict {
  readonly authenticated: boolean;
  readonly username?: string;
  readonly uid?: string | undefined;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/**
 * The only door to kube-apiserver. Every call has a deadline (10 s), follows no redirect, bounds the answer's size and throws
 * OperatorError: 404 NotFound, 409 Conflict (AlreadyExists by reason), 422/400 InvalidSpec, 401 Unauthenticated,
 * 403 PermissionDenied, 429 Throttled with retryAfterMs, 5xx Unavailable (ambiguous for writes), time-out Timeout (ambiguous).
 * Message of the Status object goes into publicMessage only for 403/409/422 as reason + kind/name, never whole bodies.
 */
export interface ClusterClient {
  /** Undefined when the object does not exist. Always live: no cache stands before it. */
  get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined>;
  /**
   * By pages that halve down to one object where an answer is too long. A member that cannot be read by itself is left out by name:
   * such a list proves no absence.
   */
  list<T extends KubeObject>(kind: ResourceKind, options: ListOptions & Keeping): Promise<Listed<T>>;
  create<T extends KubeObject>(ref: Omit<ObjectRef, "name">, object: NewObject): Promise<T>;
  /** What `create` would answer, with all of admission, and nothing is kept. */
  dryRunCreate<T extends KubeObject>(ref: Omit<ObjectRef, "name">, object: NewObject): Promise<T>;
  /** PUT with the resourceVersion that `object` carries. */
  replace<T extends KubeObject>(ref: ObjectRef, object: T): Promise<T>;
  /** PUT on the status subresource with the resourceVersion that `object` carries. */
  replaceStatus<T extends KubeObject>(ref: ObjectRef, object: T): Promise<T>;
  /** JSON merge patch; put metadata.resourceVersion (and uid) into it for a precondition. */
  mergePatch<T extends KubeObject>(ref: ObjectRef, patch: Readonly<Record<string, unknown>>): Promise<T>;
  /** False when it was absent already. Precondition failures are Conflict. */
  delete(ref: ObjectRef, preconditions: { readonly uid: string; readonly resourceVersion?: string }): Promise<boolean>;
  /** A token for a service account (TokenRequest); it ends with the Secret that it is bound to, where it is bound to one. */
  requestToken(
    serviceAccount: { readonly namespace: string; readonly name: string },
    options: TokenWish,
  ): Promise<string>;
  /** Whose token it is, by kube-apiserver's own word (TokenReview). Without audiences: is it one for kube-apiserver itself? */
  reviewToken(token: string, audiences: readonly string[]): Promise<TokenVerdict>;
  /** kube-apiserver's own decision (SubjectAccessReview). An answer that is neither yes nor no is an error. */
  review(question: AccessQuestion): Promise<boolean>;
  /**
   * kube-apiserver's time: the newest answer's Date header plus the monotonic time since. Whole seconds, never ahead.
   * `skewMs` is the local wall clock less that. Undefined before the first answer.
   */
  serverTime(): { readonly now: Date; readonly skewMs: number } | undefined;
}

/** A level-triggered view of one kind. `get` may be stale: good for finding work, never for an irreversible step. */
export interface Informer<T extends KubeObject> {
  readonly hasSynced: () => boolean;
  /** Resolves at the first complete list. */
  synced(signal: AbortSignal): Promise<void>;
  get(key: { readonly namespace?: string | undefined; readonly name: string }): T | undefined;
  list(): readonly T[];
  /** Objects that the newest list or watch could not read. What was known of them stays; their absence proves nothing. */
  leftOut(): readonly LeftOut[];
  onChange(
    run: (change: { readonly type: "added" | "updated" | "deleted"; readonly object: T; readonly before?: T }) => void,
  ): void;
  /** Lists and watches until aborted; survives every error with jittered back-off (410: relist). Never throws. */
  start(signal: AbortSignal): void;
}

export interface EventAbout {
  readonly ref: ObjectRef;
  readonly uid: string;
}

/** events.k8s.io/v1; same event about the same object again inside ten minutes becomes one series. Never throws, never blocks a pass. */
export interface EventRecorder {
  record(
    about: EventAbout,
    event: {
      readonly type: "Normal" | "Warning";
      readonly reason: string;
      readonly action: string;
      readonly note: string;
    },
  ): void;
  /** Sends what waits; returns when sent or the deadline has passed. */
  flush(deadlineMs: number): Promise<void>;
}
