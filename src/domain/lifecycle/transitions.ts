import { without } from "../../kernel/without.ts";
import { timeText } from "../../kernel/time-text.ts";
import type { DesiredAccount, LifecycleAction, PlanLine } from "./action.ts";
import { sameOwner } from "./joining.ts";
import { planRecord } from "./plan-record.ts";
import { classOfKey } from "./pieces/direction.ts";
import { goodAccounts, isServiceAccount } from "./record-names.ts";
import type {
  AccountRecord,
  CutWayName,
  Inventory,
  LifecycleState,
  LifecycleStatus,
  Move,
  OwnerRecord,
  Proof,
  Requester,
} from "./record.ts";
import type { LifecycleSettings } from "./settings.ts";

export { failed } from "../rotation/failures.ts";

/**
 * How the record changes after each action: pure functions from status to status. An action's outside effect comes first and its
 * transition is stored after it, except for what is written ahead: `planned`, `declared`, `narrowingBegun`, `leavingBegun`.
 */
export const MOST_MOVES = 20;
export const MOST_REQUESTERS = 64;
export const MOST_CREDENTIALS = 64;
const MOST_UNKNOWN = 20;
const MOST_FORMER = 64;
const MOST_DRIFT_LINES = 32;
const MOST_GROUPS = 64;
const MS = 1000;

const changed = (
  status: LifecycleStatus,
  account: string,
  change: (record: AccountRecord) => AccountRecord,
): LifecycleStatus => ({
  ...status,
  accounts: (status.accounts ?? []).map((record) => (record.name === account ? change(record) : record)),
});

export const planned = (
  status: LifecycleStatus,
  generation: number,
  lines: readonly PlanLine[],
  now: Date,
): LifecycleStatus => ({
  ...status,
  plan: planRecord(generation, lines, status.plan),
  ...(lines.some(({ exchange }) => exchange === true) ? { exchangeSince: status.exchangeSince ?? timeText(now) } : {}),
});

/** Written before anything of it is made. */
export const declared = (status: LifecycleStatus, records: readonly AccountRecord[]): LifecycleStatus => {
  const rest = (status.accounts ?? []).filter(({ name }) => !records.some((record) => record.name === name));
  return { ...status, accounts: [...rest, ...records].sort((a, b) => (a.name < b.name ? -1 : 1)) };
};

/** The provider's own id of what stands there, as soon as it has been seen. */
export const identified = (
  status: LifecycleStatus,
  account: string,
  externalId: string | undefined,
): LifecycleStatus =>
  externalId === undefined ? status : changed(status, account, (record) => ({ ...record, externalId }));

/** From here on the spec goes forward only, and what was adopted by these accounts is ours. */
export const narrowingBegun = (
  status: LifecycleStatus,
  specHash: string,
  accounts: readonly string[],
): LifecycleStatus => ({
  ...status,
  narrowed: specHash,
  accounts: (status.accounts ?? []).map((record) =>
    accounts.includes(record.name) ? without(record, "adopted", "foundPieces") : record,
  ),
});

/** Everything stands as the spec in force says. `own`: it is the object's own, which becomes the last known good one. */
export const markedGood = (
  status: LifecycleStatus,
  good: {
    readonly own: boolean;
    readonly generation: number;
    readonly specHash: string;
    /** The whole spec as JSON text. */
    readonly spec: string;
    readonly settings: Pick<LifecycleSettings, "owner">;
    readonly desired: Readonly<Record<string, DesiredAccount>>;
    readonly now: Date;
    /** Who changed the spec last, for the record of moves. */
    readonly by?: string | undefined;
  },
): LifecycleStatus => {
  const { generation, specHash, spec } = good;
  const base = without(
    status,
    "failures",
    "narrowed",
    "exchangeSince",
    "triedAdditions",
    ...(good.own ? (["quarantine"] as const) : []),
  );
  return {
    ...base,
    ...(good.own ? { lastKnownGood: { generation, specHash, spec } } : {}),
    plan: planRecord(generation, [], status.plan),
    accounts: (status.accounts ?? []).map((record) => applied(record, good.desired[record.name])),
    ownerRecord: good.settings.owner,
    ...movesAfter(status, good),
    ...requestersAfter(status, good.desired),
  };
};

