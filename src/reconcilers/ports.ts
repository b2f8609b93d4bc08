import type { ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import type { Account, ServiceAccountLifecycle } from "../api/v1alpha1/service-account-lifecycle.ts";
import type { ClusterClient, EventRecorder } from "../cluster/contract.ts";
import type { Would } from "../domain/would.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { AccountClient, AccountOwner } from "../providers/account.ts";
import type { CallContext, CredentialSource, ProviderCapabilities, SourceOwner } from "../providers/contract.ts";
import type { SourceKind, SourceTarget } from "../domain/rotation/source.ts";
import type { ClaimStore } from "../stores/claims.ts";
import type { ReadOnly } from "../stores/read-only.ts";
import type { Limits } from "../stores/limits.ts";
import type { DeliveryForm, DeliveryOwner, DeliveryStore, StagingStore } from "../stores/contract.ts";
import type { Metrics } from "../telemetry/contract.ts";
import type { DeclaredPlace, DeliveryPlace } from "../domain/rotation/record.ts";
import type { AdmissionProbe } from "./service-account-lifecycle/admission-probe.ts";
import type { Freshness } from "./freshness.ts";
import type { Rollouts } from "./rollouts.ts";
import type { Holds } from "./holds.ts";
import type { Outside } from "./outside.ts";
import type { Listed } from "../kernel/listed.ts";

/** How a provider is reached through a connection. Compose wires the clouds behind it; reconcilers see only contracts. */
export interface Sources {
  /** Calls nothing. Throws InvalidSpec when the connection cannot serve this kind of source; the message names the field. */
  open(connection: ProviderConnection, target: SourceTarget, owner: SourceOwner): CredentialSource;
  /** What a kind of source can do, before any is opened. */
  capabilities(kind: SourceKind): ProviderCapabilities;
  /** A login through the connection, as the operator itself; throws what went wrong. */
  check(connection: ProviderConnection, context: CallContext): Promise<void>;
  /**
   * Rights at the provider that accounts need in some cases and the operator's login lacks, by their names; those that only a look at an account
   * can find out stand in its own conditions. Reads only.
   */
  missingRights(connection: ProviderConnection, context: CallContext): Promise<readonly string[]>;
  /** Closes what is open to a connection that is gone. */
  retire(connectionName: string): void;
}

export interface Stores {
  kubernetesSecret(
    owner: DeliveryOwner,
    place: NonNullable<DeclaredPlace["kubernetesSecret"]>,
    form: DeliveryForm,
  ): DeliveryStore;
  vaultKV(
    connection: ProviderConnection,
    owner: DeliveryOwner,
    place: NonNullable<DeliveryPlace["vaultKV"]>,
    form: DeliveryForm,
  ): DeliveryStore;
  hook(
    connection: ProviderConnection,
    owner: DeliveryOwner,
    place: NonNullable<DeliveryPlace["hook"]>,
    form: DeliveryForm,
  ): DeliveryStore;
}

/** The accounts of identities, whatever they are at. */
export interface Accounts {
  /**
   * One account as it is declared, through the connection that it names. Calls nothing. Throws InvalidSpec when the connection
   * cannot serve this kind of account; the message names the field.
   */
  open(
    connection: ProviderConnection,
    owner: AccountOwner,
    account: Account,
    identity: { readonly serviceAccountName: string },
  ): AccountClient;
}

/**
 * What the watches have shown last, without a read. Good only for sources that leave nothing behind: whatever they write carries a
 * resourceVersion, so that what is out of date refuses itself, and what was signed for nothing harms nobody.
 */
export interface Seen {
  rotation(request: { readonly namespace: string; readonly name: string }): SecretRotation | undefined;
  connection(name: string): ProviderConnection | undefined;
}

/** Everything that a reconciler may reach. Built once, in compose.ts. */
export interface Ports {
  readonly clock: Clock;
  readonly log: Logger;
  readonly cluster: ClusterClient;
  readonly events: EventRecorder;
  readonly metrics: Metrics;
  readonly outside: Outside;
  readonly sources: Sources;
  readonly accounts: Accounts;
  readonly stores: Stores;
  readonly staging: StagingStore;
  readonly claims: ClaimStore;
  readonly limits: Limits;
  /** Do the policies hold that say who asks? */
  readonly admission: AdmissionProbe;
  /** SecretRotations of a namespace as last seen: good for the inventory, never for a decision. */
  readonly rotationsIn: (namespace: string) => Listed<SecretRotation>;
  /** ServiceAccountLifecycles of a namespace as last seen: good to know their names, never for a decision. */
  readonly identitiesIn: (namespace: string) => Listed<ServiceAccountLifecycle>;
  readonly holds: Holds;
  readonly freshness: Freshness;
  readonly rollouts: Rollouts;
  /** SecretRotations (`<namespace>/<name>`) whose connection can be used again: their next pass does not wait out its back-off. */
  readonly revived: Set<string>;
  readonly seen: Seen;
  /** Reserved refusals (status.refusedLogins) that this process has tried, by id: no error makes it try one twice. */
  readonly spentRefusals: Set<string>;
  /** The name in owner marks; two clusters that share an AWS account have different ones. */
  readonly clusterName: string;
  readonly operatorNamespace: string;
  /** A word that no other process has: only it may issue under an intent that carries it. */
  readonly self: string;
  readonly attributionWindowMs: number;
  readonly resyncMs: number;
  /** Retain may keep ServiceAccounts whose account names no connection. */
  readonly retainKubernetes: boolean;
  /** The switch that stops every change outside of status. */
  readonly readOnly: ReadOnly;
  /** Asked before the next step of a plan is taken. Throws Halted while read-only is on; undefined is no step. */
  readonly demand: (would: Would | undefined) => Promise<void>;
}
