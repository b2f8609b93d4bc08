import type { ObservedPiece } from "../../domain/lifecycle/piece.ts";
import {
  bindingName,
  bindingValue,
  grantKey,
  grantOfKey,
  grantTitle,
  serviceAccountValue,
  type RoleGrant,
} from "../../domain/lifecycle/pieces/kubernetes.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import type { AccountOwner } from "../account.ts";
import type { IdentityObject, KubernetesCalls } from "./calls.ts";
import { isMarkedOurs, MANAGED_BY, observedOwner, PIECE } from "./marks.ts";
import { serviceAccountUser } from "./proof.ts";

/** A ServiceAccount, and whose. */
export interface Subject {
  readonly owner: AccountOwner;
  readonly namespace: string;
  readonly name: string;
}

/** A binding of ours, and what it is for. */
export interface OwnBinding {
  readonly key: string;
  readonly grant: RoleGrant;
  readonly object: IdentityObject;
}

export interface Bindings {
  readonly own: readonly OwnBinding[];
  /** Keys whose name is taken by a binding that is not ours. */
  readonly conflicts: readonly string[];
  /** Bindings of others that name the ServiceAccount. */
  readonly foreign: readonly string[];
}

/**
 * Every binding that matters to the ServiceAccount. RoleBindings: all of the namespace. ClusterRoleBindings: those with our label,
 * those that are declared, by name, and of `others`, if given, those that name the ServiceAccount.
 */
export const lookAtBindings = async (
  calls: KubernetesCalls,
  subject: Subject,
  declared: readonly RoleGrant[],
  others: readonly IdentityObject[],
): Promise<Bindings> => {
  const inNamespace = await calls.list("RoleBinding", { namespace: subject.namespace });
  const labelled = await calls.list("ClusterRoleBinding", { labelSelector: `${MANAGED_BY.label}=${MANAGED_BY.value}` });
  const byName = await declaredByName(calls, subject, declared, labelled);
  const each = [
    ...inNamespace.map((object) => classify("RoleBinding", object, subject)),
    ...[...labelled, ...byName].map((object) => classify("ClusterRoleBinding", object, subject)),
  ];
  // What was remembered may be gone by now: good for telling people, never for saying that something of ours stands.
  const remembered = others
    .filter(({ metadata }) => !each.some(({ object }) => object.metadata.uid === metadata.uid))
    .filter((object) => !isMarkedOurs(object, subject.owner))
    .map((object): Classified => ({ kind: "ClusterRoleBinding", object, own: undefined }));
  const own = each.flatMap((found) => (found.own === undefined ? [] : [found.own]));
  const taken = declared.filter((grant) =>
    each.some(({ own: ours, kind, object }) => ours === undefined && isAt(grant, kind, object, subject)),
  );
  return {
    own: own.sort((a, b) => (a.key < b.key ? -1 : 1)),
    conflicts: taken.map(grantKey),
    foreign: [...each, ...remembered].flatMap(({ own: ours, kind, object }) =>
      ours === undefined && names(object, subject) ? [describe(kind, object)] : [],
    ),
  };
};

/** A binding of the name that a grant of ours would have; undefined when there is none. */
export const readBinding = async (
  calls: KubernetesCalls,
  subject: Subject,
  grant: RoleGrant,
): Promise<{ readonly object: IdentityObject; readonly own: OwnBinding | undefined } | undefined> => {
  const object = await calls.get(bindingPlace(subject, grant));
  if (object === undefined) return undefined;
  return { object, own: classify(grant.binding, object, subject).own };
};

export const bindingPlace = (subject: Subject, grant: RoleGrant) => ({
  kind: grant.binding,
  name: bindingName(subject.owner, grant, subject.name),
  ...(grant.binding === "RoleBinding" ? { namespace: subject.namespace } : {}),
});

