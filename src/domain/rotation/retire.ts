import type { PendingRevocation } from "./record.ts";
import { isLifted } from "./waits.ts";
import { refusalPermit } from "./lockout.ts";
import { endsHere } from "./suspension.ts";
import type { PlanInput, RotationAction, WaitFor } from "./action.ts";

/** Nothing to do now; when the next gate opens, and what it is waiting for. */
export interface RetirementWait {
  readonly kind: "wait";
  readonly for: WaitFor;
  readonly recheckAt?: Date;
  readonly about?: string;
}

type Retirement = RetirementWait | { readonly kind: "act"; readonly action: RotationAction };

/** Times are kept in whole seconds, so a wait of d has surely passed only after d and one second more. */
const GRAIN_MS = 1000;
const LISTING_LAG_MS = 3000;

/**
 * The next step towards the death of what must die. Every credential passes its own gates, in the order in which they were
 * put on the list; one that waits does not hold up the next.
 */
export const planRetirement = (input: PlanInput): Retirement => {
  const entries = input.status.pendingRevocations ?? [];
  const steps = entries.map((entry) =>
    untilItEnds(entry, hasEnded(input, entry) ?? backingOff(input, entry) ?? retire(input, entry)),
  );
  const act = inTurn(input, steps).find((step) => step.kind === "act");
  if (act !== undefined) return act;
  const waits = steps.filter((step) => step.kind === "wait");
  const soonest = waits
    .filter((wait) => wait.recheckAt !== undefined)
    .sort((a, b) => (a.recheckAt?.getTime() ?? 0) - (b.recheckAt?.getTime() ?? 0))[0];
  return soonest ?? waits[0] ?? { kind: "wait", for: "NextRotation" };
};

/** Behind the one that failed last come those after it, so that several that fail keep none from its turn. */
const inTurn = ({ status }: PlanInput, steps: readonly Retirement[]): readonly Retirement[] => {
  const failed = (status.pendingRevocations ?? []).findIndex(({ id }) => id === status.revocationFailures?.about);
  return [...steps.slice(failed + 1), ...steps.slice(0, failed + 1)];
};

const hasEnded = ({ now }: PlanInput, { id, expiresAt }: PendingRevocation): Retirement | undefined =>
  expiresAt !== undefined && Date.parse(expiresAt) <= now.getTime() ? act({ type: "recordExpired", id }) : undefined;

/** Whatever it waits for, its own end comes first. */
const untilItEnds = ({ expiresAt }: PendingRevocation, step: Retirement): Retirement => {
  if (step.kind !== "wait" || expiresAt === undefined) return step;
  const end = new Date(expiresAt);
  return step.recheckAt !== undefined && step.recheckAt < end ? step : { ...step, recheckAt: end };
};

/** One that cannot be revoked for now does not hold up the others. */
const backingOff = ({ status, now, revived }: PlanInput, entry: PendingRevocation): RetirementWait | undefined => {
  const failures = status.revocationFailures;
  if (
    failures === undefined ||
    isLifted(revived, failures) ||
    (failures.about !== undefined && failures.about !== entry.id)
  )
    return undefined;
  const until = new Date(failures.nextAttemptTime);
  return until > now ? { kind: "wait", for: "BackingOff", recheckAt: until, about: failures.reason } : undefined;
};

const act = (action: RotationAction): Retirement => ({ kind: "act", action });

const retire = (input: PlanInput, entry: PendingRevocation): Retirement => {
  if (entry.deletedAt !== undefined) return prove(input, entry);
  if (entry.disabledAt === undefined) return disable(input, entry);
  if (entry.why === "Stray") return act({ type: "revoke", id: entry.id, onlyIfNeverUsed: true });
  // Without a gate it waits for no clock either.
  if (surrendered(input)) return act({ type: "revoke", id: entry.id, onlyIfNeverUsed: false });
  return (
    gate(input, entry.disabledAt, gatesOf(input, entry).disabledMs, "Soak", entry) ??
    act({ type: "revoke", id: entry.id, onlyIfNeverUsed: false })
  );
};

const disable = (input: PlanInput, entry: PendingRevocation): Retirement => {
  if (entry.why === "Stray")
    return act(
      input.facts.canDisable
        ? { type: "disable", id: entry.id }
        : { type: "revoke", id: entry.id, onlyIfNeverUsed: !input.facts.marks },
    );
  if (entry.leaked === true) return endLeaked(input, entry);
  if (input.status.rotation?.credential !== undefined && !neverPublished(entry)) {
    // Somebody may still hold it while another rotation is being moved or taken back.
    return { kind: "wait", for: "DependentRollout", about: entry.version };
  }
  if (
    !neverPublished(entry) &&
    !surrendered(input) &&
    (input.status.current === undefined || input.status.current.resuming === true)
  ) {
    // Whoever got it has nothing else to go to yet.
    return { kind: "wait", for: "DependentRollout", about: entry.version };
  }
  const { enabledMs } = gatesOf(input, entry);
  const early =
    neverPublished(entry) || surrendered(input) ? undefined : gate(input, entry.since, enabledMs, "Overlap", entry);
  if (early !== undefined) return early;
  if (!neverPublished(entry) && !surrendered(input)) {
    if (input.dependents === undefined) return act({ type: "observe", what: "dependents", toRevoke: entry.id });
    const behind = dependentBehind(input);
    if (behind !== undefined) return { kind: "wait", for: "DependentRollout", about: behind };
    if (input.deliveries === undefined) return act({ type: "observe", what: "deliveries", toRevoke: entry.id });
    const stands = Object.values(input.deliveries).some(
      (view) => view.kind === "ours" && view.version === entry.version,
    );
    if (stands) return { kind: "wait", for: "DependentRollout", about: entry.version };
  }
  // Where nothing can be disabled, the same gates stand before the end itself.
  if (!input.facts.canDisable) return act({ type: "revoke", id: entry.id, onlyIfNeverUsed: false });
  const unused = input.settings.retire.requireUnusedForMs;
  return act({
    type: "disable",
    id: entry.id,
    ...(unused === undefined || neverPublished(entry) || surrendered(input) ? {} : { requireUnusedForMs: unused }),
  });
};

