import type { ClosedIntent, OpenRotation, RotationStatus } from "./record.ts";
import { MOST_RECORDED_REVOCATIONS } from "./ending.ts";
import type { ObservedId, PlanInput, RotationAction } from "./action.ts";

/** Ids that the record accounts for. */
export const recordedIds = (status: RotationStatus): ReadonlySet<string> =>
  new Set(
    [
      status.current?.id,
      status.rotation?.credential?.id,
      status.rotation?.previous?.id,
      ...(status.pendingRevocations ?? []).map(({ id }) => id),
    ].filter((id) => id !== undefined),
  );

/**
 * A key that one of our intents may have made although nobody recorded the answer: it was not there when the intent was
 * written, and it was made after it and no later than one attribution window after it closed (a paused process wakes late).
 */
const attributedByTime = (
  observed: ObservedId,
  status: RotationStatus,
  windowMs: number,
): OpenRotation | ClosedIntent | undefined =>
  intents(status).find(({ intent, closedAt }) => {
    if (intent.knownIds.includes(observed.id)) return false;
    const opened = Date.parse(intent.providerTime);
    const closed = closedAt === undefined ? Infinity : Date.parse(closedAt) + windowMs;
    return observed.createdAt.getTime() >= opened - CLOCK_GRAIN_MS && observed.createdAt.getTime() <= closed;
  })?.intent;

/** Providers report whole seconds, and their front ends disagree a little. */
const CLOCK_GRAIN_MS = 2000;

const intents = (status: RotationStatus): readonly { intent: OpenRotation | ClosedIntent; closedAt?: string }[] => [
  ...(status.rotation === undefined ? [] : [{ intent: status.rotation }]),
  ...(status.closedIntents ?? []).map((intent) => ({ intent, closedAt: intent.closedAt })),
];

/** Ids at the provider that are not on record. */
export const unknownIds = ({ listing, status, staging, facts }: PlanInput): readonly ObservedId[] => {
  if (facts.overwrites === true) return [];
  const recorded = recordedIds(status);
  const staged = new Set(
    (staging ?? []).filter(({ version }) => version === status.rotation?.version).map(({ id }) => id),
  );
  // A listing that lags still shows what is proven dead.
  const dead = new Set((status.history ?? []).map(({ id }) => id));
  return (listing ?? []).filter(({ id }) => !recorded.has(id) && !staged.has(id) && !dead.has(id));
};

/** The intent that explains it: the one that its own mark names, where credentials carry marks. */
const ours = ({ facts, status, attributionWindowMs }: PlanInput, observed: ObservedId) =>
  facts.marks
    ? intents(status).find(({ intent }) => intent.id === observed.mark)?.intent
    : attributedByTime(observed, status, attributionWindowMs);

/** Ids that nothing of ours explains: reported as Unmanaged, never touched. */
export const unmanagedIds = (input: PlanInput): readonly string[] =>
  unknownIds(input)
    .filter((observed) => ours(input, observed) === undefined)
    .map(({ id }) => id);

/**
 * A stray of ours is put on record first; retirement then disables it and deletes it if nobody ever used it. Under a pause only those of
 * intents that are closed: what an open rotation has made is looked for when that goes on.
 */
export const findStray = (input: PlanInput): RotationAction | undefined => {
  if (input.listing === undefined) return undefined;
  const { rotation } = input.status;
  const stray = unknownIds(input).find((observed) => {
    const intent = ours(input, observed);
    return intent !== undefined && (!input.paused || intent !== rotation);
  });
  if (stray === undefined) return undefined;
  // What is staged under the open rotation is not a stray, so staging must be known before a key is called one.
  if (input.status.rotation !== undefined && input.staging === undefined) return { type: "observe", what: "staging" };
  if (!roomForStray(input.status)) return undefined;
  if (!input.facts.marks && !input.settings.source.exclusive)
    return { type: "stall", reason: "StrayOnSharedTarget", about: stray.id };
  return { type: "recordStray", id: stray.id };
};

/** The record has room for what an end adds; strays beyond that wait until some of the others are dead. */
const roomForStray = ({ pendingRevocations = [] }: RotationStatus): boolean =>
  pendingRevocations.length < MOST_RECORDED_REVOCATIONS - 2;

/** Of closed intents, which need no rotation to go on: looked for also while everything else waits. */
export const lookForStrays = ({ listing, status, facts }: PlanInput): RotationAction | undefined =>
  listing === undefined && !facts.leavesNothing && facts.overwrites !== true && (status.closedIntents ?? []).length > 0
    ? { type: "observe", what: "listing" }
    : undefined;
