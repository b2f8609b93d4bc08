import { confirmedBy, LEAKED, PAUSED, restartedFor, ROTATE_AT } from "../../../api/v1alpha1/annotations.ts";
import type { ProviderConnection } from "../../../api/v1alpha1/provider-connection.ts";
import type { DeliveryView, DependentView, Observable, PlanInput } from "../../../domain/rotation/action.ts";
import type { RotationAction } from "../../../domain/rotation/action.ts";
import { hasFinalizer } from "../../../cluster/finalizer.ts";
import { planCollapsed } from "../../../domain/rotation/collapsed.ts";
import { replacesLeaked } from "../../../domain/rotation/leak.ts";
import { planRotation } from "../../../domain/rotation/plan.ts";
import { stayingSlots } from "../../../domain/rotation/slots.ts";
import type { DeclaredPlace } from "../../../domain/rotation/record.ts";
import { OperatorError, toOperatorError } from "../../../kernel/errors.ts";
import { isAdopted } from "../../../domain/rotation/adoption.ts";
import { hasEnded } from "../../../domain/rotation/identity.ts";
import { formOfSource, holderOf } from "../../../domain/rotation/source.ts";
import type { SecretMaterial } from "../../../kernel/secret-material.ts";
import type { CredentialSource, Listing } from "../../../providers/contract.ts";
import type { DeliveryForm, DeliveryObservation, DeliveryStore, Staging } from "../../../stores/contract.ts";
import { admitted, connectionFor, connectionToTakeBack } from "../../connections.ts";
import type { Ports } from "../../ports.ts";
import {
  callsOf,
  capabilitiesFor,
  claimFor,
  requireTarget,
  targetOf,
  wordsFor,
  type InForce,
  type RotationScope,
} from "../scope.ts";
import { viewWorkload, workloadText } from "../workloads.ts";

/** Asks the planner, reads what it asks for, and asks again, until it names something to do. Nothing is changed here. */
export const decide = async (scope: RotationScope, inForce: InForce, ports: Ports): Promise<RotationAction> => {
  const { leavesNothing } = capabilitiesFor({ inForce, ports });
  const plan = leavesNothing ? planCollapsed : planRotation;
  if (leavesNothing) scope.collect = isCollected(scope, inForce);
  for (;;) {
    const action = plan(planInput(scope, inForce, ports));
    scope.revoking = action.type === "observe" ? action.toRevoke : undefined;
    if (action.type === "moveDependent") return inTurn(scope, inForce, action, ports);
    if (action.type !== "observe") return action;
    await OBSERVERS[action.what](scope, inForce, ports);
  }
};

/**
 * A workload is rolled when its turn has come. Whoever goes back, or gets rid of what has leaked, does not wait; and what stands on the version
 * already needs no turn.
 */
const inTurn = (
  scope: RotationScope,
  { settings }: InForce,
  action: Extract<RotationAction, { type: "moveDependent" }>,
  ports: Ports,
): RotationAction => {
  const { rotation } = scope.status;
  const dependent = settings.dependents.find(({ name }) => name === action.name);
  const view = scope.dependents?.[action.name];
  const there = view?.kind === "workload" && (view.version === action.version || view.state === "Missing");
  if (dependent?.kind !== "workload" || !dependent.restart || there) return action;
  const urgent = rotation !== undefined && (rotation.direction === "Back" || replacesLeaked(scope.status, rotation));
  if (urgent) return action;
  const workload = workloadText(dependent);
  const afterMs = ports.rollouts.turn({
    ...scope.request,
    workload,
    rotation: scope.request.name,
    version: action.version,
  });
  if (afterMs === undefined) return action;
  return { type: "wait", for: "RolloutTurn", about: action.name, recheckAt: new Date(scope.now.getTime() + afterMs) };
};

