import { OperatorError } from "../../kernel/errors.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import { coversArn, covers, plainAction, plainPattern } from "./glob.ts";

/** A statement in canonical form: lists are sorted, without what another element covers; absent members mean what AWS says. */
export interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action?: readonly string[];
  readonly NotAction?: readonly string[];
  readonly Resource?: readonly string[];
  readonly NotResource?: readonly string[];
  readonly Principal?: Principals;
  readonly NotPrincipal?: Principals;
  readonly Condition?: Conditions;
}

/** Values by type (`AWS`, `Service`, `Federated`, `CanonicalUser`). */
export type Principals = Readonly<Record<string, readonly string[]>>;
/** Values by key by operator; keys in lower case. */
export type Conditions = Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

export interface PolicyDocument {
  readonly Version: string;
  readonly Statement: readonly Statement[];
}

/** The version without which `${…}` is no variable. */
export const CURRENT_VERSION = "2012-10-17";
const OLD_VERSION = "2008-10-17";
const MOST_STATEMENTS = 512;
const LONGEST_TEXT = 256 * 1024;

/**
 * An IAM policy document (JSON text, decoded, or what it parses to) as text in canonical form: documents of equal meaning have
 * equal text, as far as one document can be seen to say what another says. Throws InvalidSpec for what is no policy document.
 */
export const normalise = (document: unknown): string => canonicalJson(readDocument(document));

/** The same as an object. */
export const readDocument = (document: unknown): PolicyDocument => {
  const parsed = typeof document === "string" ? parse(document) : document;
  const members = objectOf(parsed, "must be an object");
  onlyMembers(members, ["Version", "Id", "Statement"]);
  const version = members["Version"] ?? OLD_VERSION;
  if (version !== CURRENT_VERSION && version !== OLD_VERSION) throw invalid("has an unknown Version");
  const statements = listOf(members["Statement"]).map(statementOf);
  if (statements.length > MOST_STATEMENTS) throw invalid("has too many statements");
  const Statement = merged(statements);
  // Only variables mean something else in the older version.
  const matters = canonicalJson(Statement).includes("${");
  return { Version: matters ? version : CURRENT_VERSION, Statement };
};

const parse = (text: string): unknown => {
  if (text.length > LONGEST_TEXT) throw invalid("is too long");
  try {
    return JSON.parse(text);
  } catch {
    throw invalid("is not JSON");
  }
};

const statementOf = (value: unknown): Statement => {
  const members = objectOf(value, "has a statement that is no object");
  onlyMembers(members, [
    ...["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition"],
  ]);
  const { Effect } = members;
  if (Effect !== "Allow" && Effect !== "Deny") throw invalid("has a statement without Effect Allow or Deny");
  const actions = oneAtMost(members, "Action", "NotAction");
  if (actions === undefined) throw invalid("has a statement without Action");
  const resources = oneAtMost(members, "Resource", "NotResource");
  const principals = oneAtMost(members, "Principal", "NotPrincipal");
  const conditions = conditionsOf(members["Condition"] ?? {});
  return {
    Effect,
    [actions]: widest(textsOf(members[actions]).map(plainAction), covers),
    ...(resources === undefined
      ? {}
      : { [resources]: widest(textsOf(members[resources]).map(plainPattern), coversArn) }),
    ...(principals === undefined ? {} : { [principals]: principalsOf(members[principals]) }),
    ...(Object.keys(conditions).length === 0 ? {} : { Condition: conditions }),
  };
};

const oneAtMost = <Name extends string>(
  members: Readonly<Record<string, unknown>>,
  plain: Name,
  negated: Name,
): Name | undefined => {
  if (members[plain] !== undefined && members[negated] !== undefined) {
    throw invalid(`has a statement with both ${plain} and ${negated}`);
  }
  if (members[plain] !== undefined) return plain;
  return members[negated] === undefined ? undefined : negated;
};

