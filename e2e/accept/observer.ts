import { open } from "node:fs/promises";
import { AwsError } from "../stack/aws.ts";
import type { AwsKey } from "../stack/aws.ts";
import { sleep } from "../stack/wait.ts";
import { parseProbeLog } from "../stack/workload/manifest.ts";
import type { Attempt } from "../stack/workload/manifest.ts";
import type { Site } from "../lane/lane.ts";
import { conditionOf } from "../lane/rotation.ts";
import type { RotationStatus } from "../../src/domain/rotation/record.ts";
import type { Violation } from "./violation.ts";
import { isActive, readPods, readWorld } from "./world-view.ts";
import type { Carried, WorldView } from "./world-view.ts";

/** Watches one site from outside, and writes down every breach of an invariant that it sees. */
export interface Observer {
  readonly violations: readonly Violation[];
  /** The newest complete look at the world. */
  latest(): WorldView | undefined;
  /** Looks again now. */
  look(): Promise<WorldView>;
  looks(): number;
  /** Every credential value that was ever seen in a delivery or in staging. */
  values(): ReadonlySet<string>;
  /** Ids of every key that the provider has ever listed for the site's user. */
  ids(): ReadonlySet<string>;
  attempts(): readonly Attempt[];
  /** What changed in the world from look to look, a line each: evidence for people. */
  story(): readonly string[];
  stop(): Promise<void>;
}

const everyMs = 200;
const mostOfAKind = 3;
/** A look that took longer says nothing about what was so at one time. */
const slowLookMs = 1500;

