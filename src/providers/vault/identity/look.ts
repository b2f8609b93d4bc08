import type { ObservedPiece } from "../../../domain/lifecycle/piece.ts";
import { aliasValue, entityValue, policyValue } from "../../../domain/lifecycle/pieces/vault.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import type { AccountOwner } from "../../account.ts";
import type { VaultConnection } from "../connection.ts";
import type { Entity, EntityAlias, IdentityCalls } from "./calls.ts";
import { observedOwner } from "./marks.ts";
import { accessorOf } from "./mounts.ts";
import type { JudgedPolicy } from "./policies.ts";
import { isOurRole, observedLogin, type EntityLogin, type StandingRole } from "./roles.ts";

/** Where an account is: one name for entity and role, and its login. */
export interface EntityPlace {
  readonly name: string;
  readonly login: EntityLogin;
  /** Policies that are declared; every other one on the entity is judged by its text. */
  readonly policies?: readonly string[] | undefined;
}

/** The login role under the account's name, whosever it is. A mount that is gone has none. */
export const readRole = async (
  identity: IdentityCalls,
  { name, login }: EntityPlace,
  signal: AbortSignal,
): Promise<StandingRole | undefined> => {
  const at = { mount: login.mount, name };
  const settings = await withoutMount(identity.readRole(at, signal));
  if (settings === undefined) return undefined;
  if (login.mode === "JWT") return { settings };
  const roleId = await identity.readRoleId(at, signal);
  return roleId === undefined ? undefined : { settings, roleId };
};

/** The alias that logins by the account's method find; Vault lets an entity have one for each mount. */
export const loginAlias = (entity: Entity | undefined, login: EntityLogin): EntityAlias | undefined =>
  entity?.aliases.find((alias) => alias.mount === login.mount);

/**
 * The entity that has our alias although it is not ours; undefined when nobody has it. An entity that Vault made by itself, at a login
 * while ours was missing, and that has nothing but an alias which can only be ours (a role id of our choosing) is nobody's.
 */
export const holderOfAlias = async (
  connection: VaultConnection,
  identity: IdentityCalls,
  login: Pick<EntityLogin, "mode" | "mount" | "alias">,
  ours: Entity | undefined,
  signal: AbortSignal,
): Promise<Entity | undefined> => {
  if (login.alias === undefined) return undefined;
  const mountAccessor = await accessorOf(connection, identity, login.mount, signal);
  if (mountAccessor === undefined) return undefined;
  const holder = await identity.entityOfAlias({ name: login.alias, mountAccessor }, signal);
  if (holder === undefined || holder.id === ours?.id) return undefined;
  return login.mode === "AppRole" && isBare(holder) ? undefined : holder;
};

/** As Vault makes an entity at the login of an alias that it does not know. */
const isBare = (entity: Entity): boolean =>
  /^entity_[0-9a-f]{6,}$/.test(entity.name) &&
  entity.policies.length === 0 &&
  entity.groups.length === 0 &&
  entity.aliases.length === 1 &&
  Object.keys(entity.metadata).length === 0;

/** What stands on the entity; nothing of one that is not ours to show. `judged`: what undeclared policies do. */
export const entityPieces = (
  place: EntityPlace,
  owner: AccountOwner,
  { entity, judged }: { readonly entity: Entity | undefined; readonly judged: ReadonlyMap<string, JudgedPolicy> },
): readonly ObservedPiece[] => {
  if (entity === undefined) return [];
  const { name, login } = place;
  return [
    { key: "principal", class: "principal", value: entityValue(name), title: `Vault entity ${name}` },
    { key: "owner", class: "attribute", value: observedOwner(entity.metadata, owner), title: "owner record" },
    ...entity.aliases.map((alias): ObservedPiece =>
      alias.mount === login.mount
        ? {
            key: "alias",
            class: "login",
            value: aliasValue({ mount: alias.mount, alias: alias.name }),
            title: `alias of auth/${login.mount}`,
          }
        : {
            key: `alias/${alias.id}`,
            class: "login",
            value: canonicalJson({ mount: alias.mount, name: alias.name }),
            title: `alias of auth/${alias.mount} that was added by hand`,
          },
    ),
    ...[...entity.policies].sort().map((policy): ObservedPiece => ({
      key: `policy/${policy}`,
      class: "grant",
      value: policyValue(policy),
      title: `Vault policy ${policy}`,
      ...judged.get(policy),
    })),
  ];
};

/** Policies on the entity that nobody has declared. */
export const undeclaredPolicies = ({ policies = [] }: EntityPlace, entity: Entity | undefined): readonly string[] =>
  [...new Set(entity?.policies)].filter((policy) => !policies.includes(policy)).sort();

/** The login role, where it is ours. */
export const rolePieces = (place: EntityPlace, role: StandingRole | undefined): readonly ObservedPiece[] => {
  const { name, login } = place;
  if (role === undefined || !isOurRole(login, role)) return [];
  return [
    { key: "login", class: "login", value: observedLogin(login, role), title: `${login.mode} login role ${name}` },
  ];
};

const withoutMount = async <T>(read: Promise<T | undefined>): Promise<T | undefined> => {
  try {
    return await read;
  } catch (error) {
    if (error instanceof OperatorError && error.code === "NotFound") return undefined;
    throw error;
  }
};
