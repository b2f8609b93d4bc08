/** One right: where, on what, to do what. */
export interface Right {
  /** `own`: in the operator's namespace; `cluster`: anywhere. */
  readonly scope: "cluster" | "own";
  readonly group: string;
  /** With its subresource after a slash. */
  readonly resource: string;
  readonly verb: string;
}

export interface Manifest {
  readonly kind: string;
  readonly rules?: readonly {
    readonly apiGroups: readonly string[];
    readonly resources: readonly string[];
    readonly verbs: readonly string[];
  }[];
}

/** A line of kube-apiserver's audit log, as far as it is read. */
export interface AuditLine {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number; readonly reason?: string };
  readonly annotations?: Readonly<Record<string, string>>;
}

export const textOf = ({ scope, group, resource, verb }: Right): string =>
  `${scope} ${verb} ${resource}${group === "" ? "" : `.${group}`}`;

/** Every right that Roles and ClusterRoles give, one for each verb. */
export const rightsIn = (manifests: readonly Manifest[]): readonly Right[] =>
  manifests.flatMap(({ kind, rules = [] }) =>
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) =>
          verbs.map((verb): Right => ({ scope: kind === "Role" ? "own" : "cluster", group, resource, verb })),
        ),
      ),
    ),
  );

/**
 * What has been used of the rights, and what was asked without one. A request in the operator's namespace uses the right that it has
 * there; a ServiceAccount whose name is `keyturn` is an operator's.
 */
export const compareRights = (
  given: readonly Right[],
  lines: readonly AuditLine[],
): { readonly unused: readonly string[]; readonly missing: readonly string[] } => {
  const has = new Set(given.map(textOf));
  const used = new Set<string>();
  const missing = new Set<string>();
  for (const line of lines) {
    const { verb, user, objectRef, annotations } = line;
    const [, , namespace, name] = user.username.split(":");
    if (name !== "keyturn" || objectRef?.resource === undefined) continue;
    const resource = [objectRef.resource, objectRef.subresource].filter((part) => part !== undefined).join("/");
    const right = { group: objectRef.apiGroup ?? "", resource, verb };
    const [own, cluster] = [textOf({ ...right, scope: "own" }), textOf({ ...right, scope: "cluster" })];
    const text = objectRef.namespace === namespace && has.has(own) ? own : cluster;
    // What RBAC let nobody do; what another admission refuses, it was entitled to ask.
    const forbidden = annotations?.["authorization.k8s.io/decision"] === "forbid";
    if (has.has(text) && !forbidden) used.add(text);
    else missing.add(objectRef.namespace === namespace ? own : cluster);
  }
  return { unused: [...has].filter((text) => !used.has(text)).sort(), missing: [...missing].sort() };
};
