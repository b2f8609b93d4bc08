import { canonicalJson } from "../../kernel/ids.ts";
import type { Direction } from "../lifecycle/piece.ts";
import { areDisjoint, covers, coversArn, coversText } from "./glob.ts";
import {
  CURRENT_VERSION,
  readDocument,
  type Conditions,
  type PolicyDocument,
  type Principals,
  type Statement,
} from "./normalise.ts";

const NOTHING: PolicyDocument = { Version: CURRENT_VERSION, Statement: [] };

/**
 * Does the change of a policy document let more be done, or less? Undefined stands for no document. `widen` and `narrow` only
 * where it is provable statement by statement; what cannot be read or proven is `mixed`.
 */
export const compareDocuments = (before: string | undefined, after: string | undefined): Direction => {
  if (before === after) return "none";
  const [old, current] = [readable(before), readable(after)];
  if (old === undefined || current === undefined) return "mixed";
  // Variables of an older version are no variables: nothing is proven about them.
  const isCurrent = old.Version === CURRENT_VERSION && current.Version === CURRENT_VERSION;
  if (!isCurrent) return canonicalJson(old) === canonicalJson(current) ? "none" : "mixed";
  const [noMore, noLess] = [allowsNoMore(current, old), allowsNoMore(old, current)];
  if (noMore) return noLess ? "none" : "narrow";
  return noLess ? "widen" : "mixed";
};

const readable = (text: string | undefined): PolicyDocument | undefined => {
  if (text === undefined) return NOTHING;
  try {
    return readDocument(text);
  } catch {
    return undefined;
  }
};

/** Everything that `document` allows `limit` allows, and everything that `limit` denies `document` denies. */
const allowsNoMore = (document: PolicyDocument, limit: PolicyDocument): boolean =>
  isWithin(withEffect(document, "Allow"), withEffect(limit, "Allow")) &&
  isWithin(withEffect(limit, "Deny"), withEffect(document, "Deny"));

const withEffect = (document: PolicyDocument, effect: Statement["Effect"]): readonly Statement[] =>
  document.Statement.filter((statement) => statement.Effect === effect);

const isWithin = (inner: readonly Statement[], outer: readonly Statement[]): boolean =>
  inner.every((statement) => isCovered(statement, outer));

/**
 * Each pair of an action and a resource must be within one of the others: a statement may be spread over several, with the same
 * principals and conditions or laxer ones.
 */
const isCovered = (statement: Statement, outer: readonly Statement[]): boolean => {
  const candidates = outer.filter(
    (other) => principalsWithin(statement, other) && conditionsWithin(statement.Condition, other.Condition),
  );
  const byAction = parts(statement, "Action").map((part) => candidates.filter((other) => actionsWithin(part, other)));
  const byResource = parts(statement, "Resource").map((part) =>
    candidates.filter((other) => resourcesWithin(part, other)),
  );
  return byAction.every((some) => byResource.every((others) => some.some((other) => others.includes(other))));
};

/** A set of actions or resources: what matches `only`, or everything but what matches `but`. */
type Part = { readonly only: string } | { readonly but: readonly string[] } | { readonly absent: true };

const parts = (statement: Statement, member: "Action" | "Resource"): readonly Part[] => {
  const negated = member === "Action" ? statement.NotAction : statement.NotResource;
  if (negated !== undefined) return [{ but: negated }];
  return statement[member]?.map((only) => ({ only })) ?? [{ absent: true }];
};

const actionsWithin = (part: Part, outer: Statement): boolean =>
  partWithin(part, outer.Action, outer.NotAction, covers);

const resourcesWithin = (part: Part, outer: Statement): boolean =>
  partWithin(part, outer.Resource, outer.NotResource, coversArn);

const partWithin = (
  part: Part,
  only: readonly string[] | undefined,
  but: readonly string[] | undefined,
  covering: (outer: string, inner: string) => boolean,
): boolean => {
  if ("absent" in part) return only === undefined && but === undefined;
  if (only !== undefined) {
    return "only" in part ? only.some((each) => covering(each, part.only)) : only.includes("*");
  }
  if (but === undefined) return false;
  return "only" in part
    ? but.every((each) => areDisjoint(each, part.only))
    : but.every((each) => part.but.some((excluded) => covering(excluded, each)));
};

const principalsWithin = (inner: Statement, outer: Statement): boolean => {
  if (inner.NotPrincipal !== undefined || outer.NotPrincipal !== undefined) {
    return JSON.stringify(inner.NotPrincipal) === JSON.stringify(outer.NotPrincipal);
  }
  if (inner.Principal === undefined || outer.Principal === undefined) return inner.Principal === outer.Principal;
  return typesWithin(inner.Principal, outer.Principal);
};

const typesWithin = (inner: Principals, outer: Principals): boolean =>
  Object.entries(inner).every(([type, values]) => {
    const allowed = outer[type] ?? [];
    return allowed.includes("*") || values.every((value) => allowed.includes(value));
  });

/** Every condition of the outer statement must be in the inner one, as strict or stricter. */
const conditionsWithin = (inner: Conditions = {}, outer: Conditions = {}): boolean =>
  Object.entries(outer).every(([operator, keys]) =>
    Object.entries(keys).every(([key, values]) => {
      const found = inner[operator]?.[key];
      return found !== undefined && isAsStrict(operator, found, values);
    }),
  );

const ANY_OF = new Set([
  ...[
    "StringEquals",
    "StringEqualsIgnoreCase",
    "ArnEquals",
    "IpAddress",
    "NumericEquals",
    "DateEquals",
    "BinaryEquals",
  ],
  ...["StringLike", "ArnLike", "Bool"],
]);
const NONE_OF = new Set([
  ...["StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ArnNotEquals", "ArnNotLike"],
  ...["NotIpAddress", "NumericNotEquals", "DateNotEquals"],
]);

/** Of values of which one must match, fewer are stricter; of values that must not match, more. Else they must be the same. */
const isAsStrict = (operator: string, inner: readonly string[], outer: readonly string[]): boolean => {
  const plain = operator.replace(/^For(AllValues|AnyValue):/, "").replace(/IfExists$/, "");
  const covering = COVERING[plain] ?? ((a: string, b: string) => a === b);
  const within = (some: readonly string[], others: readonly string[]): boolean =>
    some.every((value) => others.some((other) => covering(other, value)));
  if (ANY_OF.has(plain)) return within(inner, outer);
  if (NONE_OF.has(plain)) return within(outer, inner);
  return within(inner, outer) && within(outer, inner);
};

const COVERING: Readonly<Record<string, (outer: string, inner: string) => boolean>> = {
  StringLike: coversText,
  StringNotLike: coversText,
  ArnLike: coversArn,
  ArnNotLike: coversArn,
  ArnEquals: coversArn,
  ArnNotEquals: coversArn,
};
