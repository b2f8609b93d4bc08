import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Authority } from "./certificates.ts";
import { awsClient } from "./aws.ts";
import type { AwsKey } from "./aws.ts";
import { kubeClient, kubeconfig } from "./kube.ts";
import type { KubeClient } from "./kube.ts";
import { freePort } from "./ports.ts";
import { serverOf } from "./server.ts";
import type { Server } from "./server.ts";
import type { Supervisor } from "./supervisor.ts";
import type { Toolchain } from "./toolchain.ts";
import { vaultClient } from "./vault.ts";
import type { VaultClient } from "./vault.ts";
import { waitFor } from "./wait.ts";

/** What every server needs to be set up. */
export interface Ground {
  readonly supervisor: Supervisor;
  readonly tools: Toolchain;
  /** The temporary folder of the stack. */
  readonly folder: string;
  readonly authority: Authority;
  /** The authority's certificate as a file. */
  readonly caFile: string;
}

/** The issuer of ServiceAccount tokens, and the audience of those that the API server itself accepts. */
export const tokenIssuer = "https://kubernetes.default.svc.cluster.local";

const loopback = ["localhost", "127.0.0.1"];
const secret = { mode: 0o600 };

/** A key and certificate for a server on loopback (or a client), as files. */
async function leafFiles(
  ground: Pick<Ground, "authority" | "folder">,
  name: string,
  o?: string,
): Promise<{ cert: string; key: string }> {
  const leaf = ground.authority.issue({ cn: name, names: loopback, ...(o === undefined ? {} : { o }) });
  const cert = join(ground.folder, `${name}.crt`);
  const key = join(ground.folder, `${name}.key`);
  await Promise.all([writeFile(cert, leaf.cert), writeFile(key, leaf.key, secret)]);
  return { cert, key };
}

/** A control plane: etcd, API server, controller manager. */
export interface ControlPlane {
  readonly url: string;
  readonly etcd: Server;
  readonly apiserver: Server;
  readonly controllers: Server;
  readonly adminToken: string;
  readonly adminKubeconfig: string;
  readonly client: KubeClient;
}

/** PEM files of the key pair that signs ServiceAccount tokens; Vault gets the public half. */
export interface TokenKeys {
  readonly privateFile: string;
  readonly publicFile: string;
  readonly publicPem: string;
}

/** Makes the key pair that signs ServiceAccount tokens. */
export async function createTokenKeys(folder: string): Promise<TokenKeys> {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const privateFile = join(folder, "service-account.key");
  const publicFile = join(folder, "service-account.pub");
  const publicPem = publicKey.export({ type: "spki", format: "pem" }).toString();
  await writeFile(privateFile, privateKey.export({ type: "pkcs8", format: "pem" }), secret);
  await writeFile(publicFile, publicPem);
  return { privateFile, publicFile, publicPem };
}

/** Starts etcd, the API server and the controller manager. */
/** What the API server writes down: who asked what with which result, of ServiceAccounts; never a body. */
const auditPolicy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [{ level: "Metadata", userGroups: ["system:serviceaccounts"] }, { level: "None" }],
};

/** Where a stack that keeps an audit log has it. */
export const auditLogOf = (folder: string): string => join(folder, "kube-audit.jsonl");

