import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "./api/v1alpha1/orphaned-credential.ts";
import { PROVIDER_CONNECTION, type ProviderConnection } from "./api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION, type SecretRotation } from "./api/v1alpha1/secret-rotation.ts";
import type { AuditTrail } from "./audit/contract.ts";
import type { ClusterClient, Informer, KubeObject, ResourceKind } from "./cluster/contract.ts";
import { loadKubeConfig } from "./cluster/endpoint.ts";
import { KubernetesEventRecorder } from "./cluster/event-recorder.ts";
import { ListWatchInformer } from "./cluster/informer.ts";
import { KubernetesClient } from "./cluster/kubernetes-client.ts";
import { KubernetesLeaseStore } from "./cluster/lease-store.ts";
import type { Reconciler, ReconcileRequest } from "./engine/contract.ts";
import { Controller } from "./engine/controller.ts";
import { LeaderLease } from "./engine/lease.ts";
import { Manager } from "./engine/manager.ts";
import { Resync } from "./engine/resync.ts";
import type { Clock } from "./kernel/clock.ts";
import { canonicalJson, randomWord } from "./kernel/ids.ts";
import type { Logger } from "./kernel/logger.ts";
import { SecretMaterial } from "./kernel/secret-material.ts";
import type { Options } from "./options.ts";
import { awsConnections } from "./providers/aws/connection.ts";
import type { CallContext } from "./providers/contract.ts";
import { invalidField, type ConnectionSpec } from "./providers/spec.ts";
import { vaultConnections } from "./providers/vault/connection.ts";
import { allows } from "./reconcilers/connections.ts";
import { connectionReconciler } from "./reconcilers/connection/reconciler.ts";
import { freshness } from "./reconcilers/freshness.ts";
import { measuredSource, measuredStore, type Meter } from "./reconcilers/measured.ts";
import { orphanReconciler } from "./reconcilers/orphan/reconciler.ts";
import { outside } from "./reconcilers/outside.ts";
import type { Ports, Sources, Stores } from "./reconcilers/ports.ts";
import { secretRotationReconciler } from "./reconcilers/secret-rotation/reconciler.ts";
import { sweep } from "./reconcilers/sweep.ts";
import { claimStore } from "./stores/claims.ts";
import { fromBase64, SECRETS, type Secret } from "./stores/kinds.ts";
import { kubernetesSecretStore } from "./stores/kubernetes-secret.ts";
import type { StagingStore } from "./stores/contract.ts";
import { stagingStore } from "./stores/staging.ts";
import { vaultKvStore } from "./stores/vault-kv.ts";
import type { Metrics } from "./telemetry/contract.ts";
import type { Redactor } from "./telemetry/redactor.ts";

/** What main has built before anything is wired: the process's own instruments. */
export interface Instruments {
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly audit: AuditTrail;
  /** Told every value that passes through, so that none can be printed. */
  readonly redactor: Redactor;
  readonly version: string;
}

export interface Operator {
  readonly manager: Manager;
}

