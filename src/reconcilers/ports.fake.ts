import { ADMISSION_PROBE, CHANGED_BY, ROTATE_AT } from "../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import { CONDITIONS, EVENTS, type ConditionMeaning } from "../api/v1alpha1/reasons.ts";
import { IDENTITY_HOLD, type IdentityHold, type IdentityHoldSpec } from "../api/v1alpha1/identity-hold.ts";
import { PROVIDER_CONNECTION, type ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION, type SecretRotation, type SecretRotationSpec } from "../api/v1alpha1/secret-rotation.ts";
import {
  SERVICE_ACCOUNT_LIFECYCLE,
  type Account,
  type ServiceAccountLifecycle,
} from "../api/v1alpha1/service-account-lifecycle.ts";
import type { AuditEntry, AuditNote, AuditTrail } from "../audit/contract.ts";
import type { AuditRoom } from "../audit/volume.ts";
import type { ClusterClient, KubeObject, NewObject, ObjectRef, ResourceKind } from "../cluster/contract.ts";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { deployments } from "../cluster/resources.ts";
import type { RotationStatus } from "../domain/rotation/record.ts";
import type { Outcome, PassContext } from "../engine/contract.ts";
import { OperatorError, toOperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import type { AccountClient, AccountOwner } from "../providers/account.ts";
import type { CredentialSource, SourceOwner } from "../providers/contract.ts";
import {
  FakeAccount,
  fakeAccountErrors,
  type FakeAccountOperation,
  type FakeAccountPlace,
} from "../providers/fake-account.ts";
import { FakeAppRole } from "../providers/vault/approle/fake-role.ts";
import { CAPABILITIES } from "../providers/capabilities.ts";
import { FakeHook } from "../providers/hook/fake-hook.ts";
import { hookSource } from "../providers/hook/source.ts";
import { hookStore } from "../stores/hook.ts";
import { tokenSource } from "../providers/kubernetes/token/source.ts";
import { identityCalls } from "../cluster/identity-calls.ts";
import { FakeDatabase } from "../providers/vault/database/fake-database.ts";
import { databaseSource } from "../providers/vault/database/source.ts";
import { appRoleSource } from "../providers/vault/approle/source.ts";
import { FakePkiEngine } from "../providers/vault/pki/fake-engine.ts";
import { pkiSource } from "../providers/vault/pki/source.ts";
import type { VaultConnection } from "../providers/vault/connection.ts";
import type { VaultSession } from "../providers/vault/sdk.ts";
import type { SourceTarget } from "../domain/rotation/source.ts";
import { FakeSource } from "../providers/fake-source.ts";
import { claimStore } from "../stores/claims.ts";
import type { DeliveryOwner, DeliveryStore } from "../stores/contract.ts";
import { fromBase64, SECRETS, type Secret } from "../stores/kinds.ts";
import { killSwitch } from "../stores/kill-switch.ts";
import type { ReadOnlyState } from "../stores/read-only.ts";
import { limitStore, type LimitSettings } from "../stores/limits.ts";
import { kubernetesSecretStore } from "../stores/kubernetes-secret.ts";
import { stagingStore } from "../stores/staging.ts";
import type { Metrics } from "../telemetry/contract.ts";
import { rollouts } from "./rollouts.ts";
import { freshness } from "./freshness.ts";
import { holdsSeen } from "./holds.ts";
import { orphanReconciler } from "./orphan/reconciler.ts";
import { ENDLESS_ROOM, outside } from "./outside.ts";
import type { Ports } from "./ports.ts";
import { admissionProbe } from "./service-account-lifecycle/admission-probe.ts";
import { secretRotationReconciler } from "./secret-rotation/reconciler.ts";
import { listedOf, nameOf, type LeftOut, type Listed } from "../kernel/listed.ts";

export const OPERATOR_NAMESPACE = "keyturn-system";
export const ATTRIBUTION_MS = 10_000;

/** Sleeping moves the time, so that nothing has to be driven beside a pass. */
class WalkingClock extends FakeClock {
  override async sleep(delayMs: number): Promise<void> {
    await this.advance(delayMs);
  }
}

/** What happens to one mutation, counted over cluster, provider and KV together. */
export interface Trap {
  readonly at: number;
  /** `killBefore`: the process dies, nothing was sent. `killAfter`: it took effect, then the process dies. The other two it survives. */
  readonly how: "killBefore" | "killAfter" | "answerLost" | "refused";
}

export const TRAPS: readonly Trap["how"][] = ["killBefore", "killAfter", "answerLost", "refused"];

/**
 * The same life once for each mutation of an undisturbed one and each way to lose something at it: whatever is lost, `holds` is told what it was
 * and has to find the same end.
 */
export const atEveryTrap = async (story: {
  readonly setUp: () => Bench;
  readonly life: (bench: Bench) => Promise<void>;
  readonly holds: (bench: Bench, about: string) => void | Promise<void>;
}): Promise<void> => {
  const reference = story.setUp();
  await story.life(reference);
  const { mutations } = reference;
  for (const how of TRAPS)
    for (let at = 1; at <= mutations; at += 1) {
      const bench = story.setUp();
      bench.trap = { at, how };
      await story.life(bench);
      const about = `${how} at ${at} (${bench.trace[at - 1] ?? ""})`;
      const { rotation, pendingRevocations = [] } = bench.status();
      if (rotation !== undefined || pendingRevocations.length > 0)
        throw new Error(`${about}: ${JSON.stringify({ rotation, pendingRevocations })}`);
      await story.holds(bench, about);
    }
};

/** Thrown by every call of a process that is dead. */
class Killed extends Error {}

const CLUSTER_MUTATIONS = ["create", "replace", "replaceStatus", "mergePatch", "delete", "requestToken"];
const SOURCE_MUTATIONS = ["markOwner", "issue", "setEnabled", "revoke"];
const KV_MUTATIONS = ["publish", "withdraw"];
const ACCOUNT_MUTATIONS = [
  "apply",
  "remove",
  "cut",
  "uncut",
  "closeLogin",
  "openLogin",
  "setCredentialEnabled",
  "removeCredential",
  "giveBack",
];

interface KvEntry {
  readonly ownerUid: string;
  readonly version: string;
  readonly material: SecretMaterial;
  readonly cas: number;
}

export interface RecordedEvent {
  readonly type: string;
  readonly reason: string;
  readonly note: string;
}

const silentMetrics = (): Metrics => {
  const nothing = (): void => undefined;
  return {
    passEnded: nothing,
    queueDepth: nothing,
    waited: nothing,
    stepEnded: nothing,
    conditions: nothing,
    credential: nothing,
    pendingRevocations: nothing,
    ledgerFrom: nothing,
    readOnlyFrom: nothing,
    breakersFrom: nothing,
    holdsFrom: nothing,
    providerKeys: nothing,
    identitiesFrom: nothing,
    unreviewed: nothing,
    unownedMarks: nothing,
    informersFrom: nothing,
    rotationEnded: nothing,
    rollback: nothing,
    drift: nothing,
    offboarded: nothing,
    dependentRestart: nothing,
    providerRequest: nothing,
    auditEvent: nothing,
    auditVolumeFrom: nothing,
    rotationPhase: nothing,
    forget: nothing,
  };
};

/**
 * A cluster, an IAM user, a KV store and an operator process that can be killed at any mutation and started again. Stores and
 * reconcilers are the real ones; workloads roll by themselves and log in with what they were given.
 */
export class Bench {
  readonly clock = new WalkingClock();
  readonly cluster = new FakeCluster(this.clock);
  readonly source = new FakeSource(this.clock);
  readonly pki = new FakePkiEngine(() => this.clock.now());
  readonly appRole = new FakeAppRole(() => this.clock.now());
  readonly hook = new FakeHook(() => this.clock.now());
  readonly database = new FakeDatabase(() => this.clock.now());
  readonly kv = new Map<string, KvEntry>();
  readonly kvForeign = new Set<string>();
  /** Where accounts of identities lie, by their names in spec.accounts. */
  readonly places = new Map<string, FakeAccountPlace>();
  /** The operator's flag --retain-kubernetes, for every process that starts from now on. */
  retainKubernetes = false;
  readOnly: ReadOnlyState = "off";
  /** False: the IdentityHolds have not been read since the start. */
  holdsRead = true;
  /** No limits unless a test sets some. */
  limits: LimitSettings = { offboarding: 0, offboardingPerNamespace: 0, grant: 0, issue: 0 };
  /** What stands between the operator and an account's client, in every process. */
  wrapAccount: (client: AccountClient, name: string) => AccountClient = (client) => client;
  /** What stands between the operator and a credential source of Vault, in every process. */
  wrapVault: (source: CredentialSource) => CredentialSource = (source) => source;
  /** Providers that are away: names of accounts. */
  readonly away = new Set<string>();
  /** Rights that a connection's login lacks; undefined: it cannot be found out. */
  missingRights: readonly string[] | undefined = [];
  readonly events: RecordedEvent[] = [];
  readonly audit: { readonly phase: string; readonly action: string; readonly target: string }[] = [];
  /** The same records as they were asked for. */
  readonly recorded: { readonly phase: string; readonly entry: AuditEntry | AuditNote }[] = [];
  /** What the audit volume has room for. */
  auditRoom: AuditRoom = ENDLESS_ROOM;
  /** The audit trail's disk is full. */
  auditDown = false;
  /** Deployments whose new pods do not become ready. */
  readonly sick = new Set<string>();
  /** What the pods of each Deployment hold. */
  readonly held = new Map<string, SecretMaterial>();
  refusedLogins = 0;
  mutations = 0;
  /** Every mutation's name, in order. */
  readonly trace: string[] = [];
  trap: Trap | undefined;
  leading = true;
  skewMs = 0;
  ports: Ports;
  #dead = false;
  #starts = 0;
  #passes = 0;

  constructor() {
    this.cluster.admission = stamping;
    this.cluster.allows = () => true;
    this.source.target = { exists: true, allowed: true, owner: "test/payments/billing", ownerUid: undefined };
    this.cluster.seed(connectionRef("aws"), {
      spec: {
        allowedNamespaces: { mode: "Listed", names: ["payments"] },
        aws: { region: "eu-central-1", accountId: "111122223333", login: { defaultChain: {} } },
      },
    });
    this.cluster.seed(connectionRef("vault"), {
      spec: { allowedNamespaces: { mode: "All" }, vault: { address: "https://vault:8200" } },
    });
    this.ports = this.start();
  }

  /** A new operator process: nothing in memory, a name of its own. */
  start(): Ports {
    this.#dead = false;
    this.#starts += 1;
    const { clock } = this;
    const cluster = this.#wired<ClusterClient>("cluster", this.cluster, CLUSTER_MUTATIONS);
    const skewed: ClusterClient = new Proxy(cluster, {
      get: (target, name) =>
        name === "serverTime"
          ? () => ({ now: this.cluster.serverTime().now, skewMs: this.skewMs })
          : (Reflect.get(target, name) as unknown),
    });
    this.ports = {
      clock,
      log: silentLogger,
      cluster: skewed,
      events: {
        record: (_about, { type, reason, note }) => void this.events.push({ type, reason, note }),
        flush: () => Promise.resolve(),
      },
      metrics: silentMetrics(),
      outside: outside(this.#trail(), () => this.leading, killSwitch(skewed, OPERATOR_NAMESPACE, clock), {
        room: {
          demandShare: (namespace) => this.auditRoom.demandShare(namespace),
          demandRoom: () => this.auditRoom.demandRoom(),
        },
        monotonicMs: () => clock.monotonicMs(),
      }),
      sources: {
        open: (_connection, target, owner) => this.#source(skewed, target, owner),
        capabilities: (kind) => (kind === "awsAccessKey" ? this.source.capabilities : CAPABILITIES[kind]),
        check: () => Promise.resolve(),
        missingRights: () =>
          this.missingRights === undefined
            ? Promise.reject(new OperatorError("Unavailable", { publicMessage: "The provider does not answer." }))
            : Promise.resolve(this.missingRights),
        retire: () => undefined,
      },
      accounts: { open: (_connection, owner, account) => this.#account(owner, account) },
      stores: {
        kubernetesSecret: (owner, place, form) => kubernetesSecretStore(skewed, owner, place, form),
        vaultKV: (_connection, owner, place) => this.#wired("kv", this.#kvStore(owner, place.path), KV_MUTATIONS),
        hook: (_connection, owner, { place }) => {
          const signingKey = () => Promise.resolve("a key that nobody has for signing");
          return this.#wired(
            "place",
            hookStore({ call: this.hook.call, signingKey, account: "hook" }, owner, place),
            KV_MUTATIONS,
          );
        },
      },
      staging: stagingStore(skewed, OPERATOR_NAMESPACE),
      claims: claimStore(skewed, OPERATOR_NAMESPACE),
      limits: limitStore({ cluster: skewed, operatorNamespace: OPERATOR_NAMESPACE, clock, limits: this.limits }),
      admission: admissionProbe(skewed, OPERATOR_NAMESPACE, clock),
      rotationsIn: (namespace) => this.#seenIn<SecretRotation & KubeObject>(SECRET_ROTATION, namespace),
      identitiesIn: (namespace) =>
        this.#seenIn<ServiceAccountLifecycle & KubeObject>(SERVICE_ACCOUNT_LIFECYCLE, namespace),
      holds: holdsSeen(
        {
          hasSynced: () => this.holdsRead,
          list: () => this.#readable(IDENTITY_HOLD) as readonly (IdentityHold & KubeObject)[],
          leftOut: () => this.#leftOut(IDENTITY_HOLD),
        },
        (name) => this.cluster.peek<ProviderConnection & KubeObject>(connectionRef(name)),
      ),
      freshness: freshness(),
      revived: new Set(),
      rollouts: rollouts({ clock, debounceMs: 0, most: 0 }),
      spentRefusals: new Set(),
      seen: { rotation: () => undefined, connection: () => undefined },
      clusterName: "test",
      operatorNamespace: OPERATOR_NAMESPACE,
      self: `operator-${this.#starts}`,
      attributionWindowMs: ATTRIBUTION_MS,
      resyncMs: 600_000,
      retainKubernetes: this.retainKubernetes,
      readOnly: { state: () => Promise.resolve(this.readOnly), last: () => this.readOnly },
      demand: () => Promise.resolve(),
    };
    return this.ports;
  }

  /** As an informer shows a namespace. */
  #seenIn<T extends KubeObject>(kind: ResourceKind, namespace: string): Listed<T> {
    const isIn = (each: { readonly namespace?: string | undefined }): boolean => each.namespace === namespace;
    return listedOf(
      (this.#readable(kind) as readonly T[]).filter(({ metadata }) => isIn(metadata)),
      this.#leftOut(kind).filter(isIn),
    );
  }

  #readable(kind: ResourceKind): readonly KubeObject[] {
    return this.cluster
      .all(kind)
      .filter(({ metadata }) => !this.cluster.unreadable.has(`${kind.plural} ${nameOf(metadata)}`));
  }

  #leftOut(kind: ResourceKind): readonly LeftOut[] {
    return this.cluster
      .all(kind)
      .filter(({ metadata }) => this.cluster.unreadable.has(`${kind.plural} ${nameOf(metadata)}`))
      .map(({ metadata: { namespace, name, uid } }) => ({ namespace, name, uid, why: "TooLarge" }));
  }

  #source(cluster: ClusterClient, target: SourceTarget, owner: SourceOwner): CredentialSource {
    const { clock } = this;
    switch (target.kind) {
      case "awsAccessKey":
        return this.#wired<CredentialSource>("aws", this.source, SOURCE_MUTATIONS);
      case "kubernetesToken":
        return tokenSource(
          { calls: identityCalls(cluster), tokens: cluster, clock },
          { ...target, namespace: REQUEST.namespace },
        );
      case "generated":
      case "hook": {
        const holder = { cluster: "test", owner, target: target.target, request: target.request };
        return this.#wired<CredentialSource>("hook", hookSource(this.hook.call, holder, { clock }), SOURCE_MUTATIONS);
      }
      default:
        return this.#wired<CredentialSource>("vault", this.wrapVault(this.#vaultSource(target)), SOURCE_MUTATIONS);
    }
  }

  /** One for the life of the bench, as an operator has one for each generation of its ProviderConnection. */
  readonly #vaultConnection = {
    clock: this.clock,
    config: {
      pki: { mount: "pki" },
      databases: { mount: "database", servers: [{ name: "orders", host: "db", port: 5432, database: "orders" }] },
      identities: { namePrefix: "keyturn", appRoleMount: "approle" },
    },
    use: (run: (session: VaultSession) => Promise<unknown>) =>
      run({
        pki: this.pki.calls,
        identity: this.appRole.identity,
        appRole: this.appRole.calls,
        database: this.database.calls,
      } as unknown as VaultSession),
  } as unknown as VaultConnection;

  #vaultSource(target: Extract<SourceTarget, { readonly role: string }>): CredentialSource {
    const connection = this.#vaultConnection;
    const { role } = target;
    if (target.kind === "vaultDatabase") {
      const servers = () => this.database.server;
      return databaseSource(connection, { ...target, namespace: "payments" }, { clock: this.clock, servers });
    }
    return target.kind === "vaultAppRole"
      ? appRoleSource(connection, { namespace: "payments", role }, this.clock)
      : pkiSource(connection, { namespace: "payments", role, request: target.request }, this.clock);
  }

  get dead(): boolean {
    return this.#dead;
  }

  // People.

  apply(spec: Partial<SecretRotationSpec> = {}, annotations: Readonly<Record<string, string>> = {}): SecretRotation {
    const before = this.cluster.peek<SecretRotation & KubeObject>(ROTATION);
    const generation = (before?.metadata.generation ?? 0) + 1;
    return this.cluster.seed<SecretRotation & KubeObject>(ROTATION, {
      ...before,
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "SecretRotation",
      metadata: { ...before?.metadata, generation, annotations: { ...before?.metadata.annotations, ...annotations } },
      spec: { ...SPEC, ...spec },
    });
  }

  annotate(annotations: Readonly<Record<string, string | undefined>>): void {
    const before = this.cluster.peek<SecretRotation & KubeObject>(ROTATION);
    if (before === undefined) return;
    const merged = Object.entries({ ...before.metadata.annotations, ...annotations }).filter(
      ([, value]) => value !== undefined,
    );
    this.cluster.seed(ROTATION, {
      ...before,
      metadata: { ...before.metadata, annotations: Object.fromEntries(merged) },
    });
  }

  rotate(): void {
    this.annotate({ [ROTATE_AT]: this.clock.now().toISOString() });
  }

  async deleteRotation(): Promise<void> {
    const { uid } = this.object().metadata;
    await this.cluster.delete(ROTATION, { uid });
  }

  /** As `kubectl apply` after a deletion: same name and spec, another UID. */
  recreate(spec: Partial<SecretRotationSpec> = {}): void {
    this.cluster.seed(ROTATION, {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "SecretRotation",
      metadata: { generation: 1 },
      spec: { ...SPEC, ...spec },
    });
  }

  deploy(name: string, graceSeconds = 1): void {
    this.cluster.seed(deploymentRef(name), {
      spec: { replicas: 2, template: { spec: { terminationGracePeriodSeconds: graceSeconds } } },
      status: ready(1),
    });
  }

  // Looking.

  object(): SecretRotation & KubeObject {
    const object = this.cluster.peek<SecretRotation & KubeObject>(ROTATION);
    if (object === undefined) throw new Error("The SecretRotation is gone.");
    return object;
  }

  status(): RotationStatus {
    return this.object().status ?? {};
  }

  condition(type: string): { readonly status: string; readonly reason: string; readonly message: string } | undefined {
    return this.status().conditions?.find((condition) => condition.type === type);
  }

  secret(name = "app"): Secret | undefined {
    return this.cluster.peek<Secret>({ kind: SECRETS, namespace: "payments", name });
  }

  /** The id in the delivered Secret. */
  delivered(name = "app"): string | undefined {
    const value = this.secret(name)?.data?.["accessKeyId"];
    return value === undefined ? undefined : fromBase64(value);
  }

  /** Somebody who may has made an IdentityHold. */
  hold(name: string, spec: Partial<IdentityHoldSpec> = {}, status: IdentityHold["status"] = {}): void {
    this.cluster.seed(
      { kind: IDENTITY_HOLD, name },
      {
        apiVersion: "keyturn.dev/v1alpha1",
        kind: "IdentityHold",
        metadata: { generation: 1 },
        spec: { namespace: REQUEST.namespace, name: "billing", reason: "suspected leak", ...spec },
        status,
      },
    );
  }

  unhold(name: string): Promise<boolean> {
    const ref = { kind: IDENTITY_HOLD, name };
    return this.cluster.delete(ref, { uid: this.cluster.peek<IdentityHold & KubeObject>(ref)?.metadata.uid ?? "" });
  }

  orphans(): readonly OrphanedCredential[] {
    return this.cluster.all<OrphanedCredential & KubeObject>(ORPHANED_CREDENTIAL);
  }

  reasons(): readonly string[] {
    return this.events.map(({ reason }) => reason);
  }

  // Running.

  async pass(): Promise<Outcome> {
    const outcome = await secretRotationReconciler(this.ports).reconcile(REQUEST, this.context()).catch(caught);
    this.#rollWorkloads();
    this.#onlyKnownWords();
    return outcome;
  }

  async ledgerPass(name?: string): Promise<Outcome> {
    const entry = name ?? this.orphans()[0]?.metadata.name;
    if (entry === undefined) return { kind: "settled" };
    const outcome = await orphanReconciler(this.ports)
      .reconcile({ namespace: "", name: entry }, this.context())
      .catch(caught);
    this.#onlyKnownWords();
    return outcome;
  }

  context(): PassContext {
    this.#passes += 1;
    return {
      passId: `pass-${this.#passes}`,
      clock: this.clock,
      signal: new AbortController().signal,
      log: silentLogger,
    };
  }

  /**
   * Passes until the resource asks for none within an hour; time is moved to when the next one is asked for. A killed process is
   * started again. Throws when that does not end.
   */
  async toRest(most = 200): Promise<Outcome> {
    for (let pass = 0; pass < most; pass += 1) {
      const outcome = await this.pass();
      if (this.#dead) {
        this.trap = undefined;
        this.start();
        await this.clock.advance(1000);
        continue;
      }
      const againMs = outcome.recheckAfterMs;
      if (outcome.kind === "settled" || outcome.kind === "stalled") return outcome;
      if (outcome.kind === "waiting" && outcome.recheckAfterMs > 3_600_000) return outcome;
      await this.clock.advance(outcome.kind === "failed" ? Math.max(againMs ?? 0, 1000) : (againMs ?? 1000));
    }
    throw new Error(`No rest after ${most} passes; activity: ${this.status().activity ?? ""}`);
  }

  /** The same for the ledger. */
  async ledgerToRest(most = 100): Promise<void> {
    for (let pass = 0; pass < most && this.orphans().length > 0; pass += 1) {
      const outcome = await this.ledgerPass();
      if (this.#dead) {
        this.trap = undefined;
        this.start();
      }
      if (outcome.kind === "settled" && this.orphans().length > 0) return;
      await this.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, 0));
    }
  }

  /** The kubelet's part: new pods take what the Secret holds at that moment, and are ready when they can log in with it. */
  #rollWorkloads(): void {
    for (const workload of this.cluster.all<KubeObject & { readonly status?: Record<string, number> }>(deployments)) {
      const { name, generation = 1 } = workload.metadata;
      const old = this.held.get(name);
      if (old !== undefined && !this.source.logIn(old)) this.refusedLogins += 1;
      if (this.sick.has(name) || (workload.status?.["observedGeneration"] ?? 0) >= generation) continue;
      const data = this.secret()?.data;
      if (data === undefined) continue;
      const given = new SecretMaterial(
        Object.fromEntries(Object.entries(data).map(([key, value]) => [key, fromBase64(value)])),
      );
      if (!this.source.logIn(given)) continue;
      this.held.set(name, given);
      this.cluster.seed(deploymentRef(name), { ...workload, status: ready(generation) });
    }
  }

  /** Whatever a test brings about: no condition, reason or event that the reference pages do not list. */
  #onlyKnownWords(): void {
    const rotation = this.cluster.peek<SecretRotation & KubeObject>(ROTATION)?.status?.conditions ?? [];
    const said = [...rotation, ...this.orphans().flatMap(({ status }) => status?.conditions ?? [])];
    const conditions: Readonly<Record<string, ConditionMeaning>> = CONDITIONS;
    const unknown = said.filter(({ type, reason }) => conditions[type]?.reasons[reason] === undefined);
    const events: Readonly<Record<string, { readonly type: string }>> = EVENTS;
    const unheard = this.events.filter(({ type, reason }) => events[reason]?.type !== type);
    if (unknown.length + unheard.length > 0)
      throw new Error(`Words that are not in reasons.ts: ${JSON.stringify([...unknown, ...unheard])}`);
  }

  #trail(): AuditTrail {
    const add = (phase: string, entry: AuditEntry | AuditNote): void => {
      this.audit.push({ phase, action: entry.action, target: entry.target });
      this.recorded.push({ phase, entry });
    };
    return {
      begin: async (entry) => {
        if (this.auditDown && entry.onSinkFailure === "FailClosed")
          throw new OperatorError("Unavailable", { publicMessage: "The audit trail cannot be written." });
        add("begin", entry);
        return {
          succeeded: async () => add("succeeded", entry),
          failed: async () => add("failed", entry),
        };
      },
      note: async (note) => add("note", note),
      healthy: () => !this.auditDown,
      close: () => Promise.resolve(),
    };
  }

  #kvStore(owner: DeliveryOwner, path: string): DeliveryStore {
    const ours = (entry: KvEntry): boolean =>
      entry.ownerUid === owner.uid || owner.predecessors.includes(entry.ownerUid);
    const conflict = (): OperatorError => new OperatorError("Conflict", { publicMessage: `KV ${path} was changed.` });
    return {
      target: `kv/fake/${owner.namespace}/${path}`,
      observe: async () => {
        const entry = this.kv.get(path);
        if (this.kvForeign.has(path)) return { kind: "foreign", why: `KV ${path} is not Keyturn's.` };
        if (entry === undefined) return { kind: "absent", precondition: { kind: "kv", version: 0 } };
        if (!ours(entry)) return { kind: "foreign", why: `KV ${path} belongs to another SecretRotation.` };
        return {
          kind: "ours",
          version: entry.version,
          material: entry.material,
          matches: (material) => entry.ownerUid === owner.uid && entry.material.equals(material),
          precondition: { kind: "kv", version: entry.cas },
        };
      },
      publish: async ({ version, material }, precondition) => {
        const cas = this.kv.get(path)?.cas ?? 0;
        if (precondition.kind !== "kv" || precondition.version !== cas) throw conflict();
        this.kv.set(path, { ownerUid: owner.uid, version, material, cas: cas + 1 });
      },
      withdraw: async () => {
        const entry = this.kv.get(path);
        if (entry === undefined) return "alreadyAbsent";
        if (this.kvForeign.has(path) || !ours(entry)) return "foreign";
        this.kv.delete(path);
        return "removed";
      },
    };
  }

  /** The account's client over its place, as compose.ts would open it. */
  #account(owner: AccountOwner, account: Account): AccountClient {
    const place = this.places.get(account.name);
    if (place === undefined) throw new Error(`The bench has no place for the account ${account.name}.`);
    const client = new FakeAccount(place, owner);
    if (this.away.has(account.name)) {
      for (const operation of ["observe", ...ACCOUNT_MUTATIONS, "proveRefused"] as const)
        client.failNext(operation as FakeAccountOperation, fakeAccountErrors.unavailable, { times: 1000 });
    }
    return this.#wired<AccountClient>("account", this.wrapAccount(client, account.name), ACCOUNT_MUTATIONS);
  }

  /** The same thing behind the trap: mutations are counted, and a dead process's calls go nowhere. */
  #wired<T extends object>(name: string, target: T, mutations: readonly string[]): T {
    return new Proxy(target, {
      get: (_target, property) => {
        const member = Reflect.get(target, property, target) as unknown;
        if (typeof member !== "function") return member;
        const call = member.bind(target) as (...args: readonly unknown[]) => unknown;
        if (property === "serverTime") return call;
        if (!mutations.includes(String(property)))
          return (...args: readonly unknown[]) => {
            this.#mustLive();
            return call(...args);
          };
        return (...args: readonly unknown[]) => this.#trapped(`${name}:${String(property)}`, () => call(...args));
      },
    });
  }

  async #trapped(name: string, run: () => unknown): Promise<unknown> {
    this.#mustLive();
    this.mutations += 1;
    this.trace.push(name);
    const how = this.trap?.at === this.mutations ? this.trap.how : undefined;
    if (how === "refused") throw new OperatorError("Unavailable", { publicMessage: "Out of reach.", ambiguous: true });
    if (how === "killBefore") this.#kill();
    const answer = await run();
    if (how === "killAfter") this.#kill();
    if (how === "answerLost") throw new OperatorError("Timeout", { publicMessage: "No answer.", ambiguous: true });
    return answer;
  }

  #kill(): never {
    this.#dead = true;
    throw new Killed();
  }

  #mustLive(): void {
    if (this.#dead) throw new Killed();
  }
}

