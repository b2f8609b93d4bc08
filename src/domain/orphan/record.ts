import type { Condition } from "../../kernel/conditions.ts";
import type { ClosedIntent, DeliveryRecord, Failures } from "../rotation/record.ts";

/**
 * The ledger's entry for credentials whose resource is gone. The spec is written once, before the finalizer goes, and never
 * changes; how far the clean-up is stands in the status. Nothing secret: values stay in staging under `stagingUid`.
 * The CRD's schema and these types are held together by record.test.ts.
 */
export interface OrphanSpec {
  readonly origin: OrphanOrigin;
  readonly source: OrphanSource;
  /** The claim's target: account and user. */
  readonly target: string;
  /** The UID under which the values are staged, to be able to prove that they are refused. */
  readonly stagingUid: string;
  readonly policy: "Delete" | "Disable";
  /** Nothing is deleted before this; absent: `recordedAt` plus `holdSeconds`. */
  readonly heldUntil?: string;
  readonly recordedAt: string;
  readonly holdSeconds: number;
  /** How long after the last intent closed a new id may still be ours; absent means the operator's own setting. */
  readonly attributionSeconds?: number;
  readonly credentials: readonly OrphanCredential[];
  /** The closed intents and, closed by the deletion, the one that was open. */
  readonly intents: readonly ClosedIntent[];
  readonly deliveries: readonly DeliveryRecord[];
  /** Undo counts on from here (S16). */
  readonly sequence: number;
  readonly currentVersion?: string;
}

export interface OrphanOrigin {
  readonly kind: "SecretRotation";
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface OrphanSource {
  readonly awsAccessKey: {
    readonly connectionRef: { readonly name: string };
    readonly userName: string;
    readonly exclusive: boolean;
  };
}

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
  readonly proof?: "ProvenByLogin" | "ProvenByListing";
}
