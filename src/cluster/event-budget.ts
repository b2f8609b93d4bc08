import type { Clock } from "../kernel/clock.ts";

interface Bucket {
  tokens: number;
  filledMs: number;
}

/** As client-go: an object that events rain on gets 25 at once and then one every five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
const MOST_BUCKETS = 4000;

/** How many new events may be made about one object. */
export class EventBudget {
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False when the object has had its share for now. */
  take(uid: string): boolean {
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#buckets.get(uid) ?? { tokens: BURST, filledMs: nowMs };
    const tokens = Math.min(BURST, bucket.tokens + (nowMs - bucket.filledMs) / REFILL_MS);
    const granted = tokens >= 1;
    // Moved to the end: the bucket that was left alone for longest is the first to be forgotten.
    this.#buckets.delete(uid);
    this.#buckets.set(uid, { tokens: granted ? tokens - 1 : tokens, filledMs: nowMs });
    const oldest = this.#buckets.keys().next();
    if (this.#buckets.size > MOST_BUCKETS && oldest.done !== true) this.#buckets.delete(oldest.value);
    return granted;
  }
}
