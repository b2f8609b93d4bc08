import { cellOf, rowsOfOptionalRoles } from "./optional-roles.ts";
import { rightsOf } from "../src/cluster/rights.ts";
import type { RightScope, RightsMode, RightsRule } from "../src/cluster/rights.ts";

const NAME = "keyturn-operator";
const HEADER = "# Made from src/cluster/rights.ts by `npm run generate`; do not edit.\n";
const SHIPPED_NAMESPACE = "keyturn-system";

/**
 * Text of each file that follows from the rights: config/rbac, config/namespaces, the chart's template, the page. On the page
 * stand besides the roles of `optional`: manifests of roles that a platform binds to the operator where it wants them.
 */
export const rbacFiles = (page: string, optional: readonly string[]): Readonly<Record<string, string>> => ({
  "config/rbac/operator.yaml": HEADER + documents(wholeCluster(SHIPPED_NAMESPACE)),
  "config/namespaces/operator.yaml": HEADER + documents([clusterRole(NAME, rules("Namespaces", ["Cluster"]))]),
  "config/namespaces/namespace-role.yaml": HEADER + documents([namespaceRole()]),
  "config/namespaces/namespace/role-bindings.yaml": HEADER + documents(bindingsInNamespace(SHIPPED_NAMESPACE)),
  "charts/keyturn/templates/rbac-operator.yaml": chartTemplate(),
  "docs/reference/rbac.md": withTable(page, optional),
});

/** In the whole cluster: one ClusterRole, and what it needs in its own namespace. */
const wholeCluster = (namespace: string): readonly string[] => [
  clusterRole(NAME, rules("Cluster", ["Watched", "Cluster"])),
  clusterRoleBinding(NAME, namespace),
  ...ownNamespace(namespace),
];

/** In namespaces that are named: a ClusterRole for what has no namespace, and one that is bound in each of them. */
const byNamespace = (namespace: string): readonly string[] => [
  clusterRole(NAME, rules("Namespaces", ["Cluster"])),
  clusterRoleBinding(NAME, namespace),
  namespaceRole(),
  ...ownNamespace(namespace),
];

const ownNamespace = (namespace: string): readonly string[] => [
  `kind: Role\nmetadata:\n  name: ${NAME}\n  namespace: ${namespace}\n${rules("Cluster", ["Operator"])}`,
  `kind: RoleBinding\nmetadata:\n  name: ${NAME}\n  namespace: ${namespace}\n${reference("Role", NAME, namespace)}`,
];

const namespaceRole = (): string => clusterRole(`${NAME}-namespace`, rules("Namespaces", ["Watched"]));

/** What it may do in a namespace, and which roles it may bind there. */
const bindingsInNamespace = (operatorNamespace: string, namespace?: string): readonly string[] =>
  [`${NAME}-namespace`, `${NAME}-grantable`].map(
    (name) =>
      `kind: RoleBinding\nmetadata:\n  name: ${name}\n${namespace === undefined ? "" : `  namespace: ${namespace}\n`}${reference("ClusterRole", name, operatorNamespace)}`,
  );

const clusterRole = (name: string, text: string): string => `kind: ClusterRole\nmetadata:\n  name: ${name}\n${text}`;

const clusterRoleBinding = (name: string, namespace: string): string =>
  `kind: ClusterRoleBinding\nmetadata:\n  name: ${name}\n${reference("ClusterRole", name, namespace)}`;

const reference = (kind: string, name: string, namespace: string): string =>
  `roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: ${kind}\n  name: ${name}\nsubjects:\n  - kind: ServiceAccount\n    name: keyturn\n    namespace: ${namespace}\n`;

const rules = (mode: RightsMode, scopes: readonly RightScope[]): string =>
  `rules:\n${rightsOf(mode)
    .filter(({ scope }) => scopes.includes(scope))
    .map(rule)
    .join("")}`;

const rule = ({ group, resources, verbs, names, because }: RightsRule): string =>
  [
    `  # ${because}`,
    `  - apiGroups: [${group === "" ? '""' : group}]`,
    `    resources: [${resources.join(", ")}]`,
    ...(names === undefined ? [] : [`    resourceNames: [${names.join(", ")}]`]),
    `    verbs: [${verbs.join(", ")}]`,
    "",
  ].join("\n");

const API = "apiVersion: rbac.authorization.k8s.io/v1\n";
const documents = (bodies: readonly string[]): string => bodies.map((body) => `${API}${body}`).join("---\n");

/** Both modes, by the value rbac.mode. */
const chartTemplate = (): string => {
  const release = "{{ .Release.Namespace }}";
  const bound = `{{- range .Values.watchNamespaces }}\n---\n${documents(bindingsInNamespace("{{ $.Release.Namespace }}", "{{ . }}"))}{{- end }}\n`;
  const guard = `{{- if and (eq .Values.rbac.mode "Namespaces") (not .Values.watchNamespaces) }}
{{- fail "rbac.mode Namespaces needs watchNamespaces: the namespaces in which the operator gets its rights" }}
{{- end }}
`;
  return [
    HEADER,
    guard,
    '{{- if eq .Values.rbac.mode "Cluster" }}\n',
    documents(wholeCluster(release)),
    "{{- else }}\n",
    documents(byNamespace(release)),
    bound,
    "{{- end }}\n",
  ].join("");
};

const BEGIN = "<!-- rights: made by npm run generate -->";
const END = "<!-- /rights -->";

/** The page with its tables of rights, one for each scope, and one of what is given on demand. */
const withTable = (page: string, optional: readonly string[]): string => {
  const [before, rest] = page.split(BEGIN);
  const after = rest?.split(END)[1];
  if (before === undefined || after === undefined)
    throw new Error("docs/reference/rbac.md has no place for the rights");
  const heads: Readonly<Record<RightScope, string>> = {
    Watched: "Where people declare things",
    Cluster: "In the whole cluster, in both modes",
    Operator: "In the operator's own namespace",
  };
  const tables = (Object.keys(heads) as RightScope[]).map((scope) => {
    const rows = rightsOf("Cluster")
      .filter((one) => one.scope === scope)
      .map(({ group, resources, verbs, mode, because }) => {
        return `| ${cellOf(group, resources)} | ${verbs.join(" ")} | ${because}${mode === undefined ? "" : ` Not with \`Namespaces\`.`} |\n`;
      });
    return `### ${heads[scope]}\n\n| on | may | because |\n|---|---|---|\n${rows.join("")}`;
  });
  const demanded = `### Only where you give it\n\n| role | on | may | because |\n|---|---|---|---|\n${rowsOfOptionalRoles(optional).join("")}`;
  return `${before}${BEGIN}\n\n${[...tables, demanded].join("\n")}\n${END}${after}`;
};
