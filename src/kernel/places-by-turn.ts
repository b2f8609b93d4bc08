import { FairQueue } from "./fair-queue.ts";
import type { Lane, Turn } from "./turn.ts";

/**
 * So many pieces of work at a time; ends have some places for themselves. The next place is for an end, or else for the share whose turn it is, and
 * within a share for the oldest. For work that is short: nothing keeps a share from all places but its turns.
 */
export class PlacesByTurn {
  readonly #waiting: Readonly<Record<Lane, FairQueue>> = { end: new FairQueue(), rest: new FairQueue() };
  readonly #enter = new Map<string, () => void>();
  readonly #reserve: number;
  #free: number;
  #asked = 0;

  /** `reserve`: how many of `places` are for ends alone. */
  constructor(places: number, reserve: number) {
    this.#free = places;
    this.#reserve = reserve;
  }

  async run<T>({ lane, share }: Turn, work: () => Promise<T>): Promise<T> {
    if (this.#waiting[lane].size === 0 && this.#isFree(lane)) this.#free -= 1;
    else await this.#wait(lane, share);
    try {
      return await work();
    } finally {
      this.#free += 1;
      this.#next();
    }
  }

  #isFree(lane: Lane): boolean {
    return this.#free > (lane === "end" ? 0 : this.#reserve);
  }

  #wait(lane: Lane, share: string): Promise<void> {
    const id = String((this.#asked += 1));
    this.#waiting[lane].push(id, { share, first: false });
    return new Promise((resolve) => {
      this.#enter.set(id, resolve);
    });
  }

  /** The place is taken for the next one before it goes on, so that none comes in between. */
  #next(): void {
    for (const lane of ["end", "rest"] as const) {
      if (!this.#isFree(lane)) continue;
      const next = this.#waiting[lane].shift();
      if (next === undefined) continue;
      this.#free -= 1;
      this.#enter.get(next.key)?.();
      this.#enter.delete(next.key);
      return;
    }
  }
}
