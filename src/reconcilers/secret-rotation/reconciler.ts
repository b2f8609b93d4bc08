import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import { writeStatus } from "../../cluster/status-writer.ts";
import type { RotationAction, WaitFor } from "../../domain/rotation/action.ts";
import { kindOf, wordsOf, type SourceWords } from "../../domain/rotation/source.ts";
import { cleared } from "../../domain/rotation/failures.ts";
import type { Situation } from "../../domain/rotation/report.ts";
import type { Outcome, PassContext, Reconciler, ReconcileRequest, Step } from "../../engine/contract.ts";
import { wouldRotate } from "../../domain/rotation/would.ts";
import { runPipeline } from "../../engine/pipeline.ts";
import { OperatorError, toOperatorError } from "../../kernel/errors.ts";
import { isHalted } from "../halted.ts";
import type { Ports } from "../ports.ts";
import { isOnRecord } from "../refusals.ts";
import { isTimeTrusted, msUntil } from "../server-time.ts";
import { refuseNewer } from "../version-skew.ts";
import { act } from "./acts/index.ts";
import { deleteRotation } from "./deletion.ts";
import { gauge } from "./gauges.ts";
import { inherit } from "./inherit.ts";
import { baseStatus, finalStatus, recordFailure, recordSuccess } from "./status.ts";
import { chooseSpec, forEndings } from "./steps/choose-spec.ts";
import { readStanding } from "./steps/holding.ts";
import { decide } from "./steps/observe.ts";
import { rewriteFailed } from "./rewrite.ts";
import { capabilitiesFor, rotationRef, subjectOf, type InForce, type RotationScope } from "./scope.ts";

const DEPENDENT_POLL_MS = 1000;
const UNHEALTHY_POLL_MS = 5000;

/** SecretRotations: one pass does the one thing that the planner names, and one status write records it. */
export const secretRotationReconciler = (ports: Ports): Reconciler => ({
  name: "secretrotation",
  async reconcile(request, context) {
    const scope = await openScope(request, context, ports);
    if (scope === undefined) {
      ports.metrics.forget({ kind: "SecretRotation", namespace: request.namespace, name: request.name });
      return { kind: "settled" };
    }
    const refused = await refuseNewer(scope.object, scope.ref, ports);
    if (refused !== undefined) return refused;
    if (scope.object.metadata.deletionTimestamp !== undefined) return deleteRotation(scope, ports);
    if (scope.stale === true) return { kind: "waiting", recheckAfterMs: 1000 };
    const outcome = await runPipeline(steps(ports), scope, context, {
      ended: (ended, outcome) => {
        if (outcome.kind === "failed") ended.error = outcome.error;
      },
      measure: (step, seconds) => {
        ports.metrics.stepEnded("secretrotation", step, seconds);
      },
    });
    // The back-off that was recorded says when it is tried again, not the queue.
    return outcome.kind === "failed" && scope.recheckAfterMs !== undefined
      ? { ...outcome, recheckAfterMs: scope.recheckAfterMs }
      : outcome;
  },
});

type StepEnd = Awaited<ReturnType<Step<RotationScope>["run"]>>;

const steps = (ports: Ports): readonly Step<RotationScope>[] => [
  {
    name: "choose-spec",
    group: "decide",
    run: (scope) =>
      elseOnlyEndings(scope, async () => {
        const inForce = await chooseSpec(scope, ports.cluster);
        if (inForce === undefined) return { kind: "stop", outcome: { kind: "stalled" } };
        scope.inForce = inForce;
        return { kind: "next" };
      }),
  },
  {
    name: "read-identity",
    group: "decide",
    run: (scope) =>
      elseOnlyEndings(scope, async () => {
        if (scope.inForce !== undefined) await readStanding(scope, scope.inForce.settings, ports);
        return { kind: "next" };
      }),
  },
  {
    name: "rewrite-spec",
    group: "act",
    run: (scope) =>
      elseOnlyEndings(scope, async () => {
        const { inForce } = scope;
        const rewritten =
          inForce !== undefined && inForce.endsOnly !== true && (await rewriteFailed(scope, inForce, ports));
        if (!rewritten) return { kind: "next" };
        scope.situation = { kind: "acted" };
        return { kind: "stop", outcome: { kind: "waiting", recheckAfterMs: 0 } };
      }),
  },
  {
    name: "inherit",
    group: "act",
    run: (scope) =>
      elseOnlyEndings(scope, async () => {
        const { inForce } = scope;
        const inherited = inForce !== undefined && inForce.endsOnly !== true && (await inherit(scope, inForce, ports));
        if (!inherited) return { kind: "next" };
        scope.situation = { kind: "acted", action: { type: "resume", step: "Enable" } };
        return { kind: "stop", outcome: { kind: "waiting", recheckAfterMs: 0 } };
      }),
  },
  {
    name: "decide",
    group: "decide",
    async run(scope) {
      if (scope.inForce === undefined) return { kind: "next" };
      const action = await decide(scope, scope.inForce, ports).catch((thrown: unknown) => {
        throw scope.revoking === undefined ? (scope.setAside?.thrown ?? thrown) : thrown;
      });
      scope.action = action;
      return settle(scope, action);
    },
  },
  {
    name: "act",
    group: "act",
    async run(scope) {
      const { inForce, action } = scope;
      if (inForce === undefined || action === undefined) return { kind: "next" };
      await ports.demand(wouldRotate(action));
      recordSuccess(scope, await act({ scope, inForce, ports }, action));
      // What makes no sense is told also while it ends.
      if (scope.situation?.kind !== "stalled") scope.situation = { kind: "acted", action };
      const { leavesNothing } = capabilitiesFor({ inForce, ports });
      return leavesNothing
        ? inOnePass(scope, inForce, ports)
        : { kind: "stop", outcome: { kind: "waiting", recheckAfterMs: 0 } };
    },
  },
  { name: "write-status", group: "report", run: (scope) => report(scope, ports) },
];

