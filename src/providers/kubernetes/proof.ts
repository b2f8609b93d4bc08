import type { RoleGrant } from "../../domain/lifecycle/pieces/kubernetes.ts";
import type { KubernetesCalls, PolicyRule, ReviewQuestion } from "./calls.ts";

export type Attributes = ReviewQuestion["attributes"];

/** Of one role: enough to see whether its binding has an effect, and bounded whatever somebody writes into it. */
const MOST_QUESTIONS = 8;

/**
 * What a ServiceAccount could do by this grant, as questions that can be put to the API server: one for each rule of the role.
 * None where the role is gone or has no rules: then the binding gave nothing.
 */
export const questionsOf = async (
  calls: Pick<KubernetesCalls, "get">,
  grant: RoleGrant,
  namespace: string,
): Promise<readonly Attributes[]> => {
  const role = await calls.get({
    kind: grant.kind,
    name: grant.name,
    ...(grant.kind === "Role" ? { namespace } : {}),
  });
  const scope = grant.binding === "RoleBinding" ? namespace : undefined;
  return (role?.rules ?? []).flatMap((rule) => questionOf(rule, scope)).slice(0, MOST_QUESTIONS);
};

/** One thing that the rule allows; `namespace` undefined: in the whole cluster. */
const questionOf = (rule: PolicyRule, namespace: string | undefined): readonly Attributes[] => {
  const verb = concrete(rule.verbs, "get");
  if (verb === undefined) return [];
  const url = concrete(rule.nonResourceURLs, "/keyturn");
  // A RoleBinding gives nothing outside resources.
  if (url !== undefined)
    return namespace === undefined ? [{ kind: "path", verb, path: url.replace("*", "keyturn") }] : [];
  const resource = concrete(rule.resources, "secrets");
  const group = concrete(rule.apiGroups, "");
  if (resource === undefined || group === undefined) return [];
  const [main = "", subresource] = resource.split("/");
  const [name] = rule.resourceNames ?? [];
  return [
    {
      kind: "resource",
      verb,
      group,
      resource: main === "*" ? "deployments" : main,
      ...(subresource === undefined ? {} : { subresource }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(name === undefined ? {} : { name }),
    },
  ];
};

/** The first member; a wildcard stands for anything, so for `any`. Undefined where the list is empty. */
const concrete = (members: readonly string[] | undefined, any: string): string | undefined => {
  const [first] = members ?? [];
  return first === "*" ? any : first;
};

/** `get secrets in namespace payments`, for messages. */
export const describeAttributes = (asked: Attributes): string => {
  if (asked.kind === "path") return `${asked.verb} ${asked.path}`;
  const resource = [asked.resource, asked.subresource].filter((part) => part !== undefined).join("/");
  const where = asked.namespace === undefined ? "in the whole cluster" : `in namespace ${asked.namespace}`;
  return `${asked.verb} ${asked.group === "" ? resource : `${resource}.${asked.group}`} ${where}`;
};

export const serviceAccountUser = (namespace: string, name: string): string =>
  `system:serviceaccount:${namespace}:${name}`;

/** Groups of every ServiceAccount of the namespace. */
export const serviceAccountGroups = (namespace: string): readonly string[] => [
  "system:serviceaccounts",
  `system:serviceaccounts:${namespace}`,
  "system:authenticated",
];

/**
 * Which of these the ServiceAccount may still do although another ServiceAccount of its namespace, one that nobody has bound, may
 * not. What every ServiceAccount may do (discovery, what the namespace's group was given) is not this account's privilege.
 */
export const stillAllowed = async (
  calls: Pick<KubernetesCalls, "review">,
  account: { readonly namespace: string; readonly name: string },
  questions: readonly Attributes[],
): Promise<readonly Attributes[]> => {
  const groups = serviceAccountGroups(account.namespace);
  const user = serviceAccountUser(account.namespace, account.name);
  // No ServiceAccount can have this name: it is no DNS name.
  const nobody = serviceAccountUser(account.namespace, "Nobody");
  const allowed: Attributes[] = [];
  for (const attributes of questions) {
    if (!(await calls.review({ user, groups, attributes }))) continue;
    if (!(await calls.review({ user: nobody, groups, attributes }))) allowed.push(attributes);
  }
  return allowed;
};

/** A binding of somebody else, as it explains what is allowed. */
export interface ForeignBinding {
  readonly namespace?: string | undefined;
  readonly roleRef: { readonly kind: string; readonly name: string };
}

/** So many roles of others are read; with more of them than that, they explain what is left. */
const MOST_ROLES = 64;

/**
 * Which of these no binding of others explains: what they give is told (ForeignGrant) and is theirs to take away, and must not keep what
 * we gave from being proven gone.
 */
export const unexplained = async (
  calls: Pick<KubernetesCalls, "get">,
  allowed: readonly Attributes[],
  foreign: readonly ForeignBinding[],
): Promise<readonly Attributes[]> => {
  const roles = new Map<string, ForeignBinding>();
  for (const binding of foreign) {
    const { kind, name } = binding.roleRef;
    roles.set([binding.namespace ?? "", kind, name].join("/"), binding);
  }
  let left = allowed;
  let read = 0;
  for (const { namespace, roleRef } of roles.values()) {
    const inReach = left.some((asked) => reaches(namespace, asked));
    if (left.length === 0 || !inReach) continue;
    if (read === MOST_ROLES) return [];
    read += 1;
    if (roleRef.kind !== "Role" && roleRef.kind !== "ClusterRole") continue;
    const place = {
      kind: roleRef.kind,
      name: roleRef.name,
      ...(roleRef.kind === "Role" ? { namespace } : {}),
    } as const;
    const rules = (await calls.get(place))?.rules ?? [];
    left = left.filter((asked) => !(reaches(namespace, asked) && rules.some((rule) => allows(rule, asked))));
  }
  return left;
};

const reaches = (namespace: string | undefined, asked: Attributes): boolean =>
  namespace === undefined || (asked.kind === "resource" && asked.namespace === namespace);

/** As RBAC decides it (`RuleAllows` of kube-apiserver's RBAC authorizer). */
const allows = (rule: PolicyRule, asked: Attributes): boolean => {
  if (!holds(rule.verbs, asked.verb)) return false;
  if (asked.kind === "path")
    return (rule.nonResourceURLs ?? []).some((url) =>
      url.endsWith("*") ? asked.path.startsWith(url.slice(0, -1)) : url === asked.path,
    );
  const resources =
    asked.subresource === undefined
      ? [asked.resource]
      : [`${asked.resource}/${asked.subresource}`, `*/${asked.subresource}`];
  const named = rule.resourceNames ?? [];
  return (
    holds(rule.apiGroups, asked.group) &&
    resources.some((resource) => holds(rule.resources, resource)) &&
    (named.length === 0 || (asked.name !== undefined && named.includes(asked.name)))
  );
};

const holds = (members: readonly string[] | undefined, wanted: string): boolean =>
  members?.includes("*") === true || members?.includes(wanted) === true;
