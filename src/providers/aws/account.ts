import type { AwsAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { Piece } from "../../domain/lifecycle/piece.ts";
import { iamNameOf, maxSessionSecondsIn } from "../../domain/lifecycle/pieces/aws.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { NOTHING_TO_CUT, type AccountClient, type AccountObservation, type AccountOwner } from "../account.ts";
import type { CallContext } from "../contract.ts";
import { invalidField } from "../spec.ts";
import type { Identity, IdentityFacts } from "./identity/contract.ts";
import { CLOSED_TRUST, CUT_DOCUMENT, CUT_POLICY, inlineText, isClosed, trustText } from "./identity/documents.ts";
import { AWS_MARKS, marksOf, whose } from "./identity/marks.ts";
import { holdsOnto, piecesOf, readHanging } from "./identity/observe.ts";
import {
  absent,
  isNotFound,
  named,
  nothingThere,
  notOurs,
  notYet,
  stillHolds,
  unknownPiece,
  unlessNotFound,
} from "./identity/problems.ts";
import { demandRoomForCut } from "./identity/room.ts";
import type { AwsCalls } from "./sdk.ts";
import type { AwsAccess } from "./source.ts";

/** What the connection says about where accounts are. */
export interface AwsPlace {
  readonly accountId: string;
  /** The path that an identity's own must equal or lie under; ends with "/". */
  readonly allowedPath: string;
  /** URL of the cluster's OIDC issuer; without one no role is made. */
  readonly issuer: string | undefined;
}

/** What is changed at IAM, once ownership has been seen. */
type Change<T> = (calls: AwsCalls, found: IdentityFacts) => Promise<T>;

/**
 * One IAM user or role. Before every mutation the identity is read and must be ours, by its path and by its tags or the id that the
 * last `observe` was told. Roles have no credentials of their own; users have no login but their keys.
 */
export const awsAccount = (
  access: AwsAccess,
  place: AwsPlace,
  owner: AccountOwner,
  account: { readonly name: string; readonly aws: AwsAccount },
): AccountClient => {
  const { aws } = account;
  const kind = aws.user === undefined ? "role" : "user";
  const name = iamNameOf(aws, { namespace: owner.namespace, name: owner.name, account: account.name });
  const who: Identity = { kind, name };
  let recorded: string | undefined;

  const judge = (found: IdentityFacts) => whose(found, owner, { allowedPath: place.allowedPath, recorded });

  const ifOurs = <T>(context: CallContext, change: Change<T>): Promise<T | undefined> =>
    access.use(async (calls) => {
      const found = await calls.identity.find(who, context.signal);
      if (found === undefined) return undefined;
      if (judge(found) !== "ours") throw notOurs(who);
      return change(calls, found);
    }, context);

  /** The identity must be there. */
  const onOurs = async (context: CallContext, change: Change<unknown>): Promise<void> => {
    const done = await ifOurs(context, async (calls, found) => {
      await change(calls, found);
      return true as const;
    });
    if (done === undefined) throw absent(who);
  };

  const takeAway = async (context: CallContext, change: Change<void>): Promise<"removed" | "alreadyAbsent"> => {
    const removed = await ifOurs(context, async (calls, found) => {
      try {
        await change(calls, found);
        return "removed" as const;
      } catch (error) {
        if (isNotFound(error)) return "alreadyAbsent" as const;
        throw error;
      }
    });
    return removed ?? "alreadyAbsent";
  };

  const applyPrincipal = (piece: Piece, context: CallContext, desired: readonly Piece[]): Promise<void> =>
    access.use(async (calls) => {
      const found = await calls.identity.find(who, context.signal);
      if (found === undefined) return create(calls, piece, context, desired);
      if (judge(found) !== "ours") throw notOurs(who);
      if (kind === "user") return;
      const seconds = maxSessionSecondsIn(piece.value);
      if (found.maxSessionSeconds !== seconds) await calls.identity.setMaxSession(name, seconds, context.signal);
    }, context);

  const create = async (
    calls: AwsCalls,
    piece: Piece,
    context: CallContext,
    desired: readonly Piece[],
  ): Promise<void> => {
    const boundary = valueOf(desired, "boundary");
    const trust = valueOf(desired, "trust");
    const made = {
      path: place.allowedPath,
      tags: marksOf(needed(desired, "owner"), owner).tags,
      boundary: boundary === undefined ? undefined : (JSON.parse(boundary) as string),
      ...(kind === "user"
        ? {}
        : {
            trust: trust === undefined ? CLOSED_TRUST : trustText(trust, place.issuer),
            maxSessionSeconds: maxSessionSecondsIn(piece.value),
          }),
    };
    try {
      await calls.identity.create(who, made, context.signal);
    } catch (error) {
      if (!(error instanceof OperatorError && error.code === "AlreadyExists")) throw error;
      // Perhaps made by us before, with the answer lost; IAM may not show it everywhere yet.
      const found = await calls.identity.find(who, context.signal);
      if (found === undefined) throw notYet(who);
      if (judge(found) !== "ours") throw notOurs(who);
    }
  };

  const applyOwner = (piece: Piece, context: CallContext): Promise<void> =>
    access.use(async (calls) => {
      const found = await calls.identity.find(who, context.signal);
      if (found === undefined) throw absent(who);
      if (judge(found) === "foreign") throw notOurs(who);
      const { tags, stale } = marksOf(piece.value, owner);
      await calls.identity.tag(who, tags, context.signal);
      // A second request only where the environment has been taken out of the spec; the next look finds it if it is not done.
      const standing = stale.filter((key) => found.tags[key] !== undefined);
      if (standing.length > 0) await calls.identity.untag(who, standing, context.signal);
    }, context);

  const applyOther = (piece: Piece, context: CallContext): Promise<void> =>
    onOurs(context, async (calls) => {
      const { identity } = calls;
      const { signal } = context;
      const [what, rest] = splitKey(piece.key);
      if (what === "boundary") return identity.setBoundary(who, JSON.parse(piece.value) as string, signal);
      if (what === "trust") return identity.setTrust(name, trustText(piece.value, place.issuer), signal);
      if (what === "managedPolicy") return named(identity.attachPolicy(who, rest, signal), piece.title);
      if (what === "inlinePolicy") {
        const document = inlineText(aws, rest, piece.value);
        await demandRoomForCut(calls, who, { name: rest, document }, signal);
        return identity.putInlinePolicy(who, rest, document, signal);
      }
      if (what === "group") return named(identity.joinGroup(name, rest, signal), piece.title);
      throw unknownPiece();
    });

  const removePrincipal = (context: CallContext): Promise<"removed" | "alreadyAbsent"> =>
    takeAway(context, async (calls) => {
      const hanging = await readHanging(calls, who, context.signal);
      if (holdsOnto(hanging)) throw stillHolds(who);
      // It stood until now, so that nothing came back while the rest was taken away.
      if (hanging.hasCut) {
        await calls.identity.deleteInlinePolicy(who, CUT_POLICY, context.signal).catch(unlessNotFound);
      }
      await calls.identity.remove(who, context.signal);
    });

  return {
    kind: kind === "user" ? "AwsUser" : "AwsRole",
    target: `aws-${kind}/${place.accountId}/${name}`,
    capabilities: { cutsByRemoval: false, canDisableCredentials: kind === "user" },

    observe(context, known) {
      recorded = known?.externalId;
      return access.use(async (calls): Promise<AccountObservation> => {
        const found = await calls.identity.find(who, context.signal);
        if (found === undefined) return { principal: "absent", ...NOTHING };
        const principal = judge(found);
        const base = { principal, externalId: found.id, providerTime: found.time };
        if (principal === "foreign") return { ...NOTHING, ...base };
        const hanging = await readHanging(calls, who, context.signal).catch((error: unknown) => {
          throw isNotFound(error) ? notYet(who) : error;
        });
        return {
          ...NOTHING,
          ...base,
          pieces: piecesOf(who, found, hanging, owner),
          credentials: hanging.credentials,
          rightsCut: hanging.rightsCut,
          loginClosed: found.trust === undefined || isClosed(found.trust),
          grantsGone: hanging.managed.length + Object.keys(hanging.inline).length + hanging.groups.length === 0,
          cutWays: [{ name: "Deny", replaces: [], clears: [], request: true }],
          cutBy: hanging.rightsCut ? ["Deny"] : [],
        };
      }, context);
    },

    async apply(piece, context, desired) {
      if (kind === "role" && place.issuer === undefined && (piece.key === "principal" || piece.key === "trust")) {
        throw invalidField("spec.aws.webIdentity", "of the ProviderConnection is required for an IAM role");
      }
      if (piece.key === "principal") return applyPrincipal(piece, context, desired);
      return piece.key === "owner" ? applyOwner(piece, context) : applyOther(piece, context);
    },

    remove(key, context) {
      if (key === "principal") return removePrincipal(context);
      return takeAway(context, async (calls, found) => {
        const { identity } = calls;
        const { signal } = context;
        const [what, rest] = splitKey(key);
        if (what === "boundary") {
          if (found.boundary === undefined) throw nothingThere();
          await identity.removeBoundary(who, signal);
        } else if (what === "trust") {
          if (found.trust === undefined || isClosed(found.trust)) throw nothingThere();
          await identity.setTrust(name, CLOSED_TRUST, signal);
        } else if (what === "managedPolicy") await identity.detachPolicy(who, rest, signal);
        else if (what === "inlinePolicy") await identity.deleteInlinePolicy(who, rest, signal);
        else if (what === "group") await leave(calls, rest, context);
        // The owner stays on the identity for as long as there is one.
        else if (what === "owner") throw nothingThere();
        else throw unknownPiece();
      });
    },

    cut: (context) =>
      onOurs(context, ({ identity }) => identity.putInlinePolicy(who, CUT_POLICY, CUT_DOCUMENT, context.signal)),

    async uncut(context) {
      await onOurs(context, ({ identity }) =>
        identity.deleteInlinePolicy(who, CUT_POLICY, context.signal).catch(unlessNotFound),
      );
    },

    async closeLogin(context) {
      if (kind === "role")
        await onOurs(context, ({ identity }) => identity.setTrust(name, CLOSED_TRUST, context.signal));
    },

    async openLogin(context, desired) {
      if (kind === "user") return;
      const trust = trustText(needed(desired, "trust"), place.issuer);
      await onOurs(context, ({ identity }) => identity.setTrust(name, trust, context.signal));
    },

    async setCredentialEnabled(id, enabled, context) {
      await onOurs(context, (calls) => calls.updateAccessKey(name, id, enabled, context.signal));
    },

    removeCredential: (id, context) => takeAway(context, (calls) => calls.deleteAccessKey(name, id, context.signal)),

    async proveRefused(_, context) {
      const live = await ifOurs(context, async (calls, found) => {
        const hanging = await readHanging(calls, who, context.signal);
        if (!hanging.rightsCut) return `the IAM ${kind} lacks the policy ${CUT_POLICY}`;
        if (found.trust !== undefined && !isClosed(found.trust))
          return "the role's trust policy still lets somebody in";
        const active = hanging.credentials.find((credential) => credential.enabled);
        return active === undefined ? undefined : `access key ${active.id} is active`;
      });
      return live === undefined ? { kind: "refused", proof: "ProvenByListing" } : { kind: "accepted", what: live };
    },

    async giveBack(context) {
      await onOurs(context, (calls, found) => {
        const standing = Object.values(AWS_MARKS).filter((key) => found.tags[key] !== undefined);
        return standing.length === 0 ? Promise.resolve() : calls.identity.untag(who, standing, context.signal);
      });
    },
  };

  /** IAM takes leaving a group that one is not in for done. */
  async function leave(calls: AwsCalls, group: string, context: CallContext): Promise<void> {
    if (!(await calls.identity.groups(name, context.signal)).includes(group)) throw nothingThere();
    await calls.identity.leaveGroup(name, group, context.signal);
  }
};

const NOTHING = {
  ...NOTHING_TO_CUT,
  pieces: [],
  conflicts: [],
  foreignGrants: [],
  credentials: [],
  rightsCut: true,
  loginClosed: true,
} as const;

/** `inlinePolicy/read` is `inlinePolicy` and `read`; an ARN has slashes of its own. */
const splitKey = (key: string): readonly [string, string] => {
  const at = key.indexOf("/");
  return at < 0 ? [key, ""] : [key.slice(0, at), key.slice(at + 1)];
};

const valueOf = (pieces: readonly Piece[], key: string): string | undefined =>
  pieces.find((piece) => piece.key === key)?.value;

const needed = (pieces: readonly Piece[], key: string): string => {
  const value = valueOf(pieces, key);
  if (value === undefined) throw new OperatorError("Unknown", { publicMessage: `The account has no ${key} to apply.` });
  return value;
};
