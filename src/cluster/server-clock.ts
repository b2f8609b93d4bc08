import type { Clock } from "../kernel/clock.ts";

interface Sample {
  readonly serverMs: number;
  readonly atMs: number;
}

/** A kept sample is given up after this, so that two quartzes cannot drift apart by it. */
const KEEP_MS = 60_000;

/**
 * kube-apiserver's time from the Date headers of its answers. A header is cut to whole seconds and old by the way it came, so
 * each one is a lower bound: of two that differ by less than a second the higher is kept for a minute, any other newest one
 * replaces what was known (the server's clock was set, or another server answers).
 */
export class ServerClock {
  readonly #clock: Clock;
  #sample: Sample | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes an answer's Date header; anything that is no date is passed over. */
  observe(header: string | undefined): void {
    const serverMs = Date.parse(header ?? "");
    if (Number.isNaN(serverMs)) return;
    const next = { serverMs, atMs: this.#clock.monotonicMs() };
    const kept = this.#sample;
    const ahead = kept === undefined ? -1 : this.#nowMs(kept) - serverMs;
    const young = kept !== undefined && next.atMs - kept.atMs < KEEP_MS;
    if (young && ahead > 0 && ahead < 1000) return;
    this.#sample = next;
  }

  /** Whole seconds, never ahead of the server; undefined before the first answer. */
  read(): { readonly now: Date; readonly skewMs: number } | undefined {
    if (this.#sample === undefined) return undefined;
    const serverMs = this.#nowMs(this.#sample);
    return {
      now: new Date(Math.floor(serverMs / 1000) * 1000),
      skewMs: Math.round(this.#clock.now().getTime() - serverMs),
    };
  }

  #nowMs(sample: Sample): number {
    return sample.serverMs + (this.#clock.monotonicMs() - sample.atMs);
  }
}
