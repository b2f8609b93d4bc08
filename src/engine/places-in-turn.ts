import type { Clock } from "../kernel/clock.ts";
import type { Lane } from "../kernel/turn.ts";

/** A call that takes longer makes others wait too long for its place. */
export const SLOW_MS = 5000;
/** Longer than this no pass waits for its turn: it comes again. */
export const LONGEST_WAIT_MS = 5000;
/** The same for one who does not know yet how fast its answers come. */
const UNKNOWN_WAIT_MS = 1000;
/** How long it is remembered who has called, and how fast the answers came. */
export const REMEMBERED_MS = 60_000;

/** One who shares places and tokens with others: a namespace, or namespaces that count as one. */
export class Sharer {
  readonly name: string;
  /** The turn in which it was served last; 0: never, as far as it is remembered. */
  served = 0;
  /** Places that its calls hold. */
  readonly held: Record<Pool, number> = { reserve: 0, open: 0 };
  /** When its calls under way began, oldest first. */
  readonly begun = new Map<object, number>();
  seenMs = 0;
  #quickUntilMs = -Infinity;
  #slowUntilMs = -Infinity;

  constructor(name: string) {
    this.name = name;
  }

  ended(tookMs: number, nowMs: number): void {
    if (tookMs > SLOW_MS) this.#slowUntilMs = nowMs + REMEMBERED_MS;
    else this.#quickUntilMs = nowMs + REMEMBERED_MS;
  }

  /** Its answers came quickly lately, and none is waited for too long. Before the first one neither this nor `isSlow` holds. */
  isQuick(nowMs: number): boolean {
    return nowMs < this.#quickUntilMs && !this.isSlow(nowMs);
  }

  isSlow(nowMs: number): boolean {
    const [oldestMs = nowMs] = this.begun.values();
    return nowMs < this.#slowUntilMs || nowMs - oldestMs > SLOW_MS;
  }
}

/** Places for ends alone, and places for all. */
export type Pool = "reserve" | "open";

/**
 * How many calls may be under way: a quarter of the places is for ends alone. A sharer holds at most half as many places as are free unless its answers
 * come quickly, and at most as many while others are about, so that calls that hang leave places to others. One that is alone and quick may hold all.
 */
export class PlacesInTurn {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #most: Readonly<Record<Pool, number>>;
  readonly #taken: Record<Pool, number> = { reserve: 0, open: 0 };
  /** The two sharers who called last: whoever asks, one of them is another. */
  #last: Sharer | undefined;
  #lastOther: { readonly sharer: Sharer; readonly seenMs: number } | undefined;

  constructor(clock: Pick<Clock, "monotonicMs">, atOnce: number) {
    this.#clock = clock;
    const reserve = Math.max(1, Math.floor(atOnce / 4));
    this.#most = { reserve, open: Math.max(1, atOnce - reserve) };
  }

  /** It has come to call. */
  seen(sharer: Sharer): void {
    if (this.#last !== undefined && this.#last !== sharer)
      this.#lastOther = { sharer: this.#last, seenMs: this.#last.seenMs };
    this.#last = sharer;
    sharer.seenMs = this.#clock.monotonicMs();
  }

  /** Where a call of this lane may go now; undefined: nowhere. */
  free(lane: Lane, sharer: Sharer): Pool | undefined {
    if (lane === "end" && this.#mayTake("reserve", sharer)) return "reserve";
    return this.#mayTake("open", sharer) ? "open" : undefined;
  }

  /**
   * How long a call may wait for its place. Not for the sharer's own calls that hang, and not for long for those of which none has been answered yet: whoever
   * waits keeps a worker from others.
   */
  patienceMs(lane: Lane, sharer: Sharer): number {
    const nowMs = this.#clock.monotonicMs();
    const pools: readonly Pool[] = lane === "end" ? ["reserve", "open"] : ["open"];
    const waitsForItself = this.free(lane, sharer) === undefined && pools.every((pool) => sharer.held[pool] > 0);
    if (!waitsForItself || sharer.isQuick(nowMs)) return LONGEST_WAIT_MS;
    return sharer.isSlow(nowMs) ? 0 : UNKNOWN_WAIT_MS;
  }

  #mayTake(pool: Pool, sharer: Sharer): boolean {
    const free = this.#most[pool] - this.#taken[pool];
    const held = sharer.held[pool];
    if (free <= 0) return false;
    return held === 0 || held * this.#weight(sharer) < free;
  }

  /** The answer ends it. */
  take(pool: Pool, sharer: Sharer): () => void {
    const beganMs = this.#clock.monotonicMs();
    const call = {};
    this.#taken[pool] += 1;
    sharer.held[pool] += 1;
    sharer.begun.set(call, beganMs);
    return () => {
      this.#taken[pool] -= 1;
      sharer.held[pool] -= 1;
      sharer.begun.delete(call);
      const nowMs = this.#clock.monotonicMs();
      sharer.ended(nowMs - beganMs, nowMs);
    };
  }

  #weight(sharer: Sharer): number {
    if (!sharer.isQuick(this.#clock.monotonicMs())) return 2;
    return this.#isAlone(sharer) ? 0 : 1;
  }

  #isAlone(sharer: Sharer): boolean {
    const other = this.#last === sharer ? this.#lastOther : this.#last;
    return other === undefined || this.#clock.monotonicMs() - other.seenMs > REMEMBERED_MS;
  }
}
