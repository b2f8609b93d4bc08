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
import type { NotLooked } from "../../../domain/lifecycle/action.ts";
import type { AccountCredential, AccountOwner } from "../../account.ts";
import type { AwsCalls } from "../sdk.ts";
import { counted, credentialWords, notLookedFor } from "./credentials.ts";
import type { Identity, IdentityFacts } from "./contract.ts";
import { comparable, CUT_POLICY, isClosed, isCut } from "./documents.ts";
import { observedOwner } from "./marks.ts";

/** Everything that hangs on an identity, as it is listed now; of its credentials the access keys alone. */
export interface Hanging {
  readonly managed: readonly string[];
  /** Documents by name, our cut not among them. */
  readonly inline: Readonly<Record<string, string>>;
  readonly groups: readonly string[];
  readonly keys: readonly AccountCredential[];
  /** Our inline policy denies everything. */
  readonly rightsCut: boolean;
  /** The policy of the cut is there, whatever it says by now. */
  readonly hasCut: boolean;
  /** Lists that failed; empty unless they were read tolerantly. */
  readonly notLooked: readonly NotLooked[];
}

/** Which failures of a list stop nothing: of a leaver, who is cut all the same, any; of a proof, only those that no retry cures. */
export type Tolerance = "nothing" | "forbidden lists" | "failed lists";

/** The inline policies are always read, for among them is the cut; of a leaver where they may be. */
export const readHanging = async (
  calls: AwsCalls,
  who: Identity,
  signal: AbortSignal,
  tolerates: Tolerance = "nothing",
): Promise<Hanging> => {
  const { identity } = calls;
  const isUser = who.kind === "user";
  const notLooked: NotLooked[] = [];
  const list = async <T>(request: Promise<readonly T[]>, what: string, right: string): Promise<readonly T[]> => {
    try {
      return await request;
    } catch (error) {
      if (tolerates === "nothing") throw error;
      const missing = notLookedFor(error, what, right);
      if (tolerates === "forbidden lists" && missing.why === "Failed") throw error;
      notLooked.push(missing);
      return [];
    }
  };
  const rights = isUser ? "iam:ListAttachedUserPolicies" : "iam:ListAttachedRolePolicies";
  const [managed, inline, groups, keys] = await Promise.all([
    list(identity.attachedPolicies(who, signal), "managed policies", rights),
    readInline(calls, who, signal).catch((error: unknown): Readonly<Record<string, string>> => {
      // Only what no retry cures: a leaver whose cut cannot be seen is cut by a boundary as well, which can.
      const missing = notLookedFor(error, "inline policies", isUser ? "iam:GetUserPolicy" : "iam:GetRolePolicy");
      if (tolerates === "nothing" || missing.why === "Failed") throw error;
      notLooked.push(missing);
      return {};
    }),
    isUser ? list(identity.groups(who.name, signal), "groups", "iam:ListGroupsForUser") : [],
    isUser ? list(readKeys(calls, who.name, signal), "access keys", "iam:ListAccessKeys") : [],
  ]);
  const { [CUT_POLICY]: cut, ...others } = inline;
  return { managed, inline: others, groups, keys, rightsCut: isCut(cut), hasCut: cut !== undefined, notLooked };
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

/** What must go before the identity can be deleted, in words; our own denials are taken off by the deletion itself. */
export const holdsOnto = (
  { inline, groups, keys }: Hanging,
  managed: readonly string[],
  credentials: readonly AccountCredential[],
): string =>
  [
    ...credentialWords(credentials),
    ...counted(keys.length, "access key", "access keys"),
    ...counted(managed.length, "managed policy", "managed policies"),
    ...counted(Object.keys(inline).length, "inline policy", "inline policies"),
    ...counted(groups.length, "group", "groups"),
  ].join(", ");
