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

/** What a token is to be like. No audiences: kube-apiserver's own. */
export interface TokenWish {
  readonly audiences: readonly string[];
  readonly ttlSeconds: number;
}

/**
 * Who holds the credentials, resolved: which kind of source, through which connection, and the holder behind it. Never secret. Without its
 * `request` nothing can be issued, only revoked.
 */
export type SourceTarget =
  | { readonly kind: "awsAccessKey"; readonly connection: string; readonly userName: string }
  /** `role`: its short name. */
  | {
      readonly kind: "vaultPKI";
      readonly connection: string;
      readonly role: string;
      readonly request?: CertificateRequest;
    }
  | { readonly kind: "vaultAppRole"; readonly connection: string; readonly role: string }
  | {
      readonly kind: "vaultDatabase";
      readonly connection: string;
      readonly role: string;
      readonly users: "Alternating" | "Single";
    }
  | {
      readonly kind: "kubernetesToken";
      readonly connection: string;
      readonly serviceAccountName: string;
      readonly request?: TokenWish;
    }
  | ({ readonly kind: "generated" } & HookHolder)
  | ({ readonly kind: "hook" } & HookHolder);

interface HookHolder {
  readonly connection: string;
  readonly target: string;
  readonly request?: HookRequest;
}

export type CharacterSet = "Lower" | "Upper" | "Digits" | "Symbols";

/** What a value is to be like that is made here and handed to a hook. */
export type ValueRules =
  | { readonly kind: "password"; readonly length: number; readonly characters: readonly CharacterSet[] }
  | { readonly kind: "token"; readonly bytes: number; readonly prefix: string }
  | { readonly kind: "sshKey"; readonly algorithm: "Ed25519" | "RSA-4096" };

/** What is asked of a hook. Without rules the hook makes the value. */
export interface HookRequest {
  readonly fields: readonly string[];
  readonly slots: number;
  /** What is behind it locks out who is refused too often. */
  readonly refusalsCount: boolean;
  readonly rules?: ValueRules;
}

export type SourceKind = SourceTarget["kind"];

export type SecretType = "Opaque" | "TLS" | "BasicAuth" | "SSHAuth" | "DockerConfig";

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
  /** What carries its owner's mark. */
  readonly ownerMark: "tag" | "annotation";
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

const HOOK_WORDS = {
  provider: "hook",
  holder: "target",
  authority: "the spec",
  makeHolder: "the hook has to know it first",
  ownerMark: "tag",
  checked: "is accepted, says the hook",
  mark: "hook:None",
  enable: "hook:None",
  revoke: "hook:Finish",
} as const;

const WORDS: Readonly<Record<SourceKind, SourceWords>> = {
  awsAccessKey: {
    provider: "aws",
    credential: "Access key",
    holder: "IAM user",
    authority: "AWS",
    makeHolder: "create it with the owner tag first",
    ownerMark: "tag",
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
    ownerMark: "tag",
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
    ownerMark: "tag",
    checked: "has logged in",
    issue: "vault:MakeSecretId",
    mark: "vault:None",
    enable: "vault:None",
    revoke: "vault:DestroySecretId",
    fields: { roleId: "roleId", secretId: "secretId" },
    secretType: "Opaque",
  },
  vaultDatabase: {
    provider: "vault",
    credential: "Password",
    holder: "static role",
    authority: "Vault",
    makeHolder: "create it in Vault first",
    ownerMark: "tag",
    checked: "has logged in",
    issue: "vault:RotateStaticRole",
    mark: "vault:None",
    enable: "vault:None",
    revoke: "vault:RotateStaticRoleAndEndSessions",
    fields: { username: "username", password: "password" },
    secretType: "Opaque",
  },
  kubernetesToken: {
    provider: "kubernetes",
    credential: "Token",
    holder: "ServiceAccount",
    authority: "Keyturn",
    makeHolder: "create it first",
    ownerMark: "annotation",
    checked: "is good, says kube-apiserver",
    issue: "kubernetes:RequestToken",
    mark: "kubernetes:AnnotateServiceAccount",
    enable: "kubernetes:None",
    revoke: "kubernetes:DeleteTokenAnchor",
    fields: { token: "token" },
    secretType: "Opaque",
  },
  generated: {
    ...HOOK_WORDS,
    credential: "Generated value",
    issue: "hook:Set",
    fields: {
      password: "password",
      token: "token",
      privateKey: "ssh-privatekey",
      publicKey: "ssh-publickey",
    },
    secretType: "Opaque",
  },
  hook: { ...HOOK_WORDS, credential: "Credential", issue: "hook:Create", fields: {}, secretType: "Opaque" },
};

export const wordsOf = (kind: SourceKind): SourceWords => WORDS[kind];

