import type { Condition, ConditionUpdate } from "../../kernel/conditions.ts";
import { condition, nextConditions } from "../../kernel/conditions.ts";
import { isRefusalCode } from "../../kernel/errors.ts";
import type { RotationAction, WaitFor } from "./action.ts";
import { timeText } from "../../kernel/time-text.ts";
import type { RotationStatus } from "./record.ts";

/** How this pass ended, for people. */
export type Situation =
  | { readonly kind: "acted"; readonly action?: RotationAction }
  | { readonly kind: "waiting"; readonly wait: Extract<RotationAction, { type: "wait" }> }
  /** Needs a person: nothing will change until the spec, the cluster or the provider does. */
  | { readonly kind: "stalled"; readonly reason: string; readonly message: string }
  | { readonly kind: "failed" };

export interface ReportInput {
  readonly status: RotationStatus;
  readonly situation: Situation;
  readonly generation: number;
  readonly now: Date;
  /** spec.verify.mode of the settings in force. */
  readonly login: boolean;
  /** What the source's check has shown (SourceWords). */
  readonly checked: string;
  /** Undefined when the listing was not read in this pass: what was said before stays. */
  readonly unmanaged?: readonly string[] | undefined;
  /** What is wrong with the target's set-up, `message` absent: nothing. Undefined when it is not known in this pass: what was said before stays. */
  readonly caution?: { readonly message?: string } | undefined;
}

/** Everything that status says to people, computed afresh at the end of every pass. Messages are stable: no times, no request ids. */
export const report = (input: ReportInput): RotationStatus => {
  const { status } = input;
  const updates = [
    ready(input),
    verified(input),
    dependentsUpdated(input),
    oldCredentialRevoked(input),
    rotating(input),
    reconciling(input),
    stalled(input),
    reverted(status),
    conflict(input),
    unmanaged(input),
    endsWithLogin(input),
    rollbackUnavailable(status),
    suspended(input),
    adopted(status),
    paused(input),
    leaked(status),
  ].filter((update) => update !== undefined);
  return {
    ...status,
    observedGeneration: input.generation,
    conditions: nextConditions(status.conditions ?? [], updates, { generation: input.generation, now: input.now }),
    activity: activity(input).slice(0, 256),
  };
};

const ready = ({ status, situation, login, checked, now }: ReportInput): ConditionUpdate => {
  const current = status.current;
  const held = notActive(status);
  if (held !== undefined) return condition("Ready", "False", ...held);
  const { rotation } = status;
  if (current === undefined && (status.pendingRevocations ?? []).some((entry) => entry.leaked === true))
    return condition(
      "Ready",
      "False",
      "CredentialLeaked",
      "The credential in use has leaked and is revoked; a new one is being issued.",
    );
  const replacesDead = rotation?.trigger === "Lost" || rotation?.trigger === "Resumed";
  if (replacesDead && rotation.publishedAt === undefined) {
    return condition(
      "Ready",
      "False",
      "CredentialLost",
      "The current credential or its value is gone; a new one is being issued.",
    );
  }
  if (current?.expiresAt !== undefined && Date.parse(current.expiresAt) <= now.getTime()) {
    return condition(
      "Ready",
      "False",
      "CredentialExpired",
      `Credential ${current.version} has ended by itself; a new one is being issued. ${status.failures?.message ?? ""}`.trim(),
    );
  }
  if (current !== undefined && current.resuming !== true) {
    const places = (status.deliveries ?? []).length;
    return login
      ? condition(
          "Ready",
          "True",
          "Available",
          `Credential ${current.version} ${checked} and is delivered to ${places} place(s).`,
        )
      : condition(
          "Ready",
          "True",
          "AvailableUnverified",
          `Credential ${current.version} is delivered to ${places} place(s); spec.verify.mode is None, so only the health of its dependents vouches for it.`,
        );
  }
  if (situation.kind === "stalled") return condition("Ready", "False", situation.reason, situation.message);
  if (situation.kind === "waiting" && situation.wait.for === "IdentityNotReady")
    return condition("Ready", "False", "IdentityNotReady", waitText(situation.wait, status));
  if (status.failures !== undefined)
    return condition("Ready", "False", status.failures.reason, status.failures.message);
  return condition("Ready", "False", "FirstIssuePending", "The first credential is being issued.");
};

