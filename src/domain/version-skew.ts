import { KNOWN_FIELDS } from "../api/v1alpha1/generated/known-fields.ts";
import type { KnownKind, Shape } from "../api/v1alpha1/shape.ts";
import { nextConditions, type Condition } from "../kernel/conditions.ts";
import { without } from "../kernel/without.ts";

/** What is looked at of an object. */
interface Stored {
  readonly spec?: unknown;
  readonly status?: unknown;
}

/**
 * The first field or word of an object that this version does not know, so somebody newer has written it: a person through newer
 * CRDs, or a newer operator in the record. Also in what the record keeps as JSON text. Undefined: all of it is understood.
 */
export const unknownField = (kind: KnownKind, object: Stored): string | undefined =>
  unknownIn(object.spec, KNOWN_FIELDS[kind].spec, "spec") ??
  unknownIn(object.status, KNOWN_FIELDS[kind].status, "status") ??
  unknownInText(kind, object);

const unknownIn = (value: unknown, shape: Shape, path: string): string | undefined => {
  if (shape === "any" || value === null || value === undefined) return undefined;
  if ("words" in shape)
    return typeof value === "string" && !shape.words.includes(value) ? `${path} ${value}` : undefined;
  // Of another type than the schema says: what reads it has a word for that.
  if (typeof value !== "object") return undefined;
  if ("items" in shape) {
    return Array.isArray(value)
      ? first(value, (item, index) => unknownIn(item, shape.items, `${path}[${index}]`))
      : undefined;
  }
  return first(Object.entries(value), ([name, member]: readonly [string, unknown]) => {
    const known = "members" in shape ? shape.members : ownShape(shape.fields, name);
    return known === undefined ? `${path}.${name}` : unknownIn(member, known, `${path}.${name}`);
  });
};

const ownShape = (fields: Readonly<Record<string, Shape>>, name: string): Shape | undefined =>
  Object.hasOwn(fields, name) ? fields[name] : undefined;

/** The last known good spec, and accounts as they were declared. */
const unknownInText = (kind: KnownKind, { spec, status }: Stored): string | undefined =>
  unknownIn(parsed(at(at(status, "lastKnownGood"), "spec")), KNOWN_FIELDS[kind].spec, "status.lastKnownGood.spec") ??
  unknownInAccounts(at(spec, "accounts"), "spec.accounts") ??
  unknownInAccounts(at(status, "accounts"), "status.accounts");

const unknownInAccounts = (accounts: unknown, path: string): string | undefined =>
  Array.isArray(accounts)
    ? first(accounts, (account, index) =>
        unknownIn(parsed(at(account, "declaration")), ACCOUNT, `${path}[${index}].declaration`),
      )
    : undefined;

const at = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;

/** A forger's text is not a newer version's. */
const parsed = (text: unknown): unknown => {
  try {
    return typeof text === "string" ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
};

const accountShape = (spec: Shape): Shape => {
  const accounts = spec !== "any" && "fields" in spec ? spec.fields["accounts"] : undefined;
  return accounts !== undefined && accounts !== "any" && "items" in accounts ? accounts.items : "any";
};
const ACCOUNT = accountShape(KNOWN_FIELDS.ServiceAccountLifecycle.spec);

const first = <T>(items: readonly T[], look: (item: T, index: number) => string | undefined): string | undefined => {
  for (const [index, item] of items.entries()) {
    const found = look(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
};

/**
 * The first field that was sent and is not in the answer: the CRDs in the cluster are older than this version, and the server drops
 * what they do not name. Undefined: all of it was kept.
 */
export const lostField = (sent: unknown, kept: unknown, path = "status"): string | undefined => {
  if (typeof sent !== "object" || sent === null) return undefined;
  if (Array.isArray(sent))
    return first(sent, (item, index) => lostField(item, at(kept, String(index)), `${path}[${index}]`));
  return first(Object.entries(sent), ([name, value]: readonly [string, unknown]) => {
    if (value === undefined) return undefined;
    const below = at(kept, name);
    return below === undefined ? `${path}.${name}` : lostField(value, below, `${path}.${name}`);
  });
};

const LONGEST_FIELD = 200;

export const skewMessage = (field: string): string =>
  `A newer version has written ${field.slice(0, LONGEST_FIELD)}, which this version of the operator does not know; nothing is done until an operator that knows it runs.`;

interface Reported {
  readonly observedGeneration?: number;
  readonly conditions?: readonly Condition[];
}

/** The status of an object that is not acted on: what is on record stays as it is, and people are told. */
export const skewedStatus = <Status extends Reported>(
  status: Status,
  told: { readonly message: string; readonly generation: number; readonly now: Date },
): Status => {
  const before = status.conditions ?? [];
  const { message } = told;
  const updates = [
    { type: "Ready", status: "False", reason: "VersionSkew", message },
    { type: "Stalled", status: "True", reason: "VersionSkew", message },
  ] as const;
  // As every pass does: what failed was another spec.
  const kept =
    status.observedGeneration === told.generation ? status : (without(status as object, "failures" as never) as Status);
  return {
    ...kept,
    observedGeneration: told.generation,
    conditions: [
      ...nextConditions(before, updates, told),
      ...before.filter(({ type }) => !["Ready", "Stalled", "Reconciling"].includes(type)),
    ],
  };
};
