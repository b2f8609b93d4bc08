import type { Clock } from "../kernel/clock.ts";

const ONCE_MS = 60_000;

/**
 * What people touch without changing anything that is asked for, say an annotation, counts once a minute and resource: one touch wakes a pass
 * at once, all others of that minute wake one at its end.
 */
export class Touches {
  readonly #clock: Pick<Clock, "monotonicMs">;
  /** When a touch may count again, by UID, in the order of these times. */
  readonly #againMs = new Map<string, number>();

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** Milliseconds until this touch counts; 0: now. */
  delayFor(uid: string): number {
    const nowMs = this.#clock.monotonicMs();
    this.#forgetBefore(nowMs);
    const againMs = this.#againMs.get(uid);
    if (againMs !== undefined) return againMs - nowMs;
    this.#againMs.set(uid, nowMs + ONCE_MS);
    return 0;
  }

  #forgetBefore(nowMs: number): void {
    for (const [uid, againMs] of this.#againMs) {
      if (againMs > nowMs) return;
      this.#againMs.delete(uid);
    }
  }
}
