import type { AwsKey, ListedKey } from "../stack/aws.ts";
import type { KubeObject } from "../stack/kube.ts";
import type { Site } from "../lane/lane.ts";
import type { Rotation } from "../lane/rotation.ts";

/** What stands in a delivery. */
export interface Carried {
  readonly version: string;
  readonly key: AwsKey;
}

export interface PodView {
  readonly name: string;
  readonly ready: boolean;
  readonly ending: boolean;
}

/**
 * The world as the servers themselves show it, read in this order: what uses a key, then the provider, then what the operator
 * has on record. So what is delivered must be known to a provider that was asked later, and what the provider has must be
 * accounted for by a record that was read later.
 */
export interface WorldView {
  readonly startedAt: number;
  readonly secret: Carried | undefined;
  readonly kv: Carried | undefined;
  readonly pods: readonly PodView[];
  readonly keys: readonly ListedKey[];
  readonly keysAt: number;
  readonly rotation: Rotation | undefined;
  /** Ids in the staging Secret, and the values that lie there. */
  readonly staged: readonly string[];
  readonly stagedValues: readonly string[];
}

/**
 * Reads everything once; throws when a server is away. A listing in which a key of `before` is missing is asked for again:
 * moto may leave one out while another is being deleted.
 */
export async function readWorld(site: Site, before: readonly ListedKey[] = []): Promise<WorldView> {
  const { stack } = site.lane.world;
  const kube = stack.kubernetes.client;
  const startedAt = Date.now();
  const [secret, kv, pods] = await Promise.all([
    kube.find(site.secretPath).then(carriedBySecret),
    stack.vault.client.readSecret(site.kvPath).then((found) => carriedByKv(found?.data)),
    readPods(site),
  ]);
  let keys = await stack.aws.client.listAccessKeys(site.userName);
  const listed = new Set(keys.map(({ accessKeyId }) => accessKeyId));
  if (before.some(({ accessKeyId }) => !listed.has(accessKeyId)))
    keys = await stack.aws.client.listAccessKeys(site.userName);
  const keysAt = Date.now();
  const rotation = await kube.find<Rotation>(site.rotationPath);
  const staging = await kube.list(stagingPath(site));
  const staged = staging.items.flatMap(({ metadata }) => {
    const index = metadata.annotations?.["keyturn.dev/staged"] ?? "{}";
    return Object.values(JSON.parse(index) as Record<string, { id: string }>).map(({ id }) => id);
  });
  const stagedValues = staging.items.flatMap((item) =>
    Object.values(decodedData(item)).flatMap((text) => Object.values(JSON.parse(text) as Record<string, string>)),
  );
  return { startedAt, secret, kv, pods, keys, keysAt, rotation, staged, stagedValues };
}

export async function readPods(site: Site): Promise<PodView[]> {
  const list = await site.lane.world.stack.kubernetes.client.list(
    `/api/v1/namespaces/${site.namespace}/pods?labelSelector=app=${site.workloadName}`,
  );
  return list.items.map((pod) => {
    const { phase, conditions = [] } = (pod["status"] ?? {}) as {
      phase?: string;
      conditions?: { type: string; status: string }[];
    };
    const ready = phase === "Running" && conditions.some(({ type, status }) => type === "Ready" && status === "True");
    return { name: pod.metadata.name, ready, ending: pod.metadata.deletionTimestamp !== undefined };
  });
}

export function stagingPath(site: Site): string {
  return `/api/v1/namespaces/${site.operatorNamespace}/secrets?labelSelector=keyturn.dev/role%3Dstaging`;
}

export function decodedData(object: KubeObject): Record<string, string> {
  const data = (object["data"] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
}

export function isActive(keys: readonly ListedKey[], id: string): boolean {
  return keys.some(({ accessKeyId, status }) => accessKeyId === id && status === "Active");
}

function carriedBySecret(secret: KubeObject | undefined): Carried | undefined {
  if (secret === undefined) return undefined;
  const data = decodedData(secret);
  const [accessKeyId, secretAccessKey] = [data["AWS_ACCESS_KEY_ID"], data["AWS_SECRET_ACCESS_KEY"]];
  if (accessKeyId === undefined || secretAccessKey === undefined) return undefined;
  return { version: secret.metadata.annotations?.["keyturn.dev/version"] ?? "", key: { accessKeyId, secretAccessKey } };
}

function carriedByKv(data: Readonly<Record<string, unknown>> | null | undefined): Carried | undefined {
  const [accessKeyId, secretAccessKey] = [data?.["accessKeyId"], data?.["secretAccessKey"]];
  const version = data?.["keyturn-version"];
  if (typeof accessKeyId !== "string" || typeof secretAccessKey !== "string") return undefined;
  return { version: typeof version === "string" ? version : "", key: { accessKeyId, secretAccessKey } };
}
