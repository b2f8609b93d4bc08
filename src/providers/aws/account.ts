import type { AwsAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { FormerPiece } from "../../domain/lifecycle/record.ts";
import type { Piece } from "../../domain/lifecycle/piece.ts";
import { iamNameOf, maxSessionSecondsIn } from "../../domain/lifecycle/pieces/aws.ts";
import { OperatorError } from "../../kernel/errors.ts";
import {
  NOTHING_TO_CUT,
  type AccountClient,
  type AccountObservation,
  type AccountOwner,
  type Recorded,
} from "../account.ts";
import type { CallContext } from "../contract.ts";
import { invalidField } from "../spec.ts";
import type { Identity, IdentityFacts } from "./identity/contract.ts";
import { createIdentity } from "./identity/create.ts";
import { forgetListing, removeCredential, setCredentialEnabled } from "./identity/credentials.ts";
import { cutBy, denyPolicy, isDenied, waysToCut } from "./identity/denials.ts";
import { CLOSED_TRUST, inlineText, isClosed, trustText } from "./identity/documents.ts";
import { declaredIn, splitKey } from "./identity/effects.ts";
import { cutIdentity, removeIdentity, uncutIdentity, type Leaving } from "./identity/leaving.ts";
import { grantsGone, lookAt, whatStillWorks, type LookPlace } from "./identity/look.ts";
import { AWS_MARKS, marksOf, whose } from "./identity/marks.ts";
import { IamMemory } from "./identity/memory.ts";
import { absent, isNotFound, named, nothingThere, notOurs, notYet, unknownPiece } from "./identity/problems.ts";
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
  /** Absent: `aws`. */
  readonly partition?: string | undefined;
  /** Absent: AWS's own AWSDenyAll. */
  readonly denyPolicyArn?: string | undefined;
  /** Of the connection's client. Absent: this account's client alone remembers, and for as long as it is there. */
  readonly memory?: IamMemory | undefined;
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
  const memory = place.memory ?? new IamMemory({ monotonicMs: () => 0 });
  const deny = denyPolicy(place);
  const looks: LookPlace = { who, owner, declared: aws, deny, memory };
  let known: Recorded = {};

  const judge = (found: IdentityFacts) =>
    whose(found, owner, { allowedPath: place.allowedPath, recorded: known.externalId });

  const leaving = (calls: AwsCalls, found: IdentityFacts, { signal }: CallContext): Leaving => ({
    ...{ calls, who, found, deny },
    reader: { calls, memory, signal, tolerant: true, fresh: true },
    ways: known.cutWays ?? [],
    isDeclared: declaredIn(aws),
  });

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
    const found = await createIdentity(calls, who, made, memory, context.signal);
    if (found !== undefined && judge(found) !== "ours") throw notOurs(who);
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

  const applyOther = (piece: Piece, context: CallContext, former: readonly FormerPiece[]): Promise<void> =>
    onOurs(context, async (calls) => {
      const { identity, policies } = calls;
      const { signal } = context;
      const [what, rest] = splitKey(piece.key);
      const { title } = piece;
      if (what === "boundary") {
        const arn = JSON.parse(piece.value) as string;
        const exists = () => policies.defaultVersion(arn, signal);
        return named(identity.setBoundary(who, arn, signal), { title, who, exists });
      }
      if (what === "trust") return identity.setTrust(name, trustText(piece.value, place.issuer), signal);
      if (what === "managedPolicy") {
        const exists = () => policies.defaultVersion(rest, signal);
        return named(identity.attachPolicy(who, rest, signal), { title, who, exists });
      }
      if (what === "inlinePolicy") {
        const document = inlineText(aws, rest, piece.value);
        // What a cut took away had its room before, and has it again when the cut is lifted.
        const stood = former.some(({ key, value }) => key === piece.key && value === piece.value);
        if (!stood) await demandRoomForCut(calls, who, { name: rest, document }, signal);
        return identity.putInlinePolicy(who, rest, document, signal);
      }
      if (what === "group") {
        const exists = () => policies.inlineOfGroup(rest, signal);
        return named(identity.joinGroup(name, rest, signal), { title, who, exists });
      }
      throw unknownPiece();
    });

  return {
    kind: kind === "user" ? "AwsUser" : "AwsRole",
    target: `aws-${kind}/${place.accountId}/${name}`,
    capabilities: { cutsByRemoval: false, canDisableCredentials: kind === "user" },

    observe(context, recorded) {
      known = recorded ?? {};
      return access.use(async (calls): Promise<AccountObservation> => {
        const found = await calls.identity.find(who, context.signal);
        if (found === undefined) return { principal: "absent", ...NOTHING };
        const principal = judge(found);
        const base = { principal, externalId: found.id, providerTime: found.time };
        if (principal === "foreign") return { ...NOTHING, ...base };
        const look = await lookAt(calls, found, looks, known, context.signal).catch((error: unknown) => {
          throw isNotFound(error) ? notYet(who) : error;
        });
        const { hanging, denials, pieces, credentials, notLooked } = look;
        return {
          ...NOTHING,
          ...{ ...base, pieces, credentials, notLooked },
          rightsCut: isDenied(denials),
          loginClosed: found.trust === undefined || isClosed(found.trust),
          grantsGone: grantsGone(look),
          cutWays: waysToCut(found, pieces, hanging.inline, deny, denials, known.cutWays),
          cutBy: cutBy(denials, known.cutWays),
        };
      }, context);
    },

    async apply(piece, context, desired, former = []) {
      if (kind === "role" && place.issuer === undefined && (piece.key === "principal" || piece.key === "trust")) {
        throw invalidField("spec.aws.webIdentity", "of the ProviderConnection is required for an IAM role");
      }
      if (piece.key === "principal") return applyPrincipal(piece, context, desired);
      return piece.key === "owner" ? applyOwner(piece, context) : applyOther(piece, context, former);
    },

    remove(key, context) {
      if (key === "principal")
        return takeAway(context, (calls, found) => removeIdentity(leaving(calls, found, context), context));
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

    cut: (context, way) => onOurs(context, (calls, found) => cutIdentity(leaving(calls, found, context), way, context)),

    uncut: (context, { ways, boundary }) =>
      onOurs(context, (calls, found) => {
        const arn = boundary === undefined ? undefined : (JSON.parse(boundary) as string);
        return uncutIdentity(leaving(calls, found, context), { ways, boundary: arn }, context);
      }),

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
      await onOurs(context, async (calls, found) => {
        try {
          await setCredentialEnabled(calls, who, { id, enabled }, context.signal);
        } finally {
          forgetListing(memory, found.id);
        }
      });
    },

    removeCredential: (id, context) =>
      takeAway(context, async (calls, found) => {
        try {
          await removeCredential(calls, who, id, context.signal);
        } finally {
          forgetListing(memory, found.id);
        }
      }),

    async proveRefused(_, context) {
      const live = await ifOurs(context, async (calls, found) => {
        const asked = { ...known, leaving: true, everything: true };
        const look = await lookAt(calls, found, looks, asked, context.signal, "forbidden lists");
        return whatStillWorks(who, found, look);
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

const valueOf = (pieces: readonly Piece[], key: string): string | undefined =>
  pieces.find((piece) => piece.key === key)?.value;

const needed = (pieces: readonly Piece[], key: string): string => {
  const value = valueOf(pieces, key);
  if (value === undefined) throw new OperatorError("Unknown", { publicMessage: `The account has no ${key} to apply.` });
  return value;
};
