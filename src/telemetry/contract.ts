import type { IdentityFacts } from "../domain/inventory/facts.ts";
import type { EngineMetrics } from "../engine/contract.ts";

/** What reconcilers count and gauge; names and meanings stand in docs/reference/metrics.md, which a test compares. */
export interface Metrics extends EngineMetrics {
  /** All conditions that the object has now; the series of those that it had before go. */
  conditions(
    labels: { kind: string; namespace: string; name: string },
    conditions: readonly { readonly type: string; readonly status: string }[],
  ): void;
  credential(
    labels: { namespace: string; name: string },
    times: {
      createdAt?: Date | undefined;
      nextRotationAt?: Date | undefined;
      rotationDeadline?: Date | undefined;
      revocationDueAt?: Date | undefined;
    },
  ): void;
  pendingRevocations(labels: { namespace: string; name: string }, count: number): void;
  /** Asked at every scrape: how many entries the ledger has, and when the first of them should have ended, in Unix milliseconds. */
  ledgerFrom(
    read: () => {
      readonly count: number;
      readonly due: number | undefined;
      /** By namespace: entries that a limit holds back in use, about which no person has decided. */
      readonly overflow: ReadonlyMap<string, number>;
    },
  ): void;
  /** Asked at every scrape: is read-only on here, and how many resources have something due that waits for its end? */
  readOnlyFrom(read: () => { readonly engaged: boolean; readonly waiting: number }): void;
  /** Asked at every scrape: have the IdentityHolds been read since the start? */
  holdsFrom(read: () => boolean): void;
  /** Asked at every scrape, for each kind that is watched: has its first list come, and how many of its objects cannot be read? */
  informersFrom(
    read: () => readonly { readonly kind: string; readonly synced: boolean; readonly leftOut: number }[],
  ): void;
  /** Asked at every scrape: the breakers that are open now, its host's own and others, of each connection that was called. */
  breakersFrom(
    read: () => readonly { readonly connection: string; readonly host: number; readonly others: number }[],
  ): void;
  /** Asked at every render: the identities that there are now. */
  identitiesFrom(list: () => Iterable<IdentityFacts>): void;
  /** Are the metrics answered without a review of who asks (metrics.auth None)? */
  unreviewed(isOpen: boolean): void;
  /** Of the newest survey, every place that could be looked at. */
  unownedMarks(counts: readonly { connection: string; count: number }[]): void;
  /** What the provider lists for a SecretRotation's identity; the series ends with the SecretRotation. */
  providerKeys(
    rotation: { namespace: string; name: string },
    keys: { provider: string; identity: string; count: number; staying: number; quota: number },
  ): void;
  rotationEnded(labels: { result: "Succeeded" | "RolledBack" | "Abandoned"; provider: string }): void;
  rollback(labels: { reason: string }): void;
  /** What somebody changed by hand at a provider: put back, or left standing because spec.drift.mode is Report. */
  drift(labels: { result: "Repaired" | "Reported" }): void;
  /** From the decision until the refusal of every account was proven. */
  offboarded(labels: { result: "Suspended" | "Decommissioned" }, seconds: number): void;
  dependentRestart(labels: { result: "Started" | "Coalesced" | "Completed" | "TimedOut" | "RolledBack" }): void;
  providerRequest(labels: { provider: string; operation: string; code: string }, seconds: number): void;
  /** Asked at every scrape: how full the audit volume is, and how much of its share of the day each namespace has used. */
  auditVolumeFrom(
    read: () => { readonly ratio: number | undefined; readonly shares: ReadonlyMap<string, number> },
  ): void;
  auditEvent(labels: { result: "written" | "spooled" | "refused" }): void;
  rotationPhase(labels: { phase: string }, seconds: number): void;
  /** Forgets every series of an object that is gone. */
  forget(labels: { kind: string; namespace: string; name: string }): void;
}
