import type { ClusterClient } from "../cluster/contract.ts";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { switchReader, type SwitchChange } from "./switches.ts";

/** The cluster-wide stop for everything except revocation. */
export interface KillSwitch {
  /** Throws Unavailable when nobody has been able to tell for a minute. */
  engaged(): Promise<boolean>;
}

export const KILL_SWITCH_NAME = "keyturn-kill-switch";
const TRUSTED_MS = 60_000;

/**
 * ConfigMap `keyturn-kill-switch` in the operator's namespace, `data.engaged: "true"`. Absent is off. Read at most once a second.
 * While it cannot be read, the last answer holds for a minute and then nothing is issued. Claims, staging and status are in the
 * same API server, so issuing could not go on without it anyway; it goes on with the first answer that arrives.
 */
export const killSwitch = (
  cluster: ClusterClient,
  operatorNamespace: string,
  clock: Clock,
  changed?: (to: SwitchChange) => void,
): KillSwitch => {
  const look = switchReader(cluster, { namespace: operatorNamespace, name: KILL_SWITCH_NAME }, clock, changed);
  return {
    async engaged() {
      const { known, error } = await look();
      if (error !== undefined && !(known?.engaged === true || isTrusted(known?.atMs, clock))) throw unreadable(error);
      return known?.engaged ?? false;
    },
  };
};

const isTrusted = (atMs: number | undefined, clock: Clock): boolean =>
  atMs !== undefined && clock.monotonicMs() - atMs < TRUSTED_MS;

const unreadable = (error: OperatorError): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `Nobody can tell whether the kill switch (ConfigMap ${KILL_SWITCH_NAME}) is on (${error.code}); nothing is issued until it can be read.`,
    retryAfterMs: error.retryAfterMs,
  });
