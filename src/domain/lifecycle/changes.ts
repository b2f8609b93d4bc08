import type { AccountView, DesiredAccount } from "./action.ts";
import { onlyDenials } from "../policy-document/index.ts";
import { partOfPrincipal, type Direction, type Effect, type ObservedPiece, type Piece } from "./piece.ts";
import { directionOf, effectOf, isInline } from "./pieces/direction.ts";
import type { AccountRecord, FormerPiece } from "./record.ts";

/** One difference between an account as it must be and as it stands. */
export interface Change {
  readonly account: string;
  readonly kind: "make" | "change" | "remove";
  /** As it must be; of a removal: as it stands. */
  readonly piece: Piece;
  readonly direction: Direction;
  /** Of a removal: the record knows it, so it was declared once; else somebody put it there. */
  readonly recorded: boolean;
  /** It stood there before the account was taken over, and could not be given back as it was once it is changed. */
  readonly found: boolean;
  /** Of a removal: what the object does. */
  readonly effect?: Effect | undefined;
  /** Of an inline policy of somebody else's of which only the denials are left: its text before. */
  readonly former?: FormerPiece | undefined;
  /** Of an inline policy of ours that is not declared any more: all that it gives is taken out of it, before the rest goes. */
  readonly gives?: boolean | undefined;
  /** Of an object that could not be read: the right that the operator's login lacks. */
  readonly missingRight?: string | undefined;
}

/** All differences of one account. Of a foreign principal there is nothing to say: see `refusalOf` in joining.ts. */
export const changesOf = (
  account: DesiredAccount,
  view: AccountView,
  record: AccountRecord | undefined,
): readonly Change[] => [...missing(account, view, record), ...surplus(account, view, record)];

const missing = (account: DesiredAccount, view: AccountView, record: AccountRecord | undefined): readonly Change[] =>
  account.pieces.flatMap((piece): readonly Change[] => {
    const standing = view.pieces.find(({ key }) => key === piece.key);
    const adopting = view.principal === "adoptable";
    // What is taken over exists already; writing the owner on it is what takes it over, whatever stands there.
    if (adopting && piece.key === "principal") return [];
    const owned = !(adopting && piece.key === "owner");
    if (standing !== undefined && standing.value === piece.value && owned) return [];
    const direction = directionOf(piece.key, standing?.value, piece.value);
    const kind = standing === undefined ? "make" : "change";
    const found = kind === "change" && piece.class !== "attribute" && isFound(record, piece.key);
    return [{ account: account.name, kind, piece, direction, recorded: true, found }];
  });

const surplus = (account: DesiredAccount, view: AccountView, record: AccountRecord | undefined): readonly Change[] =>
  view.pieces
    .filter(({ key }) => !partOfPrincipal(key) && !account.pieces.some((piece) => piece.key === key))
    .map((piece) => removal(account, piece, record));

const removal = (account: DesiredAccount, piece: ObservedPiece, record: AccountRecord | undefined): Change => {
  const { key, value, missingRight } = piece;
  const recorded = record?.pieces.includes(key) === true && !isFound(record, key);
  const base = { account: account.name, recorded, found: isFound(record, key) };
  if (piece.class !== "grant") return { ...base, kind: "remove", piece, direction: directionOf(key, value, undefined) };
  const effect = effectOf(piece);
  // What others have forbidden stays: of a mixed policy of theirs only what it gives is taken away.
  const denials = effect === "Both" && isInline(key) && !base.found ? onlyDenials(value) : undefined;
  if (denials !== undefined) {
    const narrowed = { ...base, kind: "change", piece: { ...piece, value: denials }, direction: "narrow" } as const;
    // Of one of ours what it gives goes at once; what it denies is an addition to take away.
    return recorded ? { ...narrowed, gives: true } : { ...narrowed, former: { key, value } };
  }
  return { ...base, kind: "remove", piece, direction: REMOVES[effect], effect, missingRight };
};

/** What taking an object away does. One of ours that could not be read was declared, and so taken for giving. */
const REMOVES: Readonly<Record<Effect, Direction>> = {
  Allows: "narrow",
  Unread: "narrow",
  Denies: "widen",
  Both: "mixed",
};

const isFound = (record: AccountRecord | undefined, key: string): boolean =>
  record?.adopted === true && record.foundPieces?.includes(key) === true;

