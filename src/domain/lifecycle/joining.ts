import type { AccountView, DesiredAccount, LifecycleAction, LifecycleInput, PlanLine, Privilege } from "./action.ts";
import {
  additions,
  changesOf,
  leftAlone,
  lineOf,
  narrowings,
  needsPermission,
  undecidedLine,
  type Change,
} from "./changes.ts";
import { exchangeEnd, isWithdrawal, keysWithRoom, linesOf, roomMaker, withdrawalsDue } from "./exchange.ts";
import { holdBack, planRemoval, takenAway } from "./held-back.ts";
import { MOST_PLAN_LINES, planIsOpen, planLineOf, planTells, tellsOf } from "./plan-record.ts";
import { isStayOffLine } from "./reopening.ts";
import type { AccountRecord, FormerPiece, LifecycleStatus, OwnerRecord } from "./record.ts";
import { wantedState } from "./settings.ts";
import { accountIn, isFailed } from "./step-names.ts";

type Refusal = Extract<LifecycleAction, { type: "refuse" }>;

/**
 * Joiner and mover: from what stands to what the spec in force says, for an identity that is Active. A privilege that is not named any
 * more goes at once (exchange.ts has the one exception); then additions, and only when a fresh look finds all of them does anything
 * else go away. What stands as declared is the last known good spec; from then on a difference is drift.
 */
export const planJoining = (input: LifecycleInput, leavingLines: readonly PlanLine[]): LifecycleAction => {
  // Who leaves is no part of this, neither when it goes well nor when it fails.
  const failed = [...new Set((input.failed ?? []).map(accountIn))].filter((name) =>
    input.settings.accounts.some((account) => account.name === name),
  );
  const accounts = kubernetesFirst(Object.values(input.desired)).filter(({ name }) => !failed.includes(name));
  const unseen = accounts.find(({ name }) => input.observed[name] === undefined);
  if (unseen !== undefined) return { type: "observe", what: "account", account: unseen.name };

  const settled = isSettled(input);
  const held = holdBack(input);
  const withdrawal = settled || held !== "no" ? undefined : withdrawn(input, leavingLines);
  if (withdrawal !== undefined) return withdrawal;
  const refused = accounts.flatMap((account) => {
    const refusal = refusalOf(account, input);
    return refusal === undefined ? [] : [{ account, refusal }];
  });
  const removals = (held === "due" && !settled ? (removalsOf(input) ?? []) : []).filter(
    ({ account, piece }) => !isFailed(input.failed ?? [], account, piece.key),
  );
  if (removals.length > 0) {
    const lines = [...leavingLines, ...removals.map(planLineOf)];
    const told = planTells(input.status, input.generation, lines);
    return (told ? undefined : { type: "recordPlan", lines }) ?? planRemoval(removals, input) ?? waitFor(input);
  }
  if (input.paused) return waitFor(input);
  // A spec that cannot be applied wholly is not begun. One that stands already is kept up where it can be.
  if (!settled && refused[0] !== undefined) return refused[0].refusal;
  const fit = accounts.filter((account) => !refused.some((each) => each.account === account));
  const found = fit.flatMap((account) => differences(account, input));
  const left = found.filter((change) => leftAlone(change) !== undefined);
  const all = found.filter((change) => !left.includes(change));
  const reporting = settled && input.settings.drift === "Report";
  // Marks and owner record are ours to keep, whatever drift.mode says: without them it could not be told whose it is.
  const due = all.filter((change) =>
    reporting ? isOwnMark(change, input) : !(isReported(input) && isForeign(change, input)),
  );

  const plan = planned(input, [...leavingLines, ...linesOf(due, input)], settled);
  if (plan !== undefined) return plan;
  const asked = permitted(due, input);
  if ("type" in asked && (asked.type === "observe" || !settled)) return asked;
  const allowed = "type" in asked ? due.filter((change) => refusalIn(input, change) === undefined) : due;

  const declaration = declared(fit, input, allowed);
  if (declaration !== undefined) return declaration;
  const action = applied(allowed, { ...input, failed }, settled);
  if (action !== undefined) return action;
  if (failed.length > 0) return { type: "wait", for: "BackingOff", about: failed.join(","), ...endOfExchange(input) };
  const lines = driftLines(
    fit,
    left,
    all.filter((change) => !due.includes(change)),
    input,
  );
  if (!sameLines(lines, input.status.drift ?? [])) return { type: "recordDrift", lines };
  const refusal = refused[0]?.refusal ?? ("type" in asked ? asked : undefined);
  if (refusal !== undefined) return refusal;
  return goodIsDue(input) ? { type: "recordGood" } : { type: "wait", for: "Rest" };
};

