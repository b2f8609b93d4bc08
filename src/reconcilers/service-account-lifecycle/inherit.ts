import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { addFinalizer } from "../../cluster/finalizer.ts";
import type { AccountRecord } from "../../domain/lifecycle/record.ts";
import { isLater, undoneUnderHold } from "../../domain/lifecycle/life.ts";
import { isIdentityEntry, type OrphanSpec } from "../../domain/orphan/record.ts";
import { MOST_PREDECESSORS, originLabel } from "../orphan/entry.ts";
import type { Ports } from "../ports.ts";
import { recoverIdentity } from "../sweep-identities.ts";
import { claimAccount, OWNER_KIND, snapshotOf } from "./acts/claim.ts";
import type { InForce, LifecycleScope } from "./scope.ts";
import { refusalOfUndo } from "./steps/life.ts";
import { wholeOf } from "../../kernel/listed.ts";

/**
 * Undo of a deletion: a resource of the same namespace and name takes over the accounts that it declares again, as the ledger has
 * them: claims first, then this pass's status write. From there the planner resumes exactly what was in use. The ledger lets
 * an account go once it reads here that it was taken over. True when something was inherited. Who may not bring it back takes nothing over: the
 * ledger goes on, and the refusal is in force for this pass.
 */
export const inherit = async (scope: LifecycleScope, inForce: InForce, ports: Ports): Promise<boolean> => {
  if (scope.status.accounts !== undefined && scope.status.accounts.length > 0) return false;
  if (scope.status.lastKnownGood !== undefined || scope.desired.size === 0) return false;
  await recoverVanished(scope, ports);
  const left = await leftBehind(scope, ports);
  if (left.length === 0) return false;
  // What was in use until an end must not live beyond it by being made again.
  const longer = left.some(({ until }) => until !== undefined && isLater(inForce.settings.expiresAt, until));
  const refusal = await refusalOfUndo(scope, inForce, { grants: longer }, ports);
  if (refusal !== undefined) {
    scope.inForce = { ...inForce, refusal };
    return false;
  }
  const object = await addFinalizer(ports.cluster, scope.ref, scope.object);
  scope.object = { ...scope.object, metadata: object.metadata };
  const accounts = left.flatMap(({ records }) => records);
  for (const record of accounts) {
    await claimAccount({ ports, ...scope }, record.target, snapshotOf(record, inForce.settings, scope.status));
  }
  const uids = left.map(({ uid }) => uid);
  scope.status = undoneUnderHold({
    ...scope.status,
    accounts: [...accounts].sort((a, b) => (a.name < b.name ? -1 : 1)),
    predecessors: [...new Set([...uids, ...(scope.status.predecessors ?? [])])].slice(0, MOST_PREDECESSORS),
  });
  scope.events.push({
    type: "Normal",
    reason: "Resumed",
    action: "Resume",
    note: `The deletion of the predecessor is undone: ${accounts.length} account(s) are taken over as they are.`,
  });
  return true;
};

interface LeftBehind {
  readonly uid: string;
  /** The end until which it was kept in use. */
  readonly until: string | undefined;
  readonly records: readonly AccountRecord[];
}

/** What the ledger holds of predecessors, as far as it is declared again under the same name and at the same place. */
const leftBehind = async (scope: LifecycleScope, ports: Ports): Promise<readonly LeftBehind[]> => {
  const labelSelector = originLabel(scope.request);
  const listed = await ports.cluster.list<OrphanedCredential>(ORPHANED_CREDENTIAL, { labelSelector });
  const entries = wholeOf("ledger entries", listed);
  const { namespace, name } = scope.request;
  const found = entries.flatMap((entry): readonly LeftBehind[] => {
    const spec: OrphanSpec = entry.spec;
    if (!isIdentityEntry(spec) || spec.origin.namespace !== namespace || spec.origin.name !== name) return [];
    if (spec.origin.uid === scope.object.metadata.uid) return [];
    const accounts: readonly AccountRecord[] = entry.status?.accounts ?? spec.accounts;
    const records = accounts.filter(
      (record) => record.state !== "Gone" && scope.desired.get(record.name)?.target === record.target,
    );
    return records.length === 0 ? [] : [{ uid: spec.origin.uid, until: spec.until, records }];
  });
  // Two dead predecessors cannot both have had an account: its claim moves. The first found has it.
  const taken = new Set<string>();
  return found.flatMap(({ uid, until, records }) => {
    const own = records.filter(({ name: account }) => !taken.has(account));
    for (const { name: account } of own) taken.add(account);
    return own.length === 0 ? [] : [{ uid, until, records: own }];
  });
};

/** A predecessor that vanished without its finalizer left claims and no ledger entry: the entry is written from them now. */
const recoverVanished = async (scope: LifecycleScope, ports: Ports): Promise<void> => {
  const { namespace, name } = scope.request;
  for (const { target } of scope.desired.values()) {
    const claim = await ports.claims.read(target);
    const dead =
      claim?.owner.kind === OWNER_KIND &&
      claim.owner.namespace === namespace &&
      claim.owner.name === name &&
      claim.owner.uid !== scope.object.metadata.uid;
    if (dead) await recoverIdentity(ports, claim.owner);
  }
};
