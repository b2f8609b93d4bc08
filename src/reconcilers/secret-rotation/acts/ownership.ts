import { addFinalizer } from "../../../cluster/finalizer.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import { openSource } from "../steps/observe.ts";
import { targetOf } from "../scope.ts";
import { callContext, mutate, type Act } from "./act.ts";
import { claimTarget } from "./claim.ts";

/** Before anything outside is claimed or made: deletion must pass by us. */
export const ensureFinalizer = async ({ scope, ports }: Act): Promise<void> => {
  const object = await addFinalizer(ports.cluster, scope.ref, scope.object);
  scope.object = { ...scope.object, metadata: object.metadata };
};

/** The claim in this cluster, and the mark at the provider; either in other hands is a Conflict and nothing is touched. */
export const ensureOwnership = async (act: Act): Promise<void> => {
  const { scope, inForce, ports } = act;
  const source = await openSource(scope, inForce, ports);
  const seen = await source.observeTarget(callContext(act));
  const { userName } = inForce.settings.source;
  if (!seen.exists) {
    throw new OperatorError("NotFound", {
      publicMessage: `The IAM user ${userName} does not exist; create it with the owner tag first.`,
    });
  }
  if (!seen.allowed) {
    throw new OperatorError("PermissionDenied", {
      publicMessage: `The IAM user ${userName} does not lie under the path that the connection allows for namespace ${scope.request.namespace}.`,
    });
  }
  const expected = `${ports.clusterName}/${scope.request.namespace}/${scope.request.name}`;
  if (seen.owner !== expected) {
    throw new OperatorError("Conflict", {
      publicMessage: `The IAM user ${userName} is not dedicated to this resource; its tag keyturn.dev/owner must be ${expected}.`,
    });
  }
  const { uid } = scope.object.metadata;
  if (scope.connection === undefined) return;
  await claimTarget(act, targetOf(scope.connection, inForce.settings), snapshot(act));
  // The name in the mark is ours and we live under it, so another UID there is a dead predecessor's.
  if (seen.ownerUid !== uid) {
    await mutate(act, { action: "aws:TagUser", kind: "Issuing", target: userName }, () =>
      source.markOwner(uid, callContext(act)),
    );
  }
};

/** What a ledger entry needs when only the claim is left of a resource. */
const snapshot = ({ scope, inForce }: Act): string =>
  canonicalJson({
    source: inForce.spec.source,
    deletion: inForce.settings.deletion,
    exclusive: inForce.settings.source.exclusive,
    resource: scope.request,
  });
