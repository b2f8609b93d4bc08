import type { ObjectRef, ResourceKind } from "./contract.ts";

/** Every kind the operator touches: what is not here needs no rule in its ClusterRole. */
const namespaced = (group: string, version: string, plural: string, kind: string): ResourceKind =>
  Object.freeze({ group, version, plural, kind, namespaced: true });

export const secretRotations = namespaced("keyturn.dev", "v1alpha1", "secretrotations", "SecretRotation");
export const secrets = namespaced("", "v1", "secrets", "Secret");
export const configMaps = namespaced("", "v1", "configmaps", "ConfigMap");
export const pods = namespaced("", "v1", "pods", "Pod");
export const serviceAccounts = namespaced("", "v1", "serviceaccounts", "ServiceAccount");
export const deployments = namespaced("apps", "v1", "deployments", "Deployment");
export const statefulSets = namespaced("apps", "v1", "statefulsets", "StatefulSet");
export const daemonSets = namespaced("apps", "v1", "daemonsets", "DaemonSet");
export const cronJobs = namespaced("batch", "v1", "cronjobs", "CronJob");
export const jobs = namespaced("batch", "v1", "jobs", "Job");
export const roleBindings = namespaced("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
export const roles = namespaced("rbac.authorization.k8s.io", "v1", "roles", "Role");
export const leases = namespaced("coordination.k8s.io", "v1", "leases", "Lease");
export const events = namespaced("events.k8s.io", "v1", "events", "Event");
/** Cluster-scoped: where a namespace may get its credentials from is for the cluster's owners to say. */
export const providerConnections: ResourceKind = Object.freeze({
  group: "keyturn.dev",
  version: "v1alpha1",
  plural: "providerconnections",
  kind: "ProviderConnection",
  namespaced: false,
});
export const orphanedCredentials: ResourceKind = Object.freeze({
  group: "keyturn.dev",
  version: "v1alpha1",
  plural: "orphanedcredentials",
  kind: "OrphanedCredential",
  namespaced: false,
});
export const identityHolds: ResourceKind = Object.freeze({
  group: "keyturn.dev",
  version: "v1alpha1",
  plural: "identityholds",
  kind: "IdentityHold",
  namespaced: false,
});
export const clusterRoleBindings: ResourceKind = Object.freeze({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural: "clusterrolebindings",
  kind: "ClusterRoleBinding",
  namespaced: false,
});
export const clusterRoles: ResourceKind = Object.freeze({
  group: "rbac.authorization.k8s.io",
  version: "v1",
  plural: "clusterroles",
  kind: "ClusterRole",
  namespaced: false,
});
export const namespaces: ResourceKind = Object.freeze({
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  namespaced: false,
});

/** `apps/v1`; `v1` for the core group. */
export const apiVersionOf = (kind: ResourceKind): string =>
  kind.group === "" ? kind.version : `${kind.group}/${kind.version}`;

/** The collection's path: of one namespace, or of all when it is undefined. */
export const collectionPath = (kind: ResourceKind, namespace: string | undefined): string => {
  const root = kind.group === "" ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  const scope = kind.namespaced && namespace !== undefined ? `/namespaces/${segment(namespace)}` : "";
  return `${root}${scope}/${kind.plural}`;
};

/** Throws RangeError for a namespaced kind without a namespace: that path would name nothing, and nothing reads as absent. */
export const objectPath = (ref: ObjectRef): string => {
  if (ref.kind.namespaced && ref.namespace === undefined)
    throw new RangeError("A namespaced object without a namespace.");
  return `${collectionPath(ref.kind, ref.namespace)}/${segment(ref.name)}`;
};

/** One path segment. The dot names would be resolved away by URL parsing and hit another object. */
const segment = (name: string): string => {
  if (name === "" || name === "." || name === "..") throw new RangeError("A name that is no path segment.");
  return encodeURIComponent(name);
};

/** `SecretRotation team-a/db`, for messages. */
export const describeRef = (ref: Omit<ObjectRef, "name"> & { readonly name?: string | undefined }): string => {
  const path = [ref.namespace, ref.name].filter((part) => part !== undefined && part !== "").join("/");
  return path === "" ? ref.kind.kind : `${ref.kind.kind} ${path}`;
};
