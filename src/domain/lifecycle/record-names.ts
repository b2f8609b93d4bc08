import type { LifecycleStatus } from "./record.ts";
import type { LifecycleSettings } from "./settings.ts";

/** A ServiceAccount is cut by taking its bindings away. */
export const isServiceAccount = (target: string): boolean => target.startsWith("kubernetes-service-account/");

/** Names of accounts that are declared and of which nothing is on record. */
export const unrecordedAccounts = (
  { accounts }: LifecycleStatus,
  settings: Pick<LifecycleSettings, "accounts">,
): readonly string[] =>
  settings.accounts.map(({ name }) => name).filter((name) => !(accounts ?? []).some((record) => record.name === name));
