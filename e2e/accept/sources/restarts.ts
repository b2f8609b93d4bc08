import { openGround, connectionObject, type Ground, type Replica } from "../../lane/ground.ts";
import type { Lane } from "../../lane/lane.ts";
import { askForRotation, conditionOf, isAtRest, rotationPath, type Rotation } from "../../lane/rotation.ts";
import type { KubeObject } from "../../stack/kube.ts";
import { sleep, waitFor } from "../../stack/wait.ts";
import type { Violation } from "../violation.ts";
import { byHook } from "./kinds.ts";

export interface RestartsRun {
  readonly violations: readonly Violation[];
  /** Restarts of the shared workload that other rotations had brought about already. */
  readonly coalescedRestarts: number;
  /** Restarts that nothing asked for. */
  readonly needlessRestarts: number;
  /** Rotations that began later than they were asked for, by more than a moment. */
  readonly lateRotations: number;
  readonly seconds: number;
}

const ROTATIONS = 6;
const MOST_AT_ONCE = 2;
const LATE_MS = 5000;
const TIMEOUT_MS = 120_000;

interface Deployment extends KubeObject {
  readonly spec: { readonly replicas: number; readonly template: object };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
}

/**
 * Rotations of one time, each with a workload of its own and all of them with one in common: it restarts once for all of them, no more
 * workloads than allowed restart at a time, and none because the operator started. One that is paused is waited for.
 */
