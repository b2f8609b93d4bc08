import type { IdentityHold } from "../api/v1alpha1/identity-hold.ts";
import type { ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import { ends } from "../domain/would.ts";
import {
  claimOfTarget,
  heldBy,
  holdsTold,
  type HeldBy,
  type HoldInForce,
  type HoldQuestion,
} from "../domain/hold/match.ts";
import type { Mutation } from "./outside.ts";
import type { Ports } from "./ports.ts";
import { accountOf } from "./secret-rotation/scope.ts";
import type { LeftOut } from "../kernel/listed.ts";

/** The IdentityHolds as the watch has shown them last. */
export interface Holds {
  /** False until all have been read since the start, and while one cannot be read: nothing is given, issued or brought back then. */
  read(): boolean;
  /** Those that hold what is asked about, of those that could be read; undefined: none of these. */
  on(question: HoldQuestion): HeldBy | undefined;
  /** Is anything held by its target? Then a resource's targets have to be known before it is asked about. */
  byTarget(): boolean;
}

export interface HoldSource {
  hasSynced(): boolean;
  list(): readonly IdentityHold[];
  leftOut(): readonly LeftOut[];
}

/** `connection`: as the watch has shown it last; what a hold names through one that is unknown is held by what its status has seen. */
export const holdsSeen = (source: HoldSource, connection: (name: string) => ProviderConnection | undefined): Holds => {
  const inForce = (): readonly HoldInForce[] => source.list().map((hold) => holdInForce(hold, connection));
  return {
    read: () => source.hasSynced() && source.leftOut().length === 0,
    on: (question) => heldBy(inForce(), question),
    byTarget: () => inForce().some(({ targets }) => targets.length > 0),
  };
};

/** While a hold may be missing from what was read: those that were found, and those on record, go on holding. */
export const heldByEither = (found: HeldBy | undefined, recorded: HeldBy | undefined): HeldBy | undefined => {
  if (found === undefined || recorded === undefined) return found ?? recorded;
  const names = [...new Set([...found.names, ...recorded.names])].sort();
  return names.length === found.names.length
    ? found
    : { names, compromised: found.compromised || recorded.compromised };
};

export const holdInForce = (
  { metadata, spec, status }: IdentityHold,
  connection: (name: string) => ProviderConnection | undefined,
): HoldInForce => ({
  name: metadata.name,
  spec,
  targets: [...new Set([...namedTargets(spec, connection), ...(status?.targets ?? [])])],
});

/** Claims of the targets that the spec names, as far as their connections are known. */
export const namedTargets = (
  { namespace, targets = [] }: IdentityHold["spec"],
  connection: (name: string) => ProviderConnection | undefined,
): readonly string[] =>
  targets.flatMap((target) => {
    if (target.connectionRef === undefined) return [claimOfTarget(target, "in-cluster", namespace)];
    const found = connection(target.connectionRef.name);
    return found === undefined ? [] : [claimOfTarget(target, accountOf(found), namespace)];
  });

interface HoldsChanged {
  readonly subject: Mutation["subject"];
  readonly passId: string;
  readonly signal: AbortSignal;
  /** Names of the holds, as the record has them and as they are now. */
  readonly before: readonly string[];
  readonly now: readonly string[];
}

/**
 * Puts on record which holds begin to hold a resource and which have ceased to. Nothing is given by either, so neither the kill switch nor a
 * trail that cannot be written keeps it.
 */
export const auditHolds = async (
  { subject, passId, signal, before, now }: HoldsChanged,
  { outside, demand }: Pick<Ports, "outside" | "demand">,
): Promise<void> => {
  const told = holdsTold(now, before).holds ?? [];
  const begins = told.filter((hold) => !before.includes(hold));
  const over = before.filter((hold) => !told.includes(hold));
  if (begins.length > 0) await demand(ends("put on record that it is held, and cut it"));
  const note = (action: string, target: string): Promise<void> =>
    outside.mutate({ action, kind: "Revoking", subject, target, passId }, signal, () => Promise.resolve());
  for (const name of begins) await note("keyturn:HoldBegins", name);
  for (const name of over) await note("keyturn:HoldEnds", name);
};
