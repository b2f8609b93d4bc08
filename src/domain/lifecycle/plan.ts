import type { Account } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { LifecycleAction, LifecycleInput, LifecycleWait, PlanLine } from "./action.ts";
import { holdBack, isTakenOut } from "./held-back.ts";
import { exchangeEnd } from "./exchange.ts";
import { declaredRecord, isSettled, planJoining, planWithdrawals, removalsOf } from "./joining.ts";
import { begun, isGivenBack, planLeavers, type Leaver, type LeavingAnswer } from "./leaving.ts";
import { leavingLine, planTells } from "./plan-record.ts";
import { isFailed, stepsBackingOff } from "./step-names.ts";
import { unrecordedAccounts } from "./record-names.ts";
import { isKeptDown, planReturning } from "./returning.ts";
import { WAITING_FOR_ROTATIONS } from "./rotations.ts";
import { expired, wantedState } from "./settings.ts";
import type { AccountRecord, LifecycleStatus } from "./record.ts";

type Wait = Extract<LifecycleAction, { type: "wait" }>;

/**
 * The protocol of joiner, mover and leaver: from what is recorded and observed to one next action. Pure, so that every crash point is
 * a history that a test can replay.
 *
 * Leaving comes first and depends on nothing else: neither on what is to be added, nor on its failures, nor on a pause. Then comes
 * who is coming back, then the difference between what the spec in force says and what stands.
 */
export const planLifecycle = (input: LifecycleInput): LifecycleAction => {
  const leavers = leaversOf(input);
  const lines = leavingLines(leavers);
  if (lines.length > 0 && !planTells(input.status, input.generation, lines)) return { type: "recordPlan", lines };
  const leaving = planLeavers({
    now: input.now,
    timeTrusted: input.timeTrusted,
    leavers: leavers.filter(
      (leaver) =>
        (holdBack(input) !== "held" || !isTakenOut(leaver, input)) &&
        (input.holdsUnread !== true || !isGivenBack(leaver.record)),
    ),
    observed: input.observed,
    failed: [...(input.failed ?? []), ...stepsBackingOff(input.status, input.now)],
    // What a dry run or a pause holds back is left out above (held-back.ts); neither delays an end.
    mayBegin: true,
    deletion: input.settings.deletion,
  });
  if (leaving.kind === "act") return leaving.action;
  const unrecorded = planUnrecorded(input);
  if (unrecorded !== undefined) return unrecorded;
  return together(planStaying(input, lines), leaving, input);
};

/** Whoever is on record and must not work: the whole identity, or accounts that the spec in force does not have. */
export const leaversOf = (input: LifecycleInput): readonly Leaver[] => {
  const state = wantedState(input.settings, input.now);
  return (input.status.accounts ?? []).flatMap((record): readonly Leaver[] => {
    const wanted = wantedOf(record, state, input);
    if (wanted === undefined) return [];
    const undeclared = !isDeclared(record, input);
    const capabilities = input.desired[record.name] ?? input.leaving[record.name];
    return [
      {
        record,
        wanted,
        cutsByRemoval: capabilities?.cutsByRemoval ?? false,
        canDisableCredentials: capabilities?.canDisableCredentials ?? true,
        takenBack: undeclared && !input.own && record.state === "Pending" && !isInherited(input),
        narrows: undeclared && input.own,
        held: input.held,
      },
    ];
  });
};

/** What a predecessor left may have been in use for years, although it has not been good under this resource yet. */
const isInherited = ({ status }: LifecycleInput): boolean => (status.predecessors ?? []).length > 0;

const isDeclared = (record: AccountRecord, { settings }: LifecycleInput): boolean =>
  settings.accounts.some(({ name }) => name === record.name);

const wantedOf = (
  record: AccountRecord,
  state: ReturnType<typeof wantedState>,
  input: LifecycleInput,
): Leaver["wanted"] | undefined => {
  if (record.state === "Gone" || !isDeclared(record, input) || state === "Decommissioned") return "Gone";
  if (state === "Suspended" || isKeptDown(record, input)) return "Suspended";
  // The owner has taken the consent to adoption away before anything was good.
  return isGivenBack(record) && !input.settings.adopt ? "Gone" : undefined;
};

const leavingLines = (leavers: readonly Leaver[]): readonly PlanLine[] =>
  leavers
    .filter(({ record }) => !begun(record))
    .map(({ record, wanted }) => leavingLine(record.name, wanted, losesServiceAccount(record)));

/** By the declaration that is on record, for that is what the cut goes by. */
const losesServiceAccount = (record: AccountRecord): boolean => {
  const { kubernetes } = JSON.parse(record.declaration) as Partial<Account>;
  return kubernetes?.onCut === "DeleteServiceAccount" && !isGivenBack(record);
};

/**
 * Declared accounts of which the record knows nothing, of an identity that must not work: each is looked at. What carries our marks
 * is put on record, and so cut; what is not ours is seen, so that nothing is said to be proven (condition Conflict).
 */
const planUnrecorded = (input: LifecycleInput): LifecycleAction | undefined => {
  const wanted = wantedState(input.settings, input.now);
  if (wanted === "Active" || wasOffboarded(input.status)) return undefined;
  const unrecorded = unrecordedAccounts(input.status, input.settings, wanted).flatMap((name) => {
    const account = input.desired[name];
    return account === undefined || isFailed(input.failed ?? [], name) ? [] : [account];
  });
  const unseen = unrecorded.find(({ name }) => input.observed[name] === undefined);
  if (unseen !== undefined) return { type: "observe", what: "account", account: unseen.name };
  const records = unrecorded.flatMap((account) => {
    const view = input.observed[account.name];
    const stands =
      view !== undefined && (view.principal === "ours" || view.pieces.some((each) => each.class === "grant"));
    return stands && view.principal !== "adoptable" ? [declaredRecord(account, undefined, view)] : [];
  });
  return records.length === 0 ? undefined : { type: "declare", records };
};

