import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeClient, KubeObject } from "../stack/kube.ts";
import { root } from "./paths.ts";

const ROLE = "keyturn-metrics-reader";
const rbac = "/apis/rbac.authorization.k8s.io/v1";

/** A ServiceAccount with the shipped role, or without any, and a token of it. */
export async function metricsReader(
  kube: KubeClient,
  { namespace, name, role }: { readonly namespace: string; readonly name: string; readonly role: boolean },
): Promise<string> {
  await kube.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  if (role) {
    await kube.apply(`${rbac}/clusterroles/${ROLE}`, await shippedRole(), "platform");
    const apiGroup = "rbac.authorization.k8s.io";
    await kube.create(`${rbac}/clusterrolebindings`, {
      metadata: { name: `${ROLE}-${namespace}-${name}` },
      roleRef: { apiGroup, kind: "ClusterRole", name: ROLE },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    });
  }
  return kube.serviceAccountToken(namespace, name);
}

const shippedRole = async (): Promise<KubeObject> => {
  const text = await readFile(join(root, "config/rbac/users.yaml"), "utf8");
  const found = parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject)
    .find(({ metadata }) => metadata.name === ROLE);
  if (found === undefined) throw new Error(`config/rbac/users.yaml has no ${ROLE}`);
  return found;
};
