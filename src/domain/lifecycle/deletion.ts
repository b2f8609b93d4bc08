import type { AccountView, DesiredAccount, LifecycleAction } from "./action.ts";
import {
  isGivenBack,
  isProvable,
  isShut,
  planCut,
  planLeavers,
  type Leaver,
  type LeavingAnswer,
  type LeavingInput,
} from "./leaving.ts";
import { NOTHING_RETAINED, type Retention } from "./retention.ts";
import { accountIn, isFailed } from "./step-names.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import { without } from "../../kernel/without.ts";
import type { AccountRecord, LifecycleStatus } from "./record.ts";
import type { LifecycleSettings } from "./settings.ts";

type Capabilities = Readonly<Record<string, Pick<DesiredAccount, "cutsByRemoval" | "canDisableCredentials">>>;

/** Accounts of which only the record is left: of a resource that is being deleted, or of the ledger's entry for it. */
export interface DepartureInput {
  readonly now: Date;
  readonly timeTrusted: boolean;
  readonly records: readonly AccountRecord[];
  readonly capabilities: Capabilities;
  readonly observed: Readonly<Record<string, AccountView>>;
  /** Steps that failed in this pass, or whose back-off lasts (step-names.ts). */
  readonly failed: readonly string[];
  readonly deletion: Pick<LifecycleSettings["deletion"], "policy" | "holdMs">;
  /** An IdentityHold holds them. */
  readonly held?: boolean | undefined;
}

export interface IdentityDeletionInput extends DepartureInput {
  readonly deletedAt: Date;
  readonly deletion: LifecycleSettings["deletion"];
  /** What the ledger's entry for this object's UID knows of the accounts; undefined while there is none. */
  readonly ledger?: readonly AccountRecord[] | undefined;
  /** What of the accounts is not cut now; absent: nothing. */
  readonly retention?: Retention | undefined;
}

export type IdentityDeletionAction =
  | LifecycleAction
  /** The ledger has to know these before anything is cut: what was in use is asked for when the deletion is undone. */
  | { readonly type: "writeLedger"; readonly records: readonly AccountRecord[] }
  /** Nothing is to be cut: claims are released, marks stay, the finalizer goes. */
  | { readonly type: "releaseAll" }
  /** Cut everywhere: the ledger proves, holds and deletes. */
  | { readonly type: "removeFinalizer" };

/**
 * Deleting a resource: what is in use goes on record, the ledger knows everything, then every account is cut, closed and disabled,
 * then the finalizer goes. The ledger proves, holds and deletes, so that a namespace never hangs on a dead provider.
 */
export const planIdentityDeletion = (input: IdentityDeletionInput): IdentityDeletionAction => {
  const { kept, inUse } = input.retention ?? NOTHING_RETAINED;
  const all = input.records.filter(({ name }) => !kept.includes(name));
  if (all.length === 0) return { type: "releaseAll" };
  // What stays in use until its end is the ledger's from here on; nothing of it is done now.
  return planEnding({ ...input, records: all.filter(({ name }) => !inUse.includes(name)) }, all);
};

const planEnding = (input: IdentityDeletionInput, all: readonly AccountRecord[]): IdentityDeletionAction => {
  const { records } = input;
  const next = planCut(leavingInput(input));
  if (next?.type === "observe" || next?.type === "beginLeaving" || next?.type === "recordFormer") return next;
  if (!knows(input.ledger, all)) return { type: "writeLedger", records: all };
  if (next !== undefined) return next;
  const adopted = records.filter((record) => isGivenBack(record) || record.state === "Gone");
  const returned = planLeavers({ ...leavingInput(input), leavers: leaversOf({ ...input, records: adopted }) });
  if (returned.kind === "act") return returned.action;
  // What still works holds the finalizer until the time-out; what is cut is the ledger's from here on.
  const open = leaversOf({ ...input, records })
    .filter((leaver) => isOpen(leaver, input))
    .map(({ record }) => record.name);
  if (open.length > 0) return { type: "wait", for: "BackingOff", about: open.join(",") };
  return { type: "removeFinalizer" };
};

