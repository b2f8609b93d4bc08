import { SECRET_ROTATION, type SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import type { ObjectRef } from "../../cluster/contract.ts";
import type { HeldBy } from "../../domain/hold/match.ts";
import type { RotationAction } from "../../domain/rotation/action.ts";
import type { IdentityView } from "../../domain/rotation/identity.ts";
import type { RotationStatus } from "../../domain/rotation/record.ts";
import type { Situation } from "../../domain/rotation/report.ts";
import type { RotationSettings } from "../../domain/rotation/settings.ts";
import { claimOf, wordsOf, type SourceTarget, type SourceWords } from "../../domain/rotation/source.ts";
import type { ReconcileRequest } from "../../engine/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { Turn } from "../../kernel/turn.ts";
import type { CallContext, CredentialSource, Listing, ProviderCapabilities } from "../../providers/contract.ts";
import type { DeliveryObservation, DeliveryOwner, Staging } from "../../stores/contract.ts";
import type { DependentView } from "../../domain/rotation/action.ts";
import { askedFor } from "../asked.ts";
import { digest } from "../../kernel/ids.ts";
import type { Mutation } from "../outside.ts";
import type { Ports } from "../ports.ts";

export interface PendingEvent {
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly action: string;
  readonly note: string;
}

/** The spec that is worked for in this pass: the object's own, or the last known good one. */
export interface InForce {
  readonly settings: RotationSettings;
  readonly specHash: string;
  readonly spec: SecretRotation["spec"];
  /** True when it is the spec in the object. */
  readonly own: boolean;
  /** Nothing is done but what takes away: the spec makes no sense, or something failed before the planner was asked. */
  readonly endsOnly?: true;
}

/** The identity that the credential belongs to, as it is in this pass. */
export interface Identity extends IdentityView {
  readonly name: string;
  readonly uid?: string | undefined;
  /** The holder behind the account that the spec names. */
  readonly holder?: SourceTarget | undefined;
}

/** What one pass about one SecretRotation has read, decided and done. Steps fill it in from top to bottom. */
export interface RotationScope {
  readonly request: ReconcileRequest;
  readonly ref: ObjectRef;
  readonly passId: string;
  readonly signal: AbortSignal;
  /** PassContext.turn: outside calls go by it. */
  readonly turn?: Turn | undefined;
  object: SecretRotation;
  owner: DeliveryOwner;
  /** As the object was read. */
  base: RotationStatus;
  /** As it will be written. */
  status: RotationStatus;
  now: Date;
  timeTrusted: boolean;
  inForce?: InForce;
  identity?: Identity | undefined;
  /** The IdentityHolds that hold it; `identity` is Suspended by them. */
  hold?: HeldBy | undefined;
  /** The source's. */
  connection?: ProviderConnection;
  readonly connections: Map<string, ProviderConnection>;
  source?: CredentialSource;
  /** The same, opened to take back only: whether or not the connection still allows the namespace. */
  takingBack?: CredentialSource;
  /** What tells of a value at a place what it is. */
  recogniser?: CredentialSource | undefined;
  /** What is wrong with the target's set-up (CredentialSource.caution); undefined: not looked at, or not known. */
  caution?: { readonly message?: string } | undefined;
  listing?: Listing;
  staging?: Staging;
  deliveries?: Readonly<Record<string, DeliveryObservation>>;
  dependents?: Readonly<Record<string, DependentView>>;
  action?: RotationAction;
  /** The credential whose revocation the planner was reading for. */
  revoking?: string | undefined;
  situation?: Situation;
  /** What failed before the planner was asked, while it is asked for what has to end. */
  setAside?: { readonly thrown: unknown };
  error?: OperatorError;
  /** What was read is older than what this process has seen already: nothing may be decided from it. */
  stale?: boolean;
  /** A connection of its has come back (Ports.revived). */
  readonly revived?: boolean;
  /** The pass goes by what the watches have shown last (Ports.seen). */
  lastSeen?: boolean;
  /** Set in the pass in which a spec is given up; counted by metrics. */
  reverted?: string;
  /** The cluster's garbage collector is to take the Secrets away with the resource; undefined: deletion withdraws them. */
  collect?: boolean;
  readonly events: PendingEvent[];
  /** When the pass has to be run again at the latest; 0 is at once. */
  recheckAfterMs?: number;
}

export const rotationRef = (request: ReconcileRequest): ObjectRef => ({
  kind: SECRET_ROTATION,
  namespace: request.namespace,
  name: request.name,
});

/** What the pass calls outside with. */
export const callsOf = ({ signal, turn }: RotationScope, { log }: Pick<Ports, "log">): CallContext => ({
  signal,
  turn,
  log,
});

export const subjectOf = (scope: RotationScope): Mutation["subject"] => ({
  kind: "SecretRotation",
  namespace: scope.request.namespace,
  name: scope.request.name,
  uid: scope.object.metadata.uid,
  asked: askedFor(scope.object.metadata, intentDigest(scope.status)),
});

/** Of what stays the same while a rotation is open. */
const intentDigest = ({ rotation }: RotationStatus): string | undefined => {
  if (rotation === undefined) return undefined;
  const { id, version, trigger, openedAt, specHash } = rotation;
  return digest({ id, version, trigger, openedAt, specHash });
};

/** Of the spec, of the identity as it is now, or of the record when the identity is gone; undefined while nobody can say. */
export const targetOf = (
  { status, identity }: Pick<RotationScope, "status" | "identity">,
  { source }: RotationSettings,
): SourceTarget | undefined => {
  if (source.kind === "target") return source.target;
  // The credentials on record are that holder's, whoever the account is now.
  const { target } = status;
  return target?.userName === undefined
    ? identity?.holder
    : { kind: "awsAccessKey", connection: target.connection, userName: target.userName };
};

export const requireTarget = (scope: RotationScope, settings: RotationSettings): SourceTarget => {
  const target = targetOf(scope, settings);
  if (target !== undefined) return target;
  throw new OperatorError("Unavailable", {
    publicMessage: `The ${wordsOf(settings.source.of).holder} is not known yet. ${scope.identity?.why ?? ""}`.trim(),
  });
};

/** What the credentials and the calls about them are called. */
export const wordsFor = ({ inForce }: { readonly inForce: InForce }): SourceWords =>
  wordsOf(inForce.settings.source.of);

/** What the source in force can do. */
export const capabilitiesFor = ({
  inForce,
  ports,
}: {
  readonly inForce: InForce;
  readonly ports: Pick<Ports, "sources">;
}): ProviderCapabilities => {
  const { of, slots, refusalsCount } = inForce.settings.source;
  return {
    ...ports.sources.capabilities(of),
    ...(slots === undefined ? {} : { slots }),
    ...(refusalsCount === undefined ? {} : { lockout: refusalsCount, controlCounts: refusalsCount }),
  };
};

/** Identity of the target across the cluster, for its claim. */
export const claimFor = (connection: ProviderConnection, target: SourceTarget, namespace: string): string =>
  claimOf(target, accountOf(connection), namespace);

/** Two connections to the same account are one account. */
export const accountOf = ({ spec: { aws, vault, kubernetes, hook }, metadata }: ProviderConnection): string =>
  aws?.accountId ??
  (kubernetes === undefined ? undefined : "in-cluster") ??
  (hook === undefined ? undefined : (hook.url?.replace("https://", "") ?? `job/${metadata.name}`)) ??
  (vault === undefined ? metadata.name : `${vault.address.replace("https://", "")}/${vault.namespace ?? "-"}`);