/**
 * The same where nothing may be added now: the spec is refused, or what it adds backs off. Only accounts are looked at of which the record
 * knows more than is declared.
 */
export const planWithdrawals = (
  input: LifecycleInput,
  leavingLines: readonly PlanLine[],
): LifecycleAction | undefined => {
  if (wantedState(input.settings, input.now) !== "Active" || isSettled(input) || holdBack(input) !== "no")
    return undefined;
  const narrowed = Object.entries(input.desired).filter(
    ([name, { pieces }]) =>
      !isFailed(input.failed ?? [], name) &&
      recordOf(input.status, name)?.pieces.some((key) => !pieces.some((piece) => piece.key === key)) === true,
  );
  const unseen = narrowed.find(([name]) => input.observed[name] === undefined);
  if (unseen !== undefined) return { type: "observe", what: "account", account: unseen[0] };
  return withdrawn({ ...input, desired: Object.fromEntries(narrowed) }, leavingLines);
};

/**
 * What goes at once: neither a refusal of the spec, nor a failed addition, nor another account holds it up. Told before it is done,
 * as everything is.
 */
const withdrawn = (input: LifecycleInput, leavingLines: readonly PlanLine[]): LifecycleAction | undefined => {
  const failed = input.failed ?? [];
  const all = Object.values(input.desired).flatMap((account) =>
    isFailed(failed, account.name) || input.observed[account.name]?.principal === "foreign"
      ? []
      : differences(account, input),
  );
  const due = withdrawalsDue(all, input);
  if (due.length === 0) return undefined;
  const lines = linesOf(
    all.filter((change) => leftAlone(change) === undefined),
    input,
  );
  const plan = planned(input, [...leavingLines, ...lines], false);
  if (plan !== undefined) return plan;
  const first = due.find(({ account, piece }) => !isFailed(failed, account, piece.key));
  return first === undefined ? undefined : carriedOut(first, false);
};

const endOfExchange = (input: LifecycleInput): { readonly recheckAt?: Date } => {
  const end = exchangeEnd(input);
  return end === undefined || end <= input.now ? {} : { recheckAt: end };
};

const waitFor = ({ paused }: LifecycleInput): LifecycleAction => ({ type: "wait", for: paused ? "Paused" : "DryRun" });

/** What the spec takes away of accounts that stay and are not in anybody else's hands; undefined while one was not looked at. */
export const removalsOf = (input: LifecycleInput): readonly Change[] | undefined => {
  const accounts = Object.values(input.desired).filter(({ name }) => !isFailed(input.failed ?? [], name));
  if (accounts.some(({ name }) => input.observed[name] === undefined)) return undefined;
  const fit = accounts.filter(({ name }) => input.observed[name]?.principal === "ours");
  return takenAway(fit.flatMap((account) => differences(account, input)));
};

/** Others refer to the ServiceAccount: a role's trust, a JWT login. */
const kubernetesFirst = (accounts: readonly DesiredAccount[]): readonly DesiredAccount[] => [
  ...accounts.filter(({ cutsByRemoval }) => cutsByRemoval),
  ...accounts.filter(({ cutsByRemoval }) => !cutsByRemoval),
];

const recordOf = (status: LifecycleStatus, name: string): AccountRecord | undefined =>
  (status.accounts ?? []).find((record) => record.name === name);

/**
 * Is the spec in force the good one, and do plan and record, which are written ahead of everything, know of nothing else that was
 * begun since? Only then is a difference something that somebody else did.
 */
