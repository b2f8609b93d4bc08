import { KEEP, LEAKED } from "../../api/v1alpha1/annotations.ts";
import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { OrphanSpec } from "../../domain/orphan/record.ts";
import { hasEnded, viewIdentity } from "../../domain/rotation/identity.ts";
import { readableOf } from "../../kernel/listed.ts";
import { without } from "../../kernel/without.ts";
import type { Ports } from "../ports.ts";
import { isLedgerOf, isReleased, orphanRef } from "./entry.ts";

/** What somebody has declared about an entry that a limit holds back. None of it asks for a permit. */

/** How a limit holds an entry back: not decided yet, or kept in use by a person. */
export type HeldBack = "Held" | "Kept";

/**
 * Undefined: the entry goes on, because no limit holds it, a person has released it, its credential has leaked, its own end has come or its
 * identity has been ended. IdentityHolds are asked for by who calls.
 */
export const heldBack = (
  entry: OrphanedCredential,
  ports: Pick<Ports, "identitiesIn">,
  now: Date,
): HeldBack | undefined => {
  const { metadata, spec } = entry;
  if (spec.held !== "LimitReached" || isReleased(entry)) return undefined;
  const leaked = metadata.annotations?.[LEAKED] ?? "";
  if (leaked !== "" || hasCome(spec.until, now) || isIdentityOver(entry, ports, now)) return undefined;
  return metadata.annotations?.[KEEP] === "true" ? "Kept" : "Held";
};

/** How many entries of each namespace a limit holds back in use, about which no person has decided. */
export const overflowByNamespace = (
  entries: readonly OrphanedCredential[],
  ports: Pick<Ports, "identitiesIn" | "clock">,
): ReadonlyMap<string, number> => {
  const now = ports.clock.now();
  const identities = new Map<string, ReturnType<Ports["identitiesIn"]>>();
  // Looked up once a namespace: a prune leaves hundreds of entries.
  const identitiesIn = (namespace: string): ReturnType<Ports["identitiesIn"]> => {
    const known = identities.get(namespace) ?? ports.identitiesIn(namespace);
    identities.set(namespace, known);
    return known;
  };
  const counts = new Map<string, number>();
  for (const entry of entries) {
    const { namespace } = entry.spec.origin;
    if (entry.status?.holds !== undefined || heldBack(entry, { identitiesIn }, now) !== "Held") continue;
    counts.set(namespace, (counts.get(namespace) ?? 0) + 1);
  }
  return counts;
};

/**
 * Is an identity that is gone, or is being deleted, still in use, because a limit holds it back or has not answered yet? Its credentials are
 * then neither made nor ended. `object`: as it is now; undefined: it is gone.
 */
export const isIdentityHeldBack = async (
  object: ServiceAccountLifecycle | undefined,
  uid: string | undefined,
  ports: Pick<Ports, "cluster" | "identitiesIn">,
  now: Date,
): Promise<boolean> => {
  if (uid === undefined || hasIdentityEnded(object, now)) return false;
  if (object !== undefined && object.metadata.deletionTimestamp === undefined) return false;
  const entry = await ports.cluster.get<OrphanedCredential>(orphanRef(uid, "ServiceAccountLifecycle"));
  if (entry === undefined) return object !== undefined;
  return entry.status?.holds === undefined && heldBack(entry, ports, now) !== undefined;
};

/** When a limit stops holding the entry back by itself; undefined: never. */
export const endOfHeld = ({ spec }: Pick<OrphanedCredential, "spec">): Date | undefined =>
  spec.until === undefined ? undefined : new Date(spec.until);

const hasCome = (until: string | undefined, now: Date): boolean =>
  until !== undefined && !(Date.parse(until) > now.getTime());

/** Of what a SecretRotation left: has the identity that it belonged to been suspended, decommissioned or held, or has it expired? */
const isIdentityOver = (
  { metadata, spec }: OrphanedCredential,
  ports: Pick<Ports, "identitiesIn">,
  now: Date,
): boolean => {
  const { kind, namespace } = spec.origin;
  if (kind !== "SecretRotation") return false;
  const identity = readableOf(ports.identitiesIn(namespace)).find((each) =>
    isLedgerOf(metadata, { namespace, name: each.metadata.name }),
  );
  return hasIdentityEnded(identity, now);
};

/** A declaration ends it; that it is being deleted, or gone, is no declaration. */
export const hasIdentityEnded = (identity: ServiceAccountLifecycle | undefined, now: Date): boolean => {
  if (identity === undefined) return false;
  const object = { ...identity, metadata: without(identity.metadata, "deletionTimestamp") };
  return hasEnded(viewIdentity({ name: object.metadata.name, object, seenBefore: true, now }).state);
};

export const identityNamed = (
  ports: Pick<Ports, "identitiesIn">,
  namespace: string,
  name: string | undefined,
): ServiceAccountLifecycle | undefined =>
  name === undefined
    ? undefined
    : readableOf(ports.identitiesIn(namespace)).find(({ metadata }) => metadata.name === name);

/** A limit holds what a SecretRotation left; the end of its identity comes all the same. */
export const heldUntil = (identity: ServiceAccountLifecycle | undefined): Pick<OrphanSpec, "held" | "until"> => {
  const end = identity?.spec.expiresAt;
  return { held: "LimitReached", ...(end === undefined ? {} : { until: end }) };
};
