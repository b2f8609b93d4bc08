import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AwsKey } from "../stack/aws.ts";
import { kubeconfig } from "../stack/kube.ts";
import type { OperatorProcess } from "../stack/operator-process.ts";
import { startOperator } from "../stack/operator-process.ts";
import { freePort } from "../stack/ports.ts";
import { removeUser } from "./aws-calls.ts";
import { imageStart } from "./image.ts";
import type { Lane } from "./lane.ts";
import { openMetrics } from "./open-metrics.ts";
import { applyNamespacedRbac, applyOperatorRbac } from "./rbac.ts";

export const accountId = "123456789012";
const serviceAccount = "keyturn";

/** A namespace with an operator of its own: its rights, its logins, its processes behind the lane's proxies. */
export interface Ground {
  readonly lane: Lane;
  readonly namespace: string;
  readonly operatorNamespace: string;
  readonly dir: string;
  readonly auditDir: string;
  /** Values that are not Keyturn's to issue but that it must not print: its own logins. */
  readonly ownSecrets: readonly string[];
  readonly operatorLogs: () => readonly string[];
  /** Starts an operator; number 0 keeps its lease identity over restarts, another number is another replica. */
  startOperator(replica?: number): Promise<Replica>;
  replicas(): readonly Replica[];
  /** Ends the operators and takes away their rights at all three servers. */
  close(): Promise<void>;
}

export interface GroundOptions {
  /** Name of the namespace, and of the cluster in owner marks. */
  readonly name: string;
  /** What the operator's IAM user may do. */
  readonly iamActions: readonly string[];
  /** What the operator's token of Vault may do, in HCL. */
  readonly vaultPolicy: string;
  readonly flags?: Readonly<Record<string, string>>;
  /** Where the operator's rights hold; absent means in the whole cluster. */
  readonly rights?: "Namespaces" | undefined;
  /** Node has the flags and the environment of the image: its memory is that of a pod. */
  readonly asImage?: true | undefined;
}

export interface Replica {
  readonly process: OperatorProcess;
  readonly probeUrl: string;
  metrics(): Promise<string | undefined>;
  /** It leads, and its watch loops are complete. */
  ready(): Promise<boolean>;
}

export async function openGround(lane: Lane, options: GroundOptions): Promise<Ground> {
  const { stack } = lane.world;
  const kube = stack.kubernetes.client;
  const { name: namespace } = options;
  const operatorNamespace = `${namespace}-system`;
  const operatorUser = `${namespace}-operator`;
  const dir = join(stack.dir, "lanes", namespace);
  const auditDir = join(dir, "audit");
  // The operator's folder is its home and working folder: whatever it drops lies there.
  const operatorDir = join(dir, "operator");
  await Promise.all([mkdir(auditDir, { recursive: true }), mkdir(operatorDir, { recursive: true })]);
  for (const name of [namespace, operatorNamespace]) await kube.create("/api/v1/namespaces", { metadata: { name } });

  const iam = async (): Promise<AwsKey> => {
    const { client } = stack.aws;
    // On everything: a lane tries what the operator does, not how narrow its login may be.
    const Statement = [{ Effect: "Allow", Action: [...options.iamActions, "sts:GetCallerIdentity"], Resource: "*" }];
    await client.createUser(operatorUser);
    await client.putUserPolicy(operatorUser, "keyturn", { Version: "2012-10-17", Statement });
    return client.createAccessKey(operatorUser);
  };
  const vault = (): Promise<void> =>
    stack.vault.client.putRole({
      name: namespace,
      policy: options.vaultPolicy,
      serviceAccount: { namespace: operatorNamespace, name: serviceAccount },
    });
  const [clusterWide, , login] = await Promise.all([
    options.rights === undefined
      ? applyOperatorRbac(kube, operatorNamespace)
      : applyNamespacedRbac(kube, operatorNamespace, namespace),
    vault(),
    iam(),
  ]);
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
  ]);
  const replicas = new Map<number, Replica>();
  const image = options.asImage === true ? imageStart() : { nodeArgs: [], env: { NODE_ENV: "production" } };
  return {
    lane,
    namespace,
    operatorNamespace,
    dir,
    auditDir,
    ownSecrets: [login.secretAccessKey, token],
    operatorLogs: () => [...replicas.values()].map(({ process }) => process.log),
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
        ...options.flags,
      };
      await mkdir(flags["audit-dir"], { recursive: true });
      const process = await startOperator({
        supervisor: stack.supervisor,
        entry: () => lane.world.bundle,
        args: Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]),
        log: join(operatorDir, `operator-${replica}.log`),
        nodeArgs: image.nodeArgs,
        // The bundle is compiled once for all starts: it takes half of a start.
        env: { ...image.env, NODE_COMPILE_CACHE: join(stack.dir, "compile-cache"), ...withoutLimits, ...openMetrics },
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
      for (const path of clusterWide) await kube.delete(path);
      await removeUser(stack.aws.client, operatorUser);
    },
  };
}

/**
 * Limits are the subject of one scenario; a campaign makes and ends more in ten minutes than a cluster does. Not flags, because an
 * older operator refuses those that it does not know.
 */
const withoutLimits = { KEYTURN_LIMIT_OFFBOARDINGS: "0", KEYTURN_LIMIT_GRANTS: "0", KEYTURN_LIMIT_ISSUES: "0" };

/** A ProviderConnection that one namespace alone may use. */
export function connectionObject(name: string, namespace: string, spec: object): object {
  return {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ProviderConnection",
    metadata: { name },
    spec: { allowedNamespaces: { mode: "Listed", names: [namespace] }, ...spec },
  };
}

/** The `aws` and `vault` members of connections that go through the lane's proxies. */
export function connectionSpecs(lane: Lane, namespace: string): { aws: object; vault: object } {
  const caBundle = lane.world.stack.ca.pem;
  return {
    aws: {
      region: lane.world.stack.aws.region,
      accountId,
      endpoint: lane.proxies.aws.url,
      caBundle,
      login: { secretRef: { name: "aws-login" } },
    },
    vault: { address: lane.proxies.vault.url, caBundle, login: { jwt: { role: namespace } } },
  };
}

/** The text of a 200; undefined for everything else. */
export async function fetched(url: string): Promise<string | undefined> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(3000) });
    const text = await answer.text();
    return answer.status === 200 ? text : undefined;
  } catch {
    return undefined;
  }
}
