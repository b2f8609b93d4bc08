import { OperatorError } from "./errors.ts";

/** A member of a list that could not be read. Its uid is absent where not even its metadata is whole. */
export interface LeftOut {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
  /** `TooLarge`: longer than one object may be. `Malformed`: without what every object has. */
  readonly why: "TooLarge" | "Malformed";
}

/**
 * The answer to a list. One with a member left out proves no absence: what is not in `readable` may still exist. Take its items with
 * `wholeOf` where absence decides, and with `readableOf` where only presence does.
 */
export type Listed<T> =
  | { readonly kind: "Whole"; readonly items: readonly T[] }
  | { readonly kind: "Partial"; readonly readable: readonly T[]; readonly leftOut: readonly LeftOut[] };

export const listedOf = <T>(items: readonly T[], leftOut: readonly LeftOut[]): Listed<T> =>
  leftOut.length === 0 ? { kind: "Whole", items } : { kind: "Partial", readable: items, leftOut };

/** Every item, for a decision that rests on absence. Throws Unavailable, with the names, while a member could not be read. */
export const wholeOf = <T>(what: string, listed: Listed<T>): readonly T[] => {
  if (listed.kind === "Whole") return listed.items;
  throw new OperatorError("Unavailable", {
    publicMessage: `The list of ${what} lacks what cannot be read: ${namesOf(listed.leftOut)}.`,
  });
};

/** The items that could be read, for what rests on presence alone. */
export const readableOf = <T>(listed: Listed<T>): readonly T[] =>
  listed.kind === "Whole" ? listed.items : listed.readable;

/** Members that could not be read; none of a whole list. */
export const leftOutOf = <T>(listed: Listed<T>): readonly LeftOut[] => (listed.kind === "Whole" ? [] : listed.leftOut);

/** The same list with other items; the members that were left out stay left out. */
export const mapListed = <T, U>(listed: Listed<T>, map: (items: readonly T[]) => readonly U[]): Listed<U> =>
  listedOf(map(readableOf(listed)), leftOutOf(listed));

/** Several lists as one. */
export const joinListed = <T>(lists: readonly Listed<T>[]): Listed<T> =>
  listedOf(lists.flatMap(readableOf), lists.flatMap(leftOutOf));

const MOST_NAMED = 5;

/** For people: `team-a/db, team-b/db and 3 more`. */
export const namesOf = (leftOut: readonly LeftOut[]): string => {
  const names = leftOut.map(nameOf).slice(0, MOST_NAMED);
  const more = leftOut.length - names.length;
  return `${names.join(", ")}${more === 0 ? "" : ` and ${more} more`}`;
};

/** `team-a/db`; of a cluster-scoped object its name alone. */
export const nameOf = ({ namespace, name }: Pick<LeftOut, "namespace" | "name">): string =>
  namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