export const planInput = (scope: RotationScope, inForce: InForce, ports: Ports): PlanInput => ({
  now: scope.now,
  timeTrusted: scope.timeTrusted,
  self: ports.self,
  settings: inForce.settings,
  specHash: inForce.specHash,
  facts: capabilitiesFor({ inForce, ports }),
  status: scope.status,
  attributionWindowMs: ports.attributionWindowMs,
  identity: scope.identity?.state,
  held: scope.hold !== undefined,
  holder: holderName(scope, inForce),
  paused: inForce.endsOnly === true || scope.object.metadata.annotations?.[PAUSED] === "true",
  rotateAt: rotateAt(scope),
  leaked: leakedVersion(scope),
  revived: scope.revived === true,
  seed: scope.object.metadata.uid,
  spentRefusals: ports.spentRefusals,
  listing: scope.listing?.credentials,
  staging: scope.staging?.versions,
  deliveries: viewsOf(scope, inForce, ports),
  dependents: scope.dependents,
});

const viewsOf = (scope: RotationScope, inForce: InForce, ports: Ports): PlanInput["deliveries"] => {
  const { deliveries, staging } = scope;
  if (deliveries === undefined) return undefined;
  if (capabilitiesFor({ inForce, ports }).leavesNothing) return signedViews(scope, deliveries);
  return staging && deliveryViews(scope, inForce, deliveries, staging);
};

/** Nothing is staged: what stands there says itself what it is. */
const signedViews = (
  { recogniser, source }: RotationScope,
  seen: Readonly<Record<string, DeliveryObservation>>,
): Readonly<Record<string, DeliveryView>> =>
  Object.fromEntries(
    Object.entries(seen).map(([name, observation]): [string, DeliveryView] => {
      if (observation.kind === "absent") return [name, { kind: "absent" }];
      if (observation.kind === "foreign") return [name, observation];
      if (observation.kind === "adoptable") return [name, { kind: "foreign", why: NOT_ADOPTED }];
      const { version, material } = observation;
      const holds = material === undefined ? undefined : (recogniser ?? source)?.recognise?.(material);
      const whole = material !== undefined && holds !== undefined && observation.matches(material);
      return [name, { kind: "ours", version, carries: whole ? [version] : [], holds }];
    }),
  );

/** What nothing has to be done for at deletion is taken away by the cluster itself. */
export const isCollected = ({ object }: RotationScope, { settings }: InForce): boolean =>
  settings.deletion.policy !== "Retain" && !needsFinalizer(settings) && !hasFinalizer(object);

/** Of a source that leaves nothing behind: is there something to revoke or to withdraw when the resource goes? */
export const needsFinalizer = ({ revokes, deliveries }: Pick<InForce["settings"], "revokes" | "deliveries">): boolean =>
  revokes || deliveries.some(({ place }) => place.kubernetesSecret === undefined);

const holderName = (scope: RotationScope, { settings }: InForce): string => {
  const target = targetOf(scope, settings);
  return target === undefined ? "" : holderOf(target);
};

/** `rotate-at` is acted on once; an unreadable one is told to people and ignored. */
export const rotateAt = (scope: RotationScope): Date | undefined => {
  const text = scope.object.metadata.annotations?.[ROTATE_AT];
  if (text === undefined || text === scope.status.lastHandledRotateAt) return undefined;
  const at = RFC3339.test(text) ? new Date(text) : undefined;
  if (at !== undefined && !Number.isNaN(at.getTime())) return at;
  if (!scope.events.some(({ reason }) => reason === "InvalidAnnotation")) {
    scope.events.push({
      type: "Warning",
      reason: "InvalidAnnotation",
      action: "Rotate",
      note: `The annotation ${ROTATE_AT} is not an RFC 3339 time such as 2026-12-31T22:00:00Z; it is ignored.`,
    });
  }
  return undefined;
};

