import { isPlainName } from "../config.ts";
import { absentAsUndefined, dataIn, odd, textIn } from "../answers.ts";
import { isPlainPath } from "../config.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { RawClient } from "../identity/calls.ts";

export interface StaticRolePlace {
  readonly mount: string;
  readonly name: string;
}

/** A static role of Vault's database engine: a user whose password Vault changes. */
export interface StaticRole {
  /** Name of the database in Vault's configuration. */
  readonly database: string;
  readonly username: string;
  /** Vault's own time of the last change, as Vault wrote it; undefined before the first. */
  readonly changedAt: string | undefined;
  /** Vault changes it by itself when it is as old; undefined where a schedule says when. */
  readonly periodSeconds: number | undefined;
}

export interface StaticCredentials {
  readonly username: string;
  readonly password: string;
  readonly changedAt: string;
  /** Until Vault changes it by itself. */
  readonly ttlSeconds: number;
}

export interface DatabaseCalls {
  /** Undefined when there is no such role. Without the password. */
  readRole(place: StaticRolePlace, signal: AbortSignal): Promise<StaticRole | undefined>;
  readCredentials(place: StaticRolePlace, signal: AbortSignal): Promise<StaticCredentials>;
  /** Changes the password now. */
  rotate(place: StaticRolePlace, signal: AbortSignal): Promise<void>;
}

/** Builds the calls on a maker of clients, one for each call (sdk.ts). https://developer.hashicorp.com/vault/api-docs/secret/databases */
export const databaseCalls = (clientFor: (operation: string, signal: AbortSignal) => RawClient): DatabaseCalls => ({
  async readRole(place, signal) {
    const operation = "read of a static role";
    const found = await absentAsUndefined(clientFor(operation, signal).read(pathOf(place, "static-roles")));
    if (found === undefined) return undefined;
    const data = dataIn(found, operation);
    const { last_vault_rotation: changedAt, rotation_period: period } = data;
    return {
      database: textIn(data, "db_name", operation),
      username: textIn(data, "username", operation),
      changedAt: typeof changedAt === "string" && isTime(changedAt) ? changedAt : undefined,
      periodSeconds: typeof period === "number" && period > 0 ? period : undefined,
    };
  },
  async readCredentials(place, signal) {
    const operation = "read of a static role's password";
    const data = dataIn(await clientFor(operation, signal).read(pathOf(place, "static-creds")), operation);
    const changedAt = textIn(data, "last_vault_rotation", operation);
    const { ttl } = data;
    if (!isTime(changedAt) || typeof ttl !== "number") throw odd(operation);
    return {
      username: textIn(data, "username", operation),
      password: textIn(data, "password", operation),
      changedAt,
      ttlSeconds: Math.max(0, ttl),
    };
  },
  async rotate(place, signal) {
    await clientFor("change of a static role's password", signal).write(pathOf(place, "rotate-role"), {});
  },
});

/** Go's zero time stands for never. */
const isTime = (text: string): boolean => Date.parse(text) > 0;

const pathOf = ({ mount, name }: StaticRolePlace, part: string): string => {
  if (isPlainPath(mount) && isPlainName(name)) return `${mount}/${part}/${name}`;
  throw new OperatorError("InvalidSpec", { publicMessage: "A database role's path is not of plain segments." });
};
