import { nextConditions, type ConditionUpdate } from "../../kernel/conditions.ts";
import { isRefusalCode } from "../../kernel/errors.ts";
import type { OrphanAction } from "./plan.ts";
import type { OrphanSpec, OrphanStatus } from "./record.ts";

const WAITS = {
  Origin: "Its resource is still being deleted",
  Hold: "Disabled; held until deletion may be undone no more",
  AttributionWindow: "Revoked; waiting until no late answer can come any more",
  TakenOver: "Taken over by a resource of the same name",
  Retained: "Disabled for good, as the resource asked (deletion.policy: Disable)",
} as const;

/** What the ledger entry says to people. */
export const reportOrphan = (
  status: OrphanStatus,
  at: {
    readonly spec: OrphanSpec;
    readonly action?: OrphanAction | undefined;
    readonly generation: number;
    readonly now: Date;
  },
): OrphanStatus => {
  const activity = status.failures === undefined ? describe(at.action) : `Backing off: ${status.failures.reason}`;
  const retained = at.action?.type === "wait" && at.action.for === "Retained";
  const updates: ConditionUpdate[] = [
    retained
      ? { type: "Ready", status: "True", reason: "Revoked", message: WAITS.Retained }
      : {
          type: "Ready",
          status: "False",
          reason: status.failures?.reason ?? "Revoking",
          message: status.failures?.message ?? activity,
        },
  ];
  if (
    status.failures !== undefined &&
    (isRefusalCode(status.failures.reason) || status.failures.reason === "StillInUse")
  ) {
    updates.push({ type: "Stalled", status: "True", reason: status.failures.reason, message: status.failures.message });
  } else if (!retained) {
    updates.push({
      type: "Reconciling",
      status: "True",
      reason: status.failures === undefined ? "Progressing" : "BackingOff",
      message: activity,
    });
  }
  return {
    ...status,
    credentials: status.credentials ?? at.spec.credentials.map((entry) => ({ ...entry, state: "Pending" })),
    observedGeneration: at.generation,
    activity,
    conditions: nextConditions(status.conditions ?? [], updates, { generation: at.generation, now: at.now }),
  };
};

const describe = (action: OrphanAction | undefined): string => {
  if (action === undefined) return "Reconciling";
  if (action.type === "wait") return WAITS[action.for];
  return {
    observe: "Reading",
    recordStray: "Found a late key",
    disable: "Disabling",
    revoke: "Deleting",
    prove: "Proving",
    withdraw: "Withdrawing deliveries",
    finish: "Done",
  }[action.type];
};
