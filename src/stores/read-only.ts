import type { ClusterClient } from "../cluster/contract.ts";
import type { Clock } from "../kernel/clock.ts";
import { switchReader } from "./switches.ts";

/** `unknown`: since its start this process has not been able to read the switch. */
export type ReadOnlyState = "on" | "off" | "unknown";

/** The switch that stops every change outside of status. */
export interface ReadOnly {
  /** Asks the switch, at most once a second. The last answer holds while it cannot be read. */
  state(): Promise<ReadOnlyState>;
  /** The last answer, without a call. */
  last(): ReadOnlyState;
}

export const READ_ONLY_NAME = "keyturn-read-only";

/**
 * ConfigMap `keyturn-read-only` in the operator's namespace, `data.engaged: "true"`; absent is off. Flag `--read-only` keeps it on
 * without the ConfigMap.
 */
export const readOnlySwitch = (
  cluster: ClusterClient,
  options: { readonly operatorNamespace: string; readonly clock: Clock; readonly always: boolean },
): ReadOnly => {
  if (options.always) return { state: () => Promise.resolve("on"), last: () => "on" };
  const look = switchReader(cluster, { namespace: options.operatorNamespace, name: READ_ONLY_NAME }, options.clock);
  let last: ReadOnlyState = "unknown";
  return {
    last: () => last,
    async state() {
      const { known } = await look();
      if (known !== undefined) last = known.engaged ? "on" : "off";
      return last;
    },
  };
};

const FOLLOW_MS = 5000;

/** Looks at the switch again and again and tells each change; the first answer is one. Returns at once. */
export const followReadOnly = (
  readOnly: ReadOnly,
  { clock, signal, changed }: { readonly clock: Clock; readonly signal: AbortSignal; readonly changed: () => void },
): void => {
  const round = async (): Promise<void> => {
    let before: ReadOnlyState = "unknown";
    while (!signal.aborted) {
      const now = await readOnly.state();
      if (now !== before) changed();
      before = now;
      await clock.sleep(FOLLOW_MS, signal).catch(() => undefined);
    }
  };
  void round();
};
