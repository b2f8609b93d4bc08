/** Series and their values in promtool's notation, a value a minute. */
export type Series = Readonly<Record<string, string>>;

/** What makes an alert fire, and what looks like it and must not. */
export interface AlertCase {
  readonly fires: Series;
  /** Labels of the alert that fires, less alertname, alertstate and severity. */
  readonly labels: Readonly<Record<string, string>>;
  readonly quiet: Series;
  /** When both are looked at. */
  readonly at: string;
}

const DB = { namespace: "team-a", name: "db" } as const;
const text = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(",");
const condition = (kind: string, type: string, status = "True", pod = "keyturn-0"): string =>
  `keyturn_resource_condition{${text({ kind, ...DB, type, status, pod })}}`;
const ofDb = (metric: string): string => `${metric}{${text(DB)}}`;
const timeOf = (metric: string, name: string, pod = "keyturn-0"): string => `${metric}{${text({ ...DB, name, pod })}}`;
const rotation = { kind: "SecretRotation", ...DB } as const;
const identity = { kind: "ServiceAccountLifecycle", ...DB } as const;
/** True all the while, and true for a moment. */
const stays = (
  type: string,
  minutes: number,
  kind: string = rotation.kind,
): Pick<AlertCase, "fires" | "quiet" | "at"> => ({
  fires: { [condition(kind, type)]: `1x${minutes + 10}` },
  quiet: { [condition(kind, type)]: `1x${Math.max(minutes - 2, 1)} _x${minutes + 10}` },
  at: `${minutes + 5}m`,
});
const requests = (code: string, extra = ""): string =>
  `keyturn_provider_requests_total{provider="aws",operation="CreateAccessKey",code="${code}"${extra}}`;
const HOUR = 3600;
const DAY = 24 * HOUR;

