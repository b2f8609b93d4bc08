const LARGEST = 500;
/** So many pages in a row come whole, and leave room for as much again, before the next one is asked for twice as many objects. */
const WHOLE_BEFORE_GROWTH = 3;

/**
 * How many objects the next page of a list is asked for. It is halved when a page was longer than is read, down to one object,
 * and doubled after some that came whole with room to spare, up to 500: a few large objects make their own pages short, not the whole list
 * slow, and a list of large ones is not asked for twice.
 */
export class PageSize {
  #objects = LARGEST;
  #whole = 0;

  get objects(): number {
    return this.#objects;
  }

  /** A page was longer than is read. False when it was of one object already: nothing smaller can be asked for. */
  halve(): boolean {
    this.#whole = 0;
    if (this.#objects === 1) return false;
    this.#objects = Math.floor(this.#objects / 2);
    return true;
  }

  /** A page came whole; `share` of the bytes that one page may have it had. */
  cameWhole(share: number): void {
    this.#whole = share > 0.5 ? 0 : this.#whole + 1;
    if (this.#whole < WHOLE_BEFORE_GROWTH) return;
    this.#whole = 0;
    this.#objects = Math.min(this.#objects * 2, LARGEST);
  }
}
