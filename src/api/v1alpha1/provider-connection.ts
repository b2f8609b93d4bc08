import type { ProviderConnection } from "./generated/provider-connection.ts";
import { GROUP, VERSION } from "./meta.ts";

export type { ProviderConnection };
export type ProviderConnectionSpec = ProviderConnection["spec"];
export type ProviderConnectionStatus = NonNullable<ProviderConnection["status"]>;
export type AllowedNamespaces = ProviderConnectionSpec["allowedNamespaces"];
export type AwsConnection = NonNullable<ProviderConnectionSpec["aws"]>;
export type VaultConnection = NonNullable<ProviderConnectionSpec["vault"]>;

/** Where the API server serves ProviderConnections. */
export const PROVIDER_CONNECTION = {
  group: GROUP,
  version: VERSION,
  plural: "providerconnections",
  kind: "ProviderConnection",
  namespaced: false,
} as const;
