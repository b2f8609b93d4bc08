import type { Account, VaultAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { Piece } from "../../../domain/lifecycle/piece.ts";
import type { VaultFacts } from "../../../domain/lifecycle/pieces/context.ts";
import {
  aliasNameIn,
  loginFactsIn,
  roleIdOf,
  subjectPrefix,
  vaultNameOf,
  type VaultNames,
} from "../../../domain/lifecycle/pieces/vault.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { NOTHING_TO_CUT, type AccountClient, type AccountCredential, type AccountOwner } from "../../account.ts";
import type { CallContext } from "../../contract.ts";
import { invalidField } from "../../spec.ts";
import type { VaultConfig } from "../config.ts";
import type { VaultConnection } from "../connection.ts";
import type { Entity, EntityContent, IdentityCalls } from "./calls.ts";
import { entityPieces, holderOfAlias, loginAlias, readRole, rolePieces, type EntityPlace } from "./look.ts";
import { isAdoptable, isMarkedOurs, marked, unmarked } from "./marks.ts";
import { accessorOf, forgetAccessors, noSuchMount } from "./mounts.ts";
import { isOurRole, roleSettings, type EntityLogin, type StandingRole } from "./roles.ts";

/** Secret ids that are listed with their times, of one account. Deleting the login role takes all of them. */
const MOST_SECRET_IDS = 100;

/** What pieces need to know of a connection. */
export const vaultFacts = (config: VaultConfig): VaultFacts => ({
  kind: "vault",
  ...config.identities,
  host: config.address.host,
  ...(config.namespace === undefined ? {} : { vaultNamespace: config.namespace }),
});

/**
 * The Vault account of a resource: names follow from the resource and the connection. `serviceAccountName`: that of the identity, where
 * it has one, for a JWT login. Calls nothing.
 */
export const vaultAccount = (
  connection: VaultConnection,
  owner: AccountOwner,
  account: Pick<Account, "name" | "vault">,
  context: { readonly serviceAccountName?: string | undefined },
): AccountClient => {
  if (account.vault === undefined) throw invalidField("spec.accounts[].vault", "is required");
  const names = {
    cluster: owner.cluster,
    namespace: owner.namespace,
    name: owner.name,
    account: account.name,
    connection: connection.config.identities,
  };
  const login = entityLogin(account.vault, names, context.serviceAccountName);
  return entityAccount(connection, owner, { name: vaultNameOf(names), login });
};

const entityLogin = (
  { login }: VaultAccount,
  names: Omit<VaultNames, "serviceAccountName">,
  serviceAccountName: string | undefined,
): EntityLogin => {
  const { appRoleMount, jwtMount } = names.connection;
  if (login.mode === "AppRole") {
    const roleId = roleIdOf(names);
    return { mode: "AppRole", mount: appRoleMount, alias: roleId, isOurs: (alias) => alias === roleId };
  }
  const prefix = subjectPrefix(names.namespace);
  const alias = serviceAccountName === undefined ? undefined : `${prefix}${serviceAccountName}`;
  return { mode: "JWT", mount: jwtMount, alias, isOurs: (subject) => subject.startsWith(prefix) };
};

/** What Vault shows of targets (claims, inventory). */
export const entityTarget = (config: VaultConfig, name: string): string =>
  ["vault-entity", config.address.host, config.namespace ?? "-", name].join("/");

/**
 * A Vault entity that holds the policies, an alias and a login role under the same name. A disabled entity is refused at once, with
 * all tokens that it ever got and their children, and so is every login: that is the cut.
 */
export const entityAccount = (connection: VaultConnection, owner: AccountOwner, place: EntityPlace): AccountClient => {
  const { name, login } = place;
  const role = { mount: login.mount, name };
  /** Entity id on record, as the last observation was told: proves whose the entity is when its marks are gone. */
  let recorded: string | undefined;
  /** A secret id's time of creation never changes. */
  const creationTimes = new Map<string, Date>();

  const within = <T>(
    context: CallContext,
    run: (identity: IdentityCalls, signal: AbortSignal) => Promise<T>,
  ): Promise<T> => connection.use((session) => run(session.identity, context.signal), context);

  const whose = (entity: Entity): "ours" | "adoptable" | "foreign" => {
    if (isMarkedOurs(entity.metadata, owner) || entity.id === recorded) return "ours";
    return isAdoptable(entity.metadata, owner) ? "adoptable" : "foreign";
  };

  /** The entity as it stands now, proven to be ours. */
  const readOurs = async (identity: IdentityCalls, signal: AbortSignal): Promise<Entity> => {
    const found = await identity.readEntity(name, signal);
    if (found === undefined || whose(found) !== "ours") throw notOurs(`Vault entity ${name}`);
    return found;
  };

  /** Writes what is meant to change, and the marks: Vault makes what is not there any more. */
  const change = async (
    identity: IdentityCalls,
    before: Entity,
    next: Partial<EntityContent>,
    signal: AbortSignal,
  ): Promise<void> => {
    await identity.writeEntity(name, { metadata: before.metadata, ...next }, signal);
  };

  /**
   * A JWT role has no place for a mark. It is made after the entity and goes before it, so where neither the entity stands nor an id
   * of it is on record, a role under its name is somebody else's.
   */
  const isOwnRole = (standing: StandingRole, entity: Entity | undefined): boolean =>
    isOurRole(login, standing) &&
    (login.mode === "AppRole" || recorded !== undefined || (entity !== undefined && whose(entity) !== "foreign"));

  const setDisabled = (disabled: boolean, context: CallContext): Promise<void> =>
    within(context, async (identity, signal) => {
      const before = await readOurs(identity, signal);
      if (before.disabled !== disabled) await change(identity, before, { disabled }, signal);
    });

  const applyPrincipal = (context: CallContext, desired: readonly Piece[]): Promise<void> =>
    within(context, async (identity, signal) => {
      const found = await identity.readEntity(name, signal);
      if (found !== undefined) {
        if (whose(found) !== "ours") throw notOurs(`Vault entity ${name}`);
        return;
      }
      const record = desired.find((piece) => piece.key === "owner");
      if (record === undefined) throw internal("an account without an owner record");
      const metadata = marked({}, owner, record.value);
      await identity.writeEntity(name, { disabled: false, policies: [], metadata }, signal);
    });

  const applyOwner = (piece: Piece, context: CallContext): Promise<void> =>
    within(context, async (identity, signal) => {
      const found = await identity.readEntity(name, signal);
      if (found === undefined || whose(found) === "foreign") throw notOurs(`Vault entity ${name}`);
      await change(identity, found, { metadata: marked(found.metadata, owner, piece.value) }, signal);
    });

  const applyAlias = (wanted: string, context: CallContext): Promise<void> =>
    within(context, async (identity, signal) => {
      const entity = await readOurs(identity, signal);
      const before = loginAlias(entity, login);
      if (before?.name === wanted) return;
      const holder = await holderOfAlias(connection, identity, { ...login, alias: wanted }, entity, signal);
      if (holder !== undefined) throw aliasTaken(login.mount);
      const mountAccessor = await accessorOf(connection, identity, login.mount, signal);
      if (mountAccessor === undefined) throw noSuchMount(login.mount);
      const alias = { name: wanted, mountAccessor, entityId: entity.id };
      try {
        if (before === undefined) await identity.writeAlias(alias, signal);
        else await identity.renameAlias(before.id, alias, signal);
      } catch (error) {
        if (!(error instanceof OperatorError) || error.code !== "InvalidSpec") throw error;
        // The accessor is of a mount that was made anew since.
        forgetAccessors(connection);
        throw noSuchMount(login.mount);
      }
    });

  const applyLogin = (piece: Piece, context: CallContext): Promise<void> =>
    within(context, async (identity, signal) => {
      await readOurs(identity, signal);
      const found = await readRole(identity, place, signal);
      if (found !== undefined && !isOurRole(login, found)) throw notOurs(`Login role ${name}`);
      await identity.writeRole(role, roleSettings(loginFactsIn(piece.value)), signal);
    });

  const setPolicy = (policy: string, wanted: boolean, context: CallContext): Promise<"removed" | "alreadyAbsent"> =>
    within(context, async (identity, signal) => {
      const before = wanted
        ? await readOurs(identity, signal)
        : await oursUnlessAbsent(await identity.readEntity(name, signal));
      if (before === undefined || before.policies.includes(policy) === wanted) return "alreadyAbsent";
      const others = before.policies.filter((each) => each !== policy);
      await change(identity, before, { policies: wanted ? [...others, policy] : others }, signal);
      return "removed";
    });

  const oursUnlessAbsent = async (found: Entity | undefined): Promise<Entity | undefined> => {
    if (found !== undefined && whose(found) !== "ours") throw notOurs(`Vault entity ${name}`);
    return found;
  };

  const removeAlias = (key: string, context: CallContext): Promise<"removed" | "alreadyAbsent"> =>
    within(context, async (identity, signal) => {
      const entity = await oursUnlessAbsent(await identity.readEntity(name, signal));
      const alias = entity?.aliases.find((each) =>
        key === "alias" ? each === loginAlias(entity, login) : key === `alias/${each.id}`,
      );
      if (alias === undefined) return "alreadyAbsent";
      await identity.deleteAlias(alias.id, signal);
      return "removed";
    });

  const removeLogin = (context: CallContext): Promise<"removed" | "alreadyAbsent"> =>
    within(context, async (identity, signal) => {
      const entity = await identity.readEntity(name, signal);
      const found = await readRole(identity, place, signal);
      if (found === undefined) return "alreadyAbsent";
      if (!isOwnRole(found, entity)) throw notOurs(`Login role ${name}`);
      await identity.deleteRole(role, signal);
      return "removed";
    });

  /** The login goes first: a login whose entity is missing makes Vault invent another. */
  const removePrincipal = (context: CallContext): Promise<"removed" | "alreadyAbsent"> =>
    within(context, async (identity, signal) => {
      const found = await oursUnlessAbsent(await identity.readEntity(name, signal));
      if (found === undefined) return "alreadyAbsent";
      const standing = await readRole(identity, place, signal);
      const hasLogin = standing !== undefined && isOurRole(login, standing);
      if (hasLogin || found.aliases.length > 0 || found.policies.length > 0) {
        throw new OperatorError("InUse", {
          publicMessage: `Vault entity ${name} still has a login, an alias or policies, so it is kept until they are gone.`,
        });
      }
      await identity.deleteEntity(name, signal);
      return "removed";
    });

  const secretIds = async (identity: IdentityCalls, signal: AbortSignal): Promise<readonly AccountCredential[]> => {
    const accessors = (await identity.listSecretIds(role, signal)).slice(0, MOST_SECRET_IDS);
    const found: AccountCredential[] = [];
    for (const id of accessors) {
      const createdAt = creationTimes.get(id) ?? (await identity.lookUpSecretId(role, id, signal))?.createdAt;
      if (createdAt === undefined) continue;
      creationTimes.set(id, createdAt);
      found.push({ id, kind: "SecretId", createdAt, enabled: true, switchable: false });
    }
    return found;
  };

  return {
    kind: "VaultEntity",
    target: entityTarget(connection.config, name),
    capabilities: { cutsByRemoval: false, canDisableCredentials: false },

    observe(context, record) {
      recorded = record?.externalId;
      return within(context, async (identity, signal) => {
        const entity = await identity.readEntity(name, signal);
        const standing = await readRole(identity, place, signal);
        const principal = entity === undefined ? "absent" : whose(entity);
        const shown = principal === "foreign" ? undefined : entity;
        const hasAlias = loginAlias(entity, login)?.name === login.alias;
        const holder = hasAlias ? undefined : await holderOfAlias(connection, identity, login, entity, signal);
        const roleIsOurs = standing !== undefined && isOwnRole(standing, entity);
        return {
          ...NOTHING_TO_CUT,
          principal,
          ...(entity === undefined ? {} : { externalId: entity.id }),
          pieces: [...entityPieces(place, owner, shown), ...(roleIsOurs ? rolePieces(place, standing) : [])],
          conflicts: [
            ...(holder === undefined ? [] : ["alias"]),
            ...(standing === undefined || roleIsOurs ? [] : ["login"]),
          ],
          foreignGrants: (shown?.groups ?? []).map((group) => `Vault group ${group}`),
          credentials: roleIsOurs && login.mode === "AppRole" ? await secretIds(identity, signal) : [],
          rightsCut: shown?.disabled ?? true,
          loginClosed: shown?.disabled ?? true,
          cutWays: [{ name: "Disable", replaces: [], clears: [], request: true }],
          cutBy: shown?.disabled === true ? ["Disable"] : [],
        };
      });
    },

    async apply(piece, context, desired) {
      if (piece.key === "principal") return applyPrincipal(context, desired);
      if (piece.key === "owner") return applyOwner(piece, context);
      if (piece.key === "alias") return applyAlias(aliasNameIn(piece.value), context);
      if (piece.key === "login") return applyLogin(piece, context);
      await setPolicy(policyOf(piece.key), true, context);
    },

    async remove(key, context) {
      if (key === "principal") return removePrincipal(context);
      // The record goes with the entity that it stands on.
      if (key === "owner") return "alreadyAbsent";
      if (key === "login") return removeLogin(context);
      if (key === "alias" || key.startsWith("alias/")) return removeAlias(key, context);
      return setPolicy(policyOf(key), false, context);
    },

    cut: (context) => setDisabled(true, context),
    uncut: (context) => setDisabled(false, context),
    closeLogin: (context) => setDisabled(true, context),
    openLogin: (context) => setDisabled(false, context),
    setCredentialEnabled: () => Promise.reject(internal("a secret id cannot be switched")),

    removeCredential: (id, context) =>
      within(context, async (identity, signal) => {
        const found = await readRole(identity, place, signal);
        if (found === undefined || !(await identity.listSecretIds(role, signal)).includes(id)) return "alreadyAbsent";
        if (!isOurRole(login, found)) throw notOurs(`Login role ${name}`);
        await identity.destroySecretId(role, id, signal);
        return "removed";
      }),

    proveRefused: (_, context) =>
      within(context, async (identity, signal) => {
        const found = await identity.readEntity(name, signal);
        // Another entity under the name: ours is gone, and its tokens with it. Only a recorded id can say so.
        const replaced = found !== undefined && whose(found) === "foreign" && recorded !== undefined;
        if (found === undefined || found.disabled || replaced) return { kind: "refused", proof: "ProvenByListing" };
        return { kind: "accepted", what: `Vault entity ${name} is not disabled` };
      }),

    giveBack: (context) =>
      within(context, async (identity, signal) => {
        const before = await readOurs(identity, signal);
        await change(identity, before, { metadata: unmarked(before.metadata) }, signal);
      }),
  };
};

const policyOf = (key: string): string => {
  const policy = /^policy\/(.+)$/.exec(key)?.[1];
  if (policy === undefined) throw internal("a piece that no Vault account has");
  return policy;
};

const notOurs = (what: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `${what} is not this resource's: it has no mark of it, or is not there any more.`,
  });

const aliasTaken = (mount: string): OperatorError =>
  new OperatorError("Conflict", {
    publicMessage: `Another Vault entity has this identity's alias of auth/${mount}; whoever owns that entity has to delete it or its alias.`,
  });

const internal = (what: string): OperatorError =>
  new OperatorError("Unknown", { publicMessage: `Internal error: ${what}.` });
