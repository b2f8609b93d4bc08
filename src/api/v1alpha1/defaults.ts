/**
 * What an absent field means. The CRDs fill in nothing, so that Git and the cluster hold the same spec (docs/adr/0003);
 * the CEL rules and the field descriptions name these same values, and docs/spec/ lists them.
 */
export const DEFAULTS = {
  /** source.awsAccessKey.exclusive: every access key of the user is Keyturn's to manage. */
  exclusive: true,
  /** dependents[].order */
  dependentOrder: 0,
  /** dependents[].timeout */
  dependentTimeout: "10m",
  /** dependents[].restart.mode */
  restartMode: "Rollout",
  /** schedule.timeZone and schedule.windows[].timeZone */
  timeZone: "UTC",
  /** schedule.windows[].mode */
  windowMode: "Allow",
  /** schedule.jitter: this part of schedule.every */
  jitterShare: 1 / 20,
  /** source.vaultPKI.privateKey.algorithm */
  keyAlgorithm: "ECDSA-P256",
  /** source.vaultPKI.revocation.mode */
  revocationMode: "OnRetirement",
  /** source.vaultDatabase.users */
  databaseUsers: "Alternating",
  /** source.generated.slots and source.hook.slots */
  hookSlots: 2,
  /** source.generated.refusals and source.hook.refusals */
  hookRefusals: "Counted",
  /** source.generated.password.length */
  passwordLength: 32,
  /** source.generated.password.characters */
  passwordCharacters: ["Lower", "Upper", "Digits"],
  /** source.generated.token.bytes */
  tokenBytes: 32,
  /** source.generated.sshKey.algorithm */
  sshAlgorithm: "Ed25519",
  /** source.kubernetesToken.ttl */
  tokenTtl: "24h",
  /** What ends by itself is renewed with this part of its life left. */
  renewalShare: 1 / 3,
  /** verify.mode */
  verifyMode: "Login",
  /** verify.successes */
  verifySuccesses: 3,
  /** verify.soak */
  verifySoak: "15s",
  /** retire.overlap */
  overlap: "24h",
  /** retire.disableAfter */
  disableAfter: "0s",
  /** retire.deleteAfter */
  deleteAfter: "168h",
  /** onLeak */
  onLeak: "RotateFirst",
  /** progressDeadline */
  progressDeadline: "10m",
  /** deletion.policy */
  deletionPolicy: "Delete",
  /** deletion.holdFor */
  deletionHoldFor: "24h",
  /** deletion.timeout */
  deletionTimeout: "1h",
  /** deletion.onTimeout */
  deletionOnTimeout: "HandOver",
  /** adoption.mode */
  adoptionMode: "Never",
  /** rollback.mode */
  rollbackMode: "Effective",
} as const;

/** What an absent field of a ServiceAccountLifecycle means; deletion.*, progressDeadline and rollback.mode are as above. */
export const LIFECYCLE_DEFAULTS = {
  /** state */
  state: "Active",
  /** accounts[].kubernetes.connectionRef.name */
  kubernetesConnection: "in-cluster",
  /** accounts[].kubernetes.onCut */
  onCut: "RemoveBindings",
  /** accounts[].kubernetes.roles[].scope, and the same of a ProviderConnection's grants[].roles[] */
  roleScope: "Namespace",
  /** accounts[].aws.role.audience */
  awsAudience: "sts.amazonaws.com",
  /** accounts[].aws.role.maxSessionDuration */
  maxSessionDuration: "1h",
  /** accounts[].vault.login.audience */
  vaultAudience: "vault",
  /** accounts[].vault.login.tokenTTL */
  vaultTokenTTL: "1h",
  /** adoption.mode */
  adoptionMode: "Never",
  /** drift.mode */
  driftMode: "Enforce",
} as const;

/** What an absent field of a ProviderConnection means. */
export const CONNECTION_DEFAULTS = {
  /** budget.requestsPerSecond for AWS: IAM throttles an account as a whole. */
  awsBudget: { requestsPerSecond: 50 },
  /** budget.requestsPerSecond elsewhere */
  budget: { requestsPerSecond: 200 },
  /** aws.pathPrefix */
  awsPathPrefix: "/keyturn/",
  /** vault.kv.mount */
  kvMount: "kv",
  /** vault.kv.pathPrefix */
  kvPathPrefix: "keyturn",
  /** vault.pki.mount */
  pkiMount: "pki",
  /** hook.job.timeout */
  hookJobTimeout: "1m",
  /** vault.databases.mount */
  databaseMount: "database",
  /** vault.databases.servers[].port */
  databasePort: 5432,
  /** vault.login.jwt.mount */
  jwtMount: "jwt",
  /** vault.login.jwt.audience */
  jwtAudience: "vault",
  /** vault.identities.namePrefix */
  vaultNamePrefix: "keyturn",
  /** vault.identities.appRoleMount */
  appRoleMount: "approle",
  /** vault.identities.jwtMount */
  workloadJwtMount: "jwt",
} as const;

/** deliver[].*.keys: an absent key name is the name of the credential's own field. */
export const AWS_ACCESS_KEY_FIELDS = ["accessKeyId", "secretAccessKey"] as const;
