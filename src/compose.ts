import { IDENTITY_HOLD, type IdentityHold } from "./api/v1alpha1/identity-hold.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "./api/v1alpha1/orphaned-credential.ts";
import { PROVIDER_CONNECTION, type ProviderConnection } from "./api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION, type SecretRotation } from "./api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE, type ServiceAccountLifecycle } from "./api/v1alpha1/service-account-lifecycle.ts";
import type { AuditTrail } from "./audit/contract.ts";
import type { AuditVolume } from "./audit/volume.ts";
import type { ClusterClient, Informer, KubeObject, ResourceKind } from "./cluster/contract.ts";
import { loadKubeConfig } from "./cluster/endpoint.ts";
import { KubernetesEventRecorder } from "./cluster/event-recorder.ts";
import { ListWatchInformer } from "./cluster/informer.ts";
import { joinedInformer } from "./cluster/joined-informer.ts";
import { KubernetesClient } from "./cluster/kubernetes-client.ts";
import { KubernetesLeaseStore } from "./cluster/lease-store.ts";
import { connect, type Connections } from "./connect.ts";
import type { EngineMetrics, Reconciler } from "./engine/contract.ts";
import { Controller, type ControllerOptions } from "./engine/controller.ts";
import { limitedTo } from "./engine/limited.ts";
import { Quiet } from "./engine/quiet.ts";
import { Turns } from "./engine/turns.ts";
import { LeaderLease } from "./engine/lease.ts";
import { Manager } from "./engine/manager.ts";
import { isWatched } from "./domain/watched.ts";
import { identityFacts, type IdentityFacts } from "./domain/inventory/facts.ts";
import { ledgerDue } from "./domain/orphan/due.ts";
import { belongsTo } from "./domain/lifecycle/holders.ts";
import { leftInLedger } from "./domain/lifecycle/rotations.ts";
import { connectionNamed, type SourceKind } from "./domain/rotation/source.ts";
import type { Clock } from "./kernel/clock.ts";
import { canonicalJson, randomWord } from "./kernel/ids.ts";
import type { Logger } from "./kernel/logger.ts";
import type { Options } from "./options.ts";
import { allowsAny } from "./reconcilers/connections.ts";
import { connectionReconciler } from "./reconcilers/connection/reconciler.ts";
import { behindDoors, Gate } from "./reconcilers/doors.ts";
import { halting } from "./reconcilers/halting.ts";
import { follow, requestOf } from "./reconcilers/follow.ts";
import { freshness } from "./reconcilers/freshness.ts";
import { holdsSeen } from "./reconcilers/holds.ts";
import type { Holdable } from "./reconcilers/identity-hold/matches.ts";
import { identityHoldReconciler } from "./reconcilers/identity-hold/reconciler.ts";
import { wakeHeld } from "./reconcilers/identity-hold/wakes.ts";
import { overflowByNamespace } from "./reconcilers/orphan/declared.ts";
import { isLedgerOf } from "./reconcilers/orphan/entry.ts";
import { orphanReconciler } from "./reconcilers/orphan/reconciler.ts";
import { outside } from "./reconcilers/outside.ts";
import { rememberedEntry, rememberedIdentity, rememberedRotation } from "./reconcilers/remembered.ts";
import { rollouts } from "./reconcilers/rollouts.ts";
import { NAMESPACES, rememberedTenancy, shareOf, type Tenancy } from "./reconcilers/shares.ts";
import { standings } from "./reconcilers/standings.ts";
import type { Ports } from "./reconcilers/ports.ts";
import { secretRotationReconciler } from "./reconcilers/secret-rotation/reconciler.ts";
import { admissionProbe } from "./reconcilers/service-account-lifecycle/admission-probe.ts";
import { connectionNames } from "./reconcilers/service-account-lifecycle/connections.ts";
import { idsOf } from "./reconcilers/service-account-lifecycle/inventory.ts";
import { serviceAccountLifecycleReconciler } from "./reconcilers/service-account-lifecycle/reconciler.ts";
import { survey, type SurveyPorts } from "./reconcilers/survey.ts";
import { sweep } from "./reconcilers/sweep.ts";
import { claimStore } from "./stores/claims.ts";
import { followReadOnly, readOnlySwitch } from "./stores/read-only.ts";
import { KILL_SWITCH_NAME, killSwitch, type KillSwitch } from "./stores/kill-switch.ts";
import { limitStore } from "./stores/limits.ts";
import type { StagingStore } from "./stores/contract.ts";
import { stagingStore } from "./stores/staging.ts";
import type { Metrics } from "./telemetry/contract.ts";
import type { Redactor } from "./telemetry/redactor.ts";
import { listedOf, type Listed } from "./kernel/listed.ts";

