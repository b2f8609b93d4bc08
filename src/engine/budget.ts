import type { Behind } from "../kernel/behind.ts";
import { OperatorError } from "../kernel/errors.ts";
import type { Turn } from "../kernel/turn.ts";
import { Admission, type AdmissionOptions } from "./admission.ts";
import { Breaker, type Closing } from "./breaker.ts";

export type BudgetOptions = AdmissionOptions;

/** For whom a call is made: part of the context of a pass. */
export interface Caller {
  readonly signal: AbortSignal;
  /** Absent: the rest, in a turn that all such callers share. */
  readonly turn?: Turn | undefined;
}

/** Breakers of a connection that are open now. */
export interface OpenBreakers {
  /** 1: its own host's. */
  readonly host: number;
  /** Those of single namespaces, and of hosts behind the connection. */
  readonly others: number;
}

const NO_TURN: Turn = { lane: "rest", share: "" };
/** Failures of fewer shares than this say nothing of a host that has accepted the calls. */
const SHARES_TO_OPEN = 3;
/** After so long without a call a breaker is forgotten: longer than it is ever closed. */
const FORGOTTEN_MS = 660_000;
const SWEEP_MS = 60_000;

/**
 * What all resources together may ask of one connection: places and tokens in turn between namespaces, and breakers that ask a host which is away once
 * in a while instead of once for each resource. The connection's host has one, which opens for all; a namespace whose calls alone go unanswered has
 * one, and so has each host behind the connection, by namespace: those open for nobody else.
 */
export class Budget {
  readonly #options: BudgetOptions;
  readonly #admission: Admission;
  readonly #host: Breaker;
  readonly #ofShares = new Map<string, Breaker>();
  readonly #behind = new Map<string, Breaker>();
  /** Failures that a breaker of a host behind has counted, by that host. */
  readonly #counted = new WeakMap<Error, string>();
  /** What such a breaker has said in the host's place. */
  readonly #refusals = new WeakSet<Error>();
  #sweptMs: number;

  constructor(options: BudgetOptions) {
    this.#options = options;
    this.#admission = new Admission(options);
    this.#host = this.#ofConnection(SHARES_TO_OPEN);
    this.#sweptMs = options.clock.monotonicMs();
  }

  /** Breakers and sharers that are remembered, for tests of memory. */
  get size(): number {
    return this.#ofShares.size + this.#behind.size + this.#admission.size;
  }

  open(): OpenBreakers {
    const others = [...this.#ofShares.values(), ...this.#behind.values()].filter(({ isOpen }) => isOpen);
    return { host: this.#host.isOpen ? 1 : 0, others: others.length };
  }

  /**
   * Runs a call in its turn. Throws Unavailable or Throttled, with when to come again, where it would not be made now. `call` runs what reaches a host
   * behind the connection by the function that it is given.
   */
  async run<T>({ signal, turn = NO_TURN }: Caller, call: (behind: Behind) => Promise<T>): Promise<T> {
    this.#sweep();
    const behind: Behind = (host, run) => this.#runBehind({ signal, turn }, host, run);
    const leaveHost = await this.#host.admit(turn, signal);
    try {
      const leaveShare = await this.#ofShares.get(turn.share)?.admit(turn, signal);
      try {
        return await this.#admission.run(turn, signal, () => this.#heard(turn.share, () => call(behind)));
      } finally {
        leaveShare?.();
      }
    } finally {
      leaveHost();
    }
  }

  async #heard<T>(share: string, call: () => Promise<T>): Promise<T> {
    try {
      const result = await call();
      this.#answered(share);
      return result;
    } catch (thrown) {
      this.#failed(share, thrown);
      throw thrown;
    }
  }

  #answered(share: string): void {
    this.#host.succeeded();
    this.#ofShares.delete(share);
  }

