import { condition, type ConditionUpdate } from "../../kernel/conditions.ts";
import { timeText } from "../../kernel/time-text.ts";
import type { AccountView } from "./action.ts";
import { isProvable, isShut } from "./leaving.ts";
import { wasOffboarded } from "./plan.ts";
import { isServiceAccount, unrecordedAccounts } from "./record-names.ts";
import type { AccountRecord } from "./record.ts";
import type { ReportInput } from "./report.ts";
import { waitingForRotations } from "./rotations.ts";
import { wantedState } from "./settings.ts";
import { stepsIn } from "./step-names.ts";

/**
 * What is said of an identity that must not work: conditions Suspended and Offboarded. True is said only when every account was proven to
 * be refused, the last look found it so, nothing that is not ours stands under its names, and nothing that was given before works
 * on in a way that the proof does not cover. Anything else is False, with the first reason that applies.
 */
export const offboarded = (input: ReportInput): ConditionUpdate | undefined => {
  const { status, settings, now } = input;
  if (wasOffboarded(status))
    return (
      waitingForRotations("Offboarded", input.rotations) ??
      condition("Offboarded", "True", "Deleted", "The accounts are deleted.")
    );
  if (wantedState(settings, now) !== "Decommissioned") return undefined;
  const doubt = doubtOf(input, "Offboarded");
  if (doubt !== undefined) return condition("Offboarded", "False", doubt.reason, doubt.message);
  const { length } = status.accounts ?? [];
  if (length === 0) {
    const before = conditionBefore(input, "Offboarded");
    const had = status.lastKnownGood !== undefined || (before?.status === "True" && before.reason !== "NothingThere");
    return had
      ? condition("Offboarded", "True", "Deleted", "The accounts are deleted.")
      : condition("Offboarded", "True", "NothingThere", "The identity has no account.");
  }
  const message = `${length} account(s) are refused by their providers: rights cut, credentials disabled.`;
  return condition("Offboarded", "True", "Proven", `${message}${besides(input)}`);
};

export const suspended = (input: ReportInput): ConditionUpdate | undefined => {
  if (wantedState(input.settings, input.now) !== "Suspended") return undefined;
  const doubt = doubtOf(input, "Suspended");
  if (doubt !== undefined) return condition("Suspended", "False", doubt.reason, doubt.message);
  if (input.heldBy !== undefined)
    return condition(
      "Suspended",
      "True",
      "Held",
      `Rights are cut and credentials disabled. ${input.heldBy}${besides(input)}`,
    );
  const message =
    "Rights are cut and credentials disabled; spec.state Active brings the rights back, and of the credentials those that a SecretRotation has on record.";
  return condition("Suspended", "True", "Proven", `${message}${besides(input)}`);
};

interface Doubt {
  readonly reason: string;
  readonly message: string;
}

/** The first thing that stands against saying that nothing of the identity works. */
const doubtOf = (input: ReportInput, type: "Suspended" | "Offboarded"): Doubt | undefined =>
  notOurs(input) ??
  stillOpen(input, type) ??
  notLooked(input, type) ??
  boundByOthers(input) ??
  outstanding(input) ??
  waitingForRotations(type, input.rotations);

/** Every account that is declared or on record and not deleted yet, with what this pass saw of it. */
const accountsOf = ({ status, settings, observed, now }: ReportInput): readonly Seen[] => [
  ...(status.accounts ?? [])
    .filter(({ state }) => state !== "Gone")
    .map((record) => ({ name: record.name, record, view: observed[record.name] })),
  ...unrecordedAccounts(status, settings, wantedState(settings, now)).map((name) => ({
    name,
    record: undefined,
    view: observed[name],
  })),
];

interface Seen {
  readonly name: string;
  readonly record: AccountRecord | undefined;
  readonly view: AccountView | undefined;
}

/** Of what stands under the account's name and is not this resource's, nothing can be said. */
const notOurs = (input: ReportInput): Doubt | undefined => {
  const names = accountsOf(input)
    .filter(({ view }) => view !== undefined && !isProvable(view))
    .map(({ name }) => name);
  return names.length === 0
    ? undefined
    : {
        reason: "NotOurs",
        message: `Account(s) ${names.join(", ")} exist and are not this resource's, so nothing is cut or proven of them. End them at the provider, or let them be adopted (annotation keyturn.dev/adopt).`,
      };
};

