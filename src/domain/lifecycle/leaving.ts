import type { AccountView, LifecycleAction, LifecycleWait, RemovalCause } from "./action.ts";
import { partOfPrincipal, type ObservedPiece, type PieceClass } from "./piece.ts";
import type { AccountRecord } from "./record.ts";
import type { LifecycleSettings } from "./settings.ts";

/** An account that must not work any more. */
export interface Leaver {
  readonly record: AccountRecord;
  readonly wanted: "Suspended" | "Gone";
  readonly cutsByRemoval: boolean;
  readonly canDisableCredentials: boolean;
  /** Made for a spec that never became good: taken back at once, for nobody can have used it. */
  readonly takenBack: boolean;
  /** The object's own spec has left it out: a narrowing. */
  readonly narrows: boolean;
}

export interface LeavingInput {
  readonly now: Date;
  readonly timeTrusted: boolean;
  readonly leavers: readonly Leaver[];
  readonly observed: Readonly<Record<string, AccountView>>;
  /** Nothing is planned for these now. */
  readonly failed: readonly string[];
  /** False: what has not begun to leave stays as it is (dry run). */
  readonly mayBegin: boolean;
  readonly deletion: Pick<LifecycleSettings["deletion"], "policy" | "holdMs">;
}

export type LeavingAnswer =
  | { readonly kind: "act"; readonly action: LifecycleAction }
  | { readonly kind: "wait"; readonly for: LifecycleWait; readonly recheckAt?: Date }
  /** Nothing is left to do but to look again at the next resync. */
  | { readonly kind: "done" };

/**
 * The leaver protocol, over all leaving accounts together: begin, cut, close, disable, prove; then hold, then removal. An account
 * that cannot be reached holds up no other. What is cut already is looked at again every time: what somebody has switched
 * on since is switched off again.
 */
export const planLeavers = (input: LeavingInput): LeavingAnswer => {
  const reachable = input.leavers.filter(({ record }) => !input.failed.includes(record.name));
  const open = reachable.filter((leaver) => input.mayBegin || begun(leaver.record));
  const action = looked(open, input) ?? cutDown(open, input) ?? ended(open, input);
  if (action !== undefined) return { kind: "act", action };
  return waiting(input, open);
};

/** Cut, closed and disabled, as far as accounts can be reached: all that a finalizer waits for. */
export const planCut = (input: LeavingInput): LifecycleAction | undefined => {
  const open = input.leavers.filter(({ record }) => !input.failed.includes(record.name));
  return looked(open, input) ?? cutDown(open, input);
};

export const begun = ({ state }: AccountRecord): boolean => state === "Leaving" || state === "Cut" || state === "Gone";

/** Adopted and never wholly applied: it is not ours yet, and goes back as it was found. */
export const isGivenBack = ({ adopted, state }: AccountRecord): boolean => adopted === true && state === "Pending";

const looked = (open: readonly Leaver[], { observed }: LeavingInput): LifecycleAction | undefined => {
  const unseen = open.find(({ record }) => record.state !== "Gone" && observed[record.name] === undefined);
  return unseen === undefined ? undefined : { type: "observe", what: "account", account: unseen.record.name };
};

type Step = (leaver: Leaver, view: AccountView, input: LeavingInput) => LifecycleAction | undefined;

/** The first thing that one of these steps finds to do, step by step over all accounts. */
const firstOf = (
  steps: readonly Step[],
  leavers: readonly Leaver[],
  input: LeavingInput,
): LifecycleAction | undefined => {
  for (const step of steps) {
    for (const leaver of leavers) {
      const view = input.observed[leaver.record.name];
      const action = view === undefined ? undefined : step(leaver, view, input);
      if (action !== undefined) return action;
    }
  }
  return undefined;
};

const cutDown = (open: readonly Leaver[], input: LeavingInput): LifecycleAction | undefined => {
  const cut = open.filter((leaver) => isCut(leaver, input.observed[leaver.record.name]));
  return firstOf([begin, cutRights, closeLogin, disable], cut, input);
};

const ended = (open: readonly Leaver[], input: LeavingInput): LifecycleAction | undefined => {
  const gone = open.find(({ record }) => record.state === "Gone");
  if (gone !== undefined) return { type: "forget", account: gone.record.name };
  const cut = open.filter((leaver) => isCut(leaver, input.observed[leaver.record.name]));
  const uncut = open.filter((leaver) => !cut.includes(leaver));
  return firstOf([prove], cut, input) ?? firstOf([takeBack], uncut, input) ?? firstOf([remove], cut, input);
};

/** Is this account cut and held, rather than given back or taken back? One with a credential may have been used by somebody. */
const isCut = ({ record, takenBack }: Leaver, view: AccountView | undefined): boolean => {
  if (record.state === "Gone" || isGivenBack(record)) return false;
  return !takenBack || (view?.principal === "ours" && view.credentials.length > 0);
};

