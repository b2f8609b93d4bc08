import type { KnownKind } from "./shape.ts";

/**
 * `normal`: present always, True is good. `abnormal`: present only while it is True. `proof`: present only while it is asked for, True
 * when it has been proven.
 */
export type Polarity = "normal" | "abnormal" | "proof";

/** The same in words, for the reference page. */
export const POLARITY_WORDS: Readonly<Record<Polarity, string>> = {
  normal: "True is good.",
  abnormal: "Present only while True.",
  proof: "Present only while it is asked for; True when it is proven.",
};

export interface ConditionMeaning {
  readonly on: readonly KnownKind[];
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
  InUse:
    "Something still hangs on what is to be deleted; the message names it. Take it away where Keyturn may not, or wait until it is gone.",
  Rejected: "The new credential was refused for good; another one is tried after a pause.",
  LimitReached: "The limit on offboardings, grants or issues is reached; a person has to decide, or time has to pass.",
  AuditShareUsed:
    "The namespace has used its share of the audit volume for today (--audit-share): what its resources add or change waits until 00:00 UTC.",
  KillSwitch: "The kill switch is on (ConfigMap keyturn-kill-switch): nothing but revocation goes on.",
  ReadOnly: "Read-only is on (ConfigMap keyturn-read-only or --read-only): nothing outside of status is changed.",
  VersionSkew:
    "A newer version has written something that this version of the operator does not know; nothing is done.",
  NegativeControlAccepted: "A wrong credential was accepted too, so the login proves nothing.",
  Unknown: "An error that the operator has no word for; its log has more.",
} as const;

/** Of an IdentityHold, what of it asks for a person. */
const UNMATCHED = {
  MatchesNothing: "No resource, ledger entry or claim has its name or one of its targets: nothing was cut.",
  ForeignMatch: "Something that it matches is not Keyturn's, so nothing of that was cut; the message names it.",
} as const;

/** Needs a person: what no retry will cure. */
const STALL_REASONS = {
  Conflict:
    "Another resource holds the claim, or a place of delivery exists and is not Keyturn's. Name another target, or remove the other owner.",
  TooManyReplacements:
    "Three lost or leaked credentials were replaced in a day; the next ones are issued one an hour. What has leaked is revoked all the same.",
  SlotsFull: "The user has as many access keys as AWS allows, and none of them is Keyturn's to retire. Delete one.",
  StrayInUse:
    "A key that appeared during an open rotation has been used by somebody. It is disabled; find its user, then delete it.",
  StrayOnSharedTarget:
    "A key appeared during an open rotation on a user that is not exclusive (source.awsAccessKey.exclusive: false). Delete it, or leave it and set keyturn.dev/retry.",
} as const;

