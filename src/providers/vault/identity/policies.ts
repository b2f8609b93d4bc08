import type { Effect } from "../../../domain/lifecycle/piece.ts";
import { policyTextEffect } from "../../../domain/vault-policy/effect.ts";
import type { VaultConnection } from "../connection.ts";
import { isPolicyName, type IdentityCalls } from "./calls.ts";
import { withRight } from "./optional.ts";

/** What a policy does, by its text. */
export interface JudgedPolicy {
  readonly effect: Effect;
  readonly missingRight?: string | undefined;
}

/** A text may be changed at any time: it is read again after this. */
const KNOWN_FOR_MS = 60_000;
/** Read at one look; an entity that somebody gave more of them shows the rest as unread. */
const MOST_READ = 64;

const UNREAD: JudgedPolicy = { effect: "Unread" };

interface Known extends JudgedPolicy {
  readonly readAtMs: number;
}

const judged = new WeakMap<VaultConnection, Map<string, Known>>();

/** What each of these policies does; those that the operator may not read are `Unread`, with the right that it lacks. */
export const judgePolicies = async (
  connection: VaultConnection,
  identity: IdentityCalls,
  policies: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, JudgedPolicy>> => {
  const found = new Map<string, JudgedPolicy>();
  for (const policy of policies.slice(0, MOST_READ)) {
    found.set(policy, isPolicyName(policy) ? await judge(connection, identity, policy, signal) : UNREAD);
  }
  for (const policy of policies.slice(MOST_READ)) found.set(policy, UNREAD);
  return found;
};

const judge = async (
  connection: VaultConnection,
  identity: IdentityCalls,
  policy: string,
  signal: AbortSignal,
): Promise<JudgedPolicy> => {
  const nowMs = connection.clock.monotonicMs();
  const known = [...(judged.get(connection) ?? [])].filter(([, { readAtMs }]) => nowMs - readAtMs < KNOWN_FOR_MS);
  const remembered = new Map(known);
  judged.set(connection, remembered);
  const before = remembered.get(policy);
  if (before !== undefined) return { effect: before.effect };
  const right = `read sys/policies/acl/${policy}`;
  const read = await withRight(connection, { right, what: `Vault policy ${policy}` }, () =>
    identity.readPolicy(policy, signal),
  );
  if (read.kind === "missing") {
    const { right: missingRight } = read.notLooked;
    return missingRight === undefined ? UNREAD : { effect: "Unread", missingRight };
  }
  // One that does not exist forbids nothing.
  const effect = read.value === undefined ? "Allows" : policyTextEffect(read.value);
  remembered.set(policy, { effect, readAtMs: nowMs });
  return { effect };
};
