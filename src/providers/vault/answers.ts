import { OperatorError } from "../../kernel/errors.ts";
import { ABSENT } from "./errors.ts";

/** The members of an object; none where it is something else. */
export const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : {};

/** Those members that are strings. */
export const strings = (value: unknown): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(record(value)).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );

/** A member that must be a string with something in it. */
export const textIn = (data: Readonly<Record<string, unknown>>, key: string, operation: string): string => {
  const value = data[key];
  if (typeof value !== "string" || value === "") throw odd(operation);
  return value;
};

/** A member that is a list of strings, or null for none as servers written in Go have it. */
export const stringsIn = (
  data: Readonly<Record<string, unknown>>,
  key: string,
  operation: string,
): readonly string[] => {
  const value = data[key] ?? [];
  if (!Array.isArray(value) || value.some((each) => typeof each !== "string")) throw odd(operation);
  return value as readonly string[];
};

export const odd = (operation: string): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `Vault ${operation} got an answer that lacks what was asked for.`,
    ambiguous: true,
  });

/** Vault puts what was asked for into "data". */
export const dataIn = (answer: unknown, operation: string): Readonly<Record<string, unknown>> => {
  const data = record(answer)["data"];
  if (typeof data !== "object" || data === null || Array.isArray(data)) throw odd(operation);
  return record(data);
};

/** The names of a list. A warning says that Vault has not looked at all there is: then it is no list. */
export const keysIn = (answer: unknown, operation: string): readonly string[] => {
  const data = dataIn(answer, operation);
  if (!Array.isArray(data["keys"])) throw odd(operation);
  const { warnings } = record(answer) as { readonly warnings?: unknown };
  if (Array.isArray(warnings) && warnings.length > 0) throw notWhole(operation);
  return stringsIn(data, "keys", operation);
};

const notWhole = (operation: string): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `Vault ${operation} came with a warning, so it may not be whole and is not used.`,
  });

/** Undefined where Vault says that there is nothing. */
export const absentAsUndefined = async (answer: Promise<unknown>): Promise<unknown> => {
  try {
    // An answer without a body is no word of Vault's that something is absent.
    return (await answer) ?? {};
  } catch (error) {
    if (error instanceof OperatorError && error.code === "NotFound" && error.serverCode === ABSENT) return undefined;
    throw error;
  }
};
