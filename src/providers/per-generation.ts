import type { ConnectionSpec } from "./spec.ts";

/**
 * What is kept for a connection as long as its spec is the same: one value for each key, and another generation (or another
 * object of that name) makes a new one. What is replaced is given to `replaced`, to be closed.
 */
export class PerGeneration<T> {
  readonly #kept = new Map<string, { readonly version: string; readonly value: T }>();
  readonly #replaced: (value: T) => void;

  constructor(replaced: (value: T) => void = () => undefined) {
    this.#replaced = replaced;
  }

  /** The value of this generation; where `make` throws, the one before stays. */
  of(key: string, { uid, generation }: Pick<ConnectionSpec, "uid" | "generation">, make: () => T): T {
    const version = `${uid}/${generation}`;
    const before = this.#kept.get(key);
    if (before?.version === version) return before.value;
    const value = make();
    this.#kept.set(key, { version, value });
    if (before !== undefined) this.#replaced(before.value);
    return value;
  }

  /** What is kept now, by key. */
  all(): ReadonlyMap<string, T> {
    return new Map([...this.#kept].map(([key, { value }]) => [key, value]));
  }

  /** Forgets it and hands it over, to be closed by whoever asked. */
  take(key: string): T | undefined {
    const before = this.#kept.get(key);
    this.#kept.delete(key);
    return before?.value;
  }

  takeAll(): readonly T[] {
    const all = [...this.#kept.values()];
    this.#kept.clear();
    return all.map(({ value }) => value);
  }
}
