import type { Ground, Replica } from "../../lane/ground.ts";
import { connectionObject, openGround } from "../../lane/ground.ts";
import type { Lane } from "../../lane/lane.ts";
import type { Rotation } from "../../lane/rotation.ts";
import { askForRotation, isAtRest, rotationPath } from "../../lane/rotation.ts";
import type { Call } from "../../stack/fault-proxy.ts";
import type { KubeObject } from "../../stack/kube.ts";
import { sleep } from "../../stack/wait.ts";
import type { KillPoint } from "../kill-points.ts";
import { armKill } from "../kill-points.ts";
import type { Output } from "../leaks.ts";
import { findLeaks, gatherOutputs } from "../leaks.ts";
import type { Violation } from "../violation.ts";
import type { SourceKind, Values } from "./kinds.ts";

export interface SourceRunOptions {
  readonly id: string;
  readonly kind: SourceKind;
  readonly rotations: number;
  readonly kill?: KillPoint;
  readonly deadlineMs?: number;
}

export interface SourceRun {
  readonly id: string;
  readonly hit: boolean;
  readonly violations: readonly Violation[];
  readonly rotations: number;
  readonly logins: number;
  readonly refused: number;
  readonly leaks: number;
  readonly lockouts: number;
  readonly seconds: number;
  /** Mutating requests to Kubernetes and the source, without the operator's own login. */
  readonly trace: readonly Call[];
  readonly outputs: readonly Output[];
  readonly values: readonly string[];
}

const NAME = "app";
const LOGIN_EVERY_MS = 100;
/** A consumer uses what it read until it looks again. */
const HELD_MS = 500;
let grounds = 0;

/** First issue and rotations on a fresh ground, under logins all the while, to the end state; with a kill point, killed once on the way. */
export async function performSourceRun(lane: Lane, options: SourceRunOptions): Promise<SourceRun> {
  const { id, kind, kill, deadlineMs = 90_000 } = options;
  const began = performance.now();
  grounds += 1;
  const name = `src-${process.pid % 1000}-${grounds}`;
  const { stack } = lane.world;
  const kube = stack.kubernetes.client;
  lane.forget();
  const ground = await openGround(lane, {
    name,
    iamActions: [],
    vaultPolicy: kind.policy(name),
    flags: { resync: "30s", "attribution-window": "3s" },
  });
  await kind.prepare(stack, name, ground.operatorNamespace);
  const connection = `${name}-source`;
  await kube.create(
    "/apis/keyturn.dev/v1alpha1/providerconnections",
    connectionObject(connection, name, await kind.connection(lane, name)),
  );
  for (const proxy of Object.values(lane.proxies)) proxy.resetCounters();

  const violations: Violation[] = [];
  const found = (invariant: Violation["invariant"], what: string, evidence = ""): void =>
    void violations.push({ invariant, what, evidence });
  const watch = startProbe(ground, kind);
  const path = rotationPath(name, NAME);
  const rotation = (): Promise<Rotation | undefined> => kube.find<Rotation>(path).catch(() => undefined);
  const until = async (what: string, ask: () => Promise<boolean>): Promise<void> => {
    while (!(await ask().catch(() => false))) {
      if (performance.now() - began > deadlineMs)
        throw new Error(
          `${what}: not within ${deadlineMs / 1000} s; ${JSON.stringify((await rotation())?.status ?? {})}`,
        );
      await sleep(75);
    }
  };
  let operator: Replica | undefined;
  let hit = kill === undefined;
  let restarting: Promise<void> = Promise.resolve();
  if (kill !== undefined)
    armKill(
      {
        site: { lane },
        hit: () => (hit = true),
        async killAndRestart() {
          const gone = operator?.process.kill9();
          restarting = Promise.resolve(gone).then(() => operator?.process.start());
          await gone;
        },
      },
      kill,
    );
  let done = 0;
  let trace: Call[] = [];
  let metrics = "";
  try {
    await kube.create(
      `/apis/keyturn.dev/v1alpha1/namespaces/${name}/secretrotations`,
      objectOf(name, kind, connection),
    );
    operator = await ground.startOperator(0);
    await until("the first one is in use", async () => isAtRest(await rotation(), undefined));
    for (; done < options.rotations; done += 1) {
      const before = (await rotation())?.status?.current?.id;
      await sleep(1000);
      const asked = await askForRotation(kube, path);
      await until(`rotation ${done + 1} is done`, async () => isAtRest(await rotation(), asked));
      if ((await rotation())?.status?.current?.id === before) found("END", "The rotation has replaced nothing.");
    }
    await restarting;
    await until("the operator is ready", async () => (await operator?.ready()) === true);
    await until("the end state", async () => isAtRest(await rotation(), undefined));
    trace = callsOf(lane).filter(({ mutating }) => mutating);
    await sleep(700);
    const from = Date.now();
    await sleep(1500);
    const late = callsOf(lane).filter(({ mutating, at }) => mutating && at >= from);
    if (late.length > 0)
      found(
        "S15",
        `It wrote ${late.length} time(s) at rest.`,
        late.map(({ verb, template }) => `${verb} ${template}`).join("; "),
      );
    for (const what of await endState(ground, kind, await rotation(), watch)) found("END", what);
    metrics = (await operator.metrics()) ?? "";
  } catch (error) {
    found("L1", "The run has not come to its end.", (error as Error).message.slice(0, 3000));
    trace = callsOf(lane).filter(({ mutating }) => mutating);
  }
  await watch.stop();
  for (const proxy of Object.values(lane.proxies)) proxy.clearRules();
  await restarting.catch(() => undefined);
  if (watch.refused > 0) found("S1", `${watch.refused} of ${watch.logins} logins were refused.`, watch.firstRefusal);
  const values = [...lane.issued, ...watch.secrets, ...ground.ownSecrets];
  const outputs = await gatherOutputs(ground, metrics).catch(() => []);
  const leaks = await findLeaks(outputs, values);
  for (const { output, form } of leaks) found("LEAK", `A value stands in ${output}.`, form);
  const lockouts = await kind.lockouts(stack).catch(() => 0);
  await clear(ground, path, connection);
  return {
    id,
    hit,
    violations,
    rotations: done,
    logins: watch.logins,
    refused: watch.refused,
    leaks: leaks.length,
    lockouts,
    seconds: (performance.now() - began) / 1000,
    trace,
    outputs,
    values,
  };
}

