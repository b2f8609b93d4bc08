import type { Clock } from "../kernel/clock.ts";
import type { Lane } from "../kernel/turn.ts";

/** How long passes begin steps within one turn of the event loop before the next one has to wait for the next turn. */
const SLICE_MS = 8;

/**
 * Asked before each step of a pass. Lets passes whose answers have come at the same moment go on one after another, so that together they do
 * not hold up the event loop: probes, the lease and scrapes come in between. One for the whole process, as the event loop is.
 */
export class Turns {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #waiting: Readonly<Record<Lane, (() => void)[]>> = { end: [], rest: [] };
  #beganMs: number | undefined;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** Undefined while this turn is young: the pass goes on at once. Otherwise resolves in a later one: one in each, ends first, then first come first served. */
  take(lane: Lane = "rest"): Promise<void> | undefined {
    const ahead = this.#waiting.end.length + (lane === "end" ? 0 : this.#waiting.rest.length);
    if (ahead === 0 && this.#isYoung()) return undefined;
    return new Promise((resume) => {
      this.#waiting[lane].push(resume);
    });
  }

  #isYoung(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#beganMs === undefined) this.#begin(nowMs);
    return nowMs - (this.#beganMs ?? nowMs) < SLICE_MS;
  }

  /** A turn ends with the next immediate; then whoever has waited longest goes on, and a new one begins with it. */
  #begin(nowMs: number): void {
    this.#beganMs = nowMs;
    setImmediate(() => {
      this.#beganMs = undefined;
      const next = this.#waiting.end.shift() ?? this.#waiting.rest.shift();
      if (next === undefined) return;
      this.#begin(this.#clock.monotonicMs());
      next();
    });
  }
}
