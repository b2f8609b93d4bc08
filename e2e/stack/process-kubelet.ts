import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { KubeError } from "./kube.ts";
import { runContainer } from "./kubelet/container.ts";
import type { Image } from "./kubelet/sandbox.ts";
import type { ContainerRun, Place } from "./kubelet/container.ts";
import { keepNode } from "./kubelet/node.ts";
import { podStatus } from "./kubelet/status.ts";
import type { PodStatus } from "./kubelet/status.ts";
import type { Pod } from "./kubelet/types.ts";
import type { Stack } from "./stack.ts";
import { sleep } from "./wait.ts";

/** Options of `startProcessKubelet`. */
export interface KubeletOptions {
  /** Name of the Node; default "local". */
  readonly nodeName?: string;
  /** What images stand for, by their names without tags (kubelet/sandbox.ts). */
  readonly images?: Readonly<Record<string, Image>>;
}

/** A process-kubelet at work. */
export interface ProcessKubelet {
  readonly nodeName: string;
  /** Folder of the containers' log files, `<namespace>_<pod>_<container>.log`. */
  readonly logs: string;
  /** The processes of a pod, by container name. */
  pids(namespace: string, pod: string): Record<string, number>;
  /** Where the named ports of a pod's containers are on this machine, by name. */
  ports(namespace: string, pod: string): Readonly<Record<string, number>>;
  /** Ends every process and stops. */
  stop(): Promise<void>;
}

interface PodRun {
  readonly pod: Pod;
  readonly startTime: string;
  containers: readonly ContainerRun[];
  status: PodStatus | undefined;
  writing: boolean;
  changed: boolean;
  ending: Promise<void> | undefined;
}

const pods = "/api/v1/pods";

/**
 * A node whose containers are local processes: binds pending Pods to itself, starts each container's command with the
 * environment its Secrets give at that moment, and reports its state. A container with a readinessProbe is ready from the
 * line `ready` on its standard output until the line `unready`; one without is ready at once. A container of an image
 * that it was told of runs in a sandbox with its volumes, and its HTTP probe is asked. Networks, limits and init containers do not exist here.
 * It stops with the stack.
 */
