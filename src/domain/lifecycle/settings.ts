import { DEFAULTS, LIFECYCLE_DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import type { Account, ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { parseDuration } from "../../kernel/duration.ts";
import { canonicalJson, digest } from "../../kernel/ids.ts";
import type { SpecViolation } from "../rotation/settings.ts";
import type { OwnerRecord } from "./record.ts";

export type { SpecViolation };
export type WantedState = "Active" | "Suspended" | "Decommissioned";

/** A ServiceAccountLifecycle's spec with every absent field filled in (src/api/v1alpha1/defaults.ts). Durations in milliseconds. */
export interface LifecycleSettings {
  readonly owner: OwnerRecord;
  readonly purpose: string;
  /** As declared; `wantedState` lays the expiry over it. */
  readonly state: WantedState;
  readonly expiresAt?: Date;
  readonly reviewEveryMs?: number;
  readonly accounts: ServiceAccountLifecycleSpec["accounts"];
  readonly adopt: boolean;
  readonly drift: "Enforce" | "Report";
  readonly progressDeadlineMs: number;
  readonly deletion: {
    readonly policy: "Delete" | "Disable" | "Retain";
    readonly holdMs: number;
    readonly timeoutMs: number;
    readonly onTimeout: "HandOver" | "Block";
  };
  readonly rollback: "Effective" | "RewriteSpec" | "None";
}

/** Settings of a spec, or the first field that makes no sense: what the schema cannot check, and what an older schema let in. */
export const readLifecycleSettings = (spec: ServiceAccountLifecycleSpec): LifecycleSettings | SpecViolation => {
  const { settings, violations } = readAll(spec);
  return accountViolations(spec.accounts)[0] ?? violations[0] ?? tooLong(spec) ?? settings;
};

/** What status has room for: an account's declaration, and the whole spec as the last known good one. */
const LONGEST_DECLARATION = 32_768;
const LONGEST_SPEC = 65_536;

const tooLong = (spec: ServiceAccountLifecycleSpec): SpecViolation | undefined => {
  const account = spec.accounts.find((each) => canonicalJson(each).length > LONGEST_DECLARATION);
  if (account !== undefined) {
    const field = `spec.accounts[${account.name}]`;
    return { field, message: `${field} is longer than 32768 characters; use managed policies, or several accounts.` };
  }
  return JSON.stringify(spec).length <= LONGEST_SPEC
    ? undefined
    : { field: "spec", message: "spec is longer than 65536 characters; use managed policies, or several resources." };
};

/**
 * As much as can be understood of a spec that makes no sense as a whole, with defaults for the rest: what ends an identity is
 * obeyed although something else beside it is wrong.
 */
export const readLeniently = (spec: ServiceAccountLifecycleSpec): LifecycleSettings => readAll(spec).settings;

const readAll = (
  spec: ServiceAccountLifecycleSpec,
): { readonly settings: LifecycleSettings; readonly violations: readonly SpecViolation[] } => {
  const violations: SpecViolation[] = [];
  const ms = (text: string | undefined, fallback: string, field: string): number => {
    const parsed = parseDuration(text ?? fallback);
    if (parsed === undefined) violations.push({ field, message: `${field} is not a duration such as 720h or 1h30m.` });
    return parsed ?? parseDuration(fallback) ?? 0;
  };
  const readable = spec.expiresAt === undefined || !Number.isNaN(Date.parse(spec.expiresAt));
  const expiresAt = spec.expiresAt === undefined || !readable ? undefined : new Date(spec.expiresAt);
  if (!readable) {
    violations.push({
      field: "spec.expiresAt",
      message: "spec.expiresAt is not an RFC 3339 time such as 2027-06-30T00:00:00Z.",
    });
  }
  const every = spec.review?.every;
  const settings: LifecycleSettings = {
    owner: {
      team: spec.owner.team,
      contact: spec.owner.contact,
      ...(spec.environment === undefined ? {} : { environment: spec.environment }),
    },
    purpose: spec.purpose,
    state: spec.state ?? LIFECYCLE_DEFAULTS.state,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(every === undefined ? {} : { reviewEveryMs: ms(every, every, "spec.review.every") }),
    accounts: spec.accounts,
    adopt: (spec.adoption?.mode ?? LIFECYCLE_DEFAULTS.adoptionMode) === "IfAnnotated",
    drift: spec.drift?.mode ?? LIFECYCLE_DEFAULTS.driftMode,
    progressDeadlineMs: ms(spec.progressDeadline, DEFAULTS.progressDeadline, "spec.progressDeadline"),
    deletion: {
      policy: spec.deletion?.policy ?? DEFAULTS.deletionPolicy,
      holdMs: ms(spec.deletion?.holdFor, DEFAULTS.deletionHoldFor, "spec.deletion.holdFor"),
      timeoutMs: ms(spec.deletion?.timeout, DEFAULTS.deletionTimeout, "spec.deletion.timeout"),
      onTimeout: spec.deletion?.onTimeout ?? DEFAULTS.deletionOnTimeout,
    },
    rollback: spec.rollback?.mode ?? DEFAULTS.rollbackMode,
  };
  return { settings, violations };
};

const accountViolations = (accounts: readonly Account[]): readonly SpecViolation[] => {
  const names = accounts.map(({ name }) => name);
  const repeated = names.find((name, index) => names.indexOf(name) !== index);
  const clusters = accounts.filter(({ kubernetes }) => kubernetes !== undefined);
  return [
    ...(accounts.length === 0 ? [{ field: "spec.accounts", message: "spec.accounts must name an account." }] : []),
    ...(repeated === undefined
      ? []
      : [{ field: "spec.accounts", message: `spec.accounts names ${repeated} twice; keep one of them.` }]),
    ...(clusters.length > 1
      ? [{ field: "spec.accounts", message: "spec.accounts may hold one kubernetes account at most." }]
      : []),
    ...accounts.flatMap((account) => oneAccount(account, clusters.length > 0)),
  ];
};

const oneAccount = (account: Account, hasCluster: boolean): readonly SpecViolation[] => {
  const field = `spec.accounts[${account.name}]`;
  const { aws, vault, kubernetes } = account;
  const found: SpecViolation[] = [];
  const say = (at: string, message: string): void => {
    found.push({ field: `${field}${at}`, message: `${field}${at} ${message}` });
  };
  if ([aws, vault, kubernetes].filter((each) => each !== undefined).length !== 1)
    say("", "needs exactly one of kubernetes, aws, vault.");
  if (aws !== undefined && (aws.user === undefined) === (aws.role === undefined))
    say(".aws", "needs exactly one of user, role.");
  if (aws?.role !== undefined && !hasCluster)
    say(".aws.role", "is assumed with tokens of this identity's ServiceAccount; declare a kubernetes account too.");
  if (vault?.login.mode === "JWT" && !hasCluster)
    say(".vault.login.mode", "JWT takes tokens of this identity's ServiceAccount; declare a kubernetes account too.");
  const policies = vault?.policies ?? [];
  if (policies.some((policy) => policy === "root" || policy === "default"))
    say(".vault.policies", "must not name root or default; name a policy of your own.");
  const inline = [...(aws?.user?.inlinePolicies ?? []), ...(aws?.role?.inlinePolicies ?? [])];
  if (inline.some(({ name }) => name.startsWith("keyturn")))
    say(".aws.inlinePolicies", "must not have names that begin with keyturn; choose another name.");
  if ((kubernetes?.roles ?? []).some(({ kind, scope }) => scope === "Cluster" && kind !== "ClusterRole"))
    say(".kubernetes.roles", "can bind only a ClusterRole in the whole cluster.");
  const durations = [
    [".aws.role.maxSessionDuration", aws?.role?.maxSessionDuration],
    [".vault.login.tokenTTL", vault?.login.tokenTTL],
  ] as const;
  for (const [at, text] of durations) {
    if (text !== undefined && parseDuration(text) === undefined) say(at, "is not a duration such as 1h or 1h30m.");
  }
  return found;
};

/**
 * What makes two specs the same thing to apply: accounts, whose they are, and what may be adopted. State, expiry, review, deletion,
 * drift, rollback and deadline steer and change nothing at a provider by themselves, so they neither make a spec new nor lift a quarantine.
 */
export const lifecycleSpecHash = (spec: ServiceAccountLifecycleSpec): string => {
  const { owner, purpose, environment, accounts, adoption } = spec;
  return digest({ owner, purpose, environment, accounts, adoption }).slice(0, 32);
};

/** What the identity must be now. From its expiry on it counts as Decommissioned, whatever `state` says. */
export const wantedState = (settings: Pick<LifecycleSettings, "state" | "expiresAt">, now: Date): WantedState =>
  expired(settings, now) ? "Decommissioned" : settings.state;

export const expired = ({ expiresAt }: Pick<LifecycleSettings, "expiresAt">, now: Date): boolean =>
  expiresAt !== undefined && expiresAt <= now;
