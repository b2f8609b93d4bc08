/** A value of HCL or JSON as policies of Vault use them. An object keeps every member, also those that share a key. */
export type HclValue = string | number | boolean | readonly HclValue[] | HclObject;

export interface HclObject {
  readonly members: readonly HclMember[];
}

/** `path "kv/*" { … }` has the keys `path` and `kv/*`; `capabilities = […]` has one. */
export interface HclMember {
  readonly keys: readonly string[];
  readonly value: HclValue;
}

const LONGEST = 256 * 1024;
const DEEPEST = 16;

/**
 * The text as an object; undefined for all that is not surely understood: heredocs, interpolation, anything malformed or too large.
 * JSON is read by the same rules, so that a key that stands twice is seen twice.
 */
export const parseHcl = (text: string): HclObject | undefined => {
  if (text.length > LONGEST) return undefined;
  const tokens = tokensOf(text);
  if (tokens === undefined) return undefined;
  const reader = new Reader(tokens);
  try {
    return reader.file();
  } catch (thrown) {
    if (thrown instanceof NotUnderstood) return undefined;
    throw thrown;
  }
};

export const isObject = (value: HclValue): value is HclObject => typeof value === "object" && "members" in value;

export const isList = (value: HclValue): value is readonly HclValue[] => Array.isArray(value);

type Token =
  | { readonly kind: "word"; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "mark"; readonly text: string };

class NotUnderstood extends Error {}

const SPACE = /(?:\s|#[^\n]*|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const WORD = /[A-Za-z_][\w-]*/y;
const NUMBER = /-?\d+(?:\.\d+)?/y;
const TEXT = /"(?:[^"\\\n]|\\.)*"/y;
const MARK = /[{}[\]=:,]/y;

/** Each pattern is tried where the one before has ended. */
const tokensOf = (text: string): readonly Token[] | undefined => {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  for (;;) {
    take(SPACE);
    if (at >= text.length) return tokens;
    const token = tokenAt(take);
    if (token === undefined) return undefined;
    tokens.push(token);
  }
};

const tokenAt = (take: (pattern: RegExp) => string | undefined): Token | undefined => {
  const word = take(WORD);
  if (word !== undefined) return { kind: "word", text: word };
  const number = take(NUMBER);
  if (number !== undefined) return { kind: "number", value: Number(number) };
  const quoted = take(TEXT);
  if (quoted !== undefined) {
    const text = unquoted(quoted);
    return text === undefined ? undefined : { kind: "text", text };
  }
  const mark = take(MARK);
  return mark === undefined ? undefined : { kind: "mark", text: mark };
};

/** Escapes that JSON has not, and `${…}`, mean something else to HCL. */
const unquoted = (quoted: string): string | undefined => {
  if (quoted.includes("${")) return undefined;
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
};

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  /** Members without braces, or one object. */
  file(): HclObject {
    const braced = this.#isMark("{");
    const found = braced ? this.#object(0) : { members: this.#members(0, undefined) };
    if (this.#at < this.#tokens.length) throw new NotUnderstood();
    return found;
  }

  #object(depth: number): HclObject {
    this.#demand("{");
    const members = this.#members(depth, "}");
    this.#demand("}");
    return { members };
  }

  #members(depth: number, end: string | undefined): readonly HclMember[] {
    const members: HclMember[] = [];
    while (this.#at < this.#tokens.length && !(end !== undefined && this.#isMark(end))) {
      members.push(this.#member(depth));
      this.#skip(",");
    }
    return members;
  }

  #member(depth: number): HclMember {
    const keys: string[] = [];
    for (let key = this.#key(); key !== undefined; key = this.#key()) keys.push(key);
    if (keys.length === 0) throw new NotUnderstood();
    if (this.#isMark("{")) return { keys, value: this.#object(this.#deeper(depth)) };
    if (!this.#skip("=") && !this.#skip(":")) throw new NotUnderstood();
    return { keys, value: this.#value(this.#deeper(depth)) };
  }

  #key(): string | undefined {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "word" && token?.kind !== "text") return undefined;
    this.#at += 1;
    return token.text;
  }

  #value(depth: number): HclValue {
    if (this.#isMark("{")) return this.#object(depth);
    if (this.#isMark("[")) return this.#list(depth);
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token?.kind === "text") return token.text;
    if (token?.kind === "number") return token.value;
    if (token?.kind === "word" && (token.text === "true" || token.text === "false")) return token.text === "true";
    throw new NotUnderstood();
  }

  #list(depth: number): readonly HclValue[] {
    this.#demand("[");
    const values: HclValue[] = [];
    while (!this.#isMark("]")) {
      values.push(this.#value(this.#deeper(depth)));
      if (!this.#skip(",")) break;
    }
    this.#demand("]");
    return values;
  }

  #deeper(depth: number): number {
    if (depth >= DEEPEST) throw new NotUnderstood();
    return depth + 1;
  }

  #isMark(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === "mark" && token.text === text;
  }

  #skip(text: string): boolean {
    if (!this.#isMark(text)) return false;
    this.#at += 1;
    return true;
  }

  #demand(text: string): void {
    if (!this.#skip(text)) throw new NotUnderstood();
  }
}
