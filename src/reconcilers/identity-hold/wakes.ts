import type { IdentityHold } from "../../api/v1alpha1/identity-hold.ts";
import type { OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import type { ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { ServiceAccountLifecycle } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { Informer } from "../../cluster/contract.ts";
import type { ReconcileRequest } from "../../engine/contract.ts";
import { canonicalJson } from "../../kernel/ids.ts";
import { holdInForce } from "../holds.ts";
import { isHeldEntry, isHeldIdentity, isHeldRotation } from "./matches.ts";

interface Watches {
  readonly identities: Pick<Informer<ServiceAccountLifecycle>, "list" | "onChange">;
  readonly rotations: Pick<Informer<SecretRotation>, "list" | "onChange">;
  readonly orphans: Pick<Informer<OrphanedCredential>, "list" | "onChange">;
  readonly holds: Pick<Informer<IdentityHold>, "list" | "onChange">;
  readonly connection: (name: string) => ProviderConnection | undefined;
}

interface Queue {
  enqueue(request: ReconcileRequest): void;
}

type Queues = Readonly<Record<"identities" | "rotations" | "orphans" | "holds", Queue>>;

/**
 * A hold wakes what it holds when it is made, has seen another target, or is gone; what is held wakes its holds when it has got on. `all` wakes
 * everything that waited for the holds to be read.
 */
export const wakeHeld = (watches: Watches, queues: Queues): { readonly all: () => void } => {
  const { identities, rotations, orphans, holds, connection } = watches;
  const wake = (queue: Queue, objects: readonly { readonly metadata: Named }[]): void => {
    for (const { metadata } of objects) queue.enqueue({ namespace: metadata.namespace ?? "", name: metadata.name });
  };
  const all = (): void => {
    wake(queues.identities, identities.list());
    wake(queues.rotations, rotations.list());
    wake(queues.orphans, orphans.list());
  };
  holds.onChange(({ type, object, before }) => {
    const targets = (hold: IdentityHold | undefined): string => canonicalJson(hold?.status?.targets ?? []);
    if (type === "updated" && targets(before) === targets(object)) return;
    // What only declares a target of the spec has no record of it yet.
    if (type === "added" && object.spec.targets !== undefined) {
      all();
      return;
    }
    const hold = holdInForce(object, connection);
    wake(
      queues.identities,
      identities.list().filter((each) => isHeldIdentity(hold, each)),
    );
    wake(
      queues.rotations,
      rotations.list().filter((each) => isHeldRotation(hold, each)),
    );
    wake(
      queues.orphans,
      orphans.list().filter((each) => isHeldEntry(hold, each)),
    );
  });
  const holding =
    <T>(isHeld: (hold: ReturnType<typeof holdInForce>, object: T) => boolean) =>
    ({ object, before }: { readonly object: T; readonly before?: T }): void => {
      const found = holds.list().filter((each) => {
        const hold = holdInForce(each, connection);
        return isHeld(hold, object) || (before !== undefined && isHeld(hold, before));
      });
      wake(queues.holds, found);
    };
  identities.onChange(holding(isHeldIdentity));
  rotations.onChange(holding(isHeldRotation));
  orphans.onChange(holding(isHeldEntry));
  return { all };
};

interface Named {
  readonly namespace?: string;
  readonly name: string;
}
