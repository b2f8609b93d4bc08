import { nextConditions, type ConditionUpdate } from "../../kernel/conditions.ts";
import { isRefusalCode } from "../../kernel/errors.ts";
import type { OrphanAction } from "./plan.ts";
import type { OrphanSpec, OrphanStatus } from "./record.ts";

const WAITS = {
  Origin: "Its resource is still being deleted",
  Held: "In use: held back by the limit on offboardings; kubectl keyturn overflow end or keep decides (the annotation keyturn.dev/release ends it)",
  Kept: "In use: kept by a person (keyturn.dev/keep) until it is applied again or ended",
  UntilEnd: "In use until its end, as its resource declared (deletion.policy Retain); then it is cut",
  Hold: "Disabled; held until deletion may be undone no more",
  AttributionWindow: "Revoked; waiting until no late answer can come any more",
  TakenOver: "Taken over by a resource of the same name",
  Retained: "Disabled for good, as the resource asked (deletion.policy: Disable)",
  BackingOff: "Backing off",
  ClockSkew: "Clocks disagree; nothing is deleted by time",
} as const;

export type OrphanWait = keyof typeof WAITS;

/** How a pass about an entry ended, for people; absent: it failed. */
export type OrphanProgress = { readonly waits: OrphanWait } | { readonly does: string };

export const progressOf = (action: OrphanAction): OrphanProgress =>
  action.type === "wait" ? { waits: action.for } : { does: DOES[action.type] };

const DOES: Readonly<Record<Exclude<OrphanAction["type"], "wait">, string>> = {
  observe: "Reading",
  recordStray: "Found a late key",
  disable: "Disabling",
  revoke: "Deleting",
  prove: "Proving",
  withdraw: "Withdrawing deliveries",
  finish: "Done",
};

/** What the ledger entry says to people. */
export const reportOrphan = (
  status: OrphanStatus,
  at: {
    readonly spec: OrphanSpec;
    readonly progress?: OrphanProgress | undefined;
    readonly generation: number;
    readonly now: Date;
  },
): OrphanStatus => {
  const { progress } = at;
  const waits = progress !== undefined && "waits" in progress ? progress.waits : undefined;
  const activity = status.failures === undefined ? describe(progress) : `Backing off: ${status.failures.reason}`;
  return {
    ...status,
    ...statesOf(status, at.spec),
    observedGeneration: at.generation,
    activity,
    conditions: nextConditions(
      status.conditions ?? [],
      [ready(status, waits, activity), ...under(status, waits, activity)],
      { generation: at.generation, now: at.now },
    ),
  };
};

/** What the spec has and the status says nothing of yet is as it was when the resource went. */
const statesOf = (status: OrphanStatus, { credentials, accounts }: OrphanSpec): OrphanStatus => ({
  ...(credentials === undefined
    ? {}
    : { credentials: status.credentials ?? credentials.map((entry) => ({ ...entry, state: "Pending" as const })) }),
  ...(accounts === undefined ? {} : { accounts: status.accounts ?? accounts }),
});

const ready = (status: OrphanStatus, waits: OrphanWait | undefined, activity: string): ConditionUpdate => {
  if (waits === "Retained") return { type: "Ready", status: "True", reason: "Revoked", message: WAITS.Retained };
  if (waits === "Held") return { type: "Ready", status: "False", reason: "LimitReached", message: WAITS.Held };
  if (waits === "Kept") return { type: "Ready", status: "False", reason: "KeptInUse", message: WAITS.Kept };
  if (waits === "UntilEnd") return { type: "Ready", status: "False", reason: "KeptInUse", message: WAITS.UntilEnd };
  const { failures } = status;
  return {
    type: "Ready",
    status: "False",
    reason: failures?.reason ?? "Revoking",
    message: failures?.message ?? activity,
  };
};

/** Is something under way, or is a person needed? */
const under = (status: OrphanStatus, waits: OrphanWait | undefined, activity: string): readonly ConditionUpdate[] => {
  const { failures } = status;
  if (waits === "Retained" || waits === "UntilEnd" || waits === "Kept") return [];
  if (waits === "Held") return [{ type: "Stalled", status: "True", reason: "LimitReached", message: WAITS.Held }];
  if (failures !== undefined && (isRefusalCode(failures.reason) || failures.reason === "StillInUse")) {
    return [{ type: "Stalled", status: "True", reason: failures.reason, message: failures.message }];
  }
  const reason = failures === undefined ? "Progressing" : "BackingOff";
  return [{ type: "Reconciling", status: "True", reason, message: activity }];
};

const describe = (progress: OrphanProgress | undefined): string => {
  if (progress === undefined) return "Reconciling";
  return "waits" in progress ? WAITS[progress.waits] : progress.does;
};