/**
 * What fails before the planner is asked must not keep from ending what has to end: it is set aside, the planner is asked for endings only,
 * and when there is none it fails the pass after all.
 */
const elseOnlyEndings = async (scope: RotationScope, run: () => Promise<StepEnd>): Promise<StepEnd> => {
  if (scope.setAside !== undefined) {
    // The identity is read all the same: it may be what has ended.
    return run().catch(() => ({ kind: "next" }) as const);
  }
  try {
    return await run();
  } catch (thrown) {
    const error = toOperatorError(thrown);
    const inForce = scope.inForce === undefined ? forEndings(scope) : { ...scope.inForce, endsOnly: true as const };
    if (error.code === "Aborted" || inForce === undefined) throw thrown;
    scope.setAside = { thrown };
    scope.inForce = inForce;
    return { kind: "next" };
  }
};

/**
 * Where nothing is left behind, the record of several steps is one status write: what was signed is good as soon as it stands. Only
 * what is recorded in memory goes on here; another outside effect is for the next pass.
 */
const inOnePass = async (scope: RotationScope, inForce: InForce, ports: Ports): Promise<StepEnd> => {
  for (let turn = 0; turn < MOST_IN_ONE_PASS; turn += 1) {
    const action = await decide(scope, inForce, ports);
    scope.action = action;
    if (action.type === "wait" || action.type === "stall") return settle(scope, action);
    // A place that was taken for empty has been looked at meanwhile.
    const again = action.type === "sign" && scope.status.current === undefined;
    if (!again && !RECORDED_ONLY.includes(action.type)) break;
    recordSuccess(scope, await act({ scope, inForce, ports }, action));
  }
  return { kind: "stop", outcome: { kind: "waiting", recheckAfterMs: 0 } };
};

const MOST_IN_ONE_PASS = 4;
const RECORDED_ONLY: readonly RotationAction["type"][] = ["recordSigned", "recordGood"];

const openScope = async (
  request: ReconcileRequest,
  context: PassContext,
  ports: Ports,
): Promise<RotationScope | undefined> => {
  const ref = rotationRef(request);
  const seen = lastSeen(request, ports);
  const object = seen ?? (await ports.cluster.get<SecretRotation>(ref));
  if (object === undefined) return undefined;
  const time = ports.cluster.serverTime();
  const base = baseStatus(object);
  return {
    request,
    ref,
    passId: context.passId,
    signal: context.signal,
    turn: context.turn,
    object,
    owner: {
      cluster: ports.clusterName,
      namespace: request.namespace,
      name: request.name,
      uid: object.metadata.uid,
      predecessors: base.predecessors ?? [],
    },
    base,
    status: base,
    now: time?.now ?? ports.clock.now(),
    timeTrusted: isTimeTrusted(time),
    events: [],
    connections: new Map(),
    stale: seen === undefined && ports.freshness.isStale(object.metadata),
    lastSeen: seen !== undefined,
    revived: ports.revived.delete(`${request.namespace}/${request.name}`),
  };
};

/** Of a source that leaves nothing behind, as long as this process knows of nothing newer. */
const lastSeen = (request: ReconcileRequest, ports: Ports): SecretRotation | undefined => {
  const seen = ports.seen.rotation(request);
  if (seen === undefined || seen.metadata.deletionTimestamp !== undefined) return undefined;
  const { leavesNothing } = ports.sources.capabilities(kindOf(seen.spec.source));
  return leavesNothing && !ports.freshness.isStale(seen.metadata) ? seen : undefined;
};

/** Waits and stalls end the pass here; everything else goes on to the act. */
const settle = (scope: RotationScope, action: RotationAction): StepEnd => {
  if (scope.inForce?.endsOnly === true && (action.type === "wait" || action.type === "stall"))
    return nothingEnds(scope, action);
  if (action.type === "stall") {
    const words = wordsOf(scope.inForce?.settings.source.of ?? "awsAccessKey");
    scope.situation = { kind: "stalled", reason: action.reason, message: stallMessage(action, words) };
    return { kind: "stop", outcome: { kind: "stalled" } };
  }
  if (action.type !== "wait") return { kind: "next" };
  if (action.for === "DependentMissing" && scope.status.rotation === undefined) {
    // A spec that names what is not there counts against the spec's own progress deadline.
    throw new OperatorError("NotFound", { publicMessage: `The dependent ${action.about ?? ""} does not exist.` });
  }
  if (AT_REST.includes(action.for)) forgetFailures(scope);
  const about = action.for === "IdentityNotReady" ? scope.identity?.why : undefined;
  scope.situation = { kind: "waiting", wait: about === undefined ? action : { ...action, about } };
  return { kind: "stop", outcome: waitOutcome(scope, action) };
};

