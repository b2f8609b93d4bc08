import { isIP } from "node:net";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import { parseDuration } from "../../kernel/duration.ts";
import { envNames } from "../../kernel/env-names.ts";
import { digest } from "../../kernel/ids.ts";
import type { DeclaredPlace } from "./record.ts";
import {
  cronProblem,
  type CronSetting,
  type RenewalSetting,
  type ScheduleSetting,
  type WindowSetting,
} from "./schedule.ts";
import {
  formOfSource,
  GENERATED_FIELDS,
  generatedKind,
  type CertificateRequest,
  type HookRequest,
  type SecretType,
  type SourceKind,
  type SourceTarget,
  type ValueRules,
} from "./source.ts";

export type WorkloadKind = "Deployment" | "StatefulSet" | "DaemonSet" | "CronJob";

export type DependentSetting =
  | {
      readonly kind: "workload";
      readonly name: string;
      readonly order: number;
      readonly timeoutMs: number;
      readonly workload: { readonly kind: WorkloadKind; readonly name: string };
      /** False: the workload reloads by itself; its health is still watched. */
      readonly restart: boolean;
    }
  | { readonly kind: "external"; readonly name: string; readonly order: number; readonly timeoutMs: number };

export interface DeliverySetting {
  readonly name: string;
  readonly place: DeclaredPlace;
  /** Equal digests mean: the same place, written in the same way. */
  readonly digest: string;
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

/** A SecretRotation's spec with every default filled in and every duration in milliseconds. */
export interface RotationSettings {
  /** Name of the ServiceAccountLifecycle that the credential belongs to. */
  readonly identity?: string;
  readonly source: SourceSetting;
  readonly deliveries: readonly DeliverySetting[];
  /** In the order in which they are moved. */
  readonly dependents: readonly DependentSetting[];
  readonly schedule?: ScheduleSetting;
  /** For credentials that end by themselves. */
  readonly renewal: RenewalSetting;
  /** False: what is replaced is left to expire. */
  readonly revokes: boolean;
  readonly verify: { readonly login: boolean; readonly successes: number; readonly soakMs: number };
  readonly retire: {
    readonly overlapMs: number;
    readonly disableAfterMs: number;
    readonly deleteAfterMs: number;
    readonly requireUnusedForMs?: number;
  };
  readonly onLeak: "RotateFirst" | "RevokeFirst";
  readonly progressDeadlineMs: number;
  readonly deletion: {
    readonly policy: "Delete" | "Disable" | "Retain";
    readonly holdMs: number;
    readonly timeoutMs: number;
    readonly onTimeout: "HandOver" | "Block";
  };
  /** A Secret that asks for it, and the access key in it, are taken over. */
  readonly adopt: boolean;
  readonly rollback: "Effective" | "RewriteSpec" | "None";
}

/** A rule that the stored spec breaks although the schema let it in (older schema, another writer). */
export interface SpecViolation {
  readonly field: string;
  readonly message: string;
}

/** Settings of a spec, or the first field that makes no sense. Pure; durations that the schema refuses are violations here too. */
export const readSettings = (spec: SecretRotationSpec): RotationSettings | SpecViolation => {
  const violations: SpecViolation[] = [];
  const ms = (text: string | undefined, fallback: string, field: string): number => {
    const parsed = parseDuration(text ?? fallback);
    if (parsed === undefined) violations.push({ field, message: `${field} is not a duration such as 720h or 1h30m.` });
    return parsed ?? 0;
  };
  const optionalMs = (text: string | undefined, field: string): number | undefined =>
    text === undefined ? undefined : ms(text, text, field);

  const reading = { ms, violations };
  const source = sourceOf(spec, reading);
  if ("field" in source) return source;

  const dependents = spec.dependents.map((dependent): DependentSetting => {
    const common = {
      name: dependent.name,
      order: dependent.order ?? DEFAULTS.dependentOrder,
      timeoutMs: ms(dependent.timeout, DEFAULTS.dependentTimeout, `spec.dependents[${dependent.name}].timeout`),
    };
    if (dependent.workload === undefined) return { kind: "external", ...common };
    const restart = dependent.restart?.mode !== "None";
    return {
      kind: "workload",
      ...common,
      workload: { kind: dependent.workload.kind, name: dependent.workload.name },
      restart,
    };
  });
  const requireUnusedForMs = optionalMs(spec.retire?.requireUnusedFor, "spec.retire.requireUnusedFor");
  const retire = {
    overlapMs: ms(spec.retire?.overlap, DEFAULTS.overlap, "spec.retire.overlap"),
    disableAfterMs: ms(spec.retire?.disableAfter, DEFAULTS.disableAfter, "spec.retire.disableAfter"),
    deleteAfterMs: ms(spec.retire?.deleteAfter, DEFAULTS.deleteAfter, "spec.retire.deleteAfter"),
    ...(requireUnusedForMs === undefined ? {} : { requireUnusedForMs }),
  };
  const schedule = scheduleOf(spec, retire, reading);
  const settings: RotationSettings = {
    ...(spec.identityRef === undefined ? {} : { identity: spec.identityRef.name }),
    source,
    deliveries: deliveriesOf(spec, violations),
    dependents: dependents.sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1)),
    ...(schedule === undefined ? {} : { schedule }),
    renewal: renewalOf(spec, reading),
    revokes: (spec.source.vaultPKI?.revocation?.mode ?? DEFAULTS.revocationMode) === "OnRetirement",
    verify: {
      login: spec.verify?.mode !== "None",
      successes: spec.verify?.successes ?? DEFAULTS.verifySuccesses,
      soakMs: ms(spec.verify?.soak, DEFAULTS.verifySoak, "spec.verify.soak"),
    },
    retire,
    onLeak: spec.onLeak ?? DEFAULTS.onLeak,
    progressDeadlineMs: ms(spec.progressDeadline, DEFAULTS.progressDeadline, "spec.progressDeadline"),
    deletion: {
      policy: spec.deletion?.policy ?? DEFAULTS.deletionPolicy,
      holdMs: ms(spec.deletion?.holdFor, DEFAULTS.deletionHoldFor, "spec.deletion.holdFor"),
      timeoutMs: ms(spec.deletion?.timeout, DEFAULTS.deletionTimeout, "spec.deletion.timeout"),
      onTimeout: spec.deletion?.onTimeout ?? DEFAULTS.deletionOnTimeout,
    },
    adopt: (spec.adoption?.mode ?? DEFAULTS.adoptionMode) === "IfAnnotated",
    rollback: spec.rollback?.mode ?? DEFAULTS.rollbackMode,
  };
  if (settings.adopt && source.of !== "awsAccessKey")
    violations.push({ field: "spec.adoption", message: "spec.adoption.mode IfAnnotated is for awsAccessKey." });
  if (settings.adopt && !settings.verify.login) {
    violations.push({
      field: "spec.adoption",
      message: "spec.adoption.mode IfAnnotated needs spec.verify.mode Login.",
    });
  }
  return violations[0] ?? settings;
};

