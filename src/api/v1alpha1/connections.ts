import type { ProviderConnection } from "./provider-connection.ts";

/** Which member of the union is there; undefined for a kind that this version does not know. */
export const connectionKind = (connection: ProviderConnection): "aws" | "vault" | undefined => {
  if (connection.spec.aws !== undefined) return "aws";
  return connection.spec.vault === undefined ? undefined : "vault";
};

/** May resources of this namespace use the connection? */
export const allowsNamespace = ({ spec }: ProviderConnection, namespace: string): boolean =>
  spec.allowedNamespaces.mode === "All" || (spec.allowedNamespaces.names ?? []).includes(namespace);
