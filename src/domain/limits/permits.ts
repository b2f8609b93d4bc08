/**
 * Who gets the next permit: by share first, then in the cluster, in turn between shares and never first come first served. A share is a
 * namespace, or several that count as one. Pure: who waits, what was given, the clock.
 */

/** One permit that was given and still counts. `at`: Unix milliseconds. */
export interface Permit {
  readonly key: string;
  /** Undefined: written before permits had a share; it counts in the cluster alone. */
  readonly share: string | undefined;
  readonly at: number;
}

/** A request that has no permit yet. The same key is the same request, however often it is made. */
export interface Waiter {
  readonly key: string;
  readonly share: string;
  /** When it asked first and last, as Unix milliseconds. */
  readonly since: number;
  readonly askedAt: number;
  /** A leak, a lost credential, an expiry within its margin: it goes first. */
  readonly urgent: boolean;
}

export interface PermitRule {
  /** In the whole cluster within the window; at least 1. */
  readonly limit: number;
  /** Of one share within the window; 0 is no limit. */
  readonly perShare: number;
  /** The last so many are for shares that have had none in the window. */
  readonly reserve: number;
  /** How long a share's second and later requests wait for others to ask, in milliseconds. */
  readonly gatherMs: number;
  /** A request that was not made again for so long waits no longer, in milliseconds. */
  readonly forgetMs: number;
}

/** `later`: others may still ask, so it is decided when the gathering is over. `full`: there is none for it now. */
export type PermitAnswer = "given" | "later" | "full";

/** The answer to one request. `waiting` has every request that is known, this one too; `given` what counts in the window. */
export const permitFor = (
  asking: Waiter,
  waiting: readonly Waiter[],
  given: readonly Permit[],
  rule: PermitRule,
  now: number,
): PermitAnswer => {
  if (given.some(({ key }) => key === asking.key)) return "given";
  const had = countByShare(given);
  const own = had.get(asking.share) ?? 0;
  if (given.length >= rule.limit || isShareFull(own, rule)) return "full";
  if (!asking.urgent && own > 0 && given.length >= rule.limit - rule.reserve) return "full";
  const gathering = own > 0 && now - asking.since < rule.gatherMs;
  if (gathering) return "later";
  const present = waiting.filter(({ key, askedAt }) => key === asking.key || now - askedAt < rule.forgetMs);
  if (nextInTurn(present, given, rule, rule.limit - given.length).has(asking.key)) return "given";
  return now - asking.since < rule.gatherMs ? "later" : "full";
};

/** Keys of the requests that the next `free` permits are for: always one of the share that has had the fewest. */
const nextInTurn = (
  waiting: readonly Waiter[],
  given: readonly Permit[],
  rule: PermitRule,
  free: number,
): ReadonlySet<string> => {
  const had = countByShare(given);
  const served = lastByShare(given);
  const places = new Map(had);
  const order = [...waiting]
    .sort((a, b) => Number(b.urgent) - Number(a.urgent) || a.since - b.since || (a.key < b.key ? -1 : 1))
    .map((waiter) => {
      // With this one its share would have had so many before.
      const before = places.get(waiter.share) ?? 0;
      places.set(waiter.share, before + 1);
      return { waiter, before, served: served.get(waiter.share) ?? 0 };
    })
    .filter(({ before }) => !isShareFull(before, rule))
    .sort((a, b) => Number(b.waiter.urgent) - Number(a.waiter.urgent) || a.before - b.before || a.served - b.served);
  return new Set(order.slice(0, free).map(({ waiter }) => waiter.key));
};

const isShareFull = (had: number, { perShare }: PermitRule): boolean => perShare > 0 && had >= perShare;

const countByShare = (given: readonly Permit[]): Map<string, number> => {
  const counts = new Map<string, number>();
  for (const { share } of given) if (share !== undefined) counts.set(share, (counts.get(share) ?? 0) + 1);
  return counts;
};

const lastByShare = (given: readonly Permit[]): ReadonlyMap<string, number> => {
  const last = new Map<string, number>();
  for (const { share, at } of given) if (share !== undefined) last.set(share, Math.max(at, last.get(share) ?? 0));
  return last;
};

/** The same things, so that each share in turn has one after the other; within a share the order stays. */
export const inTurn = <T>(things: readonly T[], shareOf: (thing: T) => string): readonly T[] => {
  const places = new Map<string, number>();
  return things
    .map((thing) => {
      const share = shareOf(thing);
      const round = places.get(share) ?? 0;
      places.set(share, round + 1);
      return { thing, round };
    })
    .sort((a, b) => a.round - b.round)
    .map(({ thing }) => thing);
};
