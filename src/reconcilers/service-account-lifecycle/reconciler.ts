import { DRY_RUN, PAUSED } from "../../api/v1alpha1/annotations.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { PassContext, Reconciler, ReconcileRequest, Step } from "../../engine/contract.ts";
import { runPipeline } from "../../engine/pipeline.ts";
import { OperatorError, toOperatorError } from "../../kernel/errors.ts";
import { isHalted } from "../halted.ts";
import type { Ports } from "../ports.ts";
import { isTimeTrusted } from "../server-time.ts";
import { refuseNewer } from "../version-skew.ts";
import { deleteIdentity } from "./deletion.ts";
import { inherit } from "./inherit.ts";
import { reportPass } from "./report-pass.ts";
import { emptyHands, lifecycleRef, subjectOf, type LifecycleScope } from "./scope.ts";
import { chooseSpec } from "./steps/choose-spec.ts";
import { askForLife } from "./steps/life.ts";
import { rewriteFailed } from "./steps/rewrite.ts";
import { noteFailure, openDesired } from "./steps/accounts.ts";
import { work } from "./steps/work.ts";

const STALE_PAUSE_MS = 1000;

/** ServiceAccountLifecycles: one pass does what can be done now, one request after another, and one status write records it. */
export const serviceAccountLifecycleReconciler = (ports: Ports): Reconciler => ({
  name: "serviceaccountlifecycle",
  async reconcile(request, context) {
    const scope = await openScope(request, context, ports);
    if (scope === undefined) {
      ports.metrics.forget({ kind: "ServiceAccountLifecycle", namespace: request.namespace, name: request.name });
      return { kind: "settled" };
    }
    // An old record may lack what was made since, and deletion would let go of it.
    if (scope.stale) return { kind: "waiting", recheckAfterMs: STALE_PAUSE_MS };
    const refused = await refuseNewer(scope.object, scope.ref, ports);
    if (refused !== undefined) return refused;
    if (scope.object.metadata.deletionTimestamp !== undefined) return deleteIdentity(scope, ports);
    return runPipeline(steps(ports), scope, context, {
      ended: (ended, outcome) => {
        if (outcome.kind === "failed") ended.error = outcome.error;
      },
      measure: (step, seconds) => {
        ports.metrics.stepEnded("serviceaccountlifecycle", step, seconds);
      },
    });
  },
});

const steps = (ports: Ports): readonly Step<LifecycleScope>[] => [
  {
    name: "choose-spec",
    group: "decide",
    async run(scope) {
      await chooseSpec(scope, ports);
      return { kind: "next" };
    },
  },
  {
    name: "rewrite",
    group: "act",
    async run(scope) {
      const rewritten = await rewriteFailed(scope, ports).catch((thrown: unknown) => {
        const error = toOperatorError(thrown);
        if (isHalted(thrown)) throw thrown;
        noteFailure(scope, NOBODY, error, false);
        return false;
      });
      if (!rewritten) return { kind: "next" };
      return { kind: "stop", outcome: AT_ONCE };
    },
  },
  {
    name: "life",
    group: "decide",
    async run(scope) {
      if (scope.inForce !== undefined) await askForLife(scope, scope.inForce, ports);
      return { kind: "next" };
    },
  },
  {
    name: "inherit",
    group: "act",
    async run(scope) {
      const { inForce } = scope;
      if (inForce === undefined) return { kind: "next" };
      await openDesired(scope, inForce, ports);
      if (isHeldBack(scope) || !ports.holds.read() || !(await inherit(scope, inForce, ports))) return { kind: "next" };
      scope.inherited = true;
      return { kind: "stop", outcome: AT_ONCE };
    },
  },
  {
    name: "work",
    group: "act",
    async run(scope) {
      if (scope.inForce !== undefined) scope.end = await work(scope, scope.inForce, ports);
      if (scope.end?.kind === "refused" && scope.end.refusal.final !== true) {
        const { code, message, about } = scope.end.refusal;
        noteFailure(scope, about, new OperatorError(code, { publicMessage: message }), false);
      }
      return { kind: "next" };
    },
  },
  {
    name: "write-status",
    group: "report",
    async run(scope) {
      const { error, inForce } = scope;
      if (error?.code === "Aborted" || isHalted(error) || inForce === undefined) return { kind: "next" };
      if (error !== undefined) noteFailure(scope, NOBODY, error, false);
      const outcome = await reportPass(scope, inForce, ports);
      return { kind: "stop", outcome: isAtOnce(scope) ? AT_ONCE : outcome };
    },
  },
];

const AT_ONCE = { kind: "waiting", recheckAfterMs: 0 } as const;
/** What a failure is about that is about no account. */
const NOBODY = "*";

const isAtOnce = ({ error, inherited, rewritten }: LifecycleScope): boolean =>
  error === undefined && (inherited === true || rewritten === true);

/** Whoever holds a resource back does not want it to take over what a predecessor left. */
const isHeldBack = ({ object }: LifecycleScope): boolean =>
  object.metadata.annotations?.[DRY_RUN] === "true" || object.metadata.annotations?.[PAUSED] === "true";

const openScope = async (
  request: ReconcileRequest,
  context: PassContext,
  ports: Ports,
): Promise<LifecycleScope | undefined> => {
  const ref = lifecycleRef(request);
  const object = await ports.cluster.get<ServiceAccountLifecycle>(ref);
  if (object === undefined) return undefined;
  const time = ports.cluster.serverTime();
  const status: LifecycleScope["status"] = object.status ?? {};
  return {
    request,
    ref,
    passId: context.passId,
    signal: context.signal,
    turn: context.turn,
    object,
    subject: subjectOf(request, object),
    owner: {
      cluster: ports.clusterName,
      namespace: request.namespace,
      name: request.name,
      uid: object.metadata.uid,
      predecessors: status.predecessors ?? [],
    },
    status,
    now: time?.now ?? ports.clock.now(),
    timeTrusted: isTimeTrusted(time),
    stale: ports.freshness.isStale(object.metadata),
    permissions: new Map(),
    events: [],
    ...emptyHands(),
  };
};