export const isSettled = ({ status, specHash, settings, desired }: LifecycleInput): boolean =>
  status.lastKnownGood?.specHash === specHash &&
  status.narrowed === undefined &&
  !planIsOpen(status) &&
  sameOwner(status.ownerRecord, settings.owner) &&
  settings.accounts.every(({ name }) => recordOf(status, name)?.state === "Active") &&
  Object.values(desired).every((account) => isWhollyOnRecord(account, recordOf(status, account.name)));

/** What the record knows is what the account must be, and no more. */
const isWhollyOnRecord = (account: DesiredAccount, record: AccountRecord | undefined): boolean =>
  record?.declaration === account.declaration &&
  record.pieces.length === account.pieces.length &&
  account.pieces.every(({ key }) => record.pieces.includes(key));

/** Two owners are the same when every part is. */
export const sameOwner = (a: OwnerRecord | undefined, b: OwnerRecord): boolean =>
  a?.team === b.team && a.contact === b.contact && a.environment === b.environment;

/** What stands in the way of this account; nothing of it may be touched. */
const refusalOf = (account: DesiredAccount, { observed, settings }: LifecycleInput): Refusal | undefined => {
  const view = observed[account.name];
  if (view === undefined) return undefined;
  const conflict = (about: string, message: string): Refusal => ({ type: "refuse", code: "Conflict", message, about });
  const principal = account.pieces.find(({ class: kind }) => kind === "principal");
  const title = principal?.title ?? account.target;
  if (view.principal === "foreign") {
    return conflict(
      account.name,
      `${title} exists and is not this resource's. Choose another name, or let it be adopted: mark it with keyturn.dev/adopt and declare spec.adoption.mode IfAnnotated.`,
    );
  }
  if (view.principal === "adoptable" && !settings.adopt) {
    return conflict(
      account.name,
      `${title} exists and offers itself for adoption, but spec.adoption.mode is Never. Declare IfAnnotated, or choose another name.`,
    );
  }
  const taken = account.pieces.find(({ key }) => view.conflicts.includes(key));
  return taken === undefined
    ? undefined
    : conflict(
        `${account.name}/${taken.key}`,
        `The place of ${taken.title} of account ${account.name} is taken by something that is not Keyturn's. Remove it, or take the piece out of the spec.`,
      );
};

const differences = (account: DesiredAccount, { observed, status }: LifecycleInput): readonly Change[] => {
  const view = observed[account.name];
  return view === undefined ? [] : changesOf(account, view, recordOf(status, account.name));
};

/** Is the spec the good one, of which something is put back after an end? What others have put there is still theirs. */
const isReported = ({ settings, status, specHash }: LifecycleInput): boolean =>
  settings.drift === "Report" && status.lastKnownGood?.specHash === specHash && status.narrowed === undefined;

/** Neither the record nor the plan knows it: a spec that failed may have begun it. */
const isForeign = ({ kind, recorded, found, account, piece }: Change, { status }: LifecycleInput): boolean =>
  kind === "remove" && !recorded && !found && !tellsOf(status.plan?.lines ?? [], account, piece.title);

const isOwnMark = ({ account, piece }: Change, { observed }: LifecycleInput): boolean =>
  piece.class === "attribute" && observed[account]?.principal === "ours";

/** The plan comes before anything of it is done; the repair of drift needs none. */
const planned = (input: LifecycleInput, given: readonly PlanLine[], settled: boolean): LifecycleAction | undefined => {
  const { status, generation, dryRun, notes = [] } = input;
  const lines = given.length === 0 ? given : [...given, ...notes];
  const due = dryRun ? status.plan !== undefined || lines.length > 0 : !settled && lines.length > 0;
  // Under a dry run the plan is also shortened again when there is less to do.
  const told = status.plan?.lines.filter((line) => !isStayOffLine(line));
  const stale = dryRun && told?.length !== Math.min(lines.length, MOST_PLAN_LINES);
  if (due && (stale || !planTells(status, generation, lines))) return { type: "recordPlan", lines };
  return dryRun ? { type: "wait", for: "DryRun" } : undefined;
};

