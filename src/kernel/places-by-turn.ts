import type { Clock } from "./clock.ts";
import { FairQueue } from "./fair-queue.ts";
import type { Lane, Turn } from "./turn.ts";

/** Others are about while one of them has asked within this time. */
const ABOUT_MS = 5000;

export interface PlacesOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly places: number;
  /** How many of them are for ends alone. */
  readonly forEnds: number;
  /** How many one share may hold, in each lane, while others are about. */
  readonly beside: number;
}

/**
 * So many pieces of work at a time; ends have some places for themselves. The next place is for an end, or else for the share whose turn it is, and
 * within a share for the oldest. One share alone has all that are free; beside others it has a few, for each of its pieces makes theirs slower.
 */
export class PlacesByTurn {
  readonly #options: PlacesOptions;
  readonly #waiting: Readonly<Record<Lane, FairQueue>> = { end: new FairQueue(), rest: new FairQueue() };
  readonly #held: Readonly<Record<Lane, Map<string, number>>> = { end: new Map(), rest: new Map() };
  readonly #enter = new Map<string, () => void>();
  #free: number;
  #asked = 0;
  /** The share that has asked last, and when another one did. */
  #last: string | undefined;
  #otherMs = -Infinity;

  constructor(options: PlacesOptions) {
    this.#options = options;
    this.#free = options.places;
  }

  async run<T>({ lane, share }: Turn, work: () => Promise<T>): Promise<T> {
    this.#seen(share);
    if (this.#waiting[lane].size === 0 && this.#isFree(lane) && this.#mayHold(lane, share)) this.#take(lane, share);
    else await this.#wait(lane, share);
    try {
      return await work();
    } finally {
      this.#leave(lane, share);
      this.#next();
    }
  }

  #seen(share: string): void {
    if (this.#last !== undefined && this.#last !== share) this.#otherMs = this.#options.clock.monotonicMs();
    this.#last = share;
  }

  #isFree(lane: Lane): boolean {
    return this.#free > (lane === "end" ? 0 : this.#options.forEnds);
  }

  #mayHold(lane: Lane, share: string): boolean {
    const held = this.#held[lane].get(share) ?? 0;
    return held < this.#options.beside || this.#options.clock.monotonicMs() - this.#otherMs > ABOUT_MS;
  }

  #take(lane: Lane, share: string): void {
    this.#free -= 1;
    this.#held[lane].set(share, (this.#held[lane].get(share) ?? 0) + 1);
  }

  #leave(lane: Lane, share: string): void {
    this.#free += 1;
    const left = (this.#held[lane].get(share) ?? 1) - 1;
    if (left === 0) this.#held[lane].delete(share);
    else this.#held[lane].set(share, left);
  }

  #wait(lane: Lane, share: string): Promise<void> {
    const id = String((this.#asked += 1));
    this.#waiting[lane].push(id, { share, first: false });
    return new Promise((resolve) => {
      this.#enter.set(id, resolve);
      // It may be its turn although others wait, who hold what they may.
      this.#next();
    });
  }

  /** Each place is taken for the next one before it goes on, so that none comes in between. */
  #next(): void {
    for (const lane of ["end", "rest"] as const) {
      while (this.#isFree(lane)) {
        const next = this.#waiting[lane].shift((share) => this.#mayHold(lane, share));
        if (next === undefined) break;
        this.#take(lane, next.share);
        this.#enter.get(next.key)?.();
        this.#enter.delete(next.key);
      }
    }
  }
}