export async function startControlPlane(
  ground: Ground,
  tokenKeys: TokenKeys,
  options: { readonly audit: boolean; readonly controllers?: readonly string[] },
): Promise<ControlPlane> {
  const { supervisor, tools, folder, authority, caFile } = ground;
  const [etcdPort, peerPort, apiPort] = [await freePort(), await freePort(), await freePort()];
  const url = `https://127.0.0.1:${apiPort}`;
  const adminToken = randomBytes(24).toString("hex");
  const adminKubeconfig = join(folder, "admin.kubeconfig");
  const tokenFile = join(folder, "tokens.csv");
  const [etcdLeaf, apiLeaf] = await Promise.all([leafFiles(ground, "etcd"), leafFiles(ground, "kube-apiserver")]);
  const auditPolicyFile = join(folder, "audit-policy.json");
  await writeFile(auditPolicyFile, JSON.stringify(auditPolicy));
  await writeFile(tokenFile, `${adminToken},stack-admin,stack-admin,"system:masters"\n`, secret);
  await writeFile(adminKubeconfig, kubeconfig({ url, ca: authority.pem, token: adminToken }), secret);
  const client = kubeClient({ url, ca: authority.pem, token: adminToken });

  const etcd = serverOf(supervisor, folder, {
    name: "etcd",
    file: tools.etcd,
    args: [
      "--name=local",
      // Two thousand objects of 256 KiB are written a few times each, and are gone for good only minutes later.
      "--quota-backend-bytes=8589934592",
      `--data-dir=${join(folder, "etcd")}`,
      `--listen-client-urls=https://127.0.0.1:${etcdPort}`,
      `--advertise-client-urls=https://127.0.0.1:${etcdPort}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-cluster=local=http://127.0.0.1:${peerPort}`,
      `--cert-file=${etcdLeaf.cert}`,
      `--key-file=${etcdLeaf.key}`,
      "--client-cert-auth",
      `--trusted-ca-file=${caFile}`,
      // Nothing here must survive the machine, only the process: the page cache is enough.
      "--unsafe-no-fsync",
      "--log-level=warn",
    ],
    // The API server's readiness includes that of etcd.
    ready: () => Promise.resolve(true),
  });
  const apiserver = serverOf(supervisor, folder, {
    name: "kube-apiserver",
    file: tools.kubeApiserver,
    args: [
      `--etcd-servers=https://127.0.0.1:${etcdPort}`,
      `--etcd-cafile=${caFile}`,
      `--etcd-certfile=${apiLeaf.cert}`,
      `--etcd-keyfile=${apiLeaf.key}`,
      "--bind-address=127.0.0.1",
      "--advertise-address=127.0.0.1",
      `--secure-port=${apiPort}`,
      `--tls-cert-file=${apiLeaf.cert}`,
      `--tls-private-key-file=${apiLeaf.key}`,
      `--client-ca-file=${caFile}`,
      `--token-auth-file=${tokenFile}`,
      "--authorization-mode=RBAC",
      `--service-account-issuer=${tokenIssuer}`,
      `--service-account-key-file=${tokenKeys.publicFile}`,
      `--service-account-signing-key-file=${tokenKeys.privateFile}`,
      "--service-cluster-ip-range=10.96.0.0/24",
      // Endpoints on loopback are not valid, and nobody looks for the API server by its Service here.
      "--endpoint-reconciler-type=none",
      "--profiling=false",
      ...(options.audit ? [`--audit-policy-file=${auditPolicyFile}`, `--audit-log-path=${auditLogOf(folder)}`] : []),
    ],
    ready: async () => (await client.raw("GET", "/readyz")).status === 200,
    // It waits a minute for open watches to end, which they do not.
    graceMs: 2000,
  });
  const controllers = serverOf(supervisor, folder, {
    name: "kube-controller-manager",
    file: tools.kubeControllerManager,
    args: [
      `--kubeconfig=${adminKubeconfig}`,
      `--controllers=${[...controllerNames, ...(options.controllers ?? [])].join(",")}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      "--secure-port=0",
      `--service-account-private-key-file=${tokenKeys.privateFile}`,
      "--kube-api-qps=200",
      "--kube-api-burst=400",
      "--profiling=false",
      // A quota that it has met before it knew its kinds is counted again after this, not after five minutes.
      "--resource-quota-sync-period=5s",
    ],
    // It has no port; the default ServiceAccount is its first visible work.
    ready: async () => (await client.find("/api/v1/namespaces/default/serviceaccounts/default")) !== undefined,
  });
  await Promise.all([etcd.start(), apiserver.start()]);
  await controllers.start();
  return { url, etcd, apiserver, controllers, adminToken, adminKubeconfig, client };
}

/** What the tests need of the controller manager; node lifecycle and eviction are not among it. */
const controllerNames = [
  "deployment-controller",
  "replicaset-controller",
  "statefulset-controller",
  "daemonset-controller",
  "garbage-collector-controller",
  "namespace-controller",
  "serviceaccount-controller",
  "job-controller",
  "cronjob-controller",
];

/** A Vault that is initialised, unsealed and has `kv/` and `auth/jwt`. */
export interface VaultServer {
  readonly url: string;
  readonly rootToken: string;
  readonly client: VaultClient;
  readonly server: Server;
  seal(): Promise<void>;
  unseal(): Promise<void>;
}

/** Starts Vault with raft storage and TLS; ServiceAccount tokens with audience `vault` can log in where a role says so. */
export async function startVault(ground: Ground, tokenKeys: TokenKeys): Promise<VaultServer> {
  const { supervisor, tools, folder, authority } = ground;
  const [port, clusterPort] = [await freePort(), await freePort()];
  const url = `https://127.0.0.1:${port}`;
  const leaf = await leafFiles(ground, "vault");
  const configFile = join(folder, "vault.json");
  const dataFolder = join(folder, "vault");
  const pluginFolder = join(folder, "vault-plugins");
  const config = {
    storage: { raft: { path: dataFolder, node_id: "local", performance_multiplier: 1 } },
    listener: [
      {
        tcp: {
          address: `127.0.0.1:${port}`,
          cluster_address: `127.0.0.1:${clusterPort}`,
          tls_cert_file: leaf.cert,
          tls_key_file: leaf.key,
        },
      },
    ],
    api_addr: url,
    cluster_addr: `https://127.0.0.1:${clusterPort}`,
    disable_mlock: true,
    // Of a minimal build; empty until somebody needs one.
    plugin_directory: pluginFolder,
    log_level: "info",
  };
  await writeFile(configFile, JSON.stringify(config));
  await Promise.all([mkdir(dataFolder), mkdir(pluginFolder)]);
  let rootToken = "";
  let unsealKey = "";
  const client = vaultClient({ url, ca: authority.pem, token: () => rootToken });
  const server = serverOf(supervisor, folder, {
    name: "vault",
    file: tools.vault,
    args: ["server", `-config=${configFile}`],
    ready: async () => (await client.call("GET", "sys/seal-status")) !== undefined,
  });
  const unseal = async (): Promise<void> => {
    await client.call("PUT", "sys/unseal", { key: unsealKey });
    // Unsealed is not yet active: with raft it has to become the leader first, which /sys/health says with 200.
    await waitFor("Vault is active", () => client.call("GET", "sys/health"), { every: 50 });
  };
  await server.start();
  const init = await client.call("PUT", "sys/init", { secret_shares: 1, secret_threshold: 1 });
  rootToken = String(init?.["root_token"]);
  unsealKey = String((init?.["keys"] as string[] | undefined)?.[0]);
  await unseal();
  await client.call("POST", "sys/mounts/kv", { type: "kv", options: { version: "2" } });
  await client.call("POST", "sys/auth/jwt", { type: "jwt" });
  await client.call("POST", "auth/jwt/config", {
    jwt_validation_pubkeys: [tokenKeys.publicPem],
    bound_issuer: tokenIssuer,
  });
  // A new KV v2 mount upgrades itself for a moment and refuses calls until it is done.
  await waitFor("kv/ is ready", () => client.call("POST", "kv/config", { max_versions: 10 }), { every: 20 });
  return {
    url,
    get rootToken() {
      return rootToken;
    },
    client,
    server,
    unseal,
    async seal() {
      await client.call("PUT", "sys/seal");
    },
  };
}

/** moto with enforced credentials: IAM and STS of one AWS account. Its state is in memory only. */
export interface AwsServer {
  readonly url: string;
  readonly region: string;
  readonly admin: AwsKey;
  readonly server: Server;
}

/** What moto needs of a stack. */
export type AwsServerGround = Pick<Ground, "supervisor" | "folder" | "authority"> & {
  readonly tools: Pick<Toolchain, "motoPython">;
};

/** Starts moto. */
export async function startAws(ground: AwsServerGround): Promise<AwsServer> {
  const { supervisor, tools, folder, authority } = ground;
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const region = "us-east-1";
  const leaf = await leafFiles(ground, "aws");
  const adminFile = join(folder, "aws-admin.json");
  let admin: AwsKey = { accessKeyId: "", secretAccessKey: "" };
  const server = serverOf(supervisor, folder, {
    name: "aws",
    file: tools.motoPython,
    args: [fileURLToPath(new URL("moto/strict.py", import.meta.url)), String(port), leaf.cert, leaf.key, adminFile],
    ready: async () => {
      admin = JSON.parse(await readFile(adminFile, "utf8")) as AwsKey;
      const client = awsClient({ url, ca: authority.pem, region, key: admin });
      try {
        return (await client.getCallerIdentity()) !== "";
      } finally {
        client.close();
      }
    },
  });
  await server.start();
  return { url, region, admin, server };
}
