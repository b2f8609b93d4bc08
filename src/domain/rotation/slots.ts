import type { PlanInput, RotationAction } from "./action.ts";
import { leaking } from "./leak.ts";
import type { RetirementWait } from "./retire.ts";
import { MOST_PENDING_REVOCATIONS } from "./transitions.ts";

/** Room for one more credential, made by deleting early what is disabled already; undefined when there is room. */
export const freeSlot = (input: PlanInput, retirement: RetirementWait): RotationAction | undefined => {
  const live = liveIds(input).size;
  const recordFull = (input.status.pendingRevocations ?? []).length >= MOST_PENDING_REVOCATIONS;
  if (live < input.facts.slots && !recordFull) return undefined;
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

/** What takes a slot: all that is listed, and what the record knows to be there although the listing lags. */
const liveIds = ({ listing, status, now }: PlanInput): ReadonlySet<string> => {
  const pending = (status.pendingRevocations ?? []).filter(({ deletedAt }) => deletedAt === undefined);
  const current = status.current === undefined || missing(status.current, listing, now) ? undefined : status.current.id;
  const recorded = [current, status.rotation?.credential?.id, ...pending.map(({ id }) => id)];
  return new Set([...(listing ?? []).map(({ id }) => id), ...recorded.filter((id) => id !== undefined)]);
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
