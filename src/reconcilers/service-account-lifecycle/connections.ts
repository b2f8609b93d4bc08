import { LIFECYCLE_DEFAULTS } from "../../api/v1alpha1/defaults.ts";
import { PROVIDER_CONNECTION, type ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import type { Account, ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { ClusterClient } from "../../cluster/contract.ts";
import { OperatorError, toOperatorError } from "../../kernel/errors.ts";
import { allows } from "../connections.ts";
import { understood } from "../version-skew.ts";

/** The connection through which an account is reached. */
export const connectionNameOf = (account: Account): string =>
  account.aws?.connectionRef.name ??
  account.vault?.connectionRef.name ??
  account.kubernetes?.connectionRef?.name ??
  LIFECYCLE_DEFAULTS.kubernetesConnection;

export const connectionNames = (spec: Pick<ServiceAccountLifecycleSpec, "accounts">): readonly string[] => [
  ...new Set(spec.accounts.map(connectionNameOf)),
];

/**
 * The connection as it stands now, whether or not it allows the namespace: what was made through it must always be taken back.
 * What gives goes through `demandAllowed`.
 */
export const readConnection = async (
  cluster: ClusterClient,
  name: string,
): Promise<ProviderConnection | OperatorError> => {
  try {
    const found = await cluster.get<ProviderConnection>({ kind: PROVIDER_CONNECTION, name });
    if (found !== undefined) return understood(found);
    return new OperatorError("NotFound", { publicMessage: `ProviderConnection ${name} does not exist.` });
  } catch (thrown) {
    return toOperatorError(thrown);
  }
};

/** Throws PermissionDenied where the platform does not let this namespace use the connection. */
export const demandAllowed = (connection: ProviderConnection, namespace: string): void => {
  if (allows(connection, namespace)) return;
  throw new OperatorError("PermissionDenied", { publicMessage: shutOut(connection, namespace) });
};

export const shutOut = ({ metadata }: ProviderConnection, namespace: string): string =>
  `ProviderConnection ${metadata.name} does not allow namespace ${namespace}; its spec.allowedNamespaces decides.`;
