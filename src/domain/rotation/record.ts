import type { Condition } from "../../kernel/conditions.ts";
import type { Due } from "./schedule.ts";
import type { SecretType } from "./source.ts";

/**
 * What a SecretRotation's status remembers. Times are RFC 3339 strings in whole seconds, and every time that is waited on is
 * kube-apiserver's. Nothing secret, nothing derived from a secret. The CRD's schema and these types are held together by
 * src/domain/rotation/record.test.ts.
 */
export interface RotationStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  /** Counts every credential ever made for this target; only grows, also across undo (S16). */
  readonly sequence?: number;
  readonly current?: CurrentCredential;
  /** Whose keys these are, as it was found out last: deletion needs it when the identity is gone already. */
  readonly target?: TargetRecord;
  /** UID of the ServiceAccountLifecycle as it was seen last: one that is gone has been there. */
  readonly identityUid?: string;
  readonly suspension?: Suspension;
  /** Names of the IdentityHolds that hold it; absent when there is none. */
  readonly holds?: readonly string[];
  /** Targets of the deliveries that were there before, while the credential in use is an adopted one. */
  readonly adoptedPlaces?: readonly string[];
  /** The failed generation that rollback.mode RewriteSpec was about last. */
  readonly rewrittenGeneration?: number;
  readonly rotation?: OpenRotation;
  readonly refusedLogins?: readonly RefusedLogin[];
  /** Newest first, at most five. */
  readonly closedIntents?: readonly ClosedIntent[];
  readonly pendingRevocations?: readonly PendingRevocation[];
  /** What is delivered now, by delivery name: also the record of what must be withdrawn when the spec no longer names it. */
  readonly deliveries?: readonly DeliveryRecord[];
  readonly lastKnownGood?: LastKnownGood;
  readonly quarantine?: Quarantine;
  readonly failures?: Failures;
  readonly revocationFailures?: Failures;
  readonly lastRotationTime?: string;
  readonly nextRotationTime?: string;
  readonly nextRotationReason?: Due["reason"];
  readonly lastHandledRotateAt?: string;
  /** The version that the annotation keyturn.dev/leaked named last. */
  readonly lastHandledLeak?: string;
  /** When lost or leaked credentials were replaced last, newest first, at most three; a fourth in a day waits. */
  readonly replacedAt?: readonly string[];
  readonly lastHandledRetry?: string;
  /** The last closed rotation's ended versions, newest first, at most 20; for people. */
  readonly history?: readonly HistoryEntry[];
  /** One line for `kubectl get`: what is going on now. */
  readonly activity?: string;
  /** UIDs of predecessors taken over by undo, at most 5. */
  readonly predecessors?: readonly string[];
}

export interface CurrentCredential {
  readonly version: string;
  readonly id: string;
  readonly issuedAt: string;
  /** When it ends by itself, by the provider's word; absent for what lives until it is revoked. */
  readonly expiresAt?: string;
  readonly verifiedAt?: string;
  readonly publishedAt?: string;
  /** Set by undo until the key has been switched on again and has logged in. */
  readonly resuming?: boolean;
  /** It was said to have leaked: it is replaced at once, and never published again. */
  readonly leaked?: boolean;
  /** It existed before; until a rotation has replaced it, it and its Secret are given back untouched rather than ended. */
  readonly adopted?: boolean;
}

export interface TargetRecord {
  /** Name of the ProviderConnection. */
  readonly connection: string;
  /** Of an IAM user. */
  readonly userName?: string;
  /** As source.ts makes it: `aws-access-key/<account>/<user>`. */
  readonly claim: string;
}

/** The identity is not Active, or it is again and the current credential has not logged in since. */
export interface Suspension {
  readonly reason: "IdentitySuspended" | "IdentityDecommissioned";
  readonly since: string;
  readonly resumedAt?: string;
  /** It was tried for long enough after resuming: a new one is issued. */
  readonly refused?: boolean;
}

export type Trigger = "FirstIssue" | "Scheduled" | "Requested" | "Lost" | "Resumed" | "Leaked";

/** The write-ahead intent and the progress of the rotation that it opened. */
export interface OpenRotation {
  readonly id: string;
  readonly version: string;
  readonly trigger: Trigger;
  readonly openedAt: string;
  readonly providerTime: string;
  /** Ids at the provider when the intent was written: what is not among them may be ours. */
  readonly knownIds: readonly string[];
  /** The process that may issue under this intent; another one must write the intent anew first. */
  readonly issuer: string;
  readonly attempt: number;
  /** The spec that it works for; another one waits until it has ended, once a place has been switched. */
  readonly specHash?: string;
  readonly direction: "Forward" | "Back";
  readonly because?: string;
  readonly credential?: { readonly id: string; readonly issuedAt: string; readonly expiresAt?: string };
  /** The value in use was read back from staging; `Unavailable`: it is lost, so there is no going back. */
  readonly previousKept?: "Kept" | "Unavailable";
  readonly verification?: Verification;
  /** When every delivery carried the new version; from then on it is `current`, and this is what it replaced. */
  readonly publishedAt?: string;
  readonly previous?: CurrentCredential;
  readonly dependents?: readonly DependentProgress[];
}

