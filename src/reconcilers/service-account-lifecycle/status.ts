import { accountIn, LONGEST_LEAVING_PAUSE_MS, stepsIn, stepsText } from "../../domain/lifecycle/step-names.ts";
import { cleared, failed } from "../../domain/lifecycle/transitions.ts";
import { isRefusal, type OperatorError } from "../../kernel/errors.ts";
import type { AccountScope, Failure } from "./scope.ts";

const UNAVAILABLE_CAP_MS = 60_000;
const REFUSED_CAP_MS = 3_600_000;
const LONGEST_ABOUT = 768;

/**
 * What failed in this pass goes on record with its back-off; what was on record and went well now comes off. What is added and what
 * is taken away have records of their own, so that neither holds up the other.
 */
export const recordFailures = (
  scope: AccountScope,
  outcome: {
    readonly atRest: boolean;
    /** Everything that was due has been tried: nothing that was recorded ended the pass before. */
    readonly whole: boolean;
  },
): void => {
  recordAdding(scope, outcome.atRest);
  recordLeaving(scope, outcome.whole);
};

const recordAdding = (scope: AccountScope, atRest: boolean): void => {
  const worst = worstOf(scope.failures.filter(({ leaving }) => !leaving));
  const before = scope.status.failures;
  if (worst !== undefined) {
    scope.status = {
      ...scope.status,
      failures: failureRecord(scope, before, worst.error, worst.about, REFUSED_CAP_MS),
    };
    return;
  }
  if (before === undefined) return;
  if (atRest || before.about === undefined || scope.succeeded.has(before.about)) {
    scope.status = cleared(scope.status, "failures");
  }
};

/**
 * Leaving is on record by step. A step that was not tried is still as it was, unless the pass came to its end and the back-off is over:
 * then another step has made it needless. What was proven needs none of the steps that lead there.
 */
const recordLeaving = (scope: AccountScope, whole: boolean): void => {
  const failures = scope.failures.filter(({ leaving, about }) => leaving && !isNeedless(scope, about));
  const before = scope.status.leaveFailures;
  const lasts = before !== undefined && new Date(before.nextAttemptTime) > scope.now;
  const untried = stepsIn(before?.about).filter(
    (step) =>
      isRecorded(scope, accountIn(step)) && !isNeedless(scope, step) && !scope.succeeded.has(step) && (lasts || !whole),
  );
  const worst = worstOf(failures);
  if (worst !== undefined) {
    const about = stepsText([...failures.map((failure) => failure.about), ...untried], LONGEST_ABOUT);
    const leaveFailures = failureRecord(scope, before, worst.error, about, LONGEST_LEAVING_PAUSE_MS);
    scope.status = { ...scope.status, leaveFailures };
    return;
  }
  if (before !== undefined && untried.length === 0) scope.status = cleared(scope.status, "leaveFailures");
};

const isRecorded = ({ status }: AccountScope, account: string): boolean =>
  (status.accounts ?? []).some(({ name }) => name === account);

/** A step on the way to a proof that there is by now. */
const isNeedless = ({ status }: AccountScope, step: string): boolean =>
  /\/(cut|close|disable|prove)(\/|$)/.test(step) &&
  (status.accounts ?? []).some(
    ({ name, state, provenAt }) => name === accountIn(step) && state === "Cut" && provenAt !== undefined,
  );

/** A refusal counts against the spec, and must not come and go with what is only out of reach. */
const worstOf = (failures: readonly Failure[]): Failure | undefined =>
  failures.find(({ error }) => isRefusal(error)) ?? failures[0];

const failureRecord = (
  scope: AccountScope,
  before: Parameters<typeof failed>[0],
  error: OperatorError,
  about: string,
  refusedCapMs: number,
): ReturnType<typeof failed> =>
  failed(before, {
    reason: error.code,
    message: error.publicMessage,
    about: about.slice(0, LONGEST_ABOUT),
    now: scope.now,
    capMs: isRefusal(error) ? refusedCapMs : UNAVAILABLE_CAP_MS,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: Math.min(error.retryAfterMs, refusedCapMs) }),
  });
