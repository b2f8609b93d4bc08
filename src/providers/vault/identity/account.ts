import type { Account, VaultAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { VaultFacts } from "../../../domain/lifecycle/pieces/context.ts";
import {
  aliasNameIn,
  roleIdOf,
  subjectPrefix,
  vaultNameOf,
  type VaultNames,
} from "../../../domain/lifecycle/pieces/vault.ts";
import {
  NOTHING_TO_CUT,
  type AccountClient,
  type AccountCredential,
  type AccountObservation,
  type AccountOwner,
} from "../../account.ts";
import { invalidField } from "../../spec.ts";
import type { VaultConfig } from "../config.ts";
import type { VaultConnection } from "../connection.ts";
import type { VaultSession } from "../sdk.ts";
import type { IdentityCalls } from "./calls.ts";
import { closeLogin, lookAtClosing } from "./closing.ts";
import {
  applyAlias,
  applyLogin,
  applyOwner,
  applyPrincipal,
  giveBack,
  openLogin,
  removeAlias,
  removeLogin,
  removePrincipal,
  setDisabled,
  setPolicy,
} from "./entity.ts";
import { Holder, type Standing } from "./holder.ts";
import { entityPieces, holderOfAlias, loginAlias, rolePieces, undeclaredPolicies, type EntityPlace } from "./look.ts";
import { judgePolicies } from "./policies.ts";
import { internal, notOurs } from "./refusals.ts";
import { isOurRole, type EntityLogin } from "./roles.ts";

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
  return entityAccount(connection, owner, { name: vaultNameOf(names), login, policies: account.vault.policies ?? [] });
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
 * all tokens that it ever got and their children, and so is every login that comes to it: that is the cut. Its tokens work again when
 * it is enabled. Where the entity is not there to be disabled the login role goes instead (closing.ts).
 */
export const entityAccount = (connection: VaultConnection, owner: AccountOwner, place: EntityPlace): AccountClient => {
  const { name, login } = place;
  const holder = new Holder(connection, owner, place);
  /** A secret id's time of creation never changes. */
  const creationTimes = new Map<string, Date>();

  const secretIds = async (identity: IdentityCalls, signal: AbortSignal): Promise<readonly AccountCredential[]> => {
    const accessors = (await identity.listSecretIds(holder.rolePlace, signal)).slice(0, MOST_SECRET_IDS);
    const found: AccountCredential[] = [];
    for (const id of accessors) {
      const createdAt =
        creationTimes.get(id) ?? (await identity.lookUpSecretId(holder.rolePlace, id, signal))?.createdAt;
      if (createdAt === undefined) continue;
      creationTimes.set(id, createdAt);
      found.push({ id, kind: "SecretId", createdAt, enabled: true, switchable: false });
    }
    return found;
  };

  const observe = async (session: VaultSession, signal: AbortSignal): Promise<AccountObservation> => {
    const { identity } = session;
    const at = await holder.look(identity, signal);
    const { entity, principal } = at;
    const shown = principal === "foreign" ? undefined : entity;
    const ours = principal === "ours" ? entity : undefined;
    const hasAlias = loginAlias(entity, login)?.name === login.alias;
    const taken = hasAlias ? undefined : await holderOfAlias(connection, identity, login, entity, signal);
    const judged = await judgePolicies(connection, identity, undeclaredPolicies(place, ours), signal);
    const closing = await lookAtClosing(holder, session, at, signal);
    holder.announced = closing.closes.length > 0;
    return {
      ...NOTHING_TO_CUT,
      principal,
      ...(entity === undefined ? {} : { externalId: entity.id }),
      pieces: [
        ...entityPieces(place, owner, { entity: shown, judged }),
        ...(at.roleIsOurs ? rolePieces(place, at.role) : []),
      ],
      conflicts: [
        ...(taken === undefined ? [] : ["alias"]),
        ...(at.role === undefined || at.roleIsOurs ? [] : ["login"]),
      ],
      foreignGrants: (shown?.groups ?? []).map((group) => `Vault group ${group}`),
      credentials: at.roleIsOurs && login.mode === "AppRole" ? await secretIds(identity, signal) : [],
      rightsCut: shown?.disabled ?? true,
      loginClosed: (ours?.disabled ?? true) && !at.roleMustGo && !closing.tokensLeft,
      grantsGone: shown === undefined || (shown.policies.length === 0 && shown.groups.length === 0),
      cutWays: [{ name: "Disable", replaces: [], clears: [], request: true }],
      cutBy: shown?.disabled === true ? ["Disable"] : [],
      closes: closing.closes,
      outstanding: closing.outstanding,
      notLooked: closing.notLooked,
    };
  };

  return {
    kind: "VaultEntity",
    target: entityTarget(connection.config, name),
    capabilities: { cutsByRemoval: false, canDisableCredentials: false },

    observe(context, record) {
      holder.record = record;
      return holder.within(context, observe);
    },

    async apply(piece, context, desired) {
      if (piece.key === "principal") return applyPrincipal(holder, context, desired);
      if (piece.key === "owner") return applyOwner(holder, piece, context);
      if (piece.key === "alias") return applyAlias(holder, aliasNameIn(piece.value), context);
      if (piece.key === "login") return applyLogin(holder, piece, context, desired);
      await setPolicy(holder, policyOf(piece.key), true, context);
    },

    async remove(key, context) {
      if (key === "principal") return removePrincipal(holder, context);
      // The record goes with the entity that it stands on.
      if (key === "owner") return "alreadyAbsent";
      if (key === "login") return removeLogin(holder, context);
      if (key === "alias" || key.startsWith("alias/")) return removeAlias(holder, key, context);
      return setPolicy(holder, policyOf(key), false, context);
    },

    cut: (context) => setDisabled(holder, true, context),
    uncut: (context) => setDisabled(holder, false, context),
    closeLogin: (context) => holder.within(context, (session, signal) => closeLogin(holder, session, signal)),
    openLogin: (context) => openLogin(holder, context),
    setCredentialEnabled: () => Promise.reject(internal("a secret id cannot be switched")),

    removeCredential: (id, context) =>
      holder.within(context, async ({ identity }, signal) => {
        const { role, roleIsOurs } = await holder.look(identity, signal);
        if (role === undefined || !(await identity.listSecretIds(holder.rolePlace, signal)).includes(id))
          return "alreadyAbsent";
        if (!roleIsOurs) throw notOurs(`Login role ${name}`);
        await identity.destroySecretId(holder.rolePlace, id, signal);
        return "removed";
      }),

    proveRefused: (_, context) =>
      holder.within(context, async ({ identity }, signal) => {
        const what = stillLetsIn(holder, await holder.look(identity, signal));
        return what === undefined ? { kind: "refused", proof: "ProvenByListing" } : { kind: "accepted", what };
      }),

    giveBack: (context) => giveBack(holder, context),
  };
};

/** That nothing stands under the name proves nothing by itself: neither an entity of ours nor a login to our alias may let in. */
const stillLetsIn = ({ name, place, record }: Holder, at: Standing): string | undefined => {
  if (at.principal === "ours" && at.entity?.disabled !== true) return `Vault entity ${name}, which is not disabled,`;
  // Another entity under the name: ours is gone. Only a recorded id can say so.
  const unknown = at.principal === "adoptable" || (at.principal === "foreign" && record?.externalId === undefined);
  if (unknown) return `Vault entity ${name}, which is not this resource's,`;
  const standsBesides = at.role !== undefined && !at.roleIsOurs && isOurRole(place.login, at.role);
  return at.roleMustGo || standsBesides ? `login role ${name}` : undefined;
};

const policyOf = (key: string): string => {
  const policy = /^policy\/(.+)$/.exec(key)?.[1];
  if (policy === undefined) throw internal("a piece that no Vault account has");
  return policy;
};
