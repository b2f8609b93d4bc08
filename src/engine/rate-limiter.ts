/** How long a key that keeps failing must wait before it is tried again. */
export interface RateLimiter {
  /** The next delay in milliseconds; every call counts as one more failure. */
  next(key: string): number;
  /** The key has succeeded: its count starts again from nothing. */
  forget(key: string): void;
  /** Failures since the last success. */
  attempts(key: string): number;
}

export interface BackoffOptions {
  /** Delay after the first failure, in milliseconds. */
  readonly baseMs: number;
  /** No delay is longer than this, jitter included. */
  readonly maxMs: number;
  /** Share by which a delay may differ either way: 0.2 is ± 20 %. */
  readonly jitter: number;
  /** 0 ≤ x < 1; injected so that tests are the same every time. */
  readonly random: () => number;
}

/** Beyond 2^30 every base has met its maximum, and the power must not run to Infinity. */
const LARGEST_EXPONENT = 30;

/** Doubling delay with jitter for the n-th failure in a row (n from 0). */
export const backoffDelay = (failures: number, options: BackoffOptions): number => {
  const doubled = options.baseMs * 2 ** Math.min(failures, LARGEST_EXPONENT);
  const jittered = Math.min(doubled, options.maxMs) * (1 - options.jitter + 2 * options.jitter * options.random());
  return Math.min(jittered, options.maxMs);
};

/** Doubles per key from `baseMs` to `maxMs`. */
export class ExponentialRateLimiter implements RateLimiter {
  readonly #failures = new Map<string, number>();
  readonly #options: BackoffOptions;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  next(key: string): number {
    const failures = this.attempts(key);
    this.#failures.set(key, failures + 1);
    return backoffDelay(failures, this.#options);
  }

  forget(key: string): void {
    this.#failures.delete(key);
  }

  attempts(key: string): number {
    return this.#failures.get(key) ?? 0;
  }
}
