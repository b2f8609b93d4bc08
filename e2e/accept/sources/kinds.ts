import { X509Certificate, createPrivateKey } from "node:crypto";
import { connectionSpecs } from "../../lane/ground.ts";
import type { Lane } from "../../lane/lane.ts";
import { applyTokenIssuer } from "../../lane/rbac.ts";
import { startFaultProxy } from "../../stack/fault-proxy.ts";
import { ensureRotator } from "../../stack/rotator.ts";
import { kubeClient } from "../../stack/kube.ts";
import { ensurePostgres, putStaticRoles } from "../../stack/postgres.ts";
import type { Stack } from "../../stack/stack.ts";
import { databasePolicy, identityPolicy, mountPki, pkiPolicy, putPkiRole, VaultError } from "../../stack/vault.ts";

/** What a consumer finds in the Secret. */
export type Values = Readonly<Record<string, string>>;

/** One kind of source as a campaign needs it: what a platform prepares, what a team writes, and what the real server says. */
export interface SourceKind {
  readonly name: string;
  /** Of the operator's token, in HCL. */
  policy(ground: string): string;
  /** Platform's part, once for each ground. */
  prepare(stack: Stack, ground: string, operatorNamespace: string): Promise<void>;
  /** The provider's member of the ProviderConnection. */
  connection(lane: Lane, ground: string): object | Promise<object>;
  source(connection: string, ground: string): object;
  /** One more delivery than the Secret. */
  alsoDeliver?(connection: string): object;
  /** Members of the spec beside source, deliver and dependents. */
  readonly more: object;
  /** A login with what was delivered, on the real server. */
  logIn(stack: Stack, ground: string, values: Values): Promise<boolean>;
  /** Id of the credential that the values are. */
  idOf(stack: Stack, ground: string, values: Values): Promise<string | undefined>;
  /** Ids that can be used now, by the server's word. */
  alive(stack: Stack, ground: string, target?: string): Promise<readonly string[]>;
  /** The value that must stand in no output. */
  secretOf(values: Values): string | undefined;
  /** A credential whose answer was lost, and which nobody can use, may stay. */
  readonly strayIsHarmless: boolean;
  /** Principals that the server has locked out. */
  lockouts(stack: Stack): Promise<number>;
}

const viaVault: SourceKind["connection"] = (lane, ground) => ({ vault: connectionSpecs(lane, ground).vault });

const noLockouts = (): Promise<number> => Promise.resolve(0);

const hostOf = (ground: string): string => `${ground}.web.example`;

const vaultPKI: SourceKind = {
  name: "vaultPKI",
  policy: () => pkiPolicy(),
  async prepare({ vault }, ground) {
    await mountPki(vault.client).catch(alreadyThere);
    await putPkiRole(vault.client, {
      name: `keyturn.${ground}.web`,
      domain: hostOf(ground),
      more: { require_cn: false },
    });
  },
  connection: viaVault,
  source: (connection, ground) => ({
    vaultPKI: { connectionRef: { name: connection }, role: "web", dnsNames: [hostOf(ground)], ttl: "24h" },
  }),
  more: { retire: { overlap: "1s" } },
  async logIn({ vault }, ground, values) {
    const leaf = new X509Certificate(values["tls.crt"] ?? "");
    const authority = new X509Certificate(values["ca.crt"] ?? "");
    const now = Date.now();
    const fits =
      leaf.checkPrivateKey(createPrivateKey(values["tls.key"] ?? "")) &&
      leaf.verify(authority.publicKey) &&
      leaf.checkHost(hostOf(ground)) !== undefined &&
      leaf.validFromDate.getTime() <= now &&
      leaf.validToDate.getTime() > now;
    return fits && !(await isRevoked(vault.client, serialOf(leaf)));
  },
  idOf: (_stack, _ground, values) => Promise.resolve(serialOf(new X509Certificate(values["tls.crt"] ?? ""))),
  async alive({ vault }, ground) {
    const answer = await vault.client.call("LIST", "pki/certs");
    const serials = (answer?.["data"] as { keys?: string[] } | undefined)?.keys ?? [];
    const alive: string[] = [];
    for (const serial of serials) {
      const found = await vault.client.call("GET", `pki/cert/${serial}`);
      const { certificate = "", revocation_time: revoked = 0 } = (found?.["data"] ?? {}) as {
        certificate?: string;
        revocation_time?: number;
      };
      const ours = certificate !== "" && new X509Certificate(certificate).checkHost(hostOf(ground)) !== undefined;
      if (ours && revoked === 0) alive.push(serial);
    }
    return alive;
  },
  secretOf: (values) => values["tls.key"]?.split("\n")[1],
  strayIsHarmless: true,
  lockouts: noLockouts,
};

