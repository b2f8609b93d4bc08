import type { AwsAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { NotLooked } from "../../../domain/lifecycle/action.ts";
import type { ObservedPiece } from "../../../domain/lifecycle/piece.ts";
import type { AccountCredential, AccountOwner, Recorded } from "../../account.ts";
import type { AwsCalls } from "../sdk.ts";
import type { Identity, IdentityFacts } from "./contract.ts";
import { credentialTitle, listDaily, type Listing } from "./credentials.ts";
import { grantsIn, isDenied, readDenials, withoutCut, type Denials, type DenyPolicy } from "./denials.ts";
import { isClosed } from "./documents.ts";
import { declaredIn, withEffects, type EffectReader } from "./effects.ts";
import type { IamMemory } from "./memory.ts";
import { piecesOf, readHanging, type Hanging, type Tolerance } from "./observe.ts";

/** Whose identity it is and what is said of it elsewhere. */
export interface LookPlace {
  readonly who: Identity;
  readonly owner: AccountOwner;
  readonly declared: AwsAccount;
  readonly deny: DenyPolicy;
  readonly memory: IamMemory;
}

/** All that IAM says of one identity now. */
export interface Look {
  readonly hanging: Hanging;
  readonly denials: Denials;
  /** What stands, without what cuts; what is not declared with its effect. */
  readonly pieces: readonly ObservedPiece[];
  /** Of these, what gives or may give. */
  readonly grants: readonly ObservedPiece[];
  readonly credentials: readonly AccountCredential[];
  readonly notLooked: readonly NotLooked[];
}

/** NotFound when it vanishes meanwhile. `known`: what the record says; of a leaver nothing that was read before is believed. */
export const lookAt = async (
  calls: AwsCalls,
  found: IdentityFacts,
  { who, owner, declared, deny, memory }: LookPlace,
  known: Recorded,
  signal: AbortSignal,
  tolerates: Tolerance = known.leaving === true ? "failed lists" : "nothing",
): Promise<Look> => {
  const isLeaving = known.leaving === true;
  const reader: EffectReader = { calls, memory, signal, tolerant: isLeaving, fresh: isLeaving };
  const [hanging, listing] = await Promise.all([
    readHanging(calls, who, signal, tolerates),
    listDaily(calls, who, { id: found.id, everything: known.everything === true, memory }, signal),
  ]);
  const denials = await readDenials(found, hanging, deny, reader);
  const standing = withoutCut(piecesOf(who, found, hanging, owner), deny, known, declaredIn(declared));
  const pieces = await withEffects(standing, hanging.inline, declared, reader);
  return {
    ...{ hanging, denials, pieces },
    grants: grantsIn(pieces, hanging.inline),
    credentials: inOrder(listing, hanging.keys),
    notLooked: [...hanging.notLooked, ...listing.notLooked, ...denials.notLooked],
  };
};

/** Nothing that grants is left, and no list that could show otherwise is missing. */
export const grantsGone = ({ grants, hanging }: Look): boolean =>
  grants.length === 0 && hanging.notLooked.every(({ what }) => what === "access keys");

/**
 * What lets somebody in or do something all the same; undefined where everything is refused. While a denial is in force a list that
 * is missing does not matter, for the denial is over all of it; without one nothing may be unknown.
 */
export const whatStillWorks = (who: Identity, found: IdentityFacts, look: Look): string | undefined => {
  const denied = isDenied(look.denials);
  const [grant] = look.grants;
  if (!denied && grant !== undefined) return `no denial is on the IAM ${who.kind}, and the ${grant.title} stands`;
  const [unknown] = look.notLooked;
  if (!denied && unknown !== undefined)
    return `no denial is on the IAM ${who.kind}, and ${unknown.what} could not be looked at`;
  if (found.trust !== undefined && !isClosed(found.trust)) return "the role's trust policy still lets somebody in";
  const live = look.credentials.find(({ kind, enabled, switchable }) => {
    if (switchable) return enabled;
    return !denied && kind === "Password";
  });
  return live === undefined ? undefined : `${credentialTitle(live)} is active`;
};

/** As they are to be deleted: a device that guards a login goes last. */
const inOrder = ({ credentials }: Listing, keys: readonly AccountCredential[]): readonly AccountCredential[] => {
  const isDevice = ({ kind }: AccountCredential): boolean => kind === "MfaDevice";
  return [...credentials.filter((each) => !isDevice(each)), ...keys, ...credentials.filter(isDevice)];
};
