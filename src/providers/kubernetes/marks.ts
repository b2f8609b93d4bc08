import { ADOPT, OWNER, OWNER_UID } from "../../api/v1alpha1/annotations.ts";
import { GROUP } from "../../api/v1alpha1/meta.ts";
import { ownerFactsIn, type OwnerFacts } from "../../domain/lifecycle/pieces/owner.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import type { Piece } from "../../domain/lifecycle/piece.ts";
import type { AccountOwner } from "../account.ts";
import type { IdentityObject } from "./calls.ts";

export const MANAGED_BY = { label: "app.kubernetes.io/managed-by", value: "keyturn" } as const;

/** On a binding: the key of its piece, so that one whose roleRef was changed by hand is still known for what it was. */
export const PIECE = `${GROUP}/piece`;

const RECORD = {
  team: `${GROUP}/team`,
  contact: `${GROUP}/contact`,
  purpose: `${GROUP}/purpose`,
  environment: `${GROUP}/environment`,
} as const satisfies Readonly<Record<Exclude<keyof OwnerFacts, "owner">, string>>;

export const ownerName = (owner: AccountOwner): string => `${owner.cluster}/${owner.namespace}/${owner.name}`;

/** Whose it is, without the record: what a binding carries. */
export const ownershipMarks = (owner: AccountOwner): Readonly<Record<string, string>> => ({
  [OWNER]: ownerName(owner),
  [OWNER_UID]: owner.uid,
});

/** All annotations that a ServiceAccount carries; null for those that it must not have. */
export const ownerAnnotations = (owner: AccountOwner, piece: Piece): Readonly<Record<string, string | null>> => {
  const facts = ownerFactsIn(piece.value);
  return {
    ...ownershipMarks(owner),
    ...Object.fromEntries(
      Object.entries(RECORD).map(([field, key]) => [key, facts[field as keyof typeof RECORD] ?? null]),
    ),
  };
};

/** Every annotation of ours, to be taken off. */
export const noAnnotations: Readonly<Record<string, null>> = Object.fromEntries(
  [OWNER, OWNER_UID, ...Object.values(RECORD)].map((key) => [key, null]),
);

/** The annotations that are not ours. */
export const withoutMarks = (annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(annotations).filter(([key]) => !(key in noAnnotations)));

export const isMarkedOurs = (object: IdentityObject, owner: AccountOwner): boolean => {
  const { annotations = {} } = object.metadata;
  const uid = annotations[OWNER_UID];
  return (
    annotations[OWNER] === ownerName(owner) &&
    uid !== undefined &&
    (uid === owner.uid || owner.predecessors.includes(uid))
  );
};

/** It says itself that this resource may take it over, and nobody else has. */
export const isAdoptable = (object: IdentityObject, owner: AccountOwner): boolean => {
  const { annotations = {} } = object.metadata;
  return annotations[OWNER] === undefined && annotations[ADOPT] === `${owner.namespace}/${owner.name}`;
};

/**
 * The owner record as it stands, in the form of the desired one. A mark of a predecessor, a mark that is gone and a label that is
 * missing show as a difference, so that they are put right.
 */
export const observedOwner = (object: IdentityObject, owner: AccountOwner): string => {
  const { annotations = {}, labels = {} } = object.metadata;
  const record = Object.fromEntries(Object.entries(RECORD).map(([field, key]) => [field, annotations[key]]));
  const current = annotations[OWNER_UID] === owner.uid;
  return canonicalJson({
    owner: annotations[OWNER],
    ...record,
    ...(current ? {} : { mark: "not of this resource" }),
    ...(labels[MANAGED_BY.label] === undefined ? { label: "missing" } : {}),
  });
};
