import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { heldBy, holdsByName, principalOf, type HoldInForce } from "../../domain/hold/match.ts";
import type { HoldMatch } from "../../domain/hold/report.ts";
import { standingOfEntry, standingOfIdentity, standingOfRotation } from "../../domain/hold/standing.ts";
import { isSourceClaim } from "../../domain/rotation/source.ts";
import type { Claim } from "../../stores/claims.ts";
import { isLedgerOf } from "../orphan/entry.ts";

/** Everything that may be held, as the watches have shown it last. */
export interface Holdable {
  readonly identities: () => readonly ServiceAccountLifecycle[];
  readonly rotations: () => readonly SecretRotation[];
  readonly entries: () => readonly OrphanedCredential[];
}

type Metadata = ServiceAccountLifecycle["metadata"];

/** By its record, its name or a target on record: what is only declared shows on its record once its pass has seen the hold. */
export const isHeldIdentity = (hold: HoldInForce, { metadata, status }: ServiceAccountLifecycle): boolean =>
  status?.holds?.includes(hold.name) === true ||
  heldBy([hold], {
    namespace: metadata.namespace ?? "",
    identity: metadata.name,
    targets: (status?.accounts ?? []).map(({ target }) => target),
  }) !== undefined;

export const isHeldRotation = (hold: HoldInForce, { metadata, spec, status }: SecretRotation): boolean =>
  status?.holds?.includes(hold.name) === true ||
  heldBy([hold], {
    namespace: metadata.namespace ?? "",
    identity: spec.identityRef?.name,
    targets: status?.target === undefined ? [] : [status.target.claim],
  }) !== undefined;

export const isHeldEntry = (hold: HoldInForce, { metadata, spec, status }: OrphanedCredential): boolean => {
  if (status?.holds?.includes(hold.name) === true) return true;
  const { kind, namespace, name } = spec.origin;
  const identity =
    kind === "ServiceAccountLifecycle" ? name : (of: string) => isLedgerOf(metadata, { namespace, name: of });
  const targets = spec.accounts === undefined ? [spec.target] : spec.accounts.map(({ target }) => target);
  return heldBy([hold], { namespace, identity, targets }) !== undefined;
};

export interface Found {
  readonly matches: readonly HoldMatch[];
  /** Claims that what is held by name has now. */
  readonly targets: readonly string[];
}

/** What a hold matches, and the targets of what it matches by name. `named`: the claims of the targets in its spec. */
export const findMatches = (
  hold: HoldInForce,
  at: { readonly named: readonly string[]; readonly unknown: readonly string[] },
  world: Holdable,
  claims: readonly Claim[],
): Found => {
  const identities = world.identities().filter((object) => isHeldIdentity(hold, object));
  const rotations = world.rotations().filter((object) => isHeldRotation(hold, object));
  const entries = world.entries().filter((object) => isHeldEntry(hold, object));
  const owned = claims.map(({ target }) => principalOf(target));
  const unowned = at.named.filter((target) => !owned.includes(principalOf(target)));
  return {
    matches: [
      ...identities.map((object): HoldMatch => ({
        ...about("ServiceAccountLifecycle", object.metadata),
        ...standingOfIdentity(object, hold.name),
      })),
      ...rotations.map((object): HoldMatch => ({
        ...about("SecretRotation", object.metadata),
        ...standingOfRotation(object, hold.name, identityStanding(hold, object, identities)),
      })),
      ...entries.map((object): HoldMatch => ({
        ...about("OrphanedCredential", object.metadata),
        ...standingOfEntry(object, hold.name),
      })),
      ...unowned.map((name): HoldMatch => ({ kind: "Target", name, state: "Foreign", message: UNOWNED })),
      ...at.unknown.map((name): HoldMatch => ({ kind: "Target", name, state: "Foreign", message: UNKNOWN })),
    ],
    targets: [...at.named, ...targetsByName(hold, { rotations, entries }, claims)],
  };
};

const UNOWNED = "no resource of Keyturn's has it; it is held should one declare it";
const UNKNOWN = "its ProviderConnection does not exist";

const about = (
  kind: HoldMatch["kind"],
  { namespace, name }: Metadata,
): Pick<HoldMatch, "kind" | "namespace" | "name"> => ({
  kind,
  ...(namespace === undefined || namespace === "" ? {} : { namespace }),
  name,
});

const identityStanding = (
  hold: HoldInForce,
  { metadata, spec }: SecretRotation,
  identities: readonly ServiceAccountLifecycle[],
): ReturnType<typeof standingOfIdentity> | undefined => {
  const named = identities.find(
    (identity) =>
      identity.metadata.namespace === metadata.namespace && identity.metadata.name === spec.identityRef?.name,
  );
  return named && standingOfIdentity(named, hold.name);
};

/**
 * The targets of what the hold matches by name, by the claims that it owns: what a resource merely declares, and somebody else has, is none.
 * What has been found by a target alone passes its other targets on to nobody.
 */
const targetsByName = (
  hold: HoldInForce,
  {
    rotations,
    entries,
  }: { readonly rotations: readonly SecretRotation[]; readonly entries: readonly OrphanedCredential[] },
  claims: readonly Claim[],
): readonly string[] => {
  const ofName = rotations.filter(({ metadata, spec }) =>
    holdsByName(hold, { namespace: metadata.namespace ?? "", identity: spec.identityRef?.name }),
  );
  const uids = new Set([
    ...ofName.map(({ metadata }) => metadata.uid),
    ...entries.filter((entry) => isHeldEntry({ ...hold, targets: [] }, entry)).map(({ spec }) => spec.origin.uid),
  ]);
  return claims
    .filter(({ owner, target }) => {
      if (owner.kind === "ServiceAccountLifecycle")
        return holdsByName(hold, { namespace: owner.namespace, identity: owner.name });
      return uids.has(owner.uid) && isSourceClaim(target);
    })
    .map(({ target }) => target);
};
