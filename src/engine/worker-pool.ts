/** So many times the free workers one share may have at work: the more are free, the more it may take. */
const GREED = 4;

/** Workers of a lane in which one share alone may have `most` at work. */
export const workersFor = (most: number): number => most + Math.ceil(most / GREED);

/**
 * Who works for whom, of the workers of one lane. One share may have `most` at work, and fewer the more others there are, so that another finds a
 * worker free however long passes last (dynamic thresholds: Choudhury and Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet
 * Switches", 1998).
 */
export class WorkerPool {
  readonly #atWork = new Map<string, number>();
  readonly #most: number;
  #busy = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** May this share take one more of the free workers? */
  mayHave(share: string): boolean {
    const atWork = this.#atWork.get(share) ?? 0;
    const free = workersFor(this.#most) - this.#busy;
    return atWork === 0 || (atWork < this.#most && atWork < GREED * free);
  }

  begin(share: string): void {
    this.#busy += 1;
    this.#atWork.set(share, (this.#atWork.get(share) ?? 0) + 1);
  }

  end(share: string): void {
    this.#busy -= 1;
    const left = (this.#atWork.get(share) ?? 1) - 1;
    if (left === 0) this.#atWork.delete(share);
    else this.#atWork.set(share, left);
  }
}
