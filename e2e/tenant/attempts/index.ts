import type { TenantAttempt } from "../attempt.ts";
import { awsAttempts } from "./aws.ts";
import { clusterAdminAttempts } from "./cluster-admin.ts";
import { prolongAttempts } from "./prolongs.ts";
import { secretAttempts } from "./secrets.ts";
import { vaultAttempts } from "./vault.ts";

/** Every attempt; each makes objects of its own, so that all can be tried in one world, one after the other. */
export const tenantAttempts: readonly TenantAttempt[] = [
  // First: what ends must have ended by the time that it is judged.
  ...prolongAttempts,
  ...clusterAdminAttempts,
  ...secretAttempts,
  ...vaultAttempts,
  ...awsAttempts,
];
