import type { KubeObject } from "../cluster/contract.ts";
import type { Condition } from "./doctor/stuck.ts";

/** What read-only keeps waiting shows by its conditions. */
export interface Waiting extends KubeObject {
  readonly status?: { readonly conditions?: readonly Condition[] };
}

/** The condition ReadOnly, while something of the resource waits. */
export const waitOf = ({ status }: Waiting): Condition | undefined =>
  status?.conditions?.find(({ type, status: is }) => type === "ReadOnly" && is === "True");

/** Since when it waits: a deletion from its request on. */
export const waitsSince = (object: Waiting): string =>
  object.metadata.deletionTimestamp ?? waitOf(object)?.lastTransitionTime ?? "";

/** Ends first, the oldest leaver before all; then what else waits, then the rest in the order that it had. */
export const waitingFirst = <T extends Waiting>(all: readonly T[]): readonly T[] =>
  all.toSorted((a, b) => rankOf(a) - rankOf(b) || (rankOf(a) === REST ? 0 : compare(waitsSince(a), waitsSince(b))));

const REST = 2;
const rankOf = (object: Waiting): number => {
  const wait = waitOf(object);
  if (wait === undefined) return REST;
  return wait.reason === "EndWaiting" ? 0 : 1;
};

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