/** Why nothing is issued although there may be a credential that works; undefined while the identity is Active. */
const notActive = ({ suspension }: RotationStatus): readonly [reason: string, message: string] | undefined => {
  if (suspension === undefined || suspension.refused === true) return undefined;
  if (suspension.resumedAt !== undefined)
    return ["Resuming", "Its identity is Active again; the current credential has not logged in yet."];
  return suspension.reason === "IdentitySuspended"
    ? ["IdentitySuspended", "Its identity is suspended: nothing is issued until it is Active again."]
    : ["IdentityDecommissioned", "Its identity has ended: nothing is issued any more."];
};

const suspended = ({ status }: ReportInput): ConditionUpdate | undefined => {
  const held = notActive(status);
  return held === undefined ? undefined : condition("Suspended", "True", ...held);
};

const adopted = ({ current }: RotationStatus): ConditionUpdate | undefined =>
  current?.adopted === true
    ? condition(
        "Adopted",
        "True",
        "UntilFirstRotation",
        `Credential ${current.version} was there before; it and its Secrets are given back untouched until the first rotation has replaced it.`,
      )
    : undefined;

const verified = ({ status, login, checked }: ReportInput): ConditionUpdate => {
  const verification = status.rotation?.verification;
  if (!login) return condition("Verified", "Unknown", "NotAsked", "spec.verify.mode is None: no login is tried.");
  if (status.current?.verifiedAt !== undefined) {
    return condition(
      "Verified",
      "True",
      "LoggedIn",
      `Credential ${status.current.version} ${checked}; a wrong one was refused.`,
    );
  }
  if ((verification?.refusals ?? 0) > 0 && verification?.successes === 0) {
    return condition(
      "Verified",
      "False",
      "NotYet",
      "The new credential is refused so far; providers need some time to know it everywhere.",
    );
  }
  return condition("Verified", "False", "Pending", "The first credential has not been verified yet.");
};

const dependentsUpdated = ({ status, situation }: ReportInput): ConditionUpdate => {
  const rotation = status.rotation;
  const waiting = situation.kind === "waiting" ? situation.wait : undefined;
  if (rotation?.direction === "Back") {
    return condition(
      "DependentsUpdated",
      "False",
      "GoingBack",
      `Dependents are being moved back to credential ${status.current?.version ?? "before"}: ${rotation.because ?? "the new one was not accepted"}.`,
    );
  }
  if (
    waiting?.for === "DependentUnhealthy" ||
    waiting?.for === "DependentRollout" ||
    waiting?.for === "DependentMissing" ||
    waiting?.for === "DependentHeld" ||
    waiting?.for === "RolloutTurn" ||
    waiting?.for === "ExternalConfirmation"
  ) {
    return condition("DependentsUpdated", "False", waiting.for, waitText(waiting, status));
  }
  if (rotation?.publishedAt !== undefined) {
    return condition(
      "DependentsUpdated",
      "False",
      "Moving",
      `Dependents are being moved to credential ${rotation.version}.`,
    );
  }
  if (status.current === undefined)
    return condition("DependentsUpdated", "False", "NothingPublished", "No credential has been published yet.");
  return condition(
    "DependentsUpdated",
    "True",
    "AllMoved",
    `Every dependent uses credential ${status.current.version}.`,
  );
};

const oldCredentialRevoked = ({ status, situation }: ReportInput): ConditionUpdate => {
  const pending = status.pendingRevocations ?? [];
  if (pending.length > 0) {
    const versions = pending.map(({ version }) => version).join(", ");
    if (status.revocationFailures !== undefined) {
      return condition(
        "OldCredentialRevoked",
        "False",
        "RevocationFailing",
        `Credential ${versions} is not revoked yet: ${status.revocationFailures.message}`,
      );
    }
    const waiting = situation.kind === "waiting" ? situation.wait.for : undefined;
    const reason =
      waiting === "ClockSkew"
        ? "ClockSkew"
        : pending.some(({ disabledAt }) => disabledAt === undefined)
          ? "Overlap"
          : "Disabled";
    const text = {
      ClockSkew: "this operator's clock and kube-apiserver's differ by more than 30 s, so nothing is retired by time.",
      Overlap: "the overlap that spec.retire declares has not passed.",
      Disabled: "it is disabled and will be deleted after spec.retire.deleteAfter.",
    }[reason];
    return condition("OldCredentialRevoked", "False", reason, `Credential ${versions} still has to go: ${text}`);
  }
  const last = status.history?.[0];
  if (last === undefined)
    return condition("OldCredentialRevoked", "True", "NothingToRevoke", "No credential has been replaced yet.");
  const proof = last.proof ?? "ProvenByListing";
  const text = {
    ProvenByLogin: "a login with it is refused",
    ProvenByListing: "the provider no longer lists it; its value was not available for a login",
    ProvenByAuthority: "its revocation was read back from who issued it",
    Expired: "it has ended by itself",
  }[proof];
  return condition("OldCredentialRevoked", "True", proof, `Credential ${last.version} is dead: ${text}.`);
};