/** What main has built before anything is wired: the process's own instruments. */
export interface Instruments {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly audit: AuditTrail;
  readonly auditVolume: AuditVolume;
  /** Told every value that passes through, so that none can be printed. */
  readonly redactor: Redactor;
  readonly version: string;
  /** Gives memory back; asked when it has become quiet after a busy time. */
  readonly collectGarbage?: (() => void) | undefined;
}

export interface Operator {
  readonly manager: Manager;
  readonly cluster: ClusterClient;
}

/** The one place that builds adapters and wires them. Nothing is called outside before the manager runs. */
export const compose = (options: Options, instruments: Instruments): Operator => {
  const { clock, log, metrics, audit, auditVolume, version } = instruments;
  const config = loadKubeConfig(options.kubeconfig === undefined ? {} : { file: options.kubeconfig });
  const cluster = new KubernetesClient({ config, clock, version });
  const events = new KubernetesEventRecorder({ client: cluster, clock, log, instance: options.leaseIdentity });
  const readOnly = readOnlySwitch(cluster, {
    operatorNamespace: options.operatorNamespace,
    clock,
    always: options.readOnly,
  });
  const connections = connect(options, instruments, cluster, readOnly);
  const lease = options.leaderElect
    ? new LeaderLease({
        store: new KubernetesLeaseStore(cluster, { namespace: options.operatorNamespace, name: options.leaseName }),
        identity: options.leaseIdentity,
        clock,
        log,
      })
    : undefined;

  const informerOf = <T extends KubeObject>(
    kind: ResourceKind,
    keep?: (object: T) => T,
    namespace?: string,
  ): ListWatchInformer<T> => new ListWatchInformer<T>({ source: cluster, kind, namespace, keep, clock, log });
  const watched = options.watchNamespaces;
  const watchedInformerOf = <T extends KubeObject>(kind: ResourceKind, keep: (object: T) => T): Informer<T> =>
    watched.length === 0
      ? informerOf<T>(kind, keep)
      : joinedInformer(new Map(watched.map((namespace) => [namespace, informerOf<T>(kind, keep, namespace)])));
  const isWhole = (kind: SourceKind): boolean => connections.sources.capabilities(kind).leavesNothing;
  const rotations = watchedInformerOf<SecretRotation>(SECRET_ROTATION, (each) => rememberedRotation(each, isWhole));
  const identities = watchedInformerOf<ServiceAccountLifecycle>(SERVICE_ACCOUNT_LIFECYCLE, rememberedIdentity);
  const connectionObjects = informerOf<ProviderConnection>(PROVIDER_CONNECTION);
  const orphans = informerOf<OrphanedCredential>(ORPHANED_CREDENTIAL, rememberedEntry);
  const holds = informerOf<IdentityHold>(IDENTITY_HOLD);
  const { fairnessLabel } = options;
  const tenancies =
    fairnessLabel === undefined ? undefined : informerOf<Tenancy>(NAMESPACES, rememberedTenancy(fairnessLabel));
  const waitedFor = {
    secretrotations: rotations,
    serviceaccountlifecycles: identities,
    providerconnections: connectionObjects,
    orphanedcredentials: orphans,
  };

  // The manager knows who leads, and is built from controllers that have to ask it.
  const leading = { now: (): boolean => false };
  const kill = killSwitch(cluster, options.operatorNamespace, clock, ({ engaged, ...facts }) => {
    const action = engaged ? "killSwitch:Engaged" : "killSwitch:Disengaged";
    void audit.note({ action, subject: undefined, target: KILL_SWITCH_NAME, passId: "", result: "OK", facts });
  });
  const ports: Ports = {
    clock,
    log,
    cluster,
    events,
    metrics,
    outside: outside(audit, () => leading.now(), kill, { room: auditVolume, monotonicMs: () => clock.monotonicMs() }),
    sources: connections.sources,
    accounts: connections.accounts,
    stores: connections.stores,
    staging: remembering(stagingStore(cluster, options.operatorNamespace), instruments.redactor),
    claims: claimStore(cluster, options.operatorNamespace),
    limits: limitStore({
      cluster,
      operatorNamespace: options.operatorNamespace,
      clock,
      limits: options.limits,
      shareOf: (namespace) => shareOf(namespace, tenancies),
    }),
    admission: admissionProbe(cluster, options.operatorNamespace, clock),
    rotationsIn: (namespace) => listedIn(rotations, namespace),
    identitiesIn: (namespace) => listedIn(identities, namespace),
    holds: holdsSeen(holds, (name) => connectionObjects.get({ name })),
    freshness: freshness(),
    revived: new Set(),
    rollouts: rollouts({ clock, debounceMs: options.restartDebounceMs, most: options.maxConcurrentRollouts }),
    spentRefusals: new Set(),
    seen: { rotation: (request) => rotations.get(request), connection: (name) => connectionObjects.get({ name }) },
    clusterName: options.clusterName,
    operatorNamespace: options.operatorNamespace,
    self: `${options.leaseIdentity}/${randomWord(8)}`,
    attributionWindowMs: options.attributionWindowMs,
    resyncMs: options.resyncMs,
    retainKubernetes: options.retainKubernetes,
    readOnly,
    demand: () => Promise.resolve(),
  };

  const { collectGarbage } = instruments;
  const quiet = collectGarbage && new Quiet({ clock, afterMs: QUIET_MS, atLeast: BUSY_PASSES, run: collectGarbage });
  const counted: EngineMetrics = {
    queueDepth: (controller, lane, depth) => metrics.queueDepth(controller, lane, depth),
    waited: (controller, lane, seconds) => metrics.waited(controller, lane, seconds),
    stepEnded: (controller, step, seconds) => metrics.stepEnded(controller, step, seconds),
    passEnded(controller, result, seconds) {
      metrics.passEnded(controller, result, seconds);
      quiet?.worked();
    },
  };
  const turns = new Turns(clock);
  const controllerOf = (
    reconciler: Reconciler,
    workers: Pick<ControllerOptions, "workers" | "workersOfEnds" | "standing">,
  ): Controller => new Controller({ reconciler, clock, log, metrics: counted, turns, ...workers });
  const turnsOf = standings({
    ...{ identities, rotations, orphans, holds, namespaces: tenancies },
    connection: (name) => connectionObjects.get({ name }),
    now: () => cluster.serverTime()?.now ?? clock.now(),
  });
  const both = { workers: options.workers, workersOfEnds: WORKERS_OF_ENDS };
  const rotationController = controllerOf(halting(SECRET_ROTATION, ports, secretRotationReconciler), {
    ...both,
    standing: turnsOf.rotation,
  });
  const identityController = controllerOf(
    halting(SERVICE_ACCOUNT_LIFECYCLE, ports, serviceAccountLifecycleReconciler),
    { ...both, standing: turnsOf.identity },
  );
  const connectionController = controllerOf(halting(PROVIDER_CONNECTION, ports, connectionReconciler), {
    workers: 2,
    standing: turnsOf.connection,
  });
  const orphanController = controllerOf(halting(ORPHANED_CREDENTIAL, ports, orphanReconciler), {
    workers: 0,
    workersOfEnds: WORKERS_OF_ENDS,
    standing: turnsOf.entry,
  });
  const world: Holdable = {
    identities: () => identities.list(),
    rotations: () => rotations.list(),
    entries: () => orphans.list(),
  };
  const holdController = controllerOf(identityHoldReconciler(ports, world), {
    workers: 0,
    workersOfEnds: 1,
    standing: turnsOf.hold,
  });

  // Of what is not in a namespace, other operators of the cluster have their part.
  const isOurs = {
    connection: (connection: ProviderConnection): boolean => allowsAny(connection, watched),
    entry: ({ spec }: OrphanedCredential): boolean => isWatched(watched, spec.origin.namespace),
    hold: ({ spec }: IdentityHold): boolean => isWatched(watched, spec.namespace),
  };
  const queues = {
    identities: identityController,
    rotations: rotationController,
    connections: limitedTo(connectionController, connectionObjects, isOurs.connection),
    orphans: limitedTo(orphanController, orphans, isOurs.entry),
    holds: limitedTo(holdController, holds, isOurs.hold),
  };

  const resyncs = [
    follow(rotations, rotationController, { clock, everyMs: options.resyncMs }),
    follow(identities, identityController, { clock, everyMs: options.resyncMs }),
    follow(connectionObjects, connectionController, {
      clock,
      everyMs: options.resyncMs,
      only: isOurs.connection,
    }),
    follow(orphans, orphanController, {
      clock,
      everyMs: options.resyncMs,
      only: isOurs.entry,
    }),
    follow(holds, holdController, {
      clock,
      everyMs: options.resyncMs,
      only: isOurs.hold,
    }),
  ];
  // The ledger waits for its resource to be gone or its accounts to be taken over, a rotation or an identity for its connection to be put right.
  const wakeLedger = ({ type, object }: { readonly type: string; readonly object: Succeeding }): void => {
    const uids = [...(type === "deleted" ? [object.metadata.uid] : []), ...(object.status?.predecessors ?? [])];
    if (uids.length === 0) return;
    for (const { spec, metadata } of orphans.list()) {
      if (uids.includes(spec.origin.uid)) queues.orphans.enqueue(requestOf(metadata));
    }
  };
  rotations.onChange(wakeLedger);
  rotations.onChange(({ type, object }) => {
    ports.rollouts.seen(object.metadata.uid, type === "deleted" ? undefined : object);
  });
  identities.onChange(wakeLedger);
  // An identity's inventory knows the credentials of its rotations, and its end waits for theirs; a rotation goes and stops with its identity.
  rotations.onChange(({ type, object, before }) => {
    if (type === "updated" && before !== undefined && fateOf(before) === fateOf(object)) return;
    for (const identity of identities.list()) {
      if (identity.metadata.namespace === object.metadata.namespace && belongsTo(object, identity))
        identityController.enqueue(requestOf(identity.metadata));
    }
  });
  orphans.onChange(({ type, object, before }) => {
    const { metadata, spec } = object;
    if (type === "updated" && before !== undefined && isDone(before) === isDone(object)) return;
    for (const identity of identities.list()) {
      const { namespace, name } = identity.metadata;
      if (namespace === spec.origin.namespace && isLedgerOf(metadata, { namespace, name }))
        identityController.enqueue(requestOf(identity.metadata));
    }
  });
  // Rotations of an identity that a limit holds back end when it does.
  orphans.onChange(({ type, object, before }) => {
    const { origin } = object.spec;
    if (origin.kind !== "ServiceAccountLifecycle") return;
    if (type === "updated" && before !== undefined && heldOf(before) === heldOf(object)) return;
    for (const { spec, metadata } of rotations.list()) {
      if (metadata.namespace === origin.namespace && spec.identityRef?.name === origin.name)
        rotationController.enqueue(requestOf(metadata));
    }
  });
  identities.onChange(({ type, object, before }) => {
    if (type === "updated" && before !== undefined && standing(before) === standing(object)) return;
    for (const { spec, metadata } of rotations.list()) {
      if (metadata.namespace === object.metadata.namespace && belongsTo({ spec }, object))
        rotationController.enqueue(requestOf(metadata));
    }
    // What a limit holds back of its rotations ends with it.
    const { namespace = "", name } = object.metadata;
    for (const { spec, metadata } of orphans.list()) {
      if (
        spec.held === "LimitReached" &&
        spec.origin.namespace === namespace &&
        isLedgerOf(metadata, { namespace, name })
      )
        queues.orphans.enqueue(requestOf(metadata));
    }
  });
  connectionObjects.onChange(({ type, object, before }) => {
    const back = before !== undefined && !isReady(before) && isReady(object);
    if (type === "updated" && object.metadata.generation === before?.metadata.generation && !back) return;
    for (const { spec, metadata, status } of rotations.list()) {
      // A rotation of an identity's account names no connection itself.
      const names = namesConnection(spec, object.metadata.name) || status?.target?.connection === object.metadata.name;
      if (!names) continue;
      if (back) ports.revived.add(`${metadata.namespace ?? ""}/${metadata.name}`);
      rotationController.enqueue(requestOf(metadata));
    }
    for (const { spec, metadata } of identities.list()) {
      if (connectionNames(spec).includes(object.metadata.name)) identityController.enqueue(requestOf(metadata));
    }
  });
  const wakes = wakeHeld(
    { identities, rotations, orphans, holds, connection: (name) => connectionObjects.get({ name }) },
    queues,
  );
  metrics.holdsFrom(() => holds.hasSynced());
  const informed = {
    ...{ ...waitedFor, identityholds: holds },
    ...(tenancies === undefined ? {} : { namespaces: tenancies }),
  };
  metrics.informersFrom(() =>
    Object.entries(informed).map(([kind, informer]) => ({
      kind,
      synced: informer.hasSynced(),
      leftOut: informer.leftOut().length,
    })),
  );
  metrics.ledgerFrom(() => {
    const entries = orphans.list();
    return { count: entries.length, due: ledgerDue(entries), overflow: overflowByNamespace(entries, ports) };
  });
  const everything = [
    [rotations, queues.rotations],
    [identities, queues.identities],
    [connectionObjects, queues.connections],
    [orphans, queues.orphans],
    [holds, queues.holds],
  ] as const;
  const lookAtAll = (): void => {
    for (const [informer, queue] of everything)
      for (const { metadata } of informer.list()) queue.enqueue(requestOf(metadata));
  };
  metrics.readOnlyFrom(() => ({
    engaged: manager.leading() && readOnly.last() !== "off",
    waiting: [...rotations.list(), ...identities.list(), ...orphans.list()].filter(isWaiting).length,
  }));
  metrics.auditVolumeFrom(() => auditVolume.usage());
  metrics.identitiesFrom(() => factsOf(identities.list()));

  const manager = new Manager({
    clock,
    log,
    informers: waitedFor,
    besides: [holds, ...(tenancies === undefined ? [] : [tenancies])],
    controllers: [rotationController, identityController, connectionController, orphanController, holdController],
    ...(lease === undefined ? {} : { lease }),
    onLeading: (signal) => {
      followReadOnly(readOnly, { clock, signal, changed: lookAtAll });
      watchKillSwitch(kill, clock, signal);
      if (!holds.hasSynced()) void holds.synced(signal).then(wakes.all, () => undefined);
      sweepAgainAndAgain(ports, signal);
      surveyAgainAndAgain(ports, { ...surveyPorts(options, cluster, connections), metrics }, signal);
    },
    flush: async () => {
      resyncs.forEach((resync) => {
        resync.stop();
      });
      await Promise.all([events.flush(FLUSH_MS), audit.close(), connections.close()]);
    },
  });
  leading.now = () => manager.leading();
  return { manager, cluster };
};

