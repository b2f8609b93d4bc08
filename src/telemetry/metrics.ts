import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { IdentityFacts } from "../domain/inventory/facts.ts";
import type { Lane } from "../kernel/turn.ts";
import type { Metrics } from "./contract.ts";
import { fillIdentityGauges } from "./identity-gauges.ts";
import { piecesOf } from "./exposition.ts";
import { METRICS, type MetricRow } from "./metric-table.ts";
import type { Rendered } from "./shared-render.ts";

type Built<Row extends MetricRow> = Row["type"] extends "counter"
  ? Counter
  : Row["type"] extends "gauge"
    ? Gauge
    : Histogram;

type BuiltTable = { readonly [Key in keyof typeof METRICS]: Built<(typeof METRICS)[Key]> };

export interface MetricsOptions {
  readonly version: string;
  /** Metrics of the process itself (CPU, memory, event loop lag), with our prefix. */
  readonly process: boolean;
}

/** prom-client behind the Metrics contract, on a registry of its own. */
export class PrometheusMetrics implements Metrics {
  readonly #registry = new Registry();
  readonly #metrics: BuiltTable;
  /** Conditions that have a series now, type → status, by object: what has changed or gone must lose its series. */
  readonly #conditions = new Map<string, ReadonlyMap<string, string>>();
  /** Whose keys a SecretRotation has gauged last, by namespace/name. */
  readonly #identityOf = new Map<string, { readonly provider: string; readonly identity: string }>();
  #auditVolume: Parameters<Metrics["auditVolumeFrom"]>[0] = () => ({ ratio: undefined, shares: new Map() });
  #holdsRead = (): boolean => false;
  #informers: Parameters<Metrics["informersFrom"]>[0] = () => [];
  #ledger: Parameters<Metrics["ledgerFrom"]>[0] = () => ({ count: 0, due: undefined, overflow: new Map() });
  #readOnly: Parameters<Metrics["readOnlyFrom"]>[0] = () => ({ engaged: false, waiting: 0 });
  #identities: () => Iterable<IdentityFacts> = () => [];
  #breakers: Parameters<Metrics["breakersFrom"]>[0] = () => [];

