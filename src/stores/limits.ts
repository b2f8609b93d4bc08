import type { ClusterClient, KubeObject, NewObject, ObjectRef } from "../cluster/contract.ts";
import { permitFor, type Permit, type PermitRule, type Waiter } from "../domain/limits/permits.ts";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { hashName } from "../kernel/ids.ts";
import { CONFIG_MAPS, MANAGED_BY, ROLE_LABEL, type ConfigMap } from "./kinds.ts";

/** What is counted: resources that are gone and whose access ends, resources that are given privileges, resources that issue. */
export type LimitKind = "offboarding" | "grant" | "issue";

/** How many resources of a kind may begin in the whole cluster within ten minutes; 0 is no limit. */
export type LimitSettings = Readonly<Record<LimitKind, number>> & {
  /** Of `offboarding`, in one namespace; 0 is no limit, as it is while `offboarding` is 0. */
  readonly offboardingPerNamespace: number;
};

export interface PermitRequest {
  /** UID of the resource: it has one permit in the window, however often it asks and for whatever part of it. */
  readonly key: string;
  readonly namespace: string;
  /** A leak, a lost credential, an expiry within its margin: goes first. */
  readonly urgent?: boolean;
  /** All that could ask have asked already: no gathering. */
  readonly gathered?: boolean;
}

export interface Limits {
  /**
   * Asks for one permit. `later`: to be asked again within GATHER_MS, nothing is decided yet. The same key within the window is one permit, so
   * that a crash between the permit and its use costs nothing. Throws when the counter cannot be read or written: no count, no permit.
   */
  take(kind: LimitKind, request: PermitRequest): Promise<"taken" | "none" | "later">;
}

export const LIMITS_NAME = "keyturn-limits";
export const WINDOW_MS = 600_000;
/** How long the second and later deletions of a namespace wait for those of others. */
export const GATHER_MS = 3000;
const FORGET_OFFBOARDING_MS = 15_000;
/** Longer than the longest back-off of who is told to come again. */
const FORGET_MS = 360_000;
/** Of grants and issues the last fifth is for namespaces that have had none. */
const RESERVED_PART = 5;
const ROLE = "limits";
const MOST_TRIES = 20;
const LONGEST_SLEEP_MS = 50;

export interface LimitOptions {
  readonly cluster: ClusterClient;
  readonly operatorNamespace: string;
  readonly clock: Clock;
  readonly limits: LimitSettings;
  /** Namespaces that count as one have the same; absent: each counts for itself. */
  readonly shareOf?: (namespace: string) => string;
}

/**
 * One ConfigMap in the operator's namespace, two data keys per kind, an entry per permit of the last ten minutes. Written under its
 * resourceVersion, so that two operators in a change of leaders count together. Who waits is known to this process alone.
 */
export const limitStore = (options: LimitOptions): Limits => {
  const { limits, clock, shareOf = (namespace: string) => namespace } = options;
  const waiting: Record<LimitKind, Map<string, Waiter>> = {
    offboarding: new Map(),
    grant: new Map(),
    issue: new Map(),
  };
  // One process asks one at a time: the others would only meet its Conflict.
  let last: Promise<unknown> = Promise.resolve();
  return {
    take(kind, request) {
      if (limits[kind] === 0) return Promise.resolve("taken");
      const rule = ruleOf(kind, limits);
      const waiter = noted(waiting[kind], request, hashed(shareOf(request.namespace)), clock.now().getTime(), rule);
      const turn = last.then(async () => {
        const answer = await takeOne(options, { kind, waiter, waiting: waiting[kind], rule });
        if (answer === "taken" || (answer === "none" && kind === "offboarding")) waiting[kind].delete(waiter.key);
        return answer;
      });
      last = turn.catch(() => undefined);
      return turn;
    },
  };
};

const ruleOf = (kind: LimitKind, limits: LimitSettings): PermitRule => {
  const limit = limits[kind];
  return kind === "offboarding"
    ? {
        limit,
        perShare: limits.offboardingPerNamespace,
        reserve: 0,
        gatherMs: GATHER_MS,
        forgetMs: FORGET_OFFBOARDING_MS,
      }
    : { limit, perShare: 0, reserve: Math.floor(limit / RESERVED_PART), gatherMs: 0, forgetMs: FORGET_MS };
};

