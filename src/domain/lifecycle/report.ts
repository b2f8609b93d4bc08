import { nextConditions, type ConditionUpdate } from "../../kernel/conditions.ts";
import { timeText } from "../../kernel/time-text.ts";
import type { AccountView, LifecycleAction } from "./action.ts";
import { offboarded, suspended } from "./report-leaving.ts";
import { blocked, conflict, reconciling, stalled } from "./report-trouble.ts";
import { activity, isPartly, stateWord } from "./report-words.ts";
import { isUndecidedLine } from "./changes.ts";
import { heldBackUntil } from "./held-back.ts";
import { planIsOpen } from "./plan-record.ts";
import { sameOwner } from "./joining.ts";
import { wasOffboarded } from "./plan.ts";
import type { AccountRecord, LifecycleStatus } from "./record.ts";
import type { RotationsView } from "./rotations.ts";
import { expired, wantedState, type LifecycleSettings } from "./settings.ts";

/** How this pass ended, for people. */
export type Situation =
  | { readonly kind: "acted"; readonly action: LifecycleAction }
  | { readonly kind: "waiting"; readonly wait: Extract<LifecycleAction, { type: "wait" }> }
  /** Needs a person: nothing will change until the spec, the cluster or a provider does. */
  | { readonly kind: "stalled"; readonly reason: string; readonly message: string }
  | { readonly kind: "failed" };

export interface ReportInput {
  readonly status: LifecycleStatus;
  readonly situation: Situation;
  /** Of the spec in force. */
  readonly settings: LifecycleSettings;
  readonly specHash: string;
  readonly own: boolean;
  readonly generation: number;
  readonly now: Date;
  readonly paused: boolean;
  readonly dryRun: boolean;
  /** What was seen in this pass. */
  readonly observed: Readonly<Record<string, AccountView>>;
  /** Undefined when not every account was looked at in this pass: what was said before stays. */
  /** Why the identity does not live again or longer although its spec says so; absent: it may. */
  readonly keptDown?: { readonly reason: string; readonly message: string } | undefined;
  /** The IdentityHolds that hold it, in a sentence; absent: none. */
  readonly heldBy?: string | undefined;
  /** What its deletion will cut although the spec says Retain. */
  readonly willCut?: string | undefined;
  readonly unmanaged?: { readonly credentials: readonly string[]; readonly grants: readonly string[] } | undefined;
  /** What its SecretRotations still hold; undefined: the identity is Active, or nobody asked. */
  readonly rotations?: RotationsView | undefined;
}

/** Everything that status says to people, computed afresh at the end of every pass. Messages are stable: no times, no request ids. */
export const report = (input: ReportInput): LifecycleStatus => {
  const { status } = input;
  const updates = [
    ready(input),
    provisioned(input),
    offboarded(input),
    reconciling(input),
    stalled(input),
    suspended(input),
    expiredNow(input),
    reverted(status),
    reviewDue(input),
    unmanaged(input),
    conflict(input),
    drifted(input),
    adopted(status),
    paused(input),
    planOnly(input),
  ].filter((update) => update !== undefined);
  return {
    ...status,
    observedGeneration: input.generation,
    conditions: nextConditions(status.conditions ?? [], updates, { generation: input.generation, now: input.now }),
    state: stateWord(input),
    activity: activity(input).slice(0, 256),
  };
};

const condition = (
  type: string,
  status: ConditionUpdate["status"],
  reason: string,
  message: string,
): ConditionUpdate => ({ type, status, reason, message });

