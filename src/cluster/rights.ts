/**
 * Where the operator has a right. Cluster: kinds without a namespace. Watched: in namespaces where people declare things, which is
 * the whole cluster or those that are listed. Operator: in its own namespace only.
 */
export type RightScope = "Cluster" | "Watched" | "Operator";

/** How far Watched reaches: over the whole cluster, or over namespaces that are named. */
export type RightsMode = "Cluster" | "Namespaces";

/** One rule, as a Role has it, and why it is there. */
export interface RightsRule {
  readonly scope: RightScope;
  readonly group: string;
  /** With their subresource after a slash. */
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  /** Only on objects of these names. */
  readonly names?: readonly string[];
  /** Given in this mode alone; absent means in both. */
  readonly mode?: RightsMode;
  readonly because: string;
}

const OWN = "keyturn.dev";
const RBAC = "rbac.authorization.k8s.io";
const SERVICE_ACCOUNT = "keyturn";

/**
 * Everything that the operator asks of kube-apiserver. `npm run generate` makes the Roles of config/ and of the chart from it, the
 * doctor asks for it, and `accept -- install` holds it against what kube-apiserver has logged of operators at work.
 */
export const RIGHTS: readonly RightsRule[] = [
  {
    scope: "Watched",
    group: OWN,
    resources: ["secretrotations", "serviceaccountlifecycles"],
    verbs: ["get", "list", "watch"],
    because: "What people declare.",
  },
  {
    scope: "Watched",
    group: OWN,
    resources: ["secretrotations", "serviceaccountlifecycles"],
    verbs: ["patch", "update"],
    because: "Finalizers; and the spec, which is put back where rollback.mode RewriteSpec asks for it.",
  },
  {
    scope: "Watched",
    group: OWN,
    resources: ["secretrotations/status", "serviceaccountlifecycles/status"],
    verbs: ["update"],
    because: "What has become of it.",
  },
  {
    scope: "Watched",
    group: "apps",
    resources: ["deployments", "statefulsets", "daemonsets"],
    verbs: ["get", "patch"],
    because: "Dependents: health is read, a restart is a patch of the pod template's annotation.",
  },
  {
    scope: "Watched",
    group: "batch",
    resources: ["cronjobs"],
    verbs: ["get", "patch"],
    because: "Dependents that run now and then: their template is patched as a Deployment's is.",
  },
  {
    scope: "Watched",
    group: "batch",
    resources: ["jobs"],
    verbs: ["get"],
    because: "Runs of CronJobs that began before a new version; they are waited for.",
  },
  {
    scope: "Watched",
    group: "",
    resources: ["secrets"],
    verbs: ["get", "create", "update", "delete"],
    because:
      "Deliveries, by name. RBAC cannot narrow this to the names that specs declare; see docs/security-model.md.",
  },
  {
    scope: "Watched",
    group: "",
    resources: ["serviceaccounts"],
    verbs: ["get", "list", "create", "patch", "delete"],
    because: "ServiceAccounts of identities.",
  },
  {
    scope: "Watched",
    group: RBAC,
    resources: ["rolebindings"],
    verbs: ["get", "list", "create", "patch", "delete"],
    because:
      "What binds roles to identities, and what others have bound them to, in whatever namespace: who cannot list bindings cannot say that a right is gone. Creating one needs bind on its role besides.",
  },
  {
    scope: "Watched",
    group: RBAC,
    resources: ["roles"],
    verbs: ["get"],
    because: "What a role gives, before it is given.",
  },
  {
    scope: "Watched",
    group: "events.k8s.io",
    resources: ["events"],
    verbs: ["create", "patch"],
    because: "Events of resources.",
  },
  {
    scope: "Cluster",
    group: OWN,
    resources: ["providerconnections", "orphanedcredentials", "identityholds"],
    verbs: ["get", "list", "watch"],
    because: "Connections of the platform, the ledger, and what is held.",
  },
  {
    scope: "Cluster",
    group: OWN,
    resources: ["providerconnections/status", "orphanedcredentials/status", "identityholds/status"],
    verbs: ["update"],
    because: "What has become of them.",
  },
  {
    scope: "Cluster",
    group: OWN,
    resources: ["orphanedcredentials"],
    verbs: ["create", "delete"],
    because: "The ledger is written by the operator only.",
  },
  {
    scope: "Cluster",
    group: RBAC,
    resources: ["clusterrolebindings"],
    verbs: ["get", "list"],
    because: "What is bound to identities in the whole cluster, by Keyturn or by others.",
  },
  {
    scope: "Cluster",
    group: RBAC,
    resources: ["clusterrolebindings"],
    verbs: ["create", "patch", "delete"],
    mode: "Cluster",
    because: "Roles that are given with scope Cluster.",
  },
  {
    scope: "Cluster",
    group: RBAC,
    resources: ["clusterroles"],
    verbs: ["get"],
    because: "What a role gives, before it is given.",
  },
  {
    scope: "Cluster",
    group: "authorization.k8s.io",
    resources: ["subjectaccessreviews"],
    verbs: ["create"],
    because:
      "May the one who asks give this role? Is a right that was taken away really refused? May the one who scrapes read the metrics?",
  },
  {
    scope: "Cluster",
    group: "authentication.k8s.io",
    resources: ["tokenreviews"],
    verbs: ["create"],
    because: "Who scrapes the metrics?",
  },
  {
    scope: "Operator",
    group: "",
    resources: ["configmaps", "secrets"],
    verbs: ["get", "list", "create", "update", "delete"],
    because: "Claims, limits, the kill switch and read-only; staged values and login Secrets.",
  },
  {
    scope: "Operator",
    group: "coordination.k8s.io",
    resources: ["leases"],
    verbs: ["get", "create", "patch"],
    because: "Who leads.",
  },
  {
    scope: "Operator",
    group: "",
    resources: ["serviceaccounts/token"],
    verbs: ["create"],
    names: [SERVICE_ACCOUNT],
    because: "Its own token, to log in to Vault with.",
  },
  {
    scope: "Operator",
    group: OWN,
    resources: ["serviceaccountlifecycles"],
    verbs: ["create"],
    because: "A dry run, which shows whether the admission policies are in force.",
  },
];

/** Needed where --fairness-label is set, and given by config/fairness and the chart's fairnessLabel alone. */
export const FAIRNESS_RIGHT: RightsRule = {
  scope: "Cluster",
  group: "",
  resources: ["namespaces"],
  verbs: ["get", "list", "watch"],
  because: "Which namespaces are of one tenant, by the label that --fairness-label names.",
};

/** The rules of a mode. */
export const rightsOf = (mode: RightsMode): readonly RightsRule[] =>
  RIGHTS.filter((rule) => rule.mode === undefined || rule.mode === mode);

/** One thing that the operator must be allowed to do. */
export interface NeededRight {
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verb: string;
  readonly scope: RightScope;
  readonly name?: string;
}

/** The rules of a mode, one for each verb. `besides`: rules that the operator needs as it is set. */
export const neededRights = (
  mode: RightsMode,
  serviceAccount: string,
  besides: readonly RightsRule[] = [],
): readonly NeededRight[] =>
  [...rightsOf(mode), ...besides].flatMap(({ scope, group, resources, verbs, names }) =>
    resources.flatMap((path) =>
      verbs.map((verb): NeededRight => {
        const [resource = "", subresource] = path.split("/");
        return {
          scope,
          group,
          resource,
          verb,
          ...(subresource === undefined ? {} : { subresource }),
          ...(names === undefined ? {} : { name: serviceAccount }),
        };
      }),
    ),
  );
