import type { AccountView, DesiredAccount, LifecycleAction, LifecycleInput } from "./action.ts";
import { changesOf, leftAlone, narrowings } from "./changes.ts";
import { declaredRecord, permitted } from "./joining.ts";
import { isOurs } from "./leaving.ts";
import type { Piece } from "./piece.ts";
import { classOfKey, directionOf } from "./pieces/direction.ts";
import { planLineOf, planTells } from "./plan-record.ts";
import type { AccountRecord } from "./record.ts";
import { accountIn, formerIn, isFailed } from "./step-names.ts";

/**
 * Coming back from Suspended, or from Decommissioned while the record is there: what the spec takes away meanwhile goes while
 * nothing works yet, then login, exactly the credentials that were in use, and rights. Bindings come back by the ordinary apply.
 */
export const planReturning = (input: LifecycleInput): LifecycleAction | undefined => {
  const returning = comingBack(input);
  const unseen = returning.find(({ account }) => input.observed[account.name] === undefined);
  if (unseen !== undefined) return { type: "observe", what: "account", account: unseen.account.name };
  for (const { account, record } of returning) {
    const view = input.observed[account.name];
    if (view !== undefined) return oneStep(account, record, view, input);
  }
  return undefined;
};

interface Returning {
  readonly account: DesiredAccount;
  readonly record: AccountRecord;
}

const comingBack = (input: LifecycleInput): readonly Returning[] =>
  (input.status.accounts ?? []).flatMap((record) => {
    const account = input.desired[record.name];
    const cut = record.state === "Leaving" || record.state === "Cut";
    if (account === undefined || !cut || isStuck(record.name, input)) return [];
    return [{ account, record }];
  });

/** What could not be put back of what granted holds up nothing (see `restored`); every other failure holds up the account. */
const isStuck = (name: string, { failed }: LifecycleInput): boolean =>
  (failed ?? []).some((step) => accountIn(step) === name && !mayLack(step));

const oneStep = (
  account: DesiredAccount,
  record: AccountRecord,
  view: AccountView,
  input: LifecycleInput,
): LifecycleAction =>
  (record.state === "Cut" ? ({ type: "beginReturning", account: account.name } as const) : undefined) ??
  (view.principal === "ours"
    ? (narrowFirst(account, record, view, input) ??
      restored(account, record, view, input, "before") ??
      reopen(account, record, view) ??
      restored(account, record, view, input, "after"))
    : undefined) ?? {
    type: "recordResumed",
    account: account.name,
  };

/**
 * What the cut took away comes back while nothing works yet, and the next look reads it back before anything is opened. Where room was
 * made for the denial, what grants does not fit beside it: it comes back when the denial is lifted.
 */
const restored = (
  account: DesiredAccount,
  record: AccountRecord,
  view: AccountView,
  input: LifecycleInput,
  when: "before" | "after",
): LifecycleAction | undefined => {
  const after = record.cutWays?.includes("Room") === true;
  const due = (record.former ?? []).flatMap((former): readonly Piece[] => {
    if (former.key === "boundary" || classOfKey(former.key) !== "grant") return [];
    if (view.pieces.some(({ key }) => key === former.key)) return [];
    if (isFailed(input.failed ?? [], account.name, `former/${former.key}`)) return [];
    const declared = account.pieces.find(({ key }) => key === former.key);
    const denies = directionOf(former.key, undefined, former.value) === "narrow";
    if (denies ? when === "after" : after !== (when === "after")) return [];
    if (declared !== undefined) return [declared];
    // A foreign grant under Enforce is drift: it would be taken away by the next step. What may forbid is not ours to leave out.
    const kept = denies || former.mayDeny === true || input.settings.drift === "Report";
    const stays = !record.pieces.includes(former.key) && kept;
    return stays ? [{ key: former.key, class: "grant", value: former.value, title: former.key }] : [];
  });
  const piece = due[0];
  return piece === undefined ? undefined : { type: "apply", account: account.name, piece, because: "Former" };
};

/** A step that puts back what granted; without it the account has less than before. */
const mayLack = (step: string): boolean => {
  const key = formerIn(step);
  return key !== undefined && classOfKey(key) === "grant";
};

/** Opening would give back for a while what is no longer declared: all that narrows is done while nothing works yet. */
const narrowFirst = (
  account: DesiredAccount,
  record: AccountRecord,
  view: AccountView,
  input: LifecycleInput,
): LifecycleAction | undefined => {
  const { status, specHash, settings } = input;
  const good = status.lastKnownGood?.specHash === specHash;
  if (good && settings.drift === "Report") return undefined;
  const changes = changesOf(account, view, record).filter((change) => leftAlone(change) === undefined);
  // A boundary that denies stands in the place of the declared one until the cut is lifted, which sets that.
  const bounds = view.cutBy.includes("Boundary")
    ? []
    : changes.filter(({ kind, piece }) => kind === "make" && piece.class === "restriction");
  const due = [...bounds, ...narrowings(changes)];
  const first = due[0];
  if (first === undefined) return undefined;
  const lines = due.map(planLineOf);
  if (!good && !planTells(status, input.generation, lines)) return { type: "recordPlan", lines };
  const asked = permitted(due, input);
  if ("type" in asked) return asked;
  if (first.kind !== "remove" && !record.pieces.includes(first.piece.key))
    return { type: "declare", records: [declaredRecord(account, record, view)] };
  if (!good && status.narrowed !== specHash) return { type: "beginNarrowing", accounts: [account.name] };
  const { kind, piece, recorded } = first;
  const declared = recorded || !good;
  return kind === "remove"
    ? { type: "remove", account: account.name, key: piece.key, because: declared ? "NotDeclared" : "Drift" }
    : { type: "apply", account: account.name, piece, because: good ? "Drift" : "Declared" };
};

const reopen = (account: DesiredAccount, record: AccountRecord, view: AccountView): LifecycleAction | undefined => {
  const name = account.name;
  // Only a role's trust is closed by itself; Vault's login comes back with the rights.
  if (view.loginClosed && account.pieces.some(({ key }) => key === "trust"))
    return { type: "openLogin", account: name };
  const inUse = record.enabledCredentials ?? [];
  const credential = view.credentials.find(({ id, enabled }) => !enabled && inUse.includes(id));
  if (credential !== undefined) return { type: "enableCredential", account: name, id: credential.id };
  return account.cutsByRemoval ? undefined : lifted(account, record, view);
};

/** Denials that we put on; what others have forbidden stays. A boundary gives way to the declared one, else to the former one. */
const lifted = (account: DesiredAccount, record: AccountRecord, view: AccountView): LifecycleAction | undefined => {
  const ways = view.cutBy.filter((way) => isOurs(way) || record.cutWays?.includes(way) === true);
  if (ways.length === 0) return undefined;
  const boundary = [...account.pieces, ...(record.former ?? [])].find(({ key }) => key === "boundary")?.value;
  return { type: "uncut", account: account.name, ways, boundary };
};
