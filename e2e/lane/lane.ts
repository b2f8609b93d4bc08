import { join } from "node:path";
import type { FaultProxy, ServerKind, StackServer } from "../stack/fault-proxy.ts";
import { startFaultProxy } from "../stack/fault-proxy.ts";
import { loginProbe } from "../stack/workload/manifest.ts";
import type { Ground } from "./ground.ts";
import { connectionObject, connectionSpecs, openGround } from "./ground.ts";
import { rotationObject, rotationPath } from "./rotation.ts";
import { startTap } from "./tap.ts";
import type { Waits } from "./rotation.ts";
import type { World } from "./world.ts";

export { accountId } from "./ground.ts";
export type { Replica } from "./ground.ts";

/** The proxies of one lane: everything its operators say to the three servers goes through them. */
export type Proxies = Readonly<Record<StackServer, FaultProxy>> & {
  /** Before a hook, where a campaign has one. */
  hook?: FaultProxy;
};

/** Three fault proxies, and one site after the other behind them. */
export interface Lane {
  readonly world: World;
  readonly proxies: Proxies;
  /** Every value that AWS or Vault has given to an operator of the present site, or would have. */
  readonly issued: ReadonlySet<string>;
  /** A fresh site: nothing in it has been seen by an operator before. Rules and counters of the proxies start anew. */
  open(options: SiteOptions): Promise<Site>;
  /** Rules, counters and values of the site before are forgotten. */
  forget(): void;
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
  readonly flags?: Readonly<Record<string, string>>;
  /** As GroundOptions.rights. */
  readonly rights?: "Namespaces";
}

/** A namespace with an operator of its own, a workload, an IAM user, connections, and things that are not Keyturn's. */
export interface Site extends Ground {
  readonly name: string;
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
  readonly foreign: { readonly userName: string; readonly secretPath: string; readonly kvPath: string };
  rotation(): ReturnType<typeof rotationObject>;
  workload(): object;
  applyWorkload(): Promise<void>;
  applyRotation(): Promise<void>;
  /** Takes away what would cost time or be in the way of others: the workload, connections, rights. */
  close(): Promise<void>;
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
  const all = (): readonly FaultProxy[] => Object.values(proxies);
  const lane: Lane = {
    world,
    proxies,
    issued,
    forget() {
      issued.clear();
      for (const one of all()) {
        one.clearRules();
        one.refuseNewKeysFor(0);
        one.resetCounters();
      }
    },
    async open(options) {
      lane.forget();
      const site = await openSite(lane, options);
      for (const one of all()) one.resetCounters();
      return site;
    },
    async stop() {
      await Promise.all(all().map((one) => one.stop()));
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
  const userName = `${namespace}-app`;
  const foreignUser = `${namespace}-foreign`;
  const connections = { aws: `${namespace}-aws`, vault: `${namespace}-vault` };
  const rotationName = "app";
  const secretName = "app-aws";
  const kvRoot = `keyturn/${namespace}`;
  const foreign = {
    userName: foreignUser,
    secretPath: `/api/v1/namespaces/${namespace}/secrets/foreign`,
    kvPath: `${kvRoot}/foreign`,
  };
  const ground = await openGround(lane, {
    name: namespace,
    // The actions that docs/how-to names, and no more.
    iamActions: rotationActions,
    vaultPolicy: deliveryPolicy(kvRoot),
    rights: options.rights,
    flags: {
      "attribution-window": options.attributionWindow ?? "3s",
      resync: options.resync ?? "30s",
      ...options.flags,
    },
  });
  const { dir } = ground;
  const iam = async (): Promise<void> => {
    const { client } = stack.aws;
    const path = `/keyturn/${namespace}/`;
    await client.createUser(userName, {
      path,
      tags: { "keyturn.dev/owner": `${namespace}/${namespace}/${rotationName}`, team: "payments" },
    });
    await client.createUser(foreignUser, { path });
    await client.createAccessKey(foreignUser);
  };
  const specs = connectionSpecs(lane, namespace);
  await Promise.all([
    iam(),
    stack.vault.client.call("POST", `kv/data/${foreign.kvPath}`, { data: { value: "somebody else's" } }),
    kube.create(`/api/v1/namespaces/${namespace}/secrets`, {
      metadata: { name: "foreign" },
      stringData: { value: "somebody else's" },
    }),
    ...[
      connectionObject(connections.aws, namespace, { aws: specs.aws }),
      connectionObject(connections.vault, namespace, { vault: specs.vault }),
    ].map((object) => kube.create("/apis/keyturn.dev/v1alpha1/providerconnections", object)),
  ]);

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
    ...ground,
    name: namespace,
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
    foreign,
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
    async close() {
      await ground.close();
      await kube.delete(workload.path, { propagationPolicy: "Background" });
      const left = await kube.find(site.rotationPath);
      if (left !== undefined) {
        if ((left.metadata.finalizers ?? []).length > 0)
          await kube.mergePatch(site.rotationPath, { metadata: { finalizers: null } });
        await kube.delete(site.rotationPath);
      }
      for (const name of Object.values(connections))
        await kube.delete(`/apis/keyturn.dev/v1alpha1/providerconnections/${name}`);
      for (const user of [userName, foreignUser]) await stack.aws.client.removeUser(user);
    },
  };
  return site;
}

/** What a rotation of access keys needs of IAM. */
export const rotationActions: readonly string[] = [
  "GetUser",
  "ListUserTags",
  "TagUser",
  "ListAccessKeys",
  "CreateAccessKey",
  "UpdateAccessKey",
  "DeleteAccessKey",
  "GetAccessKeyLastUsed",
].map((verb) => `iam:${verb}`);

/** What deliveries below a path of `kv/` need of Vault. */
export function deliveryPolicy(kvRoot: string): string {
  return ["data", "metadata"]
    .map((part) => `path "kv/${part}/${kvRoot}/*" { capabilities = ["create", "read", "update", "patch", "delete"] }`)
    .join("\n");
}
