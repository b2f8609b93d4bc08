import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { awsClient } from "./aws.ts";
import type { AwsClient, AwsKey } from "./aws.ts";
import { createAuthority } from "./certificates.ts";
import type { Authority } from "./certificates.ts";
import type { KubeClient } from "./kube.ts";
import { PortClash } from "./server.ts";
import type { Server } from "./server.ts";
import { createTokenKeys, startAws, startControlPlane, startVault } from "./servers.ts";
import type { Ground } from "./servers.ts";
import { startSupervisor } from "./supervisor.ts";
import type { Supervisor } from "./supervisor.ts";
import { ensureToolchain } from "./toolchain.ts";
import type { Toolchain } from "./toolchain.ts";
import type { VaultClient } from "./vault.ts";
import { waitFor } from "./wait.ts";

/** Options of `startStack`. */
export interface StackOptions {
  /** Is told what goes on; default: nobody. */
  readonly say?: (line: string) => void;
  /** The programs, when the caller has them already. */
  readonly tools?: Toolchain;
  /** kube-apiserver keeps a log of what ServiceAccounts ask (`auditLogOf`). */
  readonly audit?: boolean;
  /** Controllers of kube-controller-manager that run besides those that every stack has. */
  readonly controllers?: readonly string[];
}

/** A server can be stopped kindly (SIGTERM, the default) or not (SIGKILL). */
export interface RestartOptions {
  readonly kill?: boolean;
}

/** The API server with etcd and the controller manager behind it. Ports and data stay over a restart. */
export interface KubernetesPart {
  readonly url: string;
  /** Path of a kubeconfig of a cluster administrator. */
  readonly adminKubeconfig: string;
  readonly adminToken: string;
  readonly client: KubeClient;
  /** The API server alone: stop, start, both; freeze and thaw. */
  stop(options?: RestartOptions): Promise<void>;
  start(): Promise<void>;
  restart(options?: RestartOptions): Promise<void>;
  pause(): void;
  resume(): void;
  /** Kills etcd and starts it again on its data; resolves when the API server reads from it again. */
  etcdRestart(): Promise<void>;
}

/** Vault: `kv/` is KV v2, `auth/jwt` takes ServiceAccount tokens with audience `vault`. */
export interface VaultPart {
  readonly url: string;
  readonly rootToken: string;
  readonly client: VaultClient;
  seal(): Promise<void>;
  unseal(): Promise<void>;
  /** Stops and starts it, and unseals it unless told otherwise. */
  restart(options?: RestartOptions & { readonly sealed?: boolean }): Promise<void>;
  pause(): void;
  resume(): void;
}

/** IAM and STS. */
export interface AwsPart {
  readonly url: string;
  readonly region: string;
  readonly admin: AwsKey;
  readonly client: AwsClient;
  /** A client with another key, or by way of another address. */
  clientFor(key: AwsKey, url?: string): AwsClient;
}

