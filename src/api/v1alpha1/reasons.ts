/** `normal`: present always, True is good. `abnormal`: present only while it is True. */
export type Polarity = "normal" | "abnormal";

export interface ConditionMeaning {
  readonly on: readonly ("SecretRotation" | "ProviderConnection" | "OrphanedCredential")[];
  readonly polarity: Polarity;
  readonly meaning: string;
  /** Reason → meaning. Stable: alerts and scripts may compare them. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** Codes of failures (kernel/errors.ts): the reason wherever a condition tells of a call that failed. */
export const FAILURE_REASONS = {
  NotFound: "The target, the connection or another thing that the spec names does not exist.",
  AlreadyExists: "Something of this name exists already and is not Keyturn's.",
  Conflict: "Another resource or somebody else owns the target or the place of delivery.",
  InvalidSpec:
    "The spec, or the connection's spec, makes no sense to this version of the operator; the message names the field.",
  PermissionDenied: "The connection does not allow this namespace, or the provider forbids the call.",
  Unauthenticated: "The operator's own login at the provider was refused.",
  QuotaExceeded: "The provider has no room for one more.",
  Throttled: "The provider asks to be called less often; waited out.",
  Unavailable: "The provider cannot be reached, is sealed, or fails; waited out.",
  Timeout: "No answer came in time; waited out.",
  Aborted: "The operator was stopping; taken up again by the next one.",
  StillInUse:
    "The credential that must go was used lately, or the provider does not say when it was; it stays as it is until that ends.",
  Rejected: "The new credential was refused for good; another one is tried after a pause.",
  NegativeControlAccepted: "A wrong credential was accepted too, so the login proves nothing.",
  Unknown: "An error that the operator has no word for; its log has more.",
} as const;

/** Needs a person: what no retry will cure. */
const STALL_REASONS = {
  Conflict:
    "Another resource holds the claim, or a place of delivery exists and is not Keyturn's. Name another target, or remove the other owner.",
  SlotsFull: "The user has as many access keys as AWS allows, and none of them is Keyturn's to retire. Delete one.",
  StrayInUse:
    "A key that appeared during an open rotation has been used by somebody. It is disabled; find its user, then delete it.",
  StrayOnSharedTarget:
    "A key appeared during an open rotation on a user that is not exclusive (source.awsAccessKey.exclusive: false). Delete it, or leave it and set keyturn.dev/retry.",
} as const;

/** Every condition type and every reason that it can have; docs/reference/conditions.md shows the same, held by a test. */
export const CONDITIONS = {
  Ready: {
    on: ["SecretRotation", "ProviderConnection", "OrphanedCredential"],
    polarity: "normal",
    meaning:
      "SecretRotation: a credential is published that works; it stays True during a rotation and after a failed one. ProviderConnection: the operator can log in. OrphanedCredential: all is revoked and proven.",
    reasons: {
      Available: "The current credential has logged in and is delivered.",
      AvailableUnverified: "The current credential is delivered; spec.verify.mode is None, so no login was tried.",
      FirstIssuePending: "The first credential is being issued.",
      CredentialLost: "The current credential or its value is gone; a new one is being issued.",
      LoggedIn: "The operator has logged in through this connection, and it is in the account that the spec names.",
      Pending: "The operator has not come to a result yet.",
      Revoking: "What was left behind is being revoked.",
      Revoked: "Everything is revoked and proven; the entry goes.",
      ...STALL_REASONS,
      ...FAILURE_REASONS,
    },
  },
  Verified: {
    on: ["SecretRotation"],
    polarity: "normal",
    meaning: "The current credential was proven by real logins, and a wrong one was refused.",
    reasons: {
      LoggedIn: "It logged in; a wrong one was refused.",
      NotAsked: "spec.verify.mode is None.",
      NotYet: "It is refused so far; providers need some time to know a new credential everywhere.",
      Pending: "The first credential has not been verified yet.",
    },
  },
  DependentsUpdated: {
    on: ["SecretRotation"],
    polarity: "normal",
    meaning: "Every dependent runs on the current version.",
    reasons: {
      AllMoved: "Every dependent uses the current version.",
      Moving: "Dependents are being moved to the new version.",
      GoingBack: "Dependents are being moved back to the version before.",
      NothingPublished: "No credential has been published yet.",
      DependentUnhealthy: "A dependent is not healthy; the rotation waits until it is.",
      DependentRollout: "A dependent is rolling out.",
      DependentMissing: "A dependent does not exist.",
      ExternalConfirmation: "An external dependent has not confirmed by annotation.",
    },
  },
  OldCredentialRevoked: {
    on: ["SecretRotation"],
    polarity: "normal",
    meaning: "Every replaced credential is dead, and that was proven.",
    reasons: {
      ProvenByLogin: "A login with the last replaced one is refused.",
      ProvenByListing: "Its value was lost, so a login could not be tried; the provider no longer lists it.",
      NothingToRevoke: "No credential has been replaced yet.",
      Overlap: "The overlap that spec.retire declares has not passed.",
      Disabled: "It is disabled and will be deleted after spec.retire.deleteAfter.",
      ClockSkew: "The operator's clock and kube-apiserver's differ by more than 30 s, so nothing is retired by time.",
      RevocationFailing: "The provider does not let it be revoked; tried again on its own.",
    },
  },
  Rotating: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning: "A rotation is open; the reason is its trigger.",
    reasons: {
      FirstIssue: "There was no credential.",
      Scheduled: "spec.schedule.every has passed.",
      Requested: "The annotation keyturn.dev/rotate-at asked for it.",
      Lost: "The current credential is gone at the provider, or its value is gone everywhere.",
      Resumed: "After an undone deletion the old credentials could not be used again.",
    },
  },
  Reconciling: {
    on: ["SecretRotation", "ProviderConnection", "OrphanedCredential"],
    polarity: "abnormal",
    meaning: "Something is under way (kstatus).",
    reasons: {
      Progressing: "Steps are being taken.",
      BackingOff: "A step failed and will be tried again.",
    },
  },
  Stalled: {
    on: ["SecretRotation", "ProviderConnection", "OrphanedCredential"],
    polarity: "abnormal",
    meaning: "Nothing moves until a person acts, or a refusal has lasted (kstatus).",
    reasons: { ...STALL_REASONS, ...FAILURE_REASONS },
  },
  Reverted: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning: "The spec failed and is quarantined; status.lastKnownGood is in force.",
    reasons: { ...FAILURE_REASONS },
  },
  Conflict: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning: "The target or a place of delivery belongs to somebody else.",
    reasons: { NotOurs: "It is claimed or marked by another owner, or exists without a mark." },
  },
  Unmanaged: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning: "The target has credentials that Keyturn did not make and does not touch.",
    reasons: { UnknownCredential: "The message names up to five of them." },
  },
  RollbackUnavailable: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning: "The open rotation can only go forward.",
    reasons: { PreviousValueLost: "The value in use could not be read back from staging or a delivery." },
  },
  Paused: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning: "Nothing is done.",
    reasons: { AskedFor: "The annotation keyturn.dev/paused is set." },
  },
} as const satisfies Readonly<Record<string, ConditionMeaning>>;