/** Acted on once; one that is no version of this resource is told to people and ignored. */
const leakedVersion = (scope: RotationScope): string | undefined => {
  const version = scope.object.metadata.annotations?.[LEAKED];
  const { current, rotation, pendingRevocations = [], lastHandledLeak } = scope.status;
  if (version === undefined || version === lastHandledLeak) return undefined;
  const known = [current, rotation, rotation?.previous, ...pendingRevocations];
  if (known.some((each) => each?.version === version)) return version;
  if (!scope.events.some(({ reason }) => reason === "InvalidAnnotation")) {
    scope.events.push({
      type: "Warning",
      reason: "InvalidAnnotation",
      action: "Rotate",
      note: `The annotation ${LEAKED} names no version of this resource that is still alive; status.current.version is ${current?.version ?? "none"}.`,
    });
  }
  return undefined;
};

const RFC3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

const OBSERVERS: Readonly<Record<Observable, (scope: RotationScope, inForce: InForce, ports: Ports) => Promise<void>>> =
  {
    async listing(scope, inForce, ports) {
      const source = await openForReading(scope, inForce, ports);
      scope.listing = await listing(scope, inForce, { source, ports });
      ports.metrics.providerKeys(scope.request, {
        provider: wordsFor({ inForce }).provider,
        identity: holderOf(requireTarget(scope, inForce.settings)),
        count: scope.listing.credentials.length,
        staying: stayingSlots({
          facts: source.capabilities,
          listing: scope.listing.credentials,
          status: scope.status,
        }),
        quota: source.capabilities.slots,
      });
    },
    async staging(scope, _inForce, ports) {
      scope.staging = await ports.staging.read(scope.object.metadata.uid);
    },
    async deliveries(scope, inForce, ports) {
      const seen: Record<string, DeliveryObservation> = {};
      for (const { name, place } of inForce.settings.deliveries) {
        seen[name] = await observeDelivery(scope, place, ports);
      }
      scope.deliveries = seen;
      if (capabilitiesFor({ inForce, ports }).leavesNothing) {
        scope.recogniser = await openForReading(scope, inForce, ports).catch((thrown: unknown) =>
          unlessEnded(scope, thrown),
        );
        if (scope.status.current !== undefined) noteCaution(scope, scope.recogniser, ports);
        return;
      }
      scope.staging ??= await ports.staging.read(scope.object.metadata.uid);
    },
    async dependents(scope, inForce, ports) {
      const seen: Record<string, DependentView> = {};
      for (const dependent of inForce.settings.dependents) {
        if (dependent.kind === "external") {
          const confirmed = scope.object.metadata.annotations?.[confirmedBy(dependent.name)];
          seen[dependent.name] = { kind: "external", ...(confirmed === undefined ? {} : { confirmed }) };
        } else {
          const view = await viewWorkload(workloadDoor(scope, ports), dependent);
          seen[dependent.name] = view;
          // It stands, is gone, or will roll when somebody wants: it keeps nobody waiting.
          if (view.kind === "workload" && (view.state !== "Progressing" || view.held !== undefined))
            ports.rollouts.ended({
              ...scope.request,
              workload: workloadText(dependent),
            });
        }
      }
      scope.dependents = seen;
    },
  };

export const workloadDoor = (scope: RotationScope, ports: Ports) => ({
  cluster: ports.cluster,
  namespace: scope.request.namespace,
  annotation: restartedFor(scope.request.name),
});

/** What is wrong with the target's set-up is told when it is seen first; the condition stays until it is mended. */
export const noteCaution = (scope: RotationScope, source: CredentialSource | undefined, ports: Ports): void => {
  scope.caution = source?.caution?.(callsOf(scope, ports));
  const note = scope.caution?.message;
  if (note === undefined || scope.status.conditions?.some(({ type }) => type === "EndsWithLogin") === true) return;
  scope.events.push({ type: "Warning", reason: "EndsWithLogin", action: "Observe", note });
};

