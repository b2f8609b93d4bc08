import { ASKED, RELEASE } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { ObjectRef } from "../../cluster/contract.ts";
import type { OrphanSpec } from "../../domain/orphan/record.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { Asked, AskedSubject } from "../../audit/contract.ts";
import { digest, hashName } from "../../kernel/ids.ts";
import { askedOfEntry, askedText } from "../asked.ts";
import type { ReconcileRequest } from "../../engine/contract.ts";
import type { Ports } from "../ports.ts";

/** UIDs of dead resources of the same name that a record or an entry keeps. */
export const MOST_PREDECESSORS = 5;

const ORIGIN_LABEL = "keyturn.dev/origin";

const IDENTITY_LABEL = "keyturn.dev/identity";

/** Finds the entries that SecretRotations of one identity left. Those written by versions before this label are not among them. */
export const identityLabel = (identity: ReconcileRequest): string =>
  `${IDENTITY_LABEL}=${hashName(identity.namespace, identity.name)}`;

/** Did a SecretRotation of this identity leave the entry? */
export const isLedgerOf = ({ labels }: OrphanedCredential["metadata"], identity: ReconcileRequest): boolean =>
  labels?.[IDENTITY_LABEL] === hashName(identity.namespace, identity.name);

/** Finds the entries of one namespace and name without reading the whole ledger. */
export const originLabel = (request: ReconcileRequest): string =>
  `${ORIGIN_LABEL}=${hashName(request.namespace, request.name)}`;

const PREFIXES = { SecretRotation: "srot", ServiceAccountLifecycle: "sal" } as const;

/** One entry per resource and life: its name comes from the UID, so that writing it twice is harmless. */
export const orphanRef = (originUid: string, kind: keyof typeof PREFIXES = "SecretRotation"): ObjectRef => ({
  kind: ORPHANED_CREDENTIAL,
  name: `${PREFIXES[kind]}-${originUid}`,
});

/** A person lets the entry go on to its end. */
export const isReleased = ({ metadata }: OrphanedCredential): boolean => metadata.annotations?.[RELEASE] === "true";

/** Who acts for an entry in the audit trail, with the request that the entry keeps. */
export const subjectOfEntry = ({ metadata, spec }: OrphanedCredential): AskedSubject => ({
  kind: ORPHANED_CREDENTIAL.kind,
  namespace: "",
  name: metadata.name,
  uid: metadata.uid,
  asked: askedOfEntry(metadata, digest(spec)),
});

/** Writes the entry unless it is there already. `asked`: the request of the resource that goes. `identity`: name of the one that the credentials belonged to, of the same namespace. */
export const writeOrphan = async (
  ports: Pick<Ports, "cluster">,
  spec: OrphanSpec,
  identity?: string,
  asked?: Asked,
): Promise<void> => {
  const { namespace } = spec.origin;
  const { name } = orphanRef(spec.origin.uid, spec.origin.kind);
  const labels = {
    [ORIGIN_LABEL]: hashName(namespace, spec.origin.name),
    ...(identity === undefined ? {} : { [IDENTITY_LABEL]: hashName(namespace, identity) }),
  };
  try {
    await ports.cluster.create(
      { kind: ORPHANED_CREDENTIAL },
      {
        apiVersion: "keyturn.dev/v1alpha1",
        kind: "OrphanedCredential",
        metadata: { name, labels, ...(asked === undefined ? {} : { annotations: { [ASKED]: askedText(asked) } }) },
        spec,
      },
    );
  } catch (thrown) {
    if (!(thrown instanceof OperatorError) || thrown.code !== "AlreadyExists") throw thrown;
  }
};
