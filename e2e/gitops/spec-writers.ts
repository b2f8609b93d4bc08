import type { KubeClient, KubeObject } from "../stack/kube.ts";

/** Looks on while specs change. */
export interface SpecWriters {
  /** Ends it; gives every change of a spec that came from neither Argo CD nor the hand that a scenario edits with. */
  stop(): Promise<readonly string[]>;
}

interface FieldsEntry {
  readonly manager: string;
  readonly subresource?: string;
  readonly time?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

/** Managers of fields that may write specs here: Argo CD's, and whoever edits by hand (a client without a name of its own). */
const MAY_WRITE = ["argocd-controller", "unknown"];

/** Watches both kinds that people write in a namespace, and asks of every new generation who holds a spec's fields. */
export function watchSpecs(kube: KubeClient, namespace: string): SpecWriters {
  const ending = new AbortController();
  const foreign = new Set<string>();
  const generations = new Map<string, number>();
  const look = (object: KubeObject): void => {
    const { uid = "", generation = 0, name } = object.metadata;
    if (generations.get(uid) === generation) return;
    generations.set(uid, generation);
    for (const { manager, subresource, fieldsV1 } of (object.metadata["managedFields"] ?? []) as readonly FieldsEntry[])
      if (subresource === undefined && fieldsV1?.["f:spec"] !== undefined && !MAY_WRITE.includes(manager))
        foreign.add(`${object.kind ?? ""}/${name}, generation ${generation}, by ${manager}`);
  };
  const follow = async (plural: string): Promise<void> => {
    const path = `/apis/keyturn.dev/v1alpha1/namespaces/${namespace}/${plural}`;
    while (!ending.signal.aborted) {
      const { items, metadata } = await kube.list(path);
      items.forEach(look);
      for await (const { type, object } of kube.watch(path, metadata.resourceVersion, ending.signal))
        if (type === "ADDED" || type === "MODIFIED") look(object);
        else if (type === "ERROR") break;
    }
  };
  const following = ["serviceaccountlifecycles", "secretrotations"].map((plural) =>
    follow(plural).catch((error: unknown) => {
      if (!ending.signal.aborted) foreign.add(`the watch of ${plural} ended: ${String(error)}`);
    }),
  );
  return {
    async stop() {
      ending.abort();
      await Promise.all(following);
      return [...foreign];
    },
  };
}
