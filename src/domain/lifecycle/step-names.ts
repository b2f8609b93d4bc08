import type { LifecycleAction } from "./action.ts";
import type { LifecycleStatus } from "./record.ts";

/**
 * Failures are remembered by step, so that one step that is refused holds up no other that lowers access. A step's name is
 * `<account>/<what>`; a name without a slash is about the whole account (its connection, its observation).
 */
type AboutAccount = Extract<LifecycleAction, { readonly account: string }>;

/** The name of the step that this action is. */
export const stepOf = (action: AboutAccount | Extract<LifecycleAction, { type: "apply" }>): string => {
  const { account } = action;
  switch (action.type) {
    case "apply":
      return action.because === "Former" ? formerStep(account, action.piece.key) : `${account}/${action.piece.key}`;
    case "remove":
      return `${account}/${action.key}`;
    case "cut":
      return `${account}/cut/${action.way}`;
    case "closeLogin":
      return `${account}/close`;
    case "disableCredential":
      return `${account}/disable/${action.id}`;
    case "removeCredential":
      return `${account}/credential/${action.id}`;
    case "prove":
      return `${account}/prove`;
    case "openLogin":
      return `${account}/open`;
    case "enableCredential":
      return `${account}/enable/${action.id}`;
    case "uncut":
      return `${account}/uncut`;
    case "observe":
    case "beginLeaving":
    case "recordFormer":
    case "voidProof":
    case "forget":
    case "giveBack":
    case "beginReturning":
    case "recordResumed":
      return account;
  }
};

export const accountIn = (step: string): string => step.split("/")[0] ?? step;

/** Has this step, or the whole account, failed? */
export const isFailed = (failed: readonly string[], account: string, what?: string): boolean =>
  failed.includes(account) || (what !== undefined && failed.includes(`${account}/${what}`));

const FORMER = "/former/";

/** Putting back what the cut took away is a step of its own: what it cannot put back holds up less than a narrowing that fails. */
const formerStep = (account: string, key: string): string => `${account}${FORMER}${key}`;

/** The key of the piece that the step puts back; undefined for every other step. */
export const formerIn = (step: string): string | undefined => {
  const account = accountIn(step);
  return step.startsWith(`${account}${FORMER}`) ? step.slice(account.length + FORMER.length) : undefined;
};

const SEPARATOR = ",";

/** Steps as one text for the record; a step's own commas are written as `%2C`. What finds no room is left out whole. */
export const stepsText = (steps: readonly string[], longest: number): string => {
  let text = "";
  for (const step of [...new Set(steps)].sort()) {
    const one = step.replaceAll("%", "%25").replaceAll(SEPARATOR, "%2C");
    const next = text === "" ? one : `${text}${SEPARATOR}${one}`;
    if (next.length <= longest) text = next;
  }
  return text;
};

/** What `stepsText` wrote; also the names of accounts that versions before wrote. */
export const stepsIn = (text: string | undefined): readonly string[] =>
  (text ?? "")
    .split(SEPARATOR)
    .filter((step) => step !== "")
    .map((step) => step.replaceAll("%2C", SEPARATOR).replaceAll("%25", "%"));

/** Rights that should be gone are asked for again soon, whatever the provider said. */
export const LONGEST_LEAVING_PAUSE_MS = 300_000;

/**
 * Steps of leaving whose back-off lasts. It is kept in status, so a restart does not shorten it; a time farther ahead than the longest pause was
 * written by a clock that was wrong, and holds nothing.
 */
export const stepsBackingOff = ({ leaveFailures }: LifecycleStatus, now: Date): readonly string[] => {
  const left = leaveFailures === undefined ? 0 : Date.parse(leaveFailures.nextAttemptTime) - now.getTime();
  return left > 0 && left <= LONGEST_LEAVING_PAUSE_MS ? stepsIn(leaveFailures?.about) : [];
};
