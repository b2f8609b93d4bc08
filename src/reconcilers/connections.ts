import { PROVIDER_CONNECTION, type ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import type { ClusterClient } from "../cluster/contract.ts";
import type { Watched } from "../domain/watched.ts";
import { OperatorError } from "../kernel/errors.ts";
import { understood } from "./version-skew.ts";

/** May this namespace use this connection? */
export const allows = (connection: ProviderConnection, namespace: string): boolean => {
  const { mode, names } = connection.spec.allowedNamespaces;
  return mode === "All" || (names ?? []).includes(namespace);
};

/** May any of the namespaces that are looked at use it? None named means that all are looked at. */
export const allowsAny = (connection: ProviderConnection, watched: Watched): boolean =>
  watched.length === 0 || watched.some((namespace) => allows(connection, namespace));

/**
 * The connection, read live, when this namespace may use it. NotFound or PermissionDenied otherwise; the same message for a
 * tenant whether a connection exists or not would hide typing errors, so it does not hide them.
 */
export const connectionFor = async (
  cluster: ClusterClient,
  name: string,
  namespace: string,
): Promise<ProviderConnection> => {
  const connection = await cluster.get<ProviderConnection>({ kind: PROVIDER_CONNECTION, name });
  return admitted(connection, name, namespace);
};

/** To take back only: whether or not it still allows the namespace. */
export const connectionToTakeBack = async (cluster: ClusterClient, name: string): Promise<ProviderConnection> => {
  const connection = await cluster.get<ProviderConnection>({ kind: PROVIDER_CONNECTION, name });
  if (connection !== undefined) return understood(connection);
  throw new OperatorError("NotFound", {
    publicMessage: `ProviderConnection ${name} does not exist any more; make it again so that what it issued can be revoked.`,
  });
};

/** The one that may be used, of one that was read already. */
export const admitted = (
  connection: ProviderConnection | undefined,
  name: string,
  namespace: string,
): ProviderConnection => {
  if (connection === undefined) {
    throw new OperatorError("NotFound", { publicMessage: `ProviderConnection ${name} does not exist.` });
  }
  if (!allows(connection, namespace)) {
    throw new OperatorError("PermissionDenied", {
      publicMessage: `ProviderConnection ${name} does not allow namespace ${namespace}; its spec.allowedNamespaces decides.`,
    });
  }
  return understood(connection);
};
