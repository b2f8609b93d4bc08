import type { Listed } from "../../kernel/listed.ts";

export const rbacGroup = "rbac.authorization.k8s.io";

/** The kinds that an identity in Kubernetes is made of. */
export type IdentityKind = "ServiceAccount" | "RoleBinding" | "ClusterRoleBinding" | "Role" | "ClusterRole" | "Secret";

export interface IdentityPlace {
  readonly kind: IdentityKind;
  /** Undefined for a cluster-scoped kind. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** One of them as the API server has it; what a kind does not have is absent. */
export interface IdentityObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp?: string;
    readonly deletionTimestamp?: string;
    readonly finalizers?: readonly string[];
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly roleRef?: { readonly apiGroup?: string; readonly kind: string; readonly name: string };
  readonly subjects?: readonly Subject[] | null;
  readonly rules?: readonly PolicyRule[] | null;
  /** Of a ServiceAccount. */
  readonly imagePullSecrets?: readonly { readonly name?: string }[] | null;
  readonly automountServiceAccountToken?: boolean;
}

export interface NewIdentityObject {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly roleRef?: { readonly apiGroup: string; readonly kind: string; readonly name: string };
  readonly subjects?: readonly Subject[];
  readonly imagePullSecrets?: readonly { readonly name?: string }[];
  readonly automountServiceAccountToken?: boolean;
}

/** May this user do that? */
export interface ReviewQuestion {
  readonly user: string;
  readonly groups: readonly string[];
  readonly attributes:
    | {
        readonly kind: "resource";
        readonly verb: string;
        readonly group: string;
        readonly resource: string;
        readonly subresource?: string | undefined;
        readonly namespace?: string | undefined;
        readonly name?: string | undefined;
      }
    | { readonly kind: "path"; readonly verb: string; readonly path: string };
}

/**
 * What is needed of kube-apiserver. Compose builds it from the ClusterClient (cluster/identity-calls.ts): providers do not import
 * cluster/. Errors are OperatorErrors as the ClusterClient throws them; reads are live.
 */
export interface KubernetesCalls {
  /** Undefined when it does not exist. */
  get(place: IdentityPlace): Promise<IdentityObject | undefined>;
  /** Of one namespace, or of the whole cluster when it is undefined. */
  list(
    kind: IdentityKind,
    options: {
      readonly namespace?: string | undefined;
      readonly labelSelector?: string;
      readonly fieldSelector?: string;
      /** What is to be kept of each; the rest is let go page by page, before the next page is asked for. */
      readonly keep?: (object: IdentityObject) => IdentityObject;
    },
  ): Promise<Listed<IdentityObject>>;
  create(place: IdentityPlace, object: NewIdentityObject): Promise<IdentityObject>;
  /** JSON merge patch; metadata.uid and metadata.resourceVersion in it are preconditions. */
  mergePatch(place: IdentityPlace, patch: Readonly<Record<string, unknown>>): Promise<IdentityObject>;
  /** False when it was absent already; Conflict when a precondition fails. */
  delete(
    place: IdentityPlace,
    preconditions: { readonly uid: string; readonly resourceVersion: string },
  ): Promise<boolean>;
  review(question: ReviewQuestion): Promise<boolean>;
}
