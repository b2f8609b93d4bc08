import type { ObservedId } from "../rotation/action.ts";
import type { OrphanStatus, RotationOrphan } from "./record.ts";

export interface OrphanInput {
  readonly now: Date;
  readonly spec: RotationOrphan;
  readonly status: OrphanStatus;
  /** The resource whose ledger entry this is still exists and acts for itself. */
  readonly originAlive: boolean;
  /** A limit holds the entry back: not decided yet, or kept in use by a person. Undefined: nothing does. */
  readonly held: "Held" | "Kept" | undefined;
  /** When that ends by itself. */
  readonly heldEnds?: Date | undefined;
  /** A successor has taken the claim: nothing here may be touched any more. */
  readonly takenOver: boolean;
  /** Its claim is gone, though it has not finished: somebody who had taken the target over has ended it. */
  readonly unclaimed: boolean;
  readonly listing?: readonly ObservedId[] | undefined;
  /** Credentials about which a step failed, or was done already, in this pass: the others go on. */
  readonly setAside?: ReadonlySet<string>;
  readonly attributionWindowMs: number;
  /** Of the source: it needs no intents, and lists nothing. */
  readonly leavesNothing: boolean;
  readonly canDisable: boolean;
  readonly marks: boolean;
}

export type OrphanAction =
  | {
      readonly type: "wait";
      readonly for: "Origin" | "Held" | "Kept" | "Hold" | "AttributionWindow" | "TakenOver" | "Retained";
      readonly recheckAt?: Date;
    }
  | { readonly type: "observe" }
  | { readonly type: "recordStray"; readonly id: string }
  | { readonly type: "disable"; readonly id: string; readonly version: string }
  | { readonly type: "revoke"; readonly id: string; readonly version: string }
  | { readonly type: "prove"; readonly id: string; readonly version: string }
  | { readonly type: "withdraw" }
  | { readonly type: "finish" };

const GRAIN_MS = 1000;

/**
 * The ledger's protocol: disable what still works, hold, delete, prove, withdraw what was delivered, list once more when no
 * late answer can come any more, and only then let claim and entry go.
 */
export const planOrphan = (input: OrphanInput): OrphanAction => {
  if (input.takenOver) return { type: "wait", for: "TakenOver" };
  if (input.originAlive)
    return { type: "wait", for: "Origin", recheckAt: new Date(input.now.getTime() + ORIGIN_PAUSE_MS) };
  if (input.held !== undefined)
    return {
      type: "wait",
      for: input.held,
      ...(input.heldEnds === undefined ? {} : { recheckAt: input.heldEnds }),
    };
  if (input.listing === undefined) return { type: "observe" };

  const stray = input.listing.find((observed) => isStray(input, observed));
  if (stray !== undefined) return { type: "recordStray", id: stray.id };

  const all =
    input.status.credentials ?? input.spec.credentials.map((entry) => ({ ...entry, state: "Pending" as const }));
  const credentials = all.filter(({ id }) => input.setAside?.has(id) !== true);
  const enabled = credentials.find(({ id }) =>
    input.listing?.some((observed) => observed.id === id && observed.enabled),
  );
  if (enabled !== undefined && input.canDisable) return { type: "disable", id: enabled.id, version: enabled.version };
  const nothingHeld = isNothingHeld(input, credentials);
  if (input.spec.policy === "Disable" && !nothingHeld) return { type: "wait", for: "Retained" };

  const heldUntil = new Date(Date.parse(input.spec.recordedAt) + input.spec.holdSeconds * 1000 + GRAIN_MS);
  if (heldUntil > input.now && !nothingHeld) return { type: "wait", for: "Hold", recheckAt: heldUntil };

  // Its source lists nothing: what has not been revoked yet may still be valid.
  const unrevoked = input.leavesNothing ? credentials.find(({ state }) => state === "Pending") : undefined;
  if (unrevoked !== undefined) return { type: "revoke", id: unrevoked.id, version: unrevoked.version };
  const listed = credentials.find(({ id }) => input.listing?.some((observed) => observed.id === id));
  if (listed !== undefined) return { type: "revoke", id: listed.id, version: listed.version };
  const unproven = credentials.find(({ state }) => state !== "Proven");
  if (unproven !== undefined) return { type: "prove", id: unproven.id, version: unproven.version };
  // Of those the pass says how it fared.
  if (all.some(({ id, state }) => state !== "Proven" && input.setAside?.has(id) === true))
    return { type: "wait", for: "Hold", recheckAt: new Date(input.now.getTime() + GRAIN_MS) };
  if (input.status.withdrawn !== true && input.spec.deliveries.length > 0) return { type: "withdraw" };

  // No intent means no answer that could still come.
  if (input.leavesNothing) return { type: "finish" };
  const quietAt = new Date(lastIntentClosed(input.spec) + input.attributionWindowMs + GRAIN_MS);
  if (quietAt > input.now) return { type: "wait", for: "AttributionWindow", recheckAt: quietAt };
  return { type: "finish" };
};

/** A hold is for undoing. Where the claim and every credential are gone there is nothing to undo. */
const isNothingHeld = (
  { unclaimed, leavesNothing, listing }: OrphanInput,
  credentials: readonly { readonly id: string }[],
): boolean =>
  unclaimed && !leavesNothing && !credentials.some(({ id }) => listing?.some((observed) => observed.id === id));

const ORIGIN_PAUSE_MS = 5000;

/** An open intent ends with the resource. */
const lastIntentClosed = (spec: RotationOrphan): number =>
  Math.max(Date.parse(spec.recordedAt), ...spec.intents.map(({ closedAt }) => Date.parse(closedAt)));

const CLOCK_GRAIN_MS = 2000;

const isStray = ({ spec, status, attributionWindowMs, marks }: OrphanInput, observed: ObservedId): boolean => {
  if (!marks && spec.source.awsAccessKey?.exclusive !== true) return false;
  const known = [...spec.credentials, ...(status.credentials ?? [])].some(({ id }) => id === observed.id);
  if (known) return false;
  if (marks) return spec.intents.some(({ id }) => id === observed.mark);
  return spec.intents.some(
    (intent) =>
      !intent.knownIds.includes(observed.id) &&
      observed.createdAt.getTime() >= Date.parse(intent.providerTime) - CLOCK_GRAIN_MS &&
      observed.createdAt.getTime() <= Date.parse(intent.closedAt) + attributionWindowMs,
  );
};
