import type { Account } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { ProviderConnection } from "../../../api/v1alpha1/provider-connection.ts";
import type { AccessQuestion } from "../../../cluster/contract.ts";
import type { LifecycleAction, Permission, Privilege } from "../../../domain/lifecycle/action.ts";
import { grantKey, roleGrantsOf, type RoleGrant } from "../../../domain/lifecycle/pieces/kubernetes.ts";
import type { Requester } from "../../../domain/lifecycle/record.ts";
import { wantedState } from "../../../domain/lifecycle/settings.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { allows } from "../../connections.ts";
import type { Ports } from "../../ports.ts";
import { fieldOf, grantsFor, grantsPolicy, grantsRole, judgeAws } from "../grants.ts";
import { privilegeOf, requesterOf, stampOf, withRequester, type Stamp } from "../requesters.ts";
import { demandAllowed, shutOut } from "../connections.ts";
import type { AccountScope, InForce, LifecycleScope } from "../scope.ts";
import { connectionOf, declarationOf, desiredOf, recordOf } from "./accounts.ts";

/**
 * Says of each privilege that is about to be given whether the platform lets it be: the connection's grants, and a known requester;
 * for a Kubernetes role the requester must hold `bind` on it at this moment. Throws when that cannot be found out; nothing is
 * given then. Who asked is put into the status, and stays there for as long as the privilege is declared.
 */
export const judgePrivileges = async (
  scope: LifecycleScope,
  privileges: readonly Privilege[],
  ports: Ports,
): Promise<void> => {
  for (const privilege of privileges) {
    const key = privilegeOf(privilege.account, privilege.piece.key);
    scope.permissions.set(key, await judge(scope, privilege, ports));
  }
};

const judge = async (scope: LifecycleScope, privilege: Privilege, ports: Ports): Promise<Permission> => {
  const account = declarationOf(scope, privilege.account);
  const connection = await connectionOf(scope, account, ports);
  if (!allows(connection, scope.request.namespace)) return denied(shutOut(connection, scope.request.namespace));
  const why = refusedByGrants(account, connection, privilege, scope.request.namespace);
  if (why !== undefined) return denied(why);
  return privilege.piece.class === "grant" ? judgeRequester(scope, account, privilege, ports) : ALLOWED;
};

const ALLOWED: Permission = { kind: "allowed" };
const denied = (message: string): Extract<Permission, { kind: "refused" }> => ({
  kind: "refused",
  code: "PermissionDenied",
  message,
});

/**
 * Throws PermissionDenied unless the connection still lets everything be given that the account is declared to have. Asked before an
 * account that is cut gets its rights back as they stand: nothing of them is given piece by piece, so nothing else asks.
 */
export const demandGranted = async (scope: AccountScope, name: string, ports: Ports): Promise<void> => {
  const account = declarationOf(scope, name);
  const connection = await connectionOf(scope, account, ports);
  const { namespace } = scope.request;
  demandAllowed(connection, namespace);
  for (const piece of scope.desired.get(name)?.pieces ?? []) {
    if (piece.class !== "grant") continue;
    const why = refusedByGrants(account, connection, { account: name, piece }, namespace);
    if (why !== undefined) throw new OperatorError("PermissionDenied", { publicMessage: why });
  }
};

/**
 * Nothing is even looked at through a connection that shuts the namespace out, unless something was made through it before: what a
 * login of the platform's can see is no tenant's to ask about.
 */
export const refusalOfConnections = async (
  scope: LifecycleScope,
  inForce: InForce,
  ports: Ports,
): Promise<Extract<LifecycleAction, { type: "refuse" }> | undefined> => {
  if (wantedState(inForce.settings, scope.now) !== "Active") return undefined;
  for (const account of inForce.settings.accounts) {
    // One whose connection could not be read is a failure of its own already.
    if (recordOf(scope, account.name) !== undefined || !scope.desired.has(account.name)) continue;
    const connection = await connectionOf(scope, account, ports);
    if (allows(connection, scope.request.namespace)) continue;
    const message = shutOut(connection, scope.request.namespace);
    return { type: "refuse", code: "PermissionDenied", message, about: account.name };
  }
  return undefined;
};

