import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";

/** What a certificate is to be like. Lifetime in seconds; absent: as long as the role grants. */
export interface CertificateRequest {
  readonly commonName?: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly ttlSeconds?: number;
  readonly algorithm: KeyAlgorithm;
}

export type KeyAlgorithm = NonNullable<
  NonNullable<SecretRotationSpec["source"]["vaultPKI"]>["privateKey"]
>["algorithm"];

/** Who holds the credentials, resolved: which kind of source, through which connection, and the holder behind it. Never secret. */
export type SourceTarget =
  | { readonly kind: "awsAccessKey"; readonly connection: string; readonly userName: string }
  /** `role`: its short name. Without `request` nothing can be issued, only revoked. */
  | {
      readonly kind: "vaultPKI";
      readonly connection: string;
      readonly role: string;
      readonly request?: CertificateRequest;
    }
  | { readonly kind: "vaultAppRole"; readonly connection: string; readonly role: string };

export type SourceKind = SourceTarget["kind"];

export type SecretType = "Opaque" | "TLS" | "BasicAuth";

/** What a source's credentials and calls are called: in events and messages, in the audit trail, and in metrics. */
export interface SourceWords {
  /** Label of metrics. */
  readonly provider: string;
  /** Begins a sentence: "Access key". */
  readonly credential: string;
  readonly holder: string;
  /** Who says how many credentials a holder may have. */
  readonly authority: string;
  /** What to do when the holder does not exist. */
  readonly makeHolder: string;
  /** What its check has shown, behind "Credential 3-x ". */
  readonly checked: string;
  /** Actions of the audit trail, as the provider calls them. */
  readonly issue: string;
  readonly mark: string;
  readonly enable: string;
  readonly revoke: string;
  /** Field of the material that is the credential's id, where there is one. */
  readonly idField?: string;
  /** The material's fields, and the key under which each one is delivered where the spec names none. */
  readonly fields: Readonly<Record<string, string>>;
  /** Type of the Secret where the spec names none. */
  readonly secretType: SecretType;
}

const WORDS: Readonly<Record<SourceKind, SourceWords>> = {
  awsAccessKey: {
    provider: "aws",
    credential: "Access key",
    holder: "IAM user",
    authority: "AWS",
    makeHolder: "create it with the owner tag first",
    checked: "has logged in",
    issue: "aws:CreateAccessKey",
    mark: "aws:TagUser",
    enable: "aws:UpdateAccessKey",
    revoke: "aws:DeleteAccessKey",
    idField: "accessKeyId",
    fields: { accessKeyId: "accessKeyId", secretAccessKey: "secretAccessKey" },
    secretType: "Opaque",
  },
  vaultPKI: {
    provider: "vault",
    credential: "Certificate",
    holder: "PKI role",
    authority: "Vault",
    makeHolder: "create it in Vault first",
    checked: "fits its key, its names and its chain",
    issue: "vault:SignCertificate",
    mark: "vault:None",
    enable: "vault:None",
    revoke: "vault:RevokeCertificate",
    fields: { certificate: "tls.crt", privateKey: "tls.key", caCertificate: "ca.crt" },
    secretType: "TLS",
  },
  vaultAppRole: {
    provider: "vault",
    credential: "Secret id",
    holder: "AppRole",
    authority: "Vault",
    makeHolder: "create it in Vault first",
    checked: "has logged in",
    issue: "vault:MakeSecretId",
    mark: "vault:None",
    enable: "vault:None",
    revoke: "vault:DestroySecretId",
    fields: { roleId: "roleId", secretId: "secretId" },
    secretType: "Opaque",
  },
};

export const wordsOf = (kind: SourceKind): SourceWords => WORDS[kind];

/** The holder's own name, for people. */
export const holderOf = (target: SourceTarget): string =>
  target.kind === "awsAccessKey" ? target.userName : target.role;

/** Claims of sources begin with one of these; the others are of places. */
const CLAIM_PREFIX: Readonly<Record<SourceKind, string>> = {
  awsAccessKey: "aws-access-key",
  vaultPKI: "vault-pki",
  vaultAppRole: "vault-approle",
};

/** The claim of a target: one in the whole cluster for each holder. `account`: which of the provider's accounts it lies in. Short names are a namespace's own. */
export const claimOf = (target: SourceTarget, account: string, namespace: string): string =>
  `${CLAIM_PREFIX[target.kind]}/${account}/${target.kind === "awsAccessKey" ? "" : `${namespace}.`}${holderOf(target)}`;

export const isSourceClaim = (claim: string): boolean =>
  Object.values(CLAIM_PREFIX).some((prefix) => claim.startsWith(`${prefix}/`));

/** As a claim's snapshot and the ledger keep it: the shape of spec.source, without what can be looked up. */
export interface FrozenSource {
  readonly awsAccessKey?: { readonly connectionRef: { readonly name: string }; readonly userName: string } | undefined;
  readonly vaultPKI?: FrozenRole | undefined;
  readonly vaultAppRole?: FrozenRole | undefined;
}

interface FrozenRole {
  readonly connectionRef: { readonly name: string };
  readonly role: string;
}

export const frozen = (target: SourceTarget): FrozenSource => {
  const connectionRef = { name: target.connection };
  return target.kind === "awsAccessKey"
    ? { awsAccessKey: { connectionRef, userName: target.userName } }
    : { [target.kind]: { connectionRef, role: target.role } };
};

/** Undefined for what this version does not know. */
export const thawed = ({ awsAccessKey, vaultPKI, vaultAppRole }: FrozenSource): SourceTarget | undefined => {
  if (awsAccessKey !== undefined)
    return { kind: "awsAccessKey", connection: awsAccessKey.connectionRef.name, userName: awsAccessKey.userName };
  if (vaultPKI !== undefined) return { kind: "vaultPKI", connection: vaultPKI.connectionRef.name, role: vaultPKI.role };
  return vaultAppRole === undefined
    ? undefined
    : { kind: "vaultAppRole", connection: vaultAppRole.connectionRef.name, role: vaultAppRole.role };
};

/** Of a spec; what this version does not know has been refused before anybody asks. */
export const kindOf = ({ vaultPKI, vaultAppRole }: SecretRotationSpec["source"]): SourceKind =>
  vaultPKI !== undefined ? "vaultPKI" : vaultAppRole !== undefined ? "vaultAppRole" : "awsAccessKey";

/** Names of the connections that a spec's source goes through by itself; an account's connection is the identity's. */
export const connectionNamed = (source: SecretRotationSpec["source"]): string | undefined =>
  (source.awsAccessKey?.connectionRef ?? source.vaultPKI?.connectionRef ?? source.vaultAppRole?.connectionRef)?.name;
