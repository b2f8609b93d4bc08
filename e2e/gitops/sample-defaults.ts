import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { root } from "../lane/paths.ts";
import type { KubeClient, KubeObject } from "../stack/kube.ts";

const PLURALS: Readonly<Record<string, string>> = {
  ProviderConnection: "providerconnections",
  SecretRotation: "secretrotations",
  ServiceAccountLifecycle: "serviceaccountlifecycles",
};

/** Fields of the valid samples that the API server stores otherwise than they were written: Git would never be in sync with them. */
export async function outOfSyncFields(kube: KubeClient): Promise<readonly string[]> {
  const folder = join(root, "config/samples/valid");
  const found: string[] = [];
  for (const file of (await readdir(folder)).sort()) {
    for (const document of parseAllDocuments(await readFile(join(folder, file), "utf8"))) {
      const sample = document.toJS() as KubeObject;
      const { namespace } = sample.metadata as { readonly namespace?: string };
      const plural = PLURALS[sample.kind ?? ""] ?? "";
      const place = namespace === undefined ? "" : `namespaces/${namespace}/`;
      const stored = await kube.create(`/apis/keyturn.dev/v1alpha1/${place}${plural}?dryRun=All`, sample);
      found.push(...differing(sample["spec"], stored["spec"], "spec").map((field) => `${file}: ${field}`));
    }
  }
  return found;
}

/** Paths at which the two differ. */
export function differing(written: unknown, stored: unknown, path: string): readonly string[] {
  if (isObject(written) && isObject(stored))
    return [...new Set([...Object.keys(written), ...Object.keys(stored)])].flatMap((key) =>
      differing(written[key], stored[key], `${path}.${key}`),
    );
  return JSON.stringify(written) === JSON.stringify(stored) ? [] : [path];
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;