const refusalIn = (input: LifecycleInput, change: Change): Refusal | undefined =>
  needsPermission(change) ? refusalOfPrivilege(input, change) : undefined;

const refusalOfPrivilege = ({ permissions }: LifecycleInput, { account, piece }: Privilege): Refusal | undefined => {
  const about = `${account}/${piece.key}`;
  const permission = permissions?.[about];
  if (permission?.kind !== "refused") return undefined;
  return { type: "refuse", code: permission.code, message: permission.message, about };
};

/** Everything that lets more be done is asked about before anything is done. */
export const permitted = (
  due: readonly Change[],
  input: LifecycleInput,
): Refusal | Extract<LifecycleAction, { type: "observe" }> | { readonly ok: true } => {
  const privileges: readonly Privilege[] = [
    ...due.filter(needsPermission).map(({ account, piece }) => ({ account, piece })),
    ...takenOver(input),
  ];
  if (privileges.some(({ account, piece }) => input.permissions?.[`${account}/${piece.key}`] === undefined))
    return { type: "observe", what: "permissions", privileges };
  return (
    privileges.map((each) => refusalOfPrivilege(input, each)).find((refusal) => refusal !== undefined) ?? { ok: true }
  );
};

/** What an account that is to be adopted has already, as declared: to take it over is to give it. */
const takenOver = ({ desired, observed }: LifecycleInput): readonly Privilege[] =>
  Object.values(desired).flatMap(({ name, pieces }) => {
    const view = observed[name];
    if (view?.principal !== "adoptable") return [];
    return pieces
      .filter(({ key, value, class: kind }) => {
        const standing = view.pieces.find((piece) => piece.key === key);
        return (kind === "grant" || kind === "login") && standing?.value === value;
      })
      .map((piece) => ({ account: name, piece }));
  });

const MOST_KEYS = 64;
const MOST_ACCOUNTS = 16;

/** What may come to stand is on record before it does: claims and keys of every account that is not wholly on record yet. */
const declared = (
  accounts: readonly DesiredAccount[],
  { status, observed }: LifecycleInput,
  due: readonly Change[],
): LifecycleAction | undefined => {
  const records = newRecords(accounts, { status, observed }, due);
  if (records.length === 0) return undefined;
  const known = status.accounts ?? [];
  const added = records.filter(({ name }) => !known.some((record) => record.name === name));
  if (known.length + added.length <= MOST_ACCOUNTS) return { type: "declare", records };
  return {
    type: "refuse",
    code: "InvalidSpec",
    message: `${known.length} accounts are on record, those that are leaving among them, and there is room for ${MOST_ACCOUNTS}. Wait until some of them are deleted (spec.deletion.holdFor), or declare fewer.`,
    about: added[0]?.name ?? "",
  };
};

const newRecords = (
  accounts: readonly DesiredAccount[],
  { status, observed }: Pick<LifecycleInput, "status" | "observed">,
  due: readonly Change[],
): readonly AccountRecord[] =>
  accounts.flatMap((account): readonly AccountRecord[] => {
    const record = recordOf(status, account.name);
    const keys = account.pieces.map(({ key }) => key);
    const known =
      record !== undefined &&
      keys.every((key) => record.pieces.includes(key)) &&
      record.declaration === account.declaration;
    const view = observed[account.name];
    if (known || view === undefined) return [];
    // With nothing to do there is nothing to be written ahead of; recordGood brings the record up to date.
    if (record !== undefined && !due.some((change) => change.account === account.name)) return [];
    const next = declaredRecord(account, record, view);
    // No room for more: what stands goes first, and what it made room for is declared then.
    const same = record?.declaration === next.declaration && sameLines(record.pieces, next.pieces);
    return same ? [] : [next];
  });

export const declaredRecord = (
  account: DesiredAccount,
  record: AccountRecord | undefined,
  view: AccountView,
): AccountRecord => {
  const keys = account.pieces.map(({ key }) => key);
  const standing = new Set(view.pieces.map(({ key }) => key));
  const adopting = record === undefined && view.principal === "adoptable";
  return {
    ...(record ?? { name: account.name, state: "Pending" }),
    target: account.target,
    declaration: account.declaration,
    pieces: keysWithRoom(record, keys, standing, MOST_KEYS),
    ...(adopting ? { adopted: true, foundPieces: [...standing].slice(0, MOST_KEYS) } : {}),
  };
};

