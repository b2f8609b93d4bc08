import { isRefusal, OperatorError } from "../../../kernel/errors.ts";
import { DeleteRefused } from "../errors.ts";
import type { Identity } from "./contract.ts";

/**
 * A refusal about a policy or group says which one does not exist. IAM says NoSuchEntity also of a principal that it does not see
 * everywhere yet, so the policy or group itself is asked for first: `exists` fails with NotFound where it is not there.
 */
export const named = async (
  request: Promise<void>,
  of: { readonly title: string; readonly who: Identity; readonly exists: () => Promise<unknown> },
): Promise<void> => {
  try {
    await request;
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== "NotFound") throw error;
    if (await stands(of.exists)) throw notYet(of.who);
    throw new OperatorError("NotFound", {
      publicMessage: `The ${of.title} does not exist at AWS.`,
      status: error.status,
    });
  }
};

/** False also where the operator may not ask. */
const stands = async (exists: () => Promise<unknown>): Promise<boolean> => {
  try {
    await exists();
    return true;
  } catch (error) {
    if (error instanceof OperatorError && isRefusal(error)) return false;
    throw error;
  }
};

export const isNotFound = (error: unknown): boolean => error instanceof OperatorError && error.code === "NotFound";

/** The operator's login was refused, or the pass was stopped: no part of a look may go on without it. */
export const mustStop = (error: unknown): boolean =>
  error instanceof OperatorError && (error.code === "Unauthenticated" || error.code === "Aborted");

export const unlessNotFound = (error: unknown): void => {
  if (!isNotFound(error)) throw error;
};

export const notOurs = ({ kind, name }: Identity): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `The IAM ${kind} ${name} exists and is not this resource's: it lacks its owner tags or lies outside the allowed path.`,
  });

/** `inTheWay`: what must go first, in words. */
export const stillHolds = ({ kind, name }: Identity, inTheWay: string): OperatorError =>
  new OperatorError("InUse", {
    publicMessage: `The IAM ${kind} ${name} is not deleted before this is gone from it: ${inTheWay}.`,
  });

/** IAM refused the deletion, for something that was not listed. */
export const deletionRefused = ({ kind, name }: Identity, error: OperatorError): OperatorError => {
  const words = error instanceof DeleteRefused ? error.inTheWay : undefined;
  const others =
    kind === "user"
      ? "a console password, an MFA device, an SSH public key, a service-specific credential or a signing certificate"
      : "an instance profile";
  return new OperatorError("InUse", {
    publicMessage: `AWS does not delete the IAM ${kind} ${name} before this is gone from it: ${words ?? `something that is not listed here, such as ${others}`}.`,
    status: error.status,
    serverCode: error.serverCode,
  });
};

/** IAM takes names without regard to case for the same, and finds none but as it was spelled when it was made. */
export const otherCase = ({ kind, name }: Identity): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `IAM has the ${kind} name ${name} in another case (names are unique without regard to case). Declare another name, or rename or delete the one that is there.`,
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
