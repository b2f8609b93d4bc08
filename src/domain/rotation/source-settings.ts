import { isIP } from "node:net";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import {
  GENERATED_FIELDS,
  generatedKind,
  type CertificateRequest,
  type HookRequest,
  type SourceKind,
  type SourceTarget,
  type ValueRules,
} from "./source.ts";

/** What spec.source says: who holds the credentials, what is asked for, and how many may live. */

/** A rule that the stored spec breaks although the schema let it in (older schema, another writer). */
export interface SpecViolation {
  readonly field: string;
  readonly message: string;
}

export interface Reading {
  /** Milliseconds of a duration, or of the fallback; a violation is noted. */
  readonly ms: (text: string | undefined, fallback: string, field: string) => number;
  readonly violations: SpecViolation[];
}

/** Whose credentials are rotated: a holder that the spec names, or the holder behind an account of the identity. */
export type SourceSetting = {
  readonly of: SourceKind;
  readonly exclusive: boolean;
  /** How many may live at once, where the spec says so. */
  readonly slots?: number;
  /** Whether refused logins lock the holder out, where the spec says so. */
  readonly refusalsCount?: boolean;
} & (
  { readonly kind: "target"; readonly target: SourceTarget } | { readonly kind: "account"; readonly account: string }
);

export const sourceOf = (spec: SecretRotationSpec, reading: Reading): SourceSetting | SpecViolation => {
  const { awsAccessKey, vaultPKI, vaultAppRole, vaultDatabase, kubernetesToken, generated, hook } = spec.source;
  if (awsAccessKey !== undefined) return awsSource(spec, awsAccessKey);
  if (vaultPKI !== undefined) {
    const { connectionRef, role } = vaultPKI;
    const request = certificateRequest(vaultPKI, reading);
    const target = { kind: "vaultPKI", connection: connectionRef.name, role, request } as const;
    return { of: "vaultPKI", kind: "target", target, exclusive: true };
  }
  if (vaultAppRole !== undefined) {
    const { connectionRef, role } = vaultAppRole;
    const target = { kind: "vaultAppRole", connection: connectionRef.name, role } as const;
    return { of: "vaultAppRole", kind: "target", target, exclusive: true };
  }
  if (vaultDatabase !== undefined) return databaseSource(vaultDatabase);
  if (kubernetesToken !== undefined) {
    const { connectionRef, serviceAccountName, audiences = [], ttl } = kubernetesToken;
    const request = {
      audiences,
      ttlSeconds: reading.ms(ttl, DEFAULTS.tokenTtl, "spec.source.kubernetesToken.ttl") / 1000,
    };
    const target = { kind: "kubernetesToken", connection: connectionRef.name, serviceAccountName, request } as const;
    return { of: "kubernetesToken", kind: "target", target, exclusive: true };
  }
  if (generated !== undefined)
    return hookSource("generated", generated, {
      fields: GENERATED_FIELDS[generatedKind(generated)],
      rules: rulesOf(generated),
    });
  if (hook !== undefined) return hookSource("hook", hook, { fields: hook.fields });
  return { field: "spec.source", message: "spec.source names no credential that this operator version can issue." };
};

const hookSource = (
  kind: "generated" | "hook",
  {
    connectionRef,
    target,
    slots = DEFAULTS.hookSlots,
    refusals = DEFAULTS.hookRefusals,
  }: Pick<NonNullable<SecretRotationSpec["source"]["hook"]>, "connectionRef" | "target" | "slots" | "refusals">,
  what: Pick<HookRequest, "fields" | "rules">,
): SourceSetting => {
  const refusalsCount = refusals === "Counted";
  const request = { ...what, slots, refusalsCount };
  return {
    of: kind,
    kind: "target",
    target: { kind, connection: connectionRef.name, target, request },
    exclusive: true,
    slots,
    refusalsCount,
  };
};

const rulesOf = ({ password, token, sshKey }: NonNullable<SecretRotationSpec["source"]["generated"]>): ValueRules => {
  if (sshKey !== undefined) return { kind: "sshKey", algorithm: sshKey.algorithm ?? DEFAULTS.sshAlgorithm };
  if (token !== undefined)
    return { kind: "token", bytes: token.bytes ?? DEFAULTS.tokenBytes, prefix: token.prefix ?? "" };
  return {
    kind: "password",
    length: password?.length ?? DEFAULTS.passwordLength,
    characters: password?.characters ?? DEFAULTS.passwordCharacters,
  };
};

/** A password that is changed while it is in use locks its users out until they have the new one: only somebody who says so gets that. */
const databaseSource = ({
  connectionRef,
  role,
  users = DEFAULTS.databaseUsers,
  acceptsOutage,
}: NonNullable<SecretRotationSpec["source"]["vaultDatabase"]>): SourceSetting | SpecViolation => {
  const field = "spec.source.vaultDatabase";
  if (users === "Single" && acceptsOutage !== true)
    return {
      field: `${field}.acceptsOutage`,
      message: `${field}.users Single locks its users out from the change of the password until they have the new one; use Alternating, or accept that with acceptsOutage: true.`,
    };
  const target = { kind: "vaultDatabase", connection: connectionRef.name, role, users } as const;
  return { of: "vaultDatabase", kind: "target", target, exclusive: true, slots: users === "Single" ? 1 : 2 };
};

const awsSource = (
  spec: SecretRotationSpec,
  { accountRef, connectionRef, userName, ...key }: NonNullable<SecretRotationSpec["source"]["awsAccessKey"]>,
): SourceSetting | SpecViolation => {
  const exclusive = key.exclusive ?? DEFAULTS.exclusive;
  const field = "spec.source.awsAccessKey";
  if (accountRef !== undefined && connectionRef === undefined && userName === undefined) {
    return spec.identityRef === undefined
      ? { field, message: `${field}.accountRef needs spec.identityRef.` }
      : { of: "awsAccessKey", kind: "account", account: accountRef.name, exclusive };
  }
  if (accountRef === undefined && connectionRef !== undefined && userName !== undefined)
    return {
      of: "awsAccessKey",
      kind: "target",
      target: { kind: "awsAccessKey", connection: connectionRef.name, userName },
      exclusive,
    };
  return { field, message: `${field} needs either accountRef, or connectionRef together with userName.` };
};

type VaultPki = NonNullable<SecretRotationSpec["source"]["vaultPKI"]>;

const certificateRequest = (pki: VaultPki, { ms, violations }: Reading): CertificateRequest => {
  const field = "spec.source.vaultPKI";
  const { commonName, ttl, dnsNames = [], ipAddresses = [], uris = [] } = pki;
  if (commonName === undefined && [...dnsNames, ...ipAddresses, ...uris].length === 0)
    violations.push({ field, message: `${field} needs at least one of commonName, dnsNames, ipAddresses, uris.` });
  const wrong = ipAddresses.findIndex((address) => isIP(address) === 0);
  if (wrong >= 0) {
    const at = `${field}.ipAddresses[${wrong}]`;
    violations.push({ field: at, message: `${at} is not an IP address.` });
  }
  return {
    ...(commonName === undefined ? {} : { commonName }),
    dnsNames,
    ipAddresses,
    uris,
    ...(ttl === undefined ? {} : { ttlSeconds: ms(ttl, ttl, `${field}.ttl`) / 1000 }),
    algorithm: pki.privateKey?.algorithm ?? DEFAULTS.keyAlgorithm,
  };
};