/** Whoever is still ending with it gets the time that pods have to end; nobody else is waited for. */
const endLeaked = (input: PlanInput, entry: PendingRevocation): Retirement => {
  const { enabledMs } = gatesOf(input, entry);
  const ending = entry.graceSeconds === 0 ? undefined : gate(input, entry.since, enabledMs, "Overlap", entry);
  const { id } = entry;
  return (
    ending ?? act(input.facts.canDisable ? { type: "disable", id } : { type: "revoke", id, onlyIfNeverUsed: false })
  );
};

/** How long a credential stays enabled after its `since`, and how long disabled after that, by its spec. */
export const gatesOf = (
  input: Pick<PlanInput, "status" | "facts" | "settings">,
  entry: PendingRevocation,
): { readonly enabledMs: number; readonly disabledMs: number } => {
  const { disableAfterMs, deleteAfterMs } = input.settings.retire;
  if (entry.why === "Stray") return { enabledMs: 0, disabledMs: 0 };
  if (entry.leaked === true) return { enabledMs: entry.graceSeconds * 1000, disabledMs: 0 };
  if (surrendered(input)) return { enabledMs: 0, disabledMs: 0 };
  if (neverPublished(entry)) return { enabledMs: 0, disabledMs: deleteAfterMs };
  return {
    enabledMs: (entry.graceSeconds + entry.overlapSeconds) * 1000 + disableAfterMs,
    disabledMs: deleteAfterMs,
  };
};

/** Its identity has ended: nobody is meant to have it any more. */
const surrendered = (input: Pick<PlanInput, "status" | "facts" | "settings">): boolean =>
  endsHere(input) && input.status.current === undefined && input.status.suspension !== undefined;

/** It was never handed to anybody, so nobody has to be given time to let go of it. */
export const neverPublished = (entry: PendingRevocation): boolean =>
  entry.why === "Rejected" && entry.overlapSeconds === 0;

/** The dependents are listed afresh: every one of them must stand on the current version before an older one dies. */
const dependentBehind = (input: PlanInput): string | undefined => {
  const { version, adopted } = input.status.current ?? {};
  return input.settings.dependents.find((dependent) => {
    const view = input.dependents?.[dependent.name];
    if (view === undefined) return true;
    if (view.kind === "external") return view.confirmed !== version;
    if (view.state === "Missing") return false;
    // Nobody had to be moved to what was there before.
    const moved = view.version === version || (adopted === true && view.version === undefined);
    return view.state !== "Healthy" || (dependent.kind === "workload" && dependent.restart && !moved);
  })?.name;
};

const gate = (
  input: PlanInput,
  since: string,
  waitMs: number,
  waitFor: WaitFor,
  entry: PendingRevocation,
): RetirementWait | undefined => {
  if (!input.timeTrusted) return { kind: "wait", for: "ClockSkew", about: entry.version };
  const opensAt = new Date(Date.parse(since) + waitMs + GRAIN_MS);
  return opensAt > input.now ? { kind: "wait", for: waitFor, recheckAt: opensAt, about: entry.version } : undefined;
};

/** Tried too early, it would be accepted from somebody's memory. */
const remembered = (
  { facts, now }: PlanInput,
  { deletedAt, since, version }: PendingRevocation,
): Retirement | undefined => {
  if (facts.lingersMs === undefined) return undefined;
  const gone = new Date(Date.parse(deletedAt ?? since) + facts.lingersMs + GRAIN_MS);
  return gone > now ? { kind: "wait", for: "Soak", recheckAt: gone, about: version } : undefined;
};

const prove = (input: PlanInput, entry: PendingRevocation): Retirement => {
  // Its revocation has been read back already, and there is no other listing.
  if (input.facts.leavesNothing) return act({ type: "prove", id: entry.id, version: entry.version });
  const lingers = remembered(input, entry);
  if (lingers !== undefined) return lingers;
  if (input.staging === undefined) return act({ type: "observe", what: "staging", toRevoke: entry.id });
  if (input.listing === undefined) return act({ type: "observe", what: "listing", toRevoke: entry.id });
  if (input.listing.some(({ id }) => id === entry.id)) {
    // The listing may lag behind the deletion; or the deletion came before the key was known everywhere, and has to be repeated.
    const again = new Date(Date.parse(entry.deletedAt ?? entry.since) + LISTING_LAG_MS);
    return again > input.now
      ? { kind: "wait", for: "Soak", recheckAt: again, about: entry.version }
      : act({ type: "revoke", id: entry.id, onlyIfNeverUsed: false });
  }
  const staged = input.staging.some(({ version, id }) => version === entry.version && id === entry.id);
  const permit = staged ? refusalPermit(input, entry.version) : undefined;
  if (permit?.type === "wait")
    return { kind: "wait", for: permit.for, ...(permit.recheckAt && { recheckAt: permit.recheckAt }) };
  return act(permit ?? { type: "prove", id: entry.id, version: entry.version });
};