/** Begins to watch; the first look has been taken when it resolves. */
export async function startObserver(site: Site): Promise<Observer> {
  const { stack } = site.lane.world;
  const violations: Violation[] = [];
  const values = new Set<string>();
  const ids = new Set<string>();
  const published = new Map<string, string>();
  const states = new Map<string, "Active" | "Inactive" | "gone">();
  const tried = new Set<string>();
  const log = probeTail(site.probeLog);
  const foreignBefore = await readForeign(site);
  let latest: WorldView | undefined;
  let looks = 0;
  let ending = false;

  const story: string[] = [];
  const note = (view: WorldView): void => {
    const { current, rotation, activity, pendingRevocations = [] } = view.rotation?.status ?? {};
    const line = [
      `secret ${view.secret?.version ?? "-"} kv ${view.kv?.version ?? "-"}`,
      `keys ${view.keys.map(({ accessKeyId, status }) => `${accessKeyId.slice(-4)} ${status}`).join(", ")}`,
      `pods ${view.pods.map(({ name, ready }) => `${log.keyOf(name) ?? "-"}${ready ? "" : " not ready"}`).join(", ")}`,
      `current ${current?.version ?? "-"} open ${rotation?.version ?? "-"} pending ${pendingRevocations.length}`,
      activity ?? "",
    ].join(" | ");
    if (story.at(-1)?.endsWith(line) !== true) story.push(`${new Date().toISOString()} ${line}`);
  };

  const report = (invariant: Violation["invariant"], what: string, evidence: unknown): void => {
    const same = violations.filter((seen) => seen.invariant === invariant && seen.what === what).length;
    if (same >= mostOfAKind) return;
    violations.push({ invariant, what, evidence: text(evidence) });
  };

  /** S1: a pod that serves must hold a key that the provider accepts. */
  const checkPods = async (view: WorldView): Promise<void> => {
    const dead = (pod: { name: string }): string | undefined => {
      const end = log.keyOf(pod.name);
      const id = end === undefined ? undefined : [...ids].find((known) => known.endsWith(end));
      return id !== undefined && !isActive(view.keys, id) ? id : undefined;
    };
    const suspects = view.pods.filter((pod) => pod.ready && !pod.ending && dead(pod) !== undefined);
    if (suspects.length === 0) return;
    const now = await readPods(site);
    for (const { name } of suspects)
      if (now.some((pod) => pod.name === name && pod.ready && !pod.ending))
        report("S1", "A ready pod runs on a key that the provider does not accept.", { pod: name, keys: view.keys });
  };
  const checkLogins = async (): Promise<void> => {
    for (const attempt of await log.more())
      if (attempt.result === "refused")
        report("S1", "A login of the workload was refused.", { attempt, at: new Date(attempt.at).toISOString() });
  };

  /** S2: what was in use dies only when something newer is delivered everywhere and every pod that serves has it. */
  const checkDeaths = (view: WorldView): void => {
    const took = view.keysAt - view.startedAt;
    for (const [id, before] of states) {
      const now = view.keys.find(({ accessKeyId }) => accessKeyId === id)?.status ?? "gone";
      if (now === before) continue;
      states.set(id, now);
      if (before !== "Active" || !published.has(id) || took > slowLookMs) continue;
      const [secret, kv] = [view.secret?.key.accessKeyId, view.kv?.key.accessKeyId];
      const replaced = [secret, kv].every((other) => other !== undefined && other !== id && isActive(view.keys, other));
      if (!replaced)
        report("S2", "A key was revoked before both deliveries carried another one.", { id, now, secret, kv });
      const holders = view.pods.filter((pod) => pod.ready && !pod.ending && log.keyOf(pod.name) === id.slice(-4));
      if (holders.length > 0) report("S2", "A key was revoked while ready pods ran on it.", { id, now, holders });
    }
    for (const { accessKeyId, status } of view.keys) if (!states.has(accessKeyId)) states.set(accessKeyId, status);
  };

  const checkForeign = async (): Promise<void> => {
    const now = await readForeign(site);
    if (now !== foreignBefore) report("S3", "Something that is not Keyturn's has changed.", { foreignBefore, now });
  };

  /** S4: the record was read after the provider, so it accounts for every key. */
  const checkRecord = (view: WorldView): void => {
    for (const { accessKeyId } of view.keys)
      if (!isExplained(accessKeyId, view))
        report("S4", "The provider has a key that no record, staging entry or intent explains.", {
          accessKeyId,
          status: view.rotation?.status,
        });
  };

  /** S5: what is delivered is usable, and was verified before. */
  const checkDelivery = async (where: string, carried: Carried | undefined, view: WorldView): Promise<void> => {
    if (carried === undefined) return;
    const { accessKeyId } = carried.key;
    if (!isActive(view.keys, accessKeyId))
      report("S5", `${where} carries a key that the provider does not accept.`, { accessKeyId, keys: view.keys });
    const name = `${where} ${accessKeyId} ${carried.key.secretAccessKey}`;
    if (tried.has(name)) return;
    tried.add(name);
    if (!published.has(accessKeyId)) {
      published.set(accessKeyId, carried.version);
      if (!isVerified(accessKeyId, view.rotation?.status))
        report("S5", "A key was delivered before it had been verified.", {
          accessKeyId,
          status: view.rotation?.status,
        });
    }
    const refused = await refusal(carried.key);
    if (refused !== undefined && isActive((await readWorld(site)).keys, accessKeyId))
      report("S5", `${where} carries a value that does not log in.`, { accessKeyId, refused });
  };
  const refusal = async (key: AwsKey): Promise<string | undefined> =>
    stack.aws.client.getCallerIdentity(key).then(
      () => undefined,
      (error: unknown) => (error instanceof AwsError && error.status === 403 ? error.code : undefined),
    );

  /** S14: status never says more than the world shows. */
  const checkTruth = async (view: WorldView): Promise<void> => {
    const status = view.rotation?.status;
    const current = status?.current?.id;
    if (conditionOf(status, "Ready")?.status === "True") {
      if (current === undefined) report("S14", "Ready is True without a current credential.", status);
      else if (
        !isActive(view.keys, current) &&
        !isActive(await stack.aws.client.listAccessKeys(site.userName), current)
      )
        report("S14", "Ready is True, and the provider does not accept the current key.", { current, keys: view.keys });
      // One look reads one server after the other, so a publication may fall between: only a second look convicts.
      else if (await stillEmpty(view))
        report("S14", "Ready is True, and a delivery is empty.", {
          secret: view.secret?.version,
          kv: view.kv?.version,
        });
    }
    for (const { id, end } of status?.history ?? [])
      if ((end === "Revoked" || end === "Stray") && view.keys.some(({ accessKeyId }) => accessKeyId === id)) {
        const now = await stack.aws.client.listAccessKeys(site.userName);
        if (now.some(({ accessKeyId }) => accessKeyId === id))
          report("S14", "The history says that a key is revoked, and the provider has it.", { id, end });
      }
  };

  const stillEmpty = async (view: WorldView): Promise<boolean> => {
    if (view.secret !== undefined && view.kv !== undefined) return false;
    const { rotation, secret, kv } = await readWorld(site);
    const ready = conditionOf(rotation?.status, "Ready")?.status === "True";
    return ready && (secret === undefined || kv === undefined);
  };

  const look = async (): Promise<WorldView> => {
    const view = await readWorld(site, latest?.keys);
    latest = view;
    looks += 1;
    note(view);
    for (const { accessKeyId } of view.keys) ids.add(accessKeyId);
    for (const value of view.stagedValues) if (value.length >= 30) values.add(value);
    for (const carried of [view.secret, view.kv]) if (carried !== undefined) values.add(carried.key.secretAccessKey);
    await checkLogins();
    checkDeaths(view);
    checkRecord(view);
    await checkDelivery("The Secret", view.secret, view);
    await checkDelivery("The Vault path", view.kv, view);
    await checkPods(view);
    await checkTruth(view);
    if (looks % 10 === 0) await checkForeign();
    return view;
  };

  // A function, because the compiler does not see that `ending` changes during an await.
  const isEnding = (): boolean => ending;
  const watching = (async () => {
    while (!isEnding()) {
      const began = performance.now();
      // A server that a fault run has taken away is looked at again when it is back.
      await look().catch(() => undefined);
      await sleep(Math.max(20, everyMs - (performance.now() - began)));
    }
  })();

  return {
    violations,
    latest: () => latest,
    look,
    looks: () => looks,
    values: () => values,
    ids: () => ids,
    attempts: () => log.all,
    story: () => story,
    async stop() {
      ending = true;
      await watching;
      await checkLogins();
      await checkForeign();
    },
  };
}

