import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { readCrds, schemaOf, type Schema } from "./samples.ts";

/** From this many characters on, all values of a member together, a member is large. */
const LARGE = 32 * 1024;
/** What all members together may have that are not large. */
const MOST_OF_THE_REST = 128 * 1024;
/** A key of a map has no length of its own in a schema; those of Secrets are names of 317 characters at most, by a rule. */
const LONGEST_KEY = 317;
/** Large members by kind, as `config/policies/bounds.yaml` measures them. Ledger entries and holds: only the operator, or nothing. */
const MEASURED: Readonly<Record<string, readonly string[]>> = {
  IdentityHold: [],
  ProviderConnection: [
    "grants[].namespaces[]",
    "grants[].roles[].kind",
    "grants[].roles[].name",
    "grants[].roles[].scope",
    "grants[].policies[]",
    "grants[].groups[]",
    "grants[].inlineActions[]",
    "grants[].permissionsBoundary",
    "hook.job.command[]",
    "hook.caBundle",
    "aws.caBundle",
    "vault.caBundle",
    "vault.databases.servers[].caBundle",
  ],
  SecretRotation: ["deliver[].kubernetesSecret.labels{}", "deliver[].kubernetesSecret.annotations{}"],
  ServiceAccountLifecycle: ["user", "role"].flatMap((principal) =>
    ["policies[]", "inlinePolicies[].statements[].actions[]", "inlinePolicies[].statements[].resources[]"]
      .concat("inlinePolicies[].statements[].conditions{}", "inlinePolicies[].statements[].conditions{}{}")
      .concat("inlinePolicies[].statements[].conditions{}{}[]")
      .map((member) => `accounts[].aws.${principal}.${member}`),
  ),
};

interface Member {
  readonly path: string;
  /** Characters of all values of this member that the schema allows in one object. */
  readonly most: number;
}

/** Every text that a spec may have: strings and keys of maps. */
function members(schema: Schema, path: string, times: number): readonly Member[] {
  const { additionalProperties: values, items, properties = {} } = schema;
  const below = Object.entries(properties).flatMap(([name, property]) =>
    members(property, path === "" ? name : `${path}.${name}`, times),
  );
  if (values !== undefined) {
    const entries = times * (schema.maxProperties ?? Infinity);
    const inner = members(values, `${path}{}`, entries);
    const own = inner.find((member) => member.path === `${path}{}`)?.most ?? 0;
    const rest = inner.filter((member) => member.path !== `${path}{}`);
    return [...below, { path: `${path}{}`, most: own + entries * LONGEST_KEY }, ...rest];
  }
  if (items !== undefined) return [...below, ...members(items, `${path}[]`, times * (schema.maxItems ?? Infinity))];
  if (schema.type !== "string") return below;
  const longest = schema.maxLength ?? Math.max(...(schema.enum ?? []).map((one) => one.length));
  return [...below, { path, most: times * (longest > 0 ? longest : Infinity) }];
}

interface Policy {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly matchConditions: readonly { readonly name: string; readonly expression: string }[];
    readonly variables: readonly { readonly name: string; readonly expression: string }[];
    readonly validations: readonly { readonly messageExpression: string }[];
  };
}

const policies = async (): Promise<readonly Policy[]> => {
  const text = await readFile(join(import.meta.dirname, "../config/policies/bounds.yaml"), "utf8");
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Policy)
    .filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
};

describe("the bounds on what grows", () => {
  it("measure every large member of every spec", async () => {
    const crds = (await readCrds()).filter(({ spec }) => spec.names.kind !== "OrphanedCredential");
    strictEqual(crds.length, Object.keys(MEASURED).length);
    for (const crd of crds) {
      const { kind } = crd.spec.names;
      const all = members(schemaOf(crd).properties!["spec"]!, "", 1);
      const large = all.filter(({ most }) => most >= LARGE).map(({ path }) => path);
      deepStrictEqual(large.sort(), [...MEASURED[kind]!].sort(), `${kind}: name what is new in bounds.yaml and here`);
      const rest = all.filter(({ most }) => most < LARGE).reduce((sum, { most }) => sum + most, 0);
      ok(rest <= MOST_OF_THE_REST, `${kind}: members that are not measured may have ${rest} characters together`);
    }
  });

  it("name in an expression what they measure", async () => {
    const spec = (await policies()).find(({ metadata }) => metadata.name === "keyturn-spec-bound")!.spec;
    const measuring = spec.variables.map(({ expression }) => expression).join("\n");
    const changes = spec.matchConditions.map(({ expression }) => expression).join("\n");
    for (const path of Object.values(MEASURED).flat()) {
      const names = path.replaceAll(/\[\]|\{\}/g, "").split(".");
      for (const name of names) match(measuring, new RegExp(`\\.\\??${name}\\b`), path);
      ok(changes.includes(`'${names[0]}'`), `${path}: a change of it is measured`);
    }
  });

  it("measure what was before as what is now", async () => {
    for (const { spec, metadata } of await policies()) {
      const names = spec.variables.map(({ name }) => name);
      const pairs = spec.variables.filter(({ name }) => names.includes(`${name}Before`));
      ok(pairs.length >= 5, metadata.name);
      for (const { name, expression } of pairs) {
        const before = spec.variables.find((one) => one.name === `${name}Before`)!.expression;
        // `bytes` is the number of entries where there are too many; what was before is asked for only where there are not.
        const now = expression
          .replace(/^variables\.keyCount > \d+ \? .* : (?=variables\.statementBytes )/, "")
          .replaceAll(/variables\.(\w+)/g, (whole, one: string) =>
            names.includes(`${one}Before`) ? `${whole}Before` : whole,
          )
          .replaceAll("variables.now.", "variables.before.")
          .replace(/^object\.(.*)$/, (_, rest: string) => {
            const empty = /\((.*)\)$/.exec(rest)?.[1] ?? "";
            return `request.operation == 'CREATE' ? ${empty} : oldObject.${rest}`;
          });
        strictEqual(before, now, `${metadata.name} ${name}`);
      }
    }
  });

  it("never bind the operator and the garbage collector", async () => {
    const both = await policies();
    strictEqual(both.length, 2);
    for (const { spec } of both)
      for (const name of [
        "keyturn-system:keyturn",
        "kube-system:generic-garbage-collector",
        "kube-system:namespace-controller",
      ])
        ok(spec.matchConditions[0]?.expression.includes(`'system:serviceaccount:${name}'`), name);
  });
});