  constructor(options: MetricsOptions) {
    this.#metrics = buildAll(this.#registry);
    this.#metrics.buildInfo.set({ version: options.version }, 1);
    if (options.process) collectDefaultMetrics({ register: this.#registry, prefix: "keyturn_" });
  }

  /** What /metrics answers, and its content type. */
  async render(): Promise<{ readonly contentType: string; readonly text: string }> {
    const { contentType, pieces } = await this.renderPieces();
    return { contentType, text: Buffer.concat(pieces).toString() };
  }

  /** The same in pieces. One render at a time: it fills gauges and gives the event loop its turns meanwhile. */
  async renderPieces(): Promise<Rendered> {
    await fillIdentityGauges(this.#metrics, this.#identities());
    this.#fill();
    const pieces: Buffer[] = [];
    let text = "";
    for await (const piece of piecesOf(this.#registry)) {
      text += piece;
      if (text.length < PIECE_LENGTH) continue;
      pieces.push(Buffer.from(text));
      text = "";
    }
    pieces.push(Buffer.from(text));
    const bytes = pieces.reduce((sum, { length }) => sum + length, 0);
    return { contentType: this.#registry.contentType, pieces, bytes };
  }

  #fill(): void {
    this.#fillAuditVolume();
    const { count, due, overflow } = this.#ledger();
    this.#metrics.orphanedResources.set(count);
    this.#metrics.overflow.reset();
    for (const [namespace, entries] of overflow) this.#metrics.overflow.set({ namespace }, entries);
    this.#metrics.holdsRead.set(this.#holdsRead() ? 1 : 0);
    for (const { kind, synced, leftOut } of this.#informers()) {
      this.#metrics.informerSynced.set({ kind }, synced ? 1 : 0);
      this.#metrics.unreadableObjects.set({ kind }, leftOut);
    }
    this.#metrics.openBreakers.reset();
    for (const { connection, host, others } of this.#breakers()) {
      this.#metrics.openBreakers.set({ connection, of: "host" }, host);
      this.#metrics.openBreakers.set({ connection, of: "others" }, others);
    }
    setTime(this.#metrics.orphanedDue, {}, due === undefined ? undefined : new Date(due));
    const { engaged, waiting } = this.#readOnly();
    this.#metrics.readOnly.set(engaged ? 1 : 0);
    this.#metrics.readOnlyWaiting.set(waiting);
  }

  passEnded(controller: string, result: string, seconds: number): void {
    this.#metrics.reconcile.observe({ controller, result }, seconds);
  }

  waited(controller: string, lane: Lane, seconds: number): void {
    this.#metrics.queueWait.observe({ controller, lane }, seconds);
  }

  queueDepth(controller: string, lane: Lane, depth: number): void {
    this.#metrics.queueDepth.set({ controller, lane }, depth);
  }

  stepEnded(controller: string, step: string, seconds: number): void {
    this.#metrics.reconcileStep.observe({ controller, step }, seconds);
  }

  conditions(
    labels: { kind: string; namespace: string; name: string },
    conditions: readonly { readonly type: string; readonly status: string }[],
  ): void {
    const key = objectKey(labels);
    const now = new Map(conditions.map(({ type, status }) => [type, status]));
    for (const [type, status] of this.#conditions.get(key) ?? [])
      if (now.get(type) !== status) this.#metrics.condition.remove({ ...labels, type, status });
    for (const [type, status] of now) this.#metrics.condition.set({ ...labels, type, status }, 1);
    if (now.size === 0) this.#conditions.delete(key);
    else this.#conditions.set(key, now);
  }

  credential(labels: { namespace: string; name: string }, times: Parameters<Metrics["credential"]>[1]): void {
    setTime(this.#metrics.created, labels, times.createdAt);
    setTime(this.#metrics.nextRotation, labels, times.nextRotationAt);
    setTime(this.#metrics.rotationDeadline, labels, times.rotationDeadline);
    setTime(this.#metrics.revocationDue, labels, times.revocationDueAt);
  }

  pendingRevocations(labels: { namespace: string; name: string }, count: number): void {
    this.#metrics.pendingRevocations.set(labels, count);
  }

  informersFrom(read: Parameters<Metrics["informersFrom"]>[0]): void {
    this.#informers = read;
  }

  holdsFrom(read: () => boolean): void {
    this.#holdsRead = read;
  }

  ledgerFrom(read: Parameters<Metrics["ledgerFrom"]>[0]): void {
    this.#ledger = read;
  }

  readOnlyFrom(read: Parameters<Metrics["readOnlyFrom"]>[0]): void {
    this.#readOnly = read;
  }

  identitiesFrom(list: () => Iterable<IdentityFacts>): void {
    this.#identities = list;
  }

  unreviewed(isOpen: boolean): void {
    this.#metrics.unreviewed.set(isOpen ? 1 : 0);
  }

  breakersFrom(read: Parameters<Metrics["breakersFrom"]>[0]): void {
    this.#breakers = read;
  }

  unownedMarks(counts: readonly { readonly connection: string; readonly count: number }[]): void {
    this.#metrics.unownedMarks.reset();
    for (const { connection, count } of counts) this.#metrics.unownedMarks.set({ connection }, count);
  }

  providerKeys(rotation: { namespace: string; name: string }, keys: Parameters<Metrics["providerKeys"]>[1]): void {
    const { provider, identity, count, staying, quota } = keys;
    this.#identityOf.set(`${rotation.namespace}/${rotation.name}`, { provider, identity });
    this.#metrics.providerKeys.set({ provider, identity }, count);
    this.#metrics.providerKeysStaying.set({ provider, identity }, staying);
    this.#metrics.providerKeyQuota.set({ provider, identity }, quota);
  }

  rotationEnded(labels: { result: string; provider: string }): void {
    this.#metrics.rotations.inc(labels);
  }

  rollback(labels: { reason: string }): void {
    this.#metrics.rollbacks.inc(labels);
  }

  drift(labels: { result: string }): void {
    this.#metrics.drift.inc(labels);
  }

  offboarded(labels: { result: string }, seconds: number): void {
    this.#metrics.offboarded.observe(labels, seconds);
  }

  dependentRestart(labels: { result: string }): void {
    this.#metrics.dependentRestarts.inc(labels);
  }

  providerRequest(labels: { provider: string; operation: string; code: string }, seconds: number): void {
    this.#metrics.providerRequests.inc(labels);
    const { provider, operation } = labels;
    this.#metrics.providerRequestDuration.observe({ provider, operation }, seconds);
  }

  auditVolumeFrom(read: Parameters<Metrics["auditVolumeFrom"]>[0]): void {
    this.#auditVolume = read;
  }

  #fillAuditVolume(): void {
    const { ratio, shares } = this.#auditVolume();
    const { auditVolume, auditShare } = this.#metrics;
    auditVolume.reset();
    if (ratio !== undefined) auditVolume.set(ratio);
    else auditVolume.remove();
    auditShare.reset();
    for (const [namespace, used] of shares) auditShare.set({ namespace }, used);
  }

  auditEvent(labels: { result: string }): void {
    this.#metrics.auditEvents.inc(labels);
  }

  rotationPhase(labels: { phase: string }, seconds: number): void {
    this.#metrics.rotationPhase.observe(labels, seconds);
  }

  forget(labels: { kind: string; namespace: string; name: string }): void {
    const { kind, namespace, name } = labels;
    this.conditions(labels, []);
    // The series without a kind are those of SecretRotations; another kind's object may have the same name.
    if (kind !== "SecretRotation") return;
    const { created, nextRotation, rotationDeadline, revocationDue, pendingRevocations } = this.#metrics;
    [created, nextRotation, rotationDeadline, revocationDue, pendingRevocations].forEach((metric) =>
      metric.remove({ namespace, name }),
    );
    const identity = this.#identityOf.get(`${namespace}/${name}`);
    if (identity === undefined) return;
    this.#identityOf.delete(`${namespace}/${name}`);
    const { providerKeys, providerKeysStaying, providerKeyQuota } = this.#metrics;
    [providerKeys, providerKeysStaying, providerKeyQuota].forEach((metric) => metric.remove({ ...identity }));
  }
}

/** Of a piece of the text, at least; it is written to a socket at once. */
const PIECE_LENGTH = 65_536;

const objectKey = ({ kind, namespace, name }: { kind: string; namespace: string; name: string }): string =>
  [kind, namespace, name].join("/");

const buildAll = (registry: Registry): BuiltTable =>
  Object.fromEntries(Object.entries(METRICS).map(([key, row]) => [key, build(row, registry)])) as unknown as BuiltTable;

const build = (row: MetricRow, registry: Registry): Counter | Gauge | Histogram => {
  const common = { name: row.name, help: row.help, labelNames: [...row.labels], registers: [registry] };
  if (row.type === "counter") return new Counter(common);
  if (row.type === "gauge") return new Gauge(common);
  return new Histogram({ ...common, buckets: [...(row.buckets ?? [])] });
};

const setTime = (gauge: Gauge, labels: Readonly<Record<string, string>>, at: Date | undefined): void => {
  if (at === undefined) gauge.remove(labels);
  else gauge.set(labels, at.getTime() / 1000);
};
