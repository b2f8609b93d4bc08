import { mkdir, symlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { ended, output } from "../install/commands.ts";
import { root } from "../lane/paths.ts";
import type { KubeObject } from "../stack/kube.ts";
import { applyManifests } from "../stack/manifests.ts";
import { freePort } from "../stack/ports.ts";
import type { Stack } from "../stack/stack.ts";
import { ensureProgram } from "../stack/toolchain.ts";
import { waitFor } from "../stack/wait.ts";

/** An Application, as far as the tests read it. */
export interface Application extends KubeObject {
  readonly status?: {
    readonly sync?: { readonly status?: string; readonly revision?: string };
    readonly health?: { readonly status?: string };
    readonly operationState?: { readonly phase?: string; readonly message?: string };
    readonly conditions?: readonly { readonly type: string; readonly message: string }[];
    readonly resources?: readonly {
      readonly kind: string;
      readonly name: string;
      readonly status?: string;
      readonly health?: { readonly status?: string; readonly message?: string };
    }[];
  };
}

/** Argo CD's own controllers and repo server, working on the stack's API server. */
export interface ArgoCd {
  find(name: string): Promise<Application | undefined>;
  /** Applies Applications and ApplicationSets. */
  apply(object: KubeObject): Promise<void>;
  /** Has it look at the repository now, as a webhook would. */
  refresh(name: string): Promise<void>;
}

const NAMESPACE = "argocd";
const API = "/apis/argoproj.io/v1alpha1/namespaces/argocd";
const labels = { "app.kubernetes.io/part-of": "argocd" };

/**
 * Starts Argo CD: application controller, ApplicationSet controller and repo server from its Go module, Redis from the system. It is
 * configured as docs/how-to/gitops.md says: its health of our kinds comes from `scripts/argocd-patch.ts`. It ends with the stack.
 */
export async function startArgoCd(stack: Stack, say: (line: string) => void): Promise<ArgoCd> {
  const known = await ended("redis-server", ["--version"]);
  if (known.code !== 0) throw new Error("redis-server is not installed (Debian: apt-get install redis-server)");
  const program = await ensureProgram("argocd", say);
  const helm = await ensureProgram("helm", say);
  const kube = stack.kubernetes.client;
  const dir = join(stack.dir, "argocd");
  const tools = join(dir, "bin");
  await mkdir(tools, { recursive: true });
  await symlink(helm, join(tools, "helm"));
  const { refused } = await applyManifests(kube, join(dirname(program), "crds"));
  if (refused.length > 0) throw new Error(`the API server refused Argo CD's CRDs:\n${refused.join("\n")}`);
  await configure(stack);

  const ports = { redis: await freePort(), repo: await freePort() };
  const metrics = await Promise.all([freePort(), freePort(), freePort(), freePort(), freePort()]);
  const env = {
    HOME: dir,
    PATH: `${tools}:${process.env["PATH"] ?? ""}`,
    KUBECONFIG: stack.kubernetes.adminKubeconfig,
    ARGOCD_FAKE_IN_CLUSTER: "true",
    ARGOCD_GPG_ENABLED: "false",
    ARGOCD_TLS_DATA_PATH: join(dir, "tls"),
    ARGOCD_SSH_DATA_PATH: join(dir, "ssh"),
    TMPDIR: join(dir, "tmp"),
  };
  await mkdir(env.TMPDIR, { recursive: true });
  const start = (name: string, file: string, args: readonly string[]) =>
    stack.supervisor.start({ file, args, env, cwd: dir, log: join(stack.logs, `argocd-${name}.log`) });
  await start("redis", "redis-server", [
    ...["--port", String(ports.redis), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
  ]);
  const redis = ["--redis", `127.0.0.1:${ports.redis}`];
  await start("repo-server", program, [
    ...["repo-server", "--address", "127.0.0.1", "--port", String(ports.repo), "--disable-tls", ...redis],
    ...["--metrics-address", "127.0.0.1", "--metrics-port", String(metrics[0])],
  ]);
  await waitFor("the repo server listens", () => listens(ports.repo), { timeout: 60_000 });
  await start("application-controller", program, [
    ...["application-controller", "--namespace", NAMESPACE, ...redis, "--app-resync", "10"],
    ...["--repo-server", `127.0.0.1:${ports.repo}`, "--repo-server-plaintext", "--metrics-port", String(metrics[1])],
    // Else the Application does not say of each resource how it is.
    "--persist-resource-health",
    // Its own pace against hand edits; the default backs off for minutes after the first.
    ...["--self-heal-timeout-seconds", "2"],
  ]);
  await start("applicationset", program, [
    ...["applicationset", "--namespace", NAMESPACE, "--argocd-repo-server", `127.0.0.1:${ports.repo}`],
    ...["--repo-server-plaintext", "--enable-leader-election=false", "--metrics-addr", `127.0.0.1:${metrics[2]}`],
    ...["--probe-addr", `127.0.0.1:${metrics[3]}`, "--webhook-addr", `127.0.0.1:${metrics[4]}`],
  ]);
  const path = (name: string): string => `${API}/applications/${name}`;
  return {
    find: (name) => kube.find<Application>(path(name)),
    async apply(object) {
      const plural = object.kind === "ApplicationSet" ? "applicationsets" : "applications";
      await kube.apply(`${API}/${plural}/${object.metadata.name}`, object, "platform");
    },
    async refresh(name) {
      await kube.mergePatch(path(name), {
        metadata: { annotations: { "argocd.argoproj.io/refresh": "hard" } },
      });
    },
  };
}

/** Namespace, ConfigMaps, Secret and the default project, as Argo CD's own manifests have them. */
async function configure(stack: Stack): Promise<void> {
  const kube = stack.kubernetes.client;
  await kube.create("/api/v1/namespaces", { metadata: { name: NAMESPACE } });
  const core = `/api/v1/namespaces/${NAMESPACE}`;
  for (const name of [
    "argocd-cm",
    "argocd-rbac-cm",
    "argocd-cmd-params-cm",
    "argocd-tls-certs-cm",
    "argocd-gpg-keys-cm",
  ])
    await kube.create(`${core}/configmaps`, {
      metadata: { name, labels },
      ...(name === "argocd-cm" ? { data: { "timeout.reconciliation": "10s" } } : {}),
    });
  await kube.create(`${core}/configmaps`, {
    metadata: { name: "argocd-ssh-known-hosts-cm", labels },
    data: { ssh_known_hosts: "" },
  });
  await kube.create(`${core}/secrets`, { metadata: { name: "argocd-secret", labels } });
  const project = {
    metadata: { name: "default" },
    spec: {
      sourceRepos: ["*"],
      destinations: [{ server: "*", namespace: "*" }],
      clusterResourceWhitelist: [{ group: "*", kind: "*" }],
    },
  };
  await waitFor(
    "Argo CD's kinds are served",
    () => kube.create(`${API}/appprojects`, { apiVersion: "argoproj.io/v1alpha1", kind: "AppProject", ...project }),
    { timeout: 30_000 },
  );
  // The documented command, word for word but for the shell's part of it.
  const patch = await output(process.execPath, [join(root, "scripts/argocd-patch.ts")]);
  await output(
    stack.tools.kubectl,
    ["-n", NAMESPACE, "patch", "configmap", "argocd-cm", "--type", "merge", "--patch", patch],
    { env: { KUBECONFIG: stack.kubernetes.adminKubeconfig, HOME: stack.dir } },
  );
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}
