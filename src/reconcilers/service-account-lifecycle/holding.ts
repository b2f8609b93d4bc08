import type { HeldBy } from "../../domain/hold/match.ts";
import type { LifecycleStatus } from "../../domain/lifecycle/record.ts";
import { auditHolds, heldByEither } from "../holds.ts";
import type { Ports } from "../ports.ts";
import type { AccountScope, LifecycleScope } from "./scope.ts";

/** The holds on accounts in the hands of a pass: by the identity's name, by what is on record, and by the claims of what is declared. */
const holdOf = (
  scope: Pick<AccountScope, "request" | "status">,
  declared: readonly string[],
  ports: Pick<Ports, "holds">,
): HeldBy | undefined => {
  const { namespace, name } = scope.request;
  const recorded = (scope.status.accounts ?? []).map(({ target }) => target);
  return ports.holds.on({ namespace, identity: name, targets: [...recorded, ...declared] });
};

/** The holds on it by what was read; while one may be missing from that, those on its record besides. */
export const heldNow = (
  scope: Parameters<typeof holdOf>[0],
  declared: readonly string[],
  ports: Pick<Ports, "holds">,
  recorded: Pick<LifecycleStatus, "holds"> = scope.status,
): HeldBy | undefined => {
  const found = holdOf(scope, declared, ports);
  return ports.holds.read() ? found : heldByEither(found, heldOnRecord(recorded));
};

/** As the record has them; whether the credentials are compromised stands with each account. */
const heldOnRecord = ({ holds }: Pick<LifecycleStatus, "holds">): HeldBy | undefined =>
  holds === undefined ? undefined : { names: holds, compromised: false };

/** The audit trail has a record for each hold that begins to hold it, and for each that does so no more. */
export const tellHolds = ({ subject, passId, signal, status, hold }: LifecycleScope, ports: Ports): Promise<void> =>
  auditHolds({ subject, passId, signal, before: status.holds ?? [], now: hold?.names ?? [] }, ports);
