import { CONDITIONS } from "../../api/v1alpha1/reasons.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { parseDuration } from "../../kernel/duration.ts";
import { age } from "../columns.ts";
import type { Finding, Result } from "./finding.ts";
import { nextStep } from "./next-steps.ts";

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly lastTransitionTime: string;
}

/** What the doctor reads of any resource of ours. */
export interface Patient extends KubeObject {
  readonly spec?: { readonly retire?: { readonly deleteAfter?: string }; readonly until?: string };
  readonly status?: {
    readonly conditions?: readonly Condition[];
    readonly pendingRevocations?: readonly {
      readonly id?: string;
      readonly version: string;
      readonly since: string;
      readonly overlapSeconds?: number;
    }[];
  };
}

/** What lasts longer than this is told. */
export const LONG = { reconciling: 30 * 60, unseen: 5 * 60, revocation: 24 * 3600, ledger: 24 * 3600 } as const;
/** spec.retire.deleteAfter when it is absent. */
const DELETE_AFTER = "168h";

/** Present while True: what each means for the doctor. */
const ABNORMAL: Readonly<Record<string, Result>> = {
  Stalled: "fail",
  Reverted: "fail",
  Conflict: "fail",
  RollbackUnavailable: "warn",
  Unmanaged: "warn",
  EndsWithLogin: "warn",
  Drifted: "warn",
  ReviewDue: "warn",
  Paused: "warn",
  Leaked: "warn",
  Unmatched: "fail",
};

/** Reasons of conditions that mean trouble although the condition alone does not. */
const TROUBLED: readonly (readonly [type: string, status: string, reason: string])[] = [
  ["OldCredentialRevoked", "False", "RevocationFailing"],
  ["OldCredentialRevoked", "False", "ClockSkew"],
  ["Offboarded", "False", "OffboardingFailing"],
  ...(["Offboarded", "Suspended"] as const).flatMap((type) =>
    ["ForeignGrant", "CutMissing", "NotOurs", "NotLooked", "TokensOutstanding"].map(
      (reason) => [type, "False", reason] as const,
    ),
  ),
  ["Suspended", "False", "OffboardingFailing"],
];

/** What is stuck in one resource, and what to do. Nothing: all is well with it. */
export const stuckIn = (kind: string, object: Patient, now: Date): readonly Finding[] => {
  const { metadata, status } = object;
  const name = [metadata.namespace, metadata.name].filter((part) => part !== undefined).join("/");
  const seconds = (since: string | undefined): number =>
    since === undefined ? 0 : (now.getTime() - Date.parse(since)) / 1000;
  const finding = (topic: string, result: Result, why: string, next: string): Finding => ({
    id: `stuck/${kind}/${name}/${topic}`,
    what: `${kind} ${name}`,
    result,
    why,
    next,
  });
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) {
    const waited = seconds(metadata.creationTimestamp);
    return waited < LONG.unseen
      ? []
      : [finding("Unseen", "fail", `nobody has looked at it for ${age(waited)}`, NO_OPERATOR)];
  }
  const stalled = conditions.some(({ type, status: is }) => type === "Stalled" && is === "True");
  const ofConditions = conditions.flatMap(({ type, status: is, reason, message, lastTransitionTime }) => {
    const lasted = seconds(lastTransitionTime);
    const told = (result: Result): readonly Finding[] => [
      finding(type, result, `${type}: ${reason} for ${age(lasted)}: ${message}`, nextStep(type, reason)),
    ];
    const abnormal = is === "True" ? ABNORMAL[type] : undefined;
    if (abnormal !== undefined) return told(abnormal);
    if (TROUBLED.some(([t, s, r]) => t === type && s === is && r === reason)) return told("fail");
    const slow =
      (type === "Reconciling" && is === "True" && !stalled) || (type === "DependentsUpdated" && is === "False");
    return slow && lasted > LONG.reconciling ? told("warn") : [];
  });
  const hold = (parseDuration(object.spec?.retire?.deleteAfter ?? DELETE_AFTER) ?? 0) / 1000;
  const old = (status?.pendingRevocations ?? [])
    .map(({ id, version, since, overlapSeconds = 0 }) => ({
      id: id ?? version,
      late: seconds(since) - overlapSeconds - hold,
    }))
    .filter(({ late }) => late > LONG.revocation)
    .map(({ id, late }) =>
      finding(
        `Revocation/${id}`,
        "warn",
        `${id} should have been revoked ${age(late)} ago`,
        "See its condition OldCredentialRevoked.",
      ),
    );
  // What is in use until its end is not old before.
  const entryAge = Math.min(
    seconds(metadata.creationTimestamp),
    object.spec?.until === undefined ? Infinity : seconds(object.spec.until),
  );
  const ledger =
    kind === "OrphanedCredential" && !stalled && entryAge > LONG.ledger
      ? [
          finding(
            "Old",
            "warn",
            `the entry is ${age(entryAge)} old: ${messageOf(conditions)}`,
            "See its conditions; kubectl keyturn overflow end or keep decides about an entry that a limit holds back.",
          ),
        ]
      : [];
  return [...ofConditions, ...old, ...ledger];
};

const messageOf = (conditions: readonly Condition[]): string =>
  conditions.find(({ type }) => type === "Ready")?.message ?? "no condition Ready";

const NO_OPERATOR = "Is the operator running, and does it watch this namespace (--watch-namespace)?";

/** Conditions that the doctor speaks of; a test holds that they exist. */
export const SPOKEN_OF = [...Object.keys(ABNORMAL), ...TROUBLED.map(([type]) => type), "Reconciling"].filter(
  (type) => !(type in CONDITIONS),
);
