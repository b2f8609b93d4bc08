import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { compareCrds, describeFinding, refused } from "./crd-compat.ts";
import { readCrds, type Crd } from "./samples.ts";

const ROOT = join(import.meta.dirname, "..");
const BASELINES = "e2e/upgrade/baseline";

const CRD = `
metadata: { name: things.keyturn.dev }
spec:
  group: keyturn.dev
  scope: Namespaced
  names: { kind: Thing, plural: things, shortNames: [th] }
  versions:
    - name: v1alpha1
      served: true
      storage: true
      subresources: { status: {} }
      additionalPrinterColumns:
        - { name: Ready, type: string, jsonPath: .status.ready }
      schema:
        openAPIV3Schema:
          type: object
          required: [spec]
          properties:
            spec:
              type: object
              x-kubernetes-validations:
                - { rule: "self.a == 'x' || has(self.b)", message: "spec.b is needed" }
              properties:
                mode: { type: string, enum: [One, Two] }
                name: { type: string, minLength: 1, maxLength: 63, pattern: "^[a-z]+$" }
                count: { type: integer, format: int32, minimum: 1, maximum: 9 }
                free: { type: string }
                open: { type: object, nullable: true }
                list:
                  type: array
                  minItems: 1
                  maxItems: 8
                  x-kubernetes-list-type: map
                  x-kubernetes-list-map-keys: [name]
                  items: { type: object, required: [name], properties: { name: { type: string }, more: { type: string } } }
                keys: { type: object, maxProperties: 8, additionalProperties: { type: string, maxLength: 128 } }
                deep: { type: object, properties: { inner: { type: object, properties: { leaf: { type: string } } } } }
            status:
              type: object
              properties: { ready: { type: string, enum: [Yes, No] } }
`;

/** The CRD with one piece of its text replaced. */
const withChange = (from: string, to: string): Crd => {
  assert.equal(CRD.split(from).length, 2, `${from} stands once in the CRD`);
  return parse(CRD.replace(from, to)) as Crd;
};
const found = (from: string, to: string): readonly string[] =>
  compareCrds([parse(CRD) as Crd], [withChange(from, to)]).map(
    ({ severity, where, what }) => `${severity}: ${where}: ${what}`,
  );

