import type { IdentityHold } from "../api/v1alpha1/identity-hold.ts";
import type { OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import type { ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../api/v1alpha1/service-account-lifecycle.ts";
import type { Informer } from "../cluster/contract.ts";
import type { ReconcileRequest } from "../engine/contract.ts";
import type { Standing } from "../engine/work-queue.ts";
import { holdInForce } from "./holds.ts";
import { isHeldIdentity, isHeldRotation } from "./identity-hold/matches.ts";
import { isEndingIdentity, isEndingRotation } from "./lanes.ts";
import { shareOf, type Tenancy } from "./shares.ts";

/** What the watches have shown last. */
interface Seen {
  readonly identities: Pick<Informer<ServiceAccountLifecycle>, "get">;
  readonly rotations: Pick<Informer<SecretRotation>, "get">;
  readonly orphans: Pick<Informer<OrphanedCredential>, "get">;
  readonly holds: Pick<Informer<IdentityHold>, "list" | "get">;
  /** Undefined: every namespace has turns of its own. */
  readonly namespaces: Pick<Informer<Tenancy>, "get"> | undefined;
  readonly connection: (name: string) => ProviderConnection | undefined;
  readonly now: () => Date;
}

type StandingOf = (request: ReconcileRequest) => Standing;

/** Lane and share of every kind's objects (ADR 0054). The ledger and holds are ends always, and count for the namespace that they are about. */
export const standings = (
  seen: Seen,
): Readonly<Record<"identity" | "rotation" | "connection" | "entry" | "hold", StandingOf>> => {
  const { identities, rotations, orphans, holds, namespaces, connection, now } = seen;
  const share = (namespace: string): string => shareOf(namespace, namespaces);
  const isHeld = <T>(holding: (hold: ReturnType<typeof holdInForce>, object: T) => boolean, object: T): boolean =>
    holds.list().some((hold) => holding(holdInForce(hold, connection), object));
  return {
    identity(request) {
      const object = identities.get(request);
      const held = object !== undefined && isHeld(isHeldIdentity, object);
      const ends = object !== undefined && isEndingIdentity(object, { now: now(), held });
      return { lane: ends ? "end" : "rest", share: share(request.namespace), first: isUnseen(object) };
    },
    rotation(request) {
      const object = rotations.get(request);
      const ends = object !== undefined && isEnding(object);
      return { lane: ends ? "end" : "rest", share: share(request.namespace), first: isUnseen(object) };
    },
    // Each is asked about by itself: one that does not answer holds up no other.
    connection: ({ name }) => ({ lane: "rest", share: name }),
    entry: (request) => ({ lane: "end", share: share(orphans.get(request)?.spec.origin.namespace ?? "") }),
    hold: (request) => ({ lane: "end", share: share(holds.get(request)?.spec.namespace ?? "") }),
  };

  function isEnding(object: SecretRotation): boolean {
    const { namespace } = object.metadata;
    const { identityRef } = object.spec;
    const identity = identityRef && identities.get({ namespace, name: identityRef.name });
    return isEndingRotation(object, identity, {
      now: now(),
      held: isHeld(isHeldRotation, object),
      identityHeld: identity !== undefined && isHeld(isHeldIdentity, identity),
    });
  }
};

/** It has been looked at never yet, so that nothing can be said about it. */
const isUnseen = (object: { readonly status?: unknown } | undefined): boolean => object?.status === undefined;