/** Everything but leaving. */
const planStaying = (input: LifecycleInput, lines: readonly PlanLine[]): LifecycleAction => {
  if (input.holdsUnread === true) return planWithdrawals(input, lines) ?? { type: "wait", for: "HoldsUnread" };
  if (input.paused) return planPaused(input, lines);
  if (input.refusal !== undefined) return planWithdrawals(input, lines) ?? input.refusal;
  const refusal = neverBegins(input);
  if (refusal !== undefined) return refusal;
  if (wantedState(input.settings, input.now) !== "Active") return { type: "wait", for: "Rest" };
  const { failures } = input.status;
  if (failures !== undefined && new Date(failures.nextAttemptTime) > input.now)
    return (
      planWithdrawals(input, lines) ?? {
        type: "wait",
        for: "BackingOff",
        recheckAt: earlier(new Date(failures.nextAttemptTime), exchangeEnd(input), input.now),
        ...(failures.about === undefined ? {} : { about: failures.about }),
      }
    );
  return (input.dryRun ? undefined : planReturning(input)) ?? planJoining(input, lines);
};

/** The first of the two that is still to come. */
const earlier = (at: Date, other: Date | undefined, now: Date): Date =>
  other !== undefined && other > now && other < at ? other : at;

/** Nothing is added; what a changed spec takes away is looked for, and goes when the pause has held it back for long enough. */
const planPaused = (input: LifecycleInput, lines: readonly PlanLine[]): LifecycleAction => {
  const idle =
    input.refusal !== undefined ||
    neverBegins(input) !== undefined ||
    wantedState(input.settings, input.now) !== "Active" ||
    // Who is still cut has nothing that could be taken away; others may.
    (input.status.accounts ?? []).every((record) => isDeclared(record, input) && begun(record)) ||
    isSettled(input);
  return idle ? { type: "wait", for: "Paused" } : planJoining(input, lines);
};

/** Does a changed spec take something out that is still there? Undefined while not every account was looked at. */
export const removalsOutstanding = (input: LifecycleInput): boolean | undefined => {
  if (wantedState(input.settings, input.now) !== "Active") return false;
  if (leaversOf(input).some((leaver) => isTakenOut(leaver, input))) return true;
  if (isSettled(input)) return false;
  const removals = removalsOf(input);
  return removals && removals.length > 0;
};

/** Identities that must not be made, or made again. */
const neverBegins = ({ status, settings, now }: LifecycleInput): LifecycleAction | undefined => {
  const empty = (status.accounts ?? []).length === 0;
  if (!empty) return undefined;
  if (wasOffboarded(status)) {
    return wantedState(settings, now) === "Decommissioned"
      ? undefined
      : {
          type: "refuse",
          code: "InvalidSpec",
          message:
            "This identity was decommissioned and its accounts are deleted. Create a new resource of another name.",
          about: "spec.state",
          final: true,
        };
  }
  return expired(settings, now) && settings.state === "Active" && status.lastKnownGood === undefined
    ? {
        type: "refuse",
        code: "InvalidSpec",
        message: "spec.expiresAt lies in the past, so nothing is made. Declare a later time.",
        about: "spec.expiresAt",
        final: true,
      }
    : undefined;
};

/** It had accounts, and they are deleted for good. */
export const wasOffboarded = ({ state, accounts, conditions, lastKnownGood }: LifecycleStatus): boolean => {
  if (state !== "Decommissioned" || (accounts ?? []).length > 0) return false;
  const said = (conditions ?? []).find(({ type }) => type === "Offboarded")?.reason;
  // Its SecretRotations may stand in the way of the proof after that.
  const waits: readonly (string | undefined)[] = WAITING_FOR_ROTATIONS;
  return said === "Deleted" || (lastKnownGood !== undefined && waits.includes(said));
};

/** Both halves wait: people are told of the one that matters more, and it is looked at again when the first of them is over. */
const together = (staying: LifecycleAction, leaving: LeavingAnswer, input: LifecycleInput): LifecycleAction => {
  if (staying.type !== "wait") return staying;
  const { expiresAt } = input.settings;
  const expiry = expiresAt !== undefined && expiresAt > input.now ? expiresAt : undefined;
  const backOff = leaving.kind === "wait" && leaving.for === "BackingOff" ? leaveRetry(input.status) : undefined;
  const left = leaving.kind === "wait" ? leaving.recheckAt : undefined;
  const recheckAt = [staying.recheckAt, expiry, left, backOff, reviewDue(input)]
    .filter((at) => at !== undefined)
    .sort((a, b) => a.getTime() - b.getTime())[0];
  const about = staying.for === "Rest" ? undefined : staying.about;
  return {
    type: "wait",
    for: waitFor(staying, leaving, expiry),
    ...(recheckAt === undefined ? {} : { recheckAt }),
    ...(about === undefined ? {} : { about }),
  };
};

const reviewDue = ({ status, settings, now }: LifecycleInput): Date | undefined => {
  const due = settings.reviewEveryMs === undefined ? undefined : status.review?.dueTime;
  return due !== undefined && new Date(due) > now ? new Date(due) : undefined;
};

const leaveRetry = ({ leaveFailures }: LifecycleStatus): Date | undefined =>
  leaveFailures === undefined ? undefined : new Date(leaveFailures.nextAttemptTime);

const waitFor = (staying: Wait, leaving: LeavingAnswer, expiry: Date | undefined): LifecycleWait => {
  if (staying.for !== "Rest") return staying.for;
  if (leaving.kind === "wait") return leaving.for;
  return expiry === undefined ? "Rest" : "Expiry";
};
