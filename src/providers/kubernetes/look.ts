import type { ObservedPiece } from "../../domain/lifecycle/piece.ts";
import {
  bindingName,
  bindingPrefix,
  bindingValue,
  grantKey,
  grantOfKey,
  grantTitle,
  serviceAccountValue,
  type RoleGrant,
} from "../../domain/lifecycle/pieces/kubernetes.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import type { AccountOwner } from "../account.ts";
import { namesServiceAccount, type SeenBinding, type SeenBindings } from "./bindings.ts";
import type { IdentityObject, KubernetesCalls } from "./calls.ts";
import { isMarkedOurs, MANAGED_BY, observedOwner, PIECE } from "./marks.ts";

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
  readonly foreign: readonly SeenBinding[];
  /** Bindings of others for groups that it is in. */
  readonly groups: readonly string[];
}

/** Which bindings are looked for by their names. */
export interface Wanted {
  readonly declared: readonly RoleGrant[];
  /** What the record says may stand besides. */
  readonly recorded: readonly RoleGrant[];
}

/**
 * Every binding that matters to the ServiceAccount. Its own are read by name, whatever else lies in the namespace: those that are
 * declared, those on record, and those of such a name that the survey has seen (a crash may have left one that no record knows).
 */
export const lookAtBindings = async (
  calls: KubernetesCalls,
  subject: Subject,
  { declared, recorded }: Wanted,
  seen: SeenBindings,
): Promise<Bindings> => {
  const grants = [...new Map([...declared, ...recorded].map((grant) => [grantKey(grant), grant])).values()];
  const known = grants.map((grant) => bindingPlace(subject, grant));
  const places = [...known, ...leftovers(subject, seen, known)];
  const found = await Promise.all(
    places.map(async (place) => {
      const object = await calls.get(place);
      return object === undefined ? [] : [classify(place.kind, object, subject)];
    }),
  );
  const each = found.flat();
  const taken = declared.filter((grant) =>
    each.some(({ own, kind, object }) => own === undefined && isAt(grant, kind, object, subject)),
  );
  const live = new Set(places.map(textOfPlace));
  return {
    own: each
      .flatMap(({ own }) => (own === undefined || isSpent(own.object) ? [] : [own]))
      .sort((a, b) => (a.key < b.key ? -1 : 1)),
    conflicts: taken.map(grantKey),
    foreign: [
      ...each
        .filter(({ own, object }) => own === undefined && namesServiceAccount(object, subject.namespace, subject.name))
        .map(({ kind, object }) => seenAs(kind, object)),
      // What was seen may be gone by now; of what was read by name just now only that counts.
      ...seen.naming(subject.namespace, subject.name).filter((binding) => !live.has(textOfPlace(binding))),
    ],
    groups: shortened(seen.ofGroups(subject.namespace).map(describeBinding)),
  };
};

/** It is being deleted, something holds it, and nobody is left in it: it gives nothing. */
export const isSpent = ({ metadata, subjects }: IdentityObject): boolean =>
  metadata.deletionTimestamp !== undefined && (subjects ?? []).length === 0;

/** Anybody may call a binding so; those that name the ServiceAccount come first, and what is beyond this many is told as others'. */
const MOST_LEFTOVERS = 64;

const leftovers = (
  subject: Subject,
  seen: SeenBindings,
  known: readonly { readonly kind: string; readonly name: string }[],
): readonly Place[] => {
  const naming = new Set(seen.naming(subject.namespace, subject.name));
  const here = seen
    .named(bindingPrefix(subject.owner))
    .filter(({ kind, namespace }) => kind === "ClusterRoleBinding" || namespace === subject.namespace)
    .filter(({ kind, name }) => !known.some((place) => place.kind === kind && place.name === name))
    .filter((binding) => naming.has(binding) || isNamedByRole(binding, subject));
  return [...here.filter((one) => naming.has(one)), ...here.filter((one) => !naming.has(one))].slice(0, MOST_LEFTOVERS);
};

const isNamedByRole = ({ kind, name, roleRef }: SeenBinding, { owner, name: serviceAccount }: Subject): boolean =>
  (roleRef.kind === "Role" || roleRef.kind === "ClusterRole") &&
  name === bindingName(owner, { binding: kind, kind: roleRef.kind, name: roleRef.name }, serviceAccount);

type Place = Pick<SeenBinding, "kind" | "namespace" | "name">;

const textOfPlace = ({ kind, namespace, name }: Place): string => [kind, namespace ?? "", name].join("/");

const seenAs = (kind: SeenBinding["kind"], { metadata, roleRef }: IdentityObject): SeenBinding => ({
  kind,
  namespace: metadata.namespace,
  name: metadata.name,
  roleRef: { kind: roleRef?.kind ?? "role", name: roleRef?.name ?? "unknown" },
});

const MOST_NAMES = 20;

const shortened = (names: readonly string[]): readonly string[] =>
  names.length <= MOST_NAMES
    ? names
    : [...names.slice(0, MOST_NAMES), `and ${names.length - MOST_NAMES} bindings more`];

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

export const describeBinding = ({ kind, namespace, name, roleRef }: SeenBinding): string =>
  `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name} (${roleRef.kind} ${roleRef.name})`;
