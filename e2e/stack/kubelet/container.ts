import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KubeClient } from "../kube.ts";
import type { Child, Supervisor } from "../supervisor.ts";
import { sleep } from "../wait.ts";
import { ConfigError, expand, resolveEnv } from "./env.ts";
import { probe, sandbox } from "./sandbox.ts";
import type { Image, SandboxPlace } from "./sandbox.ts";
import type { Container, Pod } from "./types.ts";

/** Where containers run: as local processes of this supervisor, with a log file each. */
export interface Place {
  readonly kube: KubeClient;
  readonly supervisor: Supervisor;
  readonly logs: string;
  /** What images stand for, by the name before the tag; a container of another image needs a command. */
  readonly images: Readonly<Record<string, Image>>;
  readonly sandboxes: SandboxPlace;
}

/** What a container is doing. */
export type State =
  | { readonly is: "waiting"; readonly reason: string; readonly message?: string }
  | { readonly is: "running"; readonly startedAt: string }
  | {
      readonly is: "terminated";
      readonly exitCode: number;
      readonly startedAt: string;
      readonly finishedAt: string;
      /** What the container has left in its termination message file. */
      readonly message?: string;
    };

/** One container of a running pod; `changed` has been called after every change of what the getters give. */
export interface ContainerRun {
  readonly spec: Container;
  state(): State;
  ready(): boolean;
  restarts(): number;
  lastExit(): State | undefined;
  pid(): number | undefined;
  /** Where its named ports are on this machine; none before it has been started. */
  ports(): Readonly<Record<string, number>>;
  /** Ends it for good: SIGTERM, SIGKILL after the grace period. */
  end(graceMs: number): Promise<void>;
}

// The first restart comes soon and the last back-off is short, because tests wait for them; a real kubelet goes to 5 minutes.
const backOff = { first: 500, most: 20_000 } as const;
const configRetry = 500;
/** As a kubelet's. */
const LONGEST_MESSAGE = 4096;

/** Starts a container and keeps it as the pod's restartPolicy says. */
export function runContainer(place: Place, pod: Pod, spec: Container, changed: () => void): ContainerRun {
  let state: State = { is: "waiting", reason: "ContainerCreating" };
  let lastExit: State | undefined;
  let ready = false;
  let restarts = 0;
  let child: Child | undefined;
  let ports: Readonly<Record<string, number>> = {};
  let ending = false;
  let grace = 0;
  let wake: () => void = () => undefined;
  const { name, namespace = "" } = pod.metadata;
  const log = join(place.logs, `${namespace}_${name}_${spec.name}.log`);
  const messagePath = spec.terminationMessagePath ?? "/dev/termination-log";
  const messageFile = join(place.logs, `${namespace}_${name}_${spec.name}.message`);
  const policy = pod.spec.restartPolicy ?? "Always";

  const set = (next: State): void => {
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    changed();
  };
  const pause = (ms: number): Promise<void> =>
    Promise.race([
      sleep(ms),
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
    ]);
  const onLine = (line: string): void => {
    if (spec.readinessProbe === undefined || (line !== "ready" && line !== "unready")) return;
    ready = line === "ready";
    changed();
  };

  const launch = async (): Promise<Child> => {
    const image = place.images[(spec.image ?? "").replace(/[:@][^/]*$/, "")];
    if (image !== undefined && spec.command === undefined) return launchImage(image);
    const resolved = await resolveEnv(place.kube, pod, spec, { PATH: process.env["PATH"] ?? "", HOSTNAME: name });
    const env = await withMessageFile(resolved);
    const [file, ...args] = [...(spec.command ?? []), ...(spec.args ?? [])].map((word) => expand(word, env));
    if (file === undefined) throw new ConfigError("the container has no command, and images are not run here");
    return place.supervisor.start({ file, args, env, cwd: spec.workingDir ?? place.logs, log, onLine });
  };

  /** Nothing is mounted: whoever is told of the message file by its environment finds another one under that variable. */
  const withMessageFile = async (env: Record<string, string>): Promise<Record<string, string>> => {
    const told = Object.entries(env).filter(([, value]) => value === messagePath);
    if (told.length === 0) return env;
    await writeFile(messageFile, "", { mode: 0o600 });
    return { ...env, ...Object.fromEntries(told.map(([key]) => [key, messageFile])) };
  };
  const messageLeft = async (): Promise<{ readonly message?: string }> => {
    const text = await readFile(messageFile, "utf8").catch(() => "");
    await rm(messageFile, { force: true });
    return text === "" ? {} : { message: text.slice(0, LONGEST_MESSAGE) };
  };

  const launchImage = async (image: Image): Promise<Child> => {
    const box = await sandbox(place.sandboxes, pod, spec, image);
    ports = box.ports.named;
    const base = { PATH: process.env["PATH"] ?? "", HOSTNAME: name, ...box.env };
    const env = await resolveEnv(place.kube, pod, spec, base);
    const [file = "", ...args] = box.command;
    const started = await place.supervisor.start({ file, args, env, cwd: place.logs, log });
    const path = spec.readinessProbe?.httpGet?.path;
    if (path !== undefined) void watchProbe(started, () => probe(box.ports.first, path));
    return started;
  };
  const watchProbe = async (started: Child, ask: () => Promise<boolean>): Promise<void> => {
    while (started.exit() === undefined) {
      const answer = await ask();
      if (answer !== ready && started.exit() === undefined) {
        ready = answer;
        changed();
      }
      await sleep(500);
    }
  };

  const once = async (): Promise<number | undefined> => {
    let started: Child;
    // Before the start: the container's own "ready" may come before the start has been reported.
    ready = spec.readinessProbe === undefined;
    try {
      started = await launch();
    } catch (error) {
      ready = false;
      // An API server that is away is waited for like a missing Secret: the container starts when it can.
      const reason = error instanceof ConfigError ? "CreateContainerConfigError" : "RunContainerError";
      set({ is: "waiting", reason, message: error instanceof Error ? error.message : String(error) });
      await pause(configRetry);
      return undefined;
    }
    child = started;
    const startedAt = new Date().toISOString();
    if (isEnding()) void started.end(grace);
    set({ is: "running", startedAt });
    const exit = await started.exited;
    child = undefined;
    ready = false;
    const exitCode = exit.code ?? 137;
    set({ is: "terminated", exitCode, startedAt, finishedAt: new Date().toISOString(), ...(await messageLeft()) });
    lastExit = state;
    return exitCode;
  };
  // A function, because the compiler does not see that `ending` changes during an await.
  const isEnding = (): boolean => ending;

  const life = (async () => {
    let wait: number = backOff.first;
    while (!isEnding()) {
      const began = performance.now();
      const exitCode = await once();
      if (exitCode === undefined || isEnding()) continue;
      if (policy === "Never" || (policy === "OnFailure" && exitCode === 0)) return;
      if (performance.now() - began > 60_000) wait = backOff.first;
      set({ is: "waiting", reason: "CrashLoopBackOff", message: `back-off ${wait} ms restarting failed container` });
      await pause(wait);
      wait = Math.min(wait * 2, backOff.most);
      restarts += 1;
    }
  })();

  return {
    spec,
    state: () => state,
    ready: () => ready,
    restarts: () => restarts,
    lastExit: () => lastExit,
    pid: () => child?.pid,
    ports: () => ports,
    async end(graceMs) {
      ending = true;
      grace = graceMs;
      wake();
      await child?.end(graceMs);
      await life;
    },
  };
}
