import { parseAllDocuments } from "yaml";
import type { KubeObject } from "../stack/kube.ts";

/** Objects of a YAML stream by kind, namespace and name, without what Helm alone needs. */
export const objectsIn = (text: string): ReadonlyMap<string, KubeObject> => {
  const objects = parseAllDocuments(text)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object?.kind !== undefined);
  return new Map(objects.map((object) => [keyOf(object as KubeObject), withoutHelm(object as KubeObject)]));
};

const keyOf = ({ kind = "", metadata }: KubeObject): string =>
  [kind, ...(metadata.namespace === undefined ? [] : [metadata.namespace]), metadata.name].join("/");

const withoutHelm = (object: KubeObject): KubeObject => {
  const { annotations, ...metadata } = object.metadata;
  const kept = Object.entries(annotations ?? {}).filter(([name]) => !name.startsWith("helm.sh/"));
  return {
    ...object,
    metadata: { ...metadata, ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }) },
  };
};

/** A line for each place in which two sets of objects differ. */
export const differences = (
  a: ReadonlyMap<string, KubeObject>,
  b: ReadonlyMap<string, KubeObject>,
): readonly string[] =>
  [...new Set([...a.keys(), ...b.keys()])].sort().flatMap((key) => valueDifferences(key, a.get(key), b.get(key)));

const valueDifferences = (at: string, a: unknown, b: unknown): readonly string[] => {
  if (isTree(a) && isTree(b) && Array.isArray(a) === Array.isArray(b))
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      valueDifferences(`${at}.${key}`, a[key], b[key]),
    );
  return a === b ? [] : [`${at}: ${shown(a)} and ${shown(b)}`];
};

type Tree = Readonly<Record<string, unknown>>;

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null;

const shown = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value).slice(0, 120));