const refusedByGrants = (
  account: Account,
  connection: ProviderConnection,
  { piece }: Privilege,
  namespace: string,
): string | undefined => {
  const grants = grantsFor(connection, namespace);
  const field = fieldOf(account);
  if (account.aws !== undefined) {
    const { refused } = judgeAws(account.aws, field, grants);
    // Another boundary, or none, changes what every other privilege may do.
    return piece.class === "restriction" ? [...refused.values()][0] : refused.get(piece.key);
  }
  if (piece.class !== "grant") return undefined;
  if (account.vault !== undefined) {
    const policy = account.vault.policies?.find((name) => piece.key === `policy/${name}`);
    return policy !== undefined && grantsPolicy(grants, policy)
      ? undefined
      : notGranted(piece.title, `${field}.policies`, connection);
  }
  const role = roleOf(account, piece.key);
  const declared = { kind: role?.kind ?? "Role", name: role?.name ?? "", scope: scopeWord(role) } as const;
  return role !== undefined && grantsRole(grants, declared)
    ? undefined
    : notGranted(piece.title, `${field}.roles`, connection);
};

const notGranted = (what: string, field: string, connection: ProviderConnection): string =>
  `No grant of ProviderConnection ${connection.metadata.name} names ${what} (${field}) for this namespace; take it out, or have the platform's owners add it to spec.grants.`;

const roleOf = (account: Account, key: string): RoleGrant | undefined =>
  account.kubernetes === undefined
    ? undefined
    : roleGrantsOf(account.kubernetes).find((role) => grantKey(role) === key);

const scopeWord = (role: RoleGrant | undefined): "Namespace" | "Cluster" =>
  role?.binding === "ClusterRoleBinding" ? "Cluster" : "Namespace";

/**
 * Who asked once answers for keeping up what stands. An account that has begun to leave has nothing to keep up: only who asks now counts,
 * unless the whole identity was permitted to come back, which has put that person on record.
 */
const answersForDrift = (scope: LifecycleScope, account: string): boolean => {
  const state = recordOf(scope, account)?.state;
  return scope.status.permittedReturn !== undefined || (state !== "Leaving" && state !== "Cut");
};

/** Stamps are worth something only while the policies that guard them are in force. */
const judgeRequester = async (
  scope: LifecycleScope,
  account: Account,
  privilege: Privilege,
  ports: Ports,
): Promise<Permission> => {
  const unguarded = await refusalOfStamps(ports);
  if (unguarded !== undefined) return unguarded;
  const name = privilegeOf(privilege.account, privilege.piece.key);
  const recorded = answersForDrift(scope, account.name) ? requesterOf(scope.status.requesters, name) : undefined;
  const present = stampOf(scope.object.metadata, ports.operatorNamespace);
  const askers = [recorded, present].filter((asker): asker is Stamp => asker !== undefined);
  if (askers.length === 0) {
    return denied(
      `Nobody is known to have asked for ${privilege.piece.title} (${fieldOf(account)}): the annotations keyturn.dev/changed-by, -uid and -groups are missing. Apply the spec again with them, or with config/policies/stamp.yaml in force.`,
    );
  }
  for (const asker of askers) {
    if (await mayGive(scope, asker, account, privilege, ports)) return allowedFor(scope, name, asker);
  }
  return denied(
    `${askers.map(({ username }) => username).join(" and ")} asked for ${privilege.piece.title} (${fieldOf(account)}.roles) and may not give it: the verb bind on it is missing. Have somebody apply the spec who holds it.`,
  );
};

const refusalOfStamps = async (ports: Ports): Promise<Extract<Permission, { kind: "refused" }> | undefined> => {
  const missing = await ports.admission.missing();
  return missing === undefined
    ? undefined
    : denied(
        `Nobody can tell who asks, for the admission policies of config/policies are not in force (${missing}); have the platform's owners apply them.`,
      );
};

/** How to find out who may, as docs/how-to/grants-and-requesters.md has it. */
const WHO_MAY = "kubectl get rolebindings,clusterrolebindings -A -l keyturn.dev/may-give -o wide";

/**
 * May who changed the spec last let the identity live again, or longer? They must hold `bind` on every role of it at this moment; who asked
 * before does not answer. With `grants` the connections' grants are asked again for everything that is declared. Allowed, they are on record
 * for every role. Throws when it cannot be found out.
 */
