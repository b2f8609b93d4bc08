import type { VaultConfig } from "../config.ts";
import type { TokenCalls } from "./token-calls.ts";

/** A path of docs/how-to/vault-policy.md, and what of it Vault is asked about: a path that ends in `*` covers any below it. */
interface Right {
  readonly path: string;
  readonly asked: string;
  readonly capabilities: readonly string[];
}

const right = (path: string, ...capabilities: readonly string[]): Right => ({
  path,
  asked: path.replace(/\*$/, "keyturn"),
  capabilities,
});

/** The part of the policy for identities that a leaver's tokens and others' policies need, and without which all else goes on. */
const rightsOf = ({ appRoleMount, jwtMount }: VaultConfig["identities"]): readonly Right[] => [
  right("auth/token/accessors", "list", "sudo"),
  right("auth/token/lookup-accessor", "update"),
  right("auth/token/revoke-accessor", "update"),
  right(`sys/mounts/auth/${appRoleMount}/tune`, "read"),
  right(`sys/mounts/auth/${jwtMount}/tune`, "read"),
  right("sys/policies/acl/*", "read"),
];

/**
 * `auth/token/accessors (list, sudo)`: paths and capabilities that this login lacks, as Vault itself says (sys/capabilities-self). Empty also
 * where it does not say. Changes nothing.
 */
export const missingVaultRights = async (
  tokens: Pick<TokenCalls, "capabilities">,
  identities: VaultConfig["identities"],
  signal: AbortSignal,
): Promise<readonly string[]> => {
  const rights = rightsOf(identities);
  const has = await tokens.capabilities(
    rights.map(({ asked }) => asked),
    signal,
  );
  return rights.flatMap(({ path, asked, capabilities }) => {
    const held = has?.[asked];
    if (held === undefined || held.includes("root")) return [];
    const lacking = capabilities.filter((capability) => !held.includes(capability));
    return lacking.length === 0 ? [] : [`${path} (${lacking.join(", ")})`];
  });
};
