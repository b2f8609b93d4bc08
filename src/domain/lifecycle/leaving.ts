import type { AccountView, CutWay, LifecycleAction, LifecycleWait, RemovalCause } from "./action.ts";
import { partOfPrincipal, type ObservedPiece, type PieceClass } from "./piece.ts";
import type { AccountRecord, CutWayName, FormerPiece } from "./record.ts";
import type { LifecycleSettings } from "./settings.ts";
import { accountIn, isFailed } from "./step-names.ts";

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
  /** An IdentityHold holds it: an adopted account that is not ours yet is cut as well, not given back. */
  readonly held?: boolean | undefined;
}

export interface LeavingInput {
  readonly now: Date;
  readonly timeTrusted: boolean;
  readonly leavers: readonly Leaver[];
  readonly observed: Readonly<Record<string, AccountView>>;
  /** Steps that failed or back off, by name (step-names.ts): each is left out, and every other is still planned. */
  readonly failed: readonly string[];
  readonly deletion: Pick<LifecycleSettings["deletion"], "policy" | "holdMs">;
}

export type LeavingAnswer =
  | { readonly kind: "act"; readonly action: LifecycleAction }
  | { readonly kind: "wait"; readonly for: LifecycleWait; readonly recheckAt?: Date }
  /** Nothing is left to do but to look again at the next resync. */
  | { readonly kind: "done" };

/**
 * The leaver protocol, over all leaving accounts together: begin, cut, close, disable, prove; then hold, then removal. A step that
 * fails holds up no other step that lowers access, of its own account or of another (ADR 0041). What is cut already is looked
 * at again every time: what somebody has switched on since is switched off again, and where that fails the proof is void.
 */
export const planLeavers = (input: LeavingInput): LeavingAnswer => {
  const open = openLeavers(input);
  // What was looked at is cut before the next is looked at: a provider that is slow holds up no other.
  const action = cutDown(open, input) ?? looked(open, input) ?? ended(open, input);
  if (action !== undefined) return { kind: "act", action };
  return waiting(input, open);
};

/** Cut, closed and disabled, as far as accounts can be reached: all that a finalizer waits for. */
export const planCut = (input: LeavingInput): LifecycleAction | undefined => {
  const open = openLeavers(input);
  // All are looked at first, so that the ledger is told of all at once.
  return looked(open, input) ?? cutDown(open, input);
};

const openLeavers = ({ leavers, failed }: LeavingInput): readonly Leaver[] =>
  leavers.filter(({ record }) => !isFailed(failed, record.name));

export const begun = ({ state }: AccountRecord): boolean => state === "Leaving" || state === "Cut" || state === "Gone";

/** Adopted and never wholly applied: it is not ours yet, and goes back as it was found. */
export const isGivenBack = ({ adopted, state }: AccountRecord): boolean => adopted === true && state === "Pending";

/** Cut under a hold before it became ours: it stays cut when the hold is over, and is never deleted. */
const isKeptFound = ({ adopted, state }: AccountRecord): boolean =>
  adopted === true && (state === "Leaving" || state === "Cut");

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
  const steps = [begin, atOnce(cutRights), atOnce(closeLogin), disable];
  return firstOf([...steps, cutRights, closeLogin, cutByClearing, endPasswords, voidProof], cut, input);
};

const ended = (open: readonly Leaver[], input: LeavingInput): LifecycleAction | undefined => {
  const gone = open.find(({ record }) => record.state === "Gone");
  if (gone !== undefined) return { type: "forget", account: gone.record.name };
  const cut = open.filter((leaver) => isCut(leaver, input.observed[leaver.record.name]));
  const uncut = open.filter((leaver) => !cut.includes(leaver));
  return firstOf([prove], cut, input) ?? firstOf([takeBack], uncut, input) ?? firstOf([remove], cut, input);
};

/** Is this account cut and held, rather than given back or taken back? One with a credential may have been used by somebody. */
const isCut = ({ record, takenBack, held }: Leaver, view: AccountView | undefined): boolean => {
  if (record.state === "Gone") return false;
  if (isGivenBack(record)) return held === true;
  return !takenBack || (view?.principal === "ours" && view.credentials.length > 0);
};

