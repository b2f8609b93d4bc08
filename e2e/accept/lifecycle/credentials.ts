import type { AwsKey } from "../../stack/aws.ts";
import { AwsError } from "../../stack/aws.ts";
import { kubeClient } from "../../stack/kube.ts";
import { VaultError, vaultClient } from "../../stack/vault.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";

/** A credential, or a session that one has issued, and an action that it can do while the identity is active. */
export interface Credential {
  readonly what: string;
  /** Does the action; an error of the network or of a server that is away is thrown. */
  tryIt(): Promise<"accepted" | "refused">;
  close(): void;
}

const nothing = (): void => undefined;

/** An access key of the provider. */
export function accessKey(site: IdentitySite, key: AwsKey): Credential {
  const { aws } = site.lane.world.stack;
  return {
    what: `access key …${key.accessKeyId.slice(-4)}`,
    tryIt: () => judged(() => aws.client.getCallerIdentity(key)),
    close: nothing,
  };
}

/** A bound token of the ServiceAccount, and what a role lets it do. */
export async function serviceAccountToken(site: IdentitySite, name: string): Promise<Credential> {
  const { stack } = site.lane.world;
  const token = await stack.kubernetes.client.serviceAccountToken(site.namespace, name);
  site.values.add(token);
  const client = kubeClient({ url: stack.kubernetes.url, ca: stack.ca.pem, token });
  return {
    what: `token of ServiceAccount ${name}`,
    async tryIt() {
      const { status, body } = await client.raw("GET", `/api/v1/namespaces/${site.namespace}/configmaps/settings`);
      if (status === 200) return "accepted";
      if (status === 403 || status === 401) return "refused";
      throw new Error(`${status}: ${body.slice(0, 200)}`);
    },
    close: () => client.close(),
  };
}

/** A secret id, a token that it has issued, and a child of that token. */
export async function appRole(site: IdentitySite, roleName: string): Promise<Credential[]> {
  const { roleId, secretId } = await site.createSecretId(roleName);
  const body = { role_id: roleId, secret_id: secretId };
  const token = await login(site, "auth/approle/login", body);
  const parent = vaultAs(site, token);
  const child = ((await parent.call("POST", "auth/token/create", { ttl: "1h" }))?.["auth"] as { client_token: string })
    .client_token;
  parent.close();
  site.values.add(child);
  return [
    {
      what: `secret id of ${roleName}`,
      tryIt: () => judged(() => login(site, "auth/approle/login", body)),
      close: nothing,
    },
    vaultToken(site, `Vault token of ${roleName}`, token),
    vaultToken(site, `child token of ${roleName}`, child),
  ];
}

/** A login with a token of the ServiceAccount, and the token that it has issued. */
export async function jwtLogin(site: IdentitySite, roleName: string, serviceAccount: string): Promise<Credential[]> {
  const kube = site.lane.world.stack.kubernetes.client;
  const jwt = await kube.serviceAccountToken(site.namespace, serviceAccount, "vault");
  site.values.add(jwt);
  const token = await login(site, "auth/jwt/login", { role: roleName, jwt });
  return [
    {
      what: `JWT login of ${roleName}`,
      tryIt: () => judged(() => login(site, "auth/jwt/login", { role: roleName, jwt })),
      close: nothing,
    },
    vaultToken(site, `Vault token of ${roleName}`, token),
  ];
}

function vaultToken(site: IdentitySite, what: string, token: string): Credential {
  const client = vaultAs(site, token);
  return {
    what,
    tryIt: () => judged(() => client.call("GET", `kv/data/team/${site.namespace}/settings`)),
    close: () => client.close(),
  };
}

async function login(site: IdentitySite, path: string, body: object): Promise<string> {
  const client = vaultAs(site, "");
  try {
    const token = ((await client.call("POST", path, body))?.["auth"] as { client_token: string }).client_token;
    site.values.add(token);
    return token;
  } finally {
    client.close();
  }
}

function vaultAs(site: IdentitySite, token: string): ReturnType<typeof vaultClient> {
  const { stack } = site.lane.world;
  return vaultClient({ url: stack.vault.url, ca: stack.ca.pem, token: () => token });
}

/** A server's no is a refusal; everything else that is not a yes is thrown. */
async function judged(act: () => Promise<unknown>): Promise<"accepted" | "refused"> {
  try {
    await act();
    return "accepted";
  } catch (error) {
    if (error instanceof AwsError && error.status === 403) return "refused";
    if (error instanceof VaultError && (error.status === 403 || error.status === 400)) return "refused";
    throw error;
  }
}