/** The target through its connection, both proved usable for this namespace by live reads. Opened once a pass. */
export const openSource = async (scope: RotationScope, inForce: InForce, ports: Ports): Promise<CredentialSource> => {
  if (scope.source !== undefined) return scope.source;
  const target = requireTarget(scope, inForce.settings);
  scope.connection = await connectionOnce(scope, target.connection, ports);
  scope.source = ports.sources.open(scope.connection, target, scope.owner);
  return scope.source;
};

/** The same, only to take back: whoever may use the connection no longer must not keep what it issued (the ledger does likewise). */
export const openForTakingBack = async (
  scope: RotationScope,
  inForce: InForce,
  ports: Ports,
): Promise<CredentialSource> => {
  if (scope.takingBack !== undefined) return scope.takingBack;
  const target = requireTarget(scope, inForce.settings);
  const connection = await connectionToTakeBack(ports.cluster, target.connection);
  scope.connection ??= connection;
  scope.takingBack = ports.sources.open(connection, target, scope.owner);
  return scope.takingBack;
};

/** What is read on the way to a revocation, or for an identity that has ended, serves a taking back. */
const openForReading = (scope: RotationScope, inForce: InForce, ports: Ports): Promise<CredentialSource> =>
  scope.revoking !== undefined || hasEnded(scope.identity?.state)
    ? openForTakingBack(scope, inForce, ports)
    : openSource(scope, inForce, ports);

/** Without its connection nothing can be told of a value any more, nor be revoked: an identity that has ended rests nevertheless. */
const unlessEnded = ({ identity }: RotationScope, thrown: unknown): undefined => {
  if (!hasEnded(identity?.state) || toOperatorError(thrown).code !== "NotFound") throw thrown;
};

/** The user of an identity that has ended is taken away in the end, and its keys with it: then there is none to list. */
const listing = async (
  scope: RotationScope,
  inForce: InForce,
  { source, ports }: { readonly source: CredentialSource; readonly ports: Ports },
): Promise<Listing> => {
  const context = callsOf(scope, ports);
  if (!hasEnded(scope.identity?.state)) return source.list(context);
  return source.list(context).catch((thrown: unknown) => noneOfNobody(scope, inForce, thrown));
};

/**
 * A user that does not exist has no keys, but only if it was looked for where the record says that it was: another account behind
 * the same connection says nothing about it.
 */
export const noneOfNobody = (scope: RotationScope, { settings }: InForce, thrown: unknown): Listing => {
  const { connection, now } = scope;
  const target = targetOf(scope, settings);
  const there =
    connection !== undefined &&
    target !== undefined &&
    claimFor(connection, target, scope.request.namespace) === scope.status.target?.claim;
  if (!there || !(thrown instanceof OperatorError) || thrown.code !== "NotFound") throw thrown;
  return { credentials: [], providerTime: now };
};

/** Each connection is read once a pass: live, unless the pass goes by what was seen last. */
const connectionOnce = async (scope: RotationScope, name: string, ports: Ports): Promise<ProviderConnection> => {
  const known = scope.connections.get(name);
  if (known !== undefined) return known;
  const seen = scope.lastSeen === true ? ports.seen.connection(name) : undefined;
  const { namespace } = scope.request;
  const connection =
    seen === undefined ? await connectionFor(ports.cluster, name, namespace) : admitted(seen, name, namespace);
  scope.connections.set(name, connection);
  return connection;
};

export const openStore = async (scope: RotationScope, place: DeclaredPlace, ports: Ports): Promise<DeliveryStore> => {
  const form = formOf(scope);
  if (place.kubernetesSecret !== undefined)
    return ports.stores.kubernetesSecret(scope.owner, place.kubernetesSecret, form);
  if (place.hook !== undefined) {
    const connection = await connectionOnce(scope, place.hook.connectionRef.name, ports);
    return ports.stores.hook(connection, scope.owner, place.hook, form);
  }
  if (place.vaultKV === undefined)
    throw new OperatorError("InvalidSpec", { publicMessage: "A delivery names no place." });
  const connection = await connectionOnce(scope, place.vaultKV.connectionRef.name, ports);
  return ports.stores.vaultKV(connection, scope.owner, place.vaultKV, form);
};

