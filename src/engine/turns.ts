import type { Clock } from "../kernel/clock.ts";
import type { Lane, Turn } from "../kernel/turn.ts";
import { FairQueue } from "../kernel/fair-queue.ts";

/** How long passes begin steps within one turn of the event loop before the next one has to wait for the next turn. */
const SLICE_MS = 8;

/**
 * Asked before each step of a pass. Lets passes whose answers have come at the same moment go on one after another, so that together they do
 * not hold up the event loop: probes, the lease and scrapes come in between. One for the whole process, as the event loop is.
 */
export class Turns {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #waiting: Readonly<Record<Lane, FairQueue>> = { end: new FairQueue(), rest: new FairQueue() };
  readonly #resume = new Map<string, () => void>();
  #asked = 0;
  #beganMs: number | undefined;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /**
   * Undefined while this turn is young: the pass goes on at once. Otherwise resolves in a later one. In each of these one pass goes on: ends first,
   * and in both lanes in turn between shares.
   */
  take({ lane, share }: Turn = { lane: "rest", share: "" }): Promise<void> | undefined {
    const ahead = this.#waiting.end.size + (lane === "end" ? 0 : this.#waiting.rest.size);
    if (ahead === 0 && this.#isYoung()) return undefined;
    const id = String((this.#asked += 1));
    this.#waiting[lane].push(id, { share, first: false });
    return new Promise((resume) => {
      this.#resume.set(id, resume);
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
      this.#resume.get(next.key)?.();
      this.#resume.delete(next.key);
    });
  }
}
