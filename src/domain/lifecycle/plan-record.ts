import { digest } from "../../kernel/ids.ts";
import type { PlanLine } from "./action.ts";
import { lineOf, signOf, type Change } from "./changes.ts";
import type { LifecycleStatus, PlanRecord } from "./record.ts";
import { isStayOffLine } from "./reopening.ts";

export const MOST_PLAN_LINES = 64;

export const planLineOf = (change: Change): PlanLine => ({
  sign: signOf(change),
  account: change.account,
  title: change.piece.title,
  direction: change.direction,
});

const WHOLE = "the whole account is cut and disabled";
const LEAVING_LINE = new RegExp(`^[~-] [^:]+: ${WHOLE}`);

/** An account that is going to leave as a whole: told before it begins, without a look at the provider. */
export const leavingLine = (
  account: string,
  wanted: "Suspended" | "Gone",
  /** The ServiceAccount goes at the cut (onCut DeleteServiceAccount). */
  losesServiceAccount = false,
): PlanLine => ({
  sign: wanted === "Suspended" ? "~" : "-",
  account,
  title: `${WHOLE}, ${wanted === "Suspended" ? "reversibly" : "then deleted as spec.deletion says"}${losesServiceAccount ? NEW_UID : ""}`,
  direction: "narrow",
});

const NEW_UID = "; its ServiceAccount goes at the cut and comes back with a new UID: tokens of before stay dead";

/** As it stands in status.plan.lines and in drift reports. */
export const textOf = ({ sign, account, title, direction, exchange }: PlanLine): string =>
  lineOf({
    account,
    kind: sign === "+" ? "make" : sign === "~" ? "change" : "remove",
    piece: { title: exchange === true ? `${title}${EXCHANGE}` : title },
    direction,
  });

/** Does one of the lines say something of this piece, whatever it says? */
export const tellsOf = (lines: readonly string[], account: string, title: string): boolean =>
  lines.some((line) => line.slice(2).startsWith(`${account}: ${title}`));

const EXCHANGE = ", in exchange: it waits for what is added, an hour at most";

export const isExchangeLine = (line: string): boolean => line.includes(EXCHANGE);

/**
 * The plan as it is stored. That an account leaves is told beside what was planned before for the others: a plan that is open
 * stays open until everything stands.
 */
export const planRecord = (generation: number, lines: readonly PlanLine[], before?: PlanRecord): PlanRecord => {
  const told = lines.map(textOf);
  const onlyLeaving = told.length > 0 && told.every((text) => LEAVING_LINE.test(text));
  // What was told to stay off stays off, whatever else of this generation is planned and done.
  const staysTold = (text: string): boolean =>
    before?.generation === generation && isStayOffLine(text) && !told.includes(text);
  const kept = (before?.lines ?? []).filter(onlyLeaving ? (text) => !LEAVING_LINE.test(text) : staysTold);
  const texts = [...told, ...kept];
  const omitted = texts.length - MOST_PLAN_LINES;
  return {
    generation,
    digest: digest(texts),
    lines: texts.slice(0, MOST_PLAN_LINES),
    ...(omitted > 0 ? { omitted } : {}),
  };
};

/**
 * Does the recorded plan tell all of this? What has been done of it in the meantime may be missing here, but nothing may be done
 * that it does not tell.
 */
export const planTells = (status: LifecycleStatus, generation: number, lines: readonly PlanLine[]): boolean => {
  const { plan } = status;
  if (plan?.generation !== generation) return false;
  const texts = lines.map(textOf);
  if (plan.digest === digest(texts)) return true;
  const told = new Set(plan.lines);
  return (plan.omitted ?? 0) > 0 || texts.every((text) => told.has(text));
};

/**
 * Something has been begun, or was about to be, that no spec has been found good with since. That a whole account leaves is not
 * among it: that says nothing about the accounts that stay. Neither is a credential that stays off: nothing is done about it.
 */
export const planIsOpen = ({ plan }: LifecycleStatus): boolean =>
  (plan?.lines ?? []).some((line) => !LEAVING_LINE.test(line) && !isStayOffLine(line));
