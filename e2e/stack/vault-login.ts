import { systemClock } from "../../src/kernel/clock.ts";
import { vaultConnections, type VaultConnection } from "../../src/providers/vault/connection.ts";
import type { Stack } from "./stack.ts";

/** The operator's own way into the stack's Vault, with this policy and no more. */
export interface VaultLogin {
  /** `more`: members of spec.vault beside the address and the login. */
  connection(more?: object): VaultConnection;
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
    connection: (more = {}) =>
      connections.connection({ name: "vault", uid: JSON.stringify(more), generation: 1, spec: { ...spec, ...more } }),
    close: () => connections.close(),
  };
}
