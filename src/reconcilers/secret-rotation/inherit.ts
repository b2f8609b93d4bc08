import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { isRotationEntry, type OrphanStatus, type RotationOrphan } from "../../domain/orphan/record.ts";
import { inherited } from "../../domain/orphan/undo.ts";
import { connectionFor } from "../connections.ts";
import { recoverOwner } from "../sweep.ts";
import { originLabel } from "../orphan/entry.ts";
import type { Ports } from "../ports.ts";
import { mutate } from "./acts/act.ts";
import { ensureFinalizer, ensureOwnership } from "./acts/ownership.ts";
import { capabilitiesFor, claimFor, requireTarget, type InForce, type RotationScope } from "./scope.ts";
import { wholeOf } from "../../kernel/listed.ts";

/**
 * Undo of a deletion: a resource of the same namespace, name and target takes over what the ledger holds of its dead
 * predecessor. Claim and staging first, then this pass's status write; the ledger entry goes by itself once it reads there
 * that it was taken over. True when something was inherited.
 */
export const inherit = async (scope: RotationScope, inForce: InForce, ports: Ports): Promise<boolean> => {
  if (scope.status.sequence !== undefined) return false;
  // What leaves nothing behind is made anew; what the predecessor had goes on being revoked.
  if (capabilitiesFor({ inForce, ports }).leavesNothing) return false;
  // Nothing comes back for an identity that is not there to have it.
  if (scope.identity !== undefined && scope.identity.state !== "Active") return false;
  const entry = (await predecessor(scope, inForce, ports)) ?? (await recovered(scope, inForce, ports));
  if (entry === undefined) return false;
  const { spec } = entry;
  const act = { scope, inForce, ports };
  await ensureFinalizer(act);
  await ensureOwnership(act);
  await mutate(act, { action: "kubernetes:TakeOverStaging", kind: "Issuing", target: spec.stagingUid }, () =>
    ports.staging.handOver(spec.stagingUid, scope.owner),
  );
  const staging = await ports.staging.read(scope.object.metadata.uid);
  scope.status = inherited(scope.status, {
    spec,
    status: entry.status,
    staged: staging.versions,
  });
  scope.events.push({
    type: "Normal",
    reason: "Resumed",
    action: "Resume",
    note: "The deletion of the predecessor is undone: its credentials are taken over.",
  });
  return true;
};

interface Entry {
  readonly spec: RotationOrphan;
  readonly status: OrphanStatus;
}

/** The predecessor vanished without us and no sweep has come by: its claim still says what it was. */
const recovered = async (scope: RotationScope, inForce: InForce, ports: Ports): Promise<Entry | undefined> => {
  const target = requireTarget(scope, inForce.settings);
  const connection = await connectionFor(ports.cluster, target.connection, scope.request.namespace);
  const claim = await ports.claims.read(claimFor(connection, target, scope.request.namespace));
  const { namespace, name } = scope.request;
  const dead =
    claim?.owner.namespace === namespace && claim.owner.name === name && claim.owner.uid !== scope.object.metadata.uid;
  if (!dead) return undefined;
  await recoverOwner(ports, claim.owner);
  return predecessor(scope, inForce, ports);
};

const predecessor = async (scope: RotationScope, inForce: InForce, ports: Ports): Promise<Entry | undefined> => {
  const labelSelector = originLabel(scope.request);
  const listed = await ports.cluster.list<OrphanedCredential>(ORPHANED_CREDENTIAL, { labelSelector });
  const entries = wholeOf("ledger entries", listed);
  if (entries.length === 0) return undefined;
  const wanted = requireTarget(scope, inForce.settings);
  const connection = await connectionFor(ports.cluster, wanted.connection, scope.request.namespace);
  const target = claimFor(connection, wanted, scope.request.namespace);
  const { namespace, name } = scope.request;
  const found = entries.find(
    ({ spec }) =>
      isRotationEntry(spec) &&
      spec.target === target &&
      spec.origin.namespace === namespace &&
      spec.origin.name === name &&
      spec.origin.uid !== scope.object.metadata.uid,
  );
  return found !== undefined && isRotationEntry(found.spec)
    ? { spec: found.spec, status: found.status ?? {} }
    : undefined;
};
