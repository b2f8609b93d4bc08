import type { Cancel, Clock } from "../kernel/clock.ts";

/** Between two probes of calls that revoke. */
export const PROBE_MS = 1000;

interface Asker {
  readonly share: string;
  answer(goes: boolean): void;
}

/** Lets one call a second through: of those who have asked by then, the one whose share was let through longest ago. The others are told no. */
export class ProbeTurns {
  readonly #clock: Clock;
  readonly #asking = new Set<Asker>();
  /** Shares that were let through, the latest last. */
  readonly #served = new Set<string>();
  #lastMs = -Infinity;
  #cancel: Cancel | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True: it is this one's turn. Waits for a second at most; rejects with the signal's reason. */
  ask(share: string, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      const onAbort = (): void => {
        this.#asking.delete(asker);
        reject(signal.reason as Error);
      };
      const asker: Asker = {
        share,
        answer: (goes) => {
          signal.removeEventListener("abort", onAbort);
          resolve(goes);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#asking.add(asker);
      const waitMs = Math.max(0, this.#lastMs + PROBE_MS - this.#clock.monotonicMs());
      this.#cancel ??= this.#clock.schedule(waitMs, () => this.#choose());
    });
  }

  /** Forgets who was let through. */
  reset(): void {
    this.#served.clear();
  }

  #choose(): void {
    this.#cancel = undefined;
    const order = [...this.#served];
    const [first, ...others] = [...this.#asking].sort((a, b) => order.indexOf(a.share) - order.indexOf(b.share));
    this.#asking.clear();
    if (first === undefined) return;
    this.#lastMs = this.#clock.monotonicMs();
    this.#served.delete(first.share);
    this.#served.add(first.share);
    first.answer(true);
    for (const other of others) other.answer(false);
  }
}
