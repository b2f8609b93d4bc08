import type { OrphanedCredential } from "./generated/orphaned-credential.ts";
import { GROUP, VERSION } from "./meta.ts";

export type { OrphanedCredential };
export type OrphanedCredentialSpec = OrphanedCredential["spec"];
export type OrphanedCredentialStatus = NonNullable<OrphanedCredential["status"]>;

/** Where the API server serves OrphanedCredentials. */
export const ORPHANED_CREDENTIAL = {
  group: GROUP,
  version: VERSION,
  plural: "orphanedcredentials",
  kind: "OrphanedCredential",
  namespaced: false,
} as const;