/** By alert; a test wants one for each rule that is shipped. */
export const cases: Readonly<Record<string, AlertCase>> = {
  KeyturnRotationOverdue: {
    fires: { [ofDb("keyturn_credential_next_rotation_timestamp_seconds")]: "0x200" },
    labels: DB,
    quiet: {
      [ofDb("keyturn_credential_next_rotation_timestamp_seconds")]: "7200x200",
      // Under way: KeyturnRotationStuck judges it.
      [timeOf("keyturn_credential_next_rotation_timestamp_seconds", "moving")]: "0x200",
      [timeOf("keyturn_rotation_deadline_timestamp_seconds", "moving")]: "600x200",
      [timeOf("keyturn_credential_next_rotation_timestamp_seconds", "held")]: "0x200",
      'keyturn_resource_condition{kind="SecretRotation",namespace="team-a",name="held",type="Suspended",status="True"}':
        "1x200",
    },
    at: "80m",
  },
  KeyturnRotationStuck: {
    // A change of leaders moves the series to another pod; the wait goes on.
    fires: {
      [timeOf("keyturn_rotation_deadline_timestamp_seconds", "db", "keyturn-0")]: `${HOUR}x90 _x40`,
      [timeOf("keyturn_rotation_deadline_timestamp_seconds", "db", "keyturn-1")]: `_x90 ${HOUR}x40`,
    },
    labels: DB,
    quiet: {
      [ofDb("keyturn_rotation_deadline_timestamp_seconds")]: `${72 * HOUR}x130`,
      // It ended a little late.
      [timeOf("keyturn_rotation_deadline_timestamp_seconds", "late")]: `${HOUR}x90 _x40`,
    },
    at: "125m",
  },
  KeyturnRotationFailing: {
    fires: { 'keyturn_rotations_total{result="RolledBack",provider="aws"}': "0x10 4x60" },
    labels: { provider: "aws" },
    quiet: { 'keyturn_rotations_total{result="Succeeded",provider="aws"}': "0+5x60" },
    at: "30m",
  },
  KeyturnNotReady: {
    // One that had a credential has none that works, whatever time is left for another.
    fires: {
      [condition("SecretRotation", "Ready", "False")]: "1x40",
      [timeOf("keyturn_rotation_deadline_timestamp_seconds", "db")]: `${HOUR}x40`,
      [timeOf("keyturn_credential_created_timestamp_seconds", "db")]: "0x40",
    },
    labels: rotation,
    quiet: {
      [condition("ServiceAccountLifecycle", "Ready", "False")]: "1x40",
      [condition("ServiceAccountLifecycle", "Suspended")]: "1x40",
      [condition("SecretRotation", "Ready", "True")]: "1x40",
      // Its first issue, within its deadline.
      'keyturn_resource_condition{kind="SecretRotation",namespace="team-a",name="new",type="Ready",status="False"}':
        "1x40",
      [timeOf("keyturn_rotation_deadline_timestamp_seconds", "new")]: `${HOUR}x40`,
    },
    at: "20m",
  },
  KeyturnStalled: { ...stays("Stalled", 5), labels: rotation },
  KeyturnReverted: {
    fires: { [condition("ServiceAccountLifecycle", "Reverted")]: "1x10" },
    labels: identity,
    quiet: { [condition("ServiceAccountLifecycle", "Ready")]: "1x10" },
    at: "5m",
  },
  KeyturnConflict: { ...stays("Conflict", 5), labels: rotation },
  KeyturnUnmanagedCredential: { ...stays("Unmanaged", 60), labels: rotation },
  KeyturnOldCredentialNotRevoked: {
    fires: { [ofDb("keyturn_credential_revocation_due_timestamp_seconds")]: `${24 * HOUR}x1600` },
    labels: DB,
    quiet: {
      // Disabled when its overlap had passed; from then on it is the deletion that is due.
      [ofDb("keyturn_credential_revocation_due_timestamp_seconds")]: `${24 * HOUR}x1441 ${192 * HOUR}x160`,
      [ofDb("keyturn_pending_revocations")]: "1x1600",
    },
    at: "1570m",
  },
  KeyturnHoldUnmatched: { ...stays("Unmatched", 2, "IdentityHold"), labels: { name: DB.name } },
  KeyturnHoldNotProven: {
    fires: { [condition("IdentityHold", "Ready", "False")]: "1x40" },
    labels: { name: DB.name },
    quiet: {
      [condition("IdentityHold", "Ready", "False")]: "1x10 _x40",
      [condition("IdentityHold", "Ready")]: "_x10 1x40",
      // What becomes of others is told by alerts of their own.
      [condition(rotation.kind, "Ready", "False")]: "1x40",
    },
    at: "30m",
  },
  KeyturnHoldsUnread: {
    fires: { 'keyturn_holds_read{pod="keyturn-0"}': "0x20", 'keyturn_holds_read{pod="keyturn-1"}': "1x20" },
    labels: {},
    quiet: { 'keyturn_holds_read{pod="keyturn-0"}': "0x3 1x20" },
    at: "10m",
  },
  KeyturnNotSynced: {
    fires: {
      'keyturn_informer_synced{kind="serviceaccountlifecycles",pod="keyturn-0"}': "0x10",
      'keyturn_informer_synced{kind="serviceaccountlifecycles",pod="keyturn-1"}': "1x10",
    },
    labels: { kind: "serviceaccountlifecycles" },
    quiet: { 'keyturn_informer_synced{kind="serviceaccountlifecycles",pod="keyturn-0"}': "0 1x10" },
    at: "3m",
  },
  KeyturnObjectUnreadable: {
    fires: { 'keyturn_unreadable_objects{kind="secretrotations"}': "1x10" },
    labels: { kind: "secretrotations" },
    quiet: { 'keyturn_unreadable_objects{kind="secretrotations"}': "0x10" },
    at: "3m",
  },
  KeyturnOverflow: {
    fires: { 'keyturn_overflow_entries{pod="keyturn-0", namespace="team-a"}': "0x10 3x40" },
    labels: { namespace: "team-a" },
    // Decided: the series is gone.
    quiet: { 'keyturn_overflow_entries{pod="keyturn-0", namespace="team-a"}': "3x10 _x40" },
    at: "30m",
  },
  KeyturnOrphanedResource: {
    fires: {
      'keyturn_orphaned_resources_due_timestamp_seconds{pod="keyturn-0"}': `${24 * HOUR}x1700`,
      'keyturn_orphaned_resources_due_timestamp_seconds{pod="keyturn-1"}': `${24 * HOUR}x1700`,
    },
    labels: {},
    quiet: {
      // Every day another one goes, so that the ledger is never empty; and one is held for a month.
      'keyturn_orphaned_resources{pod="keyturn-0"}': "2x1700",
      'keyturn_orphaned_resources_due_timestamp_seconds{pod="keyturn-0"}': `${24 * HOUR}x1440 ${48 * HOUR}x260`,
      'keyturn_orphaned_resources_due_timestamp_seconds{pod="keyturn-1"}': `${720 * HOUR}x1700`,
    },
    at: "1600m",
  },
  KeyturnDeprovisionBlocked: {
    // A suspension is judged as well, and one that turns into an end goes on waiting.
    fires: {
      [condition(identity.kind, "Suspended", "False")]: "1x10 _x40",
      [condition(identity.kind, "Offboarded", "False")]: "_x10 1x40",
    },
    labels: identity,
    quiet: {
      [condition(identity.kind, "Offboarded")]: "1x40",
      [condition(identity.kind, "Suspended")]: "1x40",
      // Of a rotation the condition says nothing of access.
      [condition(rotation.kind, "Suspended", "False")]: "1x40",
    },
    at: "20m",
  },
  KeyturnSlowOffboarding: {
    fires: {
      'keyturn_identity_offboarded_seconds_count{result="Decommissioned"}': "0x10 2x60",
      'keyturn_identity_offboarded_seconds_bucket{result="Decommissioned",le="300"}': "0x70",
    },
    labels: {},
    quiet: {
      'keyturn_identity_offboarded_seconds_count{result="Decommissioned"}': "0x10 2x60",
      'keyturn_identity_offboarded_seconds_bucket{result="Decommissioned",le="300"}': "0x10 2x60",
    },
    at: "30m",
  },
  KeyturnUnownedMarks: {
    fires: { 'keyturn_unowned_marks{connection="aws",pod="keyturn-0"}': "1x120" },
    labels: { connection: "aws" },
    quiet: { 'keyturn_unowned_marks{connection="aws",pod="keyturn-0"}': "0x120" },
    at: "90m",
  },
  KeyturnIdentityExpirySoon: {
    fires: { [ofDb("keyturn_identity_expiry_timestamp_seconds")]: `${10 * DAY}x20` },
    labels: DB,
    quiet: { [ofDb("keyturn_identity_expiry_timestamp_seconds")]: `${30 * DAY}x20` },
    at: "10m",
  },
  KeyturnReviewDue: { ...stays("ReviewDue", 1440, identity.kind), labels: identity },
  KeyturnDrift: { ...stays("Drifted", 15, identity.kind), labels: identity },
  KeyturnDriftUndecided: {
    fires: { [ofDb("keyturn_identity_undecided_objects")]: "1x2" },
    labels: DB,
    quiet: { [ofDb("keyturn_identity_undecided_objects")]: "0x2", [condition(identity.kind, "Drifted")]: "1x2" },
    at: "1m",
  },
  KeyturnStaleCredential: {
    fires: { [ofDb("keyturn_identity_oldest_credential_timestamp_seconds")]: `${-181 * DAY}x100` },
    labels: DB,
    quiet: { [ofDb("keyturn_identity_oldest_credential_timestamp_seconds")]: `${-170 * DAY}x100` },
    at: "90m",
  },
  KeyturnConnectionFailed: {
    fires: {
      'keyturn_resource_condition{kind="ProviderConnection",namespace="",name="aws",type="Ready",status="False"}':
        "1x20",
    },
    labels: { kind: "ProviderConnection", name: "aws" },
    quiet: {
      'keyturn_resource_condition{kind="ProviderConnection",namespace="",name="aws",type="Ready",status="True"}':
        "1x20",
    },
    at: "10m",
  },
  KeyturnProviderHighErrorRate: {
    fires: { [requests("OK")]: "0+90x60", [requests("Unavailable")]: "0+10x60" },
    labels: { provider: "aws" },
    quiet: { [requests("OK")]: "0+90x60", [requests("NotFound")]: "0+10x60", [requests("Unavailable")]: "0+1x60" },
    at: "40m",
  },
  KeyturnProviderThrottled: {
    fires: { [requests("Throttled")]: "0+1x60" },
    labels: { provider: "aws" },
    quiet: { [requests("Throttled")]: "7x60" },
    at: "40m",
  },
  KeyturnKeySlotsFull: {
    fires: {
      'keyturn_provider_keys_staying{provider="aws",identity="billing"}': "2x100",
      'keyturn_provider_key_quota{provider="aws",identity="billing"}': "2x100",
    },
    labels: { provider: "aws", identity: "billing" },
    quiet: {
      // The replaced one is in its overlap or its hold.
      'keyturn_provider_keys{provider="aws",identity="billing"}': "2x100",
      'keyturn_provider_keys_staying{provider="aws",identity="billing"}': "1x100",
      'keyturn_provider_key_quota{provider="aws",identity="billing"}': "2x100",
    },
    at: "90m",
  },
  KeyturnOperatorAbsent: {
    fires: { 'keyturn_build_info{version="0.1.0"}': "1x2 _x60" },
    labels: {},
    quiet: { 'keyturn_build_info{version="0.1.0"}': "1x60" },
    at: "20m",
  },
  KeyturnReadOnly: {
    fires: { keyturn_read_only: "0x5 1x5" },
    labels: {},
    quiet: { keyturn_read_only: "0x10" },
    at: "6m",
  },
  KeyturnReadOnlyLong: {
    fires: { keyturn_read_only: "1x90" },
    labels: {},
    quiet: { keyturn_read_only: "1x50 0x40" },
    at: "70m",
  },
  KeyturnMetricsOpen: {
    fires: { keyturn_metrics_unreviewed: "1x90" },
    labels: {},
    quiet: { keyturn_metrics_unreviewed: "1x50 0x40" },
    at: "70m",
  },
  KeyturnAuditDegraded: {
    fires: { 'keyturn_audit_events_total{result="refused"}': "0x5 1x30" },
    labels: { result: "refused" },
    quiet: { 'keyturn_audit_events_total{result="written"}': "0+5x30" },
    at: "10m",
  },
  KeyturnAuditVolumeFilling: {
    fires: { keyturn_audit_volume_used_ratio: "0.71x30" },
    labels: {},
    quiet: { keyturn_audit_volume_used_ratio: "0.69x30" },
    at: "15m",
  },
  KeyturnPassPanicked: {
    fires: { 'keyturn_reconcile_duration_seconds_count{controller="secretrotation",result="panicked"}': "0x5 1x30" },
    labels: { controller: "secretrotation" },
    quiet: { 'keyturn_reconcile_duration_seconds_count{controller="secretrotation",result="failed"}': "0x5 9x30" },
    at: "10m",
  },
  KeyturnQueueBacklog: {
    fires: { 'keyturn_workqueue_depth{controller="secretrotation"}': "500x40" },
    labels: { controller: "secretrotation" },
    quiet: { 'keyturn_workqueue_depth{controller="secretrotation"}': "90x40" },
    at: "30m",
  },
};
