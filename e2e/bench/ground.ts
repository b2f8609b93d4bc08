import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connectionObject, fetched } from "../lane/ground.ts";
import { openMetrics } from "../lane/open-metrics.ts";
import { imageStart } from "../lane/image.ts";
import { root } from "../lane/paths.ts";
import { applyOperatorRbac } from "../lane/rbac.ts";
import { bundleOperator } from "../lane/world.ts";
import type { KubeObject } from "../stack/kube.ts";
import { kubeconfig } from "../stack/kube.ts";
import { applyManifests } from "../stack/manifests.ts";
import type { OperatorProcess } from "../stack/operator-process.ts";
import { startOperator } from "../stack/operator-process.ts";
import { freePort } from "../stack/ports.ts";
import type { Stack } from "../stack/stack.ts";
import { startStack } from "../stack/stack.ts";
import { mountPki, pkiPolicy, putPkiRole } from "../stack/vault.ts";
import { sleep, waitFor } from "../stack/wait.ts";

export const NAMESPACE = "bench";
const OPERATOR = "bench-system";
const COLLECTION = `/apis/keyturn.dev/v1alpha1/namespaces/${NAMESPACE}/secretrotations`;

/** A stack with a PKI engine, a connection to it and an operator that speaks to the servers directly. */
export interface BenchGround {
  readonly stack: Stack;
  /** Starts it and resolves when it has its lists; answers the seconds that this took. */
  startOperator(): Promise<number>;
  stopOperator(): Promise<void>;
  operatorPid(): number;
  /** The longest time in ms for which its event loop has been held up since this was asked last, or since its start. */
  longestBlockMs(): Promise<number>;
  /** Ids of the servers that work for an item: etcd, kube-apiserver, Vault. */
  serverPids(): readonly number[];
  /** Certificates `from` up to `to`, not included, as SecretRotations. */
  seed(from: number, to: number): Promise<void>;
  /** Asks for another version of each. */
  rotateAll(): Promise<void>;
  /** Takes the resources away, with or without a finalizer, and the Secrets; while no operator runs. */
  wipe(): Promise<void>;
  /** Resolves when so many are Ready with a version of at least this number; answers the seconds since `startedMs`. */
  issued(count: number, sequence: number, startedMs: number): Promise<number>;
  readonly log: string;
  stop(): Promise<void>;
}

export interface BenchOptions {
  readonly say: (line: string) => void;
  /** Undefined: as many as the operator has by itself. */
  readonly workers: number | undefined;
  readonly revocation: "OnRetirement" | "Never";
}