/** The pieces of what stands; the ServiceAccount and its owner only where it is ours to show. */
export const piecesOf = (
  subject: Subject,
  serviceAccount: IdentityObject | undefined,
  own: readonly OwnBinding[],
): readonly ObservedPiece[] => [
  ...(serviceAccount === undefined
    ? []
    : ([
        {
          key: "principal",
          class: "principal",
          value: serviceAccountValue(subject.namespace, subject.name),
          title: `ServiceAccount ${subject.namespace}/${subject.name}`,
        },
        {
          key: "owner",
          class: "attribute",
          value: observedOwner(serviceAccount, subject.owner),
          title: "owner record",
        },
      ] as const)),
  ...own.map(({ key, grant, object }): ObservedPiece => ({
    key,
    class: "grant",
    value: observedBinding(object, subject),
    title: grantTitle(grant),
  })),
];

/** In the form of bindingValue; whatever differs from a binding of ours makes it another text. */
const observedBinding = (object: IdentityObject, subject: Subject): string => {
  const { roleRef, subjects, metadata } = object;
  const plain = (subjects ?? []).map(({ kind, name, namespace }) => ({ kind, name, namespace }));
  const [only] = plain;
  const exact = plain.length === 1 && only?.kind === "ServiceAccount" && only.name === subject.name;
  if (exact && only.namespace === subject.namespace && metadata.labels?.[MANAGED_BY.label] === MANAGED_BY.value) {
    return bindingValue(roleRef ?? { kind: "", name: "" }, { namespace: subject.namespace, name: subject.name });
  }
  return canonicalJson({
    roleRef: { kind: roleRef?.kind, name: roleRef?.name },
    subjects: plain,
    label: metadata.labels?.[MANAGED_BY.label] ?? "missing",
  });
};

interface Classified {
  readonly kind: RoleGrant["binding"];
  readonly object: IdentityObject;
  readonly own: OwnBinding | undefined;
}

/** Ours: our marks on it, and the name that follows from its role, or from the key that we wrote on it. */
const classify = (kind: RoleGrant["binding"], object: IdentityObject, subject: Subject): Classified => {
  if (!isMarkedOurs(object, subject.owner)) return { kind, object, own: undefined };
  const grant = [grantOfRoleRef(kind, object), grantOfKey(object.metadata.annotations?.[PIECE] ?? "")].find(
    (candidate) => candidate !== undefined && isAt(candidate, kind, object, subject),
  );
  return { kind, object, own: grant && { key: grantKey(grant), grant, object } };
};

const grantOfRoleRef = (binding: RoleGrant["binding"], object: IdentityObject): RoleGrant | undefined => {
  const { roleRef } = object;
  if (roleRef?.kind !== "Role" && roleRef?.kind !== "ClusterRole") return undefined;
  return { binding, kind: roleRef.kind, name: roleRef.name };
};

const isAt = (grant: RoleGrant, kind: RoleGrant["binding"], object: IdentityObject, subject: Subject): boolean =>
  grant.binding === kind && object.metadata.name === bindingName(subject.owner, grant, subject.name);

const names = (object: IdentityObject, subject: Subject): boolean =>
  (object.subjects ?? []).some(
    ({ kind, name, namespace }) =>
      (kind === "ServiceAccount" && name === subject.name && namespace === subject.namespace) ||
      (kind === "User" && name === serviceAccountUser(subject.namespace, subject.name)),
  );

const describe = (kind: string, { metadata, roleRef }: IdentityObject): string => {
  const path = [metadata.namespace, metadata.name].filter((part) => part !== undefined).join("/");
  return `${kind} ${path} (${roleRef?.kind ?? "role"} ${roleRef?.name ?? "unknown"})`;
};

/** A declared ClusterRoleBinding whose label somebody took off is found by its name. */
const declaredByName = async (
  calls: KubernetesCalls,
  subject: Subject,
  declared: readonly RoleGrant[],
  labelled: readonly IdentityObject[],
): Promise<readonly IdentityObject[]> => {
  const found: IdentityObject[] = [];
  for (const grant of declared.filter(({ binding }) => binding === "ClusterRoleBinding")) {
    const place = bindingPlace(subject, grant);
    if (labelled.some(({ metadata }) => metadata.name === place.name)) continue;
    const object = await calls.get(place);
    if (object !== undefined) found.push(object);
  }
  return found;
};
