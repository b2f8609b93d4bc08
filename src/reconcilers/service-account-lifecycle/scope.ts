import type { ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type ServiceAccountLifecycle,
  type ServiceAccountLifecycleSpec,
} from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { ObjectRef } from "../../cluster/contract.ts";
import type { DesiredAccount, LifecycleAction, Permission } from "../../domain/lifecycle/action.ts";
import type { LifecycleStatus } from "../../domain/lifecycle/record.ts";
import type { HeldBy } from "../../domain/hold/match.ts";
import type { KnownCredentials } from "../../domain/lifecycle/reopening.ts";
import type { RetainAnswer } from "../../domain/lifecycle/retention.ts";
import type { LifecycleSettings } from "../../domain/lifecycle/settings.ts";
import type { ReconcileRequest } from "../../engine/contract.ts";
import type { OperatorError } from "../../kernel/errors.ts";
import type { Turn } from "../../kernel/turn.ts";
import type { AccountClient, AccountObservation, AccountOwner } from "../../providers/account.ts";
import { askedFor } from "../asked.ts";
import type { Mutation } from "../outside.ts";
import type { WorkEnd } from "./steps/work.ts";

export interface PendingEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

/** The spec that is worked for in this pass: the object's own, or with the accounts of the last known good one. */
export interface InForce {
  readonly settings: LifecycleSettings;
  readonly spec: ServiceAccountLifecycleSpec;
  readonly specHash: string;
  readonly own: boolean;
  /** Nothing may be added: the own spec makes no sense, and what it says is left out. */
  readonly refusal?: Extract<LifecycleAction, { type: "refuse" }>;
  /** The spec lets the identity live again or longer, and who asks may not (life.ts): `settings` are those that hold instead. */
  readonly keptDown?: KeptDown;
}

/** Why an identity does not live again or longer, for people. */
export interface KeptDown {
  readonly reason: OperatorError["code"];
  readonly message: string;
}

/** What failed in this pass, and whether it was about what is added or about what is taken away. */
export interface Failure {
  readonly error: OperatorError;
  /** `<account>` or `<account>/<piece key>`. */
  readonly about: string;
  readonly leaving: boolean;
}

/** Accounts in the hands of one pass: of a resource, or of the ledger when the resource is gone. */
export interface AccountScope {
  /** Namespace and name of the resource whose accounts they are, also when it is gone. */
  readonly request: ReconcileRequest;
  readonly passId: string;
  readonly signal: AbortSignal;
  /** PassContext.turn: outside calls go by it. */
  readonly turn?: Turn | undefined;
  readonly now: Date;
  readonly timeTrusted: boolean;
  /** Who acts, for the audit trail. */
  readonly subject: Mutation["subject"];
  owner: AccountOwner;
  /** As it will be written. */
  status: LifecycleStatus;
  /** The IdentityHolds that hold it; undefined: none, as far as they have been read. */
  hold?: HeldBy | undefined;
  /** Absent for the ledger: nothing is declared any more. */
  inForce?: InForce;
  /** Read live, once a pass; what could not be read is an error for every account that needs it. */
  readonly connections: Map<string, ProviderConnection | OperatorError>;
  /** One client an account and pass: it remembers what it has seen of ownership. */
  readonly clients: Map<string, AccountClient>;
  readonly desired: Map<string, DesiredAccount>;
  readonly observed: Map<string, AccountObservation>;
  readonly failures: Failure[];
  /** What went well in this pass, by what it was about. */
  readonly succeeded: Set<string>;
  /** How often each outside action was done in this pass. */
  readonly done: Map<string, number>;
}

/** The empty hands with which every pass begins. */
export const emptyHands = (): Pick<
  AccountScope,
  "connections" | "clients" | "desired" | "observed" | "failures" | "succeeded" | "done"
> => ({
  connections: new Map(),
  clients: new Map(),
  desired: new Map(),
  observed: new Map(),
  failures: [],
  succeeded: new Set(),
  done: new Map(),
});

/** What one pass about one ServiceAccountLifecycle has read, decided and done. */
export interface LifecycleScope extends AccountScope {
  readonly ref: ObjectRef;
  object: ServiceAccountLifecycle;
  readonly permissions: Map<string, Permission>;
  /** What the SecretRotations of the namespace have on record, once it was read. */
  known?: KnownCredentials;
  /** Under deletion.policy Retain without an end: may each declared account be kept? */
  retains?: Readonly<Record<string, RetainAnswer>>;
  /** What ended the work of the pass. */
  end?: WorkEnd;
  /** A predecessor's accounts were taken over in this pass. */
  inherited?: boolean;
  /** The failed spec was written over in this pass, or never will be. */
  rewritten?: boolean;
  /** What ended the pass before its work did. */
  error?: OperatorError;
  /** What was read is older than what this process has seen already: nothing may be decided from it. */
  readonly stale: boolean;
  /** Set in the pass in which a spec is given up; counted by metrics. */
  reverted?: string;
  readonly events: PendingEvent[];
}

export const lifecycleRef = (request: ReconcileRequest): ObjectRef => ({
  kind: SERVICE_ACCOUNT_LIFECYCLE,
  namespace: request.namespace,
  name: request.name,
});

export const subjectOf = (request: ReconcileRequest, object: ServiceAccountLifecycle): Mutation["subject"] => ({
  kind: SERVICE_ACCOUNT_LIFECYCLE.kind,
  namespace: request.namespace,
  name: request.name,
  uid: object.metadata.uid,
  asked: askedFor(object.metadata, object.status?.plan?.digest),
});

/** Steps that failed in this pass, by name. */
export const failedSteps = (scope: Pick<AccountScope, "failures">): readonly string[] => [
  ...new Set(scope.failures.map(({ about }) => about)),
];