export async function openBench({ say, workers, revocation }: BenchOptions): Promise<BenchGround> {
  const stack = await startStack({ say });
  const kube = stack.kubernetes.client;
  const dir = join(stack.dir, "bench");
  const auditDir = join(dir, "audit");
  const bundle = join(dir, "keyturn.mjs");
  const log = join(dir, "operator.log");
  await mkdir(auditDir, { recursive: true });
  await Promise.all([
    bundleOperator(bundle),
    applyManifests(kube, join(root, "crds")),
    ...[NAMESPACE, OPERATOR].map((name) => kube.create("/api/v1/namespaces", { metadata: { name } })),
    mountPki(stack.vault.client),
  ]);
  await Promise.all([
    applyOperatorRbac(kube, OPERATOR),
    putPkiRole(stack.vault.client, { name: `keyturn.${NAMESPACE}.web`, domain: "bench.example" }),
    stack.vault.client.putRole({
      name: "bench",
      policy: pkiPolicy(),
      serviceAccount: { namespace: OPERATOR, name: "keyturn" },
    }),
  ]);
  const token = await kube.serviceAccountToken(OPERATOR, "keyturn", undefined, 4 * 3600);
  await writeFile(join(dir, "kubeconfig"), kubeconfig({ url: stack.kubernetes.url, ca: stack.ca.pem, token }), {
    mode: 0o600,
  });
  const vault = { address: stack.vault.url, caBundle: stack.ca.pem, login: { jwt: { role: "bench" } } };
  await kube.create("/apis/keyturn.dev/v1alpha1/providerconnections", connectionObject("vault", NAMESPACE, { vault }));

  const image = imageStart();
  const port = await freePort();
  const probe = `http://127.0.0.1:${port}/readyz`;
  let operator: OperatorProcess | undefined;
  const flags = {
    kubeconfig: join(dir, "kubeconfig"),
    "cluster-name": "bench",
    "operator-namespace": OPERATOR,
    "service-account": "keyturn",
    "lease-identity": "bench-0",
    "probe-address": `127.0.0.1:${port}`,
    "audit-dir": auditDir,
    ...(workers === undefined ? {} : { workers: String(workers) }),
  };
  const begin = async (): Promise<void> => {
    if (operator !== undefined) return operator.start();
    operator = await startOperator({
      supervisor: stack.supervisor,
      entry: bundle,
      args: Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
      log,
      nodeArgs: image.nodeArgs,
      env: { ...image.env, NODE_COMPILE_CACHE: join(stack.dir, "compile-cache"), ...openMetrics },
    });
  };
  const inPool = async (count: number, run: (index: number) => Promise<unknown>): Promise<void> => {
    let next = 0;
    await Promise.all(
      Array.from({ length: 16 }, async () => {
        while (next < count) await run(next++);
      }),
    );
  };
  return {
    stack,
    log,
    async startOperator() {
      const started = performance.now();
      await begin();
      await waitFor("the operator is ready", async () => (await fetched(probe)) !== undefined, {
        every: 10,
        timeout: 60_000,
      });
      return (performance.now() - started) / 1000;
    },
    async stopOperator() {
      await operator?.term();
    },
    operatorPid: () => operator?.pid() ?? 0,
    async longestBlockMs() {
      const text = await fetched(`http://127.0.0.1:${port}/metrics`);
      const [, seconds] = /^keyturn_nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(text ?? "") ?? [];
      if (seconds === undefined)
        throw new Error("the operator's metrics do not say for how long its event loop was held up");
      return Math.round(Number(seconds) * 1000);
    },
    serverPids: () => {
      const [, , apiserver, etcd, vaultServer] = stack.pids();
      return [apiserver, etcd, vaultServer].filter((pid) => pid !== undefined);
    },
    seed: (from, to) => inPool(to - from, (index) => kube.create(COLLECTION, rotation(from + index, revocation))),
    async rotateAll() {
      const { items } = await kube.list(`${COLLECTION}?resourceVersion=0`);
      const at = new Date().toISOString();
      await inPool(items.length, (index) =>
        kube.mergePatch(`${COLLECTION}/${items[index]?.metadata.name ?? ""}`, {
          metadata: { annotations: { "keyturn.dev/rotate-at": at } },
        }),
      );
    },
    async wipe() {
      await kube.raw("DELETE", COLLECTION);
      const { items: held } = await kube.list(COLLECTION);
      await inPool(held.length, (index) =>
        kube.mergePatch(`${COLLECTION}/${held[index]?.metadata.name ?? ""}`, { metadata: { finalizers: null } }),
      );
      await kube.raw("DELETE", `/api/v1/namespaces/${NAMESPACE}/secrets`);
      // What follows is measured: the servers' work with the deletions is over by then.
      await sleep(2000);
    },
    async issued(count, sequence, startedMs) {
      // Looking costs next to nothing: the last in line is asked after, then all are listed once, then those that were not Ready.
      const options = { every: 50, timeout: 600_000 };
      const ready = (name: string): Promise<unknown> =>
        waitFor(`${name} is Ready`, async () => isReady(await kube.get(`${COLLECTION}/${name}`), sequence), options);
      await ready(nameOf(count - 1));
      const { items } = await kube.list(COLLECTION);
      if (items.length < count) throw new Error(`${items.length} of ${count} resources are there`);
      for (const { metadata } of items.filter((each) => !isReady(each, sequence))) await ready(metadata.name);
      return (performance.now() - startedMs) / 1000;
    },
    stop: () => stack.stop(),
  };
}

const isReady = (object: KubeObject, sequence: number): boolean => {
  const status = object["status"] as
    { sequence?: number; rotation?: object; conditions?: { type: string; status: string }[] } | undefined;
  const ready = status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True");
  return ready === true && status?.rotation === undefined && (status?.sequence ?? 0) >= sequence;
};

const rotation = (index: number, mode: "OnRetirement" | "Never"): object => {
  const name = nameOf(index);
  return {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "SecretRotation",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      source: {
        vaultPKI: {
          connectionRef: { name: "vault" },
          role: "web",
          commonName: `${name}.bench.example`,
          dnsNames: [`${name}.bench.example`],
          ttl: "2160h",
          revocation: { mode },
        },
      },
      deliver: [{ name: "app", kubernetesSecret: { name } }],
      dependents: [],
    },
  };
};

export const nameOf = (index: number): string => `c${String(index).padStart(5, "0")}`;
