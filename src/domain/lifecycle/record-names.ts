import type { LifecycleStatus } from "./record.ts";
import type { LifecycleSettings, WantedState } from "./settings.ts";

/** A ServiceAccount is cut by taking its bindings away. */
export const isServiceAccount = (target: string): boolean => target.startsWith("kubernetes-service-account/");

/**
 * Names of accounts that are declared and of which nothing is on record. Where the identity has ended, those of the last known good
 * spec were on record and have been deleted since.
 */
export const unrecordedAccounts = (
  status: LifecycleStatus,
  settings: Pick<LifecycleSettings, "accounts">,
  wanted: WantedState,
): readonly string[] => {
  const deleted = wanted === "Decommissioned" ? goodAccounts(status) : [];
  const known = [...(status.accounts ?? []).map(({ name }) => name), ...deleted];
  return settings.accounts.map(({ name }) => name).filter((name) => !known.includes(name));
};

/** Names of the accounts that the last known good spec declares. */
export const goodAccounts = ({ lastKnownGood }: LifecycleStatus): readonly string[] => {
  if (lastKnownGood === undefined) return [];
  const { accounts } = JSON.parse(lastKnownGood.spec) as { readonly accounts: readonly { readonly name: string }[] };
  return accounts.map(({ name }) => name);
};
