import type { NotLooked } from "../../../domain/lifecycle/action.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { VaultConnection } from "../connection.ts";
import { demandRunning } from "../../running.ts";
import { withRight } from "./optional.ts";
import type { TokenCalls, TokenFacts } from "./token-calls.ts";

/** Which tokens are an account's: those of its entities, and those that its login role gave. */
export interface TokenWish {
  readonly mount: string;
  readonly role: string;
  readonly entityIds: readonly string[];
  /** The role of that name is ours, or is gone: then tokens that it gave are ours, also those of other entities. */
  readonly byRole: boolean;
  /** Entities whose tokens are left alone. */
  readonly sparing: readonly string[];
  /** After that moment a role of that name was somebody else's. */
  readonly givenUntil?: Date | undefined;
}

export type Survey =
  | {
      readonly kind: "looked";
      /** Accessors of the account's tokens. */
      readonly accessors: readonly string[];
      /** How many accessors have not been looked up yet. */
      readonly left: number;
    }
  | { readonly kind: "notLooked"; readonly notLooked: NotLooked };

const WHAT = "tokens that its login gave";
const LIST = "list auth/token/accessors";
const LOOK_UP = "update auth/token/lookup-accessor";
const REVOKE = "update auth/token/revoke-accessor";

/** Whose a token is never changes. Of each Vault as many as it has tokens, for its list is bounded by the size of an answer. */
const known = new WeakMap<VaultConnection, Map<string, TokenFacts>>();

/** Clocks of kube-apiserver and Vault may differ by so much. */
const CLOCK_SKEW_MS = 60_000;

/**
 * The account's tokens among all of this Vault, by looking each up once. At most `most` new ones are looked up at one time; the next look goes
 * on where this one has ended. Changes nothing.
 */
export const surveyTokens = async (
  connection: VaultConnection,
  tokens: TokenCalls,
  wish: TokenWish,
  options: { readonly most: number; readonly signal: AbortSignal },
): Promise<Survey> => {
  const { signal } = options;
  const listed = await withRight(connection, { right: LIST, what: WHAT }, () => tokens.listAccessors(signal));
  if (listed.kind === "missing") return { kind: "notLooked", notLooked: listed.notLooked };
  // Who may not revoke what is found has nothing to look for.
  const may = await withRight(connection, { right: REVOKE, what: WHAT }, () => tokens.mayRevoke(signal));
  if (may.kind === "missing") return { kind: "notLooked", notLooked: may.notLooked };
  if (!may.value) return { kind: "notLooked", notLooked: { what: WHAT, why: "NotAllowed", right: REVOKE } };
  const facts = remembered(connection, listed.value);
  const unknown = listed.value.filter((accessor) => !facts.has(accessor));
  const looked = await withRight(connection, { right: LOOK_UP, what: WHAT }, () =>
    lookUp(tokens, unknown.slice(0, options.most), facts, signal),
  );
  if (looked.kind === "missing") return { kind: "notLooked", notLooked: looked.notLooked };
  const accessors = [...facts].filter(([, token]) => isOf(token, wish)).map(([accessor]) => accessor);
  return { kind: "looked", accessors, left: Math.max(0, unknown.length - options.most) };
};

/** Ends these tokens, one request each. */
export const revokeTokens = async (
  connection: VaultConnection,
  tokens: TokenCalls,
  accessors: readonly string[],
  signal: AbortSignal,
): Promise<void> => {
  for (const accessor of accessors) {
    demandRunning({ signal });
    await tokens.revokeAccessor(accessor, signal);
    known.get(connection)?.delete(accessor);
  }
};

/** What is known of the listed ones; the others have ended. */
const remembered = (connection: VaultConnection, accessors: readonly string[]): Map<string, TokenFacts> => {
  const before = known.get(connection) ?? new Map<string, TokenFacts>();
  const facts = new Map<string, TokenFacts>();
  for (const accessor of accessors) {
    const seen = before.get(accessor);
    if (seen !== undefined) facts.set(accessor, seen);
  }
  known.set(connection, facts);
  return facts;
};

/** Vault refuses (403) the look-up of a token that is ending, as it refuses whoever may not look: the first answer tells which it is. */
const lookUp = async (
  tokens: TokenCalls,
  accessors: readonly string[],
  facts: Map<string, TokenFacts>,
  signal: AbortSignal,
): Promise<void> => {
  let mayLook = facts.size > 0;
  for (const accessor of accessors) {
    demandRunning({ signal });
    try {
      const seen = await tokens.lookUpAccessor(accessor, signal);
      mayLook = true;
      if (seen !== undefined) facts.set(accessor, seen);
    } catch (thrown) {
      if (!mayLook || !(thrown instanceof OperatorError) || thrown.status !== 403) throw thrown;
    }
  }
};

const isOf = (token: TokenFacts, wish: TokenWish): boolean => {
  const { entityId } = token;
  if (entityId !== undefined && wish.sparing.includes(entityId)) return false;
  if (entityId !== undefined && wish.entityIds.includes(entityId)) return true;
  if (!wish.byRole || token.role !== wish.role || token.path !== `auth/${wish.mount}/login`) return false;
  return wish.givenUntil === undefined || token.createdAt.getTime() <= wish.givenUntil.getTime() + CLOCK_SKEW_MS;
};
