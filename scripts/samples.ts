import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";

const ROOT = join(import.meta.dirname, "..");

/** The part of a structural schema that is read here. */
export interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly nullable?: boolean;
  readonly required?: readonly string[];
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: Schema;
  readonly "x-kubernetes-list-type"?: "map" | "set" | "atomic";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-validations"?: readonly { readonly rule: string; readonly message: string }[];
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
}

export interface Crd {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly scope: "Namespaced" | "Cluster";
    readonly names: { readonly kind: string; readonly plural: string; readonly shortNames?: readonly string[] };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly storage: boolean;
      readonly subresources?: { readonly status?: object; readonly scale?: object };
      readonly additionalPrinterColumns?: readonly {
        readonly name: string;
        readonly type: string;
        readonly jsonPath: string;
      }[];
      readonly schema: { readonly openAPIV3Schema: Schema };
    }[];
  };
}

export interface SampleObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: unknown;
}

export interface Sample {
  readonly file: string;
  /** Part of the server's answer that names the field; undefined for a valid sample. */
  readonly refused?: string;
  /** `<path> <keyword>`, or `<path> cel <message>`: the rule of the schema that it breaks. */
  readonly rule?: string;
  /** One object, or two: the first is accepted, the change to the second is what it is about. */
  readonly objects: readonly SampleObject[];
}

export const readCrds = async (folder = "crds"): Promise<readonly Crd[]> => {
  const files = (await readdir(join(ROOT, folder))).filter((file) => file.endsWith(".yaml")).sort();
  return Promise.all(files.map(async (file) => parse(await readFile(join(ROOT, folder, file), "utf8")) as Crd));
};

export const readSamples = async (folder: "valid" | "invalid"): Promise<readonly Sample[]> => {
  const path = join(ROOT, "config/samples", folder);
  const files = (await readdir(path)).filter((file) => file.endsWith(".yaml") && file !== "kustomization.yaml").sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(path, file), "utf8");
      const objects = parseAllDocuments(text).map((document) => document.toJSON() as SampleObject);
      const refused = /^# refused: (.+)$/m.exec(text)?.[1];
      const rule = /^# rule: (.+)$/m.exec(text)?.[1];
      return { file, objects, ...(refused === undefined ? {} : { refused }), ...(rule === undefined ? {} : { rule }) };
    }),
  );
};

export const schemaOf = (crd: Crd): Schema => {
  const schema = crd.spec.versions[0]?.schema.openAPIV3Schema;
  if (schema === undefined) throw new Error(`${crd.metadata.name} has no schema`);
  return schema;
};

/** Every node of a schema with its path; items are `[]`, members of a map `{}`, the root "(root)". */
export const nodes = (schema: Schema, path = ""): readonly { readonly path: string; readonly schema: Schema }[] => {
  const below = (name: string): string => (path === "" ? name : `${path}.${name}`);
  return [
    { path: path === "" ? "(root)" : path, schema },
    ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) => nodes(member, below(name))),
    ...(schema.items === undefined ? [] : nodes(schema.items, `${path}[]`)),
    ...(schema.additionalProperties === undefined ? [] : nodes(schema.additionalProperties, `${path}{}`)),
  ];
};

const BOUNDS = [
  "pattern",
  "enum",
  "minimum",
  "maximum",
  "minLength",
  "maxLength",
  "minItems",
  "maxItems",
  "maxProperties",
] as const;

/** Every rule by which the API server may refuse a spec, as samples name it in `# rule:`. */
export const rulesOf = (crd: Crd): readonly string[] =>
  nodes(schemaOf(crd))
    .filter(({ path }) => path === "(root)" || path === "spec" || path.startsWith("spec."))
    .flatMap(({ path, schema }) => [
      ...BOUNDS.filter((keyword) => schema[keyword] !== undefined).map((keyword) => `${path} ${keyword}`),
      ...(schema.format === "date-time" ? [`${path} format`] : []),
      ...(["map", "set"].includes(schema["x-kubernetes-list-type"] ?? "") ? [`${path} uniqueness`] : []),
      ...(schema.required ?? []).map((name) => `${path === "(root)" ? name : `${path}.${name}`} required`),
      ...(schema["x-kubernetes-validations"] ?? []).map(({ message }) => `${path} cel ${message}`),
    ]);
