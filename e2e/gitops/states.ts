import type { KubeClient, KubeObject } from "../stack/kube.ts";
import { sleep } from "../stack/wait.ts";

/** A state that one of our resources has been seen in: what Argo CD and kstatus judge by, and nothing that differs from run to run. */
export interface SeenState {
  readonly signature: string;
  readonly object: KubeObject;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
}

export const KINDS = [
  "secretrotations",
  "serviceaccountlifecycles",
  "providerconnections",
  "orphanedcredentials",
  "identityholds",
] as const;

const TIME = "2026-01-01T00:00:00Z";
const HOLDS = ["keyturn.dev/paused", "keyturn.dev/dry-run"] as const;

/** Watches every resource of ours until `signal` ends it and gives each state when it is seen for the first time. */
export async function watchStates(
  kube: KubeClient,
  signal: AbortSignal,
  seen: (state: SeenState) => void,
): Promise<void> {
  const known = new Set<string>();
  const look = (object: KubeObject): void => {
    const state = stateOf(object);
    if (state === undefined || known.has(state.signature)) return;
    known.add(state.signature);
    seen(state);
  };
  await Promise.all(KINDS.map((kind) => follow(kube, `/apis/keyturn.dev/v1alpha1/${kind}`, signal, look)));
}

const follow = async (
  kube: KubeClient,
  path: string,
  signal: AbortSignal,
  look: (object: KubeObject) => void,
): Promise<void> => {
  while (!signal.aborted)
    try {
      const list = await kube.list(path);
      list.items.forEach(look);
      for await (const { type, object } of kube.watch(path, list.metadata.resourceVersion, signal)) {
        if (type === "ERROR") break;
        if (type !== "DELETED" && type !== "BOOKMARK") look(object);
      }
    } catch {
      // The API server is away, or the CRDs are not there yet.
      await sleep(500);
    }
};

/** Undefined for what no operator has seen yet. */
const stateOf = (object: KubeObject): SeenState | undefined => {
  const status = object["status"] as { conditions?: Condition[]; observedGeneration?: number } | undefined;
  const { generation = 1, deletionTimestamp, annotations = {}, namespace } = object.metadata;
  const behind = (status?.observedGeneration ?? 0) < generation;
  const conditions = [...(status?.conditions ?? [])].sort((a, b) => (a.type < b.type ? -1 : 1));
  if (object.kind === undefined || conditions.length === 0) return undefined;
  const holds = HOLDS.filter((name) => annotations[name] === "true");
  const words = conditions.map(({ type, status, reason }) => `${type}=${status}/${reason}`);
  const signature = [
    object.kind,
    ...(deletionTimestamp === undefined ? [] : ["deleting"]),
    ...(behind ? ["behind"] : []),
    ...holds,
    ...words,
  ].join(" ");
  return {
    signature,
    object: {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: object.kind,
      metadata: {
        name: "example",
        ...(namespace === undefined ? {} : { namespace: "team-a" }),
        generation: 2,
        ...(deletionTimestamp === undefined ? {} : { deletionTimestamp: TIME, finalizers: ["keyturn.dev/finalizer"] }),
        ...(holds.length === 0 ? {} : { annotations: Object.fromEntries(holds.map((name) => [name, "true"])) }),
      },
      status: {
        observedGeneration: behind ? 1 : 2,
        conditions: conditions.map(({ type, status, reason }) => ({
          type,
          status,
          reason,
          message: `${type} is ${status}: ${reason}`,
          lastTransitionTime: TIME,
          observedGeneration: behind ? 1 : 2,
        })),
      },
    },
  };
};
