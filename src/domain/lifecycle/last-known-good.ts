import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { isRefusalCode } from "../../kernel/errors.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import type { LifecycleAction } from "./action.ts";
import type { LifecycleStatus } from "./record.ts";
import { lifecycleSpecHash, readLeniently, readLifecycleSettings, type LifecycleSettings } from "./settings.ts";
import { cleared, failed } from "./transitions.ts";

export interface Verdict {
  readonly reason: string;
  readonly message: string;
}

/** Told by the first answer: waiting does not make sense of a spec. */
const AT_ONCE: readonly string[] = ["InvalidSpec"];
/** A write that two people raced for is a Conflict too, so it must be seen twice. */
const AT_SECOND_SIGHT: readonly string[] = ["Conflict"];
const ADDING: readonly LifecycleAction["type"][] = ["apply", "refuse", "declare"];

/**
 * Has this spec failed: invalid, or refused by a provider for its whole progress deadline? Unavailable, throttled and timed out never
 * count, neither does anything about leaving; and a spec for which something has been taken away goes forward only.
 */
export const quarantineDue = (
  status: LifecycleStatus,
  settings: Pick<LifecycleSettings, "progressDeadlineMs" | "rollback">,
  at: {
    readonly specHash: string;
    readonly now: Date;
    /** What failed, where the caller knows it. */
    readonly action?: LifecycleAction | undefined;
  },
): Verdict | undefined => {
  const { failures, lastKnownGood } = status;
  if (failures === undefined || !isRefusalCode(failures.reason) || settings.rollback === "None") return undefined;
  if (lastKnownGood?.specHash === at.specHash || isForwardOnly(status)) return undefined;
  if (at.action !== undefined && !ADDING.includes(at.action.type)) return undefined;
  const { reason, message } = failures;
  const now =
    AT_ONCE.includes(reason) ||
    (AT_SECOND_SIGHT.includes(reason) && failures.count > 1) ||
    Date.parse(failures.since) + settings.progressDeadlineMs <= at.now.getTime();
  return now ? { reason, message } : undefined;
};

/**
 * Something was taken away since the last known good spec: to go back to it would give that back. Without a good spec there is
 * nothing to go back to, and taking back what was made only narrows.
 */
export const isForwardOnly = ({ narrowed, lastKnownGood }: LifecycleStatus): boolean =>
  narrowed !== undefined && lastKnownGood !== undefined;

/** Does the quarantine on record still hold for this spec? */
export const quarantineHolds = (
  status: LifecycleStatus,
  at: { readonly specHash: string; readonly connectionGeneration: number; readonly now: Date },
): boolean => {
  const { quarantine, lastKnownGood, failures } = status;
  if (quarantine?.specHash !== at.specHash) return false;
  if (quarantine.connectionGeneration !== at.connectionGeneration) return false;
  // With nothing good to stand on, it is tried again when the back-off is over.
  if (lastKnownGood !== undefined) return true;
  // What is merely out of reach during such a try takes nothing back.
  if (failures === undefined || !isRefusalCode(failures.reason)) return false;
  return Date.parse(failures.nextAttemptTime) > at.now.getTime();
};

/**
 * The spec in force while the own one is quarantined: the good one's accounts, less the privileges that the own spec does not name any
 * more; all else is always the newest. Without a good one: no accounts. A boundary that the own spec has put around an account
 * stays: to take it off again would widen.
 */
export const effectiveSpec = (
  own: ServiceAccountLifecycleSpec,
  good: ServiceAccountLifecycleSpec | undefined,
): ServiceAccountLifecycleSpec => ({
  ...own,
  accounts: (good?.accounts ?? []).map((account) => bounded(withinOwn(account, own.accounts), own.accounts)),
});

/**
 * Does the own spec only take away from the good one? Then going back would change nothing, so it is never said to have failed: it is
 * tried until what it takes away is gone.
 */
export const onlyNarrows = (own: ServiceAccountLifecycleSpec, good: ServiceAccountLifecycleSpec): boolean => {
  const stays = new Set(own.accounts.map(({ name }) => name));
  const kept = effectiveSpec(own, good).accounts.filter(({ name }) => stays.has(name));
  return canonicalJson(plain(kept)) === canonicalJson(plain(own.accounts));
};

/** Lists without regard to their order, and an empty one as none. */
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain).sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => !Array.isArray(member) || member.length > 0);
  return Object.fromEntries(members.map(([key, member]) => [key, plain(member)]));
};