describe("a CRD that breaks what was there before", () => {
  for (const [sentence, from, to, finding] of [
    ["its name changes", "name: things.keyturn.dev", "name: items.keyturn.dev", "Thing: the CRD was removed"],
    [
      "its group changes",
      "group: keyturn.dev",
      "group: other.dev",
      'Thing: group changed from "keyturn.dev" to "other.dev"',
    ],
    ["its scope changes", "scope: Namespaced", "scope: Cluster", 'Thing: scope changed from "Namespaced" to "Cluster"'],
    ["its kind changes", "kind: Thing", "kind: Item", 'Thing: kind changed from "Thing" to "Item"'],
    ["its plural changes", "plural: things", "plural: items", 'Thing: plural changed from "things" to "items"'],
    ["a short name goes", ", shortNames: [th]", "", "Thing: short name th was removed"],
    ["a version goes", "- name: v1alpha1", "- name: v1", "Thing: version v1alpha1 was removed"],
    ["a version is not served", "served: true", "served: false", "Thing: version v1alpha1 is not served any more"],
    [
      "another version is stored",
      "storage: true",
      "storage: false",
      "Thing: version v1alpha1 is not the stored one any more; that needs a migration",
    ],
    [
      "the status subresource goes",
      "subresources: { status: {} }",
      "subresources: {}",
      "Thing: subresource status was removed",
    ],
    ["a printer column goes", "{ name: Ready, ", "{ name: State, ", "Thing: printer column Ready was removed"],
    [
      "a printer column shows another field",
      ".status.ready",
      ".status.state",
      "Thing: printer column Ready shows something else",
    ],
    [
      "a printer column changes its type",
      "name: Ready, type: string",
      "name: Ready, type: date",
      "Thing: printer column Ready shows something else",
    ],
    ["a field goes", "free: { type: string }", "other: { type: string }", "Thing spec.free: the field was removed"],
    [
      "a field deep down goes",
      "leaf: { type: string }",
      "twig: { type: string }",
      "Thing spec.deep.inner.leaf: the field was removed",
    ],
    ["a field of a list's items goes", ", more: { type: string }", "", "Thing spec.list[].more: the field was removed"],
    [
      "a field of status goes",
      "properties: { ready: { type: string, enum: [Yes, No] } }",
      "properties: {}",
      "Thing status.ready: the field was removed",
    ],
    [
      "a field changes its type",
      "free: { type: string }",
      "free: { type: integer }",
      'Thing spec.free: type changed from "string" to "integer"',
    ],
    [
      "a field changes its format",
      "format: int32",
      "format: int64",
      'Thing spec.count: format changed from "int32" to "int64"',
    ],
    [
      "a field gets a format",
      "free: { type: string }",
      "free: { type: string, format: date-time }",
      'Thing spec.free: format changed from none to "date-time"',
    ],
    [
      "a field gets a default",
      "free: { type: string }",
      "free: { type: string, default: a }",
      'Thing spec.free: default changed from none to "a"',
    ],
    [
      "a map becomes an object",
      "additionalProperties: { type: string, maxLength: 128 }",
      "properties: {}",
      "Thing spec.keys{}: was removed",
    ],
    [
      "an object becomes a map",
      "free: { type: string }",
      "free: { type: string, additionalProperties: {} }",
      "Thing spec.free{}: was made another shape",
    ],
    [
      "values of a map are narrowed",
      "maxLength: 128",
      "maxLength: 64",
      "Thing spec.keys{}: maxLength fell from 128 to 64",
    ],
    [
      "a list changes what tells its items apart",
      "list-map-keys: [name]",
      "list-map-keys: [more]",
      'Thing spec.list: x-kubernetes-list-map-keys changed from ["name"] to ["more"]',
    ],
    [
      "a list is merged in another way",
      "list-type: map",
      "list-type: atomic",
      'Thing spec.list: x-kubernetes-list-type changed from "map" to "atomic"',
    ],
    ["a word goes", "enum: [One, Two]", "enum: [One]", "Thing spec.mode: Two is not allowed any more"],
    ["a word of status goes", "enum: [Yes, No]", "enum: [Yes]", "Thing status.ready: No is not allowed any more"],
    [
      "only some words are allowed now",
      "free: { type: string }",
      "free: { type: string, enum: [a] }",
      "Thing spec.free: only a are allowed now",
    ],
    ["a text may be less long", "maxLength: 63", "maxLength: 62", "Thing spec.name: maxLength fell from 63 to 62"],
    [
      "a text gets a bound",
      "free: { type: string }",
      "free: { type: string, maxLength: 9 }",
      "Thing spec.free: maxLength fell from none to 9",
    ],
    ["a text must be longer", "minLength: 1", "minLength: 2", "Thing spec.name: minLength rose from 1 to 2"],
    ["a number may be less large", "maximum: 9", "maximum: 8", "Thing spec.count: maximum fell from 9 to 8"],
    ["a number must be larger", "minimum: 1", "minimum: 2", "Thing spec.count: minimum rose from 1 to 2"],
    ["a list may be less long", "maxItems: 8", "maxItems: 7", "Thing spec.list: maxItems fell from 8 to 7"],
    ["a list must be longer", "minItems: 1", "minItems: 2", "Thing spec.list: minItems rose from 1 to 2"],
    [
      "a map may have fewer members",
      "maxProperties: 8",
      "maxProperties: 7",
      "Thing spec.keys: maxProperties fell from 8 to 7",
    ],
    ["a pattern changes", "^[a-z]+$", "^[a-y]+$", 'Thing spec.name: pattern changed from "^[a-z]+$" to "^[a-y]+$"'],
    [
      "a text gets a pattern",
      "free: { type: string }",
      "free: { type: string, pattern: a }",
      'Thing spec.free: pattern changed from none to "a"',
    ],
    [
      "null is allowed no more",
      "open: { type: object, nullable: true }",
      "open: { type: object }",
      "Thing spec.open: nullable went",
    ],
    [
      "a field becomes required",
      "required: [name]",
      "required: [name, more]",
      "Thing spec.list[]: more became required",
    ],
  ] as const) {
    it(`is found when ${sentence}`, () => {
      assert.deepEqual(found(from, to), [`break: ${finding}`]);
    });
  }
});

