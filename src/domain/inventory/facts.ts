import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import { isUndecidedLine } from "../lifecycle/changes.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";

/** What the inventory needs to know of one identity, from its resource alone. */
export interface IdentityFacts {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly predecessors: readonly string[];
  readonly team: string;
  readonly contact: string;
  readonly purpose: string;
  readonly environment?: string | undefined;
  /** As its status says; `Pending` before the operator has looked at it. */
  readonly state: string;
  readonly ready: string;
  readonly accounts: readonly AccountFacts[];
  readonly expiresAt?: string | undefined;
  readonly reviewDueAt?: string | undefined;
  /** Of all accounts, as the operator saw them last. */
  readonly oldestCredentialAt?: string | undefined;
  readonly credentials?: number | undefined;
  /** Objects of others that may forbid as well as give, or could not be read, and so stay. */
  readonly undecided: number;
}

export interface AccountFacts {
  readonly name: string;
  /** Undefined before the operator has put the account on record. */
  readonly target?: string | undefined;
  readonly state: string;
}

/** A resource or ledger entry that marks outside, and credentials, may belong to. */
export interface OwnerFacts {
  readonly namespace: string;
  readonly name: string;
  /** Its own, and those of predecessors that it took over. */
  readonly uids: readonly string[];
  /** The ledger's marks are on their way out; they belong to somebody all the same. */
  readonly ledger: boolean;
  readonly credentialIds: readonly string[];
}

/** The identity as its resource tells it. Nothing here was asked at a provider now. */
export const identityFacts = ({ metadata, spec, status }: ServiceAccountLifecycle): IdentityFacts => {
  const records = status?.accounts ?? [];
  const recorded = new Set(records.map(({ name }) => name));
  const undeclared = spec.accounts.filter(({ name }) => !recorded.has(name));
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    uid: metadata.uid,
    predecessors: status?.predecessors ?? [],
    team: spec.owner.team,
    contact: spec.owner.contact,
    purpose: spec.purpose,
    environment: spec.environment,
    state: status?.state ?? "Pending",
    ready: status?.conditions?.find(({ type }) => type === "Ready")?.status ?? "Unknown",
    accounts: [
      ...records.map(({ name, target, state }) => ({ name, target, state })),
      ...undeclared.map(({ name }) => ({ name, state: "Pending" })),
    ],
    expiresAt: spec.expiresAt,
    reviewDueAt: status?.review?.dueTime,
    oldestCredentialAt: status?.inventory?.oldestCredentialTime,
    credentials: status?.inventory?.credentials,
    undecided: (status?.drift ?? []).filter(isUndecidedLine).length,
  };
};

export const identityOwner = ({ metadata, status }: ServiceAccountLifecycle): OwnerFacts => ({
  namespace: metadata.namespace ?? "",
  name: metadata.name,
  uids: [metadata.uid, ...(status?.predecessors ?? [])],
  ledger: false,
  credentialIds: [],
});

/** With the ids of every credential that the rotation has on record: in use, under way, and to be revoked. */
export const rotationOwner = ({ metadata, status }: SecretRotation): OwnerFacts => ({
  namespace: metadata.namespace ?? "",
  name: metadata.name,
  uids: [metadata.uid, ...(status?.predecessors ?? [])],
  ledger: false,
  credentialIds: [
    status?.current?.id,
    status?.rotation?.credential?.id,
    status?.rotation?.previous?.id,
    ...(status?.pendingRevocations ?? []).map(({ id }) => id),
  ].filter((id) => id !== undefined),
});

export const ledgerOwner = ({ spec, status }: OrphanedCredential): OwnerFacts => ({
  namespace: spec.origin.namespace,
  name: spec.origin.name,
  uids: [spec.origin.uid],
  ledger: true,
  credentialIds: [...(spec.credentials ?? []), ...(status?.credentials ?? [])].map(({ id }) => id),
});
