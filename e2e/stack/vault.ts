import { httpClient } from "./http.ts";

/** An answer of Vault that is not 2xx. */
export class VaultError extends Error {
  readonly status: number;

  constructor(what: string, status: number, errors: string) {
    super(`${what}: ${status}: ${errors}`);
    this.name = "VaultError";
    this.status = status;
  }
}

/** What `auth/jwt/login` gives a ServiceAccount: a role of the same name, bound to its subject, with these policies. */
export interface VaultRole {
  /** Name of the policy and of the role. */
  readonly name: string;
  /** The policy, in HCL. */
  readonly policy: string;
  readonly serviceAccount: { readonly namespace: string; readonly name: string };
  /** Life of the token that a login gives; default 20 minutes. */
  readonly tokenTtl?: string;
}

/** A secret of a KV v2 mount: `data` is null for a deleted version. */
export interface KvSecret {
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly metadata: { readonly version: number; readonly custom_metadata: Readonly<Record<string, string>> | null };
}

/** A client of Vault that speaks paths without /v1: "kv/data/team/app". It caches and retries nothing. */
export interface VaultClient {
  readonly url: string;
  /** The JSON of the answer ({} for none); undefined for 404. Throws VaultError for any other status outside 2xx. */
  call(method: string, path: string, body?: object): Promise<Record<string, unknown> | undefined>;
  /** The current version of a KV v2 secret under `kv/`; undefined where there is none or it is deleted. */
  readSecret(path: string): Promise<KvSecret | undefined>;
  /** All secrets of KV v2 below a folder of `kv/`, with their full paths. */
  listSecrets(folder: string): Promise<string[]>;
  /** Writes the policy and the role of one operator. */
  putRole(role: VaultRole): Promise<void>;
  close(): void;
}