export const judgeLife = async (
  scope: LifecycleScope,
  { settings }: Pick<InForce, "settings">,
  { grants }: { readonly grants: boolean },
  ports: Ports,
): Promise<Permission> => {
  if (grants) {
    const why = await refusalOfGrants(scope, settings, ports);
    if (why !== undefined) return denied(why);
  }
  const asked = settings.accounts.flatMap((account) =>
    account.kubernetes === undefined ? [] : roleGrantsOf(account.kubernetes).map((role) => ({ account, role })),
  );
  // Every editor could declare it anew.
  if (asked.length === 0) return ALLOWED;
  const unguarded = await refusalOfStamps(ports);
  if (unguarded !== undefined) return unguarded;
  const present = stampOf(scope.object.metadata, ports.operatorNamespace);
  if (present === undefined) {
    return denied(
      `Nobody is known to ask for this identity to live again or longer, and its Kubernetes roles may be given only by somebody who holds the verb bind on them (${WHO_MAY}). Have one of them change spec.state or spec.expiresAt.`,
    );
  }
  for (const { account, role } of asked) {
    if (!(await ports.cluster.review(bindQuestion(present, role, scope.request.namespace)))) {
      return denied(
        `${present.username} asks for this identity to live again or longer and may not give ${role.kind} ${role.name} (${fieldOf(account)}.roles): the verb bind on it is missing. Have somebody who holds it (${WHO_MAY}) change spec.state or spec.expiresAt, or put them back as they were.`,
      );
    }
  }
  for (const { account, role } of asked) {
    const permission = allowedFor(scope, privilegeOf(account.name, grantKey(role)), present);
    if (permission.kind === "refused") return permission;
  }
  return ALLOWED;
};

/** The first thing declared that a connection does not grant any more, in words for people. */
const refusalOfGrants = async (
  scope: LifecycleScope,
  settings: InForce["settings"],
  ports: Ports,
): Promise<string | undefined> => {
  const { namespace } = scope.request;
  for (const account of settings.accounts) {
    const connection = await connectionOf(scope, account, ports);
    if (!allows(connection, namespace)) return shutOut(connection, namespace);
    const { pieces } = await desiredOf(scope, account, settings, ports);
    for (const piece of pieces.filter(({ class: kind }) => kind === "grant")) {
      const why = refusedByGrants(account, connection, { account: account.name, piece }, namespace);
      if (why !== undefined) return why;
    }
  }
  return undefined;
};

const allowedFor = (scope: LifecycleScope, privilege: string, asker: Stamp): Permission => {
  const { username, uid, groups, generation } = asker;
  const entry: Requester = {
    privilege,
    username,
    ...(uid === undefined ? {} : { uid }),
    ...(groups === undefined ? {} : { groups }),
    generation,
  };
  const requesters = withRequester(scope.status.requesters, entry);
  if (requesters === undefined) return denied("status.requesters has no room for one more privilege; declare fewer.");
  scope.status = { ...scope.status, requesters };
  return ALLOWED;
};

/** For anything but a Kubernetes role the connection's grants decide alone. */
const mayGive = async (
  scope: LifecycleScope,
  asker: Stamp,
  account: Account,
  { piece }: Privilege,
  ports: Ports,
): Promise<boolean> => {
  const role = roleOf(account, piece.key);
  if (account.kubernetes === undefined) return true;
  if (role === undefined) return false;
  return ports.cluster.review(bindQuestion(asker, role, scope.request.namespace));
};

/** As kube-apiserver itself asks when somebody makes a binding. */
export const bindQuestion = (asker: Stamp, role: RoleGrant, namespace: string): AccessQuestion => ({
  user: asker.username,
  ...(asker.uid === undefined ? {} : { uid: asker.uid }),
  groups: asker.groups ?? [],
  attributes: {
    kind: "resource",
    verb: "bind",
    group: "rbac.authorization.k8s.io",
    resource: role.kind === "Role" ? "roles" : "clusterroles",
    name: role.name,
    ...(role.binding === "RoleBinding" ? { namespace } : {}),
  },
});