/** The one place that builds adapters and wires them. Nothing is called outside before the manager runs. */
export const compose = (options: Options, instruments: Instruments): Operator => {
  const { clock, log, metrics, audit, version } = instruments;
  const config = loadKubeConfig(options.kubeconfig === undefined ? {} : { file: options.kubeconfig });
  const cluster = new KubernetesClient({ config, clock, version });
  const events = new KubernetesEventRecorder({ client: cluster, clock, log, instance: options.leaseIdentity });
  const connections = connect(options, instruments, cluster);
  const lease = options.leaderElect
    ? new LeaderLease({
        store: new KubernetesLeaseStore(cluster, { namespace: options.operatorNamespace, name: options.leaseName }),
        identity: options.leaseIdentity,
        clock,
        log,
      })
    : undefined;

  // The manager knows who leads, and is built from controllers that have to ask it.
  const leading = { now: (): boolean => false };
  const ports: Ports = {
    clock,
    log,
    cluster,
    events,
    metrics,
    outside: outside(audit, () => leading.now()),
    sources: connections.sources,
    stores: connections.stores,
    staging: remembering(stagingStore(cluster, options.operatorNamespace), instruments.redactor),
    claims: claimStore(cluster, options.operatorNamespace),
    freshness: freshness(),
    clusterName: options.clusterName,
    operatorNamespace: options.operatorNamespace,
    self: `${options.leaseIdentity}/${randomWord(8)}`,
    attributionWindowMs: options.attributionWindowMs,
    resyncMs: options.resyncMs,
  };

  const informerOf = <T extends KubeObject>(kind: ResourceKind, namespace?: string): ListWatchInformer<T> =>
    new ListWatchInformer<T>({ source: cluster, kind, namespace, clock, log });
  const rotations = informerOf<SecretRotation>(SECRET_ROTATION, options.watchNamespace);
  const connectionObjects = informerOf<ProviderConnection>(PROVIDER_CONNECTION);
  const orphans = informerOf<OrphanedCredential>(ORPHANED_CREDENTIAL);
  const controllerOf = (reconciler: Reconciler, workers: number): Controller =>
    new Controller({ reconciler, clock, log, metrics, workers });
  const rotationController = controllerOf(secretRotationReconciler(ports), options.workers);
  const connectionController = controllerOf(connectionReconciler(ports), 2);
  const orphanController = controllerOf(orphanReconciler(ports), 2);

  const resyncs = [
    follow(rotations, rotationController, { clock, everyMs: options.resyncMs }),
    follow(connectionObjects, connectionController, {
      clock,
      everyMs: options.resyncMs,
      only: (connection) => options.watchNamespace === undefined || allows(connection, options.watchNamespace),
    }),
    follow(orphans, orphanController, {
      clock,
      everyMs: options.resyncMs,
      only: ({ spec }) => options.watchNamespace === undefined || spec.origin.namespace === options.watchNamespace,
    }),
  ];
  // The ledger waits for its resource to be gone, a rotation for its connection to be put right.
  rotations.onChange(({ type, object }) => {
    if (type !== "deleted") return;
    for (const { spec, metadata } of orphans.list()) {
      if (spec.origin.uid === object.metadata.uid) orphanController.enqueue(requestOf(metadata));
    }
  });
  connectionObjects.onChange(({ type, object, before }) => {
    if (type === "updated" && object.metadata.generation === before?.metadata.generation) return;
    for (const { spec, metadata } of rotations.list()) {
      if (namesConnection(spec, object.metadata.name)) rotationController.enqueue(requestOf(metadata));
    }
  });
  orphans.onChange(() => {
    metrics.orphanedResources(orphans.list().length);
  });

  const manager = new Manager({
    clock,
    log,
    informers: { secretrotations: rotations, providerconnections: connectionObjects, orphanedcredentials: orphans },
    controllers: [rotationController, connectionController, orphanController],
    ...(lease === undefined ? {} : { lease }),
    onLeading: (signal) => {
      sweepAgainAndAgain(ports, signal);
    },
    flush: async () => {
      resyncs.forEach((resync) => {
        resync.stop();
      });
      await Promise.all([events.flush(FLUSH_MS), audit.close(), connections.close()]);
    },
  });
  leading.now = () => manager.leading();
  return { manager };
};

const FLUSH_MS = 800;

const requestOf = (metadata: { readonly namespace?: string; readonly name: string }): ReconcileRequest => ({
  namespace: metadata.namespace ?? "",
  name: metadata.name,
});

const namesConnection = (spec: SecretRotation["spec"], name: string): boolean =>
  spec.source.awsAccessKey?.connectionRef.name === name ||
  spec.deliver.some(({ vaultKV }) => vaultKV?.connectionRef.name === name);

