import { OperatorError } from "../../../kernel/errors.ts";
import type { Logger } from "../../../kernel/logger.ts";
import type { VaultConnection } from "../connection.ts";

const KNOWN_MS = 3_600_000;
const UNKNOWN_MS = 60_000;
/** Roles that are remembered of one connection; beyond these the oldest is asked for again. */
const MOST_ROLES = 1000;

interface Known {
  untilMs: number;
  readonly asked: Promise<boolean | undefined>;
  /** The answer, once it is there. */
  leases: boolean | undefined;
  /** The operator may not read the role. */
  refused: boolean;
}

const REMEMBERED = new WeakMap<VaultConnection, Map<string, Known>>();

/**
 * Does the PKI role make leases of its certificates (`generate_lease`)? An answer is an hour old at most. Undefined where it could not be found out,
 * for example because the operator may not read the role. Never rejects.
 */
export const roleMakesLeases = (
  connection: VaultConnection,
  role: string,
  log: Logger,
): Promise<boolean | undefined> => {
  const found = rolesOf(connection).get(role);
  if (found !== undefined && connection.clock.monotonicMs() < found.untilMs) return found.asked;
  const { mount } = connection.config.pki;
  // Shared by all who ask, so under no one pass's signal; the call has its own deadline.
  const { signal } = new AbortController();
  const asked = connection
    .use((session) => session.pki.readRole({ mount, role }, signal), { signal, log })
    .then(
      (answer) => {
        known.leases = answer?.generatesLeases;
        return known.leases;
      },
      (thrown: unknown) => {
        known.refused = thrown instanceof OperatorError && thrown.code === "PermissionDenied";
        if (!known.refused) known.untilMs = connection.clock.monotonicMs() + UNKNOWN_MS;
        return undefined;
      },
    );
  const known: Known = { untilMs: connection.clock.monotonicMs() + KNOWN_MS, asked, leases: undefined, refused: false };
  remember(connection, role, known);
  return asked;
};

/** As {@link roleMakesLeases}, but what is known now: where nothing is, it is asked, and known the next time. No pass at rest waits for Vault. */
export const knownLeases = (connection: VaultConnection, role: string, log: Logger): boolean | undefined => {
  void roleMakesLeases(connection, role, log);
  return rolesOf(connection).get(role)?.leases;
};

/** What the answer to a signing has shown. */
export const rememberLeases = (connection: VaultConnection, role: string, leases: boolean): void => {
  const untilMs = connection.clock.monotonicMs() + KNOWN_MS;
  const refused = rolesOf(connection).get(role)?.refused === true;
  remember(connection, role, { untilMs, asked: Promise.resolve(leases), leases, refused });
};

/** The right that reading these roles lacks, as `pki/roles/keyturn.* (read)`. Empty where none was refused, so also where none is in use. */
export const missingPkiRights = (connection: VaultConnection): readonly string[] => {
  const { pki, identities } = connection.config;
  const refused = [...rolesOf(connection).values()].some((known) => known.refused);
  return refused ? [`${pki.mount}/roles/${identities.namePrefix}.* (read)`] : [];
};

/** For people: what a lease means for a certificate, and what takes it away. */
export const leaseWords = (connection: VaultConnection, role: string): string =>
  `The PKI role ${role} has generate_lease, so Vault revokes its certificates with the operator's token. Mend it: vault patch ${connection.config.pki.mount}/roles/${role} generate_lease=false`;

const rolesOf = (connection: VaultConnection): Map<string, Known> => {
  const roles = REMEMBERED.get(connection) ?? new Map<string, Known>();
  REMEMBERED.set(connection, roles);
  return roles;
};

const remember = (connection: VaultConnection, role: string, known: Known): void => {
  const roles = rolesOf(connection);
  roles.delete(role);
  roles.set(role, known);
  const [oldest] = roles.keys();
  if (roles.size > MOST_ROLES && oldest !== undefined) roles.delete(oldest);
};