export async function startProcessKubelet(stack: Stack, options: KubeletOptions = {}): Promise<ProcessKubelet> {
  const nodeName = options.nodeName ?? "local";
  const kube = stack.kubernetes.client;
  const logs = join(stack.logs, "pods");
  await mkdir(logs, { recursive: true });
  const place: Place = {
    kube,
    supervisor: stack.supervisor,
    logs,
    images: options.images ?? {},
    sandboxes: { kube, volumes: join(stack.dir, "volumes"), ca: stack.ca.pem },
  };
  const runs = new Map<string, PodRun>();
  const stopping = new AbortController();
  const node = await keepNode(kube, nodeName);

  /** Acts on a pod as the API server shows it. */
  const seen = (pod: Pod): void => {
    const uid = pod.metadata.uid ?? "";
    const run = runs.get(uid);
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (run !== undefined) end(run, (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000);
      else if (pod.spec.nodeName === nodeName) void remove(pod);
      return;
    }
    if (run !== undefined) return;
    if (pod.spec.nodeName === undefined) void bind(pod);
    else if (pod.spec.nodeName === nodeName && !isOver(pod)) begin(pod);
  };
  const bind = async (pod: Pod): Promise<void> => {
    if ((pod.spec.schedulingGates ?? []).length > 0) return;
    const { name, namespace = "", uid } = pod.metadata;
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name, namespace, uid },
      target: { apiVersion: "v1", kind: "Node", name: nodeName },
    };
    await patiently(() => kube.create(`/api/v1/namespaces/${namespace}/pods/${name}/binding`, binding));
  };
  const begin = (pod: Pod): void => {
    const run: PodRun = {
      pod,
      startTime: new Date().toISOString(),
      containers: [],
      status: undefined,
      writing: false,
      changed: false,
      ending: undefined,
    };
    runs.set(pod.metadata.uid ?? "", run);
    run.containers = pod.spec.containers.map((container) =>
      runContainer(place, pod, container, () => {
        void report(run);
      }),
    );
  };
  /** Writes the status, one write at a time; what changes meanwhile goes into the next one. */
  const report = async (run: PodRun): Promise<void> => {
    run.changed = true;
    if (run.writing) return;
    run.writing = true;
    // Containers of one pod often change together: one write for all.
    await Promise.resolve();
    while (run.changed) {
      run.changed = false;
      const { name, namespace = "", uid } = run.pod.metadata;
      run.status = podStatus(run.pod, run.startTime, run.containers, run.status);
      const { status } = run;
      await patiently(() =>
        kube.mergePatch(`/api/v1/namespaces/${namespace}/pods/${name}/status`, { metadata: { uid }, status }),
      );
    }
    run.writing = false;
  };
  const end = (run: PodRun, graceMs: number, alsoRemove = true): void => {
    run.ending ??= (async () => {
      await Promise.all(run.containers.map((container) => container.end(graceMs)));
      if (alsoRemove) await remove(run.pod);
    })();
  };
  const remove = async ({ metadata: { name, namespace = "", uid } }: Pod): Promise<void> => {
    const how = { gracePeriodSeconds: 0, preconditions: { uid } };
    await patiently(() => kube.delete(`/api/v1/namespaces/${namespace}/pods/${name}`, how));
  };
  const gone = (uid: string): void => {
    const run = runs.get(uid);
    if (run === undefined) return;
    // Deleted without a grace period, or after ours: nothing may stay behind.
    end(run, 0, false);
    for (const container of run.containers) void container.end(0);
    runs.delete(uid);
  };
  /** Repeats a call while the API server is away; gives up when the object is gone or the call is refused. */
  const patiently = async (call: () => Promise<unknown>): Promise<void> => {
    while (!stopping.signal.aborted)
      try {
        await call();
        return;
      } catch (error) {
        if (error instanceof KubeError && error.status >= 400 && error.status < 500 && error.status !== 429) return;
        await sleep(250);
      }
  };

  const follow = async (): Promise<void> => {
    while (!stopping.signal.aborted)
      try {
        const list = await kube.list<Pod>(pods);
        const uids = new Set(list.items.map((pod) => pod.metadata.uid ?? ""));
        for (const uid of [...runs.keys()]) if (!uids.has(uid)) gone(uid);
        for (const pod of list.items) seen(pod);
        for await (const event of kube.watch<Pod>(pods, list.metadata.resourceVersion, stopping.signal)) {
          if (event.type === "ERROR") break;
          if (event.type === "DELETED") gone(event.object.metadata.uid ?? "");
          else if (event.type !== "BOOKMARK") seen(event.object);
        }
      } catch {
        // The API server is away: what runs goes on running, and it is asked again.
        await sleep(200);
      }
  };
  const following = follow();

  const stop = async (): Promise<void> => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    node.stop();
    const ends = [...runs.values()].flatMap((run) => run.containers.map((container) => container.end(0)));
    // A call to an API server that does not answer holds nobody up: the supervisor ends what is left.
    await Promise.race([Promise.all([...ends, following]), sleep(2000)]);
  };
  stack.onStop(stop);
  const containersOf = (namespace: string, name: string): readonly ContainerRun[] =>
    [...runs.values()].find(({ pod }) => pod.metadata.namespace === namespace && pod.metadata.name === name)
      ?.containers ?? [];

  return {
    nodeName,
    logs,
    ports: (namespace, name) =>
      Object.assign({}, ...containersOf(namespace, name).map((one) => one.ports())) as Record<string, number>,
    pids(namespace, name) {
      const pairs = containersOf(namespace, name).flatMap((container) => {
        const pid = container.pid();
        return pid === undefined ? [] : [[container.spec.name, pid] as const];
      });
      return Object.fromEntries(pairs);
    },
    stop,
  };
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