interface Reading {
  /** Milliseconds of a duration, or of the fallback; a violation is noted. */
  readonly ms: (text: string | undefined, fallback: string, field: string) => number;
  readonly violations: SpecViolation[];
}

const scheduleOf = (
  { schedule }: SecretRotationSpec,
  retire: RotationSettings["retire"],
  { ms, violations }: Reading,
): ScheduleSetting | undefined => {
  if (schedule === undefined) return undefined;
  const field = "spec.schedule";
  const cronOf = (pattern: string, timeZone: string | undefined, at: string): CronSetting => {
    const cron = { pattern, timeZone: timeZone ?? DEFAULTS.timeZone };
    const problem = cronProblem(cron);
    if (problem !== undefined) violations.push({ field: at, message: `${at} ${problem}.` });
    return cron;
  };
  const { every, cron, jitter } = schedule;
  if ((every === undefined) === (cron === undefined))
    violations.push({ field, message: `${field} needs exactly one of every, cron.` });
  const windows = (schedule.windows ?? []).map((window, index): WindowSetting => {
    const at = `${field}.windows[${index}]`;
    return {
      cron: cronOf(window.cron, window.timeZone, at),
      durationMs: ms(window.duration, window.duration, `${at}.duration`),
      mode: window.mode ?? DEFAULTS.windowMode,
    };
  });
  const everyMs = every === undefined ? undefined : ms(every, every, `${field}.every`);
  const asked = jitter === undefined ? (everyMs ?? 0) * DEFAULTS.jitterShare : ms(jitter, jitter, `${field}.jitter`);
  // Earlier than the one before has gone, there would be no slot for the next one.
  const spare = (everyMs ?? Infinity) - retire.overlapMs - retire.disableAfterMs - retire.deleteAfterMs;
  return {
    ...(everyMs === undefined ? {} : { everyMs }),
    ...(cron === undefined ? {} : { cron: cronOf(cron, schedule.timeZone, `${field}.cron`) }),
    windows,
    jitterMs: Math.max(0, Math.min(asked, spare)),
  };
};