/** One after the other: a render gives the event loop its turns in between. */
function* factsOf(identities: readonly ServiceAccountLifecycle[]): Iterable<IdentityFacts> {
  for (const identity of identities) yield identityFacts(identity);
}

const listedIn = <T extends KubeObject>(informer: Informer<T>, namespace: string): Listed<T> =>
  listedOf(
    informer.list().filter(({ metadata }) => metadata.namespace === namespace),
    informer.leftOut().filter((each) => each.namespace === namespace),
  );

/** Passes of ends that run at once beside all others, of each kind, for one namespace. */
const WORKERS_OF_ENDS = 8;
const FLUSH_MS = 800;
const QUIET_MS = 15_000;
/** Less than that leaves nothing behind that is worth a collection. */
const BUSY_PASSES = 200;

const namesConnection = (spec: SecretRotation["spec"], name: string): boolean =>
  connectionNamed(spec.source) === name ||
  spec.deliver.some(({ vaultKV, hook }) => (vaultKV ?? hook)?.connectionRef.name === name);

/** A resource that may have taken over what dead ones of its name left. */
type Succeeding = KubeObject & { readonly status?: { readonly predecessors?: readonly string[] } };

/** Of an identity, what its rotations go by. */
const standing = ({ metadata, spec, status }: ServiceAccountLifecycle): string =>
  canonicalJson([
    metadata.uid,
    metadata.deletionTimestamp,
    spec.state,
    spec.expiresAt,
    spec.accounts,
    status?.state,
    // Whether what it decided about an end is about this spec, and whether it was permitted to come back.
    status?.observedGeneration === metadata.generation,
    status?.permittedReturn,
    status?.permittedUntil,
    (status?.accounts ?? []).map(({ name, target, state }) => [name, target, state]),
  ]);

