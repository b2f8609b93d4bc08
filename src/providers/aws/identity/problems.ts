import { OperatorError } from "../../../kernel/errors.ts";
import type { Identity } from "./contract.ts";

/** A refusal about a policy or group says which one does not exist. */
export const named = async (request: Promise<void>, title: string): Promise<void> => {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== "NotFound") throw error;
    throw new OperatorError("NotFound", { publicMessage: `The ${title} does not exist at AWS.`, status: error.status });
  }
};

export const isNotFound = (error: unknown): boolean => error instanceof OperatorError && error.code === "NotFound";

export const unlessNotFound = (error: unknown): void => {
  if (!isNotFound(error)) throw error;
};

export const notOurs = ({ kind, name }: Identity): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `The IAM ${kind} ${name} exists and is not this resource's: it lacks its owner tags or lies outside the allowed path.`,
  });

export const stillHolds = ({ kind, name }: Identity): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `The IAM ${kind} ${name} still has credentials, policies or groups; it is not deleted before they are gone.`,
  });

export const absent = ({ kind, name }: Identity): OperatorError =>
  new OperatorError("NotFound", { publicMessage: `The IAM ${kind} ${name} does not exist.` });

/** IAM is eventually consistent: what was just made or removed may be seen or not. */
export const notYet = ({ kind, name }: Identity): OperatorError =>
  new OperatorError("Unavailable", { publicMessage: `The IAM ${kind} ${name} changed while it was being read.` });

/** Becomes `alreadyAbsent`; nobody sees it. */
export const nothingThere = (): OperatorError =>
  new OperatorError("NotFound", { publicMessage: "There is no such piece." });

export const unknownPiece = (): OperatorError =>
  new OperatorError("Unknown", { publicMessage: "An IAM account has no piece of this kind." });
