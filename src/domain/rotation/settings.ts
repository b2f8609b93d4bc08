import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import { parseDuration } from "../../kernel/duration.ts";
import { digest } from "../../kernel/ids.ts";
import type { DeliveryPlace } from "./record.ts";
import {
  cronProblem,
  type CronSetting,
  type RenewalSetting,
  type ScheduleSetting,
  type WindowSetting,
} from "./schedule.ts";
import type { SourceKind, SourceTarget } from "./source.ts";

export type DependentSetting =
  | {
      readonly kind: "workload";
      readonly name: string;
      readonly order: number;
      readonly timeoutMs: number;
      readonly workload: { readonly kind: "Deployment" | "StatefulSet" | "DaemonSet"; readonly name: string };
      /** False: the workload reloads by itself; its health is still watched. */
      readonly restart: boolean;
    }
  | { readonly kind: "external"; readonly name: string; readonly order: number; readonly timeoutMs: number };

export interface DeliverySetting {
  readonly name: string;
  readonly place: DeliveryPlace;
  /** Equal digests mean: the same place, written in the same way. */
  readonly digest: string;
}

/** Whose credentials are rotated: a holder that the spec names, or the holder behind an account of the identity. */
export type SourceSetting = { readonly of: SourceKind; readonly exclusive: boolean } & (
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
  readonly verify: { readonly login: boolean; readonly successes: number; readonly soakMs: number };
  readonly retire: {
    readonly overlapMs: number;
    readonly disableAfterMs: number;
    readonly deleteAfterMs: number;
    readonly requireUnusedForMs?: number;
  };
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

  const source = sourceOf(spec);
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
  const schedule = scheduleOf(spec, retire, { ms, violations });
  const settings: RotationSettings = {
    ...(spec.identityRef === undefined ? {} : { identity: spec.identityRef.name }),
    source,
    deliveries: spec.deliver.map(({ name, ...place }) => ({ name, place, digest: digest(place) })),
    dependents: dependents.sort((a, b) => a.order - b.order || (a.name < b.name ? -1 : 1)),
    ...(schedule === undefined ? {} : { schedule }),
    renewal: { kind: "share", remaining: DEFAULTS.renewalShare },
    verify: {
      login: spec.verify?.mode !== "None",
      successes: spec.verify?.successes ?? DEFAULTS.verifySuccesses,
      soakMs: ms(spec.verify?.soak, DEFAULTS.verifySoak, "spec.verify.soak"),
    },
    retire,
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

const sourceOf = (spec: SecretRotationSpec): SourceSetting | SpecViolation => {
  const key = spec.source.awsAccessKey;
  if (key === undefined)
    return { field: "spec.source", message: "spec.source names no credential that this operator version can issue." };
  const { accountRef, connectionRef, userName } = key;
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

/** What makes two specs the same thing to reconcile. */
export const specHash = (spec: SecretRotationSpec): string => digest(spec).slice(0, 32);
