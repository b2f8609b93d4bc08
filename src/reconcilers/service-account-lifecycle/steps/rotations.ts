import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../../api/v1alpha1/orphaned-credential.ts";
import { SECRET_ROTATION, type SecretRotation } from "../../../api/v1alpha1/secret-rotation.ts";
import { belongsTo } from "../../../domain/lifecycle/holders.ts";
import { viewRotations, type RotationsView } from "../../../domain/lifecycle/rotations.ts";
import { wantedState } from "../../../domain/lifecycle/settings.ts";
import { isRotationEntry } from "../../../domain/orphan/record.ts";
import { toOperatorError } from "../../../kernel/errors.ts";
import { identityLabel } from "../../orphan/entry.ts";
import type { Ports } from "../../ports.ts";
import type { InForce, LifecycleScope } from "../scope.ts";
import { readableOf, wholeOf } from "../../../kernel/listed.ts";

/**
 * The SecretRotations of an identity that has ended, and what deleted ones left in the ledger, as they are now. Those that the watch has shown
 * are read one by one; only when none of them stands in the way of the proof is the namespace listed, so that none is missed. Undefined: the
 * identity is Active, and nothing is asked. What cannot be read is `notLooked`, never a proof.
 */
export const readRotations = async (
  scope: Pick<LifecycleScope, "request" | "object" | "now">,
  { settings }: Pick<InForce, "settings">,
  ports: Pick<Ports, "cluster" | "rotationsIn">,
): Promise<RotationsView | undefined> => {
  if (wantedState(settings, scope.now) === "Active") return undefined;
  try {
    const known = await readKnown(scope, ports);
    return known.kind === "looked" && known.left.length > 0 ? known : await readAll(scope, ports);
  } catch (thrown) {
    const error = toOperatorError(thrown);
    if (error.code === "Aborted") throw thrown;
    return { kind: "notLooked", why: error.publicMessage };
  }
};

type Reading = Pick<LifecycleScope, "request" | "object">;

const readKnown = async (
  { request: { namespace }, object }: Reading,
  { cluster, rotationsIn }: Pick<Ports, "cluster" | "rotationsIn">,
): Promise<RotationsView> => {
  const live: SecretRotation[] = [];
  // Only presence counts here: what is left out makes the list below no proof.
  for (const { metadata } of readableOf(rotationsIn(namespace)).filter((seen) => belongsTo(seen, object))) {
    const found = await cluster.get<SecretRotation>({ kind: SECRET_ROTATION, namespace, name: metadata.name });
    if (found !== undefined && belongsTo(found, object)) live.push(found);
  }
  return viewRotations(live, []);
};

const readAll = async ({ request, object }: Reading, { cluster }: Pick<Ports, "cluster">): Promise<RotationsView> => {
  // The resources first: one that is deleted meanwhile has its entry before it goes.
  const rotations = await cluster.list<SecretRotation>(SECRET_ROTATION, { namespace: request.namespace });
  const entries = await cluster.list<OrphanedCredential>(ORPHANED_CREDENTIAL, {
    labelSelector: identityLabel(request),
  });
  return viewRotations(
    wholeOf("SecretRotations", rotations).filter((rotation) => belongsTo(rotation, object)),
    wholeOf("ledger entries", entries).filter(
      ({ spec }) => isRotationEntry(spec) && spec.origin.namespace === request.namespace,
    ),
  );
};
