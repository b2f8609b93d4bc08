import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AwsKey } from "../stack/aws.ts";
import type { FaultProxy, ServerKind } from "../stack/fault-proxy.ts";
import { startFaultProxy } from "../stack/fault-proxy.ts";
import { kubeconfig } from "../stack/kube.ts";
import type { OperatorProcess } from "../stack/operator-process.ts";
import { startOperator } from "../stack/operator-process.ts";
import { freePort } from "../stack/ports.ts";
import { loginProbe } from "../stack/workload/manifest.ts";
import { applyOperatorRbac } from "./rbac.ts";
import { rotationObject, rotationPath } from "./rotation.ts";
import { startTap } from "./tap.ts";
import type { Waits } from "./rotation.ts";
import type { World } from "./world.ts";

export const accountId = "123456789012";
const serviceAccount = "keyturn";

/** The proxies of one lane: everything its operators say to the three servers goes through them. */
export type Proxies = Readonly<Record<ServerKind, FaultProxy>>;

/** Three fault proxies, and one site after the other behind them. */
export interface Lane {
  readonly world: World;
  readonly proxies: Proxies;
  /** Every value that AWS or Vault has given to an operator of the present site, or would have. */
  readonly issued: ReadonlySet<string>;
  /** A fresh site: nothing in it has been seen by an operator before. Rules and counters of the proxies start anew. */
  open(options: SiteOptions): Promise<Site>;
  stop(): Promise<void>;
}

export interface SiteOptions {
  /** Name of the namespace, and of the cluster in owner marks. */
  readonly name: string;
  readonly waits?: Waits;
  readonly probeIntervalMs?: number;
  readonly resync?: string;
  readonly attributionWindow?: string;
  /** The workload logs in by way of the AWS proxy, which refuses new keys when told to. */
  readonly workloadViaProxy?: boolean;
  /** How long one verification may be refused and so on; into the spec as it is. */
  readonly progressDeadline?: string;
  readonly holdFor?: string;
}

/** A namespace with an operator of its own, a workload, an IAM user, connections, and things that are not Keyturn's. */
export interface Site {
  readonly lane: Lane;
  readonly name: string;
  readonly namespace: string;
  readonly operatorNamespace: string;
  readonly userName: string;
  readonly rotationName: string;
  readonly rotationPath: string;
  readonly secretName: string;
  readonly secretPath: string;
  /** Full path below kv/. */
  readonly kvPath: string;
  readonly workloadName: string;
  readonly workloadPath: string;
  readonly connections: { readonly aws: string; readonly vault: string };
  readonly waits: Waits;
  readonly probeIntervalMs: number;
  readonly probeLog: string;
  readonly dir: string;
  readonly auditDir: string;
  readonly operatorLogs: () => readonly string[];
  readonly foreign: { readonly userName: string; readonly secretPath: string; readonly kvPath: string };
  /** Values that are not Keyturn's to issue but that it must not print: its own logins. */
  readonly ownSecrets: readonly string[];
  rotation(): ReturnType<typeof rotationObject>;
  workload(): object;
  applyWorkload(): Promise<void>;
  applyRotation(): Promise<void>;
  /** Starts an operator; number 0 keeps its lease identity over restarts, another number is another replica. */
  startOperator(replica?: number): Promise<Replica>;
  replicas(): readonly Replica[];
  /** Takes away what would cost time or be in the way of others: the workload, connections, rights. */
  close(): Promise<void>;
}

export interface Replica {
  readonly process: OperatorProcess;
  readonly probeUrl: string;
  metrics(): Promise<string | undefined>;
  /** It leads, and its watch loops are complete. */
  ready(): Promise<boolean>;
}

/** Three proxies on free ports. */
export async function startLane(world: World): Promise<Lane> {
  const { stack } = world;
  const issued = new Set<string>();
  const proxy = (server: ServerKind, url: string): Promise<FaultProxy> =>
    startFaultProxy({ server, upstream: { url, ca: stack.ca.pem }, authority: stack.ca.authority });
  const note = (value: string): void => void issued.add(value);
  const [vaultTap, awsTap] = await Promise.all(
    [stack.vault.url, stack.aws.url].map((url) => startTap({ url, ca: stack.ca.pem }, note)),
  );
  if (vaultTap === undefined || awsTap === undefined) throw new Error("a tap is missing");
  const [kubernetes, vault, aws] = await Promise.all([
    proxy("kubernetes", stack.kubernetes.url),
    proxy("vault", vaultTap.url),
    proxy("aws", awsTap.url),
  ]);
  const proxies: Proxies = { kubernetes, vault, aws };
  const all = Object.values(proxies);
  const lane: Lane = {
    world,
    proxies,
    issued,
    async open(options) {
      issued.clear();
      for (const one of all) {
        one.clearRules();
        one.refuseNewKeysFor(0);
      }
      const site = await openSite(lane, options);
      for (const one of all) one.resetCounters();
      return site;
    },
    async stop() {
      await Promise.all(all.map((one) => one.stop()));
      await Promise.all([vaultTap.stop(), awsTap.stop()]);
    },
  };
  stack.onStop(() => lane.stop());
  return lane;
}

