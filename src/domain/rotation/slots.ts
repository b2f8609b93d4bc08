import type { PlanInput, RotationAction } from "./action.ts";
import type { RetirementWait } from "./retire.ts";
import { MOST_PENDING_REVOCATIONS } from "./transitions.ts";

/** Room for one more credential, made by deleting early what is disabled already; undefined when there is room. */
export const freeSlot = (input: PlanInput, retirement: RetirementWait): RotationAction | undefined => {
  const live = input.listing?.length ?? 0;
  const recordFull = (input.status.pendingRevocations ?? []).length >= MOST_PENDING_REVOCATIONS;
  if (live < input.facts.slots && !recordFull) return undefined;
  const retired = input.status.pendingRevocations?.find(
    (entry) => entry.disabledAt !== undefined && entry.deletedAt === undefined && entry.why !== "Stray",
  );
  if (retired !== undefined) return { type: "revoke", id: retired.id, onlyIfNeverUsed: false };
  if ((input.status.pendingRevocations ?? []).length > 0) {
    return {
      type: "wait",
      for: "FreeSlot",
      ...(retirement.recheckAt === undefined ? {} : { recheckAt: retirement.recheckAt }),
    };
  }
  return { type: "stall", reason: "SlotsFull", about: input.settings.source.userName };
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
