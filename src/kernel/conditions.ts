export type ConditionStatus = "True" | "False" | "Unknown";

/** metav1.Condition. */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
  readonly observedGeneration?: number;
}

export interface ConditionUpdate {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
}

export const condition = (type: string, status: ConditionStatus, reason: string, message: string): ConditionUpdate => ({
  type,
  status,
  reason,
  message,
});

const LONGEST_MESSAGE = 1024;

/**
 * The next list of conditions: every update is stamped with the generation; the transition time moves only when the status
 * does (API conventions); a condition that is not among the updates is absent afterwards.
 */
export const nextConditions = (
  current: readonly Condition[],
  updates: readonly ConditionUpdate[],
  at: { readonly generation: number; readonly now: Date },
): readonly Condition[] =>
  updates.map((update) => {
    const before = current.find((condition) => condition.type === update.type);
    const moved = before?.status !== update.status;
    return {
      type: update.type,
      status: update.status,
      reason: update.reason,
      message: update.message.slice(0, LONGEST_MESSAGE),
      lastTransitionTime: moved ? at.now.toISOString().replace(/\.\d+Z$/, "Z") : before.lastTransitionTime,
      observedGeneration: at.generation,
    };
  });
