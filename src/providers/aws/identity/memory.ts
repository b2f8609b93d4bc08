import type { Clock } from "../../../kernel/clock.ts";

const MOST = 10_000;

/**
 * What a connection's client remembers of IAM between looks, in this process only: whoever starts anew looks anew. Nothing is done
 * for want of a memory, and nothing that is remembered proves anything.
 */
export class IamMemory {
  readonly #kept = new Map<string, { readonly atMs: number; readonly value: unknown }>();
  readonly #clock: Pick<Clock, "monotonicMs">;

  constructor(clock: Pick<Clock, "monotonicMs">) {
    this.#clock = clock;
  }

  /** What was kept under this key less than so long ago. */
  recall<T>(topic: Topic<T>, about: string, withinMs = Infinity): T | undefined {
    const kept = this.#kept.get(`${topic.name}/${about}`);
    return kept === undefined || this.#clock.monotonicMs() - kept.atMs >= withinMs ? undefined : (kept.value as T);
  }

  keep<T>(topic: Topic<T>, about: string, value: T): void {
    const key = `${topic.name}/${about}`;
    this.#kept.delete(key);
    this.#kept.set(key, { atMs: this.#clock.monotonicMs(), value });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MOST && oldest !== undefined) this.#kept.delete(oldest);
  }

  forget(topic: Topic<unknown>, about: string): void {
    this.#kept.delete(`${topic.name}/${about}`);
  }

  /** Milliseconds since it was kept; undefined when nothing is. */
  ageMs(topic: Topic<unknown>, about: string): number | undefined {
    const kept = this.#kept.get(`${topic.name}/${about}`);
    return kept === undefined ? undefined : this.#clock.monotonicMs() - kept.atMs;
  }
}

/** What kind of thing is kept under a name: `topic<readonly string[]>("groups")`. */
export interface Topic<T> {
  readonly name: string;
  /** Never there: it only ties the type to the name. */
  readonly of?: T;
}
