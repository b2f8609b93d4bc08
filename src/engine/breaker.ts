import type { Clock } from "../kernel/clock.ts";
import type { FailureCode } from "../kernel/errors.ts";
import type { Turn } from "../kernel/turn.ts";
import { ProbeTurns } from "./probe-turns.ts";

/** So many in a row, of whatever resources, and the host is taken to be away. */
const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** A server's own wish is kept up to this. */
const LONGEST_WISH_MS = 600_000;

export type Closing = Extract<FailureCode, "Unavailable" | "Throttled">;

export interface BreakerOptions {
  readonly clock: Clock;
  /** Failures of fewer shares than this do not open it, unless they are certain to be the host's. */
  readonly shares: number;
  /** The error of a call that is not made; it says why, and when to come again. */
  readonly refuse: (why: Closing, retryAfterMs: number) => Error;
}

const NOTHING = (): void => undefined;

/**
 * Asks a host that is away once in a while instead of once for each call. While it is open, one call that revokes may look each second, in turn between
 * shares; when its pause is over, one call of whatever kind does.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #probes: ProbeTurns;
  #failures = 0;
  /** Whose calls have failed; no more of them than are counted. */
  readonly #failing = new Set<string>();
  #tripped = false;
  #pauseMs = FIRST_PAUSE_MS;
  #closedUntilMs = -Infinity;
  #why: Closing = "Unavailable";
  #probing = false;
  #seenMs: number;

  constructor(options: BreakerOptions) {
    this.#options = options;
    this.#probes = new ProbeTurns(options.clock);
    this.#seenMs = options.clock.monotonicMs();
  }

  get isOpen(): boolean {
    return this.#tripped || this.#remainingMs() > 0;
  }

  /** Nothing is remembered that a new one would not know. */
  get isBlank(): boolean {
    return this.#failures === 0 && !this.isOpen && !this.#probing;
  }

  /** Milliseconds since the last call. */
  get idleMs(): number {
    return this.#options.clock.monotonicMs() - this.#seenMs;
  }

  /** Lets a call go or throws the refusal. What it gives is called when that call has ended, however. */
  async admit({ lane, share }: Turn, signal: AbortSignal): Promise<() => void> {
    this.#seenMs = this.#options.clock.monotonicMs();
    if (!this.isOpen) return NOTHING;
    if (this.#remainingMs() <= 0 && !this.#probing) {
      this.#probing = true;
      return () => {
        this.#probing = false;
      };
    }
    if (lane === "end" && (await this.#mayProbe(share, signal))) return NOTHING;
    const remainingMs = Math.max(this.#remainingMs(), FIRST_PAUSE_MS);
    throw this.#options.refuse(
      this.#why,
      Math.ceil(lane === "end" ? Math.min(remainingMs, LONGEST_PAUSE_MS) : remainingMs),
    );
  }

  async #mayProbe(share: string, signal: AbortSignal): Promise<boolean> {
    const goes = await this.#probes.ask(share, signal);
    // Another's answer may have closed it in the meantime.
    return goes || !this.isOpen;
  }

  /** The host has answered. What a server has wished stays. */
  succeeded(): void {
    this.#failures = 0;
    this.#failing.clear();
    this.#tripped = false;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#probes.reset();
    if (this.#why === "Unavailable") this.#closedUntilMs = -Infinity;
  }

  /** No answer. `certain`: whatever was asked, the host itself is away. */
  failed(share: string, certain = false): void {
    this.#failures += 1;
    if (this.#failing.size < this.#options.shares) this.#failing.add(share);
    const known = certain || this.#failing.size >= this.#options.shares;
    if (!this.#tripped && (this.#failures < FAILURES_TO_OPEN || !known)) return;
    // Calls that began before it opened, and probes of those who revoke, make no pause longer.
    if (this.#tripped && this.#remainingMs() > 0) return;
    this.#tripped = true;
    this.#close(this.#pauseMs, "Unavailable");
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  /** The server's own wish. */
  throttled(retryAfterMs: number): void {
    this.#close(Math.min(retryAfterMs, LONGEST_WISH_MS), "Throttled");
  }

  #close(forMs: number, why: Closing): void {
    const untilMs = this.#options.clock.monotonicMs() + forMs;
    if (untilMs <= this.#closedUntilMs) return;
    this.#closedUntilMs = untilMs;
    this.#why = why;
  }

  #remainingMs(): number {
    return this.#closedUntilMs - this.#options.clock.monotonicMs();
  }
}
