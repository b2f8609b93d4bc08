import type { CallContext } from "../contract.ts";
import { reaching } from "../reaching.ts";

/**
 * Runs a call for one target or place behind a hook. Silence counts for it; that of three of a namespace's counts for the hook, as far as that namespace
 * is concerned: a hook that hangs is not called for each of them.
 */
export const reachingBehindHook = <T>(context: CallContext, what: string, run: () => Promise<T>): Promise<T> =>
  reaching(context, "The hook", () => reaching(context, `The hook's ${what}`, run));
