import type { Cancel, Clock } from "../kernel/clock.ts";
import { unitShare } from "../kernel/ids.ts";
import type { ReconcileRequest } from "./contract.ts";

export interface ResyncOptions {
  readonly clock: Clock;
  /** Mean time between two passes of an object that nobody touched, in milliseconds. */
  readonly everyMs: number;
  readonly enqueue: (request: ReconcileRequest) => void;
}

const JITTER = 0.1;

/**
 * Enqueues every tracked object once per period ± 10 %. The jitter is a hash of UID and round: the objects that one list
 * brought in at once drift apart, and a restart or another replica comes to the same times.
 */
export class Resync {
  readonly #options: ResyncOptions;
  readonly #timers = new Map<string, Cancel>();

  constructor(options: ResyncOptions) {
    this.#options = options;
  }

  /** Starts the object's rounds; harmless when they run already. */
  track(uid: string, request: ReconcileRequest): void {
    if (!this.#timers.has(uid)) this.#arm(uid, request, 0);
  }

  untrack(uid: string): void {
    this.#timers.get(uid)?.();
    this.#timers.delete(uid);
  }

  stop(): void {
    this.#timers.forEach((cancel) => cancel());
    this.#timers.clear();
  }

  #arm(uid: string, request: ReconcileRequest, round: number): void {
    const delayMs = this.#options.everyMs * (1 - JITTER + 2 * JITTER * unitShare(`${uid}:${round}`));
    const cancel = this.#options.clock.schedule(delayMs, () => {
      this.#arm(uid, request, round + 1);
      this.#options.enqueue(request);
    });
    this.#timers.set(uid, cancel);
  }
}
