import { PROVIDER_CONNECTION, type ProviderConnection } from "../../../api/v1alpha1/provider-connection.ts";
import { heldSentence, holdsTold, type HeldBy } from "../../../domain/hold/match.ts";
import { hasEnded } from "../../../domain/rotation/identity.ts";
import type { RotationSettings } from "../../../domain/rotation/settings.ts";
import { endsHere } from "../../../domain/rotation/suspension.ts";
import { toOperatorError } from "../../../kernel/errors.ts";
import { without } from "../../../kernel/without.ts";
import { auditHolds, heldByEither } from "../../holds.ts";
import type { Ports } from "../../ports.ts";
import { claimFor, subjectOf, type Identity, type RotationScope } from "../scope.ts";
import { readIdentity } from "./identity.ts";

/**
 * The identity as it is now, and the holds over it. A hold counts as the identity's suspension, whether or not there is an identity; until
 * the holds have been read nothing is issued. Throws what reading the identity throws, except under a hold, which needs nothing else.
 */
export const readStanding = async (
  scope: RotationScope,
  settings: RotationSettings,
  ports: Pick<Ports, "cluster" | "identitiesIn" | "holds" | "outside" | "sources" | "demand">,
): Promise<void> => {
  const read = await readIdentity(scope, settings, ports).then(
    (identity) => ({ identity }),
    (thrown: unknown) => ({ thrown }),
  );
  const identity = "identity" in read ? read.identity : undefined;
  await noteHolds(scope, settings, identity, ports);
  const { hold } = scope;
  if ("thrown" in read && (hold === undefined || toOperatorError(read.thrown).code === "Aborted")) throw read.thrown;
  scope.identity = standingOf(settings, identity, { hold, read: ports.holds.read() });
};

const standingOf = (
  { identity: name = "" }: RotationSettings,
  identity: Identity | undefined,
  { hold, read }: { readonly hold: HeldBy | undefined; readonly read: boolean },
): Identity | undefined => {
  if (identity?.state === "Decommissioned") return identity;
  if (hold !== undefined) return { name, ...identity, state: "Suspended", why: heldSentence(hold) };
  if (read || hasEnded(identity?.state)) return identity;
  return { name, ...identity, state: "NotReady", why: "The IdentityHolds have not been read yet." };
};

/** Found, told in the audit trail where they have changed, and on record. While they have not been read, those on record go on holding. */
const noteHolds = async (
  scope: RotationScope,
  settings: RotationSettings,
  identity: Identity | undefined,
  ports: Pick<Ports, "cluster" | "holds" | "outside" | "sources" | "demand">,
): Promise<void> => {
  const before = scope.status.holds;
  scope.hold = await holdOn(scope, settings, identity, ports);
  const names = scope.hold?.names ?? [];
  const { passId, signal } = scope;
  await auditHolds({ subject: subjectOf(scope), passId, signal, before: before ?? [], now: names }, ports);
  scope.status = { ...without(scope.status, "holds"), ...holdsTold(names, before) };
  if (scope.hold?.compromised === true) markLeaked(scope, settings, ports);
};

export const holdOn = async (
  scope: RotationScope,
  settings: RotationSettings,
  identity: Identity | undefined,
  ports: Pick<Ports, "cluster" | "holds">,
): Promise<HeldBy | undefined> => {
  const { status, request } = scope;
  const declared = ports.holds.byTarget() ? await claimNow(scope, settings, identity, ports) : undefined;
  const targets = [status.target?.claim, declared].filter((claim) => claim !== undefined);
  const found = ports.holds.on({ namespace: request.namespace, identity: settings.identity, targets });
  if (ports.holds.read()) return found;
  return heldByEither(found, status.holds === undefined ? undefined : { names: status.holds, compromised: false });
};

/** Claim of the holder that the spec, or its identity's account, leads to now; undefined while its connection cannot be read. */
const claimNow = async (
  { request: { namespace } }: RotationScope,
  { source }: RotationSettings,
  identity: Identity | undefined,
  { cluster }: Pick<Ports, "cluster">,
): Promise<string | undefined> => {
  const target = source.kind === "target" ? source.target : identity?.holder;
  if (target === undefined) return undefined;
  const connection = await cluster.get<ProviderConnection>({ kind: PROVIDER_CONNECTION, name: target.connection });
  return connection === undefined ? undefined : claimFor(connection, target, namespace);
};

/** Others may have it: it does not come back with the identity, but is replaced and revoked. What is surrendered is revoked anyhow. */
const markLeaked = (scope: RotationScope, settings: RotationSettings, { sources }: Pick<Ports, "sources">): void => {
  const { current } = scope.status;
  if (current === undefined || current.leaked === true) return;
  if (endsHere({ facts: sources.capabilities(settings.source.of), settings })) return;
  scope.status = { ...scope.status, current: { ...current, leaked: true } };
};
