import type { Clock } from "../../../kernel/clock.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { randomWord } from "../../../kernel/ids.ts";
import { SecretMaterial } from "../../../kernel/secret-material.ts";
import type {
  CallContext,
  CredentialSource,
  IssueOptions,
  IssuedCredential,
  Listing,
  ObservedCredential,
  ProviderCapabilities,
  RefusalOutcome,
  TargetObservation,
  VerifyOutcome,
} from "../../contract.ts";
import type { DatabaseLogin, DatabaseServer, DatabaseServers } from "../../database/server.ts";
import { reaching } from "../../reaching.ts";
import { NAME_FORM, invalidField } from "../../spec.ts";
import type { VaultConnection } from "../connection.ts";
import type { VaultSession } from "../sdk.ts";
import type { StaticCredentials, StaticRole, StaticRolePlace } from "./calls.ts";

export const DATABASE_CAPABILITIES: ProviderCapabilities = {
  // Two users that take turns; one that has to do alone is a slot of one (settings.source.slots).
  slots: 2,
  canDisable: false,
  materialShownOnce: false,
  reportsLastUse: false,
  lockout: true,
  // A wrong login is one of a user that nobody has.
  controlCounts: false,
  leavesNothing: false,
  marks: false,
  overwrites: true,
  settleMs: 0,
};

export interface DatabaseTarget {
  readonly namespace: string;
  readonly role: string;
  readonly users: "Alternating" | "Single";
}

/** One user of the target: the role that keeps its password, and the short name that ids begin with. */
interface Seat {
  readonly short: string;
  readonly place: StaticRolePlace;
}

/** Names of the static roles in Vault: a namespace reaches its own only. */
export const staticRoleNames = (
  connection: Pick<VaultConnection, "config">,
  { namespace, role, users }: DatabaseTarget,
): readonly string[] => {
  if (!NAME_FORM.test(namespace) || !NAME_FORM.test(role))
    throw invalidField("spec.source.vaultDatabase.role", "cannot be part of a role's name");
  const name = `${connection.config.identities.namePrefix}.${namespace}.${role}`;
  return users === "Single" ? [name] : [`${name}.a`, `${name}.b`];
};

/**
 * Passwords of static roles of Vault's database engine. A role always has a password; issuing changes the one of a role that is not in use, and
 * revoking changes it once more, to one that nobody reads, and ends the sessions that were opened with it. An answer that is lost leaves a
 * password that nobody knows, which the next one overwrites: there are no strays. The id is the role and Vault's own time of the change.
 */
