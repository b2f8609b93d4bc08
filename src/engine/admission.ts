import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { ReservedTokens } from "../kernel/reserved-tokens.ts";
import type { Lane, Turn } from "../kernel/turn.ts";
import { LONGEST_WAIT_MS, PlacesInTurn, REMEMBERED_MS, Sharer, type Pool } from "./places-in-turn.ts";

export interface AdmissionOptions {
  readonly clock: Clock;
  /** For messages: the connection's name. */
  readonly name: string;
  readonly perSecond: number;
  readonly burst: number;
  /** Calls under way at a time. */
  readonly atOnce: number;
}

/** Calls of one sharer that wait, oldest first, by what to do in their turn. */
type Waiting = Record<Lane, Set<(pool: Pool) => void>>;

/**
 * Gives calls a place and a token each. The next one is of the sharer who was served longest ago, and within a sharer ends go first, then the oldest. A
 * part of both is for ends alone, which may use the rest as well.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #places: PlacesInTurn;
  readonly #tokens: ReservedTokens;
  readonly #sharers = new Map<string, Sharer>();
  /** Only those who wait. */
  readonly #waiting = new Map<Sharer, Waiting>();
  #turn = 0;
  #sweptMs: number;
  #cancelTimer: (() => void) | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#places = new PlacesInTurn(options.clock, options.atOnce);
    this.#tokens = new ReservedTokens(options.clock, options);
    this.#sweptMs = options.clock.monotonicMs();
  }

  /** Sharers that are remembered. */
  get size(): number {
    return this.#sharers.size;
  }

  /**
   * Runs a call in its turn. Throws Throttled, with when to come again, where its turn does not come within five seconds; its own deadline begins
   * when it has its place, for waiting here is not the provider's silence.
   */
  async run<T>(turn: Turn, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
    const leave = await this.#enter(turn, signal);
    try {
      return await call();
    } finally {
      leave();
      this.#next();
    }
  }

  #enter({ lane, share }: Turn, signal: AbortSignal): Promise<() => void> {
    const sharer = this.#sharer(share);
    this.#places.seen(sharer);
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      this.#demandRoom(lane, sharer);
      const patienceMs = this.#places.patienceMs(lane, sharer);
      if (patienceMs === 0) throw this.#noPlace();
      const stop = (reason: Error): void => {
        settled();
        this.#forget(lane, sharer, begin);
        reject(reason);
      };
      const begin = (pool: Pool): void => {
        settled();
        resolve(this.#places.take(pool, sharer));
      };
      const onAbort = (): void => stop(signal.reason as Error);
      const cancel = this.#options.clock.schedule(patienceMs, () => {
        // What has come in this moment is in time.
        this.#next();
        if (this.#waiting.get(sharer)?.[lane].has(begin) === true) stop(this.#tooLate(lane));
      });
      const settled = (): void => {
        cancel();
        signal.removeEventListener("abort", onAbort);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waitingOf(sharer)[lane].add(begin);
      this.#next();
    });
  }

  /** A sharer's own queue may not be longer than what is served in the time that it waits at most. */
  #demandRoom(lane: Lane, sharer: Sharer): void {
    const before = this.#waiting.get(sharer)?.[lane].size ?? 0;
    const waitMs = ((before + 1 - this.#tokens.available(lane)) * 1000) / this.#options.perSecond;
    if (waitMs > LONGEST_WAIT_MS) throw this.#usedUp(waitMs);
  }

  /** Lets go whoever can, in turn, and comes again with the next token. */
  #next(): void {
    while (this.#serveOne());
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const waits = [...this.#waiting.values()].flatMap((waiting) =>
      lanesOf(waiting).map((lane) => this.#tokens.waitMs(lane)),
    );
    const waitMs = Math.min(...waits.filter((ms) => ms > 0));
    if (waitMs !== Infinity) this.#cancelTimer = this.#options.clock.schedule(waitMs, () => this.#next());
  }

  /** The first in turn that finds a place and a token; false: nobody does. */
  #serveOne(): boolean {
    for (const [sharer, waiting] of this.#inTurn())
      for (const lane of lanesOf(waiting)) {
        const pool = this.#places.free(lane, sharer);
        if (pool !== undefined && this.#tokens.has(lane)) return this.#serve(lane, sharer, pool);
      }
    return false;
  }

  #inTurn(): readonly (readonly [Sharer, Waiting])[] {
    return [...this.#waiting].sort(([a], [b]) => a.served - b.served);
  }

  #serve(lane: Lane, sharer: Sharer, pool: Pool): true {
    const [begin] = this.#waitingOf(sharer)[lane];
    this.#turn += 1;
    sharer.served = this.#turn;
    this.#tokens.take(lane);
    if (begin !== undefined) {
      this.#forget(lane, sharer, begin);
      begin(pool);
    }
    return true;
  }

  #waitingOf(sharer: Sharer): Waiting {
    const present = this.#waiting.get(sharer);
    if (present !== undefined) return present;
    const waiting: Waiting = { end: new Set(), rest: new Set() };
    this.#waiting.set(sharer, waiting);
    return waiting;
  }

  #forget(lane: Lane, sharer: Sharer, begin: (pool: Pool) => void): void {
    const waiting = this.#waiting.get(sharer);
    waiting?.[lane].delete(begin);
    if (waiting?.end.size === 0 && waiting.rest.size === 0) this.#waiting.delete(sharer);
  }

  #sharer(name: string): Sharer {
    this.#sweep();
    const present = this.#sharers.get(name) ?? new Sharer(name);
    this.#sharers.set(name, present);
    return present;
  }

  /** Whoever has not called for a while is forgotten. */
  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#sweptMs < REMEMBERED_MS) return;
    this.#sweptMs = nowMs;
    for (const [name, sharer] of this.#sharers) {
      const isIdle = sharer.begun.size === 0 && !this.#waiting.has(sharer);
      if (isIdle && nowMs - sharer.seenMs > REMEMBERED_MS) this.#sharers.delete(name);
    }
  }

  #tooLate(lane: Lane): OperatorError {
    if (!this.#tokens.has(lane)) return this.#usedUp(LONGEST_WAIT_MS);
    return this.#noPlace();
  }

  #noPlace(): OperatorError {
    return new OperatorError("Throttled", {
      publicMessage: `As many calls as ProviderConnection ${this.#options.name} bears at a time are under way; it is tried again.`,
      retryAfterMs: LONGEST_WAIT_MS,
    });
  }

  #usedUp(waitMs: number): OperatorError {
    return new OperatorError("Throttled", {
      publicMessage: `The rate budget of ProviderConnection ${this.#options.name} is used up; it is tried again.`,
      retryAfterMs: Math.ceil(waitMs),
    });
  }
}

/** Those in which somebody waits, ends first. */
const lanesOf = ({ end, rest }: Waiting): readonly Lane[] => [
  ...(end.size > 0 ? (["end"] as const) : []),
  ...(rest.size > 0 ? (["rest"] as const) : []),
];