/** Whether record, staging or an intent accounts for a key of the user. */
export function isExplained(id: string, { rotation, staged }: Pick<WorldView, "rotation" | "staged">): boolean {
  const status = rotation?.status;
  if (status === undefined) return false;
  const recorded = [
    status.current?.id,
    status.rotation?.credential?.id,
    status.rotation?.previous?.id,
    ...(status.pendingRevocations ?? []).map((entry) => entry.id),
    ...(status.history ?? []).map((entry) => entry.id),
    ...staged,
  ];
  if (recorded.includes(id)) return true;
  const intents = [...(status.rotation === undefined ? [] : [status.rotation]), ...(status.closedIntents ?? [])];
  return intents.some(({ knownIds }) => !knownIds.includes(id));
}

function isVerified(id: string, status: RotationStatus | undefined): boolean {
  if (status?.current?.id === id || status?.rotation?.previous?.id === id) return true;
  if ((status?.pendingRevocations ?? []).some((entry) => entry.id === id)) return true;
  return status?.rotation?.credential?.id === id && status.rotation.verification?.verifiedAt !== undefined;
}

async function readForeign(site: Site): Promise<string> {
  const { stack } = site.lane.world;
  const [secret, kv, keys, tags] = await Promise.all([
    stack.kubernetes.client.find(site.foreign.secretPath),
    stack.vault.client.readSecret(site.foreign.kvPath),
    stack.aws.client.listAccessKeys(site.foreign.userName),
    stack.aws.client.listUserTags(site.foreign.userName),
  ]);
  return JSON.stringify({ secret: secret?.metadata.resourceVersion, kv: kv?.metadata.version, keys, tags });
}

/** Reads a probe log as it grows. */
function probeTail(file: string): {
  readonly all: Attempt[];
  more(): Promise<Attempt[]>;
  keyOf(pod: string): string | undefined;
} {
  const all: Attempt[] = [];
  const keys = new Map<string, string>();
  let offset = 0;
  let busy: Promise<unknown> = Promise.resolve();
  const read = async (): Promise<Attempt[]> => {
    const handle = await open(file).catch(() => undefined);
    if (handle === undefined) return [];
    try {
      const { size } = await handle.stat();
      const buffer = Buffer.alloc(size - offset);
      await handle.read(buffer, 0, buffer.length, offset);
      const end = buffer.lastIndexOf(0x0a) + 1;
      offset += end;
      const attempts = parseProbeLog(buffer.subarray(0, end).toString());
      for (const { pod, key, result } of attempts) if (result === "ok") keys.set(pod, key);
      all.push(...attempts);
      return attempts;
    } finally {
      await handle.close();
    }
  };
  return {
    all,
    keyOf: (pod) => keys.get(pod),
    more() {
      const next = busy.then(read);
      busy = next.catch(() => undefined);
      return next;
    },
  };
}

function text(evidence: unknown): string {
  return (typeof evidence === "string" ? evidence : JSON.stringify(evidence)).slice(0, 2000);
}
