import type { PlanInput } from "./action.ts";
import type { DependentProgress, OpenRotation, PendingRevocation } from "./record.ts";
import { gatesOf, neverPublished } from "./retire.ts";
import type { DependentSetting, RotationSettings } from "./settings.ts";

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
 * By when the next step of the rotation under way should have been done, as Unix milliseconds; undefined: none is. It has `progressDeadline`
 * and the soak until it is published; then each dependent of the present order has its timeout, and the first that is over counts. People who
 * hold a roll-out have its timeout from then on. A dependent that is moved back gets no more time than one that is moved on.
 */
export const rotationDeadline = ({ status: { rotation }, settings }: DeadlineInput): number | undefined => {
  if (rotation === undefined) return undefined;
  const published = publishedBy(rotation, settings);
  if (rotation.publishedAt === undefined) return published;
  if (rotation.direction === "Back") {
    // Going back has forgotten who had moved when; nobody else has to move back.
    const moved = (rotation.dependents ?? []).filter(({ doneAt }) => doneAt === undefined).map(({ name }) => name);
    const timeouts = settings.dependents.filter(({ name }) => moved.includes(name)).map(({ timeoutMs }) => timeoutMs);
    return published + Math.min(...(timeouts.length === 0 ? [0] : timeouts));
  }
  let from = published;
  for (const group of inOrders(settings)) {
    const open = group.filter(({ name }) => progressOf(rotation, name)?.doneAt === undefined);
    if (open.length > 0) return Math.min(...open.map((dependent) => movedBy(rotation, dependent, from)));
    from = Math.max(...group.map((dependent) => movedBy(rotation, dependent, from)));
  }
  return from;
};

/** By when all of it should be over: the longest timeout of each order, from the end of the order before it. */
const rotationEnd = ({ status: { rotation }, settings }: DeadlineInput): number | undefined =>
  rotation === undefined
    ? undefined
    : inOrders(settings).reduce(
        (from, group) => Math.max(...group.map((dependent) => movedBy(rotation, dependent, from))),
        publishedBy(rotation, settings),
      );

const publishedBy = ({ publishedAt, credential, openedAt }: OpenRotation, settings: RotationSettings): number =>
  publishedAt === undefined
    ? Date.parse(credential?.issuedAt ?? openedAt) + settings.progressDeadlineMs + settings.verify.soakMs
    : Date.parse(publishedAt);

const inOrders = ({ dependents }: RotationSettings): readonly (readonly DependentSetting[])[] =>
  [...new Set(dependents.map(({ order }) => order))].map((order) => dependents.filter((each) => each.order === order));

const progressOf = ({ dependents }: OpenRotation, name: string): DependentProgress | undefined =>
  dependents?.find((each) => each.name === name);

/** When a dependent has moved, or should have. */
const movedBy = (rotation: OpenRotation, { name, timeoutMs }: DependentSetting, from: number): number => {
  const { doneAt, heldAt, startedAt } = progressOf(rotation, name) ?? {};
  if (doneAt !== undefined) return Date.parse(doneAt);
  const since = heldAt ?? startedAt;
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
  return Math.max(since + Math.max(enabledMs, unusedMs), rotationEnd(input) ?? 0);
};

const earliest = (times: readonly number[]): number | undefined =>
  times.length === 0 ? undefined : Math.min(...times);
