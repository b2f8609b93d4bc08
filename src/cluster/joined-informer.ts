import type { Informer, KubeObject } from "./contract.ts";

/** Several informers of one kind, each of a namespace of its own, as one. */
export const joinedInformer = <T extends KubeObject>(byNamespace: ReadonlyMap<string, Informer<T>>): Informer<T> => {
  const all = [...byNamespace.values()];
  return {
    hasSynced: () => all.every((one) => one.hasSynced()),
    async synced(signal) {
      await Promise.all(all.map((one) => one.synced(signal)));
    },
    get: (key) => byNamespace.get(key.namespace ?? "")?.get(key),
    list: () => all.flatMap((one) => one.list()),
    leftOut: () => all.flatMap((one) => one.leftOut()),
    onChange(run) {
      for (const one of all) one.onChange(run);
    },
    start(signal) {
      for (const one of all) one.start(signal);
    },
  };
};
