import { CONNECTION_DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import type { DatabaseServerConfig } from "../database/server.ts";
import { endpointOf, isForbiddenAddress } from "../endpoint.ts";
import { caBundleOf, invalidField, NAME_FORM, SpecNode } from "../spec.ts";

export interface VaultConfig {
  readonly address: URL;
  readonly caBundle: string | undefined;
  /** Vault Enterprise namespace, without slashes at its ends. */
  readonly namespace: string | undefined;
  /** No slashes at the ends of either; both of plain segments. */
  readonly kv: { readonly mount: string; readonly pathPrefix: string };
  readonly jwt: { readonly mount: string; readonly role: string; readonly audience: string };
  readonly pki: { readonly mount: string };
  /** The database engine, and the servers behind it by their names in Vault. */
  readonly databases: {
    readonly mount: string;
    readonly servers: readonly (DatabaseServerConfig & { readonly name: string })[];
  };
  /** Where accounts are made: what their names begin with, and the mounts of the auth methods that they log in by. */
  readonly identities: { readonly namePrefix: string; readonly appRoleMount: string; readonly jwtMount: string };
}

const SEGMENTS = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;

/** Mounts that are Vault's own: nothing of a tenant may be written there. */
const RESERVED_MOUNTS = new Set(["sys", "auth", "identity", "cubbyhole"]);

/** `spec.vault` of a ProviderConnection. Throws InvalidSpec that names the field. */
export const vaultConfig = (spec: unknown): VaultConfig => {
  const vault = new SpecNode(spec, "spec.vault");
  const kv = vault.nodeOrEmpty("kv");
  const jwt = vault.node("login").node("jwt");
  const identities = vault.nodeOrEmpty("identities");
  const mount = kv.text("mount", SEGMENTS, { fallback: "kv", longest: 128 });
  refuseReserved(kv, mount);
  const pki = vault.nodeOrEmpty("pki");
  const pkiMount = pki.text("mount", SEGMENTS, { fallback: CONNECTION_DEFAULTS.pkiMount, longest: 128 });
  refuseReserved(pki, pkiMount);
  const databases = vault.nodeOrEmpty("databases");
  const databaseMount = databases.text("mount", SEGMENTS, {
    fallback: CONNECTION_DEFAULTS.databaseMount,
    longest: 128,
  });
  refuseReserved(databases, databaseMount);
  return {
    address: endpointOf(vault, "address"),
    caBundle: caBundleOf(vault),
    namespace: vault.optionalText("namespace", /^[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/, 256),
    kv: { mount, pathPrefix: kv.text("pathPrefix", SEGMENTS, { fallback: "keyturn", longest: 128 }) },
    jwt: {
      mount: jwt.text("mount", SEGMENTS, { fallback: "jwt", longest: 128 }),
      role: jwt.text("role", /^[\w.-]+$/, { longest: 128 }),
      audience: jwt.text("audience", /^[\x21-\x7e]+$/, { fallback: "vault", longest: 256 }),
    },
    pki: { mount: pkiMount },
    databases: { mount: databaseMount, servers: databases.nodes("servers").map(databaseServerOf) },
    identities: {
      namePrefix: identities.text("namePrefix", /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/, {
        fallback: CONNECTION_DEFAULTS.vaultNamePrefix,
      }),
      appRoleMount: identities.text("appRoleMount", SEGMENTS, {
        fallback: CONNECTION_DEFAULTS.appRoleMount,
        longest: 128,
      }),
      jwtMount: identities.text("jwtMount", SEGMENTS, { fallback: CONNECTION_DEFAULTS.workloadJwtMount, longest: 128 }),
    },
  };
};

const HOST = /^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:]+\]?)$/;

const databaseServerOf = (server: SpecNode): DatabaseServerConfig & { readonly name: string } => {
  const host = server.text("host", HOST).replace(/^\[|\]$/g, "");
  if (isForbiddenAddress(host)) throw invalidField(server.at("host"), "must not be a link-local address");
  return {
    name: server.text("name", /^\w[\w.-]*$/, { longest: 128 }),
    host,
    port: server.port("port", CONNECTION_DEFAULTS.databasePort),
    database: server.text("database", /^[\x21-\x7e]+$/, { longest: 63 }),
    caBundle: caBundleOf(server),
  };
};

const refuseReserved = (node: SpecNode, mount: string): void => {
  if (RESERVED_MOUNTS.has(mount.split("/")[0] ?? ""))
    throw invalidField(node.at("mount"), "must not be one of Vault's own");
};

/** The path of one delivery, below the namespace's own place, without the mount. Throws InvalidSpec for anything that could leave it. */
export const kvPath = (config: Pick<VaultConfig, "kv">, namespace: string, path: string): string => {
  if (!NAME_FORM.test(namespace)) throw invalidField("metadata.namespace", "cannot be part of a path");
  if (path.length > 512 || !SEGMENTS.test(path)) {
    throw invalidField("deliver.vaultKV.path", `must be segments that match ${NAME_FORM.source}, divided by "/"`);
  }
  const prefix = `${config.kv.pathPrefix}/${namespace}/`;
  const whole = `${prefix}${path}`;
  if (!whole.startsWith(prefix) || !isPlainPath(whole)) throw invalidField("deliver.vaultKV.path", "leaves its prefix");
  return whole;
};

/** Only plain segments: nothing that a server could decode, normalise or take for something else. */
export const isPlainPath = (path: string): boolean => path.length <= 1024 && SEGMENTS.test(path);

/** A name of ours: lower-case letters, digits, "-" and ".", with nothing in it that a server could take for a way up. */
export const isPlainName = (name: string): boolean =>
  name.length <= 253 && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) && !name.includes("..");