const stillOpen = (input: ReportInput, type: string): Doubt | undefined => {
  const { status } = input;
  const open = accountsOf(input).some(({ record, view }) => record !== undefined && !isRefused(record, view));
  if (!open) return undefined;
  const before = conditionBefore(input, type);
  const { leaveFailures } = status;
  const failing = leaveFailures === undefined ? "" : ` ${leaveFailures.message}`;
  if (before !== undefined && (before.status === "True" || before.reason === "CutMissing"))
    return { reason: "CutMissing", message: `The cut that was proven before is not there any more.${failing}` };
  return leaveFailures === undefined
    ? { reason: "Cutting", message: "Rights are being cut and credentials disabled." }
    : { reason: "OffboardingFailing", message: leaveFailures.message };
};

/** On record as proven, and nothing seen since says otherwise. */
const isRefused = (record: AccountRecord, view: AccountView | undefined): boolean => {
  const { state, provenAt, target } = record;
  if (state !== "Cut" || provenAt === undefined) return false;
  if (view === undefined) return true;
  // Only an IAM user's keys are switched off one by one; elsewhere the closed login stands for them.
  const leaver = {
    record,
    cutsByRemoval: isServiceAccount(target),
    canDisableCredentials: target.startsWith("aws-user/"),
  };
  return isShut(leaver, view);
};

/** What could not be looked at this time. An account that this pass did not come to is as it was told before, one that it could not reach is not. */
const notLooked = (input: ReportInput, type: string): Doubt | undefined => {
  const accounts = accountsOf(input);
  const failed = stepsIn(input.status.leaveFailures?.about);
  const before = conditionBefore(input, type);
  const unseen = accounts.filter(({ view }) => view === undefined);
  if (unseen.length > 0 && before?.status === "False" && KEPT.includes(before.reason)) return before;
  const what = [
    ...unseen
      .filter(({ name, record }) => record === undefined || failed.includes(name))
      .map(({ name }) => `account ${name}`),
    ...accounts.flatMap(({ name, view }) =>
      (view?.notLooked ?? []).filter(({ why }) => why === "Failed").map((each) => `${each.what} of account ${name}`),
    ),
  ];
  return what.length === 0
    ? undefined
    : { reason: "NotLooked", message: `Not looked at, and so not proven: ${named(what)}. It is tried again.` };
};

/** Reasons that only a look can end. */
const KEPT: readonly string[] = ["NotOurs", "NotLooked", "ForeignGrant", "TokensOutstanding", "CutMissing"];

/** Where a denial of ours is in force it covers what others give; elsewhere their grants go on giving. */
const boundByOthers = (input: ReportInput): Doubt | undefined => {
  const grants = accountsOf(input).flatMap(({ view }) =>
    view === undefined || view.cutBy.length > 0 ? [] : view.foreignGrants,
  );
  return grants.length === 0
    ? undefined
    : {
        reason: "ForeignGrant",
        message: `All that Keyturn gave is refused, but somebody else gives this identity privileges: ${named(grants)}. Remove them.`,
      };
};

/** What was given before and works on; it is waited for. */
const outstanding = (input: ReportInput): Doubt | undefined => {
  const lasting = lastingOf(input).filter(({ holdsUp }) => holdsUp);
  return lasting.length === 0
    ? undefined
    : {
        reason: "TokensOutstanding",
        message: `What was given before the cut works on: ${named(lasting.map(lastingText))}.`,
      };
};

const lastingOf = (input: ReportInput): AccountView["outstanding"] =>
  accountsOf(input).flatMap(({ view }) =>
    (view?.outstanding ?? []).filter(({ until }) => until === undefined || until > input.now),
  );

/** Said beside a proof: what the operator may not look at, and what was given before and counts as refused only while the cut lasts. */
const besides = (input: ReportInput): string => {
  const views = accountsOf(input).flatMap(({ view }) => (view === undefined ? [] : [view]));
  const hidden = views.flatMap((view) => view.notLooked.filter(({ why }) => why === "NotAllowed"));
  const lasting = lastingOf(input).filter(({ holdsUp }) => !holdsUp);
  return [
    ...(hidden.length === 0 ? [] : [` The operator may not look at ${named(hidden.map(hiddenText))}.`]),
    ...(lasting.length === 0 ? [] : [` Valid as long as they last: ${named(lasting.map(lastingText))}.`]),
  ].join("");
};

const hiddenText = ({ what, right }: AccountView["notLooked"][number]): string =>
  right === undefined ? what : `${what} (${right})`;

const lastingText = ({ title, until }: AccountView["outstanding"][number]): string =>
  until === undefined ? title : `${title} until ${timeText(until)}`;

const MOST_NAMES = 10;

const named = (names: readonly string[]): string => {
  const sorted = [...new Set(names)].sort();
  const rest = sorted.length - MOST_NAMES;
  return `${sorted.slice(0, MOST_NAMES).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
};

const conditionBefore = ({ status }: ReportInput, type: string) =>
  (status.conditions ?? []).find((each) => each.type === type);
