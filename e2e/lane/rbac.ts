import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeClient, KubeObject } from "../stack/kube.ts";
import { pathOf } from "../stack/manifests.ts";
import { root } from "./paths.ts";

const shipped = { namespace: "keyturn-system", name: "keyturn-operator" } as const;

/**
 * The operator's ServiceAccount and rights as config/rbac has them, for an operator of another namespace: what is bound to the
 * whole cluster gets a name of its own, so that several operators can live in one cluster. Gives the paths of what is not in
 * the namespace.
 */
export async function applyOperatorRbac(kube: KubeClient, operatorNamespace: string): Promise<string[]> {
  const files = ["service-account.yaml", "operator.yaml"].map((name) => `rbac/${name}`);
  const paths: string[] = [];
  for (const object of await objectsOf(files)) {
    const rendered = renderFor(object, operatorNamespace);
    const path = await applied(kube, rendered);
    if (rendered.metadata.namespace === undefined) paths.push(path);
  }
  return paths;
}

/**
 * The same as config/namespaces has it: what is bound to the whole cluster reaches kinds without a namespace alone, and the rest is
 * bound in one namespace.
 */
export async function applyNamespacedRbac(
  kube: KubeClient,
  operatorNamespace: string,
  namespace: string,
): Promise<string[]> {
  const clusterWide = await applyOperatorRbac(kube, operatorNamespace);
  const files = ["operator.yaml", "namespace-role.yaml", "namespace/role-bindings.yaml"];
  for (const object of await objectsOf(files.map((name) => `namespaces/${name}`))) {
    const placed = object.kind === "RoleBinding" ? { ...object, metadata: { ...object.metadata, namespace } } : object;
    await applied(kube, renderFor(placed, operatorNamespace));
  }
  return clusterWide;
}

/** What tokens of ServiceAccounts need, as config/rbac/token-issuer.yaml has it: in one namespace, and the review in the whole cluster. */
export async function applyTokenIssuer(kube: KubeClient, operatorNamespace: string, namespace: string): Promise<void> {
  for (const object of await objectsOf(["rbac/token-issuer.yaml"])) await applied(kube, object);
  const apiGroup = "rbac.authorization.k8s.io";
  const bindingOf = (kind: string, role: string, metadata: object): KubeObject => ({
    apiVersion: `${apiGroup}/v1`,
    kind,
    metadata: { name: `${operatorNamespace}-${role}`, ...metadata },
    roleRef: { apiGroup, kind: "ClusterRole", name: role },
    subjects: [{ kind: "ServiceAccount", name: "keyturn", namespace: operatorNamespace }],
  });
  await applied(kube, bindingOf("RoleBinding", "keyturn-token-issuer", { namespace }));
  await applied(kube, bindingOf("ClusterRoleBinding", "keyturn-token-reviewer", {}));
}

/** What Jobs of hooks need, as config/hook-jobs/role.yaml has it. */
export async function applyHookJobs(kube: KubeClient, operatorNamespace: string): Promise<void> {
  for (const object of await objectsOf(["hook-jobs/role.yaml"]))
    await applied(kube, renderFor(object, operatorNamespace));
}

/** The objects of files below config/, in their order. */
async function objectsOf(files: readonly string[]): Promise<readonly KubeObject[]> {
  const texts = await Promise.all(files.map((file) => readFile(join(root, "config", file), "utf8")));
  return texts
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object): object is KubeObject => object?.kind !== undefined);
}

async function applied(kube: KubeClient, object: KubeObject): Promise<string> {
  const path = await pathOf(kube, object);
  await kube.apply(path, object, "keyturn-lane");
  return path;
}

/** The same object for another operator namespace. */
export function renderFor(object: KubeObject, operatorNamespace: string): KubeObject {
  const text = JSON.stringify(object)
    .replaceAll(`"${shipped.namespace}"`, JSON.stringify(operatorNamespace))
    .replaceAll(`"${shipped.name}"`, JSON.stringify(`${shipped.name}-${operatorNamespace}`));
  return JSON.parse(text) as KubeObject;
}
