import type { ObservedId, PlanInput, RotationAction } from "./action.ts";
import { leaking } from "./leak.ts";
import type { RetirementWait } from "./retire.ts";
import { MOST_PENDING_REVOCATIONS } from "./ending.ts";

/** Room for one more credential, made by deleting early what is disabled already; undefined when there is room. */
export const freeSlot = (input: PlanInput, retirement: RetirementWait): RotationAction | undefined => {
  const recordFull = (input.status.pendingRevocations ?? []).length >= MOST_PENDING_REVOCATIONS;
  // The only place there is: the spec has accepted that what is in it is overwritten while it is in use.
  const alone = input.facts.overwrites === true && input.facts.slots === 1;
  if ((alone || liveIds(input).size < input.facts.slots) && !recordFull) return undefined;
  const retired = input.status.pendingRevocations?.find(
    (entry) => entry.disabledAt !== undefined && entry.deletedAt === undefined && entry.why !== "Stray",
  );
  if (retired !== undefined) return { type: "revoke", id: retired.id, onlyIfNeverUsed: false };
  // A leaked credential lives on for want of a slot: what is only in its overlap goes first.
  const [overlapping] = (input.status.pendingRevocations ?? []).filter(
    ({ why, deletedAt }) => why !== "Stray" && deletedAt === undefined,
  );
  if (overlapping !== undefined && leaking(input.status))
    return { type: "revoke", id: overlapping.id, onlyIfNeverUsed: false };
  if ((input.status.pendingRevocations ?? []).length > 0) {
    return {
      type: "wait",
      for: "FreeSlot",
      ...(retirement.recheckAt === undefined ? {} : { recheckAt: retirement.recheckAt }),
    };
  }
  return { type: "stall", reason: "SlotsFull", about: input.holder };
};

/**
 * How many slots stay taken once all that is Keyturn's to retire has gone: by the credential in use, and by what others made. At the
 * source's `slots` the next rotation has no room, and none comes by itself.
 */
export const stayingSlots = ({
  facts,
  listing,
  status: { current, rotation, pendingRevocations = [] },
}: Pick<PlanInput, "facts" | "status"> & { readonly listing: readonly Pick<ObservedId, "id">[] }): number => {
  // A place that is overwritten always has something in it, and whatever nobody is on record to use gives way.
  if (facts.overwrites === true) return current === undefined || facts.slots === 1 ? 0 : 1;
  const leaving = [...pendingRevocations, rotation?.previous, rotation?.credential].map((each) => each?.id);
  return listing.filter(({ id }) => id === current?.id || !leaving.includes(id)).length;
};

/** What takes a slot: all that is listed, and what the record knows to be there although the listing lags. */
const liveIds = (input: PlanInput): ReadonlySet<string> =>
  new Set([
    // A place that is overwritten always has something in it; it is taken only when somebody is on record to use that.
    ...(input.facts.overwrites === true ? [] : (input.listing ?? []).map(({ id }) => id)),
    ...idsInUse(input),
  ]);

/** What the record knows to be in use, or not dead yet. */
export const idsInUse = ({
  listing,
  status,
  now,
}: Pick<PlanInput, "listing" | "status" | "now">): readonly string[] => {
  const pending = (status.pendingRevocations ?? []).filter(({ deletedAt }) => deletedAt === undefined);
  const current = status.current === undefined || missing(status.current, listing, now) ? undefined : status.current.id;
  const recorded = [current, status.rotation?.credential?.id, ...pending.map(({ id }) => id)];
  return recorded.filter((id) => id !== undefined);
};

/** Somebody took it away at the provider. A young credential may simply not be listed everywhere yet. */
export const missing = (
  credential: { readonly id: string; readonly issuedAt: string },
  listing: PlanInput["listing"],
  now: Date,
): boolean =>
  listing !== undefined &&
  !listing.some(({ id }) => id === credential.id) &&
  now.getTime() - Date.parse(credential.issuedAt) > LISTED_BY_MS;

const LISTED_BY_MS = 60_000;
