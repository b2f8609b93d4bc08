import type { NotLooked } from "../../../domain/lifecycle/action.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { VaultConnection } from "../connection.ts";

/** What an optional right gave, or why it gave nothing. */
export type Optional<T> =
  { readonly kind: "given"; readonly value: T } | { readonly kind: "missing"; readonly notLooked: NotLooked };

/** A right that was refused is asked for again after this: somebody may have given it. */
const REFUSED_FOR_MS = 60_000;

/** When each right was refused last, by connection. */
const refusals = new WeakMap<VaultConnection, Map<string, number>>();

/**
 * Runs what needs a right that the operator may lack, under the session in hand. A refusal must not reach `connection.use`, which would take it
 * for the end of its token and log in anew. The caller has just used this session: the token is good. `what`: for people.
 */
export const withRight = async <T>(
  connection: VaultConnection,
  wish: { readonly right: string; readonly what: string },
  run: () => Promise<T>,
): Promise<Optional<T>> => {
  const { clock } = connection;
  const known = refusals.get(connection) ?? new Map<string, number>();
  refusals.set(connection, known);
  const missing = (why: NotLooked["why"]): Optional<T> => ({
    kind: "missing",
    notLooked: { what: wish.what, why, ...(why === "NotAllowed" ? { right: wish.right } : {}) },
  });
  const refusedAt = known.get(wish.right);
  if (refusedAt !== undefined && clock.monotonicMs() - refusedAt < REFUSED_FOR_MS) return missing("NotAllowed");
  known.delete(wish.right);
  try {
    return { kind: "given", value: await run() };
  } catch (thrown) {
    if (!(thrown instanceof OperatorError) || thrown.code === "Aborted") throw thrown;
    if (thrown.status !== 403) return missing("Failed");
    known.set(wish.right, clock.monotonicMs());
    return missing("NotAllowed");
  }
};
