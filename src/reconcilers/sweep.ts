import { SECRET_ROTATION } from "../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject } from "../cluster/contract.ts";
import { orphanSource, type OrphanSpec } from "../domain/orphan/record.ts";
import { isSourceClaim, thawed, type FrozenSource } from "../domain/rotation/source.ts";
import type { DeliveryPlace, DeliveryRecord } from "../domain/rotation/record.ts";
import { timeText } from "../kernel/time-text.ts";
import type { PassContext } from "../engine/contract.ts";
import { toOperatorError } from "../kernel/errors.ts";
import { digest } from "../kernel/ids.ts";
import type { Claim } from "../stores/claims.ts";
import { inTurn } from "../domain/limits/permits.ts";
import { permitForOffboarding } from "./limits.ts";
import { hasIdentityEnded, heldUntil, identityNamed } from "./orphan/declared.ts";
import { orphanRef, writeOrphan } from "./orphan/entry.ts";
import type { Ports } from "./ports.ts";
import { recoverFrom } from "./sweep-identities.ts";
import { wholeOf, type Listed } from "../kernel/listed.ts";

interface TargetSnapshot {
  /** As it was found out: of an account of an identity, the account's user. */
  readonly source: FrozenSource;
  readonly deletion: { readonly policy: "Delete" | "Disable" | "Retain"; readonly holdMs: number };
  readonly exclusive: boolean;
  /** Name of the identity that the credentials belong to. */
  readonly identity?: string;
  /** What existed before and no rotation has replaced yet: it stays as it is. */
  readonly adopted?: { readonly id: string; readonly places: readonly string[] };
}

type StagedOwner = Awaited<ReturnType<Ports["staging"]["listOwners"]>> extends Listed<infer T> ? T : never;

/**
 * Claims and staging cannot be owned across namespaces, so nothing collects them when a resource vanishes without us (its
 * finalizer was taken off by hand). At start and at every resync each owner is looked up live; what a missing one left behind
 * becomes a ledger entry. While a claim or a staged value cannot be read, a missing owner may have it: then nothing is swept.
 */
export const sweep = async (ports: Ports, { log, signal }: Pick<PassContext, "log" | "signal">): Promise<void> => {
  const claims = await allClaims(ports);
  const owners = new Map<string, Owner>();
  for (const { owner } of claims) owners.set(owner.uid, { ...owner, kind: kindOf(owner) });
  for (const owner of await allStaged(ports)) owners.set(owner.uid, { ...owner, kind: "SecretRotation" });

  // Permits go round between namespaces.
  for (const owner of inTurn([...owners.values()], ({ namespace }) => namespace)) {
    if (signal.aborted) return;
    const targets = claims.filter((claim) => claim.owner.uid === owner.uid).map(({ target }) => target);
    // One that cannot be put right holds up nobody else.
    await sweepOne(ports, log, owner, targets).catch((thrown: unknown) => {
      if (PASSING.includes(toOperatorError(thrown).code)) throw thrown;
      log.warn("What a vanished resource left could not be swept; it is tried again at the next round", {
        namespace: owner.namespace,
        name: owner.name,
        error: thrown,
      });
    });
  }
};

const sweepOne = async (
  ports: Ports,
  log: PassContext["log"],
  owner: Owner,
  targets: readonly string[],
): Promise<void> => {
  const { kind, namespace, name } = owner;
  const object = await ports.cluster.get<KubeObject>({ kind: KINDS[kind], namespace, name });
  if (object?.metadata.uid === owner.uid) return;
  if ((await ports.cluster.get(orphanRef(owner.uid, kind))) !== undefined) return;
  // An entry goes after its claims and staged values: one that has ended since the lists were read leaves none of them.
  const claims = await claimsOf(ports, owner.uid, targets);
  const staged = (await allStaged(ports)).find(({ uid }) => uid === owner.uid);
  if (claims.length === 0 && staged === undefined) return;
  if (kind === "ServiceAccountLifecycle") await recoverFrom(ports, owner, claims);
  else await recover(ports, { owner, claims, staged, hasSuccessor: object !== undefined });
  log.warn("A resource vanished without its finalizer; what it left goes to the ledger", { namespace, name });
};

/** Throws Unavailable, with the names, while one cannot be read. */
const allClaims = async ({ claims }: Pick<Ports, "claims">): Promise<readonly Claim[]> =>
  wholeOf("claims", await claims.list());

const allStaged = async ({ staging }: Pick<Ports, "staging">): Promise<readonly StagedOwner[]> =>
  wholeOf("staged credentials", await staging.listOwners());