const isRevoked = async (vault: Stack["vault"]["client"], serial: string): Promise<boolean> => {
  const found = await vault.call("GET", `pki/cert/${serial}`);
  return ((found?.["data"] as { revocation_time?: number } | undefined)?.revocation_time ?? 0) > 0;
};

const serialOf = (leaf: X509Certificate): string => {
  const hex = leaf.serialNumber.toLowerCase();
  return (hex.length % 2 === 0 ? hex : `0${hex}`).replace(/(..)(?=.)/g, "$1:");
};

const roleOf = (ground: string): string => `auth/approle/role/keyturn.${ground}.ci`;

const vaultAppRole: SourceKind = {
  name: "vaultAppRole",
  policy: () => identityPolicy(),
  async prepare({ vault }, ground) {
    const methods = await vault.client.call("GET", "sys/auth");
    if (methods?.["approle/"] === undefined)
      await vault.client.call("POST", "sys/auth/approle", { type: "approle" }).catch(alreadyThere);
    await vault.client.call("POST", roleOf(ground), { token_ttl: "1m" });
  },
  connection: viaVault,
  source: (connection) => ({ vaultAppRole: { connectionRef: { name: connection }, role: "ci" } }),
  more: { verify: { successes: 2, soak: "1s" }, retire: { overlap: "1s" }, progressDeadline: "5s" },
  async logIn({ vault }, _ground, { roleId, secretId }) {
    const login = vault.client.call("POST", "auth/approle/login", { role_id: roleId, secret_id: secretId });
    return login.then(
      () => true,
      (error: unknown) => {
        if (error instanceof VaultError && error.status < 500) return false;
        throw error;
      },
    );
  },
  async idOf({ vault }, ground, { secretId }) {
    const found = await vault.client
      .call("POST", `${roleOf(ground)}/secret-id/lookup`, { secret_id: secretId })
      .catch(() => undefined);
    return (found?.["data"] as { secret_id_accessor?: string } | undefined)?.secret_id_accessor;
  },
  async alive({ vault }, ground) {
    const answer = await vault.client.call("LIST", `${roleOf(ground)}/secret-id`);
    return (answer?.["data"] as { keys?: string[] } | undefined)?.keys ?? [];
  },
  secretOf: ({ secretId }) => secretId,
  strayIsHarmless: false,
  async lockouts({ vault }) {
    const answer = await vault.client.call("GET", "sys/locked-users");
    return (answer?.["data"] as { total?: number } | undefined)?.total ?? 0;
  },
};

const seatsOf = (ground: string): readonly { readonly name: string; readonly username: string }[] =>
  ["a", "b"].map((seat) => ({ name: `keyturn.${ground}.web.${seat}`, username: `${ground}-web-${seat}` }));

const vaultDatabase: SourceKind = {
  name: "vaultDatabase",
  policy: () => databasePolicy(),
  async prepare(stack, ground) {
    await putStaticRoles(stack, await ensurePostgres(stack), seatsOf(ground));
  },
  async connection(lane, ground) {
    const { host, port, database, vaultName: name } = await ensurePostgres(lane.world.stack);
    const caBundle = lane.world.stack.ca.pem;
    const databases = { servers: [{ name, host, port, database, caBundle }] };
    return { vault: { ...connectionSpecs(lane, ground).vault, databases } };
  },
  source: (connection) => ({ vaultDatabase: { connectionRef: { name: connection }, role: "web" } }),
  more: { verify: { successes: 2, soak: "1s" }, retire: { overlap: "1s" }, progressDeadline: "5s" },
  async logIn(stack, _ground, { username: user = "", password = "" }) {
    const postgres = await ensurePostgres(stack);
    try {
      await (await postgres.connect({ user, password })).end();
      return true;
    } catch (error) {
      if ((error as { readonly code?: string }).code === "28P01") return false;
      throw error;
    }
  },
  async idOf({ vault }, ground, { username }) {
    const seat = seatsOf(ground).find((one) => one.username === username);
    return seat === undefined ? undefined : passwordId(vault.client, seat.name);
  },
  alive: ({ vault }, ground) => Promise.all(seatsOf(ground).map(({ name }) => passwordId(vault.client, name))),
  secretOf: ({ password }) => password,
  // The user that rests has a password that nobody has.
  strayIsHarmless: true,
  lockouts: noLockouts,
};

const passwordId = async (vault: Stack["vault"]["client"], role: string): Promise<string> => {
  const found = (await vault.call("GET", `database/static-roles/${role}`))?.["data"] as { last_vault_rotation: string };
  return `${role.split(".").slice(2).join(".")}@${new Date(found.last_vault_rotation).toISOString()}`;
};

const TOKEN_USER = "ci";
const anchorsOf = (ground: string): string =>
  `/api/v1/namespaces/${ground}/secrets?labelSelector=${encodeURIComponent("keyturn.dev/token-anchor=true")}`;

