import { ADOPT, OWNER, OWNER_UID } from "../../../api/v1alpha1/annotations.ts";
import { GROUP } from "../../../api/v1alpha1/meta.ts";
import { ownerFactsIn } from "../../../domain/lifecycle/pieces/owner.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import type { AccountOwner } from "../../account.ts";
import type { IdentityFacts } from "./contract.ts";

/** Tags that say whose an IAM user or role is and what for. */
export const AWS_MARKS = {
  owner: OWNER,
  ownerUid: OWNER_UID,
  team: `${GROUP}/team`,
  contact: `${GROUP}/contact`,
  purpose: `${GROUP}/purpose`,
  environment: `${GROUP}/environment`,
} as const;

type Tags = Readonly<Record<string, string>>;

const RECORD = ["team", "contact", "purpose", "environment"] as const;

export const ownerName = (owner: AccountOwner): string => `${owner.cluster}/${owner.namespace}/${owner.name}`;

/** The tags of an owner record (the piece's value); `stale`: marks that it does not have and that may stand from before. */
export const marksOf = (
  ownerValue: string,
  owner: AccountOwner,
): { readonly tags: Tags; readonly stale: readonly string[] } => {
  const facts = ownerFactsIn(ownerValue);
  const declared = RECORD.filter((field) => facts[field] !== undefined);
  return {
    tags: {
      [AWS_MARKS.owner]: ownerName(owner),
      [AWS_MARKS.ownerUid]: owner.uid,
      ...Object.fromEntries(declared.map((field) => [AWS_MARKS[field], facts[field] ?? ""])),
    },
    stale: RECORD.filter((field) => facts[field] === undefined).map((field) => AWS_MARKS[field]),
  };
};

/** The owner record as it stands, in the form of the desired one; a UID that is not the resource's own shows as a difference. */
export const observedOwner = (tags: Tags, owner: AccountOwner): string =>
  canonicalJson({
    owner: tags[AWS_MARKS.owner],
    ...Object.fromEntries(RECORD.map((field) => [field, tags[AWS_MARKS[field]]])),
    ...(tags[AWS_MARKS.ownerUid] === owner.uid ? {} : { mark: "not of this resource" }),
  });

/**
 * Whose an identity is. Its path is asked first: elsewhere even a forged record or tag makes nothing ours. `recorded`: the
 * unchangeable id that is on record.
 */
export const whose = (
  found: Pick<IdentityFacts, "id" | "path" | "tags">,
  owner: AccountOwner,
  place: { readonly allowedPath: string; readonly recorded: string | undefined },
): "ours" | "adoptable" | "foreign" => {
  if (!found.path.startsWith(place.allowedPath)) return "foreign";
  const uid = found.tags[AWS_MARKS.ownerUid];
  const isNamed = found.tags[AWS_MARKS.owner] === ownerName(owner);
  if (isNamed && uid !== undefined && (uid === owner.uid || owner.predecessors.includes(uid))) return "ours";
  if (place.recorded !== undefined && found.id === place.recorded) return "ours";
  const isFree = found.tags[AWS_MARKS.owner] === undefined;
  return isFree && found.tags[ADOPT] === `${owner.namespace}/${owner.name}` ? "adoptable" : "foreign";
};
