import type { ClusterClient, NewObject, ObjectRef } from "../cluster/contract.ts";
import { OperatorError } from "../kernel/errors.ts";
import { hashName } from "../kernel/ids.ts";
import { CLAIM_FORM, CONFIG_MAPS, MANAGED_BY, ROLE_LABEL, type ConfigMap } from "./kinds.ts";
import { leftOutOf, listedOf, readableOf, type LeftOut, type Listed } from "../kernel/listed.ts";

export const CLAIM_ROLE = "claim";

/** Who holds a target: a SecretRotation, or the ledger entry that inherited it. */
export interface ClaimOwner {
  readonly kind: string;
  /** "" for a cluster-scoped owner. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface ClaimContent {
  readonly owner: ClaimOwner;
  /** Canonical JSON given by the caller: what the ledger needs should the owner be found gone. Never a secret. */
  readonly snapshot: string;
  /** The highest sequence number handed out for the target; only grows. */
  readonly sequence?: number | undefined;
}

/** One target, one owner: as it stands in the cluster, with what a later write is conditioned on. */
export interface Claim extends ClaimContent {
  readonly target: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly createdAt: string | undefined;
}

export type ClaimOutcome =
  | { readonly kind: "made"; readonly claim: Claim }
  /** It was there and its owner's UID is the same. The content is as it was: `update` changes it. */
  | { readonly kind: "ours"; readonly claim: Claim }
  | { readonly kind: "held"; readonly by: ClaimOwner };

/**
 * ConfigMaps in the operator's namespace, named by a hash of the target (`awsAccessKey/<account>/<user>`, `secret/…`, `kv/…`), so
 * that create-only decides between claimants in any namespace or shard. Every read is live.
 */
export interface ClaimStore {
  /** Undefined when nobody holds it. Conflict when what lies there is not a claim or cannot be read: a person must look. */
  read(target: string): Promise<Claim | undefined>;
  make(target: string, content: ClaimContent): Promise<ClaimOutcome>;
  /** Changes snapshot or sequence under the claim's resourceVersion; Conflict when somebody wrote in between. */
  update(claim: Claim, change: { readonly snapshot?: string; readonly sequence?: number | undefined }): Promise<Claim>;
  /** Gives it to another owner under the claim's resourceVersion. The caller has seen by a live read that the old owner is gone. */
  takeOver(claim: Claim, to: ClaimOwner, change?: { readonly snapshot?: string }): Promise<Claim>;
  /** Removes it if it belongs to the UID. */
  release(target: string, ownerUid: string): Promise<"released" | "alreadyAbsent" | "foreign">;
  /** Every claim. Left out are ConfigMaps that carry our label and make no sense, or could not be read. */
  list(): Promise<Listed<Claim>>;
}

export const claimName = (target: string): string => `keyturn-claim-${hashName(target)}`;

