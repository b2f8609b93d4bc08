import type { KubeObject } from "./contract.ts";

export interface Change<T> {
  readonly type: "added" | "updated" | "deleted";
  readonly object: T;
  readonly before?: T;
}

export const keyOf = (key: { readonly namespace?: string | undefined; readonly name: string }): string =>
  `${key.namespace ?? ""}/${key.name}`;

/**
 * The objects of one kind as last seen, frozen through and through. Every method answers the changes that it made.
 */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>();

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  /** An object of the same name with another UID is another object: the old one is gone, although nobody said so. */
  put(object: T): readonly Change<T>[] {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before?.metadata.uid === object.metadata.uid && sameVersion(before, object)) return [];
    const stored = freeze(object);
    this.#objects.set(key, stored);
    if (before === undefined) return [{ type: "added", object: stored }];
    if (before.metadata.uid === stored.metadata.uid) return [{ type: "updated", object: stored, before }];
    return [
      { type: "deleted", object: before },
      { type: "added", object: stored },
    ];
  }

  /** A late deletion of a predecessor leaves the object that has its name now. */
  remove(object: T): readonly Change<T>[] {
    const key = keyOf(object.metadata);
    const before = this.#objects.get(key);
    if (before?.metadata.uid !== object.metadata.uid) return [];
    this.#objects.delete(key);
    return [{ type: "deleted", object: freeze(object), before }];
  }

  /**
   * A list: what is not in it has been deleted in the meantime, except for the keys in `leftOut`, of which it says nothing. Each change
   * is made when it is asked for.
   */
  *replaceAll(objects: readonly T[], leftOut: { has(key: string): boolean }): Generator<Change<T>> {
    const listed = new Set(objects.map((object) => keyOf(object.metadata)));
    const gone = [...this.#objects].filter(([key]) => !listed.has(key) && !leftOut.has(key));
    gone.forEach(([key]) => this.#objects.delete(key));
    for (const [, object] of gone) yield { type: "deleted", object };
    for (const object of objects) yield* this.put(object);
  }
}

const sameVersion = (a: KubeObject, b: KubeObject): boolean =>
  a.metadata.resourceVersion === b.metadata.resourceVersion;

/** Objects come fresh from JSON.parse, so there are no cycles and nobody else holds them. */
const freeze = <T>(value: T): T => {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(freeze);
  return Object.freeze(value);
};