type SpecAccount = ServiceAccountLifecycleSpec["accounts"][number];

/** What the own spec has taken out of an account that it still has is not given back by going back. */
const withinOwn = (account: SpecAccount, own: readonly SpecAccount[]): SpecAccount => {
  const newer = own.find(({ name }) => name === account.name);
  if (newer === undefined) return account;
  const { kubernetes, aws, vault } = account;
  return {
    ...account,
    ...(kubernetes === undefined ? {} : { kubernetes: { ...kubernetes, ...keptRoles(kubernetes, newer.kubernetes) } }),
    ...(aws === undefined ? {} : { aws: keptRights(aws, newer.aws) }),
    ...(vault === undefined
      ? {}
      : { vault: { ...vault, ...kept("policies", vault.policies, newer.vault?.policies, (policy) => policy) } }),
  };
};

type Kubernetes = NonNullable<SpecAccount["kubernetes"]>;
type Aws = NonNullable<SpecAccount["aws"]>;

/** The members of a list that the newer one names too; a list that was absent stays so. */
const kept = <Name extends string, T>(
  name: Name,
  good: readonly T[] | undefined,
  newer: readonly T[] | undefined,
  nameOf: (member: T) => string,
  stays: (member: T) => boolean = () => false,
): Partial<Record<Name, T[]>> => {
  if (good === undefined) return {};
  const named = new Set((newer ?? []).map(nameOf));
  const members = good.filter((member) => named.has(nameOf(member)) || stays(member));
  return { [name]: members } as Partial<Record<Name, T[]>>;
};

const keptRoles = (good: Kubernetes, newer: Kubernetes | undefined): Partial<Kubernetes> =>
  kept("roles", good.roles, newer?.roles, ({ kind, name, scope }) => `${kind}/${scope ?? "Namespace"}/${name}`);

const keptRights = (good: Aws, newer: Aws | undefined): Aws => {
  const rights = newer?.user ?? newer?.role;
  const lists = (of: NonNullable<Aws["user"] | Aws["role"]>) => ({
    ...kept("policies", of.policies, rights?.policies, (arn) => arn),
    // A policy that only denies stays: without it more could be done.
    ...kept("inlinePolicies", of.inlinePolicies, rights?.inlinePolicies, ({ name }) => name, onlyDenies),
  });
  return {
    ...good,
    ...(good.user === undefined
      ? {}
      : {
          user: {
            ...good.user,
            ...lists(good.user),
            ...kept("groups", good.user.groups, newer?.user?.groups, (group) => group),
          },
        }),
    ...(good.role === undefined ? {} : { role: { ...good.role, ...lists(good.role) } }),
  };
};

const onlyDenies = ({ statements }: { readonly statements: readonly { readonly effect: string }[] }): boolean =>
  statements.every(({ effect }) => effect === "Deny");

const bounded = (account: SpecAccount, own: readonly SpecAccount[]): SpecAccount => {
  const newer = own.find(({ name }) => name === account.name)?.aws;
  const { aws } = account;
  if (aws?.user !== undefined && aws.user.permissionsBoundary === undefined) {
    const permissionsBoundary = newer?.user?.permissionsBoundary;
    return permissionsBoundary === undefined
      ? account
      : { ...account, aws: { ...aws, user: { ...aws.user, permissionsBoundary } } };
  }
  if (aws?.role !== undefined && aws.role.permissionsBoundary === undefined) {
    const permissionsBoundary = newer?.role?.permissionsBoundary;
    return permissionsBoundary === undefined
      ? account
      : { ...account, aws: { ...aws, role: { ...aws.role, permissionsBoundary } } };
  }
  return account;
};

/** Which spec is worked for, and the status that goes with it. */
export interface SpecInForce {
  readonly spec: ServiceAccountLifecycleSpec;
  readonly settings: LifecycleSettings;
  readonly specHash: string;
  /** True when it is the object's own. */
  readonly own: boolean;
  /** With `quarantine` and `failures` set or dropped. */
  readonly status: LifecycleStatus;
  /** The spec has failed just now. */
  readonly reverted?: Verdict;
  /** Nothing may be added: the own spec makes no sense and there is nothing to go back to. */
  readonly refusal?: Extract<LifecycleAction, { type: "refuse" }>;
}

