import { deepStrictEqual, ok } from "node:assert/strict";
import { nodes, readCrds, readSamples, rulesOf, schemaOf, type Schema } from "../../scripts/samples.ts";

/** What is unbounded in a node, in a word; undefined when nothing is. */
const unbounded = (schema: Schema): string | undefined => {
  if (schema.type === "string" && schema.enum === undefined && schema.maxLength === undefined) return "no maxLength";
  if (schema.type === "integer" && schema.minimum === undefined) return "no minimum";
  if (schema.type === "integer" && schema.format !== "int64" && schema.maximum === undefined) return "no maximum";
  if (schema.type === "array" && schema.maxItems === undefined) return "no maxItems";
  if (schema.additionalProperties !== undefined && schema.maxProperties === undefined) return "no maxProperties";
  return undefined;
};

describe("CRDs", () => {
  let invalid: Awaited<ReturnType<typeof readSamples>>;

  before(async function () {
    this.timeout(30_000);
    invalid = await readSamples("invalid");
  });

  it("bound every string, number, list and map", async () => {
    const found = (await readCrds()).flatMap((crd) =>
      nodes(schemaOf(crd)).flatMap(({ path, schema }) => {
        const problem = unbounded(schema);
        return problem === undefined ? [] : [`${crd.spec.names.kind} ${path}: ${problem}`];
      }),
    );
    deepStrictEqual(found, []);
  });

  it("fill in nothing and keep nothing unknown", async () => {
    const found = (await readCrds()).flatMap((crd) =>
      nodes(schemaOf(crd)).filter(
        ({ schema }) => schema.default !== undefined || schema["x-kubernetes-preserve-unknown-fields"] !== undefined,
      ),
    );
    deepStrictEqual(found, []);
  });

  it("name in every CEL message the field, or say that the server's own prefix does", async () => {
    for (const crd of await readCrds()) {
      for (const { path, schema } of nodes(schemaOf(crd))) {
        const last = path.split(".").at(-1)?.replace("[]", "") ?? "";
        for (const { message } of schema["x-kubernetes-validations"] ?? []) {
          ok(path === "(root)" || message.includes(last) || message.includes("this URL"), `${path}: ${message}`);
        }
      }
    }
  });

  it("have for every rule a sample that breaks it, and no sample for a rule that is gone", async () => {
    for (const crd of await readCrds()) {
      const named = invalid
        .filter(({ objects }) => objects[0]?.kind === crd.spec.names.kind)
        .flatMap(({ rule }) => (rule === undefined ? [] : [rule]));
      deepStrictEqual([...named].sort(), [...new Set(rulesOf(crd))].sort(), crd.metadata.name);
    }
  });

  it("have invalid samples that say in the first line what the server answers", async () => {
    for (const { file, refused, objects } of invalid) {
      ok(refused !== undefined && refused.length > 8, file);
      ok(objects.length === 1 || objects.length === 2, file);
    }
  });
});
