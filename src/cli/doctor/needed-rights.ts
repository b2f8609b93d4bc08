/** One thing that the operator must be allowed to do. */
export interface NeededRight {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verbs: readonly string[];
  /** Operator: in the operator's namespace. Watched: where resources may be. Cluster: a cluster-scoped kind. */
  readonly scope: "Operator" | "Watched" | "Cluster";
  readonly name?: string;
}

/**
 * What config/rbac/operator.yaml gives; a test compares the two. It is the one place from which the doctor takes them: a declaration that the code
 * makes itself may take its place.
 */
export const neededRights = (serviceAccount: string): readonly NeededRight[] => {
  const own = "keyturn.dev";
  const kinds = ["secretrotations", "serviceaccountlifecycles"];
  const clusterKinds = ["providerconnections", "orphanedcredentials"];
  const rbac = "rbac.authorization.k8s.io";
  const right = (
    scope: NeededRight["scope"],
    group: string,
    resource: string,
    verbs: readonly string[],
    more: { readonly subresource?: string; readonly name?: string } = {},
  ): NeededRight => ({ scope, group, resource, verbs, ...more });
  const bindings = ["get", "list", "create", "patch", "delete"];
  return [
    ...kinds.flatMap((kind) => [
      right("Watched", own, kind, ["get", "list", "watch", "patch", "update"]),
      right("Watched", own, kind, ["update"], { subresource: "status" }),
    ]),
    ...clusterKinds.flatMap((kind) => [
      right("Cluster", own, kind, ["get", "list", "watch"]),
      right("Cluster", own, kind, ["update"], { subresource: "status" }),
    ]),
    right("Cluster", own, "orphanedcredentials", ["create", "delete"]),
    ...["deployments", "statefulsets", "daemonsets"].map((kind) => right("Watched", "apps", kind, ["get", "patch"])),
    right("Watched", "", "secrets", ["get", "create", "update", "delete"]),
    right("Cluster", "", "namespaces", ["get"]),
    right("Watched", "", "serviceaccounts", bindings),
    right("Watched", rbac, "rolebindings", bindings),
    right("Cluster", rbac, "clusterrolebindings", bindings),
    right("Watched", rbac, "roles", ["get"]),
    right("Cluster", rbac, "clusterroles", ["get"]),
    right("Cluster", "authorization.k8s.io", "subjectaccessreviews", ["create"]),
    right("Watched", "events.k8s.io", "events", ["create", "patch"]),
    right("Operator", "", "configmaps", ["get", "list", "create", "update", "delete"]),
    right("Operator", "", "secrets", ["get", "list", "create", "update", "delete"]),
    right("Operator", "coordination.k8s.io", "leases", ["get", "create", "patch"]),
    right("Operator", "", "serviceaccounts", ["create"], { subresource: "token", name: serviceAccount }),
    right("Operator", own, "serviceaccountlifecycles", ["create"]),
  ];
};
