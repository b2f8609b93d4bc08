import type { ClusterClient, KubeObject, NewObject, ObjectRef } from "../cluster/contract.ts";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { hashName } from "../kernel/ids.ts";
import { CONFIG_MAPS, MANAGED_BY, ROLE_LABEL, type ConfigMap } from "./kinds.ts";

/** What is counted: identities and credentials taken out of use, privileges given, credentials issued. */
export type LimitKind = "offboarding" | "grant" | "issue";

/** How many of a kind may begin in the whole cluster within ten minutes; 0 is no limit. */
export type LimitSettings = Readonly<Record<LimitKind, number>>;

export interface Limits {
  /**
   * Asks for one permit. The same key within the window is one permit, however often it is asked for, so that a crash between the
   * permit and what it was for costs nothing. Throws when the counter cannot be read or written: no count, no permit.
   */
  take(kind: LimitKind, key: string): Promise<"taken" | "none">;
}

export const LIMITS_NAME = "keyturn-limits";
export const WINDOW_MS = 600_000;
const ROLE = "limits";
const MOST_TRIES = 20;
const LONGEST_SLEEP_MS = 50;

interface Entry {
  readonly key: string;
  /** Unix seconds of kube-apiserver's clock. */
  readonly at: number;
}

export interface LimitOptions {
  readonly cluster: ClusterClient;
  readonly operatorNamespace: string;
  readonly clock: Clock;
  readonly limits: LimitSettings;
}

/**
 * One ConfigMap in the operator's namespace, a data key per kind, an entry per permit of the last ten minutes. Written under its
 * resourceVersion, so that two operators in a change of leaders count together.
 */
export const limitStore = (options: LimitOptions): Limits => {
  const { limits } = options;
  // One process asks one at a time: the others would only meet its Conflict.
  let last: Promise<unknown> = Promise.resolve();
  return {
    take(kind, key) {
      if (limits[kind] === 0) return Promise.resolve("taken");
      const turn = last.then(() => takeOne(options, kind, hashName(key).slice(0, 16)));
      last = turn.catch(() => undefined);
      return turn;
    },
  };
};

const takeOne = async (options: LimitOptions, kind: LimitKind, key: string): Promise<"taken" | "none"> => {
  const { cluster, operatorNamespace, clock, limits } = options;
  const ref: ObjectRef = { kind: CONFIG_MAPS, namespace: operatorNamespace, name: LIMITS_NAME };
  for (let tries = 1; ; tries += 1) {
    const found = await cluster.get<ConfigMap>(ref);
    const now = Math.floor((cluster.serverTime()?.now ?? clock.now()).getTime() / 1000);
    const live = entriesOf(found, kind).filter(({ at }) => at > now - WINDOW_MS / 1000);
    if (live.some((entry) => entry.key === key)) return "taken";
    if (live.length >= limits[kind]) return "none";
    try {
      await write(cluster, ref, found, { kind, entries: [...live, { key, at: now }] });
      return "taken";
    } catch (thrown) {
      if (!isRace(thrown) || tries >= MOST_TRIES) throw thrown;
    }
    await clock.sleep(LONGEST_SLEEP_MS * Math.random());
  }
};

const write = async (
  cluster: ClusterClient,
  ref: ObjectRef,
  found: ConfigMap | undefined,
  change: { readonly kind: LimitKind; readonly entries: readonly Entry[] },
): Promise<void> => {
  const data = { ...found?.data, [change.kind]: change.entries.map(({ key, at }) => `${key}@${at}`).join(" ") };
  if (found !== undefined) {
    await cluster.replace<ConfigMap>(ref, { ...found, data });
    return;
  }
  const fresh: NewObject = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: ref.name,
      ...(ref.namespace === undefined ? {} : { namespace: ref.namespace }),
      labels: { [MANAGED_BY.label]: MANAGED_BY.value, [ROLE_LABEL]: ROLE },
    },
    data,
  };
  await cluster.create<KubeObject>(ref, fresh);
};

const ENTRY = /^([0-9a-f]{16})@(\d{1,12})$/;

/** What makes no sense is not counted as nothing: a limit that forgets is none. */
const entriesOf = (found: ConfigMap | undefined, kind: LimitKind): readonly Entry[] =>
  (found?.data?.[kind] ?? "")
    .split(" ")
    .filter((text) => text !== "")
    .map((text) => {
      const match = ENTRY.exec(text);
      if (match === null) throw unreadable();
      const [, key = "", at = ""] = match;
      return { key, at: Number(at) };
    });

const isRace = (thrown: unknown): boolean =>
  thrown instanceof OperatorError && (thrown.code === "Conflict" || thrown.code === "AlreadyExists");

const unreadable = (): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `ConfigMap ${LIMITS_NAME} in the operator's namespace is no counter that Keyturn can read; delete it, and counting begins anew.`,
  });