const begin: Step = ({ record, narrows }, view) =>
  begun(record)
    ? undefined
    : {
        type: "beginLeaving",
        account: record.name,
        enabledCredentials: view.credentials.filter(({ enabled }) => enabled).map(({ id }) => id),
        ...(narrows ? { narrows } : {}),
      };

const cutRights: Step = ({ record, cutsByRemoval }, view) => {
  if (!cutsByRemoval) {
    const way = view.cutWays[0];
    return view.principal === "ours" && !view.rightsCut && way !== undefined
      ? { type: "cut", account: record.name, way: way.name }
      : undefined;
  }
  const grant = view.pieces.find((piece) => piece.class === "grant");
  return grant === undefined ? undefined : { type: "remove", account: record.name, key: grant.key, because: "Leaving" };
};

const closeLogin: Step = ({ record }, view) =>
  view.principal === "ours" && !view.loginClosed ? { type: "closeLogin", account: record.name } : undefined;

/** Every credential that the provider lists, whoever made it. */
const disable: Step = ({ record, canDisableCredentials }, view) => {
  if (!canDisableCredentials || view.principal !== "ours") return undefined;
  const credential = view.credentials.find(({ enabled }) => enabled);
  return credential === undefined ? undefined : { type: "disableCredential", account: record.name, id: credential.id };
};

/** Proven once per departure: again when a suspended account is to be deleted, or one to be deleted is only suspended now. */
const prove: Step = (leaver, _view, input) => {
  const { record } = leaver;
  const due = record.state === "Leaving" || (record.heldUntil !== undefined) !== isDeleted(leaver, input);
  return due ? { type: "prove", account: record.name } : undefined;
};

/** Retain is about the resource's deletion; where the identity itself ends, it is cut and kept. */
export const isDeleted = ({ wanted }: Pick<Leaver, "wanted">, { deletion }: Pick<LeavingInput, "deletion">): boolean =>
  wanted === "Gone" && deletion.policy === "Delete";

const takeBack: Step = ({ record, takenBack }, view) => {
  const because = takenBack ? "Reverted" : "Leaving";
  if (!isGivenBack(record)) return dismantle(record, view, because);
  const found = record.foundPieces ?? [];
  const added = view.pieces.filter(({ key }) => record.pieces.includes(key) && !found.includes(key));
  const piece = inOrder(added)[0];
  if (piece !== undefined) return { type: "remove", account: record.name, key: piece.key, because };
  return { type: view.principal === "ours" ? "giveBack" : "forget", account: record.name };
};

/** After the hold, when this operator knows what time it is. */
const remove: Step = (leaver, view, input) => {
  const { record } = leaver;
  if (!isDeleted(leaver, input) || !input.timeTrusted) return undefined;
  const heldUntil = holdEnd(record, input);
  if (heldUntil === undefined || heldUntil > input.now) return undefined;
  const credential = view.principal === "ours" ? view.credentials[0] : undefined;
  if (credential !== undefined) return { type: "removeCredential", account: record.name, id: credential.id };
  return dismantle(record, view, "Deleted");
};

/** A hold that the owner has lengthened since counts; one that was shortened does not. */
const holdEnd = ({ heldUntil, provenAt }: AccountRecord, { deletion }: LeavingInput): Date | undefined => {
  if (heldUntil === undefined) return undefined;
  const declared = provenAt === undefined ? 0 : Date.parse(provenAt) + deletion.holdMs;
  return new Date(Math.max(Date.parse(heldUntil), declared));
};

/** What hangs on the principal, then the principal, then the record. What is not ours stays. */
const dismantle = (record: AccountRecord, view: AccountView, because: RemovalCause): LifecycleAction => {
  const piece = inOrder(view.pieces)[0];
  if (piece !== undefined) return { type: "remove", account: record.name, key: piece.key, because };
  if (view.principal !== "ours") return { type: "forget", account: record.name };
  return { type: "remove", account: record.name, key: "principal", because };
};

const REMOVAL_ORDER: readonly PieceClass[] = ["login", "grant", "restriction"];

const inOrder = (pieces: readonly ObservedPiece[]): readonly ObservedPiece[] =>
  REMOVAL_ORDER.flatMap((kind) => pieces.filter((piece) => piece.class === kind && !partOfPrincipal(piece.key)));

const waiting = (input: LeavingInput, open: readonly Leaver[]): LeavingAnswer => {
  const stuck = input.leavers.some(
    ({ record }) => input.failed.includes(record.name) && (input.mayBegin || begun(record)),
  );
  const holds = open
    .filter((leaver) => isDeleted(leaver, input))
    .map(({ record }) => holdEnd(record, input))
    .filter((end) => end !== undefined)
    .sort((a, b) => a.getTime() - b.getTime());
  const recheckAt = holds.find((end) => end > input.now);
  if (stuck) return { kind: "wait", for: "BackingOff", ...(recheckAt === undefined ? {} : { recheckAt }) };
  if (holds.length === 0) return { kind: "done" };
  if (!input.timeTrusted) return { kind: "wait", for: "ClockSkew" };
  return { kind: "wait", for: "Hold", ...(recheckAt === undefined ? {} : { recheckAt }) };
};