export async function performRestarts(lane: Lane): Promise<RestartsRun> {
  const began = performance.now();
  const { stack } = lane.world;
  const kube = stack.kubernetes.client;
  const namespace = `restarts-${process.pid % 1000}-${Math.floor(began)}`;
  lane.forget();
  const ground = await openGround(lane, {
    name: namespace,
    iamActions: [],
    vaultPolicy: byHook.policy(namespace),
    flags: { resync: "2s", "restart-debounce": "4s", "max-concurrent-rollouts": String(MOST_AT_ONCE) },
  });
  const connection = `${namespace}-hook`;
  const violations: Violation[] = [];
  const found = (what: string): void => void violations.push({ invariant: "END", what, evidence: "" });
  const names = Array.from({ length: ROTATIONS }, (_, index) => `r${index + 1}`);
  const workloads = ["shared", ...names];
  const deploymentPath = (name: string): string => `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
  const generations = async (): Promise<ReadonlyMap<string, number>> => {
    const all = await Promise.all(workloads.map((name) => kube.get<Deployment>(deploymentPath(name))));
    return new Map(all.map(({ metadata }) => [metadata.name, metadata.generation ?? 0]));
  };
  const rotation = (name: string): Promise<Rotation | undefined> => kube.find<Rotation>(rotationPath(namespace, name));
  const atRest = (asked?: string): Promise<unknown> =>
    waitFor(
      "all rotations are at rest",
      async () => (await Promise.all(names.map(rotation))).every((one) => isAtRest(one, asked)),
      { timeout: TIMEOUT_MS, every: 200 },
    );
  try {
    await byHook.prepare(stack, namespace, ground.operatorNamespace);
    await kube.create(
      "/apis/keyturn.dev/v1alpha1/providerconnections",
      connectionObject(connection, namespace, await byHook.connection(lane, namespace)),
    );
    for (const name of workloads) await kube.apply(deploymentPath(name), deploymentOf(namespace, name), "team");
    const operator = await ground.startOperator(0);
    for (const name of names)
      await kube.create(
        `/apis/keyturn.dev/v1alpha1/namespaces/${namespace}/secretrotations`,
        objectOf(namespace, name, connection),
      );
    await atRest();

    const before = await generations();
    const at = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3000);
    const asked = at.toISOString().replace(".000", "");
    for (const name of names)
      await kube.mergePatch(rotationPath(namespace, name), {
        metadata: { annotations: { "keyturn.dev/rotate-at": asked } },
      });
    const watch = watchRollouts(kube, workloads.map(deploymentPath));
    const openings = await openedTimes(names, rotation, at);
    await atRest(asked);
    const most = await watch.stop();
    const after = await generations();
    const restarts = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    for (const name of names) if (restarts(name) !== 1) found(`${name} was restarted ${restarts(name)} times.`);
    if (most > MOST_AT_ONCE) found(`${most} workloads restarted at a time.`);

    await restarted(operator, ground);
    await sleep(6000);
    const later = await generations();
    const needless = workloads.filter((name) => later.get(name) !== after.get(name)).length;

    await pausedIsWaitedFor(ground, { name: "r1", path: deploymentPath("r1"), rotation, found });
    return {
      violations,
      coalescedRestarts: ROTATIONS - restarts("shared"),
      needlessRestarts: needless,
      lateRotations: openings.filter((opened) => opened - at.getTime() > LATE_MS).length,
      seconds: (performance.now() - began) / 1000,
    };
  } catch (error) {
    found(`The run has not come to its end: ${(error as Error).message.slice(0, 1000)}`);
    return {
      violations,
      coalescedRestarts: 0,
      needlessRestarts: 0,
      lateRotations: 0,
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    await ground.close();
    for (const name of names) {
      const path = rotationPath(namespace, name);
      const left = await kube.find(path);
      if ((left?.metadata.finalizers ?? []).length > 0) await kube.mergePatch(path, { metadata: { finalizers: null } });
      if (left !== undefined) await kube.delete(path);
    }
    for (const name of workloads) await kube.delete(deploymentPath(name), { propagationPolicy: "Background" });
    await kube.delete(`/apis/keyturn.dev/v1alpha1/providerconnections/${connection}`);
  }
}

async function restarted(operator: Replica, ground: Ground): Promise<void> {
  await operator.process.kill9();
  await ground.startOperator(0);
  await waitFor("the operator is ready", () => operator.ready(), { timeout: TIMEOUT_MS });
}

/** When each rotation was opened, by its record; not before it was asked for. */
async function openedTimes(
  names: readonly string[],
  rotation: (name: string) => Promise<Rotation | undefined>,
  at: Date,
): Promise<readonly number[]> {
  return Promise.all(
    names.map(async (name) => {
      let opened = 0;
      await waitFor(
        `${name} rotates`,
        async () => {
          const { status } = (await rotation(name)) ?? {};
          const times = [status?.rotation?.openedAt, ...(status?.closedIntents ?? []).map((intent) => intent.openedAt)];
          const found = times.map((time) => Date.parse(time ?? "")).find((time) => time >= at.getTime() - 1000);
          opened = found ?? 0;
          return found !== undefined;
        },
        { timeout: TIMEOUT_MS, every: 100 },
      );
      return opened;
    }),
  );
}

/** The most of them that were not rolled out at one time. */
function watchRollouts(kube: Lane["world"]["stack"]["kubernetes"]["client"], paths: readonly string[]) {
  let most = 0;
  let stopped = false;
  const loop = async (): Promise<void> => {
    while (!stopped) {
      const all = await Promise.all(paths.map((path) => kube.find<Deployment>(path).catch(() => undefined)));
      most = Math.max(most, all.filter((one) => one !== undefined && !isRolledOut(one)).length);
      await sleep(50);
    }
  };
  const running = loop();
  return {
    async stop(): Promise<number> {
      stopped = true;
      await running;
      return most;
    },
  };
}

const isRolledOut = ({ metadata, spec, status = {} }: Deployment): boolean =>
  (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
  (status.updatedReplicas ?? 0) >= spec.replicas &&
  (status.availableReplicas ?? 0) >= spec.replicas;

/** Its old credential lives for as long as its pods of before do, and no time-out takes the new one back. */
async function pausedIsWaitedFor(
  { lane, namespace }: Ground,
  {
    name,
    path,
    rotation,
    found,
  }: {
    readonly name: string;
    readonly path: string;
    readonly rotation: (name: string) => Promise<Rotation | undefined>;
    readonly found: (what: string) => void;
  },
): Promise<void> {
  const kube = lane.world.stack.kubernetes.client;
  const before = (await rotation(name))?.status?.current;
  await kube.mergePatch(path, { spec: { paused: true } });
  const asked = await askForRotation(kube, rotationPath(namespace, name));
  await waitFor(
    "it says that the workload is paused",
    async () => conditionOf((await rotation(name))?.status, "DependentsUpdated")?.reason === "DependentHeld",
    { timeout: TIMEOUT_MS },
  );
  // Longer than the dependent's time-out.
  await sleep(12_000);
  const held = (await rotation(name))?.status;
  if (held?.rotation?.direction !== "Forward") found("A paused workload was not waited for.");
  const alive = (await byHook.alive(lane.world.stack, namespace, name)).length;
  if (alive !== 2 || before === undefined) found(`${alive} credentials live while a workload is paused; two should.`);
  await kube.mergePatch(path, { spec: { paused: null } });
  await waitFor("it goes on", async () => isAtRest(await rotation(name), asked), { timeout: TIMEOUT_MS });
  if ((await rotation(name))?.status?.current?.id === before?.id) found("The rotation has replaced nothing.");
}

const objectOf = (namespace: string, name: string, connection: string): object => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "SecretRotation",
  metadata: { name, namespace },
  spec: {
    source: { hook: { connectionRef: { name: connection }, target: name, fields: ["apiKey"], refusals: "Free" } },
    deliver: [{ name: "app", kubernetesSecret: { name } }],
    dependents: [name, "shared"].map((workload) => ({
      name: workload,
      workload: { kind: "Deployment", name: workload },
      order: workload === "shared" ? 0 : 1,
      timeout: workload === "shared" ? "60s" : "10s",
    })),
    verify: { successes: 1, soak: "0s" },
    retire: { overlap: "1s" },
  },
});

const deploymentOf = (namespace: string, name: string): object => {
  const labels = { app: name };
  const container = {
    name: "app",
    image: "app",
    command: [process.execPath, "-e", "console.log('ready'); setInterval(() => undefined, 1e6)"],
    readinessProbe: { exec: { command: ["true"] } },
  };
  const spec = { terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, containers: [container] };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace },
    spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
};