/** Of an entry, what says whether a limit still holds it back. */
const heldOf = ({ metadata, status }: OrphanedCredential): string =>
  canonicalJson([
    metadata.annotations,
    status?.holds,
    (status?.conditions ?? []).find(({ type }) => type === "Ready")?.reason,
  ]);

/** Of a rotation, what its identity goes by: which credentials it answers for, and whether it has taken note of an end. */
const fateOf = ({ metadata, status = {} }: SecretRotation): string =>
  canonicalJson([
    metadata.deletionTimestamp,
    idsOf(status),
    status.rotation?.id,
    status.suspension?.reason,
    status.suspension?.resumedAt,
  ]);

const isDone = (entry: OrphanedCredential): boolean => leftInLedger(entry) === undefined;

/** Something is due, and read-only keeps it from being done. */
const isWaiting = ({ status }: { readonly status?: { readonly conditions?: readonly { readonly type: string }[] } }) =>
  status?.conditions?.some(({ type }) => type === "ReadOnly") === true;

const isReady = ({ status }: ProviderConnection): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True") === true;

/** A switch that is put on and off while nothing is issued is on record too. */
const watchKillSwitch = (kill: KillSwitch, clock: Clock, signal: AbortSignal): void => {
  const round = async (): Promise<void> => {
    while (!signal.aborted) {
      await kill.engaged().catch(() => undefined);
      await clock.sleep(KILL_SWITCH_MS, signal).catch(() => undefined);
    }
  };
  void round();
};

