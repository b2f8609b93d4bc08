/**
 * A pattern of IAM as a row of tokens: a character stands for itself, `?` for any one, `*` for any number, `${…}` for whatever a
 * policy variable will hold. `\*`, `\?` and `\$` are the characters themselves, written `${*}` and so on.
 */
export type Glob = readonly string[];

const MANY = "*";
const ONE = "?";

/** Runs of wildcards are brought into one order (`*?*` is `?*`), so that equal meaning is equal tokens. */
export const parseGlob = (text: string): Glob => {
  const tokens: string[] = [];
  let [ones, many] = [0, false];
  const endRun = (): void => {
    for (let i = 0; i < ones; i += 1) tokens.push(ONE);
    if (many) tokens.push(MANY);
    [ones, many] = [0, false];
  };
  for (const [token] of text.matchAll(/\$\{[^{}]*\}|[\s\S]/g)) {
    if (token === ONE) ones += 1;
    else if (token === MANY) many = true;
    else {
      endRun();
      tokens.push(/^\$\{[*?$]\}$/.test(token) ? `\\${token.charAt(2)}` : token);
    }
  }
  endRun();
  return tokens;
};

const isVariable = (token: string | undefined): boolean => token?.startsWith("${") === true;

/**
 * Does `outer` match everything that `inner` can match? The tokens of `inner` are matched like text in which `*` is a letter that
 * only `*` matches, and a variable one that only `*` or the same variable matches. What it says is true is so; of patterns with `?`
 * beside `*` it may say no where yes could be shown as well.
 */
export const contains = (outer: Glob, inner: Glob): boolean => {
  let [o, i] = [0, 0];
  /** Where to go on when a later token does not fit: the last `*` of `outer` takes one more. */
  let [star, taken] = [-1, 0];
  while (i < inner.length) {
    if (outer[o] === MANY) {
      [star, taken] = [o, i];
      o += 1;
    } else if (o < outer.length && fits(outer[o], inner[i])) {
      o += 1;
      i += 1;
    } else if (star >= 0) {
      taken += 1;
      [o, i] = [star + 1, taken];
    } else return false;
  }
  while (outer[o] === MANY) o += 1;
  return o === outer.length;
};

const fits = (outer: string | undefined, inner: string | undefined): boolean =>
  inner !== MANY && (outer === inner || (outer === ONE && !isVariable(inner)));

/** Is there a text that both match? A variable may hold anything. */
export const intersects = (a: Glob, b: Glob): boolean => {
  const width = b.length + 1;
  const seen = new Set<number>();
  const open = [0];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (seen.has(place)) continue;
    seen.add(place);
    const [i, j] = [Math.floor(place / width), place % width];
    if (i === a.length && j === b.length) return true;
    const [left, right] = [a[i], b[j]];
    const stretchy = (token: string | undefined): boolean => token === MANY || isVariable(token);
    if (stretchy(left)) open.push(place + width);
    if (stretchy(right)) open.push(place + 1);
    if (stretchy(left) && j < b.length) open.push(place + 1);
    if (stretchy(right) && i < a.length) open.push(place + width);
    if (i < a.length && j < b.length && (left === right || left === ONE || right === ONE)) open.push(place + width + 1);
  }
  return false;
};

/** Cuts at the first `parts - 1` colons; undefined when there are fewer. */
const split = (glob: Glob, parts: number): readonly Glob[] | undefined => {
  const cut: Glob[] = [];
  let from = 0;
  while (cut.length < parts - 1) {
    const at = glob.indexOf(":", from);
    if (at < 0) return undefined;
    cut.push(glob.slice(from, at));
    from = at + 1;
  }
  return [...cut, glob.slice(from)];
};

/** Part by part, for a wildcard does not reach over a colon: what holds for each part holds for the whole however it is read. */
const containsByParts = (outer: string, inner: string, parts: number): boolean => {
  if (outer === inner || outer === "*") return true;
  const [outers, inners] = [split(parseGlob(outer), parts), split(parseGlob(inner), parts)];
  if (outers === undefined || inners === undefined) return false;
  return outers.every((part, i) => contains(part, inners[i] ?? []));
};

/** Does the ARN pattern cover the other one? An ARN that is not whole is only ever equal to itself. */
export const coversArn = (outer: string, inner: string): boolean => containsByParts(outer, inner, 6);

/** Does the action pattern cover the other one (`s3:Get*` covers `s3:GetObject*`)? Case does not matter. */
export const covers = (pattern: string, action: string): boolean =>
  containsByParts(plainAction(pattern), plainAction(action), 2);

export const plainAction = (action: string): string => {
  const plain = plainPattern(action.toLowerCase());
  return plain === "*:*" ? "*" : plain;
};

/** Runs of wildcards in one order, as text: `*?*` is `?*`. */
export const plainPattern = (text: string): string =>
  text.replace(/\$\{[^{}]*\}|[?*]{2,}/g, (run) =>
    run.startsWith("$") ? run : "?".repeat(run.split("?").length - 1) + (run.includes("*") ? "*" : ""),
  );

/** Can no action be matched by both? */
export const areDisjoint = (a: string, b: string): boolean => !intersects(parseGlob(a), parseGlob(b));

/** Does the pattern of a StringLike cover the other? */
export const coversText = (outer: string, inner: string): boolean => contains(parseGlob(outer), parseGlob(inner));
