import type { Shape } from "../src/api/v1alpha1/shape.ts";
import { schemaOf, type Crd, type Schema } from "./samples.ts";

/** The module that says which fields of spec and status, and which words, this version knows of every kind. */
export const knownFields = (crds: readonly Crd[]): string => {
  const shapes = crds.map((crd) => {
    const { spec, status } = schemaOf(crd).properties ?? {};
    return [crd.spec.names.kind, { spec: shapeOf(spec ?? {}), status: shapeOf(status ?? {}) }] as const;
  });
  const text = JSON.stringify(Object.fromEntries(shapes), null, 1);
  return `import type { KnownFields } from "../shape.ts";\n\nexport const KNOWN_FIELDS: KnownFields = ${text};\n`;
};

export const shapeOf = (schema: Schema): Shape => {
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return "any";
  if (schema.properties !== undefined) {
    const fields = Object.entries(schema.properties).map(([name, member]) => [name, shapeOf(member)] as const);
    return { fields: Object.fromEntries(fields) };
  }
  if (schema.items !== undefined) return { items: shapeOf(schema.items) };
  if (schema.additionalProperties !== undefined) return { members: shapeOf(schema.additionalProperties) };
  if (schema.enum !== undefined) return { words: schema.enum };
  return schema.type === "object" ? { fields: {} } : "any";
};
