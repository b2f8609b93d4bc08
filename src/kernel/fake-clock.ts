import { sleepOn, type Cancel, type Clock } from "./clock.ts";

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** A clock for tests that moves only when told to. */
export class FakeClock implements Clock {
  #nowMs: number;
  #monotonicMs = 0;
  readonly #timers = new Set<Timer>();

  constructor(start = "2026-01-01T00:00:00Z") {
    this.#nowMs = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  schedule(delayMs: number, run: () => void): Cancel {
    const timer = { dueMs: this.#monotonicMs + Math.max(delayMs, 0), run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return sleepOn((ms, run) => this.schedule(ms, run), delayMs, signal);
  }

  /** Moves both clocks forward and runs what falls due, in order, letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonicMs + ms;
    for (;;) {
      const next = [...this.#timers].filter((timer) => timer.dueMs <= end).sort((a, b) => a.dueMs - b.dueMs)[0];
      const step = (next?.dueMs ?? end) - this.#monotonicMs;
      this.#monotonicMs += step;
      this.#nowMs += step;
      if (next === undefined) break;
      this.#timers.delete(next);
      next.run();
      await settle();
    }
    await settle();
  }

  /** A leap of the wall clock alone, as when somebody sets it. */
  leap(ms: number): void {
    this.#nowMs += ms;
  }
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};