const applied = (record: AccountRecord, account: DesiredAccount | undefined): AccountRecord =>
  account === undefined
    ? record
    : {
        ...without(record, "adopted", "foundPieces", "former"),
        declaration: account.declaration,
        pieces: account.pieces.map(({ key }) => key),
        state: "Active",
      };

const movesAfter = (
  status: LifecycleStatus,
  good: { readonly settings: Pick<LifecycleSettings, "owner">; readonly now: Date; readonly by?: string | undefined },
): Pick<LifecycleStatus, "moves"> => {
  const before = status.ownerRecord;
  const after = good.settings.owner;
  if (before === undefined || sameOwner(before, after)) return {};
  const fields = ["team", "contact", "environment"] as const satisfies readonly (keyof OwnerRecord)[];
  const moves = fields
    .filter((field) => before[field] !== after[field])
    .map((field): Move => ({
      field,
      from: before[field] ?? "",
      to: after[field] ?? "",
      time: timeText(good.now),
      ...(good.by === undefined ? {} : { by: good.by.slice(0, 512) }),
    }));
  return { moves: [...moves, ...(status.moves ?? [])].slice(0, MOST_MOVES) };
};

/** Who asked for something that is no longer declared has nothing to answer for. */
const requestersAfter = (
  status: LifecycleStatus,
  desired: Readonly<Record<string, DesiredAccount>>,
): Pick<LifecycleStatus, "requesters"> => {
  if (status.requesters === undefined) return {};
  const privileges = new Set(
    Object.values(desired).flatMap(({ name, pieces }) => pieces.map(({ key }) => `${name}/${key}`)),
  );
  return { requesters: status.requesters.filter(({ privilege }) => privileges.has(privilege)) };
};

export const driftRecorded = (status: LifecycleStatus, lines: readonly string[]): LifecycleStatus =>
  lines.length === 0 ? without(status, "drift") : { ...status, drift: lines.slice(0, MOST_DRIFT_LINES) };

/** Before anything is cut: what was in use is remembered once, and a cut that is begun again does not forget it. */
export const leavingBegun = (
  status: LifecycleStatus,
  leaving: {
    readonly account: string;
    readonly enabledCredentials: readonly string[];
    readonly narrows?: boolean | undefined;
    readonly specHash: string;
  },
): LifecycleStatus => {
  const next = changed(status, leaving.account, (record) => ({
    ...record,
    state: "Leaving",
    enabledCredentials: record.enabledCredentials ?? leaving.enabledCredentials.slice(0, MOST_CREDENTIALS),
  }));
  if (leaving.narrows !== true) return next;
  const requesters = (status.requesters ?? []).filter(({ privilege }) => !privilege.startsWith(`${leaving.account}/`));
  const free = status.requesters === undefined ? next : { ...next, requesters };
  return status.lastKnownGood === undefined ? free : { ...free, narrowed: leaving.specHash };
};

export const cutDone = (status: LifecycleStatus, account: string, now: Date): LifecycleStatus =>
  changed(status, account, (record) => ({ ...record, cutAt: record.cutAt ?? timeText(now) }));

/** How the record changes when an outside action went well; most of them leave it as it is. */
export const afterOutside = (
  status: LifecycleStatus,
  action: { readonly type: LifecycleAction["type"]; readonly account: string },
  now: Date,
): LifecycleStatus => {
  if (action.type === "cut") return cutDone(status, action.account, now);
  if (action.type === "closeLogin") return loginClosed(status, action.account, now);
  return action.type === "giveBack" ? gone(status, action.account) : status;
};

