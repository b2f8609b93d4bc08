import { compareDocuments, documentEffect } from "../../policy-document/index.ts";
import type { Direction, Effect, ObservedPiece, PieceClass } from "../piece.ts";

/** What a piece with this key does to the account. */
export const classOfKey = (key: string): PieceClass => {
  if (key === "principal") return "principal";
  if (key === "owner") return "attribute";
  if (key === "boundary") return "restriction";
  // `alias/<id>`: another login that somebody hung on a Vault entity.
  return key === "trust" || key === "login" || key === "alias" || key.startsWith("alias/") ? "login" : "grant";
};

/** Does this change of one piece let more be done, or less? Where that cannot be told for sure it is `mixed`. */
export const directionOf = (key: string, before: string | undefined, after: string | undefined): Direction => {
  if (before === after) return "none";
  const kind = classOfKey(key);
  if (kind === "attribute") return "none";
  if (kind === "principal") return sessionDirection(before, after);
  // An absent side is a document without statements: a policy that only denies takes away when it comes.
  if (key.startsWith(INLINE)) return compareDocuments(before, after);
  const more = kind === "restriction" ? "narrow" : "widen";
  if (before === undefined) return more;
  if (after === undefined) return more === "widen" ? "narrow" : "widen";
  return "mixed";
};

const INLINE = "inlinePolicy/";

export const isInline = (key: string): boolean => key.startsWith(INLINE);

/** What a privilege object does: as it was read, an inline policy by its own text, else it gives, as declared ones are taken. */
export const effectOf = ({ key, value, effect }: ObservedPiece): Effect =>
  effect ?? (isInline(key) ? documentEffect(value) : "Allows");

/** All that can be more or less in a principal is how long a role's sessions last. */
const sessionDirection = (before: string | undefined, after: string | undefined): Direction => {
  if (before === undefined || after === undefined) return "none";
  const from = sessionSeconds(before);
  const to = sessionSeconds(after);
  if (from === undefined || to === undefined || from === to) return "none";
  return from < to ? "widen" : "narrow";
};

const sessionSeconds = (value: string): number | undefined => {
  const parsed: unknown = JSON.parse(value);
  if (typeof parsed !== "object" || parsed === null || !("maxSessionSeconds" in parsed)) return undefined;
  return typeof parsed.maxSessionSeconds === "number" ? parsed.maxSessionSeconds : undefined;
};
