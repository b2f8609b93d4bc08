import { ownerFactsIn, type OwnerFacts } from "../../../domain/lifecycle/pieces/owner.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import type { AccountOwner } from "../../account.ts";

/** Keys of an entity's metadata. Vault takes neither "." nor "/" in them, so they are written as those of KV paths are. */
export const VAULT_MARKS = {
  owner: "keyturn-owner",
  ownerUid: "keyturn-owner-uid",
  team: "keyturn-team",
  contact: "keyturn-contact",
  purpose: "keyturn-purpose",
  environment: "keyturn-environment",
} as const;

/** On an entity that exists already: `<namespace>/<name>` of the resource that may take it over. */
export const VAULT_ADOPT = "keyturn-adopt";

type Metadata = Readonly<Record<string, string>>;

const RECORD = ["team", "contact", "purpose", "environment"] as const;

const ownerName = (owner: AccountOwner): string => `${owner.cluster}/${owner.namespace}/${owner.name}`;

/** The metadata with the owner and the record in it, and everything else as it was. */
export const marked = (metadata: Metadata, owner: AccountOwner, ownerValue: string): Metadata => {
  const facts: OwnerFacts = ownerFactsIn(ownerValue);
  const record = RECORD.flatMap((field) => {
    const value = facts[field];
    return value === undefined ? [] : [[VAULT_MARKS[field], value] as const];
  });
  return {
    ...unmarked(metadata),
    [VAULT_MARKS.owner]: ownerName(owner),
    [VAULT_MARKS.ownerUid]: owner.uid,
    ...Object.fromEntries(record),
  };
};

/** The metadata without any of our marks. */
export const unmarked = (metadata: Metadata): Metadata => {
  const ours: readonly string[] = Object.values(VAULT_MARKS);
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !ours.includes(key)));
};

export const isMarkedOurs = (metadata: Metadata, owner: AccountOwner): boolean => {
  const uid = metadata[VAULT_MARKS.ownerUid];
  const named = metadata[VAULT_MARKS.owner] === ownerName(owner);
  return named && uid !== undefined && (uid === owner.uid || owner.predecessors.includes(uid));
};

/** It says itself that this resource may take it over, and nobody else has. */
export const isAdoptable = (metadata: Metadata, owner: AccountOwner): boolean =>
  metadata[VAULT_MARKS.owner] === undefined && metadata[VAULT_ADOPT] === `${owner.namespace}/${owner.name}`;

/** The owner record as it stands, in the form of the desired one; the mark of a predecessor shows as a difference. */
export const observedOwner = (metadata: Metadata, owner: AccountOwner): string =>
  canonicalJson({
    owner: metadata[VAULT_MARKS.owner],
    ...Object.fromEntries(RECORD.map((field) => [field, metadata[VAULT_MARKS[field]]])),
    ...(metadata[VAULT_MARKS.ownerUid] === owner.uid ? {} : { mark: "not of this resource" }),
  });