/**
 * What others have narrowed is never widened by us. `Restriction`: a boundary, or an object that only denies, of which spec and record know
 * nothing. `Undecided`: it may deny as well, or could not be read; it stays, and people are alerted. Undefined: ours to change.
 */
export const leftAlone = ({ kind, piece, recorded, effect }: Change): "Restriction" | "Undecided" | undefined => {
  if (kind !== "remove" || recorded) return undefined;
  if (piece.class === "restriction" || effect === "Denies") return "Restriction";
  return effect === "Both" || effect === "Unread" ? "Undecided" : undefined;
};

/** Does it let more be done than before, so that the platform must allow it? */
export const needsPermission = ({ kind, piece, direction }: Change): boolean => {
  if (piece.class === "attribute") return false;
  if (piece.class === "restriction") return kind === "remove" || (kind === "change" && direction !== "narrow");
  // A declared denial that is taken out of the spec lets more be done.
  return direction !== "narrow";
};

/** In which round a change is made; undefined: it takes something away, so everything added must stand first. */
const additionRank = ({ kind, piece, direction, found }: Change): number | undefined => {
  if (found) return undefined;
  if (piece.class === "restriction") {
    if (kind === "make") return 2;
    return kind === "remove" ? 5 : undefined;
  }
  if (kind === "remove") return direction === "widen" ? 5 : undefined;
  if (kind === "make" && direction === "narrow") return 2;
  if (piece.class === "principal" && direction !== "narrow") return 0;
  if (piece.class === "attribute") return 1;
  if (kind === "change" && (direction === "mixed" || direction === "narrow")) return undefined;
  return piece.class === "login" ? 3 : 4;
};

const isNarrowing = (change: Change): boolean => additionRank(change) === undefined;

/**
 * What takes something away: changes first, removals after them, and last what bounds the account, so that nothing that the
 * old boundary bounded ever stands under another one.
 */
export const narrowings = (changes: readonly Change[]): readonly Change[] => {
  const round = ({ kind, piece }: Change): number => (piece.class === "restriction" ? 2 : kind === "remove" ? 1 : 0);
  return changes.filter(isNarrowing).sort((a, b) => round(a) - round(b));
};

/**
 * What may be added now, in order. A boundary is taken off only when nothing more is to be taken away under it; what comes under
 * another boundary waits until that stands.
 */
export const additions = (changes: readonly Change[]): readonly Change[] => {
  const waits = (change: Change): boolean =>
    changes.some((other) => {
      if (other.account !== change.account || !isNarrowing(other)) return false;
      if (change.piece.class === "restriction") return change.kind === "remove";
      return other.piece.class === "restriction" && change.piece.class !== "attribute";
    });
  return changes
    .flatMap((change) => {
      const rank = additionRank(change);
      return rank === undefined || waits(change) ? [] : [{ change, rank }];
    })
    .sort((a, b) => a.rank - b.rank)
    .map(({ change }) => change);
};

const SIGNS = { make: "+", change: "~", remove: "-" } as const;
const WORDS: Readonly<Record<Direction, string>> = {
  widen: " (widens)",
  narrow: " (narrows)",
  mixed: " (widens and narrows)",
  none: "",
};

/** What status has room for. */
const LONGEST_LINE = 512;

/** One line of a plan or of a drift report. */
export const lineOf = ({
  account,
  kind,
  piece,
  direction,
}: Pick<Change, "account" | "kind" | "direction"> & { readonly piece: Pick<Piece, "title"> }): string =>
  `${SIGNS[kind]} ${account}: ${piece.title}${WORDS[direction]}`.slice(0, LONGEST_LINE);

/** A difference that is left standing because it cannot be told whether it forbids. */
export const undecidedLine = (change: Change): string =>
  `${lineOf({ ...change, kind: "make", direction: "mixed" })}${UNDECIDED}${change.missingRight === undefined ? "" : `: ${change.missingRight} is missing`}`.slice(
    0,
    LONGEST_LINE,
  );

const UNDECIDED = " (stays: it may forbid)";

export const isUndecidedLine = (line: string): boolean => line.includes(UNDECIDED);

export const signOf = ({ kind }: Change): "+" | "~" | "-" => SIGNS[kind];
