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
  const files = ["service-account.yaml", "operator.yaml"].map((name) => join(root, "config/rbac", name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const clusterWide: string[] = [];
  for (const document of texts.flatMap((text) => parseAllDocuments(text))) {
    const object = document.toJS() as KubeObject | null;
    if (object?.kind === undefined) continue;
    const rendered = renderFor(object, operatorNamespace);
    const path = await pathOf(kube, rendered);
    if (rendered.metadata.namespace === undefined) clusterWide.push(path);
    await kube.apply(path, rendered, "keyturn-lane");
  }
  return clusterWide;
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
  for (const name of ["operator.yaml", "namespace-role.yaml", "namespace/role-bindings.yaml"]) {
    for (const document of parseAllDocuments(await readFile(join(root, "config/namespaces", name), "utf8"))) {
      const object = document.toJS() as KubeObject;
      const placed =
        object.kind === "RoleBinding" ? { ...object, metadata: { ...object.metadata, namespace } } : object;
      const rendered = renderFor(placed, operatorNamespace);
      await kube.apply(await pathOf(kube, rendered), rendered, "keyturn-lane");
    }
  }
  return clusterWide;
}

/** The same object for another operator namespace. */
export function renderFor(object: KubeObject, operatorNamespace: string): KubeObject {
  const text = JSON.stringify(object)
    .replaceAll(`"${shipped.namespace}"`, JSON.stringify(operatorNamespace))
    .replaceAll(`"${shipped.name}"`, JSON.stringify(`${shipped.name}-${operatorNamespace}`));
  return JSON.parse(text) as KubeObject;
}
