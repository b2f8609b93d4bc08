import type { Clock } from "../kernel/clock.ts";

export interface QuietOptions {
  readonly clock: Clock;
  /** So long nothing has been done. */
  readonly afterMs: number;
  /** So much had been done before that. */
  readonly atLeast: number;
  readonly run: () => void;
}

/** Notices that it has become quiet after a busy time, once for each such time. */
export class Quiet {
  readonly #options: QuietOptions;
  #done = 0;
  #lastMs = 0;
  #waiting = false;

  constructor(options: QuietOptions) {
    this.#options = options;
  }

  /** One piece of work has been done. */
  worked(): void {
    const { clock, afterMs } = this.#options;
    this.#done += 1;
    this.#lastMs = clock.monotonicMs();
    if (!this.#waiting) this.#wait(afterMs);
  }

  #wait(ms: number): void {
    this.#waiting = true;
    this.#options.clock.schedule(ms, () => {
      this.#look();
    });
  }

  #look(): void {
    const { clock, afterMs, atLeast, run } = this.#options;
    const leftMs = this.#lastMs + afterMs - clock.monotonicMs();
    if (leftMs > 0) {
      this.#wait(leftMs);
      return;
    }
    this.#waiting = false;
    if (this.#done < atLeast) return;
    this.#done = 0;
    run();
  }
}
