/**
 * Condition, or condition and reason → what a person can do. docs/reference/conditions.md ("What to do") shows the same; a test
 * compares them.
 */
export const NEXT_STEPS: Readonly<Record<string, string>> = {
  "Stalled/Conflict": "Name another target or place of delivery, or remove the other owner's claim.",
  "Stalled/TooManyReplacements":
    "Find out who deletes its Secret or lets it leak again and again; keyturn.dev/rotate-at issues a new one at once.",
  "Stalled/SlotsFull": "Delete an access key of the user that nobody needs; AWS allows two.",
  "Stalled/StrayInUse":
    "Find who uses the disabled key (IAM last used, CloudTrail), move them, then delete the key at AWS.",
  "Stalled/StrayOnSharedTarget": "Delete the key at AWS, or leave it and run kubectl keyturn retry.",
  "Stalled/NotFound": "Create what the message names, or change the spec.",
  "Stalled/AlreadyExists": "Choose another name, or adopt what is there (docs/how-to/adopt-an-identity.md).",
  "Stalled/InvalidSpec": "Change the field that the message names.",
  "Stalled/PermissionDenied":
    "Allow it: allowedNamespaces or grants of the ProviderConnection, the requester's bind, or the operator's rights at the provider.",
  "Stalled/Unauthenticated": "Put the operator's own login at the provider right; see the ProviderConnection.",
  "Stalled/QuotaExceeded": "Make room at the provider, or raise its quota.",
  "Stalled/LimitReached":
    "Find out why so much happens at once; then wait, raise --limit-*, or decide with kubectl keyturn overflow end or keep.",
  "Stalled/AuditShareUsed":
    "Find out which resource of the namespace is changed so often; it goes on at 00:00 UTC, or with a higher --audit-share or a bigger volume.",
  "Stalled/KillSwitch": "Switch it off (ConfigMap keyturn-kill-switch) when its cause is gone.",
  "Stalled/Rejected": "Find out why the provider refuses new credentials; another one is tried by itself.",
  "Stalled/NegativeControlAccepted": "The login accepts anything, so nothing is proven: check spec.verify's target.",
  "Stalled/VersionSkew": "Run the operator of the newer version, or take out the field that the message names.",
  "Stalled/StillInUse": "Find who still uses the old credential and move them.",
  "Stalled/InUse": "Take away what the message names; the deletion is tried again by itself.",
  "Stalled/Narrowed": "Change the spec; it goes forward only.",
  "Stalled/WasDecommissioned": "Create a new resource.",
  Stalled: "Read the condition's message and docs/reference/conditions.md; then kubectl keyturn retry.",
  Reverted: "Put the spec right: the last known good one is in force. kubectl keyturn retry tries the same once more.",
  Conflict: "Name another target, or remove the other owner's claim or mark.",
  RollbackUnavailable: "Nothing now; do not delete the new credential, for there is no way back to the old one.",
  "OldCredentialRevoked/ClockSkew": "Put the clock of the operator's node right.",
  "OldCredentialRevoked/RevocationFailing":
    "Let the operator disable and delete keys at the provider; the message has the refusal.",
  "Offboarded/OffboardingFailing": "Let the operator cut rights at the provider; the message has the refusal.",
  "Offboarded/ForeignGrant": "Take away the binding that the message names; Keyturn did not make it.",
  "Suspended/OffboardingFailing": "Let the operator cut rights at the provider; the message has the refusal.",
  "Suspended/ForeignGrant": "Take away the binding that the message names; Keyturn did not make it.",
  "Offboarded/CutMissing":
    "Find out who took the cut off at the provider; the operator puts it back and proves it anew.",
  "Offboarded/NotOurs": "End the account that the message names at its provider, or let it be adopted.",
  "Offboarded/NotLooked": "Let the operator read what the message names; nothing is proven until then.",
  "Offboarded/TokensOutstanding":
    "Wait until the time that the message names, or let the operator revoke tokens by accessor.",
  "Suspended/CutMissing":
    "Find out who took the cut off at the provider; the operator puts it back and proves it anew.",
  "Suspended/NotOurs": "End the account that the message names at its provider, or let it be adopted.",
  "Suspended/NotLooked": "Let the operator read what the message names; nothing is proven until then.",
  "Suspended/TokensOutstanding":
    "Wait until the time that the message names, or let the operator revoke tokens by accessor.",
  "DependentsUpdated/DependentHeld":
    "Resume the workload, lower its partition, or delete its old pods: the message says which.",
  "DependentsUpdated/DependentUnhealthy": "Make the workload healthy; the rotation waits for it.",
  "DependentsUpdated/DependentMissing": "Create the workload, or take it out of spec.dependents.",
  "DependentsUpdated/ExternalConfirmation":
    "Move the external dependent, then set the annotation that the event names.",
  DependentsUpdated: "Look at the rollout: kubectl rollout status.",
  Reconciling: "Read the message: a provider that is away is waited for; kubectl keyturn retry ends a back-off.",
  Unmatched: "Look at the hold's spelling and make it anew, or end what the message names at its provider.",
  EndsWithLogin:
    "Run the command of the message; then kubectl keyturn rotate, so that a certificate without a lease follows.",
  Unmanaged: "Delete what the message names, or declare it.",
  Drifted: "Declare what was changed by hand, or set spec.drift.mode to Enforce.",
  ReviewDue: "Ask the owner; then set keyturn.dev/reviewed-at.",
  Leaked: "Nothing now; if it stays, read Rotating and OldCredentialRevoked.",
  Paused: "kubectl keyturn unpause, when its cause is gone.",
  ReadOnly: "Look at what waits, then switch it off: docs/how-to/read-only.md.",
};

/** The text for a condition and its reason, or for the condition alone. */
export const nextStep = (type: string, reason: string): string =>
  NEXT_STEPS[`${type}/${reason}`] ?? NEXT_STEPS[type] ?? "See docs/reference/conditions.md.";
