import { timeText } from "../../kernel/time-text.ts";
import { without } from "../../kernel/without.ts";
import type { LifecycleAction, LifecycleInput } from "./action.ts";
import { narrowings, type Change } from "./changes.ts";
import type { AccountRecord, LifecycleStatus } from "./record.ts";
import { wantedState } from "./settings.ts";

/**
 * What `keyturn.dev/dry-run` and `keyturn.dev/paused` hold back. Never an end: state, expiry and deletion act at once. What a changed spec takes
 * out waits under them, for an hour at most from the generation that takes it out; what it adds waits until they are taken off.
 */
export const LONGEST_HOLD_BACK_MS = 3_600_000;
/** Times are kept in whole seconds. */
const GRAIN_MS = 1000;

/** `due`: the hour is over, and removals go although the annotation is still there. */
export type HoldBack = "no" | "held" | "due";

export const holdBack = (input: Pick<LifecycleInput, "dryRun" | "paused" | "status" | "now">): HoldBack => {
  if (!input.dryRun && !input.paused) return "no";
  const until = heldBackUntil(input.status);
  return until !== undefined && until <= input.now ? "due" : "held";
};

/** When removals that are held back go; undefined: none are on record. */
export const heldBackUntil = ({ removalsSince }: LifecycleStatus): Date | undefined =>
  removalsSince === undefined ? undefined : new Date(Date.parse(removalsSince.time) + LONGEST_HOLD_BACK_MS + GRAIN_MS);

/** Is it a changed spec that takes this account out, and not an end? One that has begun to leave goes on. */
export const isTakenOut = (
  { record }: { readonly record: AccountRecord },
  { settings, now }: Pick<LifecycleInput, "settings" | "now">,
): boolean => wantedState(settings, now) === "Active" && (record.state === "Pending" || record.state === "Active");

/** What a changed spec takes away of accounts that stay; what others have put there is drift, and waits for the annotation. */
export const takenAway = (changes: readonly Change[]): readonly Change[] =>
  narrowings(changes).filter(({ recorded }) => recorded);

/** The next of them, once the hour is over: put on record that the spec goes forward only from here, then taken away. */
export const planRemoval = (
  removals: readonly Change[],
  { status, specHash }: Pick<LifecycleInput, "status" | "specHash">,
): LifecycleAction | undefined => {
  const [first] = removals;
  if (first === undefined) return undefined;
  if (status.lastKnownGood?.specHash !== specHash && status.narrowed !== specHash)
    return { type: "beginNarrowing", accounts: [...new Set(removals.map(({ account }) => account))] };
  const { account, kind, piece } = first;
  return kind === "remove"
    ? { type: "remove", account, key: piece.key, because: "NotDeclared" }
    : { type: "apply", account, piece, because: "Declared" };
};

/**
 * Notes since when removals are held back: once, so that neither another generation nor an annotation that is taken off and put on again
 * begins the hour anew. Forgotten when nothing is left to be removed. `outstanding`: undefined while not everything was looked at.
 */
export const removalsNoted = (
  status: LifecycleStatus,
  { input, outstanding }: { readonly input: LifecycleInput; readonly outstanding: boolean | undefined },
): LifecycleStatus => {
  if (outstanding === false) return without(status, "removalsSince");
  if (outstanding === undefined || status.removalsSince !== undefined || holdBack(input) === "no") return status;
  return { ...status, removalsSince: { generation: input.generation, time: timeText(input.now) } };
};
