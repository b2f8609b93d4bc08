import { isDeepStrictEqual } from "node:util";
import type { Crd, Schema } from "./samples.ts";

/** What makes a newer set of CRDs unfit for what is stored under the older one. */
export interface Finding {
  /**
   * `break`: never allowed within a version. `tightened`: a rule that what is stored may not pass; allowed when the CHANGELOG says so.
   */
  readonly severity: "break" | "tightened";
  /** Kind and path, such as `SecretRotation spec.source`. */
  readonly where: string;
  readonly what: string;
}

/** Everything in `after` that something stored, written or read under `before` would stumble over. Pure. */
export const compareCrds = (before: readonly Crd[], after: readonly Crd[]): readonly Finding[] =>
  before.flatMap((old) => {
    const kind = old.spec.names.kind;
    const current = after.find(({ metadata }) => metadata.name === old.metadata.name);
    return current === undefined ? [broken(kind, "the CRD was removed")] : compareCrd(old, current);
  });

const broken = (where: string, what: string): Finding => ({ severity: "break", where, what });

const compareCrd = (before: Crd, after: Crd): readonly Finding[] => {
  const { kind } = before.spec.names;
  const changed = (name: string, old: unknown, now: unknown): readonly Finding[] =>
    isDeepStrictEqual(old, now) ? [] : [broken(kind, `${name} changed from ${text(old)} to ${text(now)}`)];
  const removedShortNames = (before.spec.names.shortNames ?? []).filter(
    (name) => !(after.spec.names.shortNames ?? []).includes(name),
  );
  return [
    ...changed("group", before.spec.group, after.spec.group),
    ...changed("scope", before.spec.scope, after.spec.scope),
    ...changed("kind", kind, after.spec.names.kind),
    ...changed("plural", before.spec.names.plural, after.spec.names.plural),
    ...removedShortNames.map((name) => broken(kind, `short name ${name} was removed`)),
    ...before.spec.versions.flatMap((version) => compareVersion(kind, version, after)),
  ];
};

type Version = Crd["spec"]["versions"][number];

const compareVersion = (kind: string, before: Version, crd: Crd): readonly Finding[] => {
  const after = crd.spec.versions.find(({ name }) => name === before.name);
  if (after === undefined) return [broken(kind, `version ${before.name} was removed`)];
  const found: Finding[] = [];
  if (before.served && !after.served) found.push(broken(kind, `version ${before.name} is not served any more`));
  if (before.storage && !after.storage)
    found.push(broken(kind, `version ${before.name} is not the stored one any more; that needs a migration`));
  for (const name of ["status", "scale"] as const) {
    if (before.subresources?.[name] !== undefined && after.subresources?.[name] === undefined)
      found.push(broken(kind, `subresource ${name} was removed`));
  }
  for (const column of before.additionalPrinterColumns ?? []) {
    const now = after.additionalPrinterColumns?.find(({ name }) => name === column.name);
    if (now === undefined) found.push(broken(kind, `printer column ${column.name} was removed`));
    else if (now.type !== column.type || now.jsonPath !== column.jsonPath)
      found.push(broken(kind, `printer column ${column.name} shows something else`));
  }
  return [...found, ...compareSchema(kind, "", before.schema.openAPIV3Schema, after.schema.openAPIV3Schema)];
};

/** Lower bounds that may only fall, upper bounds that may only rise; an absent one is no bound. */
const LOWER = ["minimum", "minLength", "minItems", "minProperties"] as const;
const UPPER = ["maximum", "maxLength", "maxItems", "maxProperties"] as const;
/** What has to stay as it is: another value means another thing. */
const FIXED = [
  "type",
  "format",
  "default",
  "x-kubernetes-list-type",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
  "x-kubernetes-int-or-string",
  "x-kubernetes-embedded-resource",
  "x-kubernetes-preserve-unknown-fields",
] as const;

const compareSchema = (kind: string, path: string, before: Schema, after: Schema): readonly Finding[] => {
  const where = `${kind} ${path === "" ? "(root)" : path}`;
  const below = (name: string): string => (path === "" ? name : `${path}.${name}`);
  return [
    ...FIXED.filter((keyword) => !isDeepStrictEqual(before[keyword], after[keyword])).map((keyword) =>
      broken(where, `${keyword} changed from ${text(before[keyword])} to ${text(after[keyword])}`),
    ),
    ...narrowed(before, after).map((what) => broken(where, what)),
    ...newRules(before, after).map((message) => ({ severity: "tightened" as const, where, what: message })),
    ...Object.entries(before.properties ?? {}).flatMap(([name, member]) => {
      const now = after.properties?.[name];
      if (now === undefined) return [broken(`${kind} ${below(name)}`, "the field was removed")];
      return compareSchema(kind, below(name), member, now);
    }),
    ...compareInner(kind, `${path}[]`, before.items, after.items),
    ...compareInner(kind, `${path}{}`, before.additionalProperties, after.additionalProperties),
  ];
};

const compareInner = (
  kind: string,
  path: string,
  before: Schema | undefined,
  after: Schema | undefined,
): readonly Finding[] => {
  if (before === undefined) return after === undefined ? [] : [broken(`${kind} ${path}`, "was made another shape")];
  return after === undefined ? [broken(`${kind} ${path}`, "was removed")] : compareSchema(kind, path, before, after);
};

const narrowed = (before: Schema, after: Schema): readonly string[] => [
  ...LOWER.filter((keyword) => (after[keyword] ?? -Infinity) > (before[keyword] ?? -Infinity)).map(
    (keyword) => `${keyword} rose from ${text(before[keyword])} to ${text(after[keyword])}`,
  ),
  ...UPPER.filter((keyword) => (after[keyword] ?? Infinity) < (before[keyword] ?? Infinity)).map(
    (keyword) => `${keyword} fell from ${text(before[keyword])} to ${text(after[keyword])}`,
  ),
  ...(before.nullable === true && after.nullable !== true ? ["nullable went"] : []),
  // Whether one pattern lets in all that another does cannot be told here.
  ...(after.pattern === undefined || after.pattern === before.pattern
    ? []
    : [`pattern changed from ${text(before.pattern)} to ${text(after.pattern)}`]),
  ...lostWords(before.enum, after.enum),
  ...(after.required ?? [])
    .filter((name) => !(before.required ?? []).includes(name))
    .map((name) => `${name} became required`),
];

const lostWords = (before: Schema["enum"], after: Schema["enum"]): readonly string[] => {
  if (after === undefined) return [];
  if (before === undefined) return [`only ${after.join(", ")} are allowed now`];
  return before.filter((word) => !after.includes(word)).map((word) => `${word} is not allowed any more`);
};

/** Rules that the older schema did not have in these very words; a changed one may be wider, which only a person can tell. */
const newRules = (before: Schema, after: Schema): readonly string[] =>
  (after["x-kubernetes-validations"] ?? [])
    .filter(({ rule }) => !(before["x-kubernetes-validations"] ?? []).some((old) => old.rule === rule))
    .map(({ message }) => message);

const text = (value: unknown): string => (value === undefined ? "none" : JSON.stringify(value));

/** Those that are not allowed: every break, and each tightened rule whose message the CHANGELOG does not quote. */
export const refused = (findings: readonly Finding[], changelog: string): readonly Finding[] => {
  const said = changelog.replaceAll(/\s+/g, " ");
  return findings.filter(({ severity, what }) => severity === "break" || !said.includes(what));
};

export const describeFinding = ({ severity, where, what }: Finding): string =>
  severity === "break"
    ? `${where}: ${what}`
    : `${where}: a rule is new or changed, and the CHANGELOG does not quote its message: ${what}`;
