import type { Clock } from "./clock.ts";
import type { Lane } from "./turn.ts";

export interface TokenRate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Store {
  readonly most: number;
  tokens: number;
}

/** Timers and fractions are never exact: a token that lacks so little is whole. */
const EPSILON = 1e-6;

/**
 * So many tokens at once, and then so many a second, of which ends have a part to themselves: a quarter of what is stored, and half of what comes in
 * until that quarter is full again. Without ends everything that comes in is for all. Ends may take of both stores.
 */
export class ReservedTokens {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #perSecond: number;
  readonly #reserve: Store;
  readonly #open: Store;
  #filledMs: number;

  /** Begins full. A burst of one leaves one token in each store. */
  constructor(clock: Pick<Clock, "monotonicMs">, { perSecond, burst }: TokenRate) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    const reserve = Math.max(1, Math.floor(burst / 4));
    const open = Math.max(1, burst - reserve);
    this.#reserve = { most: reserve, tokens: reserve };
    this.#open = { most: open, tokens: open };
    this.#filledMs = clock.monotonicMs();
  }

  /** Tokens that this lane could take now; may be a fraction. */
  available(lane: Lane): number {
    this.#fill();
    return lane === "end" ? this.#reserve.tokens + this.#open.tokens : this.#open.tokens;
  }

  /** True: there is a whole token for this lane. */
  has(lane: Lane): boolean {
    this.#fill();
    return isWhole(this.#open) || (lane === "end" && isWhole(this.#reserve));
  }

  /** Takes one, of the ends' own first; the caller has looked (`has`). */
  take(lane: Lane): void {
    const store = lane === "end" && isWhole(this.#reserve) ? this.#reserve : this.#open;
    store.tokens -= 1;
  }

  /** Milliseconds until there is a whole token for this lane; 0 when there is one. */
  waitMs(lane: Lane): number {
    if (this.has(lane)) return 0;
    const open = this.#msUntilWhole(this.#open, this.#reserve);
    return lane === "rest" ? open : Math.min(open, this.#msUntilWhole(this.#reserve, this.#open));
  }

  /** Half of what comes in goes to each store, and all of it once the other is full. */
  #msUntilWhole(store: Store, other: Store): number {
    const missing = 1 - store.tokens;
    const untilOtherFull = other.most - other.tokens;
    const halves = Math.min(missing, untilOtherFull);
    return ((halves * 2 + (missing - halves)) * 1000) / this.#perSecond;
  }

  #fill(): void {
    const nowMs = this.#clock.monotonicMs();
    const came = ((nowMs - this.#filledMs) * this.#perSecond) / 1000;
    this.#filledMs = nowMs;
    const over = add(this.#reserve, came / 2) + add(this.#open, came / 2);
    add(this.#reserve, add(this.#open, over));
  }
}

const isWhole = ({ tokens }: Store): boolean => tokens >= 1 - EPSILON;

/** What the store had no room for. */
const add = (store: Store, tokens: number): number => {
  const over = Math.max(0, store.tokens + tokens - store.most);
  store.tokens += tokens - over;
  return over;
};