/** A running local stack. */
export interface Stack {
  /** Everything it has on disk is in here; it is deleted at the end. */
  readonly dir: string;
  readonly logs: string;
  /** The test CA that signed the certificate of every server: PEM, the file with it, and more certificates. */
  readonly ca: { readonly pem: string; readonly file: string; readonly authority: Authority };
  readonly tools: Toolchain;
  readonly supervisor: Supervisor;
  readonly kubernetes: KubernetesPart;
  readonly vault: VaultPart;
  readonly aws: AwsPart;
  /** Process ids of the five servers and of the supervisor. */
  pids(): number[];
  /** Is called at the beginning of `stop`, last added first. */
  onStop(action: () => Promise<void>): void;
  /** Ends everything and resolves when every process is gone and the folder is deleted. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts etcd, kube-apiserver, kube-controller-manager, Vault and moto on free ports of loopback, each with a certificate of
 * one test CA. However this process ends, they end with it.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const say = options.say ?? (() => undefined);
  const tools = options.tools ?? (await ensureToolchain());
  for (let attempt = 1; ; attempt += 1) {
    const started = performance.now();
    const supervisor = startSupervisor();
    try {
      const stack = await startOnce(supervisor, tools, options);
      say(`local stack is up after ${((performance.now() - started) / 1000).toFixed(1)} s`);
      return stack;
    } catch (error) {
      await supervisor.quit();
      if (!(error instanceof PortClash) || attempt === 3) throw error;
    }
  }
}

async function startOnce(supervisor: Supervisor, tools: Toolchain, options: StackOptions): Promise<Stack> {
  const dir = await mkdtemp(join(tmpdir(), "keyturn-stack-"));
  supervisor.removeAtEnd(dir);
  const authority = createAuthority();
  const ca = { pem: authority.pem, file: join(dir, "ca.crt"), authority };
  const logs = join(dir, "logs");
  await Promise.all([mkdir(logs), mkdir(join(dir, "tmp")), writeFile(ca.file, ca.pem)]);
  const ground: Ground = { supervisor, tools, folder: dir, authority, caFile: ca.file };
  const tokenKeys = await createTokenKeys(dir);
  const results = await Promise.allSettled([
    startControlPlane(ground, tokenKeys, { audit: options.audit === true, controllers: options.controllers ?? [] }),
    startVault(ground, tokenKeys),
    startAws(ground),
  ]);
  // All are waited for first: when one fails, the supervisor must know what the others have started.
  const [plane, vault, aws] = [unwrap(results[0]), unwrap(results[1]), unwrap(results[2])];
  const awsAdmin = awsClient({ url: aws.url, ca: ca.pem, region: aws.region, key: aws.admin });
  const servers = [plane.controllers, plane.apiserver, plane.etcd, vault.server, aws.server];
  const hooks: (() => Promise<void>)[] = [];
  let stopping: Promise<void> | undefined;

  const end = async (): Promise<void> => {
    for (const hook of hooks.reverse()) await hook();
    for (const client of [plane.client, vault.client, awsAdmin]) client.close();
    // Nothing is kept, so nobody needs time to write it down; but etcd goes after those who use it.
    await plane.controllers.kill9();
    await plane.apiserver.kill9();
    await Promise.all([plane.etcd.kill9(), vault.server.kill9(), aws.server.kill9()]);
    await supervisor.quit();
    await rm(dir, { recursive: true, force: true });
  };

  return {
    dir,
    logs,
    ca,
    tools,
    supervisor,
    kubernetes: {
      url: plane.url,
      adminKubeconfig: plane.adminKubeconfig,
      adminToken: plane.adminToken,
      client: plane.client,
      stop: (how) => halt(plane.apiserver, how),
      start: () => plane.apiserver.start(),
      async restart(how) {
        await halt(plane.apiserver, how);
        await plane.apiserver.start();
      },
      pause: () => {
        plane.apiserver.pause();
      },
      resume: () => {
        plane.apiserver.resume();
      },
      async etcdRestart() {
        await plane.etcd.kill9();
        await plane.etcd.start();
        // A list without a resource version is read from etcd, whatever the API server still has in memory.
        const list = (): Promise<unknown> => plane.client.list("/api/v1/namespaces?limit=1");
        await waitFor("the API server reads from etcd", list);
      },
    },
    vault: {
      url: vault.url,
      rootToken: vault.rootToken,
      client: vault.client,
      seal: () => vault.seal(),
      unseal: () => vault.unseal(),
      async restart(how) {
        await halt(vault.server, how);
        await vault.server.start();
        if (how?.sealed !== true) await vault.unseal();
      },
      pause: () => {
        vault.server.pause();
      },
      resume: () => {
        vault.server.resume();
      },
    },
    aws: {
      url: aws.url,
      region: aws.region,
      admin: aws.admin,
      client: awsAdmin,
      clientFor: (key, url = aws.url) => awsClient({ url, ca: ca.pem, region: aws.region, key }),
    },
    pids: () => [supervisor.pid, ...servers.map((server) => server.pid()).filter((pid) => pid !== undefined)],
    onStop(action) {
      hooks.push(action);
    },
    stop() {
      stopping ??= end();
      return stopping;
    },
  };
}

async function halt(server: Server, how: RestartOptions = {}): Promise<void> {
  await (how.kill === true ? server.kill9() : server.stop());
}

function unwrap<T>(result: PromiseSettledResult<T>): T {
  if (result.status === "rejected") throw result.reason;
  return result.value;
}