export const databaseSource = (
  connection: VaultConnection,
  target: DatabaseTarget,
  options: { readonly clock: Clock; readonly servers: DatabaseServers },
): CredentialSource => {
  const { databases } = connection.config;
  const seats = staticRoleNames(connection, target).map((name): Seat => ({
    short: name.split(".").slice(2).join("."),
    place: { mount: databases.mount, name },
  }));
  const use = <T>(run: (session: VaultSession) => Promise<T>, context: CallContext): Promise<T> =>
    connection.use(run, context);

  /** What Vault's database engine does for a role may hang with the role's database: it says nothing of Vault. */
  const asked = <T>({ place }: Seat, context: CallContext, run: () => Promise<T>): Promise<T> =>
    reaching(context, `Vault's static role ${place.name}`, run);

  /** What needs the database itself. */
  const atDatabase = <T>({ database }: StaticRole, context: CallContext, run: () => Promise<T>): Promise<T> =>
    reaching(context, `Vault's database ${database}`, run);

  const readRole = (session: VaultSession, seat: Seat, context: CallContext): Promise<StaticRole | undefined> =>
    asked(seat, context, () => session.database.readRole(seat.place, context.signal));

  const roleOf = async (session: VaultSession, seat: Seat, context: CallContext): Promise<StaticRole> => {
    const { place } = seat;
    const role = await readRole(session, seat, context);
    if (role !== undefined) return role;
    throw new OperatorError("NotFound", {
      publicMessage: `The static role ${place.name} does not exist in Vault; create it first.`,
    });
  };

  const seatOf = (id: string): Seat | undefined => seats.find(({ short }) => id.startsWith(`${short}@`));

  const credentialsOf = (session: VaultSession, seat: Seat, context: CallContext): Promise<StaticCredentials> =>
    asked(seat, context, () => session.database.readCredentials(seat.place, context.signal));

  const rotate = (session: VaultSession, { place }: Seat, role: StaticRole, context: CallContext): Promise<void> =>
    atDatabase(role, context, () => session.database.rotate(place, context.signal));

  const serverOf = (role: StaticRole, context: CallContext): DatabaseServer => {
    const { database } = role;
    const named = databases.servers.find(({ name }) => name === database);
    if (named !== undefined) {
      const server = options.servers(named);
      return {
        logIn: (...login) => atDatabase(role, context, () => server.logIn(...login)),
        endSessions: (...sessions) => atDatabase(role, context, () => server.endSessions(...sessions)),
      };
    }
    throw invalidField(
      "spec.vault.databases.servers",
      `of the ProviderConnection names no server for Vault's database ${database}, so no login can be tried; name it, or use spec.verify.mode None`,
    );
  };

  /** The server that a password is for: both roles are of one database. */
  const server = (context: CallContext): Promise<DatabaseServer> =>
    use(async (session) => serverOf(await roleOf(session, firstOf(seats), context), context), context);

  /** Those who came in with a password that is no more. Nobody else can be there unless somebody has issued since. */
  const endSessions = async (
    session: VaultSession,
    seat: Seat,
    { role, justChanged }: { readonly role: StaticRole; readonly justChanged: boolean },
    context: CallContext,
  ) => {
    if (!databases.servers.some(({ name }) => name === role.database)) return;
    const { username, password, changedAt } = await credentialsOf(session, seat, context);
    const everybody = justChanged && target.users === "Alternating";
    await serverOf(role, context).endSessions(
      { username, password },
      everybody ? undefined : new Date(changedAt),
      context.signal,
    );
  };

  return {
    capabilities: { ...DATABASE_CAPABILITIES, slots: seats.length },

    /** Static roles carry no marks: the name says whose they are. */
    observeTarget: (context): Promise<TargetObservation> =>
      use(async (session) => {
        const roles = await Promise.all(seats.map((seat) => readRole(session, seat, context)));
        const [first, ...others] = roles;
        if (first === undefined || others.includes(undefined)) return { exists: false, allowed: true };
        if (others.some((role) => role?.database !== first.database || role.username === first.username))
          throw invalidField(
            "spec.source.vaultDatabase.role",
            "names two static roles that are not two users of one database",
          );
        return { exists: true, allowed: true, ownedByName: true };
      }, context),
    markOwner: () => Promise.resolve(),

    list: (context): Promise<Listing> =>
      use(async (session) => {
        const credentials: ObservedCredential[] = [];
        for (const seat of seats) {
          const role = await roleOf(session, seat, context);
          if (role.changedAt !== undefined) credentials.push(seen(seat, role, role.changedAt));
        }
        return { credentials, providerTime: options.clock.now() };
      }, context),

    lastUse: () => Promise.resolve({ kind: "unknown" }),

    issue: (context, _rotationId, issueOptions = NOTHING_IN_USE): Promise<IssuedCredential> =>
      use(async (session) => {
        const seat = freeSeat(seats, target.users, issueOptions);
        const before = await roleOf(session, seat, context);
        const id = before.changedAt === undefined ? undefined : idOf(seat, before.changedAt);
        // Between the intent and now somebody else has changed it, and may have given it to somebody.
        if (id !== undefined && issueOptions.knownIds?.includes(id) === false) throw changedSince(seat);
        await rotate(session, seat, before, context);
        const { username, password, changedAt, ttlSeconds } = await credentialsOf(session, seat, context);
        const issuedAt = options.clock.now();
        return {
          id: idOf(seat, changedAt),
          material: new SecretMaterial({ username, password }),
          issuedAt,
          ...(ttlSeconds === 0 ? {} : { expiresAt: new Date(issuedAt.getTime() + ttlSeconds * 1000) }),
        };
      }, context),

    async verify(material, _issuedAt, context): Promise<VerifyOutcome> {
      const login = loginIn(material);
      if (login === undefined) return { kind: "rejected" };
      const outcome = await (await server(context)).logIn(login, context.signal);
      return { kind: outcome === "refused" ? "rejected" : "usable" };
    },

    /** A user that nobody has must be refused, and the good one must have been asked for its password: whoever is asked is checked. */
    async negativeControl(material, context): Promise<RefusalOutcome> {
      const login = required(material);
      const door = await server(context);
      const stranger = { username: `keyturn_${randomWord(12)}`, password: login.password };
      if ((await door.logIn(stranger, context.signal)) !== "refused") return { kind: "accepted" };
      return { kind: (await door.logIn(login, context.signal)) === "unasked" ? "accepted" : "refused" };
    },

    async proveRefused(material, context): Promise<RefusalOutcome> {
      const outcome = await (await server(context)).logIn(required(material), context.signal);
      return { kind: outcome === "refused" ? "refused" : "accepted" };
    },

    setEnabled: () =>
      Promise.reject(
        new OperatorError("InvalidSpec", { publicMessage: "A password cannot be disabled, only changed." }),
      ),

    revoke: (id, context): Promise<"removed" | "alreadyAbsent"> =>
      use(async (session) => {
        const seat = seatOf(id);
        if (seat === undefined) return "alreadyAbsent";
        const role = await roleOf(session, seat, context);
        const { changedAt } = role;
        const stands = changedAt !== undefined && idOf(seat, changedAt) === id;
        if (stands) await rotate(session, seat, role, context);
        // Also when it is gone already: whoever changed it may have died before this.
        await endSessions(session, seat, { role, justChanged: stands }, context);
        return stands ? "removed" : "alreadyAbsent";
      }, context),
  };
};