/** The object's own spec, or while that is quarantined the last known good accounts under its newest state, expiry, owner and rest. */
export const specInForce = (input: {
  readonly spec: ServiceAccountLifecycleSpec;
  readonly status: LifecycleStatus;
  readonly generation: number;
  /** Changes whenever the platform changes a connection that the spec names. */
  readonly connectionGeneration: number;
  readonly now: Date;
}): SpecInForce => {
  const { spec, generation, connectionGeneration, now } = input;
  const specHash = lifecycleSpecHash(spec);
  const own = readLifecycleSettings(spec);
  const at = { specHash, connectionGeneration, now };
  const held = quarantineHolds(input.status, at) && spec.rollback?.mode !== "None";
  const { quarantine } = input.status;
  const lifted = quarantine !== undefined && !held;
  const status = lifted ? released(input.status, specHash, connectionGeneration) : input.status;
  const quarantined = (verdict: Verdict): SpecInForce => {
    const { reason } = verdict;
    const message = verdict.message.slice(0, LONGEST_MESSAGE);
    const reverted = quarantine?.specHash === specHash ? {} : { reverted: verdict };
    const kept = status.lastKnownGood === undefined ? pausing(status, verdict, now) : cleared(status, "failures");
    return {
      ...goodInForce(spec, status),
      own: false,
      status: {
        ...kept,
        ...triedAdditions(status),
        quarantine: { specHash, connectionGeneration, generation, reason, message },
      },
      ...reverted,
    };
  };

  if ("field" in own) {
    const refusal = {
      type: "refuse",
      code: "InvalidSpec",
      message: own.message,
      about: own.field,
      final: true,
    } as const;
    // What was taken away is not given back, and what the owner does not want reverted is not.
    if (isForwardOnly(status) || (spec.rollback?.mode === "None" && status.lastKnownGood !== undefined))
      return { ...goodInForce(spec, status), own: false, status, refusal };
    return quarantined({ reason: "InvalidSpec", message: own.message });
  }
  if (held && quarantine !== undefined) return { ...goodInForce(spec, status), own: false, status };
  const good = goodSpecOf(status);
  const verdict = good !== undefined && onlyNarrows(spec, good) ? undefined : quarantineDue(status, own, at);
  // Lifted for another try: it is judged by what this try finds.
  if (verdict !== undefined && !lifted) return quarantined(verdict);
  return { spec, settings: own, specHash, own: true, status };
};

const MOST_TRIED = 64;

/** What the plan of the failed spec would have added. */
const triedAdditions = ({ plan, triedAdditions: before }: LifecycleStatus): Pick<LifecycleStatus, "triedAdditions"> => {
  const added = (plan?.lines ?? []).filter((line) => line.startsWith("+") || line.startsWith("~"));
  const all = [...new Set([...added, ...(before ?? [])])].slice(0, MOST_TRIED);
  return all.length === 0 ? {} : { triedAdditions: all };
};

const LONGEST_MESSAGE = 1024;
const LONGEST_PAUSE_MS = 3_600_000;

/** With nothing good to stand on it is tried again: when the back-off is over, which grows with every try. */
const pausing = (status: LifecycleStatus, verdict: Verdict, now: Date): LifecycleStatus => {
  const { failures } = status;
  if (failures !== undefined && new Date(failures.nextAttemptTime) > now) return status;
  const about = failures?.about ?? "spec";
  return { ...status, failures: failed(failures, { ...verdict, about, now, capMs: LONGEST_PAUSE_MS }) };
};

/** For another spec or another connection it starts anew; after a back-off the count goes on. */
const released = (status: LifecycleStatus, specHash: string, connectionGeneration: number): LifecycleStatus => {
  const { quarantine } = status;
  const same = quarantine?.specHash === specHash && quarantine.connectionGeneration === connectionGeneration;
  // The try takes several passes, and the next failure sends it back with a longer pause; success takes the quarantine off.
  return same ? status : cleared(status, "quarantine", "failures");
};

const goodSpecOf = ({ lastKnownGood }: LifecycleStatus): ServiceAccountLifecycleSpec | undefined =>
  lastKnownGood === undefined ? undefined : (JSON.parse(lastKnownGood.spec) as ServiceAccountLifecycleSpec);

const goodInForce = (
  own: ServiceAccountLifecycleSpec,
  status: LifecycleStatus,
): Pick<SpecInForce, "spec" | "settings" | "specHash"> => {
  const spec = effectiveSpec(own, goodSpecOf(status));
  return { spec, settings: readLeniently(spec), specHash: status.lastKnownGood?.specHash ?? "" };
};
