import { SECRET_ROTATION, type SecretRotation, type SecretRotationSpec } from "../api/v1alpha1/secret-rotation.ts";
import type { OrphanSpec } from "../domain/orphan/record.ts";
import type { DeliveryPlace, DeliveryRecord } from "../domain/rotation/record.ts";
import { timeText } from "../domain/rotation/transitions.ts";
import type { PassContext } from "../engine/contract.ts";
import { digest } from "../kernel/ids.ts";
import type { Claim } from "../stores/claims.ts";
import { orphanRef, writeOrphan } from "./orphan/entry.ts";
import type { Ports } from "./ports.ts";

interface TargetSnapshot {
  readonly source: SecretRotationSpec["source"];
  readonly deletion: { readonly policy: "Delete" | "Disable" | "Retain"; readonly holdMs: number };
  readonly exclusive: boolean;
}

type StagedOwner = Awaited<ReturnType<Ports["staging"]["listOwners"]>>[number];

/**
 * Claims and staging cannot be owned across namespaces, so nothing collects them when a resource vanishes without us (its
 * finalizer was taken off by hand). At start and at every resync each owner is looked up live; what a missing one left behind
 * becomes a ledger entry.
 */
export const sweep = async (ports: Ports, { log, signal }: Pick<PassContext, "log" | "signal">): Promise<void> => {
  const { claims, unreadable } = await ports.claims.list();
  if (unreadable.length > 0)
    log.error("ConfigMaps in the place of claims cannot be read", { names: unreadable, error: undefined });
  const staged = await ports.staging.listOwners();
  const owners = new Map<string, { readonly namespace: string; readonly name: string; readonly uid: string }>();
  for (const { owner } of claims) owners.set(owner.uid, owner);
  for (const owner of staged) owners.set(owner.uid, owner);

  for (const owner of owners.values()) {
    if (signal.aborted) return;
    const object = await ports.cluster.get<SecretRotation>({
      kind: SECRET_ROTATION,
      namespace: owner.namespace,
      name: owner.name,
    });
    if (object?.metadata.uid === owner.uid) continue;
    if ((await ports.cluster.get(orphanRef(owner.uid))) !== undefined) continue;
    await recover(ports, {
      owner,
      claims: claims.filter((claim) => claim.owner.uid === owner.uid),
      staged: staged.find(({ uid }) => uid === owner.uid),
      successor: object,
    });
    log.warn("A resource vanished without its finalizer; what it left goes to the ledger", {
      namespace: owner.namespace,
      name: owner.name,
    });
  }
};

/** The same for one owner that is known to be gone: its entry is written, and may be inherited. */
export const recoverOwner = async (
  ports: Ports,
  owner: { readonly namespace: string; readonly name: string; readonly uid: string },
): Promise<void> => {
  const { claims } = await ports.claims.list();
  const staged = await ports.staging.listOwners();
  await recover(ports, {
    owner,
    claims: claims.filter((claim) => claim.owner.uid === owner.uid),
    staged: staged.find(({ uid }) => uid === owner.uid),
    successor: undefined,
  });
};

const recover = async (
  ports: Ports,
  left: {
    readonly owner: { readonly namespace: string; readonly name: string; readonly uid: string };
    readonly claims: readonly Claim[];
    readonly staged: StagedOwner | undefined;
    readonly successor: SecretRotation | undefined;
  },
): Promise<void> => {
  const target = left.claims.find((claim) => claim.target.startsWith("aws-access-key/"));
  if (target === undefined) {
    // The successor holds the target's claim already (or nobody ever did): only places and values are left over.
    if (left.successor === undefined) await releaseRest(ports, left.owner.uid, left.claims);
    return;
  }
  const snapshot = JSON.parse(target.snapshot) as TargetSnapshot;
  if (snapshot.deletion.policy === "Retain") {
    await releaseRest(ports, left.owner.uid, left.claims);
    return;
  }
  const key = snapshot.source.awsAccessKey;
  if (key === undefined) return;
  const versions = left.staged?.versions ?? [];
  const spec: OrphanSpec = {
    origin: { kind: "SecretRotation", ...left.owner },
    source: {
      awsAccessKey: { connectionRef: key.connectionRef, userName: key.userName, exclusive: snapshot.exclusive },
    },
    target: target.target,
    stagingUid: left.owner.uid,
    policy: snapshot.deletion.policy,
    recordedAt: timeText(ports.cluster.serverTime()?.now ?? ports.clock.now()),
    holdSeconds: Math.ceil(snapshot.deletion.holdMs / 1000),
    credentials: versions,
    intents: [],
    deliveries: left.claims.filter((claim) => claim !== target).map(deliveryOf),
    sequence: Math.max(0, ...versions.map(({ version }) => Number.parseInt(version, 10) || 0)),
    ...(versions.length === 0 ? {} : { currentVersion: newest(versions) }),
  };
  await writeOrphan(ports, spec);
};

const newest = (versions: readonly { readonly version: string }[]): string =>
  [...versions].sort((a, b) => Number.parseInt(b.version, 10) - Number.parseInt(a.version, 10))[0]?.version ?? "";

const deliveryOf = (claim: Claim): DeliveryRecord => {
  const { delivery } = JSON.parse(claim.snapshot) as { readonly delivery: DeliveryPlace };
  return {
    name: claim.target.slice(-63),
    version: "0-unknown",
    target: claim.target,
    place: delivery,
    digest: digest(delivery),
  };
};

const releaseRest = async (ports: Ports, uid: string, claims: readonly Claim[]): Promise<void> => {
  await ports.staging.keepOnly(uid, []);
  for (const { target } of claims) await ports.claims.release(target, uid);
};
