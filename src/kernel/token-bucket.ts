import type { Clock } from "./clock.ts";

/** So many at once, and then so many a second. Whoever takes a token before there is one is in debt, and waits for as long. */
export class TokenBucket {
  readonly #clock: Clock;
  readonly #rate: { readonly perSecond: number; readonly burst: number };
  #tokens: number;
  #filledMs: number;

  constructor(clock: Clock, rate: { readonly perSecond: number; readonly burst: number }) {
    this.#clock = clock;
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#filledMs = clock.monotonicMs();
  }

  /** Milliseconds until the next token is there; 0 when it is. */
  waitMs(): number {
    const { perSecond, burst } = this.#rate;
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#filledMs) * perSecond) / 1000);
    this.#filledMs = nowMs;
    return Math.max(0, ((1 - this.#tokens) * 1000) / perSecond);
  }

  take(): void {
    this.#tokens -= 1;
  }
}
