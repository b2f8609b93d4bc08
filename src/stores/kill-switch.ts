import type { ClusterClient, ObjectRef } from "../cluster/contract.ts";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError, toOperatorError } from "../kernel/errors.ts";
import { CONFIG_MAPS, type ConfigMap } from "./kinds.ts";

/** The cluster-wide stop for everything except revocation. */
export interface KillSwitch {
  /** Throws Unavailable when nobody has been able to tell for a minute. */
  engaged(): Promise<boolean>;
}

/** A change that this process has seen; at its start it takes the switch for off. */
export interface KillSwitchChange {
  readonly engaged: boolean;
  /** Of the ConfigMap; absent when it is gone. */
  readonly resourceVersion?: string;
  /** The program that wrote it last, as the API server noted it (metadata.managedFields). */
  readonly manager?: string;
}

export const KILL_SWITCH_NAME = "keyturn-kill-switch";
const REREAD_MS = 1000;
const TRUSTED_MS = 60_000;

/** What counts as off; anything else that somebody wrote in a hurry is on. */
const OFF: readonly string[] = ["", "false", "no", "off", "0"];

/**
 * ConfigMap `keyturn-kill-switch` in the operator's namespace, `data.engaged: "true"`. Absent is off. Read at most once a second.
 * While it cannot be read, the last answer holds for a minute and then nothing is issued. Claims, staging and status are in the
 * same API server, so issuing could not go on without it anyway; it goes on with the first answer that arrives.
 */
export const killSwitch = (
  cluster: ClusterClient,
  operatorNamespace: string,
  clock: Clock,
  changed: (to: KillSwitchChange) => void = () => undefined,
): KillSwitch => {
  const ref: ObjectRef = { kind: CONFIG_MAPS, namespace: operatorNamespace, name: KILL_SWITCH_NAME };
  let known: { readonly engaged: boolean; readonly atMs: number } | undefined;
  let reading: Promise<boolean> | undefined;

  const read = async (): Promise<boolean> => {
    try {
      const found = await cluster.get<ConfigMap>(ref);
      const engaged = isOn(found);
      if (engaged !== (known?.engaged ?? false)) changed({ engaged, ...traceOf(found) });
      known = { engaged, atMs: clock.monotonicMs() };
      return engaged;
    } catch (thrown) {
      if (known !== undefined && (known.engaged || clock.monotonicMs() - known.atMs < TRUSTED_MS)) return known.engaged;
      throw unreadable(toOperatorError(thrown));
    } finally {
      reading = undefined;
    }
  };

  return {
    engaged() {
      if (known !== undefined && clock.monotonicMs() - known.atMs < REREAD_MS) return Promise.resolve(known.engaged);
      reading ??= read();
      return reading;
    },
  };
};

type Managed = { readonly managedFields?: readonly { readonly manager?: string; readonly time?: string }[] };

const traceOf = (found: ConfigMap | undefined): Omit<KillSwitchChange, "engaged"> => {
  if (found === undefined) return {};
  const { resourceVersion, managedFields = [] } = found.metadata as typeof found.metadata & Managed;
  const [newest] = [...managedFields].sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1));
  return { resourceVersion, ...(newest?.manager === undefined ? {} : { manager: newest.manager }) };
};

const isOn = (found: ConfigMap | undefined): boolean =>
  !OFF.includes((found?.data?.["engaged"] ?? "").trim().toLowerCase());

const unreadable = (error: OperatorError): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `Nobody can tell whether the kill switch (ConfigMap ${KILL_SWITCH_NAME}) is on (${error.code}); nothing is issued until it can be read.`,
    retryAfterMs: error.retryAfterMs,
  });