const rotating = ({ status }: ReportInput): ConditionUpdate | undefined =>
  status.rotation === undefined
    ? undefined
    : condition(
        "Rotating",
        "True",
        status.rotation.trigger,
        `Rotation to credential ${status.rotation.version} is under way.`,
      );

const reconciling = (input: ReportInput): ConditionUpdate | undefined => {
  const { status, situation } = input;
  if (situation.kind === "stalled") return undefined;
  const failures = status.failures ?? undefined;
  if (failures !== undefined) return condition("Reconciling", "True", "BackingOff", failures.message);
  const resting = situation.kind === "waiting" && RESTING.includes(situation.wait.for) && status.rotation === undefined;
  return resting ? undefined : condition("Reconciling", "True", "Progressing", activity(input));
};

/** Waits in which nothing is amiss and nothing is under way that a deployment tool should wait for. */
const RESTING: readonly WaitFor[] = [
  "NextRotation",
  "Overlap",
  "Soak",
  "Paused",
  "ClockSkew",
  "IdentitySuspended",
  "IdentityDecommissioned",
  "NextReplacement",
];

/** A refusal that lasts needs a person as well, although it is tried again. */
const stalled = ({ status, situation }: ReportInput): ConditionUpdate | undefined => {
  if (situation.kind === "stalled") return condition("Stalled", "True", situation.reason, situation.message);
  if (situation.kind === "waiting" && situation.wait.for === "NextReplacement")
    return condition("Stalled", "True", "TooManyReplacements", tooMany(situation.wait.recheckAt));
  const stray = status.pendingRevocations?.find(
    ({ id, why }) => why === "Stray" && id === status.revocationFailures?.about,
  );
  if (stray !== undefined && status.revocationFailures?.reason === "StillInUse") {
    return condition("Stalled", "True", "StrayInUse", status.revocationFailures.message);
  }
  const failures = status.failures;
  if (failures !== undefined && HELD_BACK.includes(failures.reason))
    return condition("Stalled", "True", failures.reason, failures.message);
  if (failures === undefined || failures.count < STALLED_AFTER || !isRefusalCode(failures.reason)) return undefined;
  return condition("Stalled", "True", failures.reason, failures.message);
};

const tooMany = (next: Date | undefined): string =>
  `Three lost or leaked credentials were replaced in a day: from now on one an hour, the next at ${next === undefined ? "its time" : timeText(next)}. What has leaked is revoked. Find out who loses them.`;

const STALLED_AFTER = 3;

/** Not refused and not out of reach: the platform holds it back, and a person may have to look. */
const HELD_BACK: readonly string[] = ["LimitReached", "AuditShareUsed", "KillSwitch", "VersionSkew"];

const reverted = ({ quarantine, lastKnownGood }: RotationStatus): ConditionUpdate | undefined =>
  quarantine === undefined
    ? undefined
    : condition(
        "Reverted",
        "True",
        quarantine.reason,
        `Generation ${quarantine.generation} could not be applied: ${quarantine.message} Generation ${lastKnownGood?.generation ?? 0} is in force. Change the spec, or set the annotation keyturn.dev/retry to a new value.`,
      );

const conflict = ({ status, situation }: ReportInput): ConditionUpdate | undefined => {
  if (situation.kind === "stalled" && situation.reason === "Conflict")
    return condition("Conflict", "True", "NotOurs", situation.message);
  if (status.failures?.reason === "Conflict") return condition("Conflict", "True", "NotOurs", status.failures.message);
  return undefined;
};

const unmanaged = (input: ReportInput): ConditionUpdate | undefined => {
  if (input.unmanaged === undefined) {
    const before: Condition | undefined = input.status.conditions?.find(({ type }) => type === "Unmanaged");
    return before === undefined ? undefined : condition("Unmanaged", "True", before.reason, before.message);
  }
  if (input.unmanaged.length === 0) return undefined;
  return condition(
    "Unmanaged",
    "True",
    "UnknownCredential",
    `At the provider there are ${input.unmanaged.length} credential(s) that Keyturn did not make and does not touch: ${input.unmanaged.slice(0, 5).join(", ")}.`,
  );
};

