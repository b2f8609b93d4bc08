import type { Attempt } from "../stack/workload/manifest.ts";

/** What a workload's login attempts amount to. */
export interface Logins {
  readonly logins: number;
  readonly refused: number;
  /** Neither let in nor refused: a server that was away. */
  readonly errors: number;
  /** Longest time in which no replica logged in, between the first and the last login. */
  readonly maxGapMs: number;
  /** From the first to the last login. */
  readonly spanMs: number;
  readonly firstRefusal: Attempt | undefined;
}

/** Counts attempts; what a pod tries before its first login (`startup:`) is neither an error nor refused. */
export function countLogins(attempts: readonly Attempt[]): Logins {
  const logins = attempts.filter(({ result }) => result === "ok").sort((a, b) => a.at - b.at);
  const refused = attempts.filter(({ result }) => result === "refused");
  const times = logins.map(({ at }) => at);
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? at));
  return {
    logins: logins.length,
    refused: refused.length,
    errors: attempts.filter(({ result, code }) => result === "error" && !code.startsWith("startup:")).length,
    maxGapMs: gaps.reduce((most, gap) => Math.max(most, gap), 0),
    spanMs: (times.at(-1) ?? 0) - (times[0] ?? 0),
    firstRefusal: refused[0],
  };
}

/** The last key (its last four characters) that each pod logged in with. */
export function lastKeys(attempts: readonly Attempt[]): ReadonlyMap<string, string> {
  return new Map(attempts.filter(({ result }) => result === "ok").map(({ pod, key }) => [pod, key]));
}
