import { ORPHANED_CREDENTIAL } from "../../api/v1alpha1/orphaned-credential.ts";
import type { ObjectRef } from "../../cluster/contract.ts";
import type { OrphanSpec } from "../../domain/orphan/record.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { hashName } from "../../kernel/ids.ts";
import type { ReconcileRequest } from "../../engine/contract.ts";
import type { Ports } from "../ports.ts";

const ORIGIN_LABEL = "keyturn.dev/origin";

/** Finds the entries of one namespace and name without reading the whole ledger. */
export const originLabel = (request: ReconcileRequest): string =>
  `${ORIGIN_LABEL}=${hashName(request.namespace, request.name)}`;

/** One entry per resource and life: its name comes from the UID, so that writing it twice is harmless. */
export const orphanRef = (originUid: string): ObjectRef => ({ kind: ORPHANED_CREDENTIAL, name: `srot-${originUid}` });

/** Writes the entry unless it is there already. */
export const writeOrphan = async (ports: Pick<Ports, "cluster">, spec: OrphanSpec): Promise<void> => {
  const { name } = orphanRef(spec.origin.uid);
  try {
    await ports.cluster.create(
      { kind: ORPHANED_CREDENTIAL },
      {
        apiVersion: "keyturn.dev/v1alpha1",
        kind: "OrphanedCredential",
        metadata: { name, labels: { [ORIGIN_LABEL]: hashName(spec.origin.namespace, spec.origin.name) } },
        spec,
      },
    );
  } catch (thrown) {
    if (!(thrown instanceof OperatorError) || thrown.code !== "AlreadyExists") throw thrown;
  }
};
