import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * V8 keeps the memory that a busy time has needed until something asks for it. This asks: one whole collection, for when nothing else is to be
 * done. Undefined where this V8 has no such call.
 */
export const garbageCollector = (): (() => void) | undefined => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("globalThis.gc") as unknown;
  if (typeof collect !== "function") return undefined;
  return () => {
    (collect as () => void)();
  };
};
