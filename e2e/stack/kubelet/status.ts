import type { ContainerRun, State } from "./container.ts";
import type { Pod } from "./types.ts";

/** The status of a Pod as a kubelet would write it, from what its containers do. Times of unchanged conditions are kept. */
export function podStatus(
  pod: Pod,
  startTime: string,
  runs: readonly ContainerRun[],
  before: PodStatus | undefined,
): PodStatus {
  const states = runs.map((run) => run.state());
  const phase = phaseOf(states);
  const ready = phase === "Running" && runs.every((run) => run.ready());
  const condition = (type: string, is: boolean): Condition => {
    const status = is ? "True" : "False";
    const old = before?.conditions.find((entry) => entry.type === type);
    return old?.status === status
      ? old
      : { type, status, lastTransitionTime: new Date().toISOString(), lastProbeTime: null };
  };
  return {
    phase,
    startTime,
    hostIP: "127.0.0.1",
    podIP: "127.0.0.1",
    podIPs: [{ ip: "127.0.0.1" }],
    observedGeneration: pod.metadata.generation ?? 1,
    conditions: [
      condition("PodScheduled", true),
      condition("Initialized", true),
      condition("ContainersReady", ready),
      condition("Ready", ready),
    ],
    containerStatuses: runs.map((run) => {
      const lastExit = run.state().is === "terminated" ? undefined : run.lastExit();
      return {
        name: run.spec.name,
        image: run.spec.image ?? "",
        imageID: "",
        ready: run.ready(),
        started: run.state().is === "running",
        restartCount: run.restarts(),
        ...(run.pid() === undefined ? {} : { containerID: `process://${run.pid() ?? 0}` }),
        state: stateOf(run.state()),
        ...(lastExit === undefined ? {} : { lastState: stateOf(lastExit) }),
      };
    }),
  };
}

/** What is written to `status`. */
export interface PodStatus {
  readonly phase: string;
  readonly conditions: readonly Condition[];
  readonly [field: string]: unknown;
}

interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly lastTransitionTime: string;
  readonly lastProbeTime: null;
}

function phaseOf(states: readonly State[]): string {
  const exitCodes = states.flatMap((state) => (state.is === "terminated" ? [state.exitCode] : []));
  if (exitCodes.length === states.length) return exitCodes.every((code) => code === 0) ? "Succeeded" : "Failed";
  // A container that crashed has run: only one that has never been started leaves the pod pending.
  const neverRan = (state: State): boolean => state.is === "waiting" && state.reason !== "CrashLoopBackOff";
  return states.some(neverRan) ? "Pending" : "Running";
}

function stateOf(state: State): object {
  switch (state.is) {
    case "waiting":
      return { waiting: { reason: state.reason, ...(state.message === undefined ? {} : { message: state.message }) } };
    case "running":
      return { running: { startedAt: state.startedAt } };
    case "terminated": {
      const { exitCode, startedAt, finishedAt, message } = state;
      const reason = exitCode === 0 ? "Completed" : "Error";
      return { terminated: { exitCode, reason, startedAt, finishedAt, ...(message === undefined ? {} : { message }) } };
    }
  }
}
