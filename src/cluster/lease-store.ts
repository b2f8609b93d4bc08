import type { ClusterClient, KubeObject, ObjectRef } from "./contract.ts";
import { apiVersionOf, leases } from "./resources.ts";

/** Fits src/engine/lease.ts by shape: this folder may not import that one. */
interface LeaseRecord {
  readonly holder: string;
  readonly durationSeconds: number;
  readonly acquiredAt: string;
  readonly renewedAt: string;
  readonly transitions: number;
}

interface StoredLease extends LeaseRecord {
  readonly version: string;
}

interface LeaseObject extends KubeObject {
  readonly spec?: {
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** A released or hand-made Lease may lack every field; a lease without a duration is dead as soon as it has been seen twice. */
const NO_DURATION_SECONDS = 1;

/** Keeps the leader's record in one coordination.k8s.io/v1 Lease. Every method throws OperatorError. */
export class KubernetesLeaseStore {
  readonly #client: ClusterClient;
  readonly #ref: ObjectRef & { readonly namespace: string };

  constructor(client: ClusterClient, place: { readonly namespace: string; readonly name: string }) {
    this.#client = client;
    this.#ref = { kind: leases, namespace: place.namespace, name: place.name };
  }

  async get(): Promise<StoredLease | undefined> {
    const lease = await this.#client.get<LeaseObject>(this.#ref);
    return lease === undefined ? undefined : recordOf(lease);
  }

  async create(record: LeaseRecord): Promise<StoredLease> {
    const { kind, namespace, name } = this.#ref;
    const object = {
      apiVersion: apiVersionOf(kind),
      kind: kind.kind,
      metadata: { namespace, name },
      spec: specOf(record),
    };
    return recordOf(await this.#client.create<LeaseObject>({ kind, namespace }, object));
  }

  async update(record: LeaseRecord, version: string): Promise<StoredLease> {
    const patch = { metadata: { resourceVersion: version }, spec: specOf(record) };
    return recordOf(await this.#client.mergePatch<LeaseObject>(this.#ref, patch));
  }
}

const specOf = (record: LeaseRecord): NonNullable<LeaseObject["spec"]> => ({
  holderIdentity: record.holder,
  leaseDurationSeconds: record.durationSeconds,
  acquireTime: record.acquiredAt,
  renewTime: record.renewedAt,
  leaseTransitions: record.transitions,
});

const recordOf = ({ metadata, spec = {} }: LeaseObject): StoredLease => ({
  holder: spec.holderIdentity ?? "",
  durationSeconds: spec.leaseDurationSeconds ?? NO_DURATION_SECONDS,
  acquiredAt: spec.acquireTime ?? "",
  renewedAt: spec.renewTime ?? "",
  transitions: spec.leaseTransitions ?? 0,
  version: metadata.resourceVersion,
});
