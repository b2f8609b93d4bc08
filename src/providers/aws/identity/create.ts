import { OperatorError } from "../../../kernel/errors.ts";
import type { AwsCalls } from "../sdk.ts";
import type { Identity, IdentityFacts, NewIdentity } from "./contract.ts";
import type { IamMemory, Topic } from "./memory.ts";
import { notYet, otherCase } from "./problems.ts";

/** What we made is seen everywhere by then, or it is not ours that has the name. */
const SEEN_AFTER_MS = 10_000;
/** An attempt that is so long ago says nothing of this one. */
const FORGOTTEN_MS = 3_600_000;

/** Since when a name is taken that is not found. */
const HIDDEN: Topic<true> = { name: "hidden" };

/**
 * Makes an identity in one request. Where its name is taken already, gives what has it: perhaps made by us before, with the answer
 * lost. Unavailable while that is not seen; Conflict when the name is there in another case.
 */
export const createIdentity = async (
  calls: AwsCalls,
  who: Identity,
  made: NewIdentity,
  memory: IamMemory,
  signal: AbortSignal,
): Promise<IdentityFacts | undefined> => {
  const about = `${who.kind}/${who.name}`;
  try {
    await calls.identity.create(who, made, signal);
    memory.forget(HIDDEN, about);
    return undefined;
  } catch (error) {
    if (!(error instanceof OperatorError && error.code === "AlreadyExists")) throw error;
  }
  const found = await calls.identity.find(who, signal);
  if (found !== undefined) {
    memory.forget(HIDDEN, about);
    return found;
  }
  const isThere = await isInOtherCase(calls, who, signal);
  if (isThere === true || (isThere === undefined && isLongHidden(memory, about))) throw otherCase(who);
  throw notYet(who);
};

/** Where users cannot be listed only time tells a new name from another's. After a restart it begins anew. */
const isLongHidden = (memory: IamMemory, about: string): boolean => {
  const hiddenMs = memory.ageMs(HIDDEN, about);
  if (hiddenMs !== undefined && hiddenMs < FORGOTTEN_MS) return hiddenMs >= SEEN_AFTER_MS;
  memory.keep(HIDDEN, about, true);
  return false;
};

/** Undefined where the operator may not list them. */
const isInOtherCase = async (
  calls: AwsCalls,
  { kind, name }: Identity,
  signal: AbortSignal,
): Promise<boolean | undefined> => {
  try {
    const all = await calls.identity.list(kind, "/", signal);
    return all.some((other) => other.name !== name && other.name.toLowerCase() === name.toLowerCase());
  } catch (error) {
    if (error instanceof OperatorError && error.code === "PermissionDenied") return undefined;
    throw error;
  }
};