/** `token` is read anew for each call, so that it may change. */
export function vaultClient(options: { url: string; ca: string; token: () => string }): VaultClient {
  const http = httpClient(options.url, options.ca);
  const call: VaultClient["call"] = async (method, path, body) => {
    const token = options.token();
    const answer = await http.call({
      method,
      path: `/v1/${path}`,
      headers: {
        ...(token === "" ? {} : { "x-vault-token": token }),
        ...(method === "PATCH" ? { "content-type": "application/merge-patch+json" } : {}),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (answer.status === 404) return undefined;
    if (answer.status < 200 || answer.status > 299)
      throw new VaultError(`${method} ${path}`, answer.status, answer.body.slice(0, 500));
    return answer.body === "" ? {} : (JSON.parse(answer.body) as Record<string, unknown>);
  };
  const listSecrets = async (folder: string): Promise<string[]> => {
    const answer = await call("LIST", `kv/metadata/${folder}`);
    const keys = (answer?.["data"] as { keys?: string[] } | undefined)?.keys ?? [];
    const below = await Promise.all(
      keys.map((key) => (key.endsWith("/") ? listSecrets(folder + key) : Promise.resolve([folder + key]))),
    );
    return below.flat();
  };
  return {
    url: options.url,
    call,
    async readSecret(path) {
      const answer = await call("GET", `kv/data/${path}`);
      return answer?.["data"] as KvSecret | undefined;
    },
    listSecrets: (folder) => listSecrets(folder === "" || folder.endsWith("/") ? folder : `${folder}/`),
    async putRole({ name, policy, serviceAccount, tokenTtl = "20m" }) {
      await call("PUT", `sys/policies/acl/${name}`, { policy });
      await call("POST", `auth/jwt/role/${name}`, {
        role_type: "jwt",
        user_claim: "sub",
        bound_audiences: ["vault"],
        bound_subject: `system:serviceaccount:${serviceAccount.namespace}:${serviceAccount.name}`,
        token_policies: [name],
        token_ttl: tokenTtl,
      });
    },
    close: () => {
      http.close();
    },
  };
}

/**
 * What the operator needs of Vault to make accounts, as docs/how-to/vault-policy.md has it: names below the prefix, and what Vault
 * has no names for.
 */
export function identityPolicy(options: { prefix?: string; appRoleMount?: string; jwtMount?: string } = {}): string {
  const { prefix = "keyturn.", appRoleMount = "approle", jwtMount = "jwt" } = options;
  const all = ["create", "read", "update", "delete"];
  const rules: readonly (readonly [string, readonly string[]])[] = [
    [`identity/entity/name/${prefix}*`, all],
    ["identity/entity/name", ["list"]],
    ["identity/lookup/entity", ["update"]],
    ["identity/entity-alias", ["create", "update"]],
    ["identity/entity-alias/id/*", ["update", "delete"]],
    [`auth/${appRoleMount}/role/${prefix}*`, [...all, "list"]],
    [`auth/${jwtMount}/role/${prefix}*`, all],
    ["sys/auth", ["read"]],
  ];
  return policyText(rules);
}

/** What the operator may be given besides, as docs/how-to/vault-policy.md has it: without it an account ends all the same, and says what was not seen. */
export function leavingPolicy(options: { appRoleMount?: string; jwtMount?: string } = {}): string {
  const { appRoleMount = "approle", jwtMount = "jwt" } = options;
  const rules: readonly (readonly [string, readonly string[]])[] = [
    ["auth/token/accessors", ["list", "sudo"]],
    ["auth/token/lookup-accessor", ["update"]],
    ["auth/token/revoke-accessor", ["update"]],
    [`sys/mounts/auth/${appRoleMount}/tune`, ["read"]],
    [`sys/mounts/auth/${jwtMount}/tune`, ["read"]],
    ["sys/policies/acl/*", ["read"]],
  ];
  return policyText(rules);
}

const policyText = (rules: readonly (readonly [string, readonly string[]])[]): string =>
  rules
    .map(([path, verbs]) => `path "${path}" {\n  capabilities = [${verbs.map((verb) => `"${verb}"`).join(", ")}]\n}\n`)
    .join("");

/** What certificates need, as docs/how-to/vault-policy.md has it. */
export function pkiPolicy(options: { prefix?: string; mount?: string } = {}): string {
  const { prefix = "keyturn.", mount = "pki" } = options;
  return [
    `path "${mount}/sign/${prefix}*" {\n  capabilities = ["create", "update"]\n}\n`,
    `path "${mount}/cert/*" {\n  capabilities = ["read"]\n}\n`,
    `path "${mount}/roles/${prefix}*" {\n  capabilities = ["read"]\n}\n`,
    `path "${mount}/revoke" {\n  capabilities = ["create", "update"]\n}\n`,
  ].join("");
}

/** What passwords of database users need, as docs/how-to/vault-policy.md has it. */
export function databasePolicy(options: { prefix?: string; mount?: string } = {}): string {
  const { prefix = "keyturn.", mount = "database" } = options;
  return [
    `path "${mount}/static-roles/${prefix}*" {\n  capabilities = ["read"]\n}\n`,
    `path "${mount}/static-creds/${prefix}*" {\n  capabilities = ["read"]\n}\n`,
    `path "${mount}/rotate-role/${prefix}*" {\n  capabilities = ["create", "update"]\n}\n`,
  ].join("");
}

/** Mounts a PKI engine with a root of its own; harmless when it is there. */
export async function mountPki(vault: VaultClient, mount = "pki"): Promise<void> {
  const mounts = await vault.call("GET", "sys/mounts");
  if (mounts?.[`${mount}/`] !== undefined) return;
  await vault.call("POST", `sys/mounts/${mount}`, { type: "pki", config: { max_lease_ttl: "87600h" } });
  await vault.call("POST", `${mount}/root/generate/internal`, {
    common_name: "keyturn test root",
    ttl: "87600h",
    key_type: "ec",
    key_bits: 256,
  });
}

/** A role that signs any name below a domain, for keys of every kind. */
export async function putPkiRole(
  vault: VaultClient,
  role: { readonly name: string; readonly domain: string; readonly mount?: string; readonly more?: object },
): Promise<void> {
  await vault.call("POST", `${role.mount ?? "pki"}/roles/${role.name}`, {
    allowed_domains: role.domain,
    allow_subdomains: true,
    allow_bare_domains: true,
    allow_wildcard_certificates: true,
    allowed_uri_sans: "spiffe://*",
    key_type: "any",
    max_ttl: "2160h",
    ...role.more,
  });
}