const applied = (changes: readonly Change[], input: LifecycleInput, settled: boolean): LifecycleAction | undefined => {
  const addition = additions(changes).find((change) => isOnRecord(change, input));
  if (addition !== undefined) return madeRoomFor(addition, changes, input) ?? carriedOut(addition, settled);
  const narrowing = narrowings(changes);
  const first = narrowing[0];
  if (first === undefined) return undefined;
  const former = first.former === undefined ? undefined : formerOf(first, first.former, input);
  if (former !== undefined) return former;
  // What failed may still be to be added: nothing is taken away before all of it stands.
  if ((input.failed ?? []).length > 0 && !settled) return undefined;
  const good = input.status.lastKnownGood?.specHash === input.specHash;
  const forward = narrowing.filter((change) => !isWithdrawal(change));
  if (!good && forward.length > 0 && input.status.narrowed !== input.specHash)
    return { type: "beginNarrowing", accounts: [...new Set(forward.map(({ account }) => account))] };
  return carriedOut(first, settled);
};

/** Written ahead, or there was no room for it on the record yet. */
const isOnRecord = ({ account, kind, piece }: Change, { status }: LifecycleInput): boolean =>
  kind === "remove" || recordOf(status, account)?.pieces.includes(piece.key) === true;

const madeRoomFor = (
  addition: Change,
  changes: readonly Change[],
  { desired, observed }: LifecycleInput,
): LifecycleAction | undefined => {
  const [account, view] = [desired[addition.account], observed[addition.account]];
  const maker = account === undefined || view === undefined ? undefined : roomMaker(addition, changes, account, view);
  if (maker === undefined) return undefined;
  const { change, insteadOf } = maker;
  const action = carriedOut(change, false);
  return action.type === "remove" ? { ...action, insteadOf } : action;
};

/** The text of somebody else's policy of which only the denials are left is on record before. */
const formerOf = (
  { account }: Change,
  former: FormerPiece,
  { status }: LifecycleInput,
): LifecycleAction | undefined => {
  const known = recordOf(status, account)?.former?.some(
    ({ key, value }) => key === former.key && value === former.value,
  );
  return known === true ? undefined : { type: "recordFormer", account, way: undefined, pieces: [former] };
};

const carriedOut = ({ account, kind, piece }: Change, settled: boolean): LifecycleAction =>
  kind === "remove"
    ? { type: "remove", account, key: piece.key, because: settled ? "Drift" : "NotDeclared" }
    : { type: "apply", account, piece, because: settled ? "Drift" : "Declared" };

const MOST_DRIFT_LINES = 32;

/** What differs and is left standing. */
const driftLines = (
  accounts: readonly DesiredAccount[],
  restrictions: readonly Change[],
  reported: readonly Change[],
  { observed }: LifecycleInput,
): readonly string[] => {
  const cut = accounts.filter(({ name, cutsByRemoval }) => !cutsByRemoval && observed[name]?.rightsCut === true);
  return [
    ...cut.map(({ name }) => `~ ${name}: rights are cut by hand (narrows)`),
    ...restrictions.map((change) =>
      leftAlone(change) === "Undecided"
        ? undecidedLine(change)
        : lineOf({ ...change, kind: "make", direction: "narrow" }),
    ),
    ...reported.map(lineOf),
  ].slice(0, MOST_DRIFT_LINES);
};

const sameLines = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((line, index) => line === b[index]);

const goodIsDue = (input: LifecycleInput): boolean => {
  const { status, desired, own } = input;
  // There is nothing to be good with: what a first spec made is being taken back.
  if (!own && status.lastKnownGood === undefined) return false;
  if (own && status.quarantine !== undefined) return true;
  if (!isSettled(input)) return true;
  return Object.keys(desired).some((name) => recordOf(status, name)?.adopted === true);
};
