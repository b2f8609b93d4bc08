import type { AccountView, DesiredAccount, LifecycleInput, PlanLine, Quota } from "./action.ts";
import { needsPermission, type Change } from "./changes.ts";
import { planLineOf, textOf } from "./plan-record.ts";
import type { Piece } from "./piece.ts";
import type { AccountRecord } from "./record.ts";

/**
 * A privilege that the spec no longer names goes at once, whatever else the spec says (ADR 0047). One exception: the same generation adds
 * something of the same account and class. Then the two are an exchange, and the old one waits until the new one stands: for the
 * progress deadline, and never more than an hour; after that it goes, whatever became of the new one.
 */
const LONGEST_WAIT_MS = 3_600_000;

/** Taking it away only takes away, and it was declared once. */
export const isWithdrawal = ({ kind, piece, recorded, found, direction, gives }: Change): boolean =>
  (kind === "remove" || gives === true) && piece.class === "grant" && recorded && !found && direction === "narrow";

const isAddition = (change: Change): boolean => change.kind !== "remove" && needsPermission(change);

type ExchangeInput = Pick<LifecycleInput, "status" | "generation" | "now" | "settings">;

/** The lines of a plan, with what waits for something told from the start. */
export const linesOf = (changes: readonly Change[], input: ExchangeInput): readonly PlanLine[] =>
  changes.map((change) =>
    isExchange(change, changes, input) ? { ...planLineOf(change), exchange: true } : planLineOf(change),
  );

/** Removals that wait for nothing, or have waited long enough. */
export const withdrawalsDue = (changes: readonly Change[], input: ExchangeInput): readonly Change[] => {
  const over = isOver(input);
  return changes.filter((change) => isWithdrawal(change) && (over || !isExchange(change, changes, input)));
};

/** When the removals that wait go in any case; undefined: none waits. */
export const exchangeEnd = ({ status, settings }: Pick<LifecycleInput, "status" | "settings">): Date | undefined => {
  if (status.exchangeSince === undefined) return undefined;
  const wait = Math.min(settings.progressDeadlineMs, LONGEST_WAIT_MS);
  return new Date(Date.parse(status.exchangeSince) + wait);
};

const isOver = (input: ExchangeInput): boolean => {
  const end = exchangeEnd(input);
  return end !== undefined && end <= input.now;
};

/** As the plan of this generation tells it; a plan that does not tell it yet: by what this generation adds and none before it did. */
const isExchange = (removal: Change, changes: readonly Change[], { status, generation }: ExchangeInput): boolean => {
  if (!isWithdrawal(removal)) return false;
  const { plan, triedAdditions = [] } = status;
  const line = planLineOf(removal);
  if (plan?.generation === generation) {
    if (plan.lines.includes(textOf({ ...line, exchange: true }))) return true;
    if (plan.lines.includes(textOf(line))) return false;
  }
  const earlier = new Set([
    ...(plan === undefined || plan.generation === generation ? [] : plan.lines),
    ...triedAdditions,
  ]);
  return changes.some(
    (other) =>
      other.account === removal.account &&
      other.piece.class === removal.piece.class &&
      isAddition(other) &&
      !earlier.has(textOf(planLineOf(other))),
  );
};

/** A change that has to be made first, so that another finds room. */
export interface RoomMaker {
  readonly change: Change;
  readonly insteadOf: Piece;
}

/**
 * Where what is declared and what stands exceed a quota together and the end state fits, one is taken away (or made shorter), then one is
 * added. Undefined: there is room, or nothing of the same account and kind makes any; then the provider's refusal names the quota.
 */
export const roomMaker = (
  addition: Change,
  changes: readonly Change[],
  account: Pick<DesiredAccount, "quotas">,
  view: AccountView,
): RoomMaker | undefined => {
  const { key } = addition.piece;
  const quota = (account.quotas ?? []).find(({ prefix }) => key.startsWith(prefix));
  if (quota === undefined) return undefined;
  const standing = view.pieces.filter((piece) => piece.key.startsWith(quota.prefix));
  const before = standing.find((piece) => piece.key === key);
  const used = standing.reduce((sum, { value }) => sum + sizeOf(value, quota), 0);
  const after = used - (before === undefined ? 0 : sizeOf(before.value, quota)) + sizeOf(addition.piece.value, quota);
  if (after <= quota.most || after <= used) return undefined;
  const maker = changes.find((other) => {
    if (other === addition || other.account !== addition.account || !other.piece.key.startsWith(quota.prefix))
      return false;
    if (other.kind === "remove") return isWithdrawal(other);
    const stands = standing.find((piece) => piece.key === other.piece.key);
    return stands !== undefined && sizeOf(other.piece.value, quota) < sizeOf(stands.value, quota);
  });
  return maker === undefined ? undefined : { change: maker, insteadOf: addition.piece };
};

const sizeOf = (value: string, { unit }: Quota): number => (unit === "pieces" ? 1 : value.length);

/** Keys that the record has room for: what stands comes first, for it must not be forgotten before it is taken away. */
export const keysWithRoom = (
  record: Pick<AccountRecord, "pieces"> | undefined,
  wanted: readonly string[],
  standing: ReadonlySet<string>,
  most: number,
): readonly string[] => {
  const known = (record?.pieces ?? []).filter((key) => standing.has(key) && !wanted.includes(key));
  const first = wanted.filter((key) => standing.has(key) || record?.pieces.includes(key) === true);
  const rest = wanted.filter((key) => !first.includes(key));
  const room = Math.max(most - known.length - first.length, 0);
  const kept = new Set([...first, ...rest.slice(0, room)]);
  return [...wanted.filter((key) => kept.has(key)), ...known].slice(0, most);
};
