import type { CutWayName } from "../../../domain/lifecycle/record.ts";
import { isRefusal, OperatorError } from "../../../kernel/errors.ts";
import type { CallContext } from "../../contract.ts";
import type { AwsCalls } from "../sdk.ts";
import type { Identity, IdentityFacts } from "./contract.ts";
import { listEverything } from "./credentials.ts";
import type { DenyPolicy } from "./denials.ts";
import { CUT_DOCUMENT, CUT_POLICY } from "./documents.ts";
import { policyDeniesEverything, type EffectReader } from "./effects.ts";
import { holdsOnto, readHanging, type Hanging } from "./observe.ts";
import { deletionRefused, isNotFound, notYet, stillHolds, unknownPiece, unlessNotFound } from "./problems.ts";

/** An identity that is ours by the read just before, and how it may be cut. */
export interface Leaving {
  readonly calls: AwsCalls;
  readonly who: Identity;
  readonly found: IdentityFacts;
  readonly deny: DenyPolicy;
  readonly reader: EffectReader;
  /** Ways that are on record: boundaries and attachments that deny are ours only by these. */
  readonly ways: readonly CutWayName[];
  /** Is this piece declared? Then it is no denial of ours. */
  readonly isDeclared: (key: string) => boolean;
}

/** Denies everything in one of the ways that have a request; one request. */
export const cutIdentity = async (of: Leaving, way: CutWayName, { signal }: CallContext): Promise<void> => {
  const { calls, who, deny } = of;
  switch (way) {
    case "Deny":
    case "Room":
      return calls.identity.putInlinePolicy(who, CUT_POLICY, CUT_DOCUMENT, signal);
    case "Boundary":
      await demandDenial(of);
      return calls.identity.setBoundary(who, deny.arn, signal);
    case "AttachedDeny":
      await demandDenial(of);
      return calls.identity.attachPolicy(who, deny.arn, signal);
    case "Grants":
    case "Disable":
      throw unknownPiece();
  }
};

/** A policy that lets something through is no cut, whatever its name. */
const demandDenial = async ({ deny, reader }: Leaving): Promise<void> => {
  const { denies, missingRight } = await policyDeniesEverything(deny.arn, reader);
  if (denies) return;
  throw missingRight === undefined
    ? new OperatorError("InvalidSpec", { publicMessage: `The policy ${deny.arn} does not deny everything.` })
    : new OperatorError("PermissionDenied", {
        publicMessage: `Whether ${deny.arn} denies everything could not be read: ${missingRight} is missing.`,
      });
};

/**
 * Lifts these denials of ours and no other. The boundary that is to stand is put in its place and read back before any other denial
 * goes. Whatever a kill leaves of it is still denied, or already as it is to be.
 */
export const uncutIdentity = async (
  of: Leaving,
  lift: { readonly ways: readonly CutWayName[]; readonly boundary: string | undefined },
  { signal }: CallContext,
): Promise<void> => {
  const { calls, who, found, deny, isDeclared } = of;
  const isCutByBoundary =
    found.boundary !== undefined && deny.isDeny(found.boundary) && found.boundary !== lift.boundary;
  const replaces = lift.ways.includes("Boundary") && isCutByBoundary;
  if (lift.boundary !== undefined && (replaces || found.boundary === undefined)) {
    await calls.identity.setBoundary(who, lift.boundary, signal);
    const seen = await calls.identity.find(who, signal);
    if (seen?.boundary !== lift.boundary) throw notYet(who);
  } else if (replaces) await calls.identity.removeBoundary(who, signal).catch(unlessNotFound);
  if (lift.ways.includes("AttachedDeny")) {
    const attached = await calls.identity.attachedPolicies(who, signal);
    for (const arn of attached.filter((each) => deny.isDeny(each) && !isDeclared(`managedPolicy/${each}`)))
      await calls.identity.detachPolicy(who, arn, signal).catch(unlessNotFound);
  }
  if (lift.ways.includes("Deny") || lift.ways.includes("Room"))
    await calls.identity.deleteInlinePolicy(who, CUT_POLICY, signal).catch(unlessNotFound);
};

/**
 * Deletes an identity on which nothing hangs any more but our denials. As long as it exists one of them is in force: the boundary is
 * put on and read back where that is allowed, then the others go, then the identity; if that fails, they are back in the same call.
 * Where no boundary can be put on nothing that grants or logs in is left by then. ADR 0043 says what a kill between any two
 * requests leaves.
 */
export const removeIdentity = async (of: Leaving, context: CallContext): Promise<void> => {
  const { calls, who, deny, ways } = of;
  const { signal } = context;
  const [hanging, listing] = await Promise.all([readHanging(calls, who, signal), listEverything(calls, who, signal)]);
  const ours = ways.includes("AttachedDeny") ? hanging.managed.filter((arn) => deny.isDeny(arn)) : [];
  const others = hanging.managed.filter((arn) => !ours.includes(arn));
  const inTheWay = holdsOnto(hanging, others, listing.credentials);
  if (inTheWay !== "") throw stillHolds(who, inTheWay);
  const wasCut = hanging.hasCut || ours.length > 0;
  const bounded = wasCut && (await boundByDenial(of, signal));
  try {
    if (hanging.hasCut) await calls.identity.deleteInlinePolicy(who, CUT_POLICY, signal).catch(unlessNotFound);
    for (const arn of ours) await calls.identity.detachPolicy(who, arn, signal).catch(unlessNotFound);
    await calls.identity.remove(who, signal);
  } catch (error) {
    if (wasCut) await putBack(of, { hanging, ours, bounded }, context);
    throw error instanceof OperatorError && error.serverCode === "DeleteConflict" ? deletionRefused(who, error) : error;
  }
};

/** Does a boundary deny everything by now? `false` only where it is refused; read back, for IAM shows it late. */
const boundByDenial = async ({ calls, who, found, deny, reader }: Leaving, signal: AbortSignal): Promise<boolean> => {
  if (!(await policyDeniesEverything(deny.arn, reader)).denies) return false;
  if (found.boundary !== deny.arn) {
    try {
      await calls.identity.setBoundary(who, deny.arn, signal);
    } catch (error) {
      if (error instanceof OperatorError && isRefusal(error)) return false;
      throw error;
    }
  }
  const seen = await calls.identity.find(who, signal);
  if (seen?.boundary !== deny.arn) throw notYet(who);
  return true;
};

/**
 * The denials that were taken off, whatever became of the pass: each call has its own deadline. Then the boundary of before, unless
 * the record knows of ours; what fails here the next look finds and puts right.
 */
const putBack = async (
  { calls, who, found, deny, ways }: Leaving,
  was: { readonly hanging: Hanging; readonly ours: readonly string[]; readonly bounded: boolean },
  { log }: CallContext,
): Promise<void> => {
  const { signal } = new AbortController();
  try {
    if (was.hanging.hasCut) await calls.identity.putInlinePolicy(who, CUT_POLICY, CUT_DOCUMENT, signal);
    for (const arn of was.ours) await calls.identity.attachPolicy(who, arn, signal);
    if (!was.bounded || ways.includes("Boundary") || found.boundary === deny.arn) return;
    if (found.boundary === undefined) await calls.identity.removeBoundary(who, signal);
    else await calls.identity.setBoundary(who, found.boundary, signal);
  } catch (error) {
    if (isNotFound(error)) return;
    log.warn("The denial of an IAM identity that was not deleted could not be put back; the next look does it.", {
      target: `${who.kind}/${who.name}`,
    });
  }
};
