import type { AccountView, DesiredAccount, LifecycleAction, LifecycleInput } from "./action.ts";
import { changesOf, isForeignRestriction, narrowings } from "./changes.ts";
import { declaredRecord, permitted } from "./joining.ts";
import { planLineOf, planTells } from "./plan-record.ts";
import type { AccountRecord } from "./record.ts";

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
    if (account === undefined || !cut || (input.failed ?? []).includes(record.name)) return [];
    return [{ account, record }];
  });

const oneStep = (
  account: DesiredAccount,
  record: AccountRecord,
  view: AccountView,
  input: LifecycleInput,
): LifecycleAction =>
  (record.state === "Cut" ? ({ type: "beginReturning", account: account.name } as const) : undefined) ??
  (view.principal === "ours"
    ? (narrowFirst(account, record, view, input) ?? reopen(account, record, view))
    : undefined) ?? {
    type: "recordResumed",
    account: account.name,
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
  const changes = changesOf(account, view, record).filter((change) => !isForeignRestriction(change));
  const bounds = changes.filter(({ kind, piece }) => kind === "make" && piece.class === "restriction");
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
  return view.rightsCut && !account.cutsByRemoval
    ? { type: "uncut", account: name, ways: view.cutBy, boundary: undefined }
    : undefined;
};
