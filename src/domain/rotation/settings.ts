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
import { formOfSource, type SecretType } from "./source.ts";
import { sourceOf, type Reading, type SourceSetting, type SpecViolation } from "./source-settings.ts";

export type { SourceSetting, SpecViolation } from "./source-settings.ts";

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

/** Settings of a spec, or the first field that makes no sense. Pure; durations that the schema refuses are violations here too. */
export const readSettings = (spec: SecretRotationSpec): RotationSettings | SpecViolation => {
  const read = readAll(spec);
  return "field" in read ? read : (read.violations[0] ?? read.settings);
};

/**
 * As much as can be understood of a spec that makes no sense as a whole, with defaults for the rest: enough to end what is on record. A time
 * without use that cannot be read is never over. Undefined: not even the source can be told.
 */
export const readForEndings = (spec: SecretRotationSpec): RotationSettings | undefined => {
  const read = readAll(spec);
  return "field" in read ? undefined : read.settings;
};

const readAll = (
  spec: SecretRotationSpec,
): { readonly settings: RotationSettings; readonly violations: readonly SpecViolation[] } | SpecViolation => {
  const violations: SpecViolation[] = [];
  const ms = (text: string | undefined, fallback: string, field: string): number => {
    const parsed = parseDuration(text ?? fallback);
    if (parsed === undefined) violations.push({ field, message: `${field} is not a duration such as 720h or 1h30m.` });
    return parsed ?? parseDuration(fallback) ?? 0;
  };
  const optionalMs = (text: string | undefined, field: string): number | undefined => {
    if (text === undefined) return undefined;
    const read = ms(text, text, field);
    return parseDuration(text) === undefined ? Infinity : read;
  };

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
  return { settings, violations };
};

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
