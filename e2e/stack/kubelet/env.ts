import type { KubeClient, KubeObject } from "../kube.ts";
import type { Container, KeyRef, Pod } from "./types.ts";

/** The environment cannot be made: a Secret, ConfigMap or key is not there, or a source is not supported. */
export class ConfigError extends Error {}

/**
 * The environment of a container as it is now: Secrets and ConfigMaps are read from the API server at each start, never from
 * memory. `base` comes first; $(NAME) in a value refers to a variable further up.
 */
export async function resolveEnv(
  kube: KubeClient,
  pod: Pod,
  container: Container,
  base: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const env: Record<string, string> = { ...base };
  const read = new Map<string, Promise<KubeObject | undefined>>();
  const object = (kind: "secrets" | "configmaps", name: string): Promise<KubeObject | undefined> => {
    const path = `/api/v1/namespaces/${pod.metadata.namespace ?? ""}/${kind}/${name}`;
    const known = read.get(path) ?? kube.find(path);
    read.set(path, known);
    return known;
  };
  const entry = async (kind: "secrets" | "configmaps", ref: KeyRef): Promise<string | undefined> => {
    const found = await object(kind, ref.name);
    const value = (found?.["data"] as Record<string, string> | undefined)?.[ref.key];
    if (value !== undefined) return kind === "secrets" ? Buffer.from(value, "base64").toString("utf8") : value;
    if (ref.optional === true) return undefined;
    const what = kind === "secrets" ? "secret" : "configmap";
    throw new ConfigError(
      found === undefined ? `${what} "${ref.name}" not found` : `couldn't find key ${ref.key} in ${what} ${ref.name}`,
    );
  };
  for (const { name, value, valueFrom } of container.env ?? []) {
    let result: string | undefined;
    if (valueFrom === undefined) result = expand(value ?? "", env);
    else if (valueFrom.secretKeyRef !== undefined) result = await entry("secrets", valueFrom.secretKeyRef);
    else if (valueFrom.configMapKeyRef !== undefined) result = await entry("configmaps", valueFrom.configMapKeyRef);
    else if (valueFrom.fieldRef !== undefined) result = field(pod, valueFrom.fieldRef.fieldPath);
    else throw new ConfigError(`the source of ${name} is not supported`);
    if (result !== undefined) env[name] = result;
  }
  return env;
}

/** Replaces $(NAME) by the value of NAME; what is not known stays. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\(([^)]+)\)/g, (whole, name: string) => env[name] ?? whole);
}

function field(pod: Pod, path: string): string {
  const values: Record<string, string | undefined> = {
    "metadata.name": pod.metadata.name,
    "metadata.namespace": pod.metadata.namespace,
    "metadata.uid": pod.metadata.uid,
    "spec.nodeName": pod.spec.nodeName,
    "status.podIP": "127.0.0.1",
  };
  const value = values[path];
  if (value === undefined) throw new ConfigError(`the field ${path} is not supported`);
  return value;
}
