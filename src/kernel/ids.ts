import { createHash, randomBytes } from "node:crypto";

const ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789";

/** A random word that may stand in a Kubernetes name or label. */
export const randomWord = (length: number): string =>
  [...randomBytes(length)].map((byte) => ALPHABET[byte % ALPHABET.length]).join("");

/** A stable name part (32 hex digits of SHA-256) for things that are never secret. */
export const hashName = (...parts: readonly string[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 32);

/** JSON with sorted keys and no undefined members: equal values give equal text. */
export const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (typeof value === "object" && value !== null && !("toJSON" in value)) {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
};

export const digest = (value: unknown): string => createHash("sha256").update(canonicalJson(value)).digest("hex");

/** 0 ≤ x < 1, the same for the same text: spreads what would happen at once, and a restart comes to the same times. */
export const unitShare = (text: string): number => createHash("sha256").update(text).digest().readUInt32BE(0) / 2 ** 32;
