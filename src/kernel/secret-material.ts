import { inspect } from "node:util";

const REDACTED = "[redacted]";

/**
 * A credential's values. Whatever prints it (JSON, template, inspect, a logger) prints `[redacted]`;
 * `reveal` is called only in stores/ and in a provider's verify (lint has the list).
 */
export class SecretMaterial {
  readonly #fields: Readonly<Record<string, string>>;

  constructor(fields: Readonly<Record<string, string>>) {
    this.#fields = Object.freeze({ ...fields });
  }

  reveal(): Readonly<Record<string, string>> {
    return this.#fields;
  }

  /** Same field names with the same values; compared without leaking where they differ. */
  equals(other: SecretMaterial): boolean {
    const mine = Object.entries(this.#fields).sort(([a], [b]) => (a < b ? -1 : 1));
    const theirs = Object.entries(other.#fields).sort(([a], [b]) => (a < b ? -1 : 1));
    return JSON.stringify(mine) === JSON.stringify(theirs);
  }

  toJSON(): string {
    return REDACTED;
  }

  toString(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