const kubernetesToken: SourceKind = {
  name: "kubernetesToken",
  policy: () => identityPolicy(),
  async prepare({ kubernetes: { client } }, ground, operatorNamespace) {
    await applyTokenIssuer(client, operatorNamespace, ground);
    await client.create(`/api/v1/namespaces/${ground}/serviceaccounts`, {
      metadata: { name: TOKEN_USER, annotations: { "keyturn.dev/token-for": "app" } },
    });
  },
  connection: () => ({ kubernetes: {} }),
  source: (connection) => ({
    kubernetesToken: { connectionRef: { name: connection }, serviceAccountName: TOKEN_USER, ttl: "1h" },
  }),
  more: { verify: { successes: 2, soak: "1s" }, retire: { overlap: "1s" }, progressDeadline: "5s" },
  /** A question that whoever is logged in may ask. */
  async logIn({ kubernetes, ca }, _ground, { token = "" }) {
    const user = kubeClient({ url: kubernetes.url, ca: ca.pem, token });
    try {
      const answer = await user.raw("GET", "/api");
      if (answer.status >= 500) throw new Error(`kube-apiserver answered ${answer.status}`);
      return answer.status === 200;
    } finally {
      user.close();
    }
  },
  idOf: (_stack, _ground, { token = "" }) => {
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as {
      readonly "kubernetes.io"?: { readonly secret?: { readonly name?: string } };
    };
    return Promise.resolve(claims["kubernetes.io"]?.secret?.name);
  },
  async alive({ kubernetes: { client } }, ground) {
    return (await client.list(anchorsOf(ground))).items.map(({ metadata }) => metadata.name);
  },
  secretOf: ({ token }) => token?.split(".")[2],
  strayIsHarmless: false,
  lockouts: noLockouts,
};

/** The proxy of a lane before the stack's rotator, as the other servers have one. */
const rotatorOf = async (lane: Lane) => {
  const { stack } = lane.world;
  const rotator = await ensureRotator(stack);
  const upstream = { url: rotator.url, ca: stack.ca.pem };
  const proxy = await startFaultProxy({ server: "hook", upstream, authority: stack.ca.authority });
  lane.proxies.hook ??= proxy;
  if (lane.proxies.hook !== proxy) await proxy.stop();
  return { rotator, proxy: lane.proxies.hook };
};

/** What both kinds of source by hook have in common: the target `crm` of the example rotator, which also keeps a place. */
export const byHook: Omit<SourceKind, "name" | "source" | "secretOf"> = {
  policy: () => identityPolicy(),
  async prepare(stack, _ground, operatorNamespace) {
    const { signingKey } = await ensureRotator(stack);
    await stack.kubernetes.client.create(`/api/v1/namespaces/${operatorNamespace}/secrets`, {
      metadata: { name: "rotator" },
      stringData: { signingKey },
    });
  },
  async connection(lane) {
    const { proxy } = await rotatorOf(lane);
    const caBundle = lane.world.stack.ca.pem;
    const signingSecretRef = { name: "rotator" };
    return { hook: { url: proxy.url, caBundle, signingSecretRef, allowPrivateAddresses: true } };
  },
  more: { verify: { successes: 2, soak: "1s" }, retire: { overlap: "1s" }, progressDeadline: "5s" },
  alsoDeliver: (connection) => ({ name: "saas", hook: { connectionRef: { name: connection }, place: "deploy/crm" } }),
  async logIn(stack, _ground, { apiKey, token }) {
    return (await ensureRotator(stack)).letsIn(apiKey ?? token ?? "");
  },
  async idOf(stack, ground, { apiKey, token }) {
    return (await ensureRotator(stack)).idOf(`${ground}/crm`, apiKey ?? token ?? "");
  },
  async alive(stack, ground, target = "crm") {
    return (await ensureRotator(stack)).idsOf(`${ground}/${target}`);
  },
  strayIsHarmless: false,
  lockouts: noLockouts,
};

const hook: SourceKind = {
  ...byHook,
  name: "hook",
  source: (connection) => ({
    hook: { connectionRef: { name: connection }, target: "crm", fields: ["apiKey"], refusals: "Free" },
  }),
  secretOf: ({ apiKey }) => apiKey,
};

const generated: SourceKind = {
  ...byHook,
  name: "generated",
  source: (connection) => ({
    generated: { connectionRef: { name: connection }, target: "crm", token: { prefix: "kt_" }, refusals: "Free" },
  }),
  secretOf: ({ token }) => token,
};

const alreadyThere = (error: unknown): undefined => {
  if (error instanceof VaultError && error.status === 400) return undefined;
  throw error;
};

export const sourceKinds: readonly SourceKind[] = [
  vaultPKI,
  vaultAppRole,
  vaultDatabase,
  kubernetesToken,
  generated,
  hook,
];