/** Every condition type and every reason that it can have; docs/reference/conditions.md shows the same, held by a test. */
export const CONDITIONS = {
  Ready: {
    on: ["SecretRotation", "ServiceAccountLifecycle", "ProviderConnection", "OrphanedCredential", "IdentityHold"],
    polarity: "normal",
    meaning:
      "SecretRotation: a credential is published that works; it stays True during a rotation and after a failed one. ServiceAccountLifecycle: the identity is as its spec in force says. ProviderConnection: the operator can log in. OrphanedCredential: all is revoked and proven. IdentityHold: everything that it matches is cut, and that was proven.",
    reasons: {
      Available: "The current credential has logged in and is delivered.",
      AvailableUnverified: "The current credential is delivered; spec.verify.mode is None, so no login was tried.",
      FirstIssuePending: "The first credential is being issued.",
      CredentialExpired: "SecretRotation: the current credential has ended by itself before a new one could be issued.",
      CredentialLeaked:
        "SecretRotation: the credential in use has leaked and is revoked (spec.onLeak RevokeFirst); a new one is being issued.",
      CredentialLost: "The current credential or its value is gone; a new one is being issued.",
      LoggedIn: "The operator has logged in through this connection, and it is in the account that the spec names.",
      Pending: "The operator has not come to a result yet.",
      Revoking: "What was left behind is being revoked.",
      KeptInUse: "What was left behind is in use until its end, as declared with Retain; then it is cut.",
      Revoked: "Everything is revoked and proven; the entry goes.",
      AsDeclared: "Every account stands as the spec says.",
      LastKnownGood: "The newest spec failed; every account stands as the last known good one says.",
      Joining: "Accounts are being made for the first time.",
      Moving: "The accounts are being changed to what the spec says now.",
      Drifted: "Something was changed by hand; it is being put back, or spec.drift.mode is Report.",
      Planned: "The plan is in status.plan; the annotation keyturn.dev/dry-run holds it there.",
      Suspended: "The identity is suspended.",
      Held: "An IdentityHold holds it; only who may delete that can bring it back. IdentityHold: all that it matches is cut and proven.",
      Cutting: "IdentityHold: something that it matches is not wholly cut yet; the message names it.",
      NotProven: "IdentityHold: all that it matches is cut, and not all of it is proven yet; the message names it.",
      ...UNMATCHED,
      IdentityNotReady: "The identity that the credential belongs to, or its account, does not exist yet.",
      IdentitySuspended: "The identity that the credential belongs to is suspended.",
      IdentityDecommissioned:
        "The identity that the credential belongs to is decommissioned, expired, being deleted or gone.",
      Resuming: "The identity is coming back: logins, credentials and rights are being given back.",
      Expired: "spec.expiresAt has passed.",
      Decommissioned: "The identity is decommissioned.",
      ...STALL_REASONS,
      ...FAILURE_REASONS,
    },
  },
  Provisioned: {
    on: ["ServiceAccountLifecycle"],
    polarity: "normal",
    meaning: "Every account of the spec in force has been wholly applied at least once.",
    reasons: {
      AccountsStand: "Every account exists and is owned.",
      Pending: "An account has not been wholly applied yet.",
      Removed: "The accounts are deleted.",
    },
  },
  Offboarded: {
    on: ["ServiceAccountLifecycle"],
    polarity: "normal",
    meaning:
      "Every account is refused by its provider, and that was proven. Present only from the moment when the identity is decommissioned or expires.",
    reasons: {
      Proven: "Rights are cut, credentials disabled, and the providers refuse; deletion follows as spec.deletion says.",
      Deleted: "The accounts are deleted.",
      NothingThere: "The identity never had an account.",
      Cutting: "Rights are being cut and credentials disabled.",
      OffboardingFailing: "A provider does not let it be done; tried again on its own.",
      Planned: "Versions before this one: the annotation keyturn.dev/dry-run holds it back. It delays no end any more.",
      ForeignGrant: "All that Keyturn gave is refused, but somebody else gives the identity privileges.",
      CutMissing: "A look did not find the cut that was proven before; it is put back, and proven anew.",
      NotOurs: "Something that is not this resource's stands under the name of an account; nothing is proven of it.",
      NotLooked: "Something could not be looked at, so nothing is proven; it is tried again.",
      TokensOutstanding: "Tokens that were given before the cut work on until the time that the message names.",
      CredentialsAlive:
        "The accounts are refused, but a SecretRotation of the identity, or what a deleted one left in the ledger, has a credential that is not gone; the message names them.",
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
      DependentHeld:
        "A dependent is paused, keeps pods back or has a run of before; its roll-out goes on when that ends.",
      RolloutTurn:
        "A dependent waits to be rolled once for several changes, or for its turn (--max-concurrent-rollouts).",
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
      ProvenByAuthority: "Its revocation was read back from the authority that issued it.",
      Expired: "It has ended by itself.",
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
      Scheduled: "spec.schedule says so, or the credential ends by itself soon.",
      Requested: "The annotation keyturn.dev/rotate-at asked for it.",
      Lost: "The current credential is gone at the provider, or its value is gone everywhere.",
      Leaked: "The current credential has leaked.",
      Resumed: "After an undone deletion or suspension the old credential could not be used again.",
    },
  },
  Unmatched: {
    on: ["IdentityHold"],
    polarity: "abnormal",
    meaning: "The hold does not hold what it was meant for; a person has to look.",
    reasons: { ...UNMATCHED },
  },
  Reconciling: {
    on: ["SecretRotation", "ServiceAccountLifecycle", "ProviderConnection", "OrphanedCredential", "IdentityHold"],
    polarity: "abnormal",
    meaning: "Something is under way (kstatus).",
    reasons: {
      Progressing: "Steps are being taken.",
      BackingOff: "A step failed and will be tried again.",
    },
  },
  Stalled: {
    on: ["SecretRotation", "ServiceAccountLifecycle", "ProviderConnection", "OrphanedCredential", "IdentityHold"],
    polarity: "abnormal",
    meaning: "Nothing moves until a person acts, or a refusal has lasted (kstatus).",
    reasons: {
      ...STALL_REASONS,
      ...FAILURE_REASONS,
      Narrowed:
        "The spec is refused after something has been removed for it already: it is tried again and never reverted. Change the spec.",
      WasDecommissioned: "The identity was decommissioned and is deleted; create a new resource.",
    },
  },
  Suspended: {
    on: ["SecretRotation", "ServiceAccountLifecycle"],
    polarity: "proof",
    meaning:
      "ServiceAccountLifecycle: spec.state is Suspended; True when nothing of it works any more, which was proven, else False. SecretRotation: its identity is not Active, so nothing is issued.",
    reasons: {
      Cutting: "Rights are being cut and credentials disabled.",
      Proven: "Rights are cut, credentials disabled, and the providers refuse.",
      Held: "The same, by an IdentityHold: only who may delete that can bring it back. status.holds has its name.",
      IdentitySuspended: "The identity that the rotation belongs to is suspended.",
      IdentityDecommissioned: "The identity that the rotation belongs to is decommissioned, expired or being deleted.",
      Resuming: "The identity is Active again; the current credential has not logged in yet.",
      OffboardingFailing: "A provider does not let rights be cut; tried again on its own.",
      ForeignGrant: "All that Keyturn gave is refused, but somebody else gives the identity privileges.",
      CutMissing: "A look did not find the cut that was proven before; it is put back, and proven anew.",
      NotOurs: "Something that is not this resource's stands under the name of an account; nothing is proven of it.",
      NotLooked: "Something could not be looked at, so nothing is proven; it is tried again.",
      TokensOutstanding: "Tokens that were given before the cut work on until the time that the message names.",
      CredentialsAlive:
        "The accounts are refused, but a SecretRotation of the identity, or what a deleted one left in the ledger, has a credential that is not gone; the message names them.",
    },
  },
  Expired: {
    on: ["ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning: "spec.expiresAt has passed; the identity counts as Decommissioned.",
    reasons: { ExpiresAtPassed: "A later expiresAt brings it back until deletion.holdFor has passed." },
  },
  ReviewDue: {
    on: ["ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning: "Nobody has said within spec.review.every that the identity is still needed.",
    reasons: { NotReviewed: "Set the annotation keyturn.dev/reviewed-at to the time of the review." },
  },
  Drifted: {
    on: ["ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning: "What stands differs from the spec in force and was not put back.",
    reasons: {
      Reported: "spec.drift.mode is Report; status.drift lists it.",
      UnknownRestriction:
        "Somebody has bound the account by more than the spec says. Keyturn never takes that away; declare it, or take it away.",
      DriftUndecided:
        "Somebody else's policy or group may forbid as well as give, or could not be read, so it stays. Declare it, take it away, or let the operator read it.",
    },
  },
  PlanOnly: {
    on: ["ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning: "The plan is in status.plan, and nothing of it is done.",
    reasons: { AskedFor: "The annotation keyturn.dev/dry-run is set." },
  },
  RightsMissing: {
    on: ["ProviderConnection"],
    polarity: "abnormal",
    meaning:
      "The operator's login at the provider lacks rights that some looks at accounts need. Nothing waits for them; the message names each.",
    reasons: { NotAllowed: "The provider said so when it was asked; docs/how-to/upgrade.md lists what to allow." },
  },
  Adopted: {
    on: ["SecretRotation", "ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning:
      "Something that existed before is in use and is not Keyturn's yet: deletion, suspension and a revert give it back untouched.",
    reasons: {
      UntilFirstRotation: "SecretRotation: until the first verified rotation.",
      UntilWhollyApplied: "ServiceAccountLifecycle: until the account stands wholly as the spec says.",
    },
  },
  Reverted: {
    on: ["SecretRotation", "ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning:
      "The spec failed and is quarantined; status.lastKnownGood is in force. Without one, a ServiceAccountLifecycle takes back what was made.",
    reasons: { ...FAILURE_REASONS },
  },
  Conflict: {
    on: ["SecretRotation", "ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning: "The target or a place of delivery belongs to somebody else.",
    reasons: { NotOurs: "It is claimed or marked by another owner, or exists without a mark." },
  },
  Unmanaged: {
    on: ["SecretRotation", "ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning: "The target has credentials or privileges that Keyturn did not make and does not touch.",
    reasons: {
      UnknownCredential: "The message names up to five of them.",
      ForeignGrant: "Somebody else's binding gives the account privileges; the message names up to five of them.",
    },
  },
  EndsWithLogin: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning:
      "The provider revokes the credential together with the operator's own login. The message has the command that mends it.",
    reasons: {
      GenerateLease:
        "The PKI role in Vault has generate_lease. A SecretRotation without a certificate gets none from it.",
    },
  },
  RollbackUnavailable: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning: "The open rotation can only go forward.",
    reasons: { PreviousValueLost: "The value in use could not be read back from staging or a delivery." },
  },
  Leaked: {
    on: ["SecretRotation"],
    polarity: "abnormal",
    meaning: "A credential that leaked (keyturn.dev/leaked) is still alive.",
    reasons: {
      BeingReplaced: "A new one is being put in its place; then it is revoked.",
      BeingRevoked: "It is being revoked.",
    },
  },
  Paused: {
    on: ["SecretRotation", "ServiceAccountLifecycle"],
    polarity: "abnormal",
    meaning: "Nothing is done except revocation and offboarding.",
    reasons: { AskedFor: "The annotation keyturn.dev/paused is set." },
  },
  ReadOnly: {
    on: ["SecretRotation", "ServiceAccountLifecycle", "ProviderConnection", "OrphanedCredential"],
    polarity: "abnormal",
    meaning:
      "Read-only is on. ProviderConnection: nothing is changed through it. Other kinds: something is due and waits; the message says what.",
    reasons: {
      Engaged: "ProviderConnection: the ConfigMap keyturn-read-only or the flag --read-only has switched it on.",
      NotKnown: "Since its start the operator has not been able to read the ConfigMap keyturn-read-only.",
      EndWaiting: "The next step takes access away, or the resource is being deleted.",
      Waiting: "The next step is another one.",
    },
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
  LeakReported: { type: "Warning", meaning: "Somebody says that a version has leaked; it goes through spec.onLeak." },
  Surrendered: {
    type: "Normal",
    meaning:
      "The identity is not Active and what it holds cannot be disabled, so it is revoked; another one is issued on its return.",
  },
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
  Resumed: {
    type: "Normal",
    meaning:
      "A suspension or deletion was undone: what was in use before is in use again, of credentials those on record of a SecretRotation.",
  },
  Planned: { type: "Normal", meaning: "What will be created, changed and removed stands in status.plan." },
  Adopted: { type: "Normal", meaning: "Something that existed before was taken over; the note says what." },
  GivenBack: { type: "Normal", meaning: "Something adopted was given back as it was found." },
  Provisioned: {
    type: "Normal",
    meaning: "Every account stands as the spec says; this spec is the last known good one.",
  },
  Granted: { type: "Normal", meaning: "An account was given a privilege; the note has it." },
  Removed: { type: "Normal", meaning: "A privilege that is no longer declared was taken away; the note has it." },
  Moved: { type: "Normal", meaning: "Owner, contact or environment changed; status.moves has from and to." },
  Suspended: {
    type: "Normal",
    meaning:
      "An account is refused by its provider, and that was proven; it can come back. On SecretRotation: nothing is issued.",
  },
  Offboarded: { type: "Normal", meaning: "An account that leaves is refused by its provider, and that was proven." },
  AccountDeleted: { type: "Normal", meaning: "An account that left was deleted after its hold." },
  SpecRewritten: {
    type: "Normal",
    meaning: "spec.rollback.mode RewriteSpec: the last known good spec was written back.",
  },
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
  Drifted: {
    type: "Warning",
    meaning: "Something was changed by hand; the note says what, and whether it is put back.",
  },
  Leaving: {
    type: "Warning",
    meaning: "An account is being cut off: suspended, decommissioned, expired or no longer declared.",
  },
  ForeignGrant: {
    type: "Warning",
    meaning: "Somebody else gives an identity that must not work privileges; the note names what gives them.",
  },
  CutMissing: { type: "Warning", meaning: "A look did not find the cut that was proven before; it is put back." },
  NotOurs: {
    type: "Warning",
    meaning: "Something that is not this resource's stands under the name of an account; nothing is proven of it.",
  },
  NotLooked: { type: "Warning", meaning: "Something could not be looked at, so no end is proven; the note names it." },
  DriftUndecided: {
    type: "Warning",
    meaning: "Somebody else's policy or group may forbid as well as give, or could not be read, so it stays.",
  },
  ReturnRefused: {
    type: "Warning",
    meaning: "Who asks that the identity lives again, or longer, may not; the note says who may.",
  },
  ReviewDue: { type: "Warning", meaning: "Nobody has said in time that the identity is still needed." },
  RewriteRefused: {
    type: "Warning",
    meaning: "spec.rollback.mode is RewriteSpec, but Git owns the object; its spec is left alone.",
  },
  LimitReached: { type: "Warning", meaning: "A cluster-wide limit holds back what was to be done next." },
  AuditShareUsed: {
    type: "Warning",
    meaning: "The namespace's share of the audit volume for today is used up; what would be added or changed waits.",
  },
  VersionSkew: {
    type: "Warning",
    meaning: "A newer version has written a field that this one does not know, so it does nothing; the note names it.",
  },
  Held: { type: "Normal", meaning: "Everything that the IdentityHold matches is cut, and that was proven." },
  HoldUnmatched: {
    type: "Warning",
    meaning: "The IdentityHold matches nothing, or something that is not Keyturn's; the note says what.",
  },
  EndsWithLogin: {
    type: "Warning",
    meaning:
      "The provider revokes this credential with the operator's own login; the note has the command that mends it.",
  },
  InvalidAnnotation: { type: "Warning", meaning: "An annotation cannot be read and is ignored; the note says which." },
  ConnectionFailed: { type: "Warning", meaning: "The operator cannot log in through this connection." },
} as const satisfies Readonly<Record<string, EventMeaning>>;

export type EventReason = keyof typeof EVENTS;
