export interface MetricRow {
  readonly name: `keyturn_${string}`;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
  /** Upper bounds of a histogram, in seconds. */
  readonly buckets?: readonly number[];
}

const REQUEST = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const PASS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120];
const OFFBOARD = [1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14_400, 86_400];
const PHASE = [1, 5, 15, 30, 60, 300, 900, 3600, 14_400, 86_400, 259_200, 604_800];
const OBJECT = ["namespace", "name"] as const;

/** Every metric of ours: they are built from this table, and docs/reference/metrics.md is compared with it. */
export const METRICS = {
  buildInfo: {
    name: "keyturn_build_info",
    type: "gauge",
    labels: ["version"],
    help: "Always 1; the label says which version runs.",
  },
  condition: {
    name: "keyturn_resource_condition",
    type: "gauge",
    labels: ["kind", ...OBJECT, "type", "status"],
    help: "1 for the status that a condition of a resource has now; other statuses have no series.",
  },
  nextRotation: {
    name: "keyturn_credential_next_rotation_timestamp_seconds",
    type: "gauge",
    labels: OBJECT,
    help: "When the next rotation of a SecretRotation is due, in Unix seconds; while it waits for a slot, when spec.retire frees one.",
  },
  created: {
    name: "keyturn_credential_created_timestamp_seconds",
    type: "gauge",
    labels: OBJECT,
    help: "When the credential in use was issued, in Unix seconds.",
  },
  rotationDeadline: {
    name: "keyturn_rotation_deadline_timestamp_seconds",
    type: "gauge",
    labels: OBJECT,
    help: "By when the next step of the rotation under way should have been done by its spec (published: progressDeadline and soak; a dependent moved: its timeout), in Unix seconds. No series: none is under way.",
  },
  pendingRevocations: {
    name: "keyturn_pending_revocations",
    type: "gauge",
    labels: OBJECT,
    help: "Credentials of a SecretRotation that must still be revoked.",
  },
  revocationDue: {
    name: "keyturn_credential_revocation_due_timestamp_seconds",
    type: "gauge",
    labels: OBJECT,
    help: "By when the next step of a replaced credential's end (disabled, deleted, proven) should have been done by spec.retire, in Unix seconds; the earliest of all. No series: none has to go.",
  },
  orphanedResources: {
    name: "keyturn_orphaned_resources",
    type: "gauge",
    labels: [],
    help: "OrphanedCredential objects: credentials whose resource is gone and that still exist at a provider.",
  },
  overflow: {
    name: "keyturn_overflow_entries",
    type: "gauge",
    labels: ["namespace"],
    help: "OrphanedCredential objects of a namespace that the limit on offboardings holds back, in use, and about which no person has decided. No series: there is none.",
  },
  orphanedDue: {
    name: "keyturn_orphaned_resources_due_timestamp_seconds",
    type: "gauge",
    labels: [],
    help: "By when the first OrphanedCredential should have ended: its hold is over, in Unix seconds. No series: there is none, or all are kept disabled as declared.",
  },
  readOnly: {
    name: "keyturn_read_only",
    type: "gauge",
    labels: [],
    help: "1 while read-only is on, or is not known yet, at the operator that leads; else 0.",
  },
  readOnlyWaiting: {
    name: "keyturn_read_only_waiting",
    type: "gauge",
    labels: [],
    help: "Resources that have something due which waits for the end of read-only.",
  },
  unreviewed: {
    name: "keyturn_metrics_unreviewed",
    type: "gauge",
    labels: [],
    help: "1 while anybody who reaches the operator may read its metrics (metrics.auth None), 0 while each reader is reviewed.",
  },
  holdsRead: {
    name: "keyturn_holds_read",
    type: "gauge",
    labels: [],
    help: "1 when the IdentityHolds have been read since the start; while it is 0 nothing is given, issued or brought back.",
  },
  informerSynced: {
    name: "keyturn_informer_synced",
    type: "gauge",
    labels: ["kind"],
    help: "By watched kind (plural): 1 once its first list is complete. While it is 0 no pass begins; for identityholds nothing is given.",
  },
  unreadableObjects: {
    name: "keyturn_unreadable_objects",
    type: "gauge",
    labels: ["kind"],
    help: "By watched kind (plural): objects that no list can read. The log and `kubectl keyturn doctor` name them.",
  },
  providerKeys: {
    name: "keyturn_provider_keys",
    type: "gauge",
    labels: ["provider", "identity"],
    help: "Credentials that an identity has at its provider, ours and others.",
  },
  providerKeysStaying: {
    name: "keyturn_provider_keys_staying",
    type: "gauge",
    labels: ["provider", "identity"],
    help: "Of an identity's credentials at its provider, those that nothing retires: the one in use, and those of others. At the quota a rotation has no room.",
  },
  providerKeyQuota: {
    name: "keyturn_provider_key_quota",
    type: "gauge",
    labels: ["provider", "identity"],
    help: "Credentials that the provider allows an identity to have at once.",
  },
  identities: {
    name: "keyturn_identities",
    type: "gauge",
    labels: ["team", "environment", "state"],
    help: "ServiceAccountLifecycles by owner team, environment (empty: nobody has said) and state.",
  },
  identityOldestCredential: {
    name: "keyturn_identity_oldest_credential_timestamp_seconds",
    type: "gauge",
    labels: OBJECT,
    help: "When the oldest credential that the providers list for an identity was made, in Unix seconds.",
  },
  identityExpiry: {
    name: "keyturn_identity_expiry_timestamp_seconds",
    type: "gauge",
    labels: OBJECT,
    help: "When an identity ends by itself (spec.expiresAt), in Unix seconds.",
  },
  unownedMarks: {
    name: "keyturn_unowned_marks",
    type: "gauge",
    labels: ["connection"],
    help: "What carries our owner mark at a provider and belongs to no resource; in-cluster is this cluster. No series: it could not be looked.",
  },
  openBreakers: {
    name: "keyturn_open_breakers",
    type: "gauge",
    labels: ["connection", "of"],
    help: "Breakers of a connection that are open now, so that calls are not made: of its host (1 or 0), and of others (single namespaces, databases and targets behind it).",
  },
  rotations: {
    name: "keyturn_rotations_total",
    type: "counter",
    labels: ["result", "provider"],
    help: "Rotations that ended: Succeeded, RolledBack or Abandoned.",
  },
  rollbacks: {
    name: "keyturn_rollbacks_total",
    type: "counter",
    labels: ["reason"],
    help: "Rotations that turned back, by reason.",
  },
  identityUndecided: {
    name: "keyturn_identity_undecided_objects",
    type: "gauge",
    labels: OBJECT,
    help: "Policies and groups of others on an identity that may forbid as well as give, or could not be read; they stay until somebody decides.",
  },
  drift: {
    name: "keyturn_identity_drift_total",
    type: "counter",
    labels: ["result"],
    help: "Differences that somebody made by hand at a provider: Repaired, or Reported (spec.drift.mode).",
  },
  offboarded: {
    name: "keyturn_identity_offboarded_seconds",
    type: "histogram",
    labels: ["result"],
    help: "From the decision to suspend or decommission an identity until every account was proven to be refused.",
    buckets: OFFBOARD,
  },
  dependentRestarts: {
    name: "keyturn_dependent_restarts_total",
    type: "counter",
    labels: ["result"],
    help: "Restarts of dependents: Started, Coalesced (another change had restarted it already), Completed, TimedOut or RolledBack.",
  },
  providerRequests: {
    name: "keyturn_provider_requests_total",
    type: "counter",
    labels: ["provider", "operation", "code"],
    help: "Requests to providers, by operation and result.",
  },
  providerRequestDuration: {
    name: "keyturn_provider_request_duration_seconds",
    type: "histogram",
    labels: ["provider", "operation"],
    help: "How long requests to providers took.",
    buckets: REQUEST,
  },
  auditEvents: {
    name: "keyturn_audit_events_total",
    type: "counter",
    labels: ["result"],
    help: "Audit records: written, spooled (the sink does not work) or refused (the act was not done).",
  },
  auditVolume: {
    name: "keyturn_audit_volume_used_ratio",
    type: "gauge",
    labels: [],
    help: "How full the volume of the audit trail is, from 0 to 1. No series: it cannot be read.",
  },
  auditShare: {
    name: "keyturn_audit_share_used_ratio",
    type: "gauge",
    labels: ["namespace"],
    help: "How much of its share of the audit volume for today a namespace has used; from 1 on, what its resources add or change waits.",
  },
  rotationPhase: {
    name: "keyturn_rotation_phase_duration_seconds",
    type: "histogram",
    labels: ["phase"],
    help: "How long rotations stayed in a phase.",
    buckets: PHASE,
  },
  reconcile: {
    name: "keyturn_reconcile_duration_seconds",
    type: "histogram",
    labels: ["controller", "result"],
    help: "How long passes took, by how they ended: settled, waiting, stalled, failed or panicked.",
    buckets: PASS,
  },
  reconcileStep: {
    name: "keyturn_reconcile_step_duration_seconds",
    type: "histogram",
    labels: ["controller", "step"],
    help: "How long the steps of passes took.",
    buckets: PASS,
  },
  queueDepth: {
    name: "keyturn_workqueue_depth",
    type: "gauge",
    labels: ["controller", "lane"],
    help: "Objects that wait for a pass; lane end is for revocations, leavers, leaks, holds and the ledger.",
  },
  queueWait: {
    name: "keyturn_workqueue_wait_seconds",
    type: "histogram",
    labels: ["controller", "lane"],
    help: "How long objects were due before their pass began.",
    buckets: PASS,
  },
} as const satisfies Readonly<Record<string, MetricRow>>;
