import { chmod, chown, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KubeClient } from "../kube.ts";
import { freePort } from "../ports.ts";
import { ConfigError } from "./env.ts";
import type { Container, Pod, Volume } from "./types.ts";

/**
 * What stands for an image: files, and what they start. The container runs in a mount namespace of its own, on a read-only root that
 * has these files, the machine's shared libraries and the pod's volumes, as the user that the pod names. Network, process ids and
 * limits are the machine's.
 */
export interface Image {
  /** Path in the container → file on this machine. */
  readonly files: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  /** A pod has no address of its own here: its ports are moved to free ones, and the program must be told. */
  env(ports: Ports): Readonly<Record<string, string>>;
}

/** Where the named ports of a container are on this machine; `first` is that of its first one, or one that nothing names. */
export interface Ports {
  readonly first: number;
  readonly named: Readonly<Record<string, number>>;
}

/** A container that is ready to be started: the command, more environment, and where its ports are. */
export interface Sandbox {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly ports: Ports;
}

export interface SandboxPlace {
  readonly kube: KubeClient;
  /** Folders of volumes, by claim or pod, are made in here; claims outlive their pods. */
  readonly volumes: string;
  /** PEM of the API server's CA. */
  readonly ca: string;
}

const TOKEN_SECONDS = 3600;

export async function sandbox(place: SandboxPlace, pod: Pod, container: Container, image: Image): Promise<Sandbox> {
  await mkdir(place.volumes, { recursive: true });
  const root = await mkdtemp(join(place.volumes, "root-"));
  const mounts = await Promise.all(
    (container.volumeMounts ?? []).map(async ({ name, mountPath }) => {
      const volume = pod.spec.volumes?.find((one) => one.name === name);
      if (volume === undefined) throw new ConfigError(`the volume ${name} is not declared`);
      return { from: await volumeFolder(place, pod, volume), to: mountPath, writable: volume.projected === undefined };
    }),
  );
  const { runAsUser = 0, runAsGroup = runAsUser } = pod.spec.securityContext ?? {};
  const script = join(root, "..", `${root.split("/").at(-1) ?? ""}.sh`);
  await writeFile(script, scriptOf(root, mounts, { image, container, user: `${runAsUser}:${runAsGroup}` }));
  const ports = await portsOf(container);
  const server = new URL(place.kube.url);
  return {
    // A user namespace where this is not root: then the user in the pod is this one.
    command: ["unshare", ...(process.getuid?.() === 0 ? [] : ["--map-root-user"]), "--mount", "sh", script],
    env: {
      // As a container runtime sets it for a user that the image has no line of: without it the AWS SDK finds no home and gives up.
      HOME: "/",
      KUBERNETES_SERVICE_HOST: server.hostname,
      KUBERNETES_SERVICE_PORT: server.port,
      ...image.env(ports),
    },
    ports,
  };
}

async function portsOf({ ports = [] }: Container): Promise<Ports> {
  const free = await Promise.all(ports.map(async ({ name }) => [name ?? "", await freePort()] as const));
  return { first: free[0]?.[1] ?? (await freePort()), named: Object.fromEntries(free) };
}

interface Mount {
  readonly from: string;
  readonly to: string;
  readonly writable: boolean;
}

/** Mounts, then becomes the container's process: everything is gone with it. */
function scriptOf(
  root: string,
  mounts: readonly Mount[],
  { image, container, user }: { readonly image: Image; readonly container: Container; readonly user: string },
): string {
  const at = (path: string): string => quoted(join(root, path));
  const bind = ({ from, to, writable }: Mount): readonly string[] => [
    `mount --bind ${quoted(from)} ${at(to)}`,
    ...(writable ? [] : [`mount -o remount,bind,ro ${at(to)}`]),
  ];
  const files = Object.entries(image.files);
  const words = [...image.entrypoint, ...(container.args ?? [])].map(quoted).join(" ");
  const asUser = process.getuid?.() === 0 ? `--userspec=${user} --groups= ` : "";
  return [
    "set -eu",
    `mount -t tmpfs -o mode=755 tmpfs ${quoted(root)}`,
    ...["lib", "lib64", "usr/lib", "proc", "dev"].map(
      (folder) => `if [ -e /${folder} ]; then mkdir -p ${at(folder)}; mount --rbind /${folder} ${at(folder)}; fi`,
    ),
    ...files.flatMap(([to, from]) => [
      `mkdir -p "$(dirname ${at(to)})"; : > ${at(to)}`,
      ...bind({ from, to, writable: false }),
    ]),
    ...mounts.flatMap((mount) => [`mkdir -p ${at(mount.to)}`, ...bind(mount)]),
    ...(container.securityContext?.readOnlyRootFilesystem === true ? [`mount -o remount,ro ${quoted(root)}`] : []),
    `exec chroot ${asUser}${quoted(root)} ${words}`,
    "",
  ].join("\n");
}

async function volumeFolder(place: SandboxPlace, pod: Pod, volume: Volume): Promise<string> {
  const claim = volume.persistentVolumeClaim?.claimName;
  const name = claim === undefined ? `${pod.metadata.uid ?? ""}-${volume.name}` : `claim-${claim}`;
  const folder = join(place.volumes, `${pod.metadata.namespace ?? ""}-${name}`);
  await mkdir(folder, { recursive: true });
  const group = pod.spec.securityContext?.fsGroup;
  if (volume.projected !== undefined) await writeServiceAccount(place, pod, folder);
  else if (claim === undefined && volume.emptyDir === undefined)
    throw new ConfigError(`the kind of the volume ${volume.name} is not supported`);
  if (group !== undefined && process.getuid?.() === 0) {
    await chown(folder, 0, group);
    await chmod(folder, 0o2770);
  }
  return folder;
}

/** What every pod gets that does not ask to be left without. */
async function writeServiceAccount(place: SandboxPlace, pod: Pod, folder: string): Promise<void> {
  const { namespace = "" } = pod.metadata;
  const account = pod.spec.serviceAccountName ?? "default";
  const token = await place.kube.serviceAccountToken(namespace, account, undefined, TOKEN_SECONDS);
  await writeFile(join(folder, "token"), token, { mode: 0o644 });
  await writeFile(join(folder, "ca.crt"), place.ca);
  await writeFile(join(folder, "namespace"), namespace);
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** Asks an HTTP probe's path; anything but 200 to 399 within a second is a no. */
export async function probe(port: number, path: string): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(1000) });
    await answer.arrayBuffer();
    return answer.status >= 200 && answer.status < 400;
  } catch {
    return false;
  }
}
