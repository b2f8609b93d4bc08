import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeClient, KubeObject } from "./kube.ts";
import { waitFor } from "./wait.ts";

const root = join(import.meta.dirname, "../..");
const namespaceAsShipped = "keyturn-system";
const shipped = `system:serviceaccount:${namespaceAsShipped}:keyturn`;
const group = "/apis/admissionregistration.k8s.io/v1";

/** For whom the policies of config/policies are rendered. */
export interface AdmissionOptions {
  readonly operatorNamespace: string;
  /** The operator's ServiceAccount; absent means keyturn. */
  readonly serviceAccount?: string;
  /** Is appended to every name, so that several sets can stand in one cluster; absent means the names as shipped. */
  readonly suffix?: string;
  /**
   * The namespaces that this set judges; the operator's own is always one of them. Absent means the whole cluster. What has
   * no namespace (ledger entries, ClusterRoleBindings) is judged when it is about one of these.
   */
  readonly namespaces?: readonly string[];
  /** Without it the cluster is one before 1.36: clients stamp themselves. Absent means true. */
  readonly stamping?: boolean;
}

interface Policy extends KubeObject {
  readonly kind: string;
  spec: {
    policyName?: string;
    matchConstraints?: {
      resourceRules: { resources: string[] }[];
      namespaceSelector?: object;
    };
    matchConditions?: { name: string; expression: string }[];
  };
}

/** The policies and bindings of config/policies for one operator, policies first. */
export async function admissionPolicies(options: AdmissionOptions): Promise<KubeObject[]> {
  const { operatorNamespace, serviceAccount = "keyturn", suffix, namespaces, stamping = true } = options;
  const user = `system:serviceaccount:${operatorNamespace}:${serviceAccount}`;
  const name = (one: string): string => (suffix === undefined ? one : `${one}-${suffix}`);
  const rendered = (await shippedPolicies()).map((policy): Policy => {
    const text = JSON.stringify(policy)
      .replaceAll(shipped, user)
      .replaceAll(`'${namespaceAsShipped}'`, `'${operatorNamespace}'`);
    const copy = JSON.parse(text) as Policy;
    copy.metadata.name = name(copy.metadata.name);
    if (copy.spec.policyName !== undefined) copy.spec.policyName = name(copy.spec.policyName);
    if (copy.spec.matchConstraints !== undefined && namespaces !== undefined)
      narrow(copy, [...new Set([operatorNamespace, ...namespaces])]);
    return copy;
  });
  const wanted = rendered.filter(({ kind }) => stamping || !kind.startsWith("Mutating"));
  const isBinding = ({ kind }: Policy): boolean => kind.endsWith("Binding");
  return [...wanted.filter((one) => !isBinding(one)), ...wanted.filter(isBinding)];
}

async function shippedPolicies(): Promise<Policy[]> {
  const folder = join(root, "config/policies");
  const files = (await readdir(folder, { recursive: true })).filter(
    (file) => file.endsWith(".yaml") && !file.endsWith("kustomization.yaml"),
  );
  const texts = await Promise.all(files.sort().map((file) => readFile(join(folder, file), "utf8")));
  return texts.flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Policy));
}

/** A namespaceSelector lets everything through that has no namespace, so that needs a condition of its own. */
function narrow({ spec }: Policy, namespaces: readonly string[]): void {
  const constraints = spec.matchConstraints!;
  constraints.namespaceSelector = {
    matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "In", values: namespaces }],
  };
  const among = `in [${namespaces.map((one) => `'${one}'`).join(", ")}]`;
  const resources = constraints.resourceRules.flatMap((rule) => rule.resources);
  const about = (expression: string): void => {
    spec.matchConditions = [{ name: "about-these-namespaces", expression }, ...(spec.matchConditions ?? [])];
  };
  if (resources.includes("orphanedcredentials"))
    about(
      `request.resource.resource != 'orphanedcredentials' || (request.operation == 'DELETE' ? oldObject : object).spec.origin.namespace ${among}`,
    );
  if (resources.includes("clusterrolebindings"))
    about(
      `request.?namespace.orValue('') != '' || object.metadata.?annotations[?'keyturn.dev/owner'].orValue('').split('/').exists(n, n ${among})`,
    );
}

const pathOf = ({ kind = "", metadata }: KubeObject): string => {
  const plural = kind.endsWith("Policy") ? `${kind.toLowerCase().slice(0, -1)}ies` : `${kind.toLowerCase()}s`;
  return `${group}/${plural}/${metadata.name}`;
};