/** The provider refuses. The hold of what is to be deleted counts from here, or from when its end was decided. */
export const proven = (
  status: LifecycleStatus,
  account: string,
  proof: {
    readonly proof: Proof;
    readonly now: Date;
    /** Undefined: it is not going to be deleted. */
    readonly holdMs: number | undefined;
  },
): LifecycleStatus => changed(status, account, (record) => provenRecord(record, proof));

/** The same for one record, for the ledger. */
export const provenRecord = (
  record: AccountRecord,
  proof: { readonly proof: Proof; readonly now: Date; readonly holdMs: number | undefined },
): AccountRecord => {
  const time = timeText(proof.now);
  return {
    ...without(record, "heldUntil"),
    state: "Cut",
    cutAt: record.cutAt ?? time,
    provenAt: time,
    proof: proof.proof,
    // Times are cut to whole seconds: never a part of one too early.
    ...(proof.holdMs === undefined ? {} : { heldUntil: timeText(new Date(proof.now.getTime() + proof.holdMs + MS)) }),
  };
};

/** Before a way of cutting replaces or takes something away: of a grant the first value counts, of a boundary the last. */
export const formerRecorded = (
  status: LifecycleStatus,
  { account, way, pieces }: Pick<Extract<LifecycleAction, { type: "recordFormer" }>, "account" | "way" | "pieces">,
): LifecycleStatus =>
  changed(status, account, (record) => {
    const before = record.former ?? [];
    const replaced = pieces.filter(({ key }) => classOfKey(key) === "restriction");
    const kept = before.filter(({ key }) => !replaced.some((piece) => piece.key === key));
    const added = pieces.filter(({ key }) => !kept.some((piece) => piece.key === key));
    const former = [...kept, ...added].slice(0, MOST_FORMER);
    const ways = record.cutWays ?? [];
    return {
      ...record,
      ...(former.length === 0 ? {} : { former }),
      ...(way === undefined || ways.includes(way) ? {} : { cutWays: [...ways, way] }),
    };
  });

/**
 * The provider has refused to put this denial on, so none that stands there later is ours: it would be lifted with the cut. Only for
 * a definite refusal; a request whose answer was lost may have been carried out. The inline denial is known by its name.
 */
export const wayRefused = (status: LifecycleStatus, account: string, way: CutWayName): LifecycleStatus =>
  way === "Boundary" || way === "AttachedDeny"
    ? changed(status, account, (record) => {
        const ways = (record.cutWays ?? []).filter((each) => each !== way);
        return { ...without(record, "cutWays"), ...(ways.length === 0 ? {} : { cutWays: ways }) };
      })
    : status;

/** What was proven does not hold any more: it is cut and proven again. The hold goes on. */
export const proofVoided = (status: LifecycleStatus, account: string): LifecycleStatus =>
  changed(status, account, (record) => ({ ...without(record, "provenAt", "proof"), state: "Leaving" }));

/** New logins are refused from here on, whatever is found later. */
export const loginClosed = (status: LifecycleStatus, account: string, now: Date): LifecycleStatus =>
  changed(status, account, (record) => ({ ...record, closedAt: record.closedAt ?? timeText(now) }));

/** What was proven and held is void from here on. */
export const returningBegun = (status: LifecycleStatus, account: string): LifecycleStatus =>
  changed(status, account, (record) => ({ ...without(record, "provenAt", "proof", "heldUntil"), state: "Leaving" }));

/**
 * In use again. Active only if it was good before and stands wholly again: what never was, and a ServiceAccount, which has its
 * bindings still to get back, is to be applied first.
 */
export const resumed = (status: LifecycleStatus, account: string): LifecycleStatus =>
  changed(status, account, ({ former, ...record }) => ({
    ...without(
      record,
      "enabledCredentials",
      "cutAt",
      "provenAt",
      "proof",
      "heldUntil",
      "cutWays",
      "closedAt",
      "compromised",
    ),
    ...keptFormer(former),
    state: goodAccounts(status).includes(account) && !isServiceAccount(record.target) ? "Active" : "Pending",
  }));