/** What stood in the way of everything else is told; a wait of what is to end still says when to look again. */
const nothingEnds = (scope: RotationScope, action: Extract<RotationAction, { type: "wait" | "stall" }>): StepEnd => {
  if (scope.setAside !== undefined) throw scope.setAside.thrown;
  const until = action.type === "wait" ? action.recheckAt : undefined;
  const recheckAfterMs = until === undefined ? undefined : msUntil(until, scope.now);
  return { kind: "stop", outcome: { kind: "stalled", ...(recheckAfterMs === undefined ? {} : { recheckAfterMs }) } };
};

const AT_REST: readonly WaitFor[] = ["NextRotation", "Overlap", "Soak", "IdentitySuspended", "IdentityDecommissioned"];

/** The planner found nothing left to do: what had failed has turned out to be done. */
const forgetFailures = (scope: RotationScope): void => {
  if (scope.status.rotation === undefined) scope.status = cleared(scope.status, "failures");
  if ((scope.status.pendingRevocations ?? []).length === 0) scope.status = cleared(scope.status, "revocationFailures");
};

const waitOutcome = (scope: RotationScope, wait: Extract<RotationAction, { type: "wait" }>): Outcome => {
  const polls: Partial<Record<typeof wait.for, number>> = {
    DependentRollout: DEPENDENT_POLL_MS,
    DependentHeld: UNHEALTHY_POLL_MS,
    DependentMissing: UNHEALTHY_POLL_MS,
    DependentUnhealthy: DEPENDENT_POLL_MS,
    ClockSkew: UNHEALTHY_POLL_MS,
  };
  const until = wait.recheckAt === undefined ? undefined : msUntil(wait.recheckAt, scope.now);
  const poll = polls[wait.for];
  const recheckAfterMs = Math.min(until ?? Infinity, poll ?? Infinity);
  return Number.isFinite(recheckAfterMs) ? { kind: "waiting", recheckAfterMs } : { kind: "settled" };
};

const stallMessage = (
  action: Extract<RotationAction, { type: "stall" }>,
  { credential, holder, authority }: SourceWords,
): string => {
  const texts: Record<typeof action.reason, string> = {
    SlotsFull: `The ${holder} ${action.about} has all the ${credential.toLowerCase()}s that ${authority} allows and none of them is Keyturn's to retire. Delete one at the provider, then set the annotation keyturn.dev/retry to a new value.`,
    StrayOnSharedTarget: `${credential} ${action.about} appeared while a rotation was open, on a target that is not exclusive to Keyturn. Delete it at the provider, or declare the source exclusive.`,
    StrayInUse: `${credential} ${action.about} was made under an intent of this resource but somebody has used it.`,
    Conflict: `${action.about} belongs to somebody else.`,
  };
  return texts[action.reason];
};

/** The one status write of the pass, after whatever happened; events go out only for what was recorded. */
const report = async (scope: RotationScope, ports: Ports): Promise<StepEnd> => {
  const { error } = scope;
  if (error?.code === "Aborted" || isHalted(error)) return { kind: "next" };
  if (error !== undefined) recordFailure(scope, error);
  const situation: Situation = scope.situation ?? { kind: "failed" };
  const next = finalStatus(scope, situation, ports);
  const stored = await writeStatus<SecretRotation>(
    ports.cluster,
    scope.ref,
    { base: scope.object, next: next },
    { clock: ports.clock },
  );
  ports.freshness.wrote(stored.metadata);
  for (const event of scope.events) ports.events.record({ ref: scope.ref, uid: scope.object.metadata.uid }, event);
  if (error !== undefined && isOnRecord(error)) {
    const about = { action: scope.action?.type ?? "pass", subject: subjectOf(scope), passId: scope.passId };
    await ports.outside.refused({ ...about, target: next.target?.userName ?? "*" }, error);
  }
  if (scope.reverted !== undefined) ports.metrics.rollback({ reason: scope.reverted });
  gauge(scope, next, ports);
  if (error !== undefined) scope.recheckAfterMs = afterFailureMs(scope);
  return { kind: "next" };
};

/** When the earliest back-off ends, or the deadline by which a refused spec is given up. */
const afterFailureMs = (scope: RotationScope): number => {
  const ends = [scope.status.failures, scope.status.revocationFailures].flatMap((failures) => {
    if (failures === undefined) return [];
    const deadline = Date.parse(failures.since) + (scope.inForce?.settings.progressDeadlineMs ?? Infinity);
    return [Date.parse(failures.nextAttemptTime), deadline].filter((at) => at > scope.now.getTime());
  });
  // What is on record decides; without any of it, it is looked at again soon.
  return ends.length === 0 ? 60_000 : Math.min(...ends) - scope.now.getTime();
};
