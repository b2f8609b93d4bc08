import { GROUP } from "./meta.ts";

/** On a SecretRotation: a version that has leaked; it is put through spec.onLeak at once. On an OrphanedCredential: no limit holds it back. */
export const LEAKED = `${GROUP}/leaked`;
/** On a SecretRotation: rotate once, at this time (RFC 3339). Acted on once; `status.lastHandledRotateAt` says so. */
export const ROTATE_AT = `${GROUP}/rotate-at`;
/** On a SecretRotation: "true" stops every new step except revocation until it is removed. */
export const PAUSED = `${GROUP}/paused`;
/** On a SecretRotation: any new value lifts the quarantine and the back-off once; `status.lastHandledRetry` says so. */
export const RETRY = `${GROUP}/retry`;

/** On what Keyturn writes, and in the tags of a target: which version is in it. */
export const CREDENTIAL_VERSION = `${GROUP}/version`;
/** On what carries a credential's mark: id of the rotation that made it. */
export const ROTATION = `${GROUP}/rotation`;
/** On what Keyturn writes, and in the tags of a target: `<cluster>/<namespace>/<name>` of the resource that it belongs to. */
export const OWNER = `${GROUP}/owner`;
/** Beside OWNER: the UID of that resource, so that one of the same name made later is somebody else. */
export const OWNER_UID = `${GROUP}/owner-uid`;

/** On a ServiceAccount: names of the SecretRotations of its namespace that may have its tokens, with commas between. */
export const TOKEN_FOR = `${GROUP}/token-for`;

/** On SecretRotations: what deletion has to clean up at a provider. */
export const FINALIZER = `${GROUP}/revocation`;

/** On a SecretRotation: the external dependent runs on the version that is the value. */
export const confirmedBy = (dependent: string): string => `confirmed.${GROUP}/${dependent}`;

/** On a workload's pod template: the version that its pods were started for; changing it is what restarts them. */
export const restartedFor = (secretRotation: string): string => `rotation.${GROUP}/${secretRotation}`;

/** "true": the plan is written to status and nothing is done; observation, drift and inventory go on. */
export const DRY_RUN = `${GROUP}/dry-run`;
/** On a thing that exists already (tag, annotation, metadata): `<namespace>/<name>` of the resource that may take it over. */
export const ADOPT = `${GROUP}/adopt`;
/** On a ServiceAccountLifecycle: somebody said at this time (RFC 3339) that the identity is still needed. */
export const REVIEWED_AT = `${GROUP}/reviewed-at`;
/** On an OrphanedCredential that a limit holds back: "true" lets it go on. */
export const RELEASE = `${GROUP}/release`;
/** Beside it: "true" keeps it in use, and it alerts no more. Needs the verb `keep` on orphanedcredentials. */
export const KEEP = `${GROUP}/keep`;

/** On an OrphanedCredential: who asked for the resource that is gone, and its generation, as JSON; for the audit trail. */
export const ASKED = `${GROUP}/asked`;

/** Stamped at admission whenever `.spec` changes (config/policies): who asked. Never set by hand. */
export const CHANGED_BY = `${GROUP}/changed-by`;
/** Beside CHANGED_BY: the user's UID, where the authenticator gives one. */
export const CHANGED_BY_UID = `${GROUP}/changed-by-uid`;
/** Beside CHANGED_BY: the user's groups, one a line. */
export const CHANGED_BY_GROUPS = `${GROUP}/changed-by-groups`;

/** On a ServiceAccountLifecycle that is made by dry run: the admission policy that is named refuses it, which shows that it is in force. */
export const ADMISSION_PROBE = `${GROUP}/admission-probe`;
/** The policies on which every grant rests: who asked, whether they may bind the role, and that status is the operator's. */
export const PROBED_POLICIES = ["keyturn-requester", "keyturn-bind", "keyturn-status"] as const;