/** Puts the request among those that wait; it keeps its place while it is made again in time. */
const noted = (
  waiting: Map<string, Waiter>,
  { key: name, urgent = false, gathered = false }: PermitRequest,
  share: string,
  now: number,
  { gatherMs, forgetMs }: PermitRule,
): Waiter => {
  for (const { key, askedAt } of waiting.values()) if (now - askedAt >= forgetMs) waiting.delete(key);
  const key = hashed(name);
  const since = waiting.get(key)?.since ?? now;
  const waiter = { key, share, since: gathered ? Math.min(since, now - gatherMs) : since, askedAt: now, urgent };
  waiting.set(key, waiter);
  return waiter;
};

const hashed = (text: string): string => hashName(text).slice(0, 16);

interface Asking {
  readonly kind: LimitKind;
  readonly waiter: Waiter;
  readonly waiting: ReadonlyMap<string, Waiter>;
  readonly rule: PermitRule;
}

const takeOne = async (options: LimitOptions, asking: Asking): Promise<"taken" | "none" | "later"> => {
  const { cluster, operatorNamespace, clock } = options;
  const { kind, waiter, waiting, rule } = asking;
  const ref: ObjectRef = { kind: CONFIG_MAPS, namespace: operatorNamespace, name: LIMITS_NAME };
  for (let tries = 1; ; tries += 1) {
    const found = await cluster.get<ConfigMap>(ref);
    const now = Math.floor((cluster.serverTime()?.now ?? clock.now()).getTime() / 1000) * 1000;
    const given = permitsOf(found, kind).filter(({ at }) => at > now - WINDOW_MS);
    if (given.some(({ key }) => key === waiter.key)) return "taken";
    // Gathering goes by this process's clock, as the times of who waits do.
    const answer = permitFor(waiter, [...waiting.values()], given, rule, clock.now().getTime());
    if (answer !== "given") return answer === "later" ? "later" : "none";
    try {
      await write(cluster, ref, found, kind, [...given, { key: waiter.key, share: waiter.share, at: now }]);
      return "taken";
    } catch (thrown) {
      if (!isRace(thrown) || tries >= MOST_TRIES) throw thrown;
    }
    await clock.sleep(LONGEST_SLEEP_MS * Math.random());
  }
};

/** Shares stand beside the permits, so that a version that does not know them reads the permits as before. */
const sharesKey = (kind: LimitKind): string => `${kind}-shares`;

const write = async (
  cluster: ClusterClient,
  ref: ObjectRef,
  found: ConfigMap | undefined,
  kind: LimitKind,
  permits: readonly Permit[],
): Promise<void> => {
  const data = {
    ...found?.data,
    [kind]: permits.map(({ key, at }) => `${key}@${at / 1000}`).join(" "),
    [sharesKey(kind)]: permits.flatMap(({ key, share }) => (share === undefined ? [] : [`${key}=${share}`])).join(" "),
  };
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

const PERMIT = /^([0-9a-f]{16})@(\d{1,12})$/;
const SHARE = /^([0-9a-f]{16})=([0-9a-f]{16})$/;

/** What makes no sense is not counted as nothing: a limit that forgets is none. */
const permitsOf = (found: ConfigMap | undefined, kind: LimitKind): readonly Permit[] => {
  const shares = new Map(pairs(found?.data?.[sharesKey(kind)], SHARE));
  return pairs(found?.data?.[kind], PERMIT).map(([key, at]) => ({
    key,
    share: shares.get(key),
    at: Number(at) * 1000,
  }));
};

const pairs = (text: string | undefined, form: RegExp): readonly (readonly [string, string])[] =>
  (text ?? "")
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => {
      const match = form.exec(word);
      if (match === null) throw unreadable();
      const [, first = "", second = ""] = match;
      return [first, second] as const;
    });

const isRace = (thrown: unknown): boolean =>
  thrown instanceof OperatorError && (thrown.code === "Conflict" || thrown.code === "AlreadyExists");

const unreadable = (): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `ConfigMap ${LIMITS_NAME} in the operator's namespace is no counter that Keyturn can read; delete it, and counting begins anew.`,
  });