/** As the admission policies do: whoever stamps gets their own stamp, and what probes for a policy is refused. */
const stamping = (object: NewObject): NewObject => {
  if (object.metadata.annotations?.[ADMISSION_PROBE] !== undefined)
    throw new OperatorError("PermissionDenied", { publicMessage: "A policy refused it.", status: 403 });
  return {
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, [CHANGED_BY]: "system:admin" } },
  };
};

/** As the engine does with what a pass throws. */
const caught = (thrown: unknown): Outcome => ({ kind: "failed", error: toOperatorError(thrown) });

export const REQUEST = { namespace: "payments", name: "billing" };
export const ROTATION: ObjectRef = { kind: SECRET_ROTATION, ...REQUEST };
export const connectionRef = (name: string): ObjectRef => ({ kind: PROVIDER_CONNECTION, name });
export const deploymentRef = (name: string): ObjectRef => ({ kind: deployments, namespace: "payments", name });

const ready = (generation: number): Readonly<Record<string, number>> => ({
  observedGeneration: generation,
  replicas: 2,
  updatedReplicas: 2,
  availableReplicas: 2,
});

/** Short waits: a whole rotation is over within seconds of the fake clock. */
export const SPEC: SecretRotationSpec = {
  source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "billing" } },
  deliver: [
    { name: "app", kubernetesSecret: { name: "app" } },
    { name: "kv", vaultKV: { connectionRef: { name: "vault" }, path: "billing/aws" } },
  ],
  dependents: [{ name: "web", workload: { kind: "Deployment", name: "web" }, timeout: "60s" }],
  verify: { successes: 2, soak: "2s" },
  retire: { overlap: "2s", deleteAfter: "1s" },
  progressDeadline: "20s",
  deletion: { holdFor: "5s", timeout: "30s" },
};
