import { CHANGED_BY, CHANGED_BY_GROUPS, CHANGED_BY_UID } from "../../api/v1alpha1/annotations.ts";
import type { ObjectMeta } from "../../cluster/contract.ts";
import type { Requester } from "../../domain/lifecycle/record.ts";

/** Who asks, as admission has stamped it. */
export type Stamp = Omit<Requester, "privilege">;

const MOST_GROUPS = 64;
const LONGEST_NAME = 512;
const MOST_REQUESTERS = 64;

/**
 * The stamp on an object; undefined where there is none that can be asked about. The operator itself asks for nothing: a spec
 * that it has written back keeps the stamp that it had, and one that names the operator was not made by our policies.
 */
export const stampOf = (metadata: ObjectMeta, operatorNamespace: string): Stamp | undefined => {
  const username = metadata.annotations?.[CHANGED_BY] ?? "";
  if (username === "" || username.length > LONGEST_NAME) return undefined;
  if (username.startsWith(`system:serviceaccount:${operatorNamespace}:`)) return undefined;
  const uid = metadata.annotations?.[CHANGED_BY_UID] ?? "";
  const groups = (metadata.annotations?.[CHANGED_BY_GROUPS] ?? "").split("\n").filter((group) => group !== "");
  // A group left out could only make somebody look smaller; too long a list is not recorded in part.
  if (groups.length > MOST_GROUPS || groups.some((group) => group.length > LONGEST_NAME)) return undefined;
  return {
    username,
    ...(uid === "" || uid.length > 256 ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    generation: metadata.generation ?? 0,
  };
};

/** `<account>/<piece key>`. */
export const privilegeOf = (account: string, key: string): string => `${account}/${key}`;

export const requesterOf = (requesters: readonly Requester[] | undefined, privilege: string): Requester | undefined =>
  requesters?.find((entry) => entry.privilege === privilege);

/** The newest asker per privilege; undefined when there is no room for one more. */
export const withRequester = (
  requesters: readonly Requester[] | undefined,
  entry: Requester,
): readonly Requester[] | undefined => {
  const others = (requesters ?? []).filter(({ privilege }) => privilege !== entry.privilege);
  return others.length >= MOST_REQUESTERS ? undefined : [...others, entry];
};
