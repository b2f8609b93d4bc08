import { ASKED, CHANGED_BY, CHANGED_BY_UID } from "../api/v1alpha1/annotations.ts";
import type { Asked } from "../audit/contract.ts";
import type { ObjectMeta } from "../cluster/contract.ts";
import { canonicalJson } from "../kernel/ids.ts";

const LONGEST_NAME = 512;

/** The request behind what is done for a resource: the stamp on its last change, its generation, and the plan on record. */
export const askedFor = (metadata: ObjectMeta, planDigest: string | undefined): Asked => {
  const user = metadata.annotations?.[CHANGED_BY] ?? "";
  const uid = metadata.annotations?.[CHANGED_BY_UID] ?? "";
  return {
    ...(user === "" || user.length > LONGEST_NAME
      ? {}
      : { requester: { user, ...(uid === "" || uid.length > LONGEST_NAME ? {} : { uid }) } }),
    ...(metadata.generation === undefined ? {} : { generation: metadata.generation }),
    ...(planDigest === undefined ? {} : { planDigest }),
  };
};

/** For the ledger: the requester and the generation of the resource that is gone; the plan of an entry is its own. */
export const askedText = ({ requester, generation }: Asked): string => canonicalJson({ requester, generation });

/** The request that an entry of the ledger keeps. Versions before kept none, and whoever may write entries may write nonsense. */
export const askedOfEntry = (metadata: ObjectMeta, planDigest: string): Asked => {
  const { requester, generation } = parsed(metadata.annotations?.[ASKED] ?? "");
  const user = requester?.user;
  const uid = requester?.uid;
  return {
    ...(typeof user === "string" && user.length <= LONGEST_NAME
      ? { requester: { user, ...(typeof uid === "string" && uid.length <= LONGEST_NAME ? { uid } : {}) } }
      : {}),
    ...(Number.isSafeInteger(generation) ? { generation: generation as number } : {}),
    planDigest,
  };
};

interface Parsed {
  readonly requester?: { readonly user?: unknown; readonly uid?: unknown } | null;
  readonly generation?: unknown;
}

const parsed = (text: string): Parsed => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
};
