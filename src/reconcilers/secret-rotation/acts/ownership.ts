import { TOKEN_FOR } from "../../../api/v1alpha1/annotations.ts";
import { addFinalizer } from "../../../cluster/finalizer.ts";
import { targetFound } from "../../../domain/rotation/standing.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import type { TargetObservation } from "../../../providers/contract.ts";
import { namesInTokenFor } from "../../../providers/kubernetes/token/token-for.ts";
import { openSource } from "../steps/observe.ts";
import { frozen, holderOf, type SourceTarget } from "../../../domain/rotation/source.ts";
import { claimFor, requireTarget, wordsFor } from "../scope.ts";
import { callContext, mutate, type Act } from "./act.ts";
import { claimTarget } from "./claim.ts";

/** Before anything outside is claimed or made: deletion must pass by us. */
export const ensureFinalizer = async ({ scope, ports }: Act): Promise<void> => {
  const object = await addFinalizer(ports.cluster, scope.ref, scope.object);
  scope.object = { ...scope.object, metadata: object.metadata };
};

/**
 * The claim in this cluster, and the mark at the provider; either in other hands is a Conflict and nothing is touched. `next`: the
 * claim remembers that one more number is handed out; the record then stands at the one before it.
 */
export const ensureOwnership = async (act: Act, options: { readonly next?: boolean } = {}): Promise<void> => {
  const { scope, inForce, ports } = act;
  const source = await openSource(scope, inForce, ports);
  const target = requireTarget(scope, inForce.settings);
  const seen = await source.observeTarget(callContext(act));
  const marks = proveOwner(act, target, seen);
  if (scope.connection === undefined) return;
  const claim = claimFor(scope.connection, target, scope.request.namespace);
  const recorded = scope.status.sequence;
  const before = await claimTarget(act, claim, {
    snapshot: targetSnapshot(act),
    sequence: (claimed) => numberFrom(recorded, claimed) + (options.next === true ? 1 : 0),
  });
  scope.status = targetFound(scope.status, {
    connection: target.connection,
    ...(target.kind === "awsAccessKey" ? { userName: target.userName } : {}),
    claim,
  });
  if (options.next === true) scope.status = { ...scope.status, sequence: numberFrom(recorded, before) };
  // The name in the mark is ours and we live under it, so another UID there is a dead predecessor's.
  if (marks !== undefined) {
    await mutate(act, { action: wordsFor(act).mark, kind: "Issuing", target: holderOf(target) }, () =>
      source.markOwner(marks, callContext(act)),
    );
  }
};

/**
 * The highest number in use. One more on the claim than on record is a number whose intent was never stored; further ahead, the
 * record was lost or restored from long ago, and its numbers must not be handed out again (S16).
 */
const numberFrom = (recorded: number | undefined, claimed: number): number =>
  recorded !== undefined && claimed === recorded + 1 ? recorded : Math.max(recorded ?? 0, claimed);