const principalsOf = (value: unknown): Principals => {
  if (value === "*") return { AWS: ["*"] };
  const byType = Object.entries(objectOf(value, "has a Principal that is no object"));
  return Object.fromEntries(
    byType.map(([type, values]) => {
      const texts = textsOf(values).map((text) => (type === "AWS" ? accountArn(text) : text));
      return [type, texts.includes("*") ? ["*"] : sorted(texts)];
    }),
  );
};

/** An account may be named by its id alone. */
const accountArn = (principal: string): string =>
  /^\d{12}$/.test(principal) ? `arn:aws:iam::${principal}:root` : principal;

const conditionsOf = (value: unknown): Conditions =>
  Object.fromEntries(
    Object.entries(objectOf(value, "has a Condition that is no object")).flatMap(([operator, block]) => {
      const keys = Object.entries(objectOf(block, "has a Condition whose operator holds no object"));
      if (keys.length === 0) return [];
      const named = keys.map(([key, values]) => [key.toLowerCase(), valuesOf(operator, values)] as const);
      if (new Set(named.map(([key]) => key)).size < named.length) {
        throw invalid("names a condition key twice under one operator");
      }
      return [[operator, Object.fromEntries(named)] as const];
    }),
  );

const valuesOf = (operator: string, values: unknown): readonly string[] => {
  const plain = /(^|:)(Bool|Null)(IfExists)?$/.test(operator);
  const texts = listOf(values).map((value) => {
    if (typeof value !== "string" && typeof value !== "boolean" && typeof value !== "number") {
      throw invalid("has a condition value that is no text");
    }
    return plain ? String(value).toLowerCase() : String(value);
  });
  return sorted(texts);
};

/** Statements that differ in their actions alone, or in their resources alone, are one; until nothing changes any more. */
const merged = (statements: readonly Statement[]): readonly Statement[] => {
  const byActions = mergedBy(statements, "Action", covers);
  const byResources = mergedBy(byActions, "Resource", coversArn);
  if (byResources.length < statements.length) return merged(byResources);
  return [...byResources].sort((a, b) => compareText(canonicalJson(a), canonicalJson(b)));
};

const mergedBy = (
  statements: readonly Statement[],
  member: "Action" | "Resource",
  covering: (outer: string, inner: string) => boolean,
): readonly Statement[] => {
  const groups = new Map<string, Statement>();
  for (const statement of statements) {
    const list = statement[member];
    // What has no such list is one only with its own double.
    const rest = canonicalJson(list === undefined ? statement : { ...statement, [member]: true });
    const other = groups.get(rest);
    const union = widest([...(other?.[member] ?? []), ...(list ?? [])], covering);
    groups.set(rest, list === undefined ? statement : { ...statement, [member]: union });
  }
  return [...groups.values()];
};

/** Without doubles and without what another one covers. */
const widest = (texts: readonly string[], covering: (outer: string, inner: string) => boolean): readonly string[] => {
  const all = sorted(texts);
  return all.filter(
    (text, i) => !all.some((other, j) => i !== j && covering(other, text) && !(covering(text, other) && i < j)),
  );
};

const sorted = (texts: readonly string[]): readonly string[] => [...new Set(texts)].sort(compareText);

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const textsOf = (value: unknown): readonly string[] =>
  listOf(value).map((each) => {
    if (typeof each !== "string" || each === "") throw invalid("has a list with something that is no text");
    return each;
  });

/** One value stands for a list of one. */
const listOf = (value: unknown): readonly unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];

const objectOf = (value: unknown, problem: string): Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(problem);
  return value as Readonly<Record<string, unknown>>;
};

/** What is not known here cannot be judged. */
const onlyMembers = (members: Readonly<Record<string, unknown>>, known: readonly string[]): void => {
  if (Object.keys(members).some((name) => !known.includes(name))) throw invalid("has an element that is not known");
};

const invalid = (problem: string): OperatorError =>
  new OperatorError("InvalidSpec", { publicMessage: `A policy document ${problem}.` });