/** Changes of what people write wake a pass; our own status writes do not. Resyncs run for as long as the object is there. */
const follow = <T extends KubeObject>(
  informer: Informer<T>,
  controller: Controller,
  options: { readonly clock: Clock; readonly everyMs: number; readonly only?: (object: T) => boolean },
): Resync => {
  const enqueue = (request: ReconcileRequest): void => {
    controller.enqueue(request);
  };
  const resync = new Resync({ clock: options.clock, everyMs: options.everyMs, enqueue });
  informer.onChange(({ type, object, before }) => {
    if (options.only?.(object) === false) return;
    const request = requestOf(object.metadata);
    if (type === "deleted") resync.untrack(object.metadata.uid);
    else resync.track(object.metadata.uid, request);
    if (type !== "updated" || before === undefined || wanted(object) !== wanted(before)) controller.enqueue(request);
  });
  return resync;
};

/** The part of an object that people write. */
const wanted = ({ metadata }: KubeObject): string =>
  canonicalJson([
    metadata.uid,
    metadata.generation,
    metadata.annotations,
    metadata.deletionTimestamp,
    metadata.finalizers,
  ]);

const sweepAgainAndAgain = (ports: Ports, signal: AbortSignal): void => {
  const log = ports.log.with({ sweep: true });
  const round = async (): Promise<void> => {
    while (!signal.aborted) {
      await sweep(ports, { log, signal }).catch((thrown: unknown) => {
        log.warn("The sweep did not get through; it is tried again at the next round", { error: thrown });
      });
      await ports.clock.sleep(ports.resyncMs, signal).catch(() => undefined);
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

interface Connections {
  readonly sources: Sources;
  readonly stores: Stores;
  close(): Promise<void>;
}

/** The clouds and stores: a new one is a line here. */
const connect = (options: Options, { clock, metrics, redactor }: Instruments, cluster: ClusterClient): Connections => {
  const aws = awsConnections({
    clock,
    readLoginSecret: async (name) => {
      const secret = await cluster.get<Secret>({ kind: SECRETS, namespace: options.operatorNamespace, name });
      if (secret === undefined) return undefined;
      const login = Object.fromEntries(
        Object.entries(secret.data ?? {}).map(([key, value]) => [key, fromBase64(value)]),
      );
      redactor.remember(new SecretMaterial(login));
      return login;
    },
  });
  const meter = (provider: string): Meter => ({ clock, metrics, provider });
  const serviceAccount = { namespace: options.operatorNamespace, name: options.serviceAccount };
  const vault = vaultConnections({ clock, requestToken: (wish) => cluster.requestToken(serviceAccount, wish) });
  const vaultOf = (connection: ProviderConnection) => {
    if (connection.spec.vault === undefined)
      throw invalidField("spec.deliver.vaultKV.connectionRef", "names a connection that is not a Vault");
    return vault.connection(connectionSpec(connection, connection.spec.vault));
  };
  const awsOf = (connection: ProviderConnection): ConnectionSpec => {
    if (connection.spec.aws === undefined)
      throw invalidField("spec.source.awsAccessKey.connectionRef", "names a connection that is not an AWS account");
    return connectionSpec(connection, connection.spec.aws);
  };
  return {
    sources: {
      awsAccessKey: (connection, target) => measuredSource(aws.source(awsOf(connection), target), meter("aws")),
      async check(connection, context: CallContext) {
        if (connection.spec.vault !== undefined) await vaultOf(connection).use(() => Promise.resolve(), context);
        else await aws.check(awsOf(connection), context);
      },
      retire(name) {
        aws.retire(name);
        void vault.retire(name);
      },
    },
    stores: {
      kubernetesSecret: (owner, place) =>
        measuredStore(kubernetesSecretStore(cluster, owner, place), meter("kubernetes")),
      vaultKV: (connection, owner, place) =>
        measuredStore(vaultKvStore(vaultOf(connection), owner, place), meter("vault")),
    },
    async close() {
      aws.close();
      await vault.close();
    },
  };
};

const connectionSpec = (connection: ProviderConnection, spec: unknown): ConnectionSpec => ({
  name: connection.metadata.name,
  uid: connection.metadata.uid,
  generation: connection.metadata.generation ?? 0,
  spec,
});
