/** Where a key stands: with whom it shares its turns, and whether it goes before the others of its share. */
export interface Place {
  readonly share: string;
  readonly first: boolean;
}

interface Share {
  readonly first: Set<string>;
  readonly rest: Set<string>;
}

/**
 * Keys of many shares, handed out in turn: one of each share that has any, then again. Within a share those that go first come first, and
 * otherwise the oldest. Every operation costs the same however many keys there are.
 */
export class FairQueue {
  /** In the order of their turns. A share without keys has no turn. */
  readonly #shares = new Map<string, Share>();
  readonly #places = new Map<string, Place>();

  get size(): number {
    return this.#places.size;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** Adds a key at its place; harmless where it waits already, but for one that goes first from now on or has another share. */
  push(key: string, place: Place): void {
    const before = this.#places.get(key);
    if (before?.share === place.share && (before.first || !place.first)) return;
    if (before !== undefined) this.delete(key);
    const share = this.#shares.get(place.share) ?? { first: new Set(), rest: new Set() };
    this.#shares.set(place.share, share);
    (place.first ? share.first : share.rest).add(key);
    this.#places.set(key, place);
  }

  /** Takes out the next key whose share may have one now; undefined: there is none. */
  shift(
    mayHave: (share: string) => boolean = () => true,
  ): { readonly key: string; readonly share: string } | undefined {
    for (const [name, share] of this.#shares) {
      if (!mayHave(name)) continue;
      const [key] = share.first.size > 0 ? share.first : share.rest;
      if (key === undefined) continue;
      this.delete(key);
      // The next turn is another's.
      if (this.#shares.delete(name) && share.first.size + share.rest.size > 0) this.#shares.set(name, share);
      return { key, share: name };
    }
    return undefined;
  }

  delete(key: string): boolean {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    this.#places.delete(key);
    const share = this.#shares.get(place.share);
    share?.first.delete(key);
    share?.rest.delete(key);
    if (share !== undefined && share.first.size + share.rest.size === 0) this.#shares.delete(place.share);
    return true;
  }

  clear(): void {
    this.#shares.clear();
    this.#places.clear();
  }

  /** Lets the turns begin elsewhere. `at`: from 0 to below 1, as far along the shares. */
  beginAt(at: number): void {
    const passed = [...this.#shares].slice(0, Math.floor(at * this.#shares.size));
    for (const [name, share] of passed) {
      this.#shares.delete(name);
      this.#shares.set(name, share);
    }
  }
}
