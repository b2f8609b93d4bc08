import type { Informer, KubeObject, ResourceKind } from "../cluster/contract.ts";

export const NAMESPACES: ResourceKind = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  namespaced: false,
};

/** A namespace as far as turns go by it. */
export interface Tenancy extends KubeObject {
  /** The value of the label that namespaces of one tenant have in common. */
  readonly tenant?: string;
}

/** What the cache keeps of a namespace. `label`: the name of that label. */
export const rememberedTenancy =
  (label: string) =>
  ({ metadata }: Tenancy): Tenancy => {
    const tenant = metadata.labels?.[label];
    return tenant === undefined || tenant === "" ? { metadata } : { metadata, tenant };
  };

/**
 * With whom a namespace shares its turns: those of one tenant share one. A namespace without the label, or one that is not known yet, has turns of
 * its own. No namespace is called as a tenant is, for its name holds no "=".
 */
export const shareOf = (namespace: string, namespaces: Pick<Informer<Tenancy>, "get"> | undefined): string => {
  const tenant = namespaces?.get({ name: namespace })?.tenant;
  return tenant === undefined ? namespace : `=${tenant}`;
};
