import { OperatorError } from "../../../kernel/errors.ts";
import type { VaultConnection } from "../connection.ts";
import type { AuthMount, IdentityCalls } from "./calls.ts";

/** Auth methods, by connection: their accessors change only when a method is mounted anew. */
const known = new WeakMap<VaultConnection, ReadonlyMap<string, AuthMount>>();

/** The accessor of an auth method's mount; undefined where nothing is mounted there. */
export const accessorOf = async (
  connection: VaultConnection,
  identity: IdentityCalls,
  mount: string,
  signal: AbortSignal,
): Promise<string | undefined> => {
  return (known.get(connection)?.get(mount) ?? (await mountNow(connection, identity, mount, signal)))?.accessor;
};

/** As it is set now: its limits may be tuned at any time. */
export const mountNow = async (
  connection: VaultConnection,
  identity: IdentityCalls,
  mount: string,
  signal: AbortSignal,
): Promise<AuthMount | undefined> => {
  const mounts = await identity.authMounts(signal);
  known.set(connection, mounts);
  return mounts.get(mount);
};

/** After Vault did not know an accessor any more: the next look asks anew. */
export const forgetAccessors = (connection: VaultConnection): void => {
  known.delete(connection);
};

/** The platform's affair, never a fault of a tenant's spec: it waits. */
export const noSuchMount = (mount: string): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `Vault has no auth method at ${mount}/; the platform has to mount it, or to name another in the ProviderConnection.`,
  });