/**
 * Does nothing of the account work any more, by what was seen? A denial is in force, or, where every way to one was refused (`Grants` on
 * record), nothing that grants is left; no login lets in; what has a switch is off; without a denial no password is left either.
 */
export const isShut = (
  { record, cutsByRemoval, canDisableCredentials }: Pick<Leaver, "record" | "cutsByRemoval" | "canDisableCredentials">,
  view: AccountView,
): boolean => {
  if (!isProvable(view) || !view.loginClosed) return false;
  if (cutsByRemoval) return !view.pieces.some((piece) => piece.class === "grant");
  if (view.principal !== "ours") return true;
  const without = record.cutWays?.includes("Grants") === true && view.grantsGone;
  if (!view.rightsCut && (!without || view.credentials.some(({ endsAtCut }) => endsAtCut === true))) return false;
  return !canDisableCredentials || view.credentials.every(({ enabled, switchable }) => !enabled || !switchable);
};

/** Of what stands under the account's name and is not ours, nothing is proven. */
export const isProvable = ({ principal }: AccountView): boolean => principal === "ours" || principal === "absent";

const begin: Step = ({ record, narrows }, view) =>
  begun(record)
    ? undefined
    : {
        type: "beginLeaving",
        account: record.name,
        enabledCredentials: view.credentials
          .filter(({ enabled, switchable }) => enabled && switchable)
          .map(({ id }) => id),
        ...(narrows ? { narrows } : {}),
      };

/** The cut is not found and cannot be put back now: what was said of it holds no more. */
const voidProof: Step = (leaver, view) =>
  leaver.record.state === "Cut" && leaver.record.provenAt !== undefined && isProvable(view) && !isShut(leaver, view)
    ? { type: "voidProof", account: leaver.record.name }
    : undefined;

/** Only what needs nothing on record before: a record ends the pass, and the rest that lowers access does not wait for it. */
const atOnce =
  (step: Step): Step =>
  (leaver, view, input) => {
    const action = step(leaver, view, input);
    return action?.type === "recordFormer" ? undefined : action;
  };

/** What one request cuts, or what is taken away one by one where there is no other way. */
const cutRights: Step = (leaver, view, input) => {
  const { record, cutsByRemoval } = leaver;
  const { name } = record;
  if (cutsByRemoval) {
    const grant = view.pieces.find((piece) => piece.class === "grant" && !isFailed(input.failed, name, piece.key));
    return grant === undefined ? undefined : { type: "remove", account: name, key: grant.key, because: "Leaving" };
  }
  return firstWay(leaver, view, input, ({ clears, request }) => request && clears.length === 0);
};

/** Ways that take something away first, one request each: logins and credentials do not wait for them. */
const cutByClearing: Step = (leaver, view, input) =>
  leaver.cutsByRemoval
    ? undefined
    : firstWay(leaver, view, input, ({ clears, request }) => !request || clears.length > 0);

const firstWay = (
  leaver: Leaver,
  view: AccountView,
  input: LeavingInput,
  isMeant: (way: CutWay) => boolean,
): LifecycleAction | undefined => {
  // What others deny may go at any time: a denial of ours stands beside it.
  if (view.principal !== "ours" || view.cutBy.length > 0) return undefined;
  for (const way of view.cutWays.filter(isMeant)) {
    const failed = isFailed(input.failed, leaver.record.name, `cut/${way.name}`);
    const action = failed ? undefined : goThisWay(leaver, way, input);
    if (action !== undefined) return action;
  }
  return undefined;
};

/** What the way replaces or clears is on record before; then all that it clears goes, then its request. */
const goThisWay = (leaver: Leaver, way: CutWay, { failed }: LeavingInput): LifecycleAction | undefined => {
  const { record, wanted } = leaver;
  const account = record.name;
  const kept = keepable(record, way.clears);
  // What finds no room on record could not come back: it goes only where the account itself is to go.
  const clears = (wanted === "Gone" ? way.clears : kept).filter(({ key }) => !isFailed(failed, account, key));
  const pieces = [...way.replaces, ...clears.filter((piece) => kept.includes(piece))].filter(
    (piece) => !isOnRecord(record, piece),
  );
  if (pieces.length > 0 || !isBegun(record, way.name)) return { type: "recordFormer", account, way: way.name, pieces };
  const cleared = clears[0];
  if (cleared !== undefined) return { type: "remove", account, key: cleared.key, because: "Leaving" };
  return way.request ? { type: "cut", account, way: way.name } : undefined;
};

