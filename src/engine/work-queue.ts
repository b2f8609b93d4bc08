import type { Cancel, Clock } from "../kernel/clock.ts";
import type { Lane, Turn } from "../kernel/turn.ts";
import { FairQueue } from "../kernel/fair-queue.ts";
import type { RateLimiter } from "./rate-limiter.ts";
import { WorkerPool } from "./worker-pool.ts";

/** What is known of a key when it is added. */
export interface Standing extends Turn {
  /** Before the others of its share. */
  readonly first?: boolean;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly limiter: RateLimiter;
  /** How many passes one share may have at once, by lane; `workersFor` says how many workers that wants. Without it, the only bound is who takes. */
  readonly workers?: Readonly<Record<Lane, number>>;
  /** Asked each time a key becomes ready. Without it, all share the turns of one lane. */
  readonly standing?: (key: string) => Standing;
  /** Told after every change of the number of keys of a lane that are ready and not taken. */
  readonly onDepth?: (lane: Lane, depth: number) => void;
  /** Told when a key of a lane is taken: for how long it was ready, in milliseconds. */
  readonly onTaken?: (lane: Lane, waitedMs: number) => void;
}

interface Waiting {
  readonly dueMs: number;
  readonly cancel: Cancel;
}

interface InFlight {
  readonly turn: Turn;
  readonly pool: Lane;
  /** Added again meanwhile. */
  again: boolean;
}

const LANES = ["end", "rest"] as const satisfies readonly Lane[];
const SAME: Standing = { lane: "rest", share: "" };

/**
 * Keys that need a pass, each at most once, in two lanes. Ends have workers of their own, and those of the rest besides when these have nothing
 * to do. In both lanes turns go round between shares (namespaces), and within one the oldest is first. A key is never handed out twice at a time:
 * one that is added while its pass runs waits until `done` and then goes to the end, so that a busy key cannot starve the others.
 */
export class WorkQueue {
  readonly #lanes: Readonly<Record<Lane, FairQueue>> = { end: new FairQueue(), rest: new FairQueue() };
  readonly #pools: Readonly<Record<Lane, WorkerPool>>;
  readonly #takers: Readonly<Record<Lane, ((key: string | undefined) => void)[]>> = { end: [], rest: [] };
  readonly #readySinceMs = new Map<string, number>();
  readonly #inFlight = new Map<string, InFlight>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #drained: (() => void)[] = [];
  readonly #options: WorkQueueOptions;
  #shut = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    const { end, rest } = options.workers ?? { end: Infinity, rest: Infinity };
    this.#pools = { end: new WorkerPool(end), rest: new WorkerPool(rest) };
  }

  /** Keys that are ready and not taken. */
  get depth(): number {
    return this.#lanes.end.size + this.#lanes.rest.size;
  }

  /** Wants a pass as soon as possible. A delay that was asked for earlier is overtaken and dropped. */
  add(key: string): void {
    if (this.#shut) return;
    this.#stopWaiting(key);
    const inFlight = this.#inFlight.get(key);
    if (inFlight !== undefined) {
      inFlight.again = true;
      return;
    }
    const { lane, share, first = false } = this.#standingOf(key);
    // What has become an end goes over to that lane, and what is none any more leaves it.
    this.#lanes[lane === "end" ? "rest" : "end"].delete(key);
    this.#lanes[lane].push(key, { share, first });
    if (!this.#readySinceMs.has(key)) this.#readySinceMs.set(key, this.#options.clock.monotonicMs());
    this.#serve();
    this.#tellDepths();
  }

  /** Wants a pass after `delayMs`. Of several delays the earliest holds; a key that is ready already is early enough. */
  addAfter(key: string, delayMs: number): void {
    if (this.#shut) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    if (this.#readySinceMs.has(key) || this.#inFlight.get(key)?.again === true) return;
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

  /** The turn of a taken key, by which its pass goes outside. */
  turnOf(key: string): Turn {
    return this.#inFlight.get(key)?.turn ?? SAME;
  }

  /** Turns begin at another share than the first. `at`: from 0 to below 1. */
  beginAt(at: number): void {
    for (const lane of LANES) this.#lanes[lane].beginAt(at);
  }

  /** The next key for a worker of this lane; waits for one. Undefined once the queue is shut down. Every taken key must be given back by `done`. */
  take(lane: Lane = "rest"): Promise<string | undefined> {
    if (this.#shut) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers[lane].push(resolve);
      this.#serve();
      this.#tellDepths();
    });
  }

  /** The pass of a taken key has ended. */
  done(key: string): void {
    const inFlight = this.#inFlight.get(key);
    if (inFlight === undefined) return;
    this.#inFlight.delete(key);
    this.#pools[inFlight.pool].end(inFlight.turn.share);
    if (inFlight.again) this.add(key);
    // A share that had enough at work may have the next one now.
    else this.#serve();
    if (this.#shut && this.#inFlight.size === 0) this.#drained.splice(0).forEach((resolve) => resolve());
  }

  /** Hands out nothing from now on and drops what waits; resolves when every taken key has been given back. */
  shutDown(): Promise<void> {
    this.#shut = true;
    this.#waiting.forEach((waiting) => waiting.cancel());
    this.#waiting.clear();
    this.#readySinceMs.clear();
    for (const lane of LANES) {
      this.#lanes[lane].clear();
      this.#takers[lane].splice(0).forEach((resolve) => resolve(undefined));
    }
    this.#inFlight.forEach((each) => (each.again = false));
    this.#tellDepths();
    if (this.#inFlight.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Ends first, to their own workers and then to those of the rest that the rest leaves idle. */
  #serve(): void {
    this.#give("end", "end");
    this.#give("rest", "rest");
    this.#give("end", "rest");
  }

  #give(lane: Lane, pool: Lane): void {
    const takers = this.#takers[pool];
    const workers = this.#pools[pool];
    while (takers.length > 0) {
      const next = this.#lanes[lane].shift((share) => workers.mayHave(share));
      if (next === undefined) return;
      const { key, share } = next;
      workers.begin(share);
      this.#inFlight.set(key, { turn: { lane, share }, pool, again: false });
      const nowMs = this.#options.clock.monotonicMs();
      this.#options.onTaken?.(lane, nowMs - (this.#readySinceMs.get(key) ?? nowMs));
      this.#readySinceMs.delete(key);
      takers.shift()?.(key);
    }
  }

  #standingOf(key: string): Standing {
    return this.#options.standing?.(key) ?? SAME;
  }

  #stopWaiting(key: string): void {
    this.#waiting.get(key)?.cancel();
    this.#waiting.delete(key);
  }

  #tellDepths(): void {
    for (const lane of LANES) this.#options.onDepth?.(lane, this.#lanes[lane].size);
  }
}