async function openSite(lane: Lane, options: SiteOptions): Promise<Site> {
  const { stack } = lane.world;
  const kube = stack.kubernetes.client;
  const { name: namespace, waits = { soak: 1, overlap: 1, deleteAfter: 1 }, probeIntervalMs = 500 } = options;
  const operatorNamespace = `${namespace}-system`;
  const userName = `${namespace}-app`;
  const operatorUser = `${namespace}-operator`;
  const foreignUser = `${namespace}-foreign`;
  const connections = { aws: `${namespace}-aws`, vault: `${namespace}-vault` };
  const dir = join(stack.dir, "lanes", namespace);
  const auditDir = join(dir, "audit");
  // The operator's folder is its home and working folder: whatever it drops lies there.
  const operatorDir = join(dir, "operator");
  const rotationName = "app";
  const secretName = "app-aws";
  const kvRoot = `keyturn/${namespace}`;
  const foreign = {
    userName: foreignUser,
    secretPath: `/api/v1/namespaces/${namespace}/secrets/foreign`,
    kvPath: `${kvRoot}/foreign`,
  };
  await Promise.all([mkdir(auditDir, { recursive: true }), mkdir(operatorDir, { recursive: true })]);
  for (const name of [namespace, operatorNamespace]) await kube.create("/api/v1/namespaces", { metadata: { name } });

  const rbac = async (): Promise<string[]> => applyOperatorRbac(kube, operatorNamespace);
  const vault = async (): Promise<void> => {
    const policy = ["data", "metadata"]
      .map((part) => `path "kv/${part}/${kvRoot}/*" { capabilities = ["create", "read", "update", "patch", "delete"] }`)
      .join("\n");
    await stack.vault.client.putRole({
      name: namespace,
      policy,
      serviceAccount: { namespace: operatorNamespace, name: serviceAccount },
    });
    await stack.vault.client.call("POST", `kv/data/${foreign.kvPath}`, { data: { value: "somebody else's" } });
  };
  const iam = async (): Promise<AwsKey> => {
    const { client } = stack.aws;
    const path = `/keyturn/${namespace}/`;
    await client.createUser(userName, {
      path,
      tags: { "keyturn.dev/owner": `${namespace}/${namespace}/${rotationName}`, team: "payments" },
    });
    await client.createUser(foreignUser, { path });
    await client.createAccessKey(foreignUser);
    await client.createUser(operatorUser);
    await client.putUserPolicy(operatorUser, "keyturn", operatorPolicy());
    return client.createAccessKey(operatorUser);
  };
  const [clusterWide, , login] = await Promise.all([rbac(), vault(), iam()]);
  const token = await kube.serviceAccountToken(operatorNamespace, serviceAccount, undefined, 4 * 3600);
  const kubeconfigFile = join(dir, "kubeconfig");
  await Promise.all([
    writeFile(kubeconfigFile, kubeconfig({ url: lane.proxies.kubernetes.url, ca: stack.ca.pem, token }), {
      mode: 0o600,
    }),
    kube.create(`/api/v1/namespaces/${operatorNamespace}/secrets`, {
      metadata: { name: "aws-login" },
      stringData: { accessKeyId: login.accessKeyId, secretAccessKey: login.secretAccessKey },
    }),
    kube.create(`/api/v1/namespaces/${namespace}/secrets`, {
      metadata: { name: "foreign" },
      stringData: { value: "somebody else's" },
    }),
    ...connectionObjects(lane, { namespace, connections }).map((object) =>
      kube.create("/apis/keyturn.dev/v1alpha1/providerconnections", object),
    ),
  ]);

  const replicas = new Map<number, Replica>();
  const workload = loginProbe({
    namespace,
    name: rotationName,
    secretName,
    endpoint: options.workloadViaProxy === true ? lane.proxies.aws.workloadUrl : stack.aws.url,
    caFile: stack.ca.file,
    intervalMs: probeIntervalMs,
    probeLog: join(dir, "probe.log"),
  }) as { path: string; object: { spec: { template: { spec: { terminationGracePeriodSeconds: number } } } } };
  workload.object.spec.template.spec.terminationGracePeriodSeconds = 1;
  const site: Site = {
    lane,
    name: namespace,
    namespace,
    operatorNamespace,
    userName,
    rotationName,
    rotationPath: rotationPath(namespace, rotationName),
    secretName,
    secretPath: `/api/v1/namespaces/${namespace}/secrets/${secretName}`,
    kvPath: `${kvRoot}/app/aws`,
    workloadName: rotationName,
    workloadPath: workload.path,
    connections,
    waits,
    probeIntervalMs,
    probeLog: join(dir, "probe.log"),
    dir,
    auditDir,
    operatorLogs: () => [...replicas.values()].map(({ process }) => process.log),
    foreign,
    ownSecrets: [login.secretAccessKey, token],
    rotation: () =>
      rotationObject({
        namespace,
        name: rotationName,
        userName,
        awsConnection: connections.aws,
        vaultConnection: connections.vault,
        secretName,
        kvPath: "app/aws",
        workload: rotationName,
        waits,
        ...(options.progressDeadline === undefined ? {} : { progressDeadline: options.progressDeadline }),
        ...(options.holdFor === undefined ? {} : { holdFor: options.holdFor }),
      }),
    workload: () => workload.object,
    async applyWorkload() {
      await kube.apply(workload.path, workload.object, "keyturn-lane");
    },
    async applyRotation() {
      await kube.apply(site.rotationPath, site.rotation(), "team");
    },
    async startOperator(replica = 0) {
      const known = replicas.get(replica);
      if (known !== undefined) {
        await known.process.start();
        return known;
      }
      const port = await freePort();
      const flags = {
        kubeconfig: kubeconfigFile,
        "cluster-name": namespace,
        "operator-namespace": operatorNamespace,
        "service-account": serviceAccount,
        "watch-namespace": namespace,
        "lease-identity": `${namespace}-${replica}`,
        "probe-address": `127.0.0.1:${port}`,
        // One trail per process and folder: a second replica has a disk of its own, as in a StatefulSet.
        "audit-dir": replica === 0 ? auditDir : `${auditDir}-${replica}`,
        "attribution-window": options.attributionWindow ?? "3s",
        resync: options.resync ?? "30s",
      };
      await mkdir(flags["audit-dir"], { recursive: true });
      const process = await startOperator({
        supervisor: stack.supervisor,
        entry: lane.world.bundle,
        args: Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
        log: join(operatorDir, `operator-${replica}.log`),
        // The bundle is compiled once for all starts: it takes half of a start.
        env: { NODE_ENV: "production", NODE_COMPILE_CACHE: join(stack.dir, "compile-cache") },
      });
      const probeUrl = `http://127.0.0.1:${port}`;
      const started: Replica = {
        process,
        probeUrl,
        metrics: () => fetched(`${probeUrl}/metrics`),
        ready: async () => (await fetched(`${probeUrl}/readyz`)) !== undefined,
      };
      replicas.set(replica, started);
      return started;
    },
    replicas: () => [...replicas.values()],
    async close() {
      for (const { process } of replicas.values()) {
        process.resume();
        await process.kill9();
      }
      for (const one of Object.values(lane.proxies)) one.clearRules();
      await kube.delete(workload.path, { propagationPolicy: "Background" });
      const left = await kube.find(site.rotationPath);
      if (left !== undefined) {
        if ((left.metadata.finalizers ?? []).length > 0)
          await kube.mergePatch(site.rotationPath, { metadata: { finalizers: null } });
        await kube.delete(site.rotationPath);
      }
      for (const name of Object.values(connections))
        await kube.delete(`/apis/keyturn.dev/v1alpha1/providerconnections/${name}`);
      for (const path of clusterWide) await kube.delete(path);
      for (const user of [userName, foreignUser, operatorUser]) await stack.aws.client.removeUser(user);
    },
  };
  return site;
}