/** A set of policies that judges requests. */
export interface InstalledAdmission {
  remove(): Promise<void>;
}

/** Applies the policies and resolves when they are in force: an API server takes a moment to see them. */
export async function installAdmission(kube: KubeClient, options: AdmissionOptions): Promise<InstalledAdmission> {
  const objects = await admissionPolicies(options);
  for (const object of objects) await kube.apply(pathOf(object), object, "keyturn-manifests");
  await Promise.all([
    validatingInForce(kube, options),
    ...(options.stamping === false ? [] : [mutatingInForce(kube, options.operatorNamespace)]),
  ]);
  return {
    async remove() {
      for (const object of [...objects].reverse()) await kube.delete(pathOf(object));
    },
  };
}

/** The API server looks at policies in the order in which they were made, so when the newest one bites, all do. */
async function validatingInForce(kube: KubeClient, { operatorNamespace, suffix }: AdmissionOptions): Promise<void> {
  const name = `keyturn-sentinel-${suffix ?? "shipped"}`;
  const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] };
  const of = (kind: string, spec: object): KubeObject => ({
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
    metadata: { name },
    spec,
  });
  const sentinel = [
    of("ValidatingAdmissionPolicy", {
      matchConstraints: { resourceRules: [rule] },
      matchConditions: [{ name: "the-probe", expression: `request.name == '${name}'` }],
      validations: [{ expression: "false", message: "in force" }],
    }),
    of("ValidatingAdmissionPolicyBinding", { policyName: name, validationActions: ["Deny"] }),
  ];
  for (const object of sentinel) await kube.apply(pathOf(object), object, "keyturn-manifests");
  try {
    const probe = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: operatorNamespace } };
    await waitFor("the policies are in force", async () => {
      const path = `/api/v1/namespaces/${operatorNamespace}/configmaps?dryRun=All`;
      return (await kube.raw("POST", path, probe)).body.includes("in force");
    });
  } finally {
    for (const object of sentinel.reverse()) await kube.delete(pathOf(object));
  }
}

async function mutatingInForce(kube: KubeClient, operatorNamespace: string): Promise<void> {
  const path = `/apis/keyturn.dev/v1alpha1/namespaces/${operatorNamespace}/serviceaccountlifecycles?dryRun=All`;
  const probe = {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ServiceAccountLifecycle",
    metadata: { name: "keyturn-sentinel", namespace: operatorNamespace },
    spec: {
      owner: { team: "keyturn", contact: "nobody@example.com" },
      purpose: "Shows that stamping is in force",
      accounts: [{ name: "none", kubernetes: {} }],
    },
  };
  await waitFor("stamping is in force", async () => {
    const { metadata } = await kube.create(path, probe);
    return metadata.annotations?.["keyturn.dev/changed-by"] !== undefined;
  });
}

/** The verb `bind` on these roles for one operator, as the chart's value grantableRoles gives it: the objects and their paths. */
export function grantableRoles(options: {
  readonly operatorNamespace: string;
  readonly serviceAccount?: string;
  readonly suffix: string;
  readonly clusterRoles: readonly string[];
  readonly roles: readonly string[];
}): { readonly path: string; readonly object: KubeObject }[] {
  const { operatorNamespace, serviceAccount = "keyturn", suffix, clusterRoles, roles } = options;
  const name = `keyturn-operator-grantable-${suffix}`;
  const apiGroup = "rbac.authorization.k8s.io";
  const rule = (resource: string, resourceNames: readonly string[]): object[] =>
    resourceNames.length === 0
      ? []
      : [{ apiGroups: [apiGroup], resources: [resource], resourceNames, verbs: ["bind"] }];
  const object = (kind: string, rest: object): KubeObject => ({
    apiVersion: `${apiGroup}/v1`,
    kind,
    metadata: { name },
    ...rest,
  });
  const base = `/apis/${apiGroup}/v1`;
  return [
    {
      path: `${base}/clusterroles/${name}`,
      object: object("ClusterRole", { rules: [...rule("clusterroles", clusterRoles), ...rule("roles", roles)] }),
    },
    {
      path: `${base}/clusterrolebindings/${name}`,
      object: object("ClusterRoleBinding", {
        roleRef: { apiGroup, kind: "ClusterRole", name },
        subjects: [{ kind: "ServiceAccount", name: serviceAccount, namespace: operatorNamespace }],
      }),
    },
  ];
}
