import type { PlanInput } from "./action.ts";
import type { OpenRotation, PendingRevocation } from "./record.ts";
import { gatesOf, neverPublished } from "./retire.ts";
import type { DependentSetting } from "./settings.ts";

/** What deadlines follow from: the record and the spec in force. No clock: whoever compares them has one. */
export type DeadlineInput = Pick<PlanInput, "status" | "facts" | "settings">;

/**
 * By when the next thing that its spec declares should have happened to a replaced credential: disabled when its overlap ends, deleted
 * when its hold ends, gone when it has been deleted. The earliest of all, as Unix milliseconds; undefined: none has to go.
 */
export const revocationDue = (input: DeadlineInput): number | undefined =>
  earliest((input.status.pendingRevocations ?? []).map((entry) => nextStepDue(input, entry)));

/** By when the overlap of an enabled one gives its slot back; undefined: none waits for that. */
export const slotDue = (input: DeadlineInput): number | undefined =>
  earliest(
    (input.status.pendingRevocations ?? [])
      .filter(({ disabledAt, deletedAt }) => disabledAt === undefined && deletedAt === undefined)
      .map((entry) => nextStepDue(input, entry)),
  );

/**
 * By when the rotation under way should have ended, as Unix milliseconds; undefined: none is. Until it is published it has
 * `progressDeadline` and the soak; then each order of dependents its longest timeout, from the end of the order before it. People who
 * hold a roll-out have its timeout from then on. A rotation that goes back gets no more time than one that goes forward.
 */
export const rotationDeadline = ({ status: { rotation }, settings }: DeadlineInput): number | undefined => {
  if (rotation === undefined) return undefined;
  const { publishedAt, credential, openedAt } = rotation;
  const published =
    publishedAt === undefined
      ? Date.parse(credential?.issuedAt ?? openedAt) + settings.progressDeadlineMs + settings.verify.soakMs
      : Date.parse(publishedAt);
  const orders = [...new Set(settings.dependents.map(({ order }) => order))];
  return orders.reduce((from, order) => {
    const ends = settings.dependents
      .filter((dependent) => dependent.order === order)
      .map((dependent) => dependentDue(rotation, dependent, from));
    return Math.max(...ends);
  }, published);
};

/** When one dependent has moved, or should have. */
const dependentDue = (rotation: OpenRotation, { name, timeoutMs }: DependentSetting, from: number): number => {
  // Going back forgets who has moved, and when.
  const progress = rotation.direction === "Back" ? undefined : rotation.dependents?.find((each) => each.name === name);
  if (progress?.doneAt !== undefined) return Date.parse(progress.doneAt);
  const since = progress?.heldAt ?? progress?.startedAt;
  return (since === undefined ? from : Date.parse(since)) + timeoutMs;
};

const nextStepDue = (input: DeadlineInput, entry: PendingRevocation): number => {
  const due = stepDue(input, entry);
  // Its own end comes first.
  return entry.expiresAt === undefined ? due : Math.min(due, Date.parse(entry.expiresAt));
};

const stepDue = (input: DeadlineInput, entry: PendingRevocation): number => {
  const { enabledMs, disabledMs } = gatesOf(input, entry);
  if (entry.deletedAt !== undefined) return Date.parse(entry.deletedAt);
  if (entry.disabledAt !== undefined) return Date.parse(entry.disabledAt) + disabledMs;
  const since = Date.parse(entry.since);
  if (entry.why === "Stray" || entry.leaked === true || neverPublished(entry)) return since + enabledMs;
  const { requireUnusedForMs = 0 } = input.facts.canDisable ? input.settings.retire : {};
  const unusedMs = requireUnusedForMs === 0 ? 0 : entry.graceSeconds * 1000 + requireUnusedForMs;
  // While another rotation moves dependents, somebody may still hold it.
  return Math.max(since + Math.max(enabledMs, unusedMs), rotationDeadline(input) ?? 0);
};

const earliest = (times: readonly number[]): number | undefined =>
  times.length === 0 ? undefined : Math.min(...times);
