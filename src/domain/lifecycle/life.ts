import { without } from "../../kernel/without.ts";
import { holdsTold, type HeldBy } from "../hold/match.ts";
import { begun } from "./leaving.ts";
import type { LifecycleState, LifecycleStatus, NewerRule } from "./record.ts";
import { wantedState, type LifecycleSettings, type WantedState } from "./settings.ts";

/**
 * An end is not undone by someone who could not have granted the access (ADR 0048). `Again`: an identity that had ended, or was about to,
 * is to be Active. `Longer`: its end is to come later than the one that was permitted last, or not at all.
 */
export type LifeQuestion = "Again" | "Longer";

type LifeRecord = Pick<LifecycleStatus, "state" | "accounts" | "permittedUntil" | "holds" | "endBeneath">;

/** What the spec in force asks for and the record has no permission for yet; undefined: nothing. */
export const lifeQuestion = (
  status: LifeRecord,
  settings: Pick<LifecycleSettings, "state" | "expiresAt">,
  now: Date,
): LifeQuestion | undefined => {
  if (wantedState(settings, now) === "Active" && endOf(status) !== undefined) return "Again";
  return isLater(settings.expiresAt, status.permittedUntil) ? "Longer" : undefined;
};

/**
 * The end that was in force at the last pass. Who is on the way back (Resuming) was permitted to when that began. Of an identity that is held
 * it is the end beneath the holds: the hold itself is none that anybody could be asked about.
 */
const endOf = ({ state, accounts, holds, endBeneath }: LifeRecord): End | undefined => {
  if ((accounts ?? []).length === 0 || state === undefined) return undefined;
  return holds === undefined ? ENDS[state] : endBeneath;
};

type End = Exclude<WantedState, "Active">;

const ENDS: Readonly<Record<LifecycleState, End | undefined>> = {
  Pending: undefined,
  Active: undefined,
  Suspending: "Suspended",
  Suspended: "Suspended",
  Resuming: undefined,
  Decommissioning: "Decommissioned",
  Decommissioned: "Decommissioned",
};

/** Is this end later than the one that was permitted? No end is later than any; where none is on record, every one is permitted. */
export const isLater = (expiresAt: Date | undefined, permittedUntil: string | undefined): boolean =>
  permittedUntil !== undefined && (expiresAt === undefined || expiresAt > new Date(permittedUntil));

/** The settings while the spec's wish to live again or longer is refused: what ended stays so, and the former end goes on counting. */
export const keptDown = (status: LifeRecord, settings: LifecycleSettings): LifecycleSettings => {
  const state = settings.state === "Active" ? (endOf(status) ?? settings.state) : settings.state;
  const { permittedUntil } = status;
  return permittedUntil !== undefined && isLater(settings.expiresAt, permittedUntil)
    ? { ...settings, state, expiresAt: new Date(permittedUntil) }
    : { ...settings, state };
};

/** An end that nobody has to be asked about, or that was permitted, is the one that a later one is measured by. */
export const endPermitted = (status: LifecycleStatus, expiresAt: Date | undefined): LifecycleStatus => {
  const permittedUntil = expiresAt?.toISOString();
  if (permittedUntil === status.permittedUntil) return status;
  return permittedUntil === undefined ? without(status, "permittedUntil") : { ...status, permittedUntil };
};

/** The same, but only where it comes no later than what is on record: an earlier end is taken at once. */
export const endShortened = (status: LifecycleStatus, expiresAt: Date | undefined): LifecycleStatus =>
  isLater(expiresAt, status.permittedUntil) ? status : endPermitted(status, expiresAt);

/** Somebody was permitted to bring the whole identity back. */
export const returnPermitted = (status: LifecycleStatus, generation: number): LifecycleStatus => ({
  ...status,
  permittedReturn: generation,
});

/** A permission to come back holds until everything is back, or is to go again. */
export const returnKept = (
  status: LifecycleStatus,
  settings: Pick<LifecycleSettings, "state" | "expiresAt">,
  now: Date,
): LifecycleStatus => {
  if (status.permittedReturn === undefined) return status;
  const underWay = wantedState(settings, now) === "Active" && (status.accounts ?? []).some(begun);
  return underWay ? status : without(status, "permittedReturn");
};

/**
 * Newer rules hold for a resource that this version sees first, or whose spec has changed since the last pass; for one that an older version
 * has on record they hold from its next change on.
 */
export const withRules = (status: LifecycleStatus, generation: number): LifecycleStatus =>
  status.rules?.includes(RETAIN) === true || status.observedGeneration === generation
    ? status
    : { ...status, rules: [...(status.rules ?? []), RETAIN] };

/** Does Retain keep only what it may (RetainByPermission)? `deleted`: a deletion raises the generation by one as well. */
export const retainsByPermission = (status: LifecycleStatus, generation: number, deleted: boolean): boolean =>
  status.rules?.includes(RETAIN) === true || generation - (deleted ? 1 : 0) > (status.observedGeneration ?? -1);

const RETAIN: NewerRule = "RetainByPermission";

/** The settings while it is held: suspended, unless they say that it ends anyhow. */
export const underHold = (settings: LifecycleSettings): LifecycleSettings =>
  settings.state === "Active" ? { ...settings, state: "Suspended" } : settings;

/** The record of an identity that is held. `settings`: those that would be in force without the hold. */
export const heldNoted = (
  status: LifecycleStatus,
  { names }: Pick<HeldBy, "names">,
  { settings, now }: { readonly settings: LifecycleSettings; readonly now: Date },
): LifecycleStatus => {
  const beneath = wantedState(settings, now);
  return {
    ...without(status, "holds", "endBeneath"),
    ...holdsTold(names, status.holds),
    ...(beneath === "Active" ? {} : { endBeneath: beneath }),
  };
};

/**
 * Taken over under a hold from what a deletion left: a coming back, about which the present requester is still to be asked when the hold is
 * gone.
 */
export const undoneUnderHold = (status: LifecycleStatus): LifecycleStatus =>
  status.holds === undefined ? status : { ...status, endBeneath: status.endBeneath ?? "Suspended" };

/**
 * The holds are gone. Who lived beneath them comes back as it was: the requesters on record answer for that, as they do for drift. `settings`:
 * those that are in force now.
 */
export const holdsLifted = (
  status: LifecycleStatus,
  at: { readonly settings: LifecycleSettings; readonly now: Date; readonly generation: number },
): LifecycleStatus => {
  if (status.holds === undefined) return status;
  const free = without(status, "holds", "endBeneath");
  const lives = wantedState(at.settings, at.now) === "Active" && (status.accounts ?? []).some(begun);
  return lives ? returnPermitted(free, at.generation) : free;
};

/** Under a hold that says so, nothing of what is cut comes back by itself: each account remembers it until it has come back. */
export const compromisedNoted = (status: LifecycleStatus): LifecycleStatus =>
  (status.accounts ?? []).every((record) => !begun(record) || record.compromised === true)
    ? status
    : {
        ...status,
        accounts: (status.accounts ?? []).map((record) => (begun(record) ? { ...record, compromised: true } : record)),
      };