const sourceOf = (spec: SecretRotationSpec, reading: Reading): SourceSetting | SpecViolation => {
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

const renewalOf = ({ source: { vaultPKI } }: SecretRotationSpec, { ms }: Reading): RenewalSetting => {
  const { renewBefore, renewBeforePercentage } = vaultPKI ?? {};
  if (renewBefore !== undefined)
    return { kind: "before", ms: ms(renewBefore, renewBefore, "spec.source.vaultPKI.renewBefore") };
  const remaining = renewBeforePercentage === undefined ? DEFAULTS.renewalShare : renewBeforePercentage / 100;
  return { kind: "share", remaining };
};

/** Key names for fields that the source's credentials do not have would be promises that nobody keeps. */
const deliveriesOf = (spec: SecretRotationSpec, violations: SpecViolation[]): readonly DeliverySetting[] => {
  const { fields, secretType } = formOfSource(spec.source);
  return spec.deliver.map(({ name, ...place }) => {
    if (place.hook !== undefined) {
      // It is staged nowhere, and a place that only a hook reads does not say what stands there.
      if (spec.source.vaultPKI !== undefined)
        violations.push({
          field: `spec.deliver[${name}].hook`,
          message: `spec.deliver[${name}].hook cannot hold a certificate, whose value has to be read back; use kubernetesSecret or vaultKV.`,
        });
      return { name, place, digest: digest(place) };
    }
    if (place.kubernetesSecret?.includePrevious === true && spec.source.vaultPKI !== undefined)
      violations.push({
        field: `spec.deliver[${name}].kubernetesSecret.includePrevious`,
        message: `spec.deliver[${name}].kubernetesSecret.includePrevious is not for certificates, of which none is kept but the one in use; remove it.`,
      });
    const member = place.kubernetesSecret === undefined ? "vaultKV" : "kubernetesSecret";
    const keys = place[member]?.keys ?? {};
    const field = `spec.deliver[${name}].${member}`;
    const foreign = Object.keys(keys).find((key) => !Object.hasOwn(fields, key));
    if (foreign !== undefined)
      violations.push({
        field: `${field}.keys.${foreign}`,
        message: `${field}.keys.${foreign} is not a field of this source's credentials; they have ${Object.keys(fields).join(", ")}.`,
      });
    const written = Object.values({
      ...(place.kubernetesSecret?.format?.mode === "Env" ? envNames(fields) : fields),
      ...keys,
    });
    if (new Set(written).size !== written.length)
      violations.push({ field: `${field}.keys`, message: `${field}.keys puts two values under one key.` });
    const type = place.kubernetesSecret?.type ?? secretType;
    const needed = TYPE_KEYS[type];
    if (type === "DockerConfig" && !canPull(place, fields))
      violations.push({
        field: `${field}.registry`,
        message: `${field}.type DockerConfig needs registry, credentials with a password or a token, and a user name: theirs, or registry.username.`,
      });
    const apart = ["Keys", "Env"].includes(place.kubernetesSecret?.format?.mode ?? "Keys");
    const there = apart && needed.every((key) => written.includes(key));
    if (place.kubernetesSecret !== undefined && needed.length > 0 && !there)
      violations.push({
        field: `${field}.type`,
        message: `${field}.type ${type} needs the keys ${needed.join(" and ")}; name them in keys, with format mode Keys, or use type Opaque.`,
      });
    return { name, place, digest: digest(place) };
  });
};

/** What Kubernetes demands of a type. */
const TYPE_KEYS: Readonly<Record<SecretType, readonly string[]>> = {
  Opaque: [],
  TLS: ["tls.crt", "tls.key"],
  BasicAuth: ["username", "password"],
  SSHAuth: ["ssh-privatekey"],
  // Made of the values, whatever they are called.
  DockerConfig: [],
};

const canPull = ({ kubernetesSecret }: DeclaredPlace, fields: Readonly<Record<string, string>>): boolean => {
  const { registry } = kubernetesSecret ?? {};
  const has = (field: string): boolean => Object.hasOwn(fields, field);
  return (
    registry !== undefined && (has("password") || has("token")) && (registry.username !== undefined || has("username"))
  );
};

/** What makes two specs the same thing to reconcile. */
export const specHash = (spec: SecretRotationSpec): string => digest(spec).slice(0, 32);
