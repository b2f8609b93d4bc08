import type { Listed } from "../kernel/listed.ts";
import type {
  AccessQuestion,
  ClusterClient,
  Keeping,
  KubeObject,
  ListOptions,
  NewObject,
  ObjectRef,
  ResourceKind,
} from "./contract.ts";
import {
  apiVersionOf,
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
  secrets,
  serviceAccounts,
} from "./resources.ts";

const KINDS = {
  ServiceAccount: serviceAccounts,
  RoleBinding: roleBindings,
  ClusterRoleBinding: clusterRoleBindings,
  Role: roles,
  ClusterRole: clusterRoles,
  Secret: secrets,
} as const satisfies Readonly<Record<string, ResourceKind>>;

type IdentityKind = keyof typeof KINDS;

interface Place {
  readonly kind: IdentityKind;
  readonly namespace?: string | undefined;
  readonly name: string;
}

interface NewIdentityObject {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly roleRef?: unknown;
  readonly subjects?: unknown;
}

/**
 * The ClusterClient in the form that providers/kubernetes asks for (KubernetesCalls): kinds by their names, and only those that an
 * identity is made of. The type checker holds the two together where compose wires them.
 */
export const identityCalls = (cluster: ClusterClient) => ({
  get: (place: Place): Promise<KubeObject | undefined> => cluster.get(refOf(place)),
  list: (kind: IdentityKind, options: ListOptions & Keeping): Promise<Listed<KubeObject>> =>
    cluster.list(KINDS[kind], options),
  create: (place: Place, content: NewIdentityObject): Promise<KubeObject> =>
    cluster.create(refOf(place), objectOf(place, content)),
  mergePatch: (place: Place, patch: Readonly<Record<string, unknown>>): Promise<KubeObject> =>
    cluster.mergePatch(refOf(place), patch),
  delete: (place: Place, preconditions: { readonly uid: string; readonly resourceVersion: string }): Promise<boolean> =>
    cluster.delete(refOf(place), preconditions),
  review: (question: AccessQuestion): Promise<boolean> => cluster.review(question),
});

const refOf = ({ kind, namespace, name }: Place): ObjectRef => ({
  kind: KINDS[kind],
  namespace: KINDS[kind].namespaced ? namespace : undefined,
  name,
});

const objectOf = (place: Place, { labels, annotations, ...content }: NewIdentityObject): NewObject => ({
  apiVersion: apiVersionOf(KINDS[place.kind]),
  kind: place.kind,
  metadata: {
    name: place.name,
    ...(place.namespace !== undefined && KINDS[place.kind].namespaced ? { namespace: place.namespace } : {}),
    labels,
    annotations,
  },
  ...content,
});