/** What status has room for, the boundary beside it. */
const keepable = (record: AccountRecord, pieces: readonly FormerPiece[]): readonly FormerPiece[] => {
  const known = pieces.filter((piece) => isOnRecord(record, piece));
  const added = pieces.filter((piece) => !known.includes(piece) && piece.value.length <= LONGEST_FORMER);
  return [...known, ...added.slice(0, Math.max(MOST_FORMER - 1 - (record.former ?? []).length, 0))];
};

const MOST_FORMER = 64;
const LONGEST_FORMER = 20_480;

/** These lift themselves by their own name: nobody else puts them on, so nothing has to be on record before. */
const OWN: readonly CutWayName[] = ["Deny", "Disable"];

export const isOurs = (way: CutWayName): boolean => OWN.includes(way);

const isBegun = ({ cutWays }: AccountRecord, way: CutWayName): boolean =>
  isOurs(way) || cutWays?.includes(way) === true;

/** A boundary counts as it stood last, anything else as it stood first: what others put there since the cut is not given back. */
const isOnRecord = ({ former }: AccountRecord, { key, value }: FormerPiece): boolean =>
  (former ?? []).some((piece) => piece.key === key && (key !== "boundary" || piece.value === value));

const closeLogin: Step = ({ record }, view, { failed }) => {
  if (view.loginClosed || isFailed(failed, record.name, "close")) return undefined;
  const pieces = view.closes.filter((piece) => !isOnRecord(record, piece));
  return pieces.length > 0
    ? { type: "recordFormer", account: record.name, way: undefined, pieces }
    : { type: "closeLogin", account: record.name };
};

/** Every credential that the provider lists and that has a switch, whoever made it. */
const disable: Step = ({ record, canDisableCredentials }, view, { failed }) => {
  if (!canDisableCredentials || view.principal !== "ours") return undefined;
  const credential = view.credentials.find(
    ({ id, enabled, switchable }) => enabled && switchable && !isFailed(failed, record.name, `disable/${id}`),
  );
  return credential === undefined ? undefined : { type: "disableCredential", account: record.name, id: credential.id };
};

/** A password has no switch. Under a denial it opens nothing and goes at the end; where no denial could be put on it goes now. */
const endPasswords: Step = ({ record, cutsByRemoval }, view, { failed }) => {
  if (cutsByRemoval || view.principal !== "ours" || view.rightsCut) return undefined;
  const password = view.credentials.find(
    ({ id, endsAtCut }) => endsAtCut === true && !isFailed(failed, record.name, `credential/${id}`),
  );
  return password === undefined ? undefined : { type: "removeCredential", account: record.name, id: password.id };
};

/** Proven once per departure: again when a suspended account is to be deleted, or one to be deleted is only suspended now. */
const prove: Step = (leaver, view, input) => {
  const { record } = leaver;
  const due = record.state === "Leaving" || (record.heldUntil !== undefined) !== isDeleted(leaver, input);
  return due && isShut(leaver, view) && !isFailed(input.failed, record.name, "prove")
    ? { type: "prove", account: record.name }
    : undefined;
};

/** Retain is about the resource's deletion; where the identity itself ends, it is cut and kept. */
export const isDeleted = ({ wanted }: Pick<Leaver, "wanted">, { deletion }: Pick<LeavingInput, "deletion">): boolean =>
  wanted === "Gone" && deletion.policy === "Delete";

const takeBack: Step = ({ record, takenBack }, view, input) => {
  const because = takenBack ? "Reverted" : "Leaving";
  if (!isGivenBack(record)) return dismantle(record, view, because, input);
  const found = record.foundPieces ?? [];
  const added = view.pieces.filter(({ key }) => record.pieces.includes(key) && !found.includes(key));
  const pieces = inOrder(added, REMOVAL_ORDER);
  const piece = pieces.find(({ key }) => !isFailed(input.failed, record.name, key));
  if (piece !== undefined) return { type: "remove", account: record.name, key: piece.key, because };
  if (pieces.length > 0) return undefined;
  return { type: view.principal === "ours" ? "giveBack" : "forget", account: record.name };
};

