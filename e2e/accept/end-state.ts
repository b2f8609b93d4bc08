import type { KubeObject } from "../stack/kube.ts";
import type { Site } from "../lane/lane.ts";
import type { Rotation } from "../lane/rotation.ts";
import { decodedData, readPods } from "./world-view.ts";
import type { Violation } from "./violation.ts";

/** Everything that is left when all is done, without what must differ from run to run: ids, times, versions, addresses. */
export type EndState = Readonly<Record<string, unknown>>;

/** Reads it from the three servers, including the operator's own namespace. */
export async function readEndState(site: Site): Promise<EndState> {
  const { stack } = site.lane.world;
  const kube = stack.kubernetes.client;
  const own = `/api/v1/namespaces/${site.operatorNamespace}`;
  const [rotation, secret, deployment, secrets, configMaps, orphans, pods, keys, tags, kvMetadata, kvData] =
    await Promise.all([
      kube.get<Rotation>(site.rotationPath),
      kube.find(site.secretPath),
      kube.get(site.workloadPath),
      kube.list(`${own}/secrets`),
      kube.list(`${own}/configmaps`),
      kube.list("/apis/keyturn.dev/v1alpha1/orphanedcredentials"),
      readPods(site),
      stack.aws.client.listAccessKeys(site.userName),
      stack.aws.client.listUserTags(site.userName),
      stack.vault.client.call("GET", `kv/metadata/${site.kvPath}`),
      stack.vault.client.readSecret(site.kvPath),
    ]);
  const { status } = rotation;
  const current = status?.current;
  const template = (deployment["spec"] as { template: { metadata: { annotations?: Record<string, string> } } })
    .template;
  const { availableReplicas, updatedReplicas, replicas } = (deployment["status"] ?? {}) as Record<string, number>;
  const named = (value: string | undefined): string | undefined =>
    value === undefined
      ? undefined
      : value === current?.version
        ? "CURRENT"
        : value === current?.id
          ? "CURRENT-KEY"
          : value;
  const state = {
    rotation: {
      finalizers: rotation.metadata.finalizers,
      conditions: Object.fromEntries(
        (status?.conditions ?? []).map(({ type, status: is, reason, observedGeneration }) => [
          type,
          `${is} ${reason} ${observedGeneration ?? ""}`,
        ]),
      ),
      oldCredentialRevoked: (status?.conditions ?? []).find(({ type }) => type === "OldCredentialRevoked")?.status,
      activity: status?.activity,
      observedGeneration: status?.observedGeneration,
      current: [current?.verifiedAt, current?.publishedAt].map((time) => time !== undefined),
      deliveries: (status?.deliveries ?? []).map(({ name, version, target, place }) => [
        name,
        named(version),
        target,
        place,
      ]),
      open: [status?.rotation, status?.quarantine, status?.failures, status?.revocationFailures],
      pending: (status?.pendingRevocations ?? []).length,
      good: status?.lastKnownGood?.generation,
    },
    secret: secret === undefined ? "absent" : ours(secret, named),
    kv: {
      values: Object.fromEntries(
        Object.entries(kvData?.data ?? {}).map(([key, value]) => [
          key,
          key === "secretAccessKey" ? "VALUE" : named(String(value)),
        ]),
      ),
      custom: (kvMetadata?.["data"] as { custom_metadata?: unknown } | undefined)?.custom_metadata,
    },
    same: secret !== undefined && decodedData(secret)["AWS_SECRET_ACCESS_KEY"] === kvData?.data?.["secretAccessKey"],
    iam: { keys: keys.map(({ accessKeyId, status: is }) => [named(accessKeyId), is]), tags },
    workload: {
      annotations: Object.fromEntries(
        Object.entries(template.metadata.annotations ?? {}).map(([key, value]) => [key, named(value)]),
      ),
      counts: [availableReplicas, updatedReplicas, replicas],
      pods: pods.map(({ ready, ending }) => ({ ready, ending })),
    },
    own: {
      secrets: secrets.items.map((item) => ({
        name: item.metadata.name === "aws-login" ? "aws-login" : role(item),
        keys: Object.keys(item["data"] ?? {}).map((key) => named(key)),
      })),
      claims: configMaps.items
        .filter(({ metadata }) => metadata.labels?.["keyturn.dev/role"] !== undefined)
        .map(role)
        .sort(),
    },
    // A key that a fault left over is proven dead by its listing, for nobody has its value.
    strays: (status?.history ?? []).filter(({ end }) => end !== "Revoked").length,
    ledger: orphans.items.filter(({ spec }) => JSON.stringify(spec).includes(`"${site.namespace}"`)).length,
  };
  const volatile: readonly (readonly [RegExp, string])[] = [
    [new RegExp(site.namespace, "g"), "SITE"],
    [/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "UID"],
    [/https:\/\/127\.0\.0\.1:\d+/g, "URL"],
    [/127\.0\.0\.1[:_-]\d+/g, "HOST"],
    [/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  ];
  const text = volatile.reduce((all, [pattern, name]) => all.replace(pattern, name), JSON.stringify(state));
  return JSON.parse(text) as EndState;
}

/** One violation for each place where the two differ. */
export function differences(expected: EndState, actual: EndState): Violation[] {
  const found: Violation[] = [];
  const mayDiffer = actual["strays"] === 0 ? [".strays"] : [".strays", ".rotation.conditions.OldCredentialRevoked"];
  const compare = (path: string, a: unknown, b: unknown): void => {
    if (JSON.stringify(a) === JSON.stringify(b) || mayDiffer.includes(path)) return;
    if (isRecord(a) && isRecord(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) compare(`${path}.${key}`, a[key], b[key]);
      return;
    }
    found.push({
      invariant: "END",
      what: `The end state differs from that of an undisturbed run at ${path.slice(1)}.`,
      evidence: `expected ${short(a)}, found ${short(b)}`,
    });
  };
  compare("", expected, actual);
  return found;
}

function ours(secret: KubeObject, named: (value: string | undefined) => string | undefined): object {
  const { labels, annotations = {} } = secret.metadata;
  return {
    labels,
    annotations: Object.fromEntries(Object.entries(annotations).map(([key, value]) => [key, named(value)])),
    type: secret["type"],
    keys: Object.keys(secret["data"] ?? {}).sort(),
    id: named(decodedData(secret)["AWS_ACCESS_KEY_ID"]),
  };
}

function role({ metadata }: KubeObject): string {
  return metadata.labels?.["keyturn.dev/role"] ?? metadata.name;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function short(value: unknown): string {
  return ((JSON.stringify(value) as string | undefined) ?? "nothing").slice(0, 500);
}
