import type { Cancel, Clock } from "../kernel/clock.ts";
import { toOperatorError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";

/** What a coordination.k8s.io/v1 Lease says. Times are RFC 3339 with microseconds, written by the holder, compared by nobody. */
export interface LeaseRecord {
  /** "" when it was released. */
  readonly holder: string;
  readonly durationSeconds: number;
  readonly acquiredAt: string;
  readonly renewedAt: string;
  readonly transitions: number;
}

export interface StoredLease extends LeaseRecord {
  /** resourceVersion: the precondition of the next update. */
  readonly version: string;
}

/** Where the lease is kept. Every method throws OperatorError; a lost race is Conflict or AlreadyExists. */
export interface LeaseStore {
  get(): Promise<StoredLease | undefined>;
  create(record: LeaseRecord): Promise<StoredLease>;
  update(record: LeaseRecord, version: string): Promise<StoredLease>;
}

export interface LeaderLeaseOptions {
  readonly store: LeaseStore;
  /** Kept over a restart, so that the next process of the same pod goes on at once. */
  readonly identity: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly durationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryMs?: number;
  readonly random?: () => number;
}

export interface LeaderCallbacks {
  readonly onAcquired: () => void;
  /** Called at most once, and only after onAcquired. */
  readonly onLost: () => void;
}

const RETRY_JITTER = 0.2;

/** A leader whose renewal has failed has little time left: a server that is back after two seconds must not cost the lease. */
const URGENT_RETRY_MS = 500;

/**
 * Leader election: an optimisation that keeps two operators from doing the same work, never a safety argument.
 * Another holder counts as dead when its record has not changed for its own duration on *our* monotonic clock; nobody's wall
 * clock is compared. We count as leader until `renewDeadlineMs` after the *start* of the last renewal that succeeded.
 */
export class LeaderLease {
  readonly #options: Required<LeaderLeaseOptions>;
  #held: StoredLease | undefined;
  #leading = false;
  #lost = false;
  #renewedMs = 0;
  #cancelWatchdog: Cancel | undefined;
  #seen: { readonly version: string; readonly atMs: number } | undefined;

  constructor(options: LeaderLeaseOptions) {
    const withDefaults = {
      durationMs: 8000,
      renewDeadlineMs: 5000,
      retryMs: 2000,
      random: () => Math.random(),
      ...options,
    };
    const { durationMs, renewDeadlineMs, retryMs } = withDefaults;
    if (!(retryMs < renewDeadlineMs && renewDeadlineMs < durationMs)) {
      throw new RangeError("A lease needs retry < renew deadline < duration.");
    }
    this.#options = withDefaults;
  }

  /** True while the last renewal is young enough, also in the moment after a paused process wakes. */
  holds(): boolean {
    return this.#leading && this.#options.clock.monotonicMs() < this.#renewedMs + this.#options.renewDeadlineMs;
  }

  /** Tries to become and to stay leader until aborted or until leadership is lost. Never throws. */
  async run(signal: AbortSignal, callbacks: LeaderCallbacks): Promise<void> {
    // An abort can come inside any await, which the compiler cannot see in a plain property.
    const ended = (): boolean => signal.aborted || this.#lost;
    while (!ended()) {
      const answered = await this.#tryOnce(callbacks);
      if (ended()) break;
      const { clock, retryMs, random } = this.#options;
      const pauseMs = this.#leading && !answered ? Math.min(URGENT_RETRY_MS, retryMs) : retryMs;
      await clock.sleep(pauseMs * (1 + RETRY_JITTER * random()), signal).catch(() => undefined);
    }
    this.#cancelWatchdog?.();
  }

  /** Gives the lease back so that another takes it at once. Call after the last mutation; never throws. */
  async release(): Promise<void> {
    const held = this.#held;
    this.#cancelWatchdog?.();
    this.#leading = false;
    this.#held = undefined;
    if (held === undefined) return;
    try {
      await this.#options.store.update({ ...this.#record(held), holder: "" }, held.version);
    } catch (thrown) {
      this.#options.log.warn("Lease could not be released.", { error: toOperatorError(thrown) });
    }
  }

  /** False when the store did not answer, or refused. */
  async #tryOnce(callbacks: LeaderCallbacks): Promise<boolean> {
    const startedMs = this.#options.clock.monotonicMs();
    try {
      const stored = await this.#claim();
      if (stored !== undefined && !this.#lost) this.#renewed(stored, startedMs, callbacks);
      return true;
    } catch (thrown) {
      // The next try must read what is there: after a lost answer our version may be an old one.
      this.#held = undefined;
      this.#options.log.warn("Lease could not be renewed.", { error: toOperatorError(thrown), leading: this.#leading });
      return false;
    }
  }

  /** The stored lease when it is ours now; undefined while somebody else's is alive. */
  async #claim(): Promise<StoredLease | undefined> {
    const { store, identity } = this.#options;
    if (this.#held !== undefined) return store.update(this.#record(this.#held), this.#held.version);
    const found = await store.get();
    if (found === undefined) return store.create(this.#record(undefined));
    if (found.holder === identity || found.holder === "" || this.#isDead(found)) {
      return store.update(this.#record(found), found.version);
    }
    return undefined;
  }

  #isDead(found: StoredLease): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#seen?.version !== found.version) this.#seen = { version: found.version, atMs: nowMs };
    return nowMs - this.#seen.atMs >= found.durationSeconds * 1000;
  }

  #record(before: LeaseRecord | undefined): LeaseRecord {
    const { identity, durationMs, clock } = this.#options;
    const now = microTime(clock.now());
    const same = before?.holder === identity;
    return {
      holder: identity,
      durationSeconds: Math.ceil(durationMs / 1000),
      acquiredAt: same ? before.acquiredAt : now,
      renewedAt: now,
      transitions: (before?.transitions ?? 0) + (same || before === undefined ? 0 : 1),
    };
  }

  #renewed(stored: StoredLease, startedMs: number, callbacks: LeaderCallbacks): void {
    const { clock, renewDeadlineMs, log } = this.#options;
    this.#held = stored;
    this.#renewedMs = startedMs;
    this.#cancelWatchdog?.();
    // A renewal that hangs is met by this timer, not by the answer that may never come.
    const leftMs = startedMs + renewDeadlineMs - clock.monotonicMs();
    this.#cancelWatchdog = clock.schedule(leftMs, () => this.#lose(callbacks));
    if (this.#leading) return;
    this.#leading = true;
    log.info("Lease acquired.", { transitions: stored.transitions });
    callbacks.onAcquired();
  }

  #lose(callbacks: LeaderCallbacks): void {
    this.#lost = true;
    this.#leading = false;
    this.#held = undefined;
    this.#options.log.warn("Lease lost.", { renewDeadlineMs: this.#options.renewDeadlineMs });
    callbacks.onLost();
  }
}

/** metav1.MicroTime demands six digits. */
const microTime = (at: Date): string => at.toISOString().replace(/\.(\d{3})Z$/, ".$1000Z");
