import type { KubernetesAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { LIFECYCLE_DEFAULTS } from "../../../api/v1alpha1/defaults.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson, hashName } from "../../../kernel/ids.ts";
import type { Piece } from "../piece.ts";
import type { PieceContext } from "./context.ts";
import { ownerValue } from "./owner.ts";

/** One role that a ServiceAccount is bound to. */
export interface RoleGrant {
  readonly binding: "RoleBinding" | "ClusterRoleBinding";
  readonly kind: "Role" | "ClusterRole";
  readonly name: string;
}

/** What follows from the names alone. */
export type NamePlace = Pick<PieceContext, "namespace" | "name">;

/**
 * Pieces of a ServiceAccount: itself, its owner record, and one binding per role. Throws InvalidSpec for the ServiceAccount that
 * every namespace has.
 */
export const kubernetesPieces = (account: KubernetesAccount, context: PieceContext): readonly Piece[] => {
  const serviceAccount = serviceAccountNameOf(account, context);
  return [
    {
      key: "principal",
      class: "principal",
      value: serviceAccountValue(context.namespace, serviceAccount),
      title: `ServiceAccount ${context.namespace}/${serviceAccount}${account.onCut === "DeleteServiceAccount" ? MADE_ANEW : ""}`,
    },
    { key: "owner", class: "attribute", value: ownerValue(context), title: "owner record" },
    ...roleGrantsOf(account).map((grant): Piece => ({
      key: grantKey(grant),
      class: "grant",
      value: bindingValue(grant, { namespace: context.namespace, name: serviceAccount }),
      title: grantTitle(grant),
    })),
  ];
};

/** In plans, before it happens: what is made again under the name is another ServiceAccount. */
const MADE_ANEW = " (deleted at a cut; made anew it has a new UID, and tokens of before stay dead)";

/** The declared name, else that of the resource. */
export const serviceAccountNameOf = (account: KubernetesAccount, context: Pick<PieceContext, "name">): string => {
  const name = account.serviceAccountName ?? context.name;
  if (name === "default") {
    throw new OperatorError("InvalidSpec", {
      publicMessage:
        "kubernetes.serviceAccountName must not be default, which every pod without a name of its own runs as; choose another name.",
    });
  }
  return name;
};

export const roleGrantsOf = (account: KubernetesAccount): readonly RoleGrant[] =>
  (account.roles ?? []).map((role) => ({
    binding: (role.scope ?? LIFECYCLE_DEFAULTS.roleScope) === "Cluster" ? "ClusterRoleBinding" : "RoleBinding",
    kind: role.kind,
    name: role.name,
  }));

export const grantKey = (grant: RoleGrant): string =>
  `${grant.binding === "RoleBinding" ? "binding" : "clusterBinding"}/${grant.kind}/${grant.name}`;

/** The grant of a key; undefined for any other key. A role's name has no slash in it. */
export const grantOfKey = (key: string): RoleGrant | undefined => {
  const match = /^(binding|clusterBinding)\/(Role|ClusterRole)\/([^/]+)$/.exec(key);
  const [, binding, kind, name] = match ?? [];
  if (name === undefined || (kind !== "Role" && kind !== "ClusterRole")) return undefined;
  if (binding === "clusterBinding" && kind === "Role") return undefined;
  return { binding: binding === "binding" ? "RoleBinding" : "ClusterRoleBinding", kind, name };
};

export const grantTitle = (grant: RoleGrant): string =>
  `${grant.kind} ${grant.name}${grant.binding === "ClusterRoleBinding" ? " in the whole cluster" : ""}`;

/**
 * Name of the binding. The ServiceAccount is in the hash, so that an account that is on its way out and the one that takes its place
 * in the same resource never contend for one binding.
 */
export const bindingName = (place: NamePlace, grant: RoleGrant, serviceAccount: string): string =>
  `${bindingPrefix(place)}.${hashName(grant.kind, grant.name, serviceAccount).slice(0, 16)}`;

/** What the names of all bindings of one resource have in common, up to their last dot. */
export const bindingPrefix = (place: NamePlace): string => `keyturn.${place.namespace}.${place.name}`;

export const serviceAccountValue = (namespace: string, name: string): string =>
  canonicalJson({ kind: "ServiceAccount", namespace, name });

/** Comparable form of a binding: what it refers to and whom. */
export const bindingValue = (
  roleRef: { readonly kind: string; readonly name: string },
  subject: { readonly namespace: string; readonly name: string },
): string =>
  canonicalJson({
    roleRef: { kind: roleRef.kind, name: roleRef.name },
    subjects: [{ kind: "ServiceAccount", namespace: subject.namespace, name: subject.name }],
  });