const objectOf = (
  namespace: string,
  kind: SourceKind,
  connection: string,
  also = kind.alsoDeliver?.(connection),
): object => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "SecretRotation",
  metadata: { name: NAME, namespace },
  spec: {
    source: kind.source(connection, namespace),
    deliver: [{ name: "app", kubernetesSecret: { name: NAME } }, ...(also === undefined ? [] : [also])],
    dependents: [],
    ...kind.more,
  },
});

/** The operator's own login to Vault changes nothing that anybody declared. */
const callsOf = (lane: Lane): Call[] =>
  [...lane.proxies.kubernetes.calls(), ...lane.proxies.vault.calls(), ...(lane.proxies.hook?.calls() ?? [])]
    .filter(({ server, template }) => server !== "vault" || template !== "/v1/auth/jwt/login")
    .sort((a, b) => a.at - b.at);

interface Probe {
  readonly logins: number;
  readonly refused: number;
  readonly firstRefusal: string;
  /** Ids that stood in the Secret. */
  readonly stood: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  stop(): Promise<void>;
}

/** A consumer that reads the Secret now and then and logs in with what it has, on the server itself. */
function startProbe(ground: Ground, kind: SourceKind): Probe {
  const { stack } = ground.lane.world;
  const path = `/api/v1/namespaces/${ground.namespace}/secrets/${NAME}`;
  const stood = new Set<string>();
  const secrets = new Set<string>();
  let stopped = false;
  const counted = { logins: 0, refused: 0, firstRefusal: "" };
  const read = async (): Promise<Values | undefined> => {
    const secret = await stack.kubernetes.client.find<KubeObject & { data?: Record<string, string> }>(path);
    if (secret?.data === undefined) return undefined;
    const entries = Object.entries(secret.data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]);
    return Object.fromEntries(entries) as Values;
  };
  const loop = async (): Promise<void> => {
    let held: { readonly values: Values; readonly at: number } | undefined;
    while (!stopped) {
      if (held === undefined || performance.now() - held.at > HELD_MS) {
        const values = await read().catch(() => undefined);
        if (values !== undefined) {
          held = { values, at: performance.now() };
          const secret = kind.secretOf(values);
          if (secret !== undefined) secrets.add(secret);
          const id = await kind.idOf(stack, ground.namespace, values).catch(() => undefined);
          if (id !== undefined) stood.add(id);
        }
      }
      if (held !== undefined) {
        const good = await kind.logIn(stack, ground.namespace, held.values).catch(() => undefined);
        if (good !== undefined) counted.logins += 1;
        if (good === false) {
          counted.refused += 1;
          counted.firstRefusal ||= new Date().toISOString();
        }
      }
      await sleep(LOGIN_EVERY_MS);
    }
  };
  const running = loop();
  return {
    get logins() {
      return counted.logins;
    },
    get refused() {
      return counted.refused;
    },
    get firstRefusal() {
      return counted.firstRefusal;
    },
    stood,
    secrets,
    async stop() {
      stopped = true;
      await running;
    },
  };
}

/** What is wrong with the end, in words. */
async function endState(
  ground: Ground,
  kind: SourceKind,
  rotation: Rotation | undefined,
  probe: Probe,
): Promise<string[]> {
  const { stack } = ground.lane.world;
  const id = rotation?.status?.current?.id;
  const alive = await kind.alive(stack, ground.namespace);
  const wrong: string[] = [];
  if (id === undefined || !alive.includes(id)) wrong.push(`The current one (${id ?? "none"}) is not alive.`);
  const others = alive.filter((one) => one !== id && (!kind.strayIsHarmless || probe.stood.has(one)));
  if (others.length > 0) wrong.push(`Others are alive: ${others.join(", ")}.`);
  return wrong;
}

async function clear(ground: Ground, path: string, connection: string): Promise<void> {
  const kube = ground.lane.world.stack.kubernetes.client;
  await ground.close();
  const left = await kube.find(path);
  if (left !== undefined) {
    if ((left.metadata.finalizers ?? []).length > 0) await kube.mergePatch(path, { metadata: { finalizers: null } });
    await kube.delete(path);
  }
  await kube.delete(`/apis/keyturn.dev/v1alpha1/providerconnections/${connection}`);
}
