import { OperatorError } from "../../../kernel/errors.ts";

/** Nothing is touched: it carries no proof of being this resource's. */
export const notOurs = (what: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `${what} is not this resource's: it has no mark of it, or is not there any more.`,
  });

export const aliasTaken = (mount: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `Another Vault entity has this identity's alias of auth/${mount}; whoever owns that entity has to delete it or its alias.`,
  });

/** What was decided on an older look is not done: the next look decides again. */
export const changedMeanwhile = (what: string): OperatorError =>
  new OperatorError("Unavailable", { publicMessage: `${what} changed since it was looked at; it is looked at again.` });

export const internal = (what: string): OperatorError =>
  new OperatorError("Unknown", { publicMessage: `Internal error: ${what}.` });
