import { systemClock } from "../../src/kernel/clock.ts";
import { vaultConnections, type VaultConnection } from "../../src/providers/vault/connection.ts";
import type { Stack } from "./stack.ts";

/** The operator's own way into the stack's Vault, with this policy and no more. */
export interface VaultLogin {
  connection(): VaultConnection;
  close(): Promise<void>;
}

export async function loginWith(stack: Stack, policy: string): Promise<VaultLogin> {
  const kube = stack.kubernetes.client;
  await kube.create("/api/v1/namespaces", { metadata: { name: "ops" } });
  await kube.create("/api/v1/namespaces/ops/serviceaccounts", { metadata: { name: "keyturn" } });
  await stack.vault.client.putRole({ name: "team", policy, serviceAccount: { namespace: "ops", name: "keyturn" } });
  const connections = vaultConnections({
    clock: systemClock,
    requestToken: ({ audiences, expirationSeconds }) =>
      kube.serviceAccountToken("ops", "keyturn", audiences[0], expirationSeconds),
  });
  const spec = { address: stack.vault.url, caBundle: stack.ca.pem, login: { jwt: { role: "team" } } };
  return {
    connection: () => connections.connection({ name: "vault", uid: "1", generation: 1, spec }),
    close: () => connections.close(),
  };
}
