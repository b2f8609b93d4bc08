import type { Clock } from "../kernel/clock.ts";
import { OperatorError, type FailureCode } from "../kernel/errors.ts";
import { Places } from "../kernel/places.ts";
import { TokenBucket } from "../kernel/token-bucket.ts";

export interface BudgetOptions {
  readonly clock: Clock;
  /** For messages: the connection's name. */
  readonly name: string;
  readonly perSecond: number;
  readonly burst: number;
  /** Calls under way at a time. */
  readonly atOnce: number;
}

/** Longer than this nobody's pass waits for its turn: it comes again. */
const LONGEST_WAIT_MS = 5000;
/** So many in a row, of whatever resources, and the provider is taken to be away. */
const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** A server's own wish is kept up to this. */
const LONGEST_WISH_MS = 600_000;

/**
 * What all resources together may ask of one connection: a token bucket, so many calls at a time, and a breaker that asks a provider which is away once in a while
 * instead of once for each resource.
 */
export class Budget {
  readonly #options: BudgetOptions;
  readonly #bucket: TokenBucket;
  readonly #places: Places;
  #failures = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #closedUntilMs = 0;
  /** Why it is closed. */
  #why: Extract<FailureCode, "Unavailable" | "Throttled"> = "Unavailable";
  /** One call looks whether the provider is back. */
  #probing = false;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.clock, options);
    this.#places = new Places(options.atOnce);
  }

  /** Runs a call in its turn. Throws Unavailable or Throttled, with when to come again, where it would not be made now. */
  async run<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    const probe = this.#admit();
    try {
      await this.#turn(signal);
      return await this.#placed(signal, () => this.#heard(call));
    } finally {
      if (probe) this.#probing = false;
    }
  }

  /** A call's own deadline begins when it has its place: waiting here is not the provider's silence. */
  async #placed<T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    if (!this.#places.full) return this.#places.run(call);
    const { clock, name } = this.#options;
    const late = new AbortController();
    const cancel = clock.schedule(LONGEST_WAIT_MS, () => {
      late.abort(
        new OperatorError("Throttled", {
          publicMessage: `As many calls as ProviderConnection ${name} bears at a time are under way; it is tried again.`,
          retryAfterMs: LONGEST_WAIT_MS,
        }),
      );
    });
    try {
      return await this.#places.run(
        () => {
          cancel();
          return call();
        },
        AbortSignal.any([signal, late.signal]),
      );
    } finally {
      cancel();
    }
  }

  async #heard<T>(call: () => Promise<T>): Promise<T> {
    try {
      const result = await call();
      this.#succeeded();
      return result;
    } catch (thrown) {
      this.#failed(thrown);
      throw thrown;
    }
  }

  /** True: this call is the probe. */
  #admit(): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs < this.#closedUntilMs) throw this.#refusal(this.#closedUntilMs - nowMs);
    if (this.#failures < FAILURES_TO_OPEN) return false;
    if (this.#probing) throw this.#refusal(FIRST_PAUSE_MS);
    this.#probing = true;
    return true;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const waitMs = this.#bucket.waitMs();
    if (waitMs > LONGEST_WAIT_MS)
      throw new OperatorError("Throttled", {
        publicMessage: `The rate budget of ProviderConnection ${this.#options.name} is used up; it is tried again.`,
        retryAfterMs: Math.ceil(waitMs),
      });
    this.#bucket.take();
    if (waitMs > 0) await this.#options.clock.sleep(waitMs, signal);
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#closedUntilMs = 0;
  }

  #failed(thrown: unknown): void {
    if (!(thrown instanceof OperatorError)) return;
    const nowMs = this.#options.clock.monotonicMs();
    if (thrown.code === "Throttled" && thrown.retryAfterMs !== undefined) {
      this.#close(nowMs + Math.min(thrown.retryAfterMs, LONGEST_WISH_MS), "Throttled");
      return;
    }
    // A refusal is an answer: the provider is there.
    if (thrown.code !== "Unavailable" && thrown.code !== "Timeout") {
      if (thrown.code !== "Aborted" && thrown.code !== "Throttled") this.#succeeded();
      return;
    }
    this.#failures += 1;
    if (this.#failures < FAILURES_TO_OPEN) return;
    this.#close(nowMs + this.#pauseMs, "Unavailable");
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  #close(untilMs: number, why: "Unavailable" | "Throttled"): void {
    this.#closedUntilMs = Math.max(this.#closedUntilMs, untilMs);
    this.#why = why;
  }

  #refusal(forMs: number): OperatorError {
    const { name } = this.#options;
    return new OperatorError(this.#why, {
      publicMessage:
        this.#why === "Throttled"
          ? `The provider of ProviderConnection ${name} asks to be called less often; it is waited for.`
          : `The provider of ProviderConnection ${name} has not answered several times in a row; it is asked again in a while.`,
      retryAfterMs: Math.ceil(forMs),
    });
  }
}
