import { OperatorError } from "../kernel/errors.ts";
import type { CallContext } from "./contract.ts";

/** Throws Aborted when the pass that asks is to end: nothing is begun any more. */
export const demandRunning = ({ signal }: Pick<CallContext, "signal">): void => {
  if (signal.aborted) throw new OperatorError("Aborted", { publicMessage: "The operator is stopping." });
};
