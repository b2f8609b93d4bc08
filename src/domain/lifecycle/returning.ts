import type { AccountView, DesiredAccount, LifecycleAction, LifecycleInput, Privilege } from "./action.ts";
import { changesOf, leftAlone, narrowings } from "./changes.ts";
import { declaredRecord, permitted } from "./joining.ts";
import { begun, isOurs } from "./leaving.ts";
import type { Piece } from "./piece.ts";
import { classOfKey, directionOf } from "./pieces/direction.ts";
import { planLineOf, planTells } from "./plan-record.ts";
import type { AccountRecord } from "./record.ts";
import { reopenable, stayOffLines } from "./reopening.ts";
import { accountIn, formerIn, isFailed } from "./step-names.ts";

/**
 * Coming back from Suspended, or from Decommissioned while the record is there: what the spec takes away meanwhile goes while
 * nothing works yet, then login, the credentials that were in use and that a SecretRotation answers for, and rights. Bindings come back by
 * the ordinary apply. Whether the identity as a whole may come back is judged before (life.ts); a ServiceAccount is asked about here as well,
 * for it may come back alone.
 */
export const planReturning = (input: LifecycleInput): LifecycleAction | undefined => {
  const returning = comingBack(input);
  const asked = returning.flatMap(({ account }) => (account.cutsByRemoval ? privilegesOf(account) : []));
  if (asked.some((privilege) => permissionFor(privilege, input) === undefined))
    return { type: "observe", what: "permissions", privileges: asked };
  const unseen = returning.find(({ account }) => input.observed[account.name] === undefined);
  if (unseen !== undefined) return { type: "observe", what: "account", account: unseen.account.name };
  for (const { account, record } of returning) {
    const view = input.observed[account.name];
    if (view !== undefined) return oneStep(account, record, view, input);
  }
  return undefined;
};

/** The bindings of a ServiceAccount: who asks for it to come back must be able to give each of them. */
const privilegesOf = ({ name, pieces }: DesiredAccount): readonly Privilege[] =>
  pieces.filter((piece) => piece.class === "grant").map((piece) => ({ account: name, piece }));

const permissionFor = (
  { account, piece }: Privilege,
  { permissions }: Pick<LifecycleInput, "permissions">,
): "allowed" | "refused" | undefined => permissions?.[`${account}/${piece.key}`]?.kind;

/** It is declared, and whoever asks for it to come back may not: it goes on leaving. Planned anew, so that people are told why. */
export const isKeptDown = (record: AccountRecord, input: LifecycleInput): boolean => {
  const account = input.desired[record.name];
  return (
    account?.cutsByRemoval === true &&
    begun(record) &&
    privilegesOf(account).some((privilege) => permissionFor(privilege, input) === "refused")
  );
};

interface Returning {
  readonly account: DesiredAccount;
  readonly record: AccountRecord;
}

const comingBack = (input: LifecycleInput): readonly Returning[] =>
  (input.status.accounts ?? []).flatMap((record) => {
    const account = input.desired[record.name];
    const cut = record.state === "Leaving" || record.state === "Cut";
    if (account === undefined || !cut || isStuck(record.name, input) || isKeptDown(record, input)) return [];
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
  told(account, record, view, input) ??
  (record.state === "Cut" ? ({ type: "beginReturning", account: account.name } as const) : undefined) ??
  (view.principal === "ours"
    ? (narrowFirst(account, record, view, input) ??
      restored(account, record, view, input, "before") ??
      reopen(account, record, view, input) ??
      restored(account, record, view, input, "after"))
    : undefined) ?? {
    type: "recordResumed",
    account: account.name,
  };

/** What stays off is told before anything comes back. */
const told = (
  { name }: DesiredAccount,
  record: AccountRecord,
  view: AccountView,
  { known, status, generation }: LifecycleInput,
): LifecycleAction | undefined => {
  if ((record.enabledCredentials ?? []).length === 0) return undefined;
  if (known === undefined) return { type: "observe", what: "credentials", account: name };
  const lines = stayOffLines(name, record, view, known);
  return lines.length === 0 || planTells(status, generation, lines) ? undefined : { type: "recordPlan", lines };
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
  const off = input.known === undefined ? [] : stayOffLines(account.name, record, view, input.known);
  const lines = [...due.map(planLineOf), ...off];
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

const reopen = (
  account: DesiredAccount,
  record: AccountRecord,
  view: AccountView,
  { known }: LifecycleInput,
): LifecycleAction | undefined => {
  const name = account.name;
  // Only a role's trust is closed by itself; Vault's login comes back with the rights.
  if (view.loginClosed && account.pieces.some(({ key }) => key === "trust"))
    return { type: "openLogin", account: name };
  const opens = reopenable(record, known);
  const credential = view.credentials.find(({ id, enabled }) => !enabled && opens.includes(id));
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