/** Throws unless the holder is this resource's, or its identity's. Answers the marks that are still to be set, if any. */
export const proveOwner = (
  act: Act,
  target: SourceTarget,
  seen: TargetObservation,
): { readonly uid: string; readonly owner?: string } | undefined => {
  const { scope, inForce, ports } = act;
  const words = wordsFor(act);
  const holder = `${words.holder} ${holderOf(target)}`;
  if (!seen.exists) {
    throw new OperatorError("NotFound", {
      publicMessage: `The ${holder} does not exist; ${words.makeHolder}.`,
    });
  }
  if (!seen.allowed) {
    throw new OperatorError("PermissionDenied", {
      publicMessage: `The ${holder} does not lie under the path that the connection allows for namespace ${scope.request.namespace}.`,
    });
  }
  const place = `${ports.clusterName}/${scope.request.namespace}`;
  // The claim in the cluster decides which resource of the namespace has it.
  if (seen.ownedByName === true) return undefined;
  const { identity } = scope;
  // A ServiceAccount of the resource's own identity needs no other mark than the identity's.
  const identitys =
    target.kind === "kubernetesToken" && identity !== undefined && seen.owner === `${place}/${identity.name}`;
  if (inForce.settings.source.kind === "account" || identitys) return proveIdentityOwns(act, holder, { seen, place });
  // Where it carries no owner's mark, its own team says which resources of the namespace have its tokens, and it gets no mark of ours.
  if (target.kind === "kubernetesToken" && seen.owner === undefined) return demandTokenFor(act, holder, seen);
  const expected = `${place}/${scope.request.name}`;
  const { uid } = scope.object.metadata;
  // Whoever tagged the user for adoption has dedicated it as well as with the owner tag.
  const dedicated =
    inForce.settings.adopt &&
    seen.owner === undefined &&
    seen.adopt === `${scope.request.namespace}/${scope.request.name}`;
  if (seen.owner !== expected && !dedicated) {
    throw new OperatorError("Conflict", {
      publicMessage: `The ${holder} is not dedicated to this resource; its ${words.ownerMark} keyturn.dev/owner must be ${expected}${target.kind === "kubernetesToken" ? `. If it is an identity's, name that in spec.identityRef; if not, take the annotation off and let ${TOKEN_FOR} name ${scope.request.name}` : ""}.`,
    });
  }
  // What is only adopted carries no mark of ours, so that it can be given back untouched.
  if (scope.status.current?.adopted === true) return undefined;
  if (dedicated) return { uid, owner: expected };
  return seen.ownerUid === uid ? undefined : { uid };
};

/** Throws unless the ServiceAccount's annotation gives its tokens to this resource. */
const demandTokenFor = ({ scope }: Act, holder: string, { tokenFor }: TargetObservation): undefined => {
  const { namespace, name } = scope.request;
  const names = tokenFor === undefined ? [] : namesInTokenFor(tokenFor);
  if (names?.includes(name) === true) return;
  throw new OperatorError("Conflict", {
    publicMessage:
      names === undefined
        ? `The annotation ${TOKEN_FOR} of ${holder} is no list of names of SecretRotations; set it to ${name}, or to several names with commas between.`
        : `The ${holder} gives this resource no tokens; let its annotation ${TOKEN_FOR} name ${name} (of namespace ${namespace}), or name its identity in spec.identityRef.`,
  });
};

/** The user is the identity's; its marks are the identity's to write. */
const proveIdentityOwns = (
  { scope }: Act,
  holder: string,
  { seen, place }: { readonly seen: TargetObservation; readonly place: string },
): undefined => {
  const { identity } = scope;
  const expected = `${place}/${identity?.name ?? ""}`;
  if (seen.owner !== expected) {
    throw new OperatorError("Conflict", {
      publicMessage: `The ${holder} is not the identity's; its tag keyturn.dev/owner must be ${expected}.`,
    });
  }
  if (identity?.uid !== undefined && seen.ownerUid === identity.uid) return;
  throw new OperatorError("Unavailable", {
    publicMessage: `The ${holder} carries the mark of an earlier ServiceAccountLifecycle of the same name; it is waited for.`,
  });
};

/** The claim follows what deletion would do now, for the day when nothing but the claim is left. */
export const refreshClaim = async (act: Act): Promise<void> => {
  const { target } = act.scope.status;
  if (target !== undefined) await claimTarget(act, target.claim, { snapshot: targetSnapshot(act) });
};

/** What a ledger entry needs when only the claim is left of a resource. */
const targetSnapshot = ({ scope, inForce }: Act): string => {
  const { settings } = inForce;
  const { current } = scope.status;
  return canonicalJson({
    source: frozen(requireTarget(scope, settings)),
    deletion: settings.deletion,
    exclusive: settings.source.exclusive,
    resource: scope.request,
    ...(settings.identity === undefined ? {} : { identity: settings.identity }),
    ...(current?.adopted === true ? { adopted: { id: current.id, places: scope.status.adoptedPlaces ?? [] } } : {}),
  });
};