describe("a CRD that only gives more", () => {
  for (const [sentence, from, to] of [
    [
      "a field comes, with bounds and rules of its own",
      "free: { type: string }",
      "free: { type: string }\n                new: { type: object, required: [a], x-kubernetes-validations: [{ rule: r, message: m }], properties: { a: { type: string, maxLength: 1 } } }",
    ],
    ["a word comes", "enum: [One, Two]", "enum: [One, Two, Three]"],
    ["all words are allowed", ", enum: [One, Two]", ""],
    ["a bound is wider", "maxLength: 63", "maxLength: 64"],
    ["a bound goes", "minLength: 1, ", ""],
    ["a pattern goes", ', pattern: "^[a-z]+$"', ""],
    ["null is allowed", "free: { type: string }", "free: { type: string, nullable: true }"],
    ["a field is required no more", "required: [name], ", ""],
    [
      "a printer column comes",
      "additionalPrinterColumns:",
      "additionalPrinterColumns:\n        - { name: Age, type: date, jsonPath: .metadata.creationTimestamp }",
    ],
    ["a rule goes", "x-kubernetes-validations", "x-unused"],
    ["a rule has another message", "spec.b is needed", "spec.b must be there"],
    ["a description changes", "free: { type: string }", "free: { type: string, description: more }"],
    [
      "another version comes",
      "- name: v1alpha1",
      "- { name: v1, served: true, storage: false, schema: { openAPIV3Schema: { type: object } } }\n    - name: v1alpha1",
    ],
  ] as const) {
    it(`breaks nothing when ${sentence}`, () => {
      assert.deepEqual(found(from, to), []);
    });
  }

  it("breaks nothing when a kind comes", () => {
    const other = parse(CRD.replaceAll("things", "others")) as Crd;
    assert.deepEqual(compareCrds([parse(CRD) as Crd], [other, parse(CRD) as Crd]), []);
  });
});

describe("a rule in CEL that is new or changed", () => {
  const changed = compareCrds([parse(CRD) as Crd], [withChange("|| has(self.b)", "&& has(self.b)")]);

  it("is found, for nobody can tell whether it lets in all that it did", () => {
    assert.deepEqual(changed, [{ severity: "tightened", where: "Thing spec", what: "spec.b is needed" }]);
  });

  it("is refused until the CHANGELOG quotes its message, however it is wrapped there", () => {
    assert.equal(refused(changed, "* Fields of Thing.").length, 1);
    assert.deepEqual(refused(changed, "* New rule: spec.b is\n  needed."), []);
  });

  it("leaves a break refused, whatever the CHANGELOG says", () => {
    const findings = compareCrds(
      [parse(CRD) as Crd],
      [withChange("free: { type: string }", "free: { type: integer }")],
    );
    assert.equal(refused(findings, findings.map(describeFinding).join("\n")).length, 1);
  });
});

describe("today's CRDs", () => {
  it("fit every state that has landed before, and the CHANGELOG quotes each rule that is new", async () => {
    const changelog = await readFile(join(ROOT, "CHANGELOG.md"), "utf8");
    const entries = await readdir(join(ROOT, BASELINES), { withFileTypes: true });
    const baselines = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    assert.ok(baselines.includes("e487550"), "the first landed state is compared with");
    for (const name of baselines) {
      const before = await readCrds(join(BASELINES, name));
      assert.ok(before.length >= 3, name);
      const lines = refused(compareCrds(before, await readCrds()), changelog).map(describeFinding);
      assert.deepEqual(lines, [], `compared with ${BASELINES}/${name}`);
    }
  });

  it("let an object be null wherever it may be empty: server-side apply stores null for one that an applier empties", async () => {
    // A rule demands a member of these, so they cannot be emptied.
    const never = ["spec.source", "spec.source.awsAccessKey", "spec.schedule"];
    const refusing: string[] = [];
    for (const { spec } of await readCrds()) {
      if (!["ServiceAccountLifecycle", "SecretRotation"].includes(spec.names.kind)) continue;
      const root = spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"];
      assert.ok(root !== undefined);
      refusing.push(...emptyable("spec", root).filter((path) => !never.includes(path)));
    }
    assert.deepEqual(refusing, []);
  });
});

type Schema = NonNullable<Crd["spec"]["versions"][number]["schema"]["openAPIV3Schema"]>;

/** Objects that an applier may send empty and that are not nullable. What is inside an atomic list is stored as it was sent. */
const emptyable = (path: string, schema: Schema): readonly string[] => [
  ...(schema.type === "object" && (schema.required ?? []).length === 0 && schema.nullable !== true ? [path] : []),
  ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) => emptyable(`${path}.${name}`, member)),
  ...(schema.items === undefined || schema["x-kubernetes-list-type"] === "atomic"
    ? []
    : emptyable(`${path}[]`, schema.items)),
];
