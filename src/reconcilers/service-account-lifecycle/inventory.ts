import { LEAKED, REVIEWED_AT } from "../../api/v1alpha1/annotations.ts";
import { SECRET_ROTATION, type SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import { inventoried, reviewed } from "../../domain/lifecycle/transitions.ts";
import type { KnownCredentials } from "../../domain/lifecycle/reopening.ts";
import type { PendingRevocation, RotationStatus } from "../../domain/rotation/record.ts";
import type { Ports } from "../ports.ts";
import type { InForce, LifecycleScope } from "./scope.ts";
import { wholeOf } from "../../kernel/listed.ts";

/** What was found at the providers and is not ours to touch. */
export interface Unmanaged {
  readonly credentials: readonly string[];
  readonly grants: readonly string[];
}

/**
 * What the providers list, when every account was looked at in this pass and every SecretRotation of the namespace could be read; undefined
 * otherwise, and what was said before stays.
 * A credential is known when a SecretRotation of this identity has it on record.
 */
export const takeInventory = (scope: LifecycleScope, ports: Ports): Unmanaged | undefined => {
  const records = (scope.status.accounts ?? []).filter(({ state }) => state !== "Gone");
  const seen = records.map(({ name }) => scope.observed.get(name));
  if (records.length === 0) return emptied(scope);
  if (seen.some((observation) => observation === undefined)) return undefined;
  const credentials = seen.flatMap((observation) => observation?.credentials ?? []);
  const known = credentials.length === 0 ? new Set<string>() : knownIds(scope, ports);
  if (known === undefined) return undefined;
  const unknown = credentials.map(({ id }) => id).filter((id) => !known.has(id));
  scope.status = inventoried(scope.status, { createdAt: credentials.map(({ createdAt }) => createdAt), unknown });
  return { credentials: unknown, grants: seen.flatMap((observation) => observation?.foreignGrants ?? []) };
};

/** Nothing stands any more: what was listed went with it. */
const emptied = (scope: LifecycleScope): Unmanaged => {
  const { inventory } = scope.status;
  if (inventory !== undefined) scope.status = inventoried(scope.status, { createdAt: [], unknown: [] });
  return { credentials: [], grants: [] };
};

const knownIds = ({ request }: LifecycleScope, ports: Ports): ReadonlySet<string> | undefined => {
  const rotations = ports.rotationsIn(request.namespace);
  if (rotations.kind === "Partial") return undefined;
  const own = rotations.items.filter((rotation) => refersTo(rotation, request.name));
  return new Set(own.flatMap(({ status }) => idsOf(status ?? {})));
};

/** Does the SecretRotation belong to this identity? */
export const refersTo = ({ spec }: Pick<SecretRotation, "spec">, identity: string): boolean =>
  spec.identityRef?.name === identity;

/** Every id that a rotation answers for. */
export const idsOf = (status: RotationStatus): readonly string[] => heldBy(status).map(({ id }) => id);

interface HeldCredential {
  readonly id: string;
  readonly version: string;
  readonly leaked?: boolean;
  /** Of one that is to be revoked: what was found or rejected, or is switched off by now, is not in use any more. */
  readonly why?: PendingRevocation["why"];
  readonly disabledAt?: string;
}

const heldBy = ({ current, rotation, pendingRevocations }: RotationStatus): readonly HeldCredential[] => [
  ...(current === undefined ? [] : [current]),
  ...(rotation?.credential === undefined ? [] : [{ id: rotation.credential.id, version: rotation.version }]),
  ...(rotation?.previous === undefined ? [] : [rotation.previous]),
  ...(pendingRevocations ?? []),
];

/**
 * What every SecretRotation of the namespace has in use now, whatever identity it names: an id is the provider's, and only the operator
 * writes it there. A leak that somebody has reported counts before its rotation has taken it up. Throws when they cannot be read.
 */
export const readKnown = async (namespace: string, { cluster }: Pick<Ports, "cluster">): Promise<KnownCredentials> => {
  const rotations = wholeOf("SecretRotations", await cluster.list<SecretRotation>(SECRET_ROTATION, { namespace }));
  const held = rotations.flatMap(({ metadata, status }) =>
    heldBy(status ?? {}).map((each) => ({ ...each, reported: metadata.annotations?.[LEAKED] === each.version })),
  );
  return {
    onRecord: held
      .filter(({ why, disabledAt }) => why !== "Stray" && why !== "Rejected" && disabledAt === undefined)
      .map(({ id }) => id),
    leaked: held.filter(({ leaked, reported }) => leaked === true || reported).map(({ id }) => id),
  };
};

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** The review's clock; an attestation that cannot be read or lies ahead is ignored, and people are told. */
export const keepReview = (scope: LifecycleScope, inForce: InForce): void => {
  const text = scope.object.metadata.annotations?.[REVIEWED_AT];
  const at = text !== undefined && RFC3339.test(text) ? new Date(text) : undefined;
  const readable = at !== undefined && !Number.isNaN(at.getTime());
  if (text !== undefined && (!readable || at > scope.now)) {
    scope.events.push({
      type: "Warning",
      reason: "InvalidAnnotation",
      action: "Review",
      note: `The annotation ${REVIEWED_AT} is not a past RFC 3339 time such as 2026-12-31T22:00:00Z; it is ignored.`,
    });
  }
  scope.status = reviewed(scope.status, {
    everyMs: inForce.settings.reviewEveryMs,
    reviewedAt: readable ? at : undefined,
    createdAt: new Date(scope.object.metadata.creationTimestamp ?? scope.now),
    now: scope.now,
  });
};
