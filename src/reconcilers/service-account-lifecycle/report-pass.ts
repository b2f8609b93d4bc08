import { DRY_RUN, PAUSED } from "../../api/v1alpha1/annotations.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { writeStatus } from "../../cluster/status-writer.ts";
import { turnEvents } from "../../domain/lifecycle/events.ts";
import { heldSentence } from "../../domain/hold/match.ts";
import { heldBackUntil } from "../../domain/lifecycle/held-back.ts";
import { compromisedNoted } from "../../domain/lifecycle/life.ts";
import type { LifecycleStatus } from "../../domain/lifecycle/record.ts";
import { report, type Situation } from "../../domain/lifecycle/report.ts";
import { willCutSentence } from "../../domain/lifecycle/retention.ts";
import type { RotationsView } from "../../domain/lifecycle/rotations.ts";
import type { Outcome } from "../../engine/contract.ts";
import type { Ports } from "../ports.ts";
import { msUntil } from "../server-time.ts";
import { keepReview, takeInventory } from "./inventory.ts";
import type { InForce, LifecycleScope } from "./scope.ts";
import { recordFailures } from "./status.ts";
import { viewOf } from "./steps/accounts.ts";
import { readRotations } from "./steps/rotations.ts";
import type { WorkEnd } from "./steps/work.ts";

const LONGEST_PAUSE_MS = 60_000;

/** The one status write of the pass, after whatever happened; events go out only for what was recorded. */
export const reportPass = async (scope: LifecycleScope, inForce: InForce, ports: Ports): Promise<Outcome> => {
  const { end } = scope;
  recordFailures(scope, {
    atRest: end?.kind === "waiting" && AT_REST.includes(end.wait.for),
    whole: end?.kind === "waiting",
  });
  const unmanaged = takeInventory(scope, ports);
  keepReview(scope, inForce);
  if (scope.hold?.compromised === true) scope.status = compromisedNoted(scope.status);
  const rotations = await readRotations(scope, inForce, ports);
  const before = scope.object.status ?? {};
  const annotations = scope.object.metadata.annotations ?? {};
  const next = report({
    status: scope.status,
    situation: situationOf(end),
    settings: inForce.settings,
    specHash: inForce.specHash,
    own: inForce.own,
    generation: scope.object.metadata.generation ?? 0,
    now: scope.now,
    paused: annotations[PAUSED] === "true",
    dryRun: annotations[DRY_RUN] === "true",
    observed: Object.fromEntries([...scope.observed].map(([name, seen]) => [name, viewOf(seen)])),
    unmanaged,
    keptDown: inForce.keptDown,
    heldBy: scope.hold === undefined ? undefined : heldSentence(scope.hold),
    willCut: willCutSentence(scope.retains ?? {}),
    rotations,
  });
  const stored = await writeStatus<ServiceAccountLifecycle>(
    ports.cluster,
    scope.ref,
    { base: scope.object, next },
    { clock: ports.clock },
  );
  ports.freshness.wrote(stored.metadata);
  tell(scope, { before, next }, ports);
  return lookingAgain(outcomeOf(scope, next, end), rotations);
};

/** The watch wakes an identity when one of its rotations is done; a look that failed, and an event that was lost, are made up for by looking again. */
const lookingAgain = (outcome: Outcome, rotations: RotationsView | undefined): Outcome => {
  if (rotations === undefined || (rotations.kind === "looked" && rotations.left.length === 0)) return outcome;
  const recheckAfterMs = Math.min(outcome.recheckAfterMs ?? Infinity, LONGEST_PAUSE_MS);
  return outcome.kind === "settled" ? { kind: "waiting", recheckAfterMs } : { ...outcome, recheckAfterMs };
};

const AT_REST: readonly string[] = ["Rest", "Expiry", "Hold"];

const situationOf = (end: WorkEnd | undefined): Situation => {
  if (end === undefined) return { kind: "failed" };
  if (end.kind === "recorded") return { kind: "acted", action: end.action };
  if (end.kind === "waiting") return { kind: "waiting", wait: end.wait };
  const { final, code, message } = end.refusal;
  return final === true ? { kind: "stalled", reason: code, message } : { kind: "failed" };
};

