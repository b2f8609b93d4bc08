/** The names of a list, and whether the answer carried a warning. `keys` is undefined where `data.keys` is no list of strings. */
export interface NameList {
  readonly keys: readonly string[] | undefined;
  readonly warned: boolean;
}

/** More names than are counted. */
export class TooManyNames extends Error {
  readonly most: number;

  constructor(most: number) {
    super("The list has too many names.");
    this.name = "TooManyNames";
    this.most = most;
  }
}

interface Frame {
  readonly isList: boolean;
  /** In an object: the key whose value is next. */
  key: string | undefined;
}

type Expected = "value" | "valueOrEnd" | "key" | "keyOrEnd" | "colon" | "commaOrEnd" | "nothing";

/** One token with the space before it. A number or word counts only with a character behind it: more of it may follow. */
const TOKEN =
  /[ \t\n\r]*(?:("[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[\da-fA-F]{4})[^"\\\u0000-\u001f]*)*")|([{}[\],:])|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?=[ \t\n\r,:[\]{}"]))/y;
const LONGEST_TOKEN = 64 * 1024;
const DEEPEST = 64;

/**
 * Reads one answer of a list of Vault, `{"data":{"keys":[…],"key_info":{…}},"warnings":null}`, piece by piece, and keeps names alone.
 * It takes the texts that JSON.parse takes, but for one nested deeper than 64 or with a token longer than 64 Ki characters.
 */
export class NameListReader {
  readonly #prefix: string;
  readonly #most: number;
  readonly #frames: Frame[] = [];
  #expected: Expected = "value";
  #rest = "";
  #keys: string[] | undefined;
  #counted = 0;
  #warned = false;

  /** Keeps names that begin with `prefix`; counts all of them, up to `most`. */
  constructor(prefix: string, most: number) {
    this.#prefix = prefix;
    this.#most = most;
  }

  /** Takes the next piece. Throws SyntaxError, or TooManyNames. */
  push(piece: string): void {
    const text = this.#rest + piece;
    let at = 0;
    for (;;) {
      TOKEN.lastIndex = at;
      const token = TOKEN.exec(text);
      if (token === null) break;
      at = TOKEN.lastIndex;
      const [, quoted, mark] = token;
      if (quoted !== undefined) this.#string(quoted);
      else if (mark !== undefined) this.#mark(mark);
      else this.#value(token[0].trim() === "null" ? "null" : "other");
    }
    this.#rest = text.slice(at);
    if (this.#rest.length > LONGEST_TOKEN) throw broken();
  }

  /** Ends the text. Throws SyntaxError where it is not whole. */
  end(): NameList {
    this.push("\n");
    if (this.#expected !== "nothing" || this.#rest.trim() !== "") throw broken();
    return { keys: this.#keys, warned: this.#warned };
  }

  #string(quoted: string): void {
    if (this.#expected !== "key" && this.#expected !== "keyOrEnd") {
      this.#value("string", quoted);
      return;
    }
    const frame = this.#frames.at(-1);
    if (frame === undefined) throw broken();
    frame.key = textOf(quoted);
    this.#expected = "colon";
  }

  #mark(mark: string): void {
    if (mark === "{" || mark === "[") {
      this.#value(mark === "[" ? "list" : "other");
      if (this.#frames.length === DEEPEST) throw broken();
      this.#frames.push({ isList: mark === "[", key: undefined });
      this.#expected = mark === "[" ? "valueOrEnd" : "keyOrEnd";
    } else if (mark === ":") {
      if (this.#expected !== "colon") throw broken();
      this.#expected = "value";
    } else if (mark === ",") {
      if (this.#expected !== "commaOrEnd") throw broken();
      this.#expected = this.#frames.at(-1)?.isList === true ? "value" : "key";
    } else {
      const isList = mark === "]";
      const mayEnd = this.#expected === "commaOrEnd" || this.#expected === (isList ? "valueOrEnd" : "keyOrEnd");
      if (!mayEnd || this.#frames.at(-1)?.isList !== isList) throw broken();
      this.#frames.pop();
      this.#expected = this.#frames.length === 0 ? "nothing" : "commaOrEnd";
    }
  }

  /** A value begins (list, object) or is there (the others). The last of equal keys counts, as for JSON.parse. */
  #value(what: "string" | "list" | "null" | "other", quoted = ""): void {
    if (this.#expected !== "value" && this.#expected !== "valueOrEnd") throw broken();
    const [root, data, list] = this.#frames;
    const depth = this.#frames.length;
    const member = root?.isList === false ? root.key : undefined;
    if (depth === 1 && member === "data") this.#keys = undefined;
    if (depth === 1 && member === "warnings") this.#warned = what !== "null" && what !== "list";
    if (depth === 2 && member === "warnings" && data?.isList === true) this.#warned = true;
    if (member === "data" && data?.isList === false && data.key === "keys") {
      if (depth === 2) this.#keys = what === "list" ? [] : undefined;
      // Keys that hold something else than names are no list of names, whatever follows in it.
      else if (depth === 3 && list?.isList === true && what === "string") this.#name(quoted);
      else if (depth === 3) this.#keys = undefined;
    }
    this.#expected = depth === 0 ? "nothing" : "commaOrEnd";
  }

  #name(quoted: string): void {
    this.#counted += 1;
    if (this.#counted > this.#most) throw new TooManyNames(this.#most);
    // A name that needs no escape is judged where it lies; one that is kept is copied, so that it does not hold its whole piece.
    if (!quoted.includes("\\") && !quoted.startsWith(this.#prefix, 1)) return;
    const name = textOf(quoted);
    if (name.startsWith(this.#prefix)) this.#keys?.push(name);
  }
}

const textOf = (quoted: string): string => JSON.parse(quoted) as string;

const broken = (): SyntaxError => new SyntaxError("The text is no JSON, or not all of it.");
