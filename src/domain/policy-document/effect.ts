import type { Effect } from "../lifecycle/piece.ts";
import { normalise, readDocument, type Statement } from "./normalise.ts";

/**
 * What a policy document (JSON text, decoded) does to whoever it hangs on. One without statements gives nothing, so it counts among
 * those that only deny: to leave it where it stands harms nobody, and no proof that grants are gone may wait for it. What is no
 * document that can be read is `Unread`.
 */
export const documentEffect = (document: string): Effect => {
  const statements = statementsOf(document);
  if (statements === undefined) return "Unread";
  const allows = statements.some(({ Effect }) => Effect === "Allow");
  const denies = statements.some(({ Effect }) => Effect === "Deny");
  return allows ? (denies ? "Both" : "Allows") : "Denies";
};

/**
 * What several do together. One that could not be read may forbid or give, so neither can be told of all. None at all (a group without
 * policies) forbids nothing, so that taking it away needs nobody's leave.
 */
export const togetherOf = (effects: readonly Effect[]): Effect => {
  if (effects.length === 0) return "Allows";
  if (effects.includes("Unread")) return "Unread";
  const allows = effects.some((effect) => effect !== "Denies");
  const denies = effects.some((effect) => effect !== "Allows");
  return allows ? (denies ? "Both" : "Allows") : "Denies";
};

/** Is every action on every resource denied, whatever else it says? False for what cannot be read. */
export const deniesEverything = (document: string): boolean => statementsOf(document)?.some(isWholeDenial) ?? false;

/** The document with its denying statements alone, in canonical form; undefined for what cannot be read. */
export const onlyDenials = (document: string): string | undefined => {
  const statements = statementsOf(document);
  if (statements === undefined) return undefined;
  const { Version } = readDocument(document);
  return normalise({ Version, Statement: statements.filter(({ Effect }) => Effect === "Deny") });
};

const isWholeDenial = ({ Effect, Action, Resource, Condition }: Statement): boolean =>
  Effect === "Deny" && Action?.includes("*") === true && Resource?.includes("*") === true && Condition === undefined;

const statementsOf = (document: string): readonly Statement[] | undefined => {
  try {
    return readDocument(document).Statement;
  } catch {
    return undefined;
  }
};
