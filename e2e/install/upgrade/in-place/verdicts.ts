import type { KubeObject } from "../../../stack/kube.ts";
import { ledgerPath, namespaces } from "./place.ts";
import type { Place } from "./place.ts";

/** What resources say of themselves: a line for each condition. */
export type Words = ReadonlyMap<string, readonly Word[]>;

interface Word {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

const API = "/apis/keyturn.dev/v1alpha1";

/** Everything declared, the ledger and the connections, by kind, namespace and name, with their conditions. */
export async function readWords({ stack }: Pick<Place, "stack">): Promise<Words> {
  const { client } = stack.kubernetes;
  const paths = [
    ...namespaces.flatMap((namespace) =>
      ["secretrotations", "serviceaccountlifecycles"].map((plural) => `${API}/namespaces/${namespace}/${plural}`),
    ),
    ledgerPath,
    `${API}/providerconnections`,
  ];
  const lists = await Promise.all(
    paths.map(async (path) => (await client.list(path)).items.map((object) => [path, object] as const)),
  );
  return new Map(
    lists
      .flat()
      .map(([path, object]): [string, readonly Word[]] => [
        `${path.split("/").at(-1) ?? ""} ${object.metadata.namespace ?? ""}/${object.metadata.name}`,
        conditionsOf(object),
      ]),
  );
}

const conditionsOf = ({ status }: KubeObject): readonly Word[] =>
  (status as { readonly conditions?: readonly Word[] } | undefined)?.conditions ?? [];

/** How many of these are resources of people and ledger entries; a connection is none. */
export const resourcesIn = (words: Words): number =>
  [...words.keys()].filter((name) => !name.startsWith("providerconnections ")).length;

/** A line for each resource that says `is` now and did not before. */
export const newlySaid = (before: Words, after: Words, is: (word: Word) => boolean): readonly string[] =>
  [...after]
    .filter(([name, words]) => words.some(is) && before.get(name)?.some(is) !== true)
    .map(([name, words]) => `${name}: ${words.filter(is).map(lineOf).join("; ")}`);

export const isConflict = ({ type, status, reason }: Word): boolean =>
  (type === "Conflict" && status === "True") || reason === "Conflict" || reason === "NotOurs";

export const isInvalidSpec = ({ reason }: Word): boolean => reason === "InvalidSpec";

const lineOf = ({ type, status, reason, message }: Word): string => `${type}=${status} ${reason}: ${message}`;

export const linesOf = (words: Words): readonly string[] => [...words.values()].flat().map(lineOf);

/**
 * What the API server refuses of manifests that it has taken before, a line for each: applied again to what is there, and as new ones
 * under another name, because the server lets pass what an update leaves as it was. Dry runs: the CRDs and policies of now judge.
 */
export async function refusedManifests(
  { stack }: Pick<Place, "stack">,
  declared: ReadonlyMap<string, KubeObject>,
): Promise<readonly string[]> {
  const { client } = stack.kubernetes;
  const judged = await Promise.all(
    [...declared].map(async ([path, object]) => {
      const live = await client.get(path);
      const again = { ...live, spec: object["spec"] };
      const folder = path.split("/").slice(0, -1).join("/");
      const copy = { ...object, metadata: { ...object.metadata, name: `${object.metadata.name}-copy` } };
      const answers = await Promise.all([
        client.raw("PUT", `${path}?dryRun=All`, again),
        client.raw("POST", `${folder}?dryRun=All`, copy),
      ]);
      // Somebody has written it in between: that says nothing about the manifest.
      const no = answers.find(({ status }) => status >= 400 && status !== 409);
      return no === undefined ? [] : [`${path}: ${no.body.slice(0, 500)}`];
    }),
  );
  return judged.flat();
}
