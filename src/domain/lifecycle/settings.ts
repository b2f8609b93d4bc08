import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { OwnerRecord } from "./record.ts";

/** A ServiceAccountLifecycle's spec with every absent field filled in (src/api/v1alpha1/defaults.ts). Durations in milliseconds. */
export interface LifecycleSettings {
  readonly owner: OwnerRecord;
  readonly purpose: string;
  /** As declared; `wantedState` lays the expiry over it. */
  readonly state: "Active" | "Suspended" | "Decommissioned";
  readonly expiresAt?: Date;
  readonly reviewEveryMs?: number;
  readonly accounts: ServiceAccountLifecycleSpec["accounts"];
  readonly adopt: boolean;
  readonly drift: "Enforce" | "Report";
  readonly progressDeadlineMs: number;
  readonly deletion: {
    readonly policy: "Delete" | "Disable" | "Retain";
    readonly holdMs: number;
    readonly timeoutMs: number;
    readonly onTimeout: "HandOver" | "Block";
  };
  readonly rollback: "Effective" | "RewriteSpec" | "None";
}