/** Could it not be looked at, or does something of it still work? */
const isOpen = (leaver: Leaver, { observed, failed }: DepartureInput): boolean => {
  const { record } = leaver;
  if (record.state === "Gone" || isFailed(failed, record.name)) return record.state !== "Gone";
  const view = observed[record.name];
  if (isGivenBack(record)) return failed.some((step) => accountIn(step) === record.name);
  return view === undefined || (isProvable(view) && !isShut(leaver, view));
};

/** Does the ledger know every account, what was in use of each, and what its cut replaces? */
const knows = (ledger: readonly AccountRecord[] | undefined, records: readonly AccountRecord[]): boolean =>
  ledger !== undefined &&
  records.every((record) => {
    const entry = ledger.find(({ name }) => name === record.name);
    if (entry === undefined) return false;
    if (record.enabledCredentials !== undefined && entry.enabledCredentials === undefined) return false;
    return canonicalJson([record.cutWays, record.former]) === canonicalJson([entry.cutWays, entry.former]);
  });

/**
 * What the cut is made of and has replaced, as the ledger knows it. It is written there before each such step; the resource's own status only
 * at the end of a pass, so that one lags after a kill.
 */
export const cutAsKnown = (status: LifecycleStatus, ledger: readonly AccountRecord[]): LifecycleStatus => ({
  ...status,
  accounts: (status.accounts ?? []).map((record) => {
    const known = ledger.find(({ name }) => name === record.name);
    return known === undefined ? record : withCutOf(record, known);
  }),
});

/** What the ledger's entry says next: of an account whose credentials it knows only what the cut is made of and has replaced changes. */
export const ledgerWith = (
  known: readonly AccountRecord[],
  records: readonly AccountRecord[],
): readonly AccountRecord[] =>
  records.map((record) => {
    const before = known.find(({ name }) => name === record.name);
    return before?.enabledCredentials === undefined ? record : withCutOf(before, record);
  });

/** A record with the ways of the cut, and what they have replaced, of another; what that one does not have is gone here too. */
const withCutOf = (record: AccountRecord, { cutWays, former }: AccountRecord): AccountRecord => ({
  ...without(record, "cutWays", "former"),
  ...(cutWays === undefined ? {} : { cutWays }),
  ...(former === undefined ? {} : { former }),
});

/** After the time-out a failed cut is the ledger's business too, unless the spec says that the object must stay. */
export const mayHandOver = (input: Pick<IdentityDeletionInput, "now" | "deletedAt" | "deletion">): boolean =>
  input.deletion.onTimeout === "HandOver" &&
  input.now.getTime() - input.deletedAt.getTime() >= input.deletion.timeoutMs;

/**
 * The ledger's next step for accounts whose resource is gone: begin, cut, close, disable, prove, hold, delete, forget. The same
 * protocol as that of a resource that still exists. `done`: kept for ever (policy Disable), or no record is left.
 */
export const planDeparture = (input: DepartureInput): LeavingAnswer => planLeavers(leavingInput(input));

const leavingInput = (input: DepartureInput): LeavingInput => ({
  now: input.now,
  timeTrusted: input.timeTrusted,
  leavers: leaversOf(input),
  observed: input.observed,
  failed: input.failed,
  deletion: input.deletion,
});

const leaversOf = ({ records, capabilities, held }: DepartureInput): readonly Leaver[] =>
  records.map((record) => ({
    record,
    wanted: "Gone",
    cutsByRemoval: capabilities[record.name]?.cutsByRemoval ?? false,
    canDisableCredentials: capabilities[record.name]?.canDisableCredentials ?? true,
    takenBack: false,
    narrows: false,
    held,
  }));