const ready = (input: ReportInput): ConditionUpdate => {
  const { status, settings, now, situation, own } = input;
  const wanted = wantedState(settings, now);
  if (wasOffboarded(status)) {
    return condition(
      "Ready",
      wanted === "Decommissioned" && situation.kind !== "stalled" && hasLeft(input) ? "True" : "False",
      "Decommissioned",
      "The identity was decommissioned and its accounts are deleted.",
    );
  }
  if (situation.kind === "stalled") return condition("Ready", "False", situation.reason, situation.message);
  const { keptDown, heldBy } = input;
  if (heldBy === undefined && keptDown !== undefined)
    return condition("Ready", "False", keptDown.reason, keptDown.message);
  if (expired(settings, now)) {
    return condition(
      "Ready",
      hasLeft(input) ? "True" : "False",
      "Expired",
      "spec.expiresAt has passed; a later time brings the identity back while its accounts are held.",
    );
  }
  if (wanted === "Decommissioned") {
    return condition("Ready", hasLeft(input) ? "True" : "False", "Decommissioned", "spec.state is Decommissioned.");
  }
  if (wanted === "Suspended" && heldBy !== undefined)
    return condition("Ready", hasLeft(input) ? "True" : "False", "Held", heldBy);
  if (wanted === "Suspended") {
    return condition(
      "Ready",
      hasLeft(input) ? "True" : "False",
      "Suspended",
      "spec.state is Suspended; set it to Active to bring the identity back.",
    );
  }
  const trouble = blocked(input);
  if (trouble !== undefined) return condition("Ready", "False", trouble.reason, trouble.message);
  if (isPartly(input, "Leaving", "Cut")) {
    return condition("Ready", "False", "Resuming", "Logins, credentials and rights are being given back.");
  }
  if (input.dryRun && planIsOpen(status)) {
    return condition(
      "Ready",
      "False",
      "Planned",
      "status.plan says what is to be done; remove the annotation keyturn.dev/dry-run to let it be done.",
    );
  }
  if (!stands(input)) {
    return status.lastKnownGood === undefined
      ? condition("Ready", "False", "Joining", "The accounts are being made.")
      : condition(
          "Ready",
          "False",
          "Moving",
          "The accounts are being changed to what the spec says; additions come first.",
        );
  }
  if ((status.drift ?? []).length > 0 || repairing(situation)) {
    return condition(
      "Ready",
      "False",
      "Drifted",
      "What stands differs from the spec; status.drift lists what is not being put back.",
    );
  }
  const { length } = settings.accounts;
  const besides = input.willCut === undefined ? "" : ` ${input.willCut}`;
  return own
    ? condition("Ready", "True", "AsDeclared", `${length} account(s) stand as the spec says.${besides}`)
    : condition(
        "Ready",
        "True",
        "LastKnownGood",
        `${length} account(s) stand as the last known good spec says.${besides}`,
      );
};

/** It is as declared: nothing of it is accepted any more, and that was proven. Who waits for it (kstatus) has waited long enough. */
const hasLeft = (input: ReportInput): boolean =>
  suspended(input)?.status === "True" || offboarded(input)?.status === "True";

const repairing = (situation: Situation): boolean =>
  situation.kind === "acted" && "because" in situation.action && situation.action.because === "Drift";

/** Was the spec in force found to stand, and has nothing been begun since? */
const stands = ({ status, specHash, settings }: ReportInput): boolean =>
  status.lastKnownGood?.specHash === specHash &&
  status.narrowed === undefined &&
  !planIsOpen(status) &&
  sameOwner(status.ownerRecord, settings.owner) &&
  settings.accounts.every(({ name }) => recordOf(status, name)?.state === "Active") &&
  (status.accounts ?? []).every(
    ({ name, state }) =>
      settings.accounts.some((account) => account.name === name) || state === "Cut" || state === "Gone",
  );

const recordOf = (status: LifecycleStatus, account: string): AccountRecord | undefined =>
  (status.accounts ?? []).find(({ name }) => name === account);

const provisioned = ({ status, settings, now }: ReportInput): ConditionUpdate => {
  const records = settings.accounts.map(({ name }) => recordOf(status, name));
  if (records.length > 0 && records.every((record) => record !== undefined && record.state !== "Pending")) {
    return condition("Provisioned", "True", "AccountsStand", "Every account exists and carries its owner.");
  }
  const ended = status.lastKnownGood !== undefined && wantedState(settings, now) === "Decommissioned";
  if (wasOffboarded(status) || (ended && (status.accounts ?? []).length === 0))
    return condition("Provisioned", "False", "Removed", "The accounts are deleted.");
  const pending = settings.accounts.find((_, index) => (records[index]?.state ?? "Pending") === "Pending");
  return condition(
    "Provisioned",
    "False",
    "Pending",
    pending === undefined ? "No account is in force." : `Account ${pending.name} has not been wholly applied yet.`,
  );
};

const expiredNow = ({ settings, now }: ReportInput): ConditionUpdate | undefined =>
  expired(settings, now)
    ? condition(
        "Expired",
        "True",
        "ExpiresAtPassed",
        "spec.expiresAt has passed. A later time within spec.deletion.holdFor brings the identity back.",
      )
    : undefined;

