import { AsyncLocalStorage } from "node:async_hooks";
import type { Turn } from "./turn.ts";

const turns = new AsyncLocalStorage<Turn>();

/** Runs a pass in its turn: everything that it does, also what it only awaits, goes by this turn. */
export const inTurn = <T>(turn: Turn, work: () => T): T => turns.run(turn, work);

/** The turn of the pass that asks; undefined: it is none of a pass, as a watch or the lease. */
export const currentTurn = (): Turn | undefined => turns.getStore();
