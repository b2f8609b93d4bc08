import { KEEP } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { isIdentityEntry, isRotationEntry, type OrphanSpec } from "../../domain/orphan/record.ts";
import type { Reconciler } from "../../engine/contract.ts";
import type { Ports } from "../ports.ts";
import { refuseNewer } from "../version-skew.ts";
import { isReleased, subjectOfEntry } from "./entry.ts";
import { reconcileIdentityEntry } from "./identity.ts";
import { reconcileRotationEntry } from "./rotation.ts";

/** The ledger: goes on for as long as it takes, and shows how long that is. */
export const orphanReconciler = (ports: Ports): Reconciler => ({
  name: "orphanedcredential",
  async reconcile({ name }, context) {
    const ref = { kind: ORPHANED_CREDENTIAL, name };
    const object = await ports.cluster.get<OrphanedCredential>(ref);
    if (object === undefined) return { kind: "settled" };
    const refused = await refuseNewer(object, ref, ports);
    if (refused !== undefined) return refused;
    const spec: OrphanSpec = object.spec;
    if (isReleased(object) && showsHeld(object)) {
      const about = { subject: subjectOfEntry(object), target: name, passId: context.passId };
      await ports.outside.note({ action: "ledger:Release", ...about, result: "OK", facts: { held: spec.held } });
    } else if (isKept(object) && showsUndecided(object)) {
      const about = { subject: subjectOfEntry(object), target: name, passId: context.passId };
      await ports.outside.note({ action: "ledger:Keep", ...about, result: "OK", facts: { held: spec.held } });
    }
    if (isRotationEntry(spec)) return reconcileRotationEntry(object, spec, context, ports);
    if (isIdentityEntry(spec)) return reconcileIdentityEntry(object, spec, context, ports);
    context.log.error("A ledger entry of a kind that this version does not know is left alone", { error: undefined });
    return { kind: "settled" };
  },
});

/** The status still says that a limit or an end holds the entry: its release has not been taken up yet. */
const showsHeld = ({ status }: OrphanedCredential): boolean =>
  status?.conditions?.some(({ type, reason }) => type === "Ready" && HELD.includes(reason)) === true;

/** A person has kept it in use, and the status does not say so yet. */
const showsUndecided = ({ status }: OrphanedCredential): boolean =>
  status?.conditions?.some(({ type, reason }) => type === "Ready" && reason === "LimitReached") === true;

const isKept = ({ metadata, spec }: OrphanedCredential): boolean =>
  spec.held === "LimitReached" && metadata.annotations?.[KEEP] === "true";

const HELD: readonly string[] = ["LimitReached", "KeptInUse"];