const reverted = ({ quarantine, lastKnownGood }: LifecycleStatus): ConditionUpdate | undefined => {
  if (quarantine === undefined) return undefined;
  const instead =
    lastKnownGood === undefined
      ? "What was made for it is taken back, and it is tried again later."
      : `The accounts of generation ${lastKnownGood.generation} are in force.`;
  return condition(
    "Reverted",
    "True",
    quarantine.reason,
    `Generation ${quarantine.generation} could not be applied: ${quarantine.message} ${instead} Change the spec, or set the annotation keyturn.dev/retry to a new value.`,
  );
};

const reviewDue = ({ status, settings, now }: ReportInput): ConditionUpdate | undefined => {
  const due = settings.reviewEveryMs === undefined ? undefined : status.review?.dueTime;
  return due !== undefined && new Date(due) <= now
    ? condition(
        "ReviewDue",
        "True",
        "NotReviewed",
        "Nobody has said in time that this identity is still needed. Set the annotation keyturn.dev/reviewed-at to the time of the review, or decommission it.",
      )
    : undefined;
};

const unmanaged = ({ status, unmanaged: seen }: ReportInput): ConditionUpdate | undefined => {
  if (seen === undefined) {
    const before = (status.conditions ?? []).find(({ type }) => type === "Unmanaged");
    return before === undefined ? undefined : condition("Unmanaged", "True", before.reason, before.message);
  }
  if (seen.credentials.length > 0) {
    return condition(
      "Unmanaged",
      "True",
      "UnknownCredential",
      `${seen.credentials.length} credential(s) of this identity are known to no SecretRotation: ${seen.credentials.slice(0, 5).join(", ")}. Declare a SecretRotation, or delete them.`,
    );
  }
  return seen.grants.length === 0
    ? undefined
    : condition(
        "Unmanaged",
        "True",
        "ForeignGrant",
        `Somebody else gives this identity privileges, which Keyturn does not touch: ${seen.grants.slice(0, 5).join(", ")}. Declare them in spec.accounts, or remove them.`,
      );
};

const drifted = ({ status, settings }: ReportInput): ConditionUpdate | undefined => {
  const lines = status.drift ?? [];
  if (lines.length === 0) return undefined;
  const first = lines.slice(0, 3).join("; ");
  const doubtful = undecided(lines);
  if (doubtful !== undefined) return doubtful;
  return settings.drift === "Report"
    ? condition(
        "Drifted",
        "True",
        "Reported",
        `${lines.length} difference(s) stand: ${first}. Declare them, undo them, or set spec.drift.mode to Enforce.`,
      )
    : condition(
        "Drifted",
        "True",
        "UnknownRestriction",
        `Somebody has narrowed an account by hand: ${first}. Declare it, or take it away.`,
      );
};

/** Somebody must say what it is; until then it stays, and may give or forbid. */
const undecided = (lines: readonly string[]): ConditionUpdate | undefined => {
  const found = lines.filter(isUndecidedLine);
  return found.length === 0
    ? undefined
    : condition(
        "Drifted",
        "True",
        "DriftUndecided",
        `Somebody else's object stands on an account and may forbid as well as give: ${found.slice(0, 3).join("; ")}. Declare it, take it away, or let the operator read it.`,
      );
};

const adopted = ({ accounts }: LifecycleStatus): ConditionUpdate | undefined => {
  const names = (accounts ?? []).filter((record) => record.adopted === true).map(({ name }) => name);
  return names.length === 0
    ? undefined
    : condition(
        "Adopted",
        "True",
        "UntilWhollyApplied",
        `Account(s) ${names.join(", ")} existed before and would be given back untouched.`,
      );
};

const paused = (input: ReportInput): ConditionUpdate | undefined =>
  input.paused
    ? condition(
        "Paused",
        "True",
        "AskedFor",
        `The annotation keyturn.dev/paused is set: nothing is added or changed until it is removed. Suspension, decommissioning and expiry still act.${removalsText(input)}`,
      )
    : undefined;

const removalsText = ({ status }: ReportInput): string => {
  const until = heldBackUntil(status);
  return until === undefined ? "" : ` What the spec takes out goes at ${timeText(until)} all the same.`;
};

const planOnly = (input: ReportInput): ConditionUpdate | undefined =>
  input.dryRun
    ? condition(
        "PlanOnly",
        "True",
        "AskedFor",
        `The annotation keyturn.dev/dry-run is set: status.plan says what would be done. Remove it to let it be done. Suspension, decommissioning and expiry still act.${removalsText(input)}`,
      )
    : undefined;