/** A login that may be refused, reserved before it is tried. Only the process that reserved it may try, and only once. */
export interface RefusedLogin {
  readonly id: string;
  readonly at: string;
  readonly by: string;
  /** The version that it is about. */
  readonly about: string;
  readonly spent?: boolean;
}

export interface Verification {
  readonly successes: number;
  readonly firstSuccessAt?: string;
  readonly refusals: number;
  readonly lastTryAt?: string;
  readonly firstRefusalAt?: string;
  readonly wrongRefused: boolean;
  readonly verifiedAt?: string;
}

export interface DependentProgress {
  readonly name: string;
  /** When its time-out began to count: moved on by the time for which people held its roll-out. */
  readonly startedAt?: string;
  /** Since when people hold its roll-out; its time-out stands still meanwhile. */
  readonly heldAt?: string;
  readonly doneAt?: string;
  /** Longest termination grace of the pods that used the value before, in seconds. */
  readonly graceSeconds?: number;
}

export interface ClosedIntent {
  readonly id: string;
  readonly version: string;
  readonly openedAt: string;
  readonly closedAt: string;
  readonly providerTime: string;
  readonly knownIds: readonly string[];
  readonly result: "Succeeded" | "RolledBack" | "Abandoned";
}

/** A credential of ours that must go: superseded, rejected by verification or dependents, or found after a crash. */
export interface PendingRevocation {
  readonly version: string;
  readonly id: string;
  readonly why: "Superseded" | "Rejected" | "Stray";
  /** No overlap and no soak for this one. */
  readonly leaked?: boolean;
  /** From then on it is dead by itself. */
  readonly expiresAt?: string;
  /** Since when nothing of ours uses it (all dependents moved); the gates count from here. */
  readonly since: string;
  readonly graceSeconds: number;
  readonly overlapSeconds: number;
  readonly disabledAt?: string;
  readonly deletedAt?: string;
}

export interface DeliveryRecord {
  readonly name: string;
  readonly version: string;
  readonly target: string;
  /** The place as it was declared when it was written, to be able to withdraw it later. */
  readonly place: DeliveryPlace;
  /** Digest of what is declared and version: an unchanged delivery is not written again. */
  readonly digest: string;
}

export interface DeliveryPlace {
  readonly kubernetesSecret?: {
    readonly name: string;
    readonly type?: SecretType;
    readonly keys?: Readonly<Record<string, string>>;
  };
  readonly vaultKV?: {
    readonly connectionRef: { readonly name: string };
    readonly path: string;
    readonly keys?: Readonly<Record<string, string>>;
  };
  readonly hook?: { readonly connectionRef: { readonly name: string }; readonly place: string };
}

/** How a Secret is written besides its name; not needed to find it again, so it is not kept. */
export interface SecretLayout {
  readonly format?: { readonly mode: "Keys" | "Env" | "JSON" | "Dotenv"; readonly key?: string };
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly includePrevious?: boolean;
  readonly registry?: { readonly server: string; readonly username?: string };
}

/** A place as the spec declares it. */
export interface DeclaredPlace extends DeliveryPlace {
  readonly kubernetesSecret?: NonNullable<DeliveryPlace["kubernetesSecret"]> & SecretLayout;
}

/** What the record keeps of it. */
export const recordedPlace = ({ kubernetesSecret, vaultKV, hook }: DeclaredPlace): DeliveryPlace => {
  if (hook !== undefined) return { hook };
  if (kubernetesSecret === undefined) return vaultKV === undefined ? {} : { vaultKV };
  const { name, type, keys } = kubernetesSecret;
  return {
    kubernetesSecret: { name, ...(type === undefined ? {} : { type }), ...(keys === undefined ? {} : { keys }) },
  };
};

export interface LastKnownGood {
  readonly generation: number;
  readonly specHash: string;
  /** The whole spec as JSON text: it holds names and references only. */
  readonly spec: string;
}

export interface Quarantine {
  readonly specHash: string;
  readonly connectionGeneration: number;
  readonly generation: number;
  readonly reason: string;
  readonly message: string;
}

/** Back-off that survives a restart. */
export interface Failures {
  readonly count: number;
  /** A FailureCode. */
  readonly reason: string;
  /** Public and stable. */
  readonly message: string;
  /** Id of the credential that it is about: another one is not held up. */
  readonly about?: string;
  readonly since: string;
  readonly nextAttemptTime: string;
}

export interface HistoryEntry {
  readonly version: string;
  readonly id: string;
  readonly issuedAt?: string;
  readonly endedAt: string;
  readonly end: "Revoked" | "RolledBack" | "Abandoned" | "Stray";
  /** How death was proven: a refused login, the provider's listing where the value was lost, the word of the authority, its own end. */
  readonly proof?: "ProvenByLogin" | "ProvenByListing" | "ProvenByAuthority" | "Expired";
}