const formOf = (scope: RotationScope): DeliveryForm => {
  const { object, collect } = scope;
  const beside = (material: SecretMaterial) => valueBefore(scope, material);
  return { ...formOfSource(object.spec.source), beside, ...(collect === undefined ? {} : { collect }) };
};

/** The value of the version before this one, while it is alive and nobody says that it has leaked. */
const valueBefore = ({ status, staging }: RotationScope, material: SecretMaterial): SecretMaterial | undefined => {
  const staged = staging?.versions ?? [];
  const version = staged.find((entry) => entry.material.equals(material))?.version;
  const { rotation, current, pendingRevocations = [] } = status;
  const replaced = rotation?.version === version ? (rotation?.previous ?? current) : rotation?.previous;
  const superseded = pendingRevocations.filter(
    ({ why, disabledAt, deletedAt }) => why === "Superseded" && disabledAt === undefined && deletedAt === undefined,
  );
  const [before] = [rotation?.previousKept === "Unavailable" ? undefined : replaced, ...superseded.toReversed()].filter(
    (one) => one !== undefined && one.version !== version && one.leaked !== true,
  );
  return before && staged.find((entry) => entry.version === before.version && entry.id === before.id)?.material;
};

/** A place that refuses to be read (no right, no connection) is not an end of the pass: publishing to it will say so. */
const observeDelivery = async (
  scope: RotationScope,
  place: DeclaredPlace,
  ports: Ports,
): Promise<DeliveryObservation> => {
  const store = await openStore(scope, place, ports).catch((thrown: unknown) => toOperatorError(thrown));
  if (store instanceof OperatorError) return { kind: "foreign", why: store.publicMessage };
  return store.observe(callsOf(scope, ports));
};

const deliveryViews = (
  scope: RotationScope,
  { settings }: InForce,
  seen: Readonly<Record<string, DeliveryObservation>>,
  staging: Staging,
): Readonly<Record<string, DeliveryView>> =>
  Object.fromEntries(
    Object.entries(seen).map(([name, observation]): [string, DeliveryView] => {
      if (observation.kind === "absent") return [name, { kind: "absent" }];
      if (observation.kind === "foreign") return [name, observation];
      if (isAdoptedPlace(scope, name) && isAdopted(scope.status)) {
        return [name, adoptedView(scope, observation, staging)];
      }
      if (observation.kind === "adoptable")
        return [name, settings.adopt ? { kind: "adoptable" } : { kind: "foreign", why: NOT_ADOPTED }];
      const carries = staging.versions
        .filter(({ material }) => observation.matches(material))
        .map(({ version }) => version);
      return [name, { kind: "ours", version: observation.version, carries }];
    }),
  );

export const NOT_ADOPTED = "What stands there asks to be adopted; spec.adoption.mode is Never";

/** Was it there before the adopted credential in use was taken over? */
export const isAdoptedPlace = ({ status }: Pick<RotationScope, "status">, delivery: string): boolean =>
  (status.deliveries ?? []).some(
    ({ name, target }) => name === delivery && status.adoptedPlaces?.includes(target) === true,
  );

/** It counts as carrying the adopted credential for as long as it asks for it and nobody has changed what stands there. */
const adoptedView = (
  { status: { current } }: RotationScope,
  seen: Exclude<DeliveryObservation, { kind: "absent" | "foreign" }>,
  staging: Staging,
): DeliveryView => {
  const staged = staging.versions.find(
    ({ version, id }) => version === current?.version && id === current.id,
  )?.material;
  const asks = seen.kind === "adoptable" || seen.asksAdoption === true;
  const same = staged !== undefined && seen.material?.equals(staged) === true;
  return asks && same && current !== undefined
    ? { kind: "ours", version: current.version, carries: [current.version] }
    : { kind: "foreign", why: "What was adopted has been changed, or does not ask to be adopted any more" };
};