const NOTHING_IN_USE: IssueOptions = { inUse: [] };

/** Whole milliseconds, as many as Vault's time has. */
const idOf = ({ short }: Seat, changedAt: string): string => `${short}@${new Date(changedAt).toISOString()}`;

const seen = (seat: Seat, { periodSeconds }: StaticRole, changedAt: string): ObservedCredential => {
  const createdAt = new Date(changedAt);
  return {
    id: idOf(seat, changedAt),
    createdAt,
    enabled: true,
    ...(periodSeconds === undefined ? {} : { expiresAt: new Date(createdAt.getTime() + periodSeconds * 1000) }),
  };
};

const firstOf = (seats: readonly Seat[]): Seat => {
  const [first] = seats;
  if (first === undefined) throw new OperatorError("Unknown", { publicMessage: "A database target without a user." });
  return first;
};

/** One whose password nobody uses; the only one, where the spec accepts that its users are locked out for a while. */
const freeSeat = (seats: readonly Seat[], users: DatabaseTarget["users"], { inUse }: IssueOptions): Seat => {
  if (users === "Single") return firstOf(seats);
  const free = seats.find(({ short }) => !inUse.some((id) => id.startsWith(`${short}@`)));
  if (free !== undefined) return free;
  throw new OperatorError("QuotaExceeded", { publicMessage: "Both users of the database are in use." });
};

const changedSince = ({ place }: Seat): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `The password of the static role ${place.name} was changed since the rotation began; it is begun anew.`,
  });

const loginIn = (material: SecretMaterial): DatabaseLogin | undefined => {
  const { username, password } = material.reveal();
  return username && password ? { username, password } : undefined;
};

const required = (material: SecretMaterial): DatabaseLogin => {
  const login = loginIn(material);
  if (login !== undefined) return login;
  throw new OperatorError("NotFound", { publicMessage: "The login's material is not whole: it cannot be tried." });
};