const endsWithLogin = ({ caution, status }: ReportInput): ConditionUpdate | undefined => {
  const before = status.conditions?.find(({ type }) => type === "EndsWithLogin");
  const message = caution === undefined ? before?.message : caution.message;
  return message === undefined ? undefined : condition("EndsWithLogin", "True", "GenerateLease", message);
};

const rollbackUnavailable = ({ rotation }: RotationStatus): ConditionUpdate | undefined =>
  rotation?.previousKept === "Unavailable"
    ? condition(
        "RollbackUnavailable",
        "True",
        "PreviousValueLost",
        "The value in use could not be read back from staging or a delivery, so this rotation can only go forward.",
      )
    : undefined;

const leaked = ({ current, rotation, pendingRevocations = [] }: RotationStatus): ConditionUpdate | undefined => {
  const alive = [current, rotation?.previous, ...pendingRevocations].filter((each) => each?.leaked === true);
  const [first] = alive;
  if (first === undefined) return undefined;
  return first === current
    ? condition(
        "Leaked",
        "True",
        "BeingReplaced",
        `Credential ${first.version} has leaked; a new one is being put in its place.`,
      )
    : condition("Leaked", "True", "BeingRevoked", `Credential ${first.version} has leaked; it is being revoked.`);
};

const paused = ({ situation }: ReportInput): ConditionUpdate | undefined =>
  situation.kind === "waiting" && situation.wait.for === "Paused"
    ? condition(
        "Paused",
        "True",
        "AskedFor",
        "The annotation keyturn.dev/paused is set: nothing but revocation is done until it is removed.",
      )
    : undefined;

const waitText = (wait: Extract<RotationAction, { type: "wait" }>, status: RotationStatus): string => {
  const about = wait.about ?? "";
  const texts: Record<WaitFor, string> = {
    Paused: "Paused",
    IdentityNotReady: about === "" ? "Waiting for the identity" : about,
    IdentitySuspended: "Its identity is suspended",
    IdentityDecommissioned: "Its identity has ended",
    BackingOff: status.failures?.message ?? status.revocationFailures?.message ?? "Backing off",
    Verification: `Logging in with credential ${status.rotation?.version ?? ""} over its soak`,
    DependentUnhealthy: `Dependent ${about} is not healthy; the rotation waits until it is`,
    DependentRollout: `Waiting for dependent ${about} to run on the new credential`,
    DependentMissing: `Dependent ${about} does not exist`,
    DependentHeld: `Dependent ${about}`,
    RolloutTurn: `Dependent ${about} is rolled together with what else changes for it, and when fewer others roll`,
    ExternalConfirmation: `Waiting for confirmed.keyturn.dev/${about}: ${status.current?.version ?? status.rotation?.version ?? ""}`,
    FreeSlot: "All of the provider's slots are taken; waiting for an older credential to be retired",
    Lockout: "Two logins were refused within 15 minutes; the next one waits, so that nobody is locked out",
    Overlap: `Credential ${about} stays valid for its overlap`,
    Soak: `Credential ${about} is disabled and held`,
    ClockSkew: "Clocks disagree; nothing is retired",
    NextReplacement: "Three lost or leaked credentials were replaced in a day; the next one waits for its hour",
    NextRotation: "Idle",
  };
  return texts[wait.for];
};

const activity = ({ situation, status }: ReportInput): string => {
  if (situation.kind === "stalled") return `Stalled: ${situation.reason}`;
  const held = notActive(status);
  if (held !== undefined) return held[0] === "Resuming" ? "Resuming" : `Held: ${held[0]}`;
  if (status.quarantine !== undefined && status.rotation === undefined) return `Reverted: ${status.quarantine.reason}`;
  if (status.failures !== undefined && situation.kind !== "acted") return `Backing off: ${status.failures.reason}`;
  if (situation.kind === "waiting") return waitText(situation.wait, status).slice(0, 120);
  const rotation = status.rotation;
  if (rotation === undefined) return (status.pendingRevocations ?? []).length > 0 ? "Retiring" : "Reconciling";
  if (rotation.direction === "Back") return `Going back from ${rotation.version}`;
  if (rotation.credential === undefined) return `Issuing ${rotation.version}`;
  if (rotation.verification?.verifiedAt === undefined) return `Verifying ${rotation.version}`;
  return rotation.publishedAt === undefined
    ? `Publishing ${rotation.version}`
    : `Moving dependents to ${rotation.version}`;
};
