import type { StagedId } from "../rotation/action.ts";
import type { CurrentCredential, PendingRevocation, RotationStatus } from "../rotation/record.ts";
import { MOST_CLOSED_INTENTS } from "../rotation/transitions.ts";
import type { OrphanCredentialState, OrphanStatus, RotationOrphan } from "./record.ts";

/** What a successor's record begins with: numbers go on, the predecessor's current key waits to be switched on, the rest goes. */
export const inherited = (
  status: RotationStatus,
  ledger: { readonly spec: RotationOrphan; readonly status: OrphanStatus; readonly staged: readonly StagedId[] },
): RotationStatus => {
  const { spec } = ledger;
  const states: readonly OrphanCredentialState[] =
    ledger.status.credentials ?? spec.credentials.map((entry) => ({ ...entry, state: "Pending" }));
  const alive = states.filter(({ state }) => state === "Pending" || state === "Disabled");
  const last = alive.find(({ version }) => version === spec.currentVersion);
  const issuedAt = ledger.staged.find(({ version }) => version === last?.version)?.issuedAt;
  const current: CurrentCredential | undefined =
    last === undefined
      ? undefined
      : {
          version: last.version,
          id: last.id,
          issuedAt: issuedAt?.toISOString().replace(/\.\d+Z$/, "Z") ?? spec.recordedAt,
          resuming: true,
        };
  const rest = states.filter((entry) => entry !== last && entry.state !== "Proven");
  const pendingRevocations = rest.map(({ version, id, deletedAt }): PendingRevocation => ({
    version,
    id,
    why: "Rejected",
    since: spec.recordedAt,
    graceSeconds: 0,
    overlapSeconds: 0,
    ...(deletedAt === undefined ? {} : { disabledAt: deletedAt, deletedAt }),
  }));
  return {
    ...status,
    sequence: spec.sequence,
    predecessors: [spec.origin.uid, ...(status.predecessors ?? [])].slice(0, 5),
    closedIntents: spec.intents.slice(0, MOST_CLOSED_INTENTS),
    deliveries: spec.deliveries,
    ...(current === undefined ? {} : { current }),
    ...(pendingRevocations.length === 0 ? {} : { pendingRevocations }),
  };
};
