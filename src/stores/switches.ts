import type { ClusterClient, ObjectRef } from "../cluster/contract.ts";
import type { Clock } from "../kernel/clock.ts";
import { toOperatorError, type OperatorError } from "../kernel/errors.ts";
import { CONFIG_MAPS, type ConfigMap } from "./kinds.ts";

/** The last answer about a switch, and when it was given (monotonic). */
export interface SwitchAnswer {
  readonly engaged: boolean;
  readonly atMs: number;
}

/** What is known of a switch: its last answer, and why it could not be read now. */
export interface SwitchLook {
  readonly known: SwitchAnswer | undefined;
  readonly error?: OperatorError;
}

/** A change that this process has seen; at its start it takes every switch for off. */
export interface SwitchChange {
  readonly engaged: boolean;
  /** Of the ConfigMap; absent when it is gone. */
  readonly resourceVersion?: string;
  /** The program that wrote it last, as the API server noted it (metadata.managedFields). */
  readonly manager?: string;
}

/** Looks at one switch: a ConfigMap of the operator's namespace with `data.engaged`; absent is off. Never throws. */
export type SwitchReader = () => Promise<SwitchLook>;

const REREAD_MS = 1000;

/** Counts as off; anything else that somebody wrote in a hurry is on. */
const OFF: readonly string[] = ["", "false", "no", "off", "0"];

/** Reads the switch at most once a second; callers at the same time share one read. */
export const switchReader = (
  cluster: ClusterClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  clock: Clock,
  changed: (to: SwitchChange) => void = () => undefined,
): SwitchReader => {
  const ref: ObjectRef = { kind: CONFIG_MAPS, namespace, name };
  let known: SwitchAnswer | undefined;
  let reading: Promise<SwitchLook> | undefined;

  const read = async (): Promise<SwitchLook> => {
    try {
      const found = await cluster.get<ConfigMap>(ref);
      const engaged = isOn(found);
      if (engaged !== (known?.engaged ?? false)) changed({ engaged, ...traceOf(found) });
      known = { engaged, atMs: clock.monotonicMs() };
      return { known };
    } catch (thrown) {
      return { known, error: toOperatorError(thrown) };
    } finally {
      reading = undefined;
    }
  };

  return () => {
    if (known !== undefined && clock.monotonicMs() - known.atMs < REREAD_MS) return Promise.resolve({ known });
    reading ??= read();
    return reading;
  };
};

type Managed = { readonly managedFields?: readonly { readonly manager?: string; readonly time?: string }[] };

const traceOf = (found: ConfigMap | undefined): Omit<SwitchChange, "engaged"> => {
  if (found === undefined) return {};
  const { resourceVersion, managedFields = [] } = found.metadata as typeof found.metadata & Managed;
  const [newest] = [...managedFields].sort((a, b) => ((a.time ?? "") < (b.time ?? "") ? 1 : -1));
  return { resourceVersion, ...(newest?.manager === undefined ? {} : { manager: newest.manager }) };
};

const isOn = (found: ConfigMap | undefined): boolean =>
  !OFF.includes((found?.data?.["engaged"] ?? "").trim().toLowerCase());
