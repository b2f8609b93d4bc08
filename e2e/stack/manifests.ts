import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { KubeClient, KubeObject } from "./kube.ts";
import { KubeError } from "./kube.ts";
import { waitFor } from "./wait.ts";

/** All objects of the YAML files of a folder, in the order of their names; folders named `samples` are left out. */
export async function readManifests(folder: string): Promise<KubeObject[]> {
  const objects: KubeObject[] = [];
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    if ((await stat(path)).isDirectory()) {
      if (name !== "samples") objects.push(...(await readManifests(path)));
    } else if (/\.ya?ml$/.test(name) && !name.startsWith("kustomization")) {
      for (const document of parseAllDocuments(await readFile(path, "utf8"))) {
        const object = document.toJS() as KubeObject | null;
        if (object?.kind !== undefined && object.apiVersion !== undefined) objects.push(object);
      }
    }
  }
  return objects;
}

/**
 * Applies every object of a folder (server-side apply, namespaces and CRDs first) and waits until its CRDs are served. A
 * refusal does not stop the others: it is a line of `refused`.
 */
export async function applyManifests(
  kube: KubeClient,
  folder: string,
): Promise<{ applied: string[]; refused: string[] }> {
  const first = (object: KubeObject): number => {
    const at = ["Namespace", "CustomResourceDefinition"].indexOf(object.kind ?? "");
    return at < 0 ? 2 : at;
  };
  const objects = (await readManifests(folder)).sort((a, b) => first(a) - first(b));
  const applied: string[] = [];
  const refused: string[] = [];
  for (const object of objects) {
    const title = `${object.kind ?? ""} ${object.metadata.name}`;
    try {
      const path = await pathOf(kube, object);
      await kube.apply(path, object, "keyturn-manifests");
      if (object.kind === "CustomResourceDefinition") await served(kube, path);
      applied.push(title);
    } catch (error) {
      if (!(error instanceof KubeError)) throw error;
      refused.push(`${title}: ${error.message}`);
    }
  }
  return { applied, refused };
}

/** The path of an object, with the resource name from the API server's discovery. */
export async function pathOf(kube: KubeClient, object: KubeObject): Promise<string> {
  const { apiVersion = "", kind = "", metadata } = object;
  const base = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  interface Resources {
    readonly resources: readonly { name: string; kind: string; namespaced: boolean }[];
  }
  const { resources } = (await kube.get(base)) as unknown as Resources;
  const resource = resources.find((entry) => entry.kind === kind && !entry.name.includes("/"));
  if (resource === undefined)
    throw new KubeError(`${apiVersion} ${kind}`, 404, "NotFound", "the API server does not serve this kind");
  const namespace = resource.namespaced ? `/namespaces/${metadata.namespace ?? "default"}` : "";
  return `${base}${namespace}/${resource.name}/${metadata.name}`;
}

async function served(kube: KubeClient, path: string): Promise<void> {
  await waitFor(`${path} is established`, async () => {
    const { conditions = [] } = ((await kube.get(path))["status"] ?? {}) as {
      conditions?: { type: string; status: string }[];
    };
    return conditions.some(({ type, status }) => type === "Established" && status === "True");
  });
  const { spec } = (await kube.get(path)) as unknown as {
    spec: { group: string; names: { plural: string }; versions: { name: string; served: boolean }[] };
  };
  // Established comes a moment before the handler: the first list that works is the end of the wait.
  for (const { name, served: isServed } of spec.versions)
    if (isServed)
      await waitFor(`${spec.names.plural} can be listed`, () =>
        kube.list(`/apis/${spec.group}/${name}/${spec.names.plural}?limit=1`),
      );
}