  #failed(share: string, thrown: unknown): void {
    if (!(thrown instanceof OperatorError)) return;
    // A host behind has failed: where there is an answer at all, the connection's host has given it.
    if (this.#counted.delete(thrown) || this.#refusals.delete(thrown)) {
      if (thrown.status !== undefined) this.#host.succeeded();
      return;
    }
    if (isWish(thrown)) return this.#host.throttled(thrown.retryAfterMs);
    if (isAnswer(thrown)) return this.#answered(share);
    if (!isSilence(thrown)) return;
    const refusedIt = thrown.status !== undefined && thrown.status < 500;
    if (!refusedIt) this.#host.failed(share, thrown.isHostFault);
    if (this.#host.isOpen) this.#ofShares.clear();
    else if (!thrown.isHostFault) this.#ofShare(share).failed(share);
  }

  async #runBehind<T>(
    { signal, turn }: { readonly signal: AbortSignal; readonly turn: Turn },
    host: string,
    run: () => Promise<T>,
  ): Promise<T> {
    const { share } = turn;
    const key = JSON.stringify([host, share]);
    const leave = await this.#admitBehind(key, turn, signal);
    try {
      const result = await run();
      this.#answeredBehind(key);
      return result;
    } catch (thrown) {
      if (thrown instanceof OperatorError && !thrown.isHostFault && !this.#refusals.has(thrown))
        this.#failedBehind(key, host, share, thrown);
      throw thrown;
    } finally {
      leave?.();
    }
  }

  async #admitBehind(key: string, turn: Turn, signal: AbortSignal): Promise<(() => void) | undefined> {
    try {
      return await this.#behind.get(key)?.admit(turn, signal);
    } catch (refusal) {
      if (refusal instanceof OperatorError) {
        this.#refusals.add(refusal);
      }
      throw refusal;
    }
  }

  #answeredBehind(key: string): void {
    const breaker = this.#behind.get(key);
    breaker?.succeeded();
    if (breaker?.isBlank === true) this.#behind.delete(key);
  }

  #failedBehind(key: string, host: string, share: string, thrown: OperatorError): void {
    // Of the one behind this one; where there is an answer, this one has given it.
    const inner = this.#counted.get(thrown);
    if (isAnswer(thrown) || (inner !== undefined && thrown.status !== undefined)) return this.#answeredBehind(key);
    if (!isWish(thrown) && !isSilence(thrown)) return;
    this.#counted.set(thrown, host);
    const breaker = this.#behind.get(key) ?? this.#ofHostBehind(host, inner === undefined ? 1 : SHARES_TO_OPEN);
    this.#behind.set(key, breaker);
    if (isWish(thrown)) breaker.throttled(thrown.retryAfterMs);
    else breaker.failed(inner ?? share);
  }

  #ofShare(share: string): Breaker {
    const breaker = this.#ofShares.get(share) ?? this.#ofConnection(1);
    this.#ofShares.set(share, breaker);
    return breaker;
  }

  #ofConnection(shares: number): Breaker {
    return this.#breaker(`The provider of ProviderConnection ${this.#options.name}`, shares);
  }

  #ofHostBehind(host: string, shares: number): Breaker {
    return this.#breaker(`${host}, reached through ProviderConnection ${this.#options.name},`, shares);
  }

  #breaker(host: string, shares: number): Breaker {
    const refuse = (why: Closing, retryAfterMs: number): OperatorError =>
      new OperatorError(why, {
        publicMessage:
          why === "Throttled"
            ? `${host} asks to be called less often; it is waited for.`
            : `${host} has not answered several times in a row; it is asked again in a while.`,
        retryAfterMs,
      });
    return new Breaker({ clock: this.#options.clock, shares, refuse });
  }

  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#sweptMs < SWEEP_MS) return;
    this.#sweptMs = nowMs;
    for (const breakers of [this.#ofShares, this.#behind])
      for (const [key, breaker] of breakers) if (breaker.idleMs > FORGOTTEN_MS) breakers.delete(key);
  }
}

type Wish = OperatorError & { readonly retryAfterMs: number };

/** The server says when to come again. */
const isWish = (error: OperatorError): error is Wish => error.code === "Throttled" && error.retryAfterMs !== undefined;

const isSilence = ({ code }: OperatorError): boolean => code === "Unavailable" || code === "Timeout";

/** A refusal is an answer: the provider is there. */
const isAnswer = (error: OperatorError): boolean =>
  !isSilence(error) && error.code !== "Aborted" && error.code !== "Throttled";
