import type { PlanInput, RotationAction } from "./action.ts";
import type { RefusedLogin } from "./record.ts";

/** Vault locks out after five, many databases after three: two leave room for the people. */
export const MOST_REFUSALS = 2;
export const REFUSAL_WINDOW_MS = 15 * 60_000;
/** Times are kept in whole seconds. */
const GRAIN_MS = 1000;

/** Those that still count. */
export const recentRefusals = (all: readonly RefusedLogin[] | undefined, now: Date): readonly RefusedLogin[] =>
  (all ?? []).filter(({ at }) => Date.parse(at) + REFUSAL_WINDOW_MS + GRAIN_MS > now.getTime());

/** What this process may try now, about this version. */
export const permitFor = (
  input: Pick<PlanInput, "status" | "self" | "spentRefusals" | "now">,
  about: string,
): RefusedLogin | undefined =>
  recentRefusals(input.status.refusedLogins, input.now).find(
    (login) =>
      login.about === about && login.by === input.self && login.spent !== true && !input.spentRefusals.has(login.id),
  );

/**
 * Before a login that may be refused: it is reserved in the record, so that no restart forgets it. Undefined: it may be tried, or the target
 * locks nobody out. A reservation of another process counts as tried, for nobody can say that it was not.
 */
export const refusalPermit = (input: PlanInput, about: string): RotationAction | undefined => {
  if (!input.facts.lockout || permitFor(input, about) !== undefined) return undefined;
  const recent = recentRefusals(input.status.refusedLogins, input.now);
  if (recent.length < MOST_REFUSALS) return { type: "reserveRefusal", about };
  const oldest = Math.min(...recent.map(({ at }) => Date.parse(at)));
  return { type: "wait", for: "Lockout", recheckAt: new Date(oldest + REFUSAL_WINDOW_MS + GRAIN_MS), about };
};
