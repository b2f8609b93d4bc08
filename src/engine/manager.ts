import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { LeaderLease } from "./lease.ts";

/** A watched kind, as the engine sees it (src/cluster's Informer fits). */
export interface Watched {
  start(signal: AbortSignal): void;
  synced(signal: AbortSignal): Promise<void>;
  hasSynced(): boolean;
}

/** What runs passes (Controller fits). */
export interface Runnable {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
}

export interface ManagerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly informers: Readonly<Record<string, Watched>>;
  /** Started with the others and not waited for: passes go on without them as far as they may. */
  readonly besides?: readonly Pick<Watched, "start">[];
  readonly controllers: readonly Runnable[];
  /** Without one the operator leads at once. */
  readonly lease?: LeaderLease;
  /** Called when this process leads and all informers have synced, before the controllers start: sweeps, resync. */
  readonly onLeading?: (signal: AbortSignal) => void;
  /** Called after the last pass: flushes events and the audit trail. Its time is `flushMs`. */
  readonly flush?: () => Promise<void>;
  readonly drainMs?: number;
  readonly flushMs?: number;
}

/** Why `run` came back. */
export type ManagerEnd = "Stopped" | "LeaseLost";

/** 8 + 1 + 0.7 s: with what the process itself needs, exit comes within 10 s of the signal. */
const DRAIN_MS = 8000;
const FLUSH_MS = 1000;
const RELEASE_MS = 700;

/**
 * The operator's life: informers start and sync, the lease is won, controllers run; on a signal or a lost lease no key is
 * handed out any more and every pass is told at once, passes get 8 s to end, the lease is given back.
 */
export class Manager {
  readonly #options: ManagerOptions;
  /** What must stop at once: controllers and everything that mutates. */
  readonly #acting = new AbortController();
  /** What outlives the passes: informers and the lease. */
  readonly #living = new AbortController();
  #state: "Starting" | "Standby" | "Leading" | "Stopping" = "Starting";
  #started = false;

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  /** Names of informers without a complete first list: what /readyz shows. */
  missing(): readonly string[] {
    return Object.entries(this.#options.informers)
      .filter(([, informer]) => !informer.hasSynced())
      .map(([name]) => name);
  }

  /** True once the watch loops run: what /healthz shows. */
  started(): boolean {
    return this.#started;
  }

  leading(): boolean {
    return this.#state === "Leading" && (this.#options.lease?.holds() ?? true);
  }

  /** Runs until `stop` is aborted or the lease is lost; by then everything has been shut down. Never throws. */
  async run(stop: AbortSignal): Promise<ManagerEnd> {
    const end = Promise.withResolvers<ManagerEnd>();
    const onStop = (): void => end.resolve("Stopped");
    stop.addEventListener("abort", onStop, { once: true });
    if (stop.aborted) onStop();
    else void this.#live(() => end.resolve("LeaseLost"));
    const why = await end.promise;
    stop.removeEventListener("abort", onStop);
    await this.#shutDown(why);
    return why;
  }

  async #live(onLost: () => void): Promise<void> {
    const { informers, lease, log } = this.#options;
    Object.values(informers).forEach((informer) => informer.start(this.#living.signal));
    this.#options.besides?.forEach((informer) => informer.start(this.#living.signal));
    this.#started = true;
    const synced = await Promise.all(
      Object.values(informers).map((informer) => informer.synced(this.#acting.signal)),
    ).catch(() => undefined);
    if (synced === undefined || this.#acting.signal.aborted) return;
    log.info("Informers have synced.", { informers: Object.keys(informers) });
    this.#state = "Standby";
    if (lease === undefined) this.#lead();
    else await lease.run(this.#living.signal, { onAcquired: () => this.#lead(), onLost });
  }

  #lead(): void {
    if (this.#acting.signal.aborted) return;
    this.#state = "Leading";
    this.#options.onLeading?.(this.#acting.signal);
    this.#options.controllers.forEach((controller) => controller.start());
  }

  async #shutDown(why: ManagerEnd): Promise<void> {
    const { controllers, clock, flush, lease, log } = this.#options;
    const startedMs = clock.monotonicMs();
    this.#state = "Stopping";
    this.#acting.abort();
    log.info("Stopping.", { why });
    const stopped = Promise.all(controllers.map((controller) => controller.stop()));
    const drained = await this.#within(this.#options.drainMs ?? DRAIN_MS, stopped);
    if (!drained)
      log.warn("Passes still run at the end of their time.", { drainMs: this.#options.drainMs ?? DRAIN_MS });
    if (flush !== undefined) await this.#within(this.#options.flushMs ?? FLUSH_MS, flush());
    this.#living.abort();
    // While a pass may still act, the lease is left to run out instead of inviting the next leader in.
    if (drained && lease !== undefined) await this.#within(RELEASE_MS, lease.release());
    log.info("Stopped.", { why, drained, tookMs: Math.round(clock.monotonicMs() - startedMs) });
  }

  /** True when the work ended in time, well or badly; a failure is logged. */
  async #within(deadlineMs: number, work: Promise<unknown>): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    const cancel = this.#options.clock.schedule(deadlineMs, () => late.resolve(false));
    const ended = work.then(
      () => true,
      (thrown: unknown) => {
        this.#options.log.error("Shutdown work failed.", { error: thrown });
        return true;
      },
    );
    const inTime = await Promise.race([ended, late.promise]);
    cancel();
    return inTime;
  }
}
