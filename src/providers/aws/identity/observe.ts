import {
  boundaryPiece,
  groupPiece,
  inlinePolicyPiece,
  managedPolicyPiece,
  roleValue,
  trustPiece,
  userValue,
} from "../../../domain/lifecycle/pieces/aws.ts";
import type { ObservedPiece } from "../../../domain/lifecycle/piece.ts";
import type { AccountCredential, AccountOwner } from "../../account.ts";
import type { AwsCalls } from "../sdk.ts";
import type { Identity, IdentityFacts } from "./contract.ts";
import { comparable, CUT_POLICY, isClosed, isCut } from "./documents.ts";
import { observedOwner } from "./marks.ts";

/** Everything that hangs on an identity, as it is listed now. */
export interface Hanging {
  readonly managed: readonly string[];
  /** Documents by name, our cut not among them. */
  readonly inline: Readonly<Record<string, string>>;
  readonly groups: readonly string[];
  readonly credentials: readonly AccountCredential[];
  readonly rightsCut: boolean;
  /** The policy of the cut is there, whatever it says by now. */
  readonly hasCut: boolean;
}

export const readHanging = async (calls: AwsCalls, who: Identity, signal: AbortSignal): Promise<Hanging> => {
  const { identity } = calls;
  const isUser = who.kind === "user";
  const [managed, inline, groups, credentials] = await Promise.all([
    identity.attachedPolicies(who, signal),
    readInline(calls, who, signal),
    isUser ? identity.groups(who.name, signal) : [],
    isUser ? readKeys(calls, who.name, signal) : [],
  ]);
  const { [CUT_POLICY]: cut, ...others } = inline;
  return { managed, inline: others, groups, credentials, rightsCut: isCut(cut), hasCut: cut !== undefined };
};

/** Documents by name, our cut among them. */
export const readInline = async (
  calls: AwsCalls,
  who: Identity,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> => {
  const documents: Record<string, string> = {};
  for (const name of await calls.identity.inlinePolicies(who, signal)) {
    const document = await calls.identity.inlinePolicy(who, name, signal);
    // Gone between list and look: it is absent.
    if (document !== undefined) documents[name] = document;
  }
  return documents;
};

const readKeys = async (
  calls: AwsCalls,
  userName: string,
  signal: AbortSignal,
): Promise<readonly AccountCredential[]> => {
  const { keys } = await calls.listAccessKeys(userName, signal);
  return keys.map(({ id, createdAt, enabled }) => ({ id, kind: "AccessKey", createdAt, enabled, switchable: true }));
};

/** What stands, in the form of the pieces that are declared. A closed trust is no piece. */
export const piecesOf = (
  who: Identity,
  found: IdentityFacts,
  hanging: Hanging,
  owner: AccountOwner,
): readonly ObservedPiece[] => [
  {
    key: "principal",
    class: "principal",
    value:
      who.kind === "user"
        ? userValue(who.name, found.path)
        : roleValue(who.name, found.path, found.maxSessionSeconds ?? 3600),
    title: `IAM ${who.kind} ${found.path}${who.name}`,
  },
  { key: "owner", class: "attribute", value: observedOwner(found.tags, owner), title: "owner record" },
  ...(found.boundary === undefined ? [] : [boundaryPiece(found.boundary)]),
  ...(found.trust === undefined || isClosed(found.trust) ? [] : [trustPiece(comparable(found.trust))]),
  ...[...hanging.managed].sort().map(managedPolicyPiece),
  ...Object.entries(hanging.inline)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, document]) => inlinePolicyPiece(name, comparable(document))),
  ...[...hanging.groups].sort().map(groupPiece),
];

/** Privileges and credentials without which the identity could be deleted. */
export const holdsOnto = (hanging: Hanging): boolean =>
  [hanging.managed, Object.keys(hanging.inline), hanging.groups, hanging.credentials].some((list) => list.length > 0);