const tell = (
  scope: LifecycleScope,
  change: { readonly before: LifecycleStatus; readonly next: LifecycleStatus },
  ports: Ports,
): void => {
  const about = { ref: scope.ref, uid: scope.object.metadata.uid };
  for (const event of [...scope.events, ...turnEvents(change.before, change.next)]) ports.events.record(about, event);
  if (scope.reverted !== undefined) ports.metrics.rollback({ reason: scope.reverted });
  measureOffboarding(change.before, change.next, scope.now, ports);
  if (scope.end?.kind === "recorded" && scope.end.action.type === "recordDrift" && scope.end.action.lines.length > 0) {
    ports.metrics.drift({ result: "Reported" });
  }
  const { namespace, name } = scope.request;
  ports.metrics.conditions({ kind: "ServiceAccountLifecycle", namespace, name }, change.next.conditions ?? []);
};

/** How long it took from the decision until the last account was proven to be refused. */
const measureOffboarding = (before: LifecycleStatus, next: LifecycleStatus, now: Date, ports: Ports): void => {
  for (const [type, result] of OFFBOARDINGS) {
    const was = before.conditions?.find((condition) => condition.type === type);
    const is = next.conditions?.find((condition) => condition.type === type);
    if (was === undefined || was.status === "True" || is?.status !== "True" || !PROOFS.includes(is.reason)) continue;
    ports.metrics.offboarded({ result }, (now.getTime() - Date.parse(was.lastTransitionTime)) / 1000);
  }
};

const PROOFS: readonly string[] = ["Proven", "Held"];

const OFFBOARDINGS = [
  ["Offboarded", "Decommissioned"],
  ["Suspended", "Suspended"],
] as const;

/** Recorded: at once again. Else when something is due: a back-off, a hold, the expiry, the review. */
const outcomeOf = (scope: LifecycleScope, status: LifecycleStatus, end: WorkEnd | undefined): Outcome => {
  if (end?.kind === "recorded") return { kind: "waiting", recheckAfterMs: 0 };
  const now = scope.now.getTime();
  const { failures, leaveFailures, review } = status;
  const retries = [failures, leaveFailures].flatMap((each) => (each === undefined ? [] : retryTimes(each, scope)));
  const due = review?.dueTime === undefined ? [] : [Date.parse(review.dueTime)];
  const recheck = end?.kind === "waiting" && end.wait.recheckAt !== undefined ? [end.wait.recheckAt.getTime()] : [];
  const removals = heldBackUntil(status)?.getTime() ?? now;
  const ahead = [...retries, ...due, ...recheck, removals, ...looksAgain(status, now)].filter((at) => at > now);
  const overdue = recheck.some((at) => at <= now);
  if (end?.kind === "refused" && end.refusal.final === true && ahead.length === 0) return { kind: "stalled" };
  // Tried again and failed again, with nothing good to fall back to: what the try has made is taken back at once.
  const failedAgain = scope.inForce?.own === true && status.quarantine !== undefined && retries.some((at) => at > now);
  if (overdue || failedAgain) return { kind: "waiting", recheckAfterMs: 1000 };
  const fallback = retries.length > 0 && ahead.length === 0 ? [now + LONGEST_PAUSE_MS] : [];
  const first = Math.min(...ahead, ...fallback);
  return Number.isFinite(first) ? { kind: "waiting", recheckAfterMs: msUntil(first, scope.now) } : { kind: "settled" };
};

/**
 * What others give is seen in lists that are up to a minute old, so whoever was proven is looked at once more after that; and what keeps a
 * proof away without an event of ours is looked at every minute.
 */
const looksAgain = ({ conditions, accounts }: LifecycleStatus, now: number): readonly number[] => {
  const waits = (conditions ?? []).some(
    ({ type, status, reason }) =>
      (type === "Suspended" || type === "Offboarded") && status === "False" && LOOKED_AT_AGAIN.includes(reason),
  );
  if (waits) return [now + LOOK_AGAIN_MS];
  const fresh = (accounts ?? []).some(
    ({ provenAt }) => provenAt !== undefined && now - Date.parse(provenAt) < LOOK_AGAIN_MS,
  );
  return fresh ? [now + LOOK_AGAIN_MS] : [];
};

const LOOK_AGAIN_MS = 61_000;
const LOOKED_AT_AGAIN: readonly string[] = ["NotOurs", "NotLooked", "ForeignGrant", "TokensOutstanding", "CutMissing"];

/** A refusal becomes a failed spec when its progress deadline has passed, so that is a time to look as well. */
const retryTimes = (
  failures: NonNullable<LifecycleStatus["failures"]>,
  { inForce }: LifecycleScope,
): readonly number[] => [
  Date.parse(failures.nextAttemptTime),
  Date.parse(failures.since) + (inForce?.settings.progressDeadlineMs ?? Infinity),
];
