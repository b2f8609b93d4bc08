import { OperatorError } from "../../../kernel/errors.ts";
import { absentAsUndefined, dataIn, keysIn, odd, record, strings } from "../answers.ts";
import type { RawClient } from "./calls.ts";

/** What Vault tells of a token by its accessor: enough to know whose it is, and no way to use it. */
export interface TokenFacts {
  /** Where it was given: `auth/jwt/login`, `auth/token/create`. */
  readonly path: string;
  /** Name of the login role, where a login gave it. */
  readonly role?: string | undefined;
  /** Of the entity that it was given for; it stays when that entity is merged into another. */
  readonly entityId?: string | undefined;
  readonly createdAt: Date;
}

/** Tokens by their accessors, whoever has them. Rights that the operator may lack: PermissionDenied (403). */
export interface TokenCalls {
  /** Of every token of this Vault namespace, batch tokens left out: these have no accessor. */
  listAccessors(signal: AbortSignal): Promise<readonly string[]>;
  /** Undefined when the token has ended. */
  lookUpAccessor(accessor: string, signal: AbortSignal): Promise<TokenFacts | undefined>;
  /** What Vault lets this login do with each path; undefined where it may not ask. A path that is not in the answer was not told. */
  capabilities(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<Readonly<Record<string, readonly string[]>> | undefined>;
  /** Does Vault let this login end tokens by accessor? True also where it does not say. Nothing is tried for it. */
  mayRevoke(signal: AbortSignal): Promise<boolean>;
  /** Ends the token and all that it has made. One that has ended already is success. */
  revokeAccessor(accessor: string, signal: AbortSignal): Promise<void>;
}

const REVOKE_PATH = "auth/token/revoke-accessor";

export const tokenCalls = (clientFor: (operation: string, signal: AbortSignal) => RawClient): TokenCalls => ({
  async listAccessors(signal) {
    const operation = "list of accessors";
    const found = await absentAsUndefined(clientFor(operation, signal).list("auth/token/accessors"));
    return found === undefined ? [] : keysIn(found, operation);
  },
  async lookUpAccessor(accessor, signal) {
    const operation = "look-up of an accessor";
    const answer = await endedAsUndefined(
      clientFor(operation, signal).write("auth/token/lookup-accessor", { accessor }),
    );
    return answer === undefined ? undefined : tokenIn(dataIn(answer, operation), operation);
  },
  capabilities: (paths, signal) => capabilitiesOf(clientFor("question for rights", signal), paths),
  async mayRevoke(signal) {
    const client = clientFor("question for rights", signal);
    const words = (await capabilitiesOf(client, [REVOKE_PATH]))?.[REVOKE_PATH];
    return words === undefined || words.includes("update") || words.includes("root");
  },
  async revokeAccessor(accessor, signal) {
    const operation = "revocation by accessor";
    await endedAsUndefined(clientFor(operation, signal).write(REVOKE_PATH, { accessor }));
  },
});

const capabilitiesOf = async (
  client: RawClient,
  paths: readonly string[],
): Promise<Readonly<Record<string, readonly string[]>> | undefined> => {
  const answer = await client.write("sys/capabilities-self", { paths }).catch((thrown: unknown) => {
    if (thrown instanceof OperatorError && thrown.status === 403) return undefined;
    throw thrown;
  });
  if (answer === undefined) return undefined;
  const told = record(record(answer)["data"]);
  return Object.fromEntries(
    paths.flatMap((path) => {
      const words: unknown = told[path];
      return Array.isArray(words) ? [[path, words.filter((word) => typeof word === "string")]] : [];
    }),
  );
};

const tokenIn = (data: Readonly<Record<string, unknown>>, operation: string): TokenFacts => {
  const { path, entity_id: entityId, creation_time: created } = data;
  if (typeof path !== "string" || typeof created !== "number") throw odd(operation);
  const meta = strings(data["meta"]);
  // AppRole calls it `role_name`, JWT `role`.
  const role = meta["role_name"] ?? meta["role"];
  return {
    path,
    createdAt: new Date(created * 1000),
    ...(role === undefined ? {} : { role }),
    ...(typeof entityId === "string" && entityId !== "" ? { entityId } : {}),
  };
};

/** Vault answers 400 to an accessor that it does not know (any more). */
const endedAsUndefined = async (answer: Promise<unknown>): Promise<unknown> => {
  try {
    return (await answer) ?? {};
  } catch (error) {
    if (error instanceof OperatorError && (error.status === 400 || error.status === 404)) return undefined;
    throw error;
  }
};
