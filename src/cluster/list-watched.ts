import type { Watched } from "../domain/watched.ts";
import { joinListed, type Listed } from "../kernel/listed.ts";
import type { ClusterClient, KubeObject, ResourceKind } from "./contract.ts";

/** All objects of a kind where it is looked: one list, or one for each namespace. Of a kind without namespaces, all. */
export const listWatched = async <T extends KubeObject>(
  cluster: Pick<ClusterClient, "list">,
  kind: ResourceKind,
  { watched, labelSelector }: { readonly watched: Watched; readonly labelSelector?: string },
): Promise<Listed<T>> => {
  const selected = labelSelector === undefined ? {} : { labelSelector };
  if (!kind.namespaced || watched.length === 0) return cluster.list<T>(kind, selected);
  const lists = await Promise.all(watched.map((namespace) => cluster.list<T>(kind, { namespace, ...selected })));
  return joinListed(lists);
};
