import type { ConditionUpdate } from "../../kernel/conditions.ts";
import { isRefusalCode } from "../../kernel/errors.ts";
import type { Failures } from "../rotation/record.ts";
import type { LifecycleWait } from "./action.ts";
import { isForwardOnly } from "./last-known-good.ts";
import type { ReportInput } from "./report.ts";
import { activity } from "./report-words.ts";

/** A refusal that has lasted needs a person, although it is tried again. */
const STALLED_AFTER = 3;
/** Waits in which nothing is under way that a deployment tool should wait for. */
const RESTING: readonly LifecycleWait[] = ["Rest", "Expiry", "Hold", "Paused", "DryRun", "ClockSkew", "HoldsUnread"];

export interface Trouble {
  readonly reason: string;
  readonly message: string;
}

/** What keeps the identity from being as its spec in force says. */
export const blocked = ({ status, settings }: ReportInput): Trouble | undefined => {
  if (status.failures !== undefined) return status.failures;
  if (status.quarantine !== undefined && status.lastKnownGood === undefined) return status.quarantine;
  const leaving = (status.accounts ?? []).some(
    ({ name, state }) => !settings.accounts.some((account) => account.name === name) && state !== "Cut",
  );
  return leaving ? status.leaveFailures : undefined;
};

const condition = (
  type: string,
  status: ConditionUpdate["status"],
  reason: string,
  message: string,
): ConditionUpdate => ({ type, status, reason, message });

export const reconciling = (input: ReportInput): ConditionUpdate | undefined => {
  const { status, situation } = input;
  if (situation.kind === "stalled" || stalled(input) !== undefined) return undefined;
  const failures = status.leaveFailures ?? status.failures;
  if (failures !== undefined) return condition("Reconciling", "True", "BackingOff", failures.message);
  const resting = situation.kind === "waiting" && RESTING.includes(situation.wait.for);
  return resting ? undefined : condition("Reconciling", "True", "Progressing", activity(input));
};

export const stalled = ({ status, situation }: ReportInput): ConditionUpdate | undefined => {
  if (situation.kind === "stalled") return condition("Stalled", "True", situation.reason, situation.message);
  const { failures, leaveFailures } = status;
  if (failures !== undefined && isForwardOnly(status) && lasts(failures)) {
    return condition(
      "Stalled",
      "True",
      "Narrowed",
      `${failures.message} Something has been taken away for this spec already, so it is not reverted; change the spec.`,
    );
  }
  const lasting = [leaveFailures, failures].find((each) => each !== undefined && lasts(each));
  return lasting === undefined ? undefined : condition("Stalled", "True", lasting.reason, lasting.message);
};

const lasts = ({ count, reason }: Failures): boolean =>
  count >= STALLED_AFTER && (isRefusalCode(reason) || reason === "LimitReached");

export const conflict = ({ status, situation }: ReportInput): ConditionUpdate | undefined => {
  if (situation.kind === "stalled" && situation.reason === "Conflict")
    return condition("Conflict", "True", "NotOurs", situation.message);
  const failure = [status.failures, status.leaveFailures].find((each) => each?.reason === "Conflict");
  return failure === undefined ? undefined : condition("Conflict", "True", "NotOurs", failure.message);
};
