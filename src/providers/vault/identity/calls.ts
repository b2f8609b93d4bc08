import { OperatorError } from "../../../kernel/errors.ts";
import { isPlainName, isPlainPath } from "../config.ts";
import { absentAsUndefined, dataIn, keysIn, odd, record, strings, stringsIn, textIn } from "../answers.ts";

/** One alias: how an auth method knows the entity. */
export interface EntityAlias {
  readonly id: string;
  readonly name: string;
  readonly mountAccessor: string;
  /** Without `auth/` and slashes at its ends. */
  readonly mount: string;
}

export interface Entity {
  readonly id: string;
  readonly name: string;
  readonly disabled: boolean;
  readonly policies: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly aliases: readonly EntityAlias[];
  /** Ids of groups that it is in, directly or not. */
  readonly groups: readonly string[];
}

/**
 * What a write of an entity sets; Vault keeps the rest. Marks are always among it, for a write by name makes an entity where there is
 * none. What is not meant to change is left out: Vault has no precondition, and a late write must not undo a cut.
 */
export type EntityContent = Pick<Entity, "metadata"> & Partial<Pick<Entity, "disabled" | "policies">>;

/** Settings of a login role, as Vault names them. */
export type RoleSettings = Readonly<Record<string, unknown>>;

export interface SecretId {
  readonly accessor: string;
  readonly createdAt: Date;
  /** Absent where it does not end by itself. */
  readonly expiresAt?: Date | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/** An auth method as it is mounted. */
export interface AuthMount {
  readonly accessor: string;
  /** The longest life of a token from it, in seconds; 0: the server's own limit. */
  readonly maxTtlSeconds: number;
  /** Its logins may give batch tokens, which have no accessor. */
  readonly givesBatchTokens: boolean;
}

/** One login role of an auth method. */
export interface LoginRolePlace {
  readonly mount: string;
  readonly name: string;
}

/** The identity store and the login roles, under one token. Names and mounts are judged again here, whatever stands above. */
export interface IdentityCalls {
  /** Undefined when there is none of that name. */
  readEntity(name: string, signal: AbortSignal): Promise<Entity | undefined>;
  /** Makes it, or sets these. */
  writeEntity(name: string, content: EntityContent, signal: AbortSignal): Promise<void>;
  deleteEntity(name: string, signal: AbortSignal): Promise<void>;
  /** Names of the entities of this Vault namespace that begin with the prefix. */
  listEntities(prefix: string, signal: AbortSignal): Promise<readonly string[]>;
  /** The entity that an alias belongs to; undefined when there is no such alias. */
  entityOfAlias(
    alias: { readonly name: string; readonly mountAccessor: string },
    signal: AbortSignal,
  ): Promise<Entity | undefined>;
  /** Vault moves an alias that exists: the caller has looked. */
  writeAlias(
    alias: { readonly name: string; readonly mountAccessor: string; readonly entityId: string },
    signal: AbortSignal,
  ): Promise<void>;
  /** Gives an alias of the entity another name; Vault refuses one that exists. */
  renameAlias(
    id: string,
    alias: { readonly name: string; readonly mountAccessor: string; readonly entityId: string },
    signal: AbortSignal,
  ): Promise<void>;
  deleteAlias(id: string, signal: AbortSignal): Promise<void>;
  /** Auth methods, by mount without slashes at its ends. */
  authMounts(signal: AbortSignal): Promise<ReadonlyMap<string, AuthMount>>;
  /** The longest life of a token of this auth method, in seconds, with the server's own limit in it. A right that may lack. */
  longestLife(mount: string, signal: AbortSignal): Promise<number>;
  /** Text of an ACL policy; undefined when there is none of that name. A right that may lack. */
  readPolicy(name: string, signal: AbortSignal): Promise<string | undefined>;
  readRole(place: LoginRolePlace, signal: AbortSignal): Promise<RoleSettings | undefined>;
  writeRole(place: LoginRolePlace, settings: RoleSettings, signal: AbortSignal): Promise<void>;
  deleteRole(place: LoginRolePlace, signal: AbortSignal): Promise<void>;
  /** Of an AppRole; undefined when the role is gone. */
  readRoleId(place: LoginRolePlace, signal: AbortSignal): Promise<string | undefined>;
  /** Accessors of an AppRole that exists. */
  listSecretIds(place: LoginRolePlace, signal: AbortSignal): Promise<readonly string[]>;
  lookUpSecretId(place: LoginRolePlace, accessor: string, signal: AbortSignal): Promise<SecretId | undefined>;
  /** The caller has seen it: Vault answers as to a fault of its own when it is absent. */
  destroySecretId(place: LoginRolePlace, accessor: string, signal: AbortSignal): Promise<void>;
}

/** What is used of a client of Vault. */
export interface RawClient {
  read(path: string): Promise<unknown>;
  list(path: string): Promise<unknown>;
  write(path: string, body: unknown): Promise<unknown>;
  delete(path: string): Promise<unknown>;
}

/** Builds the calls on a maker of clients, one for each call (sdk.ts). A list keeps only names with the prefix. */
export const identityCalls = (
  clientFor: (operation: string, signal: AbortSignal, prefix?: string) => RawClient,
): IdentityCalls => ({
  async readEntity(name, signal) {
    const found = await absentAsUndefined(clientFor("read of an entity", signal).read(entityPath(name)));
    return found === undefined ? undefined : entityIn(found, "read of an entity");
  },
  async writeEntity(name, content, signal) {
    await clientFor("write of an entity", signal).write(entityPath(name), content);
  },
  async deleteEntity(name, signal) {
    await absentAsUndefined(clientFor("deletion of an entity", signal).delete(entityPath(name)));
  },
  async listEntities(prefix, signal) {
    const operation = "list of entities";
    const found = await absentAsUndefined(clientFor(operation, signal, prefix).list("identity/entity/name"));
    return found === undefined ? [] : keysIn(found, operation);
  },
  async entityOfAlias({ name, mountAccessor }, signal) {
    const body = { alias_name: name, alias_mount_accessor: mountAccessor };
    const found = await absentAsUndefined(
      clientFor("look-up of an alias", signal).write("identity/lookup/entity", body),
    );
    // 204 without a body: nobody has it.
    return record(found)["data"] === undefined ? undefined : entityIn(found, "look-up of an alias");
  },
  async writeAlias(alias, signal) {
    await clientFor("write of an alias", signal).write("identity/entity-alias", aliasBody(alias));
  },
  async renameAlias(id, alias, signal) {
    await clientFor("change of an alias", signal).write(aliasPath(id), aliasBody(alias));
  },
  async deleteAlias(id, signal) {
    await absentAsUndefined(clientFor("deletion of an alias", signal).delete(aliasPath(id)));
  },
  async authMounts(signal) {
    const operation = "list of auth methods";
    const found = dataIn(await clientFor(operation, signal).read("sys/auth"), operation);
    return new Map(
      Object.entries(found).flatMap(([path, mount]) => {
        const known = authMountIn(mount);
        return known === undefined ? [] : [[path.replace(/\/$/, ""), known] as const];
      }),
    );
  },
  async longestLife(mount, signal) {
    if (!isPlainPath(mount)) throw badName();
    const operation = "read of an auth method";
    const data = dataIn(await clientFor(operation, signal).read(`sys/mounts/auth/${mount}/tune`), operation);
    const seconds = data["max_lease_ttl"];
    if (typeof seconds !== "number" || seconds <= 0) throw odd(operation);
    return seconds;
  },
  async readPolicy(name, signal) {
    const operation = "read of a policy";
    const found = await absentAsUndefined(clientFor(operation, signal).read(policyPath(name)));
    return found === undefined ? undefined : textIn(dataIn(found, operation), "policy", operation);
  },
  async readRole(place, signal) {
    const found = await absentAsUndefined(clientFor("read of a login role", signal).read(rolePath(place)));
    return found === undefined ? undefined : dataIn(found, "read of a login role");
  },
  async writeRole(place, settings, signal) {
    await clientFor("write of a login role", signal).write(rolePath(place), settings);
  },
  async deleteRole(place, signal) {
    await absentAsUndefined(clientFor("deletion of a login role", signal).delete(rolePath(place)));
  },
  async readRoleId(place, signal) {
    const found = await absentAsUndefined(clientFor("read of a role id", signal).read(`${rolePath(place)}/role-id`));
    return found === undefined ? undefined : textIn(dataIn(found, "read of a role id"), "role_id", "read of a role id");
  },
  async listSecretIds(place, signal) {
    const path = `${rolePath(place)}/secret-id`;
    const found = await absentAsUndefined(clientFor("list of secret ids", signal).list(path));
    return found === undefined ? [] : keysIn(found, "list of secret ids");
  },
  async lookUpSecretId(place, accessor, signal) {
    const operation = "look-up of a secret id";
    const path = `${rolePath(place)}/secret-id-accessor/lookup`;
    const found = await absentAsUndefined(clientFor(operation, signal).write(path, { secret_id_accessor: accessor }));
    if (found === undefined) return undefined;
    const data = dataIn(found, operation);
    const createdAt = new Date(textIn(data, "creation_time", operation));
    if (Number.isNaN(createdAt.getTime())) return undefined;
    const end = new Date(String(data["expiration_time"]));
    // Go's zero time stands for never.
    const expiresAt = Number.isNaN(end.getTime()) || end.getUTCFullYear() < 1970 ? undefined : end;
    return { accessor, createdAt, expiresAt, metadata: strings(data["metadata"]) };
  },
  async destroySecretId(place, accessor, signal) {
    const path = `${rolePath(place)}/secret-id-accessor/destroy`;
    await clientFor("removal of a secret id", signal).write(path, { secret_id_accessor: accessor });
  },
});

const entityPath = (name: string): string => {
  if (!isPlainName(name)) throw badName();
  return `identity/entity/name/${name}`;
};

const aliasPath = (id: string): string => {
  if (!/^[0-9a-f-]{36}$/.test(id)) throw badName();
  return `identity/entity-alias/id/${id}`;
};

const aliasBody = (alias: { readonly name: string; readonly mountAccessor: string; readonly entityId: string }) => ({
  name: alias.name,
  canonical_id: alias.entityId,
  mount_accessor: alias.mountAccessor,
});

/** Names of policies that can be asked for; another may stand on an entity, and nothing is known of it. */
export const isPolicyName = (name: string): boolean =>
  name.length <= 253 && /^\w[\w.-]*(\/\w[\w.-]*)*$/.test(name) && !name.includes("..");

const policyPath = (name: string): string => {
  if (!isPolicyName(name)) throw badName();
  return `sys/policies/acl/${name}`;
};

export const rolePath = ({ mount, name }: LoginRolePlace): string => {
  if (!isPlainPath(mount) || !isPlainName(name)) throw badName();
  return `auth/${mount}/role/${name}`;
};

const entityIn = (answer: unknown, operation: string): Entity => {
  const data = dataIn(answer, operation);
  const aliases = Array.isArray(data["aliases"]) ? data["aliases"] : [];
  return {
    id: textIn(data, "id", operation),
    name: textIn(data, "name", operation),
    disabled: data["disabled"] === true,
    policies: stringsIn(data, "policies", operation),
    metadata: strings(data["metadata"]),
    aliases: aliases.map((alias: unknown) => aliasIn(record(alias), operation)),
    groups: stringsIn(data, "group_ids", operation),
  };
};

const aliasIn = (alias: Readonly<Record<string, unknown>>, operation: string): EntityAlias => ({
  id: textIn(alias, "id", operation),
  name: textIn(alias, "name", operation),
  mountAccessor: textIn(alias, "mount_accessor", operation),
  mount: textIn(alias, "mount_path", operation)
    .replace(/^auth\//, "")
    .replace(/\/$/, ""),
});

const authMountIn = (mount: unknown): AuthMount | undefined => {
  const { accessor, config } = record(mount) as { readonly accessor?: unknown; readonly config?: unknown };
  if (typeof accessor !== "string") return undefined;
  const { max_lease_ttl: longest, token_type: type } = record(config);
  const maxTtlSeconds = typeof longest === "number" && longest > 0 ? longest : 0;
  return { accessor, maxTtlSeconds, givesBatchTokens: type === "batch" || type === "default-batch" };
};

const badName = (): OperatorError =>
  new OperatorError("InvalidSpec", { publicMessage: "A name at Vault is not of plain characters." });