/** The actions that docs/how-to names, and no more. moto does not judge the resource of IAM's own actions: it must be "*". */
function operatorPolicy(): object {
  const verbs = [
    "GetUser",
    "ListUserTags",
    "TagUser",
    "ListAccessKeys",
    "CreateAccessKey",
    "UpdateAccessKey",
    "DeleteAccessKey",
  ];
  const Action = [...verbs, "GetAccessKeyLastUsed"].map((verb) => `iam:${verb}`);
  return {
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: [...Action, "sts:GetCallerIdentity"], Resource: "*" }],
  };
}

function connectionObjects(
  lane: Lane,
  { namespace, connections }: { namespace: string; connections: Site["connections"] },
): object[] {
  const caBundle = lane.world.stack.ca.pem;
  const allowedNamespaces = { mode: "Listed", names: [namespace] };
  const of = (name: string, spec: object): object => ({
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ProviderConnection",
    metadata: { name },
    spec: { allowedNamespaces, ...spec },
  });
  return [
    of(connections.aws, {
      aws: {
        region: lane.world.stack.aws.region,
        accountId,
        endpoint: lane.proxies.aws.url,
        caBundle,
        login: { secretRef: { name: "aws-login" } },
      },
    }),
    of(connections.vault, {
      vault: { address: lane.proxies.vault.url, caBundle, login: { jwt: { role: namespace } } },
    }),
  ];
}

/** The text of a 200; undefined for everything else. */
async function fetched(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(3000) });
    const text = await answer.text();
    return answer.status === 200 ? text : undefined;
  } catch {
    return undefined;
  }
}
