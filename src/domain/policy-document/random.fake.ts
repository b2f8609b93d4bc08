import fc from "fast-check";

/** Random policy documents and requests over a small world, and an evaluator of them that shares no code with the comparison. */
export interface RandomStatement {
  readonly Effect: string;
  readonly [member: string]: unknown;
}

export interface RandomDocument {
  readonly Version: string;
  readonly Statement: readonly RandomStatement[];
}

export interface Request {
  readonly action: string;
  readonly resource: string;
  readonly keys: Readonly<Record<string, string>>;
}

const ACTIONS = ["s3:Get", "s3:GetTag", "s3:Put", "sqs:Get"];
const RESOURCES = ["arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::b", "arn:aws:sqs:eu:1:q"];
const VALUES = ["red", "reddish", "blue"];

const actions = fc.constantFrom("*", "s3:*", "S3:Get*", "s3:Get?ag", "*:Get", "sqs:?et", ...ACTIONS);
const resources = fc.constantFrom(
  "*",
  "arn:aws:s3:::*",
  "arn:aws:s3:::a*",
  "arn:aws:s3:::?",
  "arn:aws:*:*:*:*",
  ...RESOURCES,
);
const some = (values: fc.Arbitrary<string>) => fc.array(values, { minLength: 1, maxLength: 3 });

const conditions = fc.option(
  fc.record({
    operator: fc.constantFrom("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIfExists"),
    key: fc.constantFrom("c:tag", "C:Tag", "c:other"),
    values: some(fc.constantFrom("red", "red*", "*", "blue", "?lue")),
  }),
  { nil: undefined },
);

const statements: fc.Arbitrary<RandomStatement> = fc
  .record({
    effect: fc.constantFrom("Allow", "Allow", "Allow", "Deny"),
    negateAction: fc.constantFrom(false, false, false, true),
    negateResource: fc.constantFrom(false, false, false, true),
    actions: some(actions),
    resources: some(resources),
    condition: conditions,
  })
  .map((parts) => ({
    Effect: parts.effect,
    [parts.negateAction ? "NotAction" : "Action"]: parts.actions,
    [parts.negateResource ? "NotResource" : "Resource"]: parts.resources,
    ...(parts.condition && {
      Condition: { [parts.condition.operator]: { [parts.condition.key]: parts.condition.values } },
    }),
  }));

export const documents: fc.Arbitrary<RandomDocument> = fc
  .array(statements, { maxLength: 3 })
  .map((Statement) => ({ Version: "2012-10-17", Statement }));

/** A document and one that differs from it a little, so that the two are often comparable. */
export const pairs: fc.Arbitrary<readonly [RandomDocument, RandomDocument]> = fc
  .tuple(documents, documents, fc.nat(2), fc.constantFrom("add", "drop", "swap", "restrict", "spread", "other"))
  .map(([a, b, at, change]) => {
    const { Statement } = a;
    const target = Statement[at % Math.max(Statement.length, 1)];
    const rest = Statement.filter((statement) => statement !== target);
    const made: readonly RandomStatement[] | undefined = {
      add: [...Statement, ...b.Statement.slice(0, 1)],
      drop: rest,
      swap: [...rest, ...b.Statement.slice(0, 1)],
      restrict: target && [...rest, { ...target, Condition: { StringEquals: { "c:tag": "red" } } }],
      spread: target && [...Statement, { ...target, Condition: { StringEquals: { "c:tag": "red" } } }],
      other: b.Statement,
    }[change];
    return [a, { ...a, Statement: made ?? Statement }];
  });

/** Every request of the small world. */
export const REQUESTS: readonly Request[] = ACTIONS.flatMap((action) =>
  RESOURCES.flatMap((resource) =>
    [undefined, ...VALUES].flatMap((tag) =>
      [undefined, "blue"].map((other) => ({
        action,
        resource,
        keys: { ...(tag && { "c:tag": tag }), ...(other && { "c:other": other }) },
      })),
    ),
  ),
);

/** IAM's rule: a Deny that matches decides, else an Allow that matches. */
export const allows = (document: RandomDocument, request: Request): boolean => {
  const matching = document.Statement.filter((statement) => applies(statement, request));
  return !matching.some(({ Effect }) => Effect === "Deny") && matching.some(({ Effect }) => Effect === "Allow");
};

const applies = (statement: RandomStatement, request: Request): boolean =>
  hits(statement, "Action", request.action, "i") &&
  hits(statement, "Resource", request.resource, "") &&
  Object.entries((statement["Condition"] ?? {}) as Record<string, Record<string, string | string[]>>).every(
    ([operator, keys]) => Object.entries(keys).every(([key, values]) => holds(operator, key, [values].flat(), request)),
  );

const hits = (statement: RandomStatement, member: string, text: string, flags: string): boolean => {
  const list = (statement[member] ?? statement[`Not${member}`]) as readonly string[];
  return list.some((pattern) => like(pattern, text, flags)) === (statement[member] !== undefined);
};

const holds = (operator: string, key: string, values: readonly string[], request: Request): boolean => {
  const found = request.keys[key.toLowerCase()];
  if (found === undefined) return /Not|IfExists/.test(operator);
  const matched = values.some((value) => (operator.includes("Like") ? like(value, found, "") : value === found));
  return matched !== operator.includes("Not");
};

const like = (pattern: string, text: string, flags: string): boolean =>
  new RegExp(
    `^${pattern
      .replace(/[.+^$()|[\]{}/\\]/g, "\\$&")
      .replaceAll("?", ".")
      .replaceAll("*", ".*")}$`,
    flags,
  ).test(text);
