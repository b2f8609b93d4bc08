import type { Cancel, Clock } from "../kernel/clock.ts";
import type { RateLimiter } from "./rate-limiter.ts";

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  /** Told after every change of the number of keys that are ready and not taken. */
  readonly onDepth?: (depth: number) => void;
}

interface Waiting {
  readonly dueMs: number;
  readonly cancel: Cancel;
}

/**
 * Keys that need a pass, first in, first out, each at most once. A key is never handed out twice at a time: what is added
 * while its pass runs waits until `done` and then goes to the end, so that a busy key cannot starve the others.
 */
export class WorkQueue {
  /** Insertion order is the order of service. */
  readonly #ready = new Set<string>();
  readonly #inFlight = new Set<string>();
  /** Added again while in flight. */
  readonly #again = new Set<string>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #drained: (() => void)[] = [];
  readonly #options: WorkQueueOptions;
  #shut = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that are ready and not taken. */
  get depth(): number {
    return this.#ready.size;
  }

  /** Wants a pass as soon as possible. A delay that was asked for earlier is overtaken and dropped. */
  add(key: string): void {
    if (this.#shut) return;
    this.#stopWaiting(key);
    if (this.#inFlight.has(key)) {
      this.#again.add(key);
      return;
    }
    this.#ready.add(key);
    this.#serve();
    this.#tellDepth();
  }

  /** Wants a pass after `delayMs`. Of several delays the earliest holds; a key that is ready already is early enough. */
  addAfter(key: string, delayMs: number): void {
    if (this.#shut) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    if (this.#ready.has(key) || this.#again.has(key)) return;
    const dueMs = this.#options.clock.monotonicMs() + delayMs;
    const before = this.#waiting.get(key);
    if (before !== undefined && before.dueMs <= dueMs) return;
    before?.cancel();
    const cancel = this.#options.clock.schedule(delayMs, () => this.add(key));
    this.#waiting.set(key, { dueMs, cancel });
  }

  /** Wants a pass after the limiter's delay; answers that delay in milliseconds. */
  addRateLimited(key: string): number {
    const delayMs = this.#options.limiter.next(key);
    this.addAfter(key, delayMs);
    return delayMs;
  }

  /** The key has succeeded: earlier failures count no more. */
  forget(key: string): void {
    this.#options.limiter.forget(key);
  }

  /** Failures since the last success. */
  attempts(key: string): number {
    return this.#options.limiter.attempts(key);
  }

  /** The next key; waits for one. Undefined once the queue is shut down. Every taken key must be given back by `done`. */
  take(): Promise<string | undefined> {
    if (this.#shut) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#serve();
      this.#tellDepth();
    });
  }

  /** The pass of a taken key has ended. */
  done(key: string): void {
    this.#inFlight.delete(key);
    if (this.#again.delete(key)) this.add(key);
    if (this.#shut && this.#inFlight.size === 0) this.#drained.splice(0).forEach((resolve) => resolve());
  }

  /** Hands out nothing from now on and drops what waits; resolves when every taken key has been given back. */
  shutDown(): Promise<void> {
    this.#shut = true;
    this.#waiting.forEach((waiting) => waiting.cancel());
    this.#waiting.clear();
    this.#ready.clear();
    this.#again.clear();
    this.#takers.splice(0).forEach((resolve) => resolve(undefined));
    this.#tellDepth();
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  #serve(): void {
    for (const key of this.#ready) {
      const taker = this.#takers.shift();
      if (taker === undefined) return;
      this.#ready.delete(key);
      this.#inFlight.add(key);
      taker(key);
    }
  }

  #stopWaiting(key: string): void {
    this.#waiting.get(key)?.cancel();
    this.#waiting.delete(key);
  }

  #tellDepth(): void {
    this.#options.onDepth?.(this.#ready.size);
  }
}