export type ConditionType = keyof typeof CONDITIONS;
export type ConditionReason<T extends ConditionType> = keyof (typeof CONDITIONS)[T]["reasons"];

export interface EventMeaning {
  readonly type: "Normal" | "Warning";
  readonly meaning: string;
}

/** Every event's reason; docs/reference/events.md shows the same, held by a test. */
export const EVENTS = {
  RotationStarted: { type: "Normal", meaning: "The intent is recorded; the trigger is in the note." },
  Issued: { type: "Normal", meaning: "A new credential was made and staged." },
  Verified: { type: "Normal", meaning: "The new credential logged in, and a wrong one was refused." },
  Published: { type: "Normal", meaning: "Every delivery carries the new version." },
  DependentRolling: { type: "Normal", meaning: "A dependent was told to restart with the new version." },
  ConfirmationAwaited: {
    type: "Normal",
    meaning: "An external dependent has to confirm; the note has the annotation.",
  },
  RotationSucceeded: { type: "Normal", meaning: "Every dependent has moved." },
  Disabled: { type: "Normal", meaning: "A replaced credential was disabled." },
  Deleted: { type: "Normal", meaning: "A replaced credential was deleted." },
  Proven: { type: "Normal", meaning: "A replaced credential is refused, or no longer listed." },
  Withdrawn: { type: "Normal", meaning: "A place of delivery that the spec no longer names was cleared." },
  Resumed: { type: "Normal", meaning: "An undone deletion: the predecessor's credentials were taken over." },
  HandedOver: { type: "Normal", meaning: "The resource goes; the ledger does what is left." },
  RotationRolledBack: { type: "Warning", meaning: "The version before is published again; the note has the reason." },
  RotationAbandoned: {
    type: "Warning",
    meaning: "The rotation ended before anything was published; the pending credential is discarded.",
  },
  VerificationRejected: {
    type: "Warning",
    meaning: "The new credential was refused for good, or a wrong one was accepted.",
  },
  StrayFound: { type: "Warning", meaning: "A credential that may be a late answer of ours was found." },
  RollbackUnavailable: { type: "Warning", meaning: "The value in use is lost; the rotation can only go forward." },
  Reverted: { type: "Warning", meaning: "The spec failed; the last known good stays in force." },
  InvalidAnnotation: { type: "Warning", meaning: "An annotation cannot be read and is ignored; the note says which." },
  ConnectionFailed: { type: "Warning", meaning: "The operator cannot log in through this connection." },
} as const satisfies Readonly<Record<string, EventMeaning>>;

export type EventReason = keyof typeof EVENTS;
