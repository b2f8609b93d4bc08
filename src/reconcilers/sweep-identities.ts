import type { Account } from "../api/v1alpha1/service-account-lifecycle.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import type { AccountRecord } from "../domain/lifecycle/record.ts";
import { NOTHING_RETAINED, retentionOf, type Retention } from "../domain/lifecycle/retention.ts";
import type { OrphanSpec } from "../domain/orphan/record.ts";
import { timeText } from "../kernel/time-text.ts";
import type { Claim } from "../stores/claims.ts";
import type { PermitRequest } from "../stores/limits.ts";
import { permitForOffboarding } from "./limits.ts";
import { MOST_PREDECESSORS, orphanRef, originLabel, writeOrphan } from "./orphan/entry.ts";
import type { Ports } from "./ports.ts";
import { NO_END, OWNER_KIND, type ClaimSnapshot } from "./service-account-lifecycle/acts/claim.ts";
import { retainAnswers } from "./service-account-lifecycle/retain.ts";
import { wholeOf } from "../kernel/listed.ts";

interface Vanished {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A ServiceAccountLifecycle that is known to be gone: what its claims say becomes a ledger entry. */
export const recoverIdentity = async (ports: Ports, owner: Vanished): Promise<void> => {
  if ((await ports.cluster.get(orphanRef(owner.uid, OWNER_KIND))) !== undefined) return;
  const claims = wholeOf("claims", await ports.claims.list());
  await recoverFrom(
    ports,
    owner,
    claims.filter((claim) => claim.owner.uid === owner.uid),
  );
};

/** The same with the claims at hand. */
export const recoverFrom = async (ports: Ports, owner: Vanished, claims: readonly Claim[]): Promise<void> => {
  const snapshots = claims.map(readSnapshot).filter((snapshot) => snapshot !== undefined);
  const deletion = snapshots[0]?.deletion;
  if (deletion === undefined) return;
  const now = ports.cluster.serverTime()?.now ?? ports.clock.now();
  const records = snapshots.map(({ account }) => account);
  // What is held keeps nothing; while that is not known, Retain is not obeyed either.
  if (deletion.policy === "Retain" && !ports.holds.read()) return;
  const { namespace, name: identity } = owner;
  const held = ports.holds.on({ namespace, identity, targets: records.map(({ target }) => target) }) !== undefined;
  const retention = held ? NOTHING_RETAINED : await retentionFor(ports, records, deletion, now);
  const accounts = byName(records.filter(({ name }) => !retention.kept.includes(name)));
  // First what is let go: once there is an entry, nobody comes back here.
  if (deletion.policy === "Retain") {
    const left = new Set(accounts.map(({ target }) => target));
    for (const { target } of claims) if (!left.has(target)) await ports.claims.release(target, owner.uid);
  }
  if (accounts.length > 0) {
    const end = endOf(deletion);
    const ends = held || (end !== undefined && end <= now);
    const request = { key: owner.uid, namespace, gathered: true };
    const permitted =
      retention.until !== undefined || ends || (await permitForAccounts(ports, request, accounts)) === "taken";
    await writeOrphan(
      ports,
      identityEntry({
        owner,
        accounts,
        policy: deletion.policy === "Delete" ? "Delete" : "Disable",
        holdMs: deletion.holdMs,
        now,
        held: permitted ? (retention.until === undefined ? undefined : "UntilEnd") : "LimitReached",
        until: retention.until ?? (permitted ? undefined : end),
        predecessors: await predecessorsOf(ports, owner, accounts),
      }),
    );
  }
};

/** The identity's own end, as its claims know it: it comes although a limit holds the entry back. */
const endOf = ({ end }: ClaimSnapshot["deletion"]): Date | undefined => (end === undefined ? undefined : new Date(end));

/** The same decision as for a resource that still exists, from what its claims say. */
const retentionFor = async (
  ports: Ports,
  records: readonly AccountRecord[],
  deletion: ClaimSnapshot["deletion"],
  now: Date,
): Promise<Retention> => {
  const { policy, until } = deletion;
  if (policy !== "Retain") return NOTHING_RETAINED;
  const expiresAt = until === undefined || until === NO_END ? undefined : new Date(until);
  const asks = until === NO_END ? records.map(({ declaration }) => JSON.parse(declaration) as Account) : [];
  const answers = await retainAnswers({ connections: new Map() }, asks, ports);
  const settings = {
    state: "Active",
    deletion: { policy },
    ...(expiresAt === undefined ? {} : { expiresAt }),
  } as const;
  return retentionOf(records, settings, { now, byPermission: until !== undefined, answers });
};

/** Dead resources of the same name whose accounts it had claimed for itself: these still carry their marks where it came no further. */
const predecessorsOf = async (
  ports: Ports,
  { namespace, name, uid }: Vanished,
  accounts: readonly AccountRecord[],
): Promise<readonly string[]> => {
  const labelSelector = originLabel({ namespace, name });
  const listed = await ports.cluster.list<OrphanedCredential>(ORPHANED_CREDENTIAL, { labelSelector });
  const entries = wholeOf("ledger entries", listed);
  const uids = entries.flatMap(({ spec, status }) => {
    const { origin } = spec;
    const same = origin.kind === OWNER_KIND && origin.namespace === namespace && origin.name === name;
    const left: readonly { readonly target: string }[] = status?.accounts ?? spec.accounts ?? [];
    const shared = left.some(({ target }) => accounts.some((account) => account.target === target));
    return same && origin.uid !== uid && shared ? [origin.uid, ...(spec.predecessors ?? [])] : [];
  });
  return [...new Set(uids)].slice(0, MOST_PREDECESSORS);
};

/** Undefined for one that cannot be read: it says nothing, and holds up neither the others nor anybody else. */
const readSnapshot = ({ snapshot }: Claim): ClaimSnapshot | undefined => {
  try {
    const read = JSON.parse(snapshot) as Partial<ClaimSnapshot>;
    return read.account === undefined || read.deletion === undefined
      ? undefined
      : { account: read.account, deletion: read.deletion };
  } catch {
    return undefined;
  }
};

/**
 * One permit for the identity, whatever accounts it has. None is asked for where all of them are on their way out already, or one was
 * declared compromised.
 */
export const permitForAccounts = async (
  ports: Pick<Ports, "limits">,
  request: PermitRequest,
  accounts: readonly AccountRecord[],
): Promise<"taken" | "none" | "later"> => {
  const inUse = accounts.some(({ state }) => state === "Pending" || state === "Active");
  const compromised = accounts.some((account) => account.compromised === true);
  return inUse && !compromised ? permitForOffboarding(ports, request) : "taken";
};

/** The ledger's entry for an identity. */
export const identityEntry = (left: {
  readonly owner: Vanished;
  readonly accounts: readonly AccountRecord[];
  readonly policy: "Delete" | "Disable";
  readonly holdMs: number;
  readonly now: Date;
  readonly held: "LimitReached" | "UntilEnd" | undefined;
  /** When it ends, although it is held. */
  readonly until?: Date | undefined;
  readonly predecessors: readonly string[];
}): OrphanSpec => {
  const { namespace, name, uid } = left.owner;
  return {
    origin: { kind: OWNER_KIND, namespace, name, uid },
    target: `service-account-lifecycle/${namespace}/${name}`,
    ...(left.held === undefined ? {} : { held: left.held }),
    ...(left.until === undefined ? {} : { until: left.until.toISOString() }),
    policy: left.policy,
    recordedAt: timeText(left.now),
    holdSeconds: Math.ceil(left.holdMs / 1000),
    accounts: byName(left.accounts),
    ...(left.predecessors.length === 0 ? {} : { predecessors: left.predecessors }),
  };
};

const byName = (accounts: readonly AccountRecord[]): readonly AccountRecord[] =>
  [...accounts].sort((a, b) => (a.name < b.name ? -1 : 1));