/** Those of these targets that the owner holds now. */
const claimsOf = async (ports: Ports, uid: string, targets: readonly string[]): Promise<readonly Claim[]> => {
  const found: Claim[] = [];
  for (const target of targets) {
    const claim = await ports.claims.read(target);
    if (claim?.owner.uid === uid) found.push(claim);
  }
  return found;
};

/** The API server is away or slow: that is no fault of this one resource, and the next would fare no better. */
const PASSING: readonly string[] = ["Unavailable", "Timeout", "Throttled", "Aborted"];

interface Owner {
  readonly kind: keyof typeof KINDS;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

const KINDS = { SecretRotation: SECRET_ROTATION, ServiceAccountLifecycle: SERVICE_ACCOUNT_LIFECYCLE } as const;

const kindOf = ({ kind }: { readonly kind: string }): Owner["kind"] =>
  kind === SERVICE_ACCOUNT_LIFECYCLE.kind ? "ServiceAccountLifecycle" : "SecretRotation";

/** The same for one owner that is known to be gone: its entry is written, and may be inherited. */
export const recoverOwner = async (
  ports: Ports,
  owner: { readonly namespace: string; readonly name: string; readonly uid: string },
): Promise<void> => {
  const claims = await allClaims(ports);
  const staged = await allStaged(ports);
  await recover(ports, {
    owner,
    claims: claims.filter((claim) => claim.owner.uid === owner.uid),
    staged: staged.find(({ uid }) => uid === owner.uid),
    hasSuccessor: false,
  });
};

const recover = async (
  ports: Ports,
  left: {
    readonly owner: { readonly namespace: string; readonly name: string; readonly uid: string };
    readonly claims: readonly Claim[];
    readonly staged: StagedOwner | undefined;
    readonly hasSuccessor: boolean;
  },
): Promise<void> => {
  const target = left.claims.find((claim) => isSourceClaim(claim.target));
  if (target === undefined) {
    // The successor holds the target's claim already (or nobody ever did): only places and values are left over.
    if (!left.hasSuccessor) await releaseRest(ports, left.owner.uid, left.claims);
    return;
  }
  const snapshot = JSON.parse(target.snapshot) as TargetSnapshot;
  if (snapshot.deletion.policy === "Retain") {
    // What is held keeps nothing; while that is not known, Retain is not obeyed either.
    if (!ports.holds.read()) return;
    if (!isHeld(ports, left.owner, { snapshot, target: target.target })) {
      await releaseRest(ports, left.owner.uid, left.claims);
      return;
    }
  }
  const source = thawed(snapshot.source);
  if (source === undefined) return;
  const { adopted } = snapshot;
  const versions = (left.staged?.versions ?? []).filter(({ id }) => id !== adopted?.id);
  const { namespace, name, uid } = left.owner;
  const identity = identityNamed(ports, namespace, snapshot.identity);
  const now = ports.cluster.serverTime()?.now ?? ports.clock.now();
  const ends = hasIdentityEnded(identity, now) || isHeld(ports, left.owner, { snapshot, target: target.target });
  const held = !ends && (await permitForOffboarding(ports, { key: uid, namespace, gathered: true })) !== "taken";
  const spec: OrphanSpec = {
    origin: { kind: "SecretRotation", namespace, name, uid },
    source: orphanSource(source, snapshot.exclusive),
    target: target.target,
    ...(held ? heldUntil(identity) : {}),
    stagingUid: left.owner.uid,
    policy: snapshot.deletion.policy === "Retain" ? "Delete" : snapshot.deletion.policy,
    recordedAt: timeText(now),
    holdSeconds: Math.ceil(snapshot.deletion.holdMs / 1000),
    credentials: versions,
    intents: [],
    deliveries: left.claims
      .filter((claim) => claim !== target && adopted?.places.includes(claim.target) !== true)
      .map(deliveryOf),
    sequence: Math.max(0, ...versions.map(({ version }) => Number.parseInt(version, 10) || 0)),
    ...(versions.length === 0 ? {} : { currentVersion: newest(versions) }),
  };
  await writeOrphan(ports, spec, snapshot.identity);
};

const isHeld = (
  { holds }: Ports,
  { namespace }: { readonly namespace: string },
  { snapshot, target }: { readonly snapshot: TargetSnapshot; readonly target: string },
): boolean => holds.on({ namespace, identity: snapshot.identity, targets: [target] }) !== undefined;

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
