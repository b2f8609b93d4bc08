import type { SourceKind } from "../domain/rotation/source.ts";
import { AWS_CAPABILITIES } from "./aws/source.ts";
import type { ProviderCapabilities } from "./contract.ts";
import { HOOK_CAPABILITIES } from "./hook/source.ts";
import { TOKEN_CAPABILITIES } from "./kubernetes/token/source.ts";
import { APPROLE_CAPABILITIES } from "./vault/approle/source.ts";
import { DATABASE_CAPABILITIES } from "./vault/database/source.ts";
import { PKI_CAPABILITIES } from "./vault/pki/source.ts";

/** What each kind of source can do, before any is opened. */
export const CAPABILITIES: Readonly<Record<SourceKind, ProviderCapabilities>> = {
  awsAccessKey: AWS_CAPABILITIES,
  vaultPKI: PKI_CAPABILITIES,
  vaultAppRole: APPROLE_CAPABILITIES,
  vaultDatabase: DATABASE_CAPABILITIES,
  kubernetesToken: TOKEN_CAPABILITIES,
  generated: HOOK_CAPABILITIES,
  hook: HOOK_CAPABILITIES,
};
