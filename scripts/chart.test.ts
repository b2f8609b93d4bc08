import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";

const ROOT = join(import.meta.dirname, "..");
const TEMPLATES = "charts/keyturn/templates";

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

interface PolicySpec {
  readonly failurePolicy?: string;
  readonly policyName?: string;
  readonly validationActions?: readonly string[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules?: readonly Rule[];
  readonly spec?: PolicySpec;
}

const read = (path: string): Promise<string> => readFile(join(ROOT, path), "utf8");

/**
 * A template as Helm renders it with the values as shipped, on a cluster that has everything: of `if … else` the part after
 * `else` (all values are empty), and what stands in an `if` alone. What is left stands where a plain value does.
 */
const rendered = (text: string): string =>
  text
    .replaceAll(/\{\{- if \$all \}\}[\s\S]*?\{\{- else \}\}/g, "")
    .replaceAll(/\{\{- if has [\s\S]*?\{\{- end \}\}\n/g, "")
    .replaceAll(/^\{\{- .*\}\}\n/gm, "")
    .replaceAll("{{ .Release.Namespace }}", "keyturn-system");

const objects = async (path: string): Promise<readonly Manifest[]> =>
  parseAllDocuments(rendered(await read(path))).map((document) => document.toJSON() as Manifest);

const rulesIn = async (path: string): Promise<readonly { readonly role: Manifest; readonly rule: Rule }[]> =>
  (await objects(path)).flatMap((role) =>
    (role.rules ?? []).map((rule) => ({ role, rule: { ...{ apiGroups: [], resources: [] }, ...rule } })),
  );

describe("permissions", () => {
  it("are the same in the chart and in config/rbac", async () => {
    // Those of the operator are made from one source; `accept -- install` renders both.
    for (const name of ["grantable-roles", "users"])
      deepStrictEqual(await objects(`${TEMPLATES}/rbac-${name}.yaml`), await objects(`config/rbac/${name}.yaml`), name);
  });

  it("hold no wildcard, no way to widen themselves, and no list of Secrets in the cluster", async () => {
    const files = [
      "config/rbac/operator.yaml",
      "config/namespaces/operator.yaml",
      "config/namespaces/namespace-role.yaml",
    ];
    const all = (await Promise.all(files.map((file) => rulesIn(file)))).flat();
    ok(all.length > 30);
    for (const { role, rule } of all) {
      const { apiGroups, resources, verbs } = rule;
      const words = [...apiGroups, ...resources, ...verbs];
      for (const word of ["*", "escalate", "bind", "impersonate"])
        ok(!words.includes(word), `${role.metadata.name}: ${word}`);
      const listsSecrets = resources.includes("secrets") && (verbs.includes("list") || verbs.includes("watch"));
      ok(role.kind !== "ClusterRole" || !listsSecrets, role.metadata.name);
    }
  });

  it("reach no Secret beyond the namespaces that are named, where namespaces are named", async () => {
    const rules = await rulesIn("config/namespaces/operator.yaml");
    ok(rules.length > 5);
    for (const { role, rule } of rules) {
      deepStrictEqual([role.kind, role.metadata.name], ["ClusterRole", "keyturn-operator"]);
      for (const resource of ["secrets", "serviceaccounts", "rolebindings", "deployments", "secretrotations"])
        ok(!rule.resources.includes(resource), resource);
      if (rule.resources.includes("clusterrolebindings")) deepStrictEqual(rule.verbs, ["get", "list"]);
    }
  });

  it("cannot touch roles, tokens of others or policies, and make identities nowhere but in their own namespace", async () => {
    const all = await rulesIn("config/rbac/operator.yaml");
    const verbsOn = (resource: string, kind: string): readonly string[] =>
      all
        .filter(({ role, rule }) => role.kind === kind && rule.resources.includes(resource))
        .flatMap(({ rule }) => rule.verbs);
    for (const resource of ["roles", "clusterroles"]) {
      deepStrictEqual(verbsOn(resource, "ClusterRole"), ["get"]);
      deepStrictEqual(verbsOn(resource, "Role"), []);
    }
    ok(!verbsOn("serviceaccountlifecycles", "ClusterRole").includes("create"));
    deepStrictEqual(verbsOn("serviceaccountlifecycles", "Role"), ["create"]);
    ok(!all.some(({ rule }) => rule.apiGroups.includes("admissionregistration.k8s.io")));
    const tokens = all.filter(({ rule }) => rule.resources.includes("serviceaccounts/token"));
    deepStrictEqual(
      tokens.map(({ role, rule }) => [role.kind, rule.resourceNames]),
      [["Role", ["keyturn"]]],
    );
  });

  it("give bind on roles that are named, and on none as shipped", async () => {
    deepStrictEqual(await rulesIn("config/rbac/grantable-roles.yaml"), []);
    const template = await read(`${TEMPLATES}/rbac-grantable-roles.yaml`);
    // Each rule that the chart may render: bind and nothing else, on names and nothing else.
    const given = template.slice(template.indexOf("{{- if $all }}"), template.indexOf("{{- else }}"));
    const rules = (
      parse(given.replaceAll(/^\{\{- .*\}\}\n/gm, "").replaceAll("{{ toJson . }}", '["named"]')) as Manifest
    ).rules;
    deepStrictEqual(
      rules,
      ["clusterroles", "roles"].map((resource) => ({
        apiGroups: ["rbac.authorization.k8s.io"],
        resources: [resource],
        resourceNames: ["named"],
        verbs: ["bind"],
      })),
    );
    ok(template.includes('{{- if has "*" $all }}\n{{- fail '), "the chart refuses *");
  });

  it("let people write specs and no status; each other role writes what it is for and nothing else, and is aggregated to nobody", async () => {
    const written: Record<string, string[]> = {};
    for (const { role, rule } of await rulesIn("config/rbac/users.yaml")) {
      const { name, ...rest } = role.metadata;
      const writes = rule.verbs.filter((verb) => !["get", "list", "watch"].includes(verb));
      ok(!rule.resources.some((resource) => resource.includes("/") && resource !== "pods/log"), name);
      if (writes.length > 0)
        (written[`${role.kind} ${name}`] ??= []).push(`${rule.resources.join(" ")}: ${writes.join(" ")}`);
      if (/^keyturn-(view|edit)$/.test(name)) continue;
      deepStrictEqual(rest, role.kind === "Role" ? { namespace: "keyturn-system" } : {}, name);
    }
    deepStrictEqual(written, {
      "ClusterRole keyturn-edit": [
        "secretrotations serviceaccountlifecycles: create update patch delete deletecollection",
      ],
      "ClusterRole keyturn-approver": ["orphanedcredentials: patch"],
      "ClusterRole keyturn-platform": [
        "providerconnections: create update patch delete",
        "orphanedcredentials: patch keep",
      ],
      "Role keyturn-platform": ["configmaps: create", "configmaps: update patch delete"],
      "ClusterRole keyturn-security": ["identityholds: create delete", "orphanedcredentials: patch keep"],
    });
    const readers = (await objects("config/rbac/users.yaml")).filter(({ rules = [] }) =>
      rules.some(({ nonResourceURLs }) => nonResourceURLs !== undefined),
    );
    deepStrictEqual(
      readers.map(({ metadata, rules }) => [metadata.name, rules]),
      [["keyturn-metrics-reader", [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }]]],
    );
  });
});

describe("admission policies", () => {
  const folder = "config/policies";
  const files = async (): Promise<readonly string[]> =>
    (await readdir(join(ROOT, folder), { recursive: true }))
      .filter((file) => file.endsWith(".yaml") && !file.endsWith("kustomization.yaml"))
      .sort();

  it("are the same in the chart and in config/policies", async () => {
    for (const file of await files()) {
      const name = file.split("/").at(-1) ?? "";
      deepStrictEqual(await objects(`${TEMPLATES}/policies-${name}`), await objects(`${folder}/${file}`), file);
    }
    const templates = (await readdir(join(ROOT, TEMPLATES))).filter((file) => file.startsWith("policies-"));
    strictEqual(templates.length, (await files()).length, "no template without its file");
  });

  it("name the operator in the chart by the namespace of the release", async () => {
    for (const file of await files()) {
      const template = await read(`${TEMPLATES}/policies-${file.split("/").at(-1) ?? ""}`);
      ok(!template.includes("keyturn-system"), file);
      ok(template.includes("system:serviceaccount:{{ .Release.Namespace }}:keyturn"), file);
    }
  });

  it("refuse when they cannot judge, and each is bound so that it denies, but for the one that only warns", async () => {
    const all = (await Promise.all((await files()).map((file) => objects(`${folder}/${file}`)))).flat();
    const policies = all.filter(({ kind }) => kind.endsWith("AdmissionPolicy"));
    ok(policies.length >= 7);
    for (const { kind, metadata, spec } of policies) {
      strictEqual(spec?.failurePolicy, "Fail", metadata.name);
      const binding = all.find((one) => one.kind === `${kind}Binding` && one.spec?.policyName === metadata.name);
      ok(binding !== undefined, `${metadata.name} is not bound`);
      if (kind === "ValidatingAdmissionPolicy") {
        const actions = metadata.name === "keyturn-retain" ? ["Warn"] : ["Deny"];
        deepStrictEqual(binding.spec?.validationActions, actions);
      }
    }
  });

  it("stamp only where the cluster can", async () => {
    const template = await read(`${TEMPLATES}/policies-stamp.yaml`);
    ok(
      template.startsWith(
        '{{- if .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" }}\n',
      ),
    );
    const older = parse(await read("config/before-1.36/kustomization.yaml")) as { resources: string[] };
    const newer = parse(await read("config/default/kustomization.yaml")) as { resources: string[] };
    ok(!older.resources.includes("../policies/stamping") && newer.resources.includes("../policies/stamping"));
  });
});

describe("kustomize", () => {
  it("takes in every file that lies beside it or below", async () => {
    for (const folder of [
      "crd",
      "rbac",
      "hook-jobs",
      "fairness",
      "manager",
      "policies",
      "policies/stamping",
      "quota",
      "samples",
    ]) {
      const { resources } = parse(await read(`config/${folder}/kustomization.yaml`)) as {
        resources: readonly string[];
      };
      const below = await readdir(join(ROOT, "config", folder), { recursive: true });
      const files = below.filter(
        (file) => file.endsWith(".yaml") && !file.endsWith("kustomization.yaml") && !/^(invalid|stamping)\//.test(file),
      );
      deepStrictEqual([...resources].sort(), files.sort(), folder);
    }
  });
});
