import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import { restartedFor } from "../api/v1alpha1/annotations.ts";
import type { Clock } from "../kernel/clock.ts";

export interface RolloutOptions {
  readonly clock: Clock;
  /** How long a change waits for others of the same workload. */
  readonly debounceMs: number;
  /** How many workloads may roll at a time; 0 is no limit. */
  readonly most: number;
}

/** One rotation's wish for one workload. */
export interface RolloutWish {
  readonly namespace: string;
  /** `Deployment/web`. */
  readonly workload: string;
  /** The SecretRotation. */
  readonly rotation: string;
  readonly version: string;
}

/**
 * Who may roll which workload when, so that several changes of one workload restart it once, and not everything restarts at a time. Politeness
 * and not safety: in memory, of the one process that leads; what is under way is learnt from the records that the watches show.
 */
export interface Rollouts {
  /** Undefined: it may be rolled now. Else in how many milliseconds to ask again; the wish stays for those who come first. */
  turn(wish: RolloutWish): number | undefined;
  /** All that is wished for this workload, as annotations of its pod template. */
  wishes(wish: RolloutWish): Readonly<Record<string, string>>;
  /** It has been rolled to what `wishes` said. */
  rolled(wish: RolloutWish): void;
  /** It stands, or is not there: others may roll. */
  ended(wish: Pick<RolloutWish, "namespace" | "workload">): void;
  /** A SecretRotation as the watches show it; undefined: it is gone. */
  seen(key: string, rotation: SecretRotation | undefined): void;
}

interface Waiting {
  readonly sinceMs: number;
  readonly wishes: Map<string, { readonly version: string; readonly askedMs: number }>;
}

const AGAIN_MS = 1000;
/** Whoever has not asked for so long does not want it any more. */
const FORGOTTEN_MS = 30_000;
/** A roll-out whose end nobody has seen does not hold a place for ever. */
const STALE_MS = 15 * 60_000;

export const rollouts = ({ clock, debounceMs, most }: RolloutOptions): Rollouts => {
  const waiting = new Map<string, Waiting>();
  const running = new Map<string, number>();
  /** By rotation: the workloads that depend on it, and those that it is rolling by its record. */
  const known = new Map<string, { readonly uses: readonly string[]; readonly rolls: readonly string[] }>();
  const users = new Map<string, number>();

  const count = (uses: readonly string[], by: number): void => {
    for (const workload of uses) {
      const next = (users.get(workload) ?? 0) + by;
      if (next > 0) users.set(workload, next);
      else users.delete(workload);
    }
  };

  const isRolling = (workload: string): boolean => [...known.values()].some(({ rolls }) => rolls.includes(workload));

  const mayBegin = (workload: string, now: number): boolean => {
    for (const [other, since] of running) if (since + STALE_MS < now) running.delete(other);
    return most === 0 || running.has(workload) || running.size < most;
  };

  return {
    turn(wish) {
      const key = keyOf(wish);
      const now = clock.monotonicMs();
      const entry = waiting.get(key) ?? { sinceMs: now, wishes: new Map() };
      waiting.set(key, entry);
      entry.wishes.set(wish.rotation, { version: wish.version, askedMs: now });
      // Where nobody else can come, nobody is waited for.
      const alone = (users.get(key) ?? 0) < 2;
      const untilMs = alone ? 0 : entry.sinceMs + debounceMs - now;
      if (untilMs > 0) return untilMs;
      if (!mayBegin(key, now)) return AGAIN_MS;
      running.set(key, now);
      return undefined;
    },

    wishes(wish) {
      const now = clock.monotonicMs();
      const all = [...(waiting.get(keyOf(wish))?.wishes ?? [])];
      const live = all.filter(([, { askedMs }]) => askedMs + FORGOTTEN_MS > now);
      return {
        ...Object.fromEntries(live.map(([rotation, { version }]) => [restartedFor(rotation), version])),
        [restartedFor(wish.rotation)]: wish.version,
      };
    },

    rolled(wish) {
      waiting.delete(keyOf(wish));
      running.set(keyOf(wish), clock.monotonicMs());
    },

    ended(workload) {
      running.delete(keyOf(workload));
    },

    seen(key, rotation) {
      const before = known.get(key);
      if (before !== undefined) count(before.uses, -1);
      known.delete(key);
      if (rotation === undefined) return;
      const now = workloadsOf(rotation);
      if (now.uses.length === 0) return;
      known.set(key, now);
      count(now.uses, 1);
      // Of a process before this one: its roll-outs take places as well.
      for (const workload of now.rolls) if (!running.has(workload)) running.set(workload, clock.monotonicMs());
      for (const workload of before?.rolls ?? []) if (!isRolling(workload)) running.delete(workload);
    },
  };
};

const keyOf = ({ namespace, workload }: Pick<RolloutWish, "namespace" | "workload">): string =>
  `${namespace}/${workload}`;

const workloadsOf = ({ metadata: { namespace = "" }, spec, status }: SecretRotation) => {
  const progress = status?.rotation?.dependents ?? [];
  const restarted = spec.dependents.filter(
    ({ workload, restart }) => workload !== undefined && restart?.mode !== "None",
  );
  const named = restarted.map(({ name, workload }) => ({
    name,
    key: `${namespace}/${workload?.kind ?? ""}/${workload?.name ?? ""}`,
  }));
  const isRolling = (name: string): boolean =>
    progress.some((one) => one.name === name && one.startedAt !== undefined && one.doneAt === undefined);
  return {
    uses: named.map(({ key }) => key),
    rolls: named.filter(({ name }) => isRolling(name)).map(({ key }) => key),
  };
};