const KILL_SWITCH_MS = 10_000;

const sweepAgainAndAgain = (ports: Ports, signal: AbortSignal): void => {
  const log = ports.log.with({ sweep: true });
  const round = async (): Promise<void> => {
    while (!signal.aborted) {
      await sweepOnce(ports, { log, signal }).catch((thrown: unknown) => {
        log.warn("The sweep did not get through; it is tried again at the next round", { error: thrown });
      });
      await ports.clock.sleep(ports.resyncMs, signal).catch(() => undefined);
    }
  };
  void round();
};

/** The sweep writes ledger entries and releases claims, so it waits while read-only is on. */
const sweepOnce = async (ports: Ports, context: Parameters<typeof sweep>[1]): Promise<void> => {
  if ((await ports.readOnly.state()) !== "off") return;
  await sweep(behindDoors(ports, new Gate(ports.readOnly)), context);
};

const surveyAgainAndAgain = (
  { clock, log: base, resyncMs }: Pick<Ports, "clock" | "log" | "resyncMs">,
  ports: SurveyPorts & { readonly metrics: Metrics },
  signal: AbortSignal,
): void => {
  const log = base.with({ survey: true });
  const round = async (): Promise<void> => {
    while (!signal.aborted) {
      await survey(ports, { log, signal }).catch((thrown: unknown) => {
        log.warn("The survey did not get through; it is made again at the next round", { error: thrown });
      });
      await clock.sleep(resyncMs, signal).catch(() => undefined);
    }
  };
  void round();
};

