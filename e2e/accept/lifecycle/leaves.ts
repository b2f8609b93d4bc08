import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { root } from "../../lane/paths.ts";

/** The part of a schema that a walk needs. */
interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly enum?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
}

/** A scalar of the spec: `accounts[].aws.user.policies[]`; `{}` stands for any key of a map. */
export interface Leaf {
  readonly path: string;
  readonly schema: Schema;
}

/** A value for a leaf, and what a server that reads the schema must say to it. */
export interface Attempt {
  readonly what: "absent" | "empty" | "too long" | "of another type" | "against the pattern" | "another that is legal";
  readonly value: unknown;
  readonly legal: boolean | "depends";
}

/** Every scalar of ServiceAccountLifecycle's spec. */
export async function specLeaves(): Promise<Leaf[]> {
  const text = await readFile(join(root, "crds/serviceaccountlifecycles.yaml"), "utf8");
  const crd = parse(text, { merge: true, maxAliasCount: 1000 }) as {
    spec: { versions: { schema: { openAPIV3Schema: Schema } }[] };
  };
  const spec = crd.spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"];
  return spec === undefined ? [] : leavesOf(spec, "");
}

function leavesOf(schema: Schema, path: string): Leaf[] {
  const under = (name: string): string => (path === "" ? name : `${path}.${name}`);
  if (schema.properties !== undefined)
    return Object.entries(schema.properties).flatMap(([name, one]) => leavesOf(one, under(name)));
  if (schema.items !== undefined) return leavesOf(schema.items, `${path}[]`);
  if (schema.additionalProperties !== undefined) return leavesOf(schema.additionalProperties, `${path}{}`);
  return [{ path, schema }];
}

/** At least four values for a leaf: absent, at and beyond its bounds, of another kind. Legal ones come from the caller. */
export function attempts({ schema }: Leaf): Attempt[] {
  const { maxLength = 64, minLength = 0 } = schema;
  return [
    { what: "absent", value: undefined, legal: "depends" },
    {
      what: "empty",
      value: "",
      legal: schema.enum === undefined && minLength === 0 && schema.pattern === undefined ? "depends" : false,
    },
    { what: "too long", value: "a".repeat(maxLength + 1), legal: false },
    { what: "of another type", value: 7, legal: false },
    { what: "of another type", value: { a: 1 }, legal: false },
    ...(schema.pattern === undefined && schema.enum === undefined
      ? []
      : [{ what: "against the pattern", value: "ä \n${x}", legal: false } as const]),
  ];
}

/** Places of a leaf in a spec, as JSON pointers; none where the spec has no such thing. */
export function placesOf(spec: unknown, path: string): (string | number)[][] {
  const steps = path.split(/\.|(?=\[\])|(?=\{\})/).filter((step) => step !== "");
  return steps
    .reduce<{ at: (string | number)[]; value: unknown }[]>(
      (found, step) =>
        found.flatMap(({ at, value }) => {
          if (step === "[]")
            return Array.isArray(value) ? value.map((one: unknown, i) => ({ at: [...at, i], value: one })) : [];
          if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
          const object = value as Record<string, unknown>;
          const names = step === "{}" ? Object.keys(object) : step in object ? [step] : [];
          return names.map((name) => ({ at: [...at, name], value: object[name] }));
        }),
      [{ at: [], value: spec }],
    )
    .map(({ at }) => at);
}

/** A copy with a value at a place; undefined takes it away. */
export function changed<T>(whole: T, place: readonly (string | number)[], value: unknown): T {
  const copy = structuredClone(whole);
  const last = place.at(-1);
  if (last === undefined) return copy;
  let here: unknown = copy;
  for (const step of place.slice(0, -1)) here = (here as Record<string | number, unknown>)[step];
  if (value !== undefined) (here as Record<string | number, unknown>)[last] = value;
  else if (Array.isArray(here)) here.splice(Number(last), 1);
  else Reflect.deleteProperty(here as object, last);
  return copy;
}