/** The fields that the credentials of a spec's source have, the keys that they go under, and the type of their Secret where the spec names none. */
export const formOfSource = (source: SecretRotationSpec["source"]): Pick<SourceWords, "fields" | "secretType"> => {
  const { fields, secretType } = wordsOf(kindOf(source));
  if (source.hook !== undefined)
    return { fields: Object.fromEntries(source.hook.fields.map((field) => [field, field])), secretType };
  if (source.generated === undefined) return { fields, secretType };
  const has = GENERATED_FIELDS[generatedKind(source.generated)];
  return {
    fields: Object.fromEntries(Object.entries(fields).filter(([field]) => has.includes(field))),
    secretType: source.generated.sshKey === undefined ? "Opaque" : "SSHAuth",
  };
};

/** The fields that a generated value has. */
export const GENERATED_FIELDS: Readonly<Record<ValueRules["kind"], readonly string[]>> = {
  password: ["password"],
  token: ["token"],
  sshKey: ["privateKey", "publicKey"],
};

export const generatedKind = ({
  token,
  sshKey,
}: NonNullable<SecretRotationSpec["source"]["generated"]>): ValueRules["kind"] =>
  sshKey !== undefined ? "sshKey" : token !== undefined ? "token" : "password";

/** Where a target keeps its holder's own name; also what that member of spec.source is called. */
const HOLDER = {
  awsAccessKey: "userName",
  vaultPKI: "role",
  vaultAppRole: "role",
  vaultDatabase: "role",
  kubernetesToken: "serviceAccountName",
  generated: "target",
  hook: "target",
} as const satisfies Readonly<Record<SourceKind, string>>;

const KINDS = Object.keys(HOLDER) as readonly SourceKind[];

/** The holder's own name, for people. */
export const holderOf = (target: SourceTarget): string =>
  (target as unknown as Readonly<Record<string, string>>)[HOLDER[target.kind]] ?? "";

/** Claims of sources begin with one of these; the others are of places. */
const CLAIM_PREFIX: Readonly<Record<SourceKind, string>> = {
  awsAccessKey: "aws-access-key",
  vaultPKI: "vault-pki",
  vaultAppRole: "vault-approle",
  vaultDatabase: "vault-database",
  kubernetesToken: "kubernetes-token",
  // One holder, whoever makes its values.
  generated: "hook-target",
  hook: "hook-target",
};

/** The claim of a target: one in the whole cluster for each holder. `account`: which of the provider's accounts it lies in. Short names are a namespace's own. */
export const claimOf = (target: SourceTarget, account: string, namespace: string): string =>
  `${CLAIM_PREFIX[target.kind]}/${account}/${target.kind === "awsAccessKey" ? "" : `${namespace}.`}${holderOf(target)}`;

export const isSourceClaim = (claim: string): boolean =>
  Object.values(CLAIM_PREFIX).some((prefix) => claim.startsWith(`${prefix}/`));

/** As a claim's snapshot and the ledger keep it: the shape of spec.source, without what can be looked up. */
export type FrozenSource = {
  readonly [kind in SourceKind]?:
    | ({
        readonly connectionRef: { readonly name: string };
        readonly users?: "Alternating" | "Single";
      } & Readonly<Record<(typeof HOLDER)[kind], string>>)
    | undefined;
};

export const frozen = (target: SourceTarget): FrozenSource => ({
  [target.kind]: {
    connectionRef: { name: target.connection },
    [HOLDER[target.kind]]: holderOf(target),
    ...(target.kind === "vaultDatabase" ? { users: target.users } : {}),
  },
});

/** Undefined for what this version does not know. */
export const thawed = (source: FrozenSource): SourceTarget | undefined => {
  const kind = kindIn(source);
  const { connectionRef, users, ...rest } = (kind && source[kind]) ?? {};
  if (kind === undefined || connectionRef === undefined) return undefined;
  const holder = (rest as Readonly<Record<string, string>>)[HOLDER[kind]] ?? "";
  const target = { kind, connection: connectionRef.name, [HOLDER[kind]]: holder };
  return { ...target, ...(users === undefined ? {} : { users }) } as unknown as SourceTarget;
};

const kindIn = (source: Readonly<Partial<Record<SourceKind, unknown>>>): SourceKind | undefined =>
  KINDS.find((kind) => source[kind] !== undefined);

/** Of a spec; what this version does not know has been refused before anybody asks. */
export const kindOf = (source: SecretRotationSpec["source"]): SourceKind => kindIn(source) ?? "awsAccessKey";

/** Names of the connections that a spec's source goes through by itself; an account's connection is the identity's. */
export const connectionNamed = (source: SecretRotationSpec["source"]): string | undefined =>
  source[kindOf(source)]?.connectionRef?.name;