export const claimStore = (cluster: ClusterClient, operatorNamespace: string): ClaimStore => {
  const refOf = (target: string): ObjectRef => ({
    kind: CONFIG_MAPS,
    namespace: operatorNamespace,
    name: claimName(target),
  });

  const read = async (target: string): Promise<Claim | undefined> => {
    const found = await cluster.get<ConfigMap>(refOf(target));
    if (found === undefined) return undefined;
    const claim = parsed(found);
    if (claim?.target !== target) throw unreadable(found.metadata.name);
    return claim;
  };

  const replace = async (claim: Claim, content: ClaimContent): Promise<Claim> => {
    const ref = refOf(claim.target);
    const before = await cluster.get<ConfigMap>(ref);
    if (before === undefined || before.metadata.uid !== claim.uid) throw changed();
    // The resourceVersion of the claim in hand, not of this read: what was decided was decided on that.
    const metadata = { ...before.metadata, resourceVersion: claim.resourceVersion };
    const after = await cluster.replace<ConfigMap>(ref, { ...before, metadata, data: dataOf(claim.target, content) });
    const written = parsed(after);
    if (written === undefined) throw unreadable(ref.name);
    return written;
  };

  return {
    read,

    async make(target, content) {
      const ref = refOf(target);
      const fresh: NewObject = {
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: {
          name: ref.name,
          namespace: operatorNamespace,
          labels: {
            [MANAGED_BY.label]: MANAGED_BY.value,
            [ROLE_LABEL]: CLAIM_ROLE,
            [CLAIM_FORM.label]: CLAIM_FORM.value,
          },
        },
        data: dataOf(target, content),
      };
      try {
        const claim = parsed(await cluster.create<ConfigMap>(ref, fresh));
        if (claim === undefined) throw unreadable(ref.name);
        return { kind: "made", claim };
      } catch (error) {
        if (!(error instanceof OperatorError) || error.code !== "AlreadyExists") throw error;
      }
      const present = await read(target);
      // Released between the two calls: the next pass makes it.
      if (present === undefined) throw changed();
      return present.owner.uid === content.owner.uid
        ? { kind: "ours", claim: present }
        : { kind: "held", by: present.owner };
    },

    update: (claim, change) => {
      const sequence = Math.max(claim.sequence ?? 0, change.sequence ?? 0);
      return replace(claim, {
        owner: claim.owner,
        snapshot: change.snapshot ?? claim.snapshot,
        ...(sequence > 0 ? { sequence } : {}),
      });
    },

    takeOver: (claim, to, change = {}) =>
      replace(claim, { owner: to, snapshot: change.snapshot ?? claim.snapshot, sequence: claim.sequence }),

    async release(target, ownerUid) {
      const claim = await read(target);
      if (claim === undefined) return "alreadyAbsent";
      if (claim.owner.uid !== ownerUid) return "foreign";
      const { uid, resourceVersion } = claim;
      return (await cluster.delete(refOf(target), { uid, resourceVersion })) ? "released" : "alreadyAbsent";
    },

    async list() {
      const found = await cluster.list<ConfigMap>(CONFIG_MAPS, {
        namespace: operatorNamespace,
        labelSelector: `${ROLE_LABEL}=${CLAIM_ROLE}`,
      });
      const claims: Claim[] = [];
      const leftOut = [...leftOutOf(found)];
      for (const object of readableOf(found)) {
        const claim = parsed(object);
        if (claim === undefined) leftOut.push(malformed(object));
        else claims.push(claim);
      }
      return listedOf(claims, leftOut);
    },
  };
};

const dataOf = (target: string, content: ClaimContent): Readonly<Record<string, string>> => ({
  target,
  ownerKind: content.owner.kind,
  ownerNamespace: content.owner.namespace,
  ownerName: content.owner.name,
  ownerUid: content.owner.uid,
  snapshot: content.snapshot,
  ...(content.sequence === undefined ? {} : { sequence: String(content.sequence) }),
});

/** Undefined when it is no claim, or its name does not follow from its target. */
const parsed = (object: ConfigMap): Claim | undefined => {
  const { target, ownerKind, ownerNamespace, ownerName, ownerUid, snapshot, sequence } = object.data ?? {};
  if (!target || !ownerKind || ownerNamespace === undefined || !ownerName || !ownerUid || snapshot === undefined) {
    return undefined;
  }
  const labelled = object.metadata.labels?.[ROLE_LABEL] === CLAIM_ROLE;
  if (!labelled || object.metadata.name !== claimName(target)) return undefined;
  if (sequence !== undefined && !/^\d{1,15}$/.test(sequence)) return undefined;
  return {
    target,
    owner: { kind: ownerKind, namespace: ownerNamespace, name: ownerName, uid: ownerUid },
    snapshot,
    ...(sequence === undefined ? {} : { sequence: Number(sequence) }),
    uid: object.metadata.uid,
    resourceVersion: object.metadata.resourceVersion,
    createdAt: object.metadata.creationTimestamp,
  };
};

const malformed = ({ metadata: { namespace, name, uid } }: ConfigMap): LeftOut => ({
  namespace,
  name,
  uid,
  why: "Malformed",
});

const changed = (): OperatorError =>
  new OperatorError("Conflict", { publicMessage: "The claim was changed by somebody else in between.", status: 409 });

const unreadable = (name: string): OperatorError =>
  new OperatorError("Conflict", { publicMessage: `ConfigMap ${name} is in the place of a claim and cannot be read.` });
