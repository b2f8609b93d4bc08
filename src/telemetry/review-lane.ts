import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { TokenBucket } from "../kernel/token-bucket.ts";

export interface LaneLimits {
  /** Reviews a second; they are spaced, so that no second has more. */
  readonly perSecond: number;
  /** Reviews of one address that may wait. */
  readonly perAddress: number;
  /** Reviews that may wait in all. */
  readonly most: number;
  /** Milliseconds that one waits for its turn. */
  readonly waitMs: number;
}

interface Waiting {
  readonly begin: () => void;
}

/**
 * Gives reviews their turn: first those that go on with what was good before, then one of each address in turn. Who floods it with
 * tokens waits behind themselves.
 */
export class ReviewLane {
  readonly #clock: Clock;
  readonly #limits: LaneLimits;
  readonly #bucket: TokenBucket;
  readonly #first = new Set<Waiting>();
  /** By address, in the order of their next turn. */
  readonly #turns = new Map<string, Set<Waiting>>();
  #isScheduled = false;

  constructor(clock: Clock, limits: LaneLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#bucket = new TokenBucket(clock, { perSecond: limits.perSecond, burst: 1 });
  }

  /** In the turn of this address. Throws Throttled, without having run, where too many wait or its turn does not come in time. */
  inTurn<T>(address: string, work: () => Promise<T>): Promise<T> {
    const own = this.#turns.get(address) ?? new Set();
    const waiting = [...this.#turns.values()].reduce((sum, { size }) => sum + size, 0);
    if (own.size >= this.#limits.perAddress || waiting >= this.#limits.most) return Promise.reject(tooMany());
    this.#turns.set(address, own);
    return this.#run(own, work, () => {
      if (own.size === 0 && this.#turns.get(address) === own) this.#turns.delete(address);
    });
  }

  /** Before all turns, for a caller that kube-apiserver has known. Throws as `inTurn` does. */
  first<T>(work: () => Promise<T>): Promise<T> {
    if (this.#first.size >= this.#limits.most) return Promise.reject(tooMany());
    return this.#run(this.#first, work, () => undefined);
  }

  async #run<T>(queue: Set<Waiting>, work: () => Promise<T>, left: () => void): Promise<T> {
    await new Promise<void>((resolve, reject) => {
      const one: Waiting = {
        begin() {
          giveUp();
          queue.delete(one);
          left();
          resolve();
        },
      };
      const giveUp = this.#clock.schedule(this.#limits.waitMs, () => {
        queue.delete(one);
        left();
        reject(tooMany());
      });
      queue.add(one);
      this.#next();
    });
    return work();
  }

  #next(): void {
    if (this.#isScheduled) return;
    for (let waiting = this.#peek(); waiting !== undefined; waiting = this.#peek()) {
      const waitMs = this.#bucket.waitMs();
      // A rest of rounding is no time that a clock can wait.
      if (waitMs > ROUNDING_MS) {
        this.#isScheduled = true;
        this.#clock.schedule(waitMs, () => {
          this.#isScheduled = false;
          this.#next();
        });
        return;
      }
      this.#bucket.take();
      this.#endTurn(waiting);
      waiting.begin();
    }
  }

  #peek(): Waiting | undefined {
    const [first] = this.#first;
    if (first !== undefined) return first;
    const [turn] = this.#turns.values();
    const [next] = turn ?? [];
    return next;
  }

  /** The address whose turn it was comes last from now on. */
  #endTurn(waiting: Waiting): void {
    const [turn] = this.#turns;
    if (turn === undefined || !turn[1].has(waiting)) return;
    this.#turns.delete(turn[0]);
    if (turn[1].size > 1) this.#turns.set(turn[0], turn[1]);
  }
}

const ROUNDING_MS = 0.001;

const tooMany = (): OperatorError =>
  new OperatorError("Throttled", { publicMessage: "Too many reviews of scrapes wait for their turn." });