/** A principal that closing took away is made anew with what it had; all else is in its place by now. */
const keptFormer = (former: AccountRecord["former"]): Pick<AccountRecord, "former"> => {
  const kept = (former ?? []).filter(({ key }) => key === "principal");
  return kept.length === 0 ? {} : { former: kept };
};

/** Deleted or given back; the record goes when the claim is released. */
export const gone = (status: LifecycleStatus, account: string): LifecycleStatus =>
  changed(status, account, (record) => ({ ...record, state: "Gone" }));

export const forgotten = (status: LifecycleStatus, account: string): LifecycleStatus => ({
  ...status,
  accounts: (status.accounts ?? []).filter(({ name }) => name !== account),
});

/** What admission stamped on the last change of the spec. */
export interface Stamp {
  readonly username: string;
  readonly uid?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** Puts who asked on record, for privileges that nobody is on record for; a spec that comes back keeps who asked first. */
export const stamped = (
  status: LifecycleStatus,
  generation: number,
  stamp: Stamp,
  privileges: readonly string[],
): LifecycleStatus => {
  const known = new Set((status.requesters ?? []).map(({ privilege }) => privilege));
  const added = privileges
    .filter((privilege) => !known.has(privilege))
    .map((privilege): Requester => ({
      privilege,
      username: stamp.username,
      ...(stamp.uid === undefined ? {} : { uid: stamp.uid }),
      ...(stamp.groups === undefined ? {} : { groups: stamp.groups.slice(0, MOST_GROUPS) }),
      generation,
    }));
  if (added.length === 0) return status;
  return { ...status, requesters: [...(status.requesters ?? []), ...added].slice(0, MOST_REQUESTERS) };
};

/** The providers' lists, only when they say something new: status is not written for every look. */
export const inventoried = (
  status: LifecycleStatus,
  seen: { readonly createdAt: readonly Date[]; readonly unknown: readonly string[] },
): LifecycleStatus => {
  const oldest = seen.createdAt.reduce<Date | undefined>(
    (first, at) => (first === undefined || at < first ? at : first),
    undefined,
  );
  const unknown = [...seen.unknown].sort().slice(0, MOST_UNKNOWN);
  const inventory: Inventory = {
    credentials: seen.createdAt.length,
    ...(oldest === undefined ? {} : { oldestCredentialTime: timeText(oldest) }),
    ...(unknown.length === 0 ? {} : { unknownCredentials: unknown }),
  };
  return { ...status, inventory };
};

/**
 * The review's clock: from the last attestation (annotation keyturn.dev/reviewed-at), or from the resource's beginning. An
 * attestation from the future attests nothing.
 */
export const reviewed = (
  status: LifecycleStatus,
  review: {
    readonly everyMs: number | undefined;
    readonly reviewedAt: Date | undefined;
    readonly createdAt: Date;
    readonly now: Date;
  },
): LifecycleStatus => {
  const { everyMs, reviewedAt, createdAt, now } = review;
  const said = reviewedAt !== undefined && reviewedAt <= now ? timeText(reviewedAt) : undefined;
  const lastTime = [status.review?.lastTime, said]
    .filter((time) => time !== undefined)
    .sort((a, b) => Date.parse(b) - Date.parse(a))[0];
  if (everyMs === undefined)
    return lastTime === undefined ? without(status, "review") : { ...status, review: { lastTime } };
  const from = lastTime === undefined ? createdAt.getTime() : Date.parse(lastTime);
  return {
    ...status,
    review: {
      ...(lastTime === undefined ? {} : { lastTime }),
      dueTime: timeText(new Date(from + everyMs)),
    },
  };
};

export const inState = (status: LifecycleStatus, state: LifecycleState): LifecycleStatus => ({ ...status, state });

export const cleared = (
  status: LifecycleStatus,
  ...keys: readonly ("failures" | "leaveFailures" | "quarantine")[]
): LifecycleStatus => without(status, ...keys);
