import type { ServiceAccountLifecycle } from "./generated/service-account-lifecycle.ts";
import { GROUP, VERSION } from "./meta.ts";

export type { ServiceAccountLifecycle };
export type ServiceAccountLifecycleSpec = ServiceAccountLifecycle["spec"];
export type ServiceAccountLifecycleStatus = NonNullable<ServiceAccountLifecycle["status"]>;
export type Account = ServiceAccountLifecycleSpec["accounts"][number];
export type KubernetesAccount = NonNullable<Account["kubernetes"]>;
export type AwsAccount = NonNullable<Account["aws"]>;
export type AwsUser = NonNullable<AwsAccount["user"]>;
export type AwsRole = NonNullable<AwsAccount["role"]>;
export type VaultAccount = NonNullable<Account["vault"]>;

/** Where the API server serves ServiceAccountLifecycles. */
export const SERVICE_ACCOUNT_LIFECYCLE = {
  group: GROUP,
  version: VERSION,
  plural: "serviceaccountlifecycles",
  kind: "ServiceAccountLifecycle",
  namespaced: true,
} as const;
