import { setImmediate as nextTurn } from "node:timers/promises";
import type { Gauge } from "prom-client";
import type { IdentityFacts } from "../domain/inventory/facts.ts";

export interface IdentityGauges {
  readonly identities: Gauge;
  readonly identityOldestCredential: Gauge;
  readonly identityExpiry: Gauge;
  readonly identityUndecided: Gauge;
}

/** Teams write the words that become labels, so how many series there may be is not left to them. */
const MOST_GROUPS = 500;
const OTHERS = { team: "(others)", environment: "(others)" } as const;

/** So many identities are looked at between two turns of the event loop. */
const AT_ONCE = 200;

/** Sets the gauges to what there is now; series of what is gone end. */
export const fillIdentityGauges = async (
  gauges: IdentityGauges,
  identities: Iterable<IdentityFacts>,
): Promise<void> => {
  gauges.identities.reset();
  gauges.identityOldestCredential.reset();
  gauges.identityExpiry.reset();
  gauges.identityUndecided.reset();
  const groups = new Set<string>();
  let looked = 0;
  for (const identity of identities) {
    looked += 1;
    if (looked % AT_ONCE === 0) await nextTurn();
    const { namespace, name, team, environment = "", state, oldestCredentialAt, expiresAt, undecided } = identity;
    const group = JSON.stringify([team, environment, state]);
    const counted = groups.has(group) || groups.size < MOST_GROUPS;
    if (counted) groups.add(group);
    gauges.identities.inc(counted ? { team, environment, state } : { ...OTHERS, state });
    setTime(gauges.identityOldestCredential, { namespace, name }, oldestCredentialAt);
    setTime(gauges.identityExpiry, { namespace, name }, expiresAt);
    if (undecided > 0) gauges.identityUndecided.set({ namespace, name }, undecided);
  }
};

const setTime = (gauge: Gauge, labels: Readonly<Record<string, string>>, time: string | undefined): void => {
  const seconds = time === undefined ? NaN : Date.parse(time) / 1000;
  if (!Number.isNaN(seconds)) gauge.set(labels, seconds);
};