/** Every credential is staged before it goes anywhere, so staging is where the redactor learns the values. */
const remembering = (staging: StagingStore, redactor: Redactor): StagingStore => ({
  ...staging,
  async read(ownerUid) {
    const read = await staging.read(ownerUid);
    for (const { material } of read.versions) redactor.remember(material);
    return read;
  },
  put(owner, entry) {
    redactor.remember(entry.material);
    return staging.put(owner, entry);
  },
});

const surveyPorts = (options: Options, cluster: ClusterClient, connections: Connections): SurveyPorts => ({
  cluster,
  clusterName: options.clusterName,
  watched: options.watchNamespaces,
  marked: (connection, context) => connections.marked(connection, context),
  keysOf: (connection, { namespace, userName }) =>
    connections.sources.open(
      connection,
      { kind: "awsAccessKey", connection: connection.metadata.name, userName },
      { namespace, name: "", uid: "" },
    ),
});

/** The operator's connections for a look from a terminal: nothing is led, queued or changed. */
export const composeSurvey = (
  options: Options,
  instruments: Omit<Instruments, "audit" | "auditVolume">,
): { readonly ports: SurveyPorts; close(): Promise<void> } => {
  const { clock, version } = instruments;
  const config = loadKubeConfig(options.kubeconfig === undefined ? {} : { file: options.kubeconfig });
  const cluster = new KubernetesClient({ config, clock, version });
  const connections = connect(options, instruments, cluster);
  return { ports: surveyPorts(options, cluster, connections), close: () => connections.close() };
};