/** After the hold, when this operator knows what time it is. */
const remove: Step = (leaver, view, input) => {
  const { record } = leaver;
  if (!isDeleted(leaver, input) || !input.timeTrusted || record.state !== "Cut" || isKeptFound(record))
    return undefined;
  const heldUntil = holdEnd(record, input);
  if (heldUntil === undefined || heldUntil > input.now) return undefined;
  const credentials = view.principal === "ours" ? view.credentials : [];
  const credential = credentials.find(({ id }) => !isFailed(input.failed, record.name, `credential/${id}`));
  if (credential !== undefined) return { type: "removeCredential", account: record.name, id: credential.id };
  return dismantle(record, view, "Deleted", input);
};

/** A hold that the owner has lengthened since counts; one that was shortened does not. */
const holdEnd = ({ heldUntil, provenAt }: AccountRecord, { deletion }: LeavingInput): Date | undefined => {
  if (heldUntil === undefined) return undefined;
  const declared = provenAt === undefined ? 0 : Date.parse(provenAt) + deletion.holdMs;
  return new Date(Math.max(Date.parse(heldUntil), declared));
};

/**
 * What hangs on the principal, then the principal, then the record. What is not ours stays. What bounds the account stays to the
 * end and goes with it, so that it is never without; the principal waits until everything else is gone.
 */
const dismantle = (
  record: AccountRecord,
  view: AccountView,
  because: RemovalCause,
  { failed }: LeavingInput,
): LifecycleAction | undefined => {
  const account = record.name;
  const pieces = inOrder(view.pieces, BEFORE_PRINCIPAL);
  const piece = pieces.find(({ key }) => !isFailed(failed, account, key));
  if (piece !== undefined) return { type: "remove", account, key: piece.key, because };
  if (pieces.length > 0) return undefined;
  if (view.principal !== "ours") return { type: "forget", account };
  if (view.credentials.length > 0 && because === "Deleted") return undefined;
  return boundFirst(record, view) ?? whole(account, because, failed);
};

const whole = (account: string, because: RemovalCause, failed: readonly string[]): LifecycleAction | undefined =>
  isFailed(failed, account, "principal") ? undefined : { type: "remove", account, key: "principal", because };

/** A principal that can be bound is bound before it goes (its provider does it), so that it never stands without a denial: on record first. */
const boundFirst = (record: AccountRecord, view: AccountView): LifecycleAction | undefined => {
  const way = view.cutWays.find(({ name }) => name === "Boundary");
  if (way === undefined || isBegun(record, way.name)) return undefined;
  return { type: "recordFormer", account: record.name, way: way.name, pieces: way.replaces };
};

const BEFORE_PRINCIPAL: readonly PieceClass[] = ["login", "grant"];
const REMOVAL_ORDER: readonly PieceClass[] = [...BEFORE_PRINCIPAL, "restriction"];

const inOrder = (pieces: readonly ObservedPiece[], order: readonly PieceClass[]): readonly ObservedPiece[] =>
  order.flatMap((kind) => pieces.filter((piece) => piece.class === kind && !partOfPrincipal(piece.key)));

const waiting = (input: LeavingInput, open: readonly Leaver[]): LeavingAnswer => {
  const stuck = input.leavers.some(({ record }) => input.failed.some((step) => accountIn(step) === record.name));
  const holds = open
    .filter((leaver) => isDeleted(leaver, input) && !isKeptFound(leaver.record))
    .map(({ record }) => holdEnd(record, input))
    .filter((end) => end !== undefined)
    .sort((a, b) => a.getTime() - b.getTime());
  const recheckAt = holds.find((end) => end > input.now);
  if (stuck) return { kind: "wait", for: "BackingOff", ...(recheckAt === undefined ? {} : { recheckAt }) };
  if (holds.length === 0) return { kind: "done" };
  if (!input.timeTrusted) return { kind: "wait", for: "ClockSkew" };
  return { kind: "wait", for: "Hold", ...(recheckAt === undefined ? {} : { recheckAt }) };
};
