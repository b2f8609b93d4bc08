import type { Condition } from "../../kernel/conditions.ts";
import type { AccountRecord } from "../lifecycle/record.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import { frozen, thawed, type FrozenSource, type SourceTarget } from "../rotation/source.ts";
import type { ClosedIntent, DeliveryRecord, Failures } from "../rotation/record.ts";

/**
 * The ledger's entry for credentials or accounts whose resource is gone. What only a SecretRotation's entry has, or only a
 * ServiceAccountLifecycle's, is optional here; the CRD demands it by kind, and `isRotationEntry` and `isIdentityEntry` say so. The spec is written once, before the finalizer goes, and never
 * changes; how far the clean-up is stands in the status. Nothing secret: values stay in staging under `stagingUid`.
 * The CRD's schema and these types are held together by record.test.ts.
 */
export interface OrphanSpec {
  readonly origin: OrphanOrigin;
  readonly source?: OrphanSource;
  /** The claim's target: account and user. Of an identity: namespace and name. */
  readonly target: string;
  /**
   * `LimitReached`: nothing is done, not even disabling, until a person releases it (annotation keyturn.dev/release). `UntilEnd`: what was in
   * use stays so until `until`, or until it is released; the word is there so that an older operator, too, cuts nothing before.
   */
  readonly held?: "LimitReached" | "UntilEnd";
  /** The end of an identity that was deleted with Retain. */
  readonly until?: string;
  /** The UID under which the values are staged, to be able to prove that they are refused. */
  readonly stagingUid?: string;
  readonly policy: "Delete" | "Disable";
  /** Nothing is deleted before this; absent: `recordedAt` plus `holdSeconds`. */
  readonly heldUntil?: string;
  readonly recordedAt: string;
  readonly holdSeconds: number;
  /** How long after the last intent closed a new id may still be ours; absent means the operator's own setting. */
  readonly attributionSeconds?: number;
  readonly credentials?: readonly OrphanCredential[];
  /** The closed intents and, closed by the deletion, the one that was open. */
  readonly intents?: readonly ClosedIntent[];
  readonly deliveries?: readonly DeliveryRecord[];
  /** Undo counts on from here (S16). */
  readonly sequence?: number;
  readonly currentVersion?: string;
  /** The identity's accounts as its status had them when it went. */
  readonly accounts?: readonly AccountRecord[];
  /** UIDs of earlier resources whose marks may still be on the accounts. */
  readonly predecessors?: readonly string[];
}

/** An entry that a SecretRotation left. */
export type RotationOrphan = OrphanSpec &
  Required<Pick<OrphanSpec, "source" | "stagingUid" | "credentials" | "intents" | "deliveries" | "sequence">>;

/** An entry that a ServiceAccountLifecycle left. */
export type IdentityOrphan = OrphanSpec & Required<Pick<OrphanSpec, "accounts">>;

export const isRotationEntry = (spec: OrphanSpec): spec is RotationOrphan =>
  spec.origin.kind === "SecretRotation" && spec.source !== undefined;

export const isIdentityEntry = (spec: OrphanSpec): spec is IdentityOrphan =>
  spec.origin.kind === "ServiceAccountLifecycle" && spec.accounts !== undefined;

export interface OrphanOrigin {
  readonly kind: "SecretRotation" | "ServiceAccountLifecycle";
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface OrphanSource {
  /** Another source than an access key: as frozen(), in JSON. */
  readonly declared?: string;
  readonly awsAccessKey?: {
    readonly connectionRef: { readonly name: string };
    readonly userName: string;
    readonly exclusive: boolean;
  };
}

export const orphanSource = (target: SourceTarget, exclusive: boolean): OrphanSource =>
  target.kind === "awsAccessKey"
    ? { awsAccessKey: { connectionRef: { name: target.connection }, userName: target.userName, exclusive } }
    : { declared: canonicalJson(frozen(target)) };

/** What the entry says of its source; undefined for what this version does not know. */
export const sourceOf = ({ declared, awsAccessKey }: OrphanSource): SourceTarget | undefined =>
  thawed(declared === undefined ? { awsAccessKey } : parsed(declared));

/** Somebody else's text is not a source. */
const parsed = (text: string): FrozenSource => {
  try {
    return JSON.parse(text) as FrozenSource;
  } catch {
    return {};
  }
};

export interface OrphanCredential {
  readonly version: string;
  readonly id: string;
}

export interface OrphanStatus {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
  /** Every credential to be revoked, also those found after the entry was written. */
  readonly credentials?: readonly OrphanCredentialState[];
  /** What was delivered has been taken away. */
  readonly withdrawn?: boolean;
  /** Names of the IdentityHolds that hold what the resource has left; absent when there is none. */
  readonly holds?: readonly string[];
  /** How far each account of an identity is. */
  readonly accounts?: readonly AccountRecord[];
  readonly failures?: Failures;
  /** One line for `kubectl get`: what is going on now. */
  readonly activity?: string;
  /** UID of the resource of the same name and target that took this over (undo). */
  readonly takenOverBy?: string;
}

/** `Proven` is the end: the credential was tried and refused, or is absent from the provider's listing. */
export interface OrphanCredentialState {
  readonly version: string;
  readonly id: string;
  readonly state: "Pending" | "Disabled" | "Deleted" | "Proven";
  readonly disabledAt?: string;
  readonly deletedAt?: string;
  readonly provenAt?: string;
  readonly proof?: "ProvenByLogin" | "ProvenByListing" | "ProvenByAuthority" | "Expired";
}
