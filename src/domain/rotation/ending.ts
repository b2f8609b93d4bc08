import type { CurrentCredential, DeliveryRecord, HistoryEntry, PendingRevocation, RotationStatus } from "./record.ts";
import type { RotationSettings } from "./settings.ts";
import { timeText } from "../../kernel/time-text.ts";
import { deliveryRecorded, drop, withRevocation } from "./record-parts.ts";

/** How the record changes as credentials end, and as one that needs no rotation takes the place of another. Pure functions from status to status. */

export const MOST_HISTORY = 20;
/** With so many nothing more is issued. */
export const MOST_PENDING_REVOCATIONS = 8;
/** What the schema has room for: an end adds to a list that is full, and must never wait for room. */
export const MOST_RECORDED_REVOCATIONS = 16;

export const strayRecorded = (status: RotationStatus, id: string, now: Date): RotationStatus =>
  withRevocation(status, {
    version: `stray-${id}`,
    id,
    why: "Stray",
    since: timeText(now),
    graceSeconds: 0,
    overlapSeconds: 0,
  });

const changeRevocation = (
  status: RotationStatus,
  id: string,
  change: (entry: PendingRevocation) => PendingRevocation,
): RotationStatus => ({
  ...status,
  pendingRevocations: (status.pendingRevocations ?? []).map((entry) => (entry.id === id ? change(entry) : entry)),
});

export const disabled = (status: RotationStatus, id: string, now: Date): RotationStatus =>
  changeRevocation(status, id, (entry) => ({ ...entry, disabledAt: timeText(now) }));

export const deleted = (status: RotationStatus, id: string, now: Date): RotationStatus =>
  changeRevocation(status, id, (entry) => ({
    ...entry,
    disabledAt: entry.disabledAt ?? timeText(now),
    deletedAt: timeText(now),
  }));

export const provenDead = (
  status: RotationStatus,
  id: string,
  proof: NonNullable<HistoryEntry["proof"]>,
  now: Date,
): RotationStatus => {
  const entry = (status.pendingRevocations ?? []).find((candidate) => candidate.id === id);
  if (entry === undefined) return status;
  const ends = { Superseded: "Revoked", Rejected: "RolledBack", Stray: "Stray" } as const;
  const line: HistoryEntry = { version: entry.version, id, endedAt: timeText(now), end: ends[entry.why], proof };
  return {
    ...drop(status, "revocationFailures"),
    pendingRevocations: (status.pendingRevocations ?? []).filter((candidate) => candidate.id !== id),
    history: [line, ...(status.history ?? [])].slice(0, MOST_HISTORY),
  };
};

/** It has ended by itself, so there is nothing to revoke and nothing to prove. */
export const expired = (status: RotationStatus, id: string, now: Date): RotationStatus =>
  provenDead(status, id, "Expired", now);

/** It was in use until now, and has to go: nobody's grace is known here. */
export const superseded = (
  { version, id, leaked, expiresAt }: CurrentCredential,
  now: Date,
  overlapSeconds: number,
): PendingRevocation => ({
  version,
  id,
  why: "Superseded",
  since: timeText(now),
  graceSeconds: 0,
  overlapSeconds,
  ...(leaked === true ? { leaked } : {}),
  ...(expiresAt === undefined ? {} : { expiresAt }),
});

export interface Signed {
  readonly version: string;
  readonly sequence: number;
  readonly id: string;
  readonly issuedAt: Date;
  readonly expiresAt?: Date | undefined;
  /** The request (keyturn.dev/rotate-at) that is fulfilled by it. */
  readonly rotateAt?: string | undefined;
  /** A wrong one was refused too. */
  readonly checked: boolean;
  readonly places: readonly DeliveryRecord[];
}

/** Issued, checked, published at every place: the current one from now on. What it replaced goes through the gates of retirement. */
export const signed = (
  status: RotationStatus,
  made: Signed,
  at: { readonly now: Date; readonly settings: RotationSettings },
): RotationStatus => {
  const time = timeText(at.now);
  const { version, id, places } = made;
  const current: CurrentCredential = {
    version,
    id,
    issuedAt: timeText(made.issuedAt),
    ...(made.expiresAt === undefined ? {} : { expiresAt: timeText(made.expiresAt) }),
    ...(made.checked ? { verifiedAt: time } : {}),
    publishedAt: time,
  };
  const before = status.current;
  const base: RotationStatus = {
    ...places.reduce(deliveryRecorded, drop(status, "failures", "suspension")),
    sequence: made.sequence,
    current,
    lastRotationTime: time,
    ...(made.rotateAt === undefined ? {} : { lastHandledRotateAt: made.rotateAt }),
  };
  // What leaked is revoked whatever the spec says of the others.
  if (before === undefined || (!at.settings.revokes && before.leaked !== true)) return base;
  const overlapSeconds = before.leaked === true ? 0 : Math.ceil(at.settings.retire.overlapMs / 1000);
  return withRevocation(base, superseded(before, at.now, overlapSeconds));
};

/** Somebody says that it has leaked. With RevokeFirst the one in use goes at once; else it is replaced first. */
export const leakRecorded = (
  status: RotationStatus,
  version: string,
  at: { readonly now: Date; readonly settings: Pick<RotationSettings, "onLeak"> },
): RotationStatus => {
  const { current, rotation } = status;
  const base: RotationStatus = {
    ...drop(status, "failures"),
    lastHandledLeak: version,
    ...(status.pendingRevocations === undefined
      ? {}
      : {
          pendingRevocations: status.pendingRevocations.map((entry) =>
            entry.version === version ? { ...entry, leaked: true } : entry,
          ),
        }),
    ...(rotation?.previous?.version === version
      ? { rotation: { ...rotation, previous: { ...rotation.previous, leaked: true } } }
      : {}),
  };
  if (current?.version !== version) return base;
  if (at.settings.onLeak === "RotateFirst" || rotation !== undefined)
    return { ...base, current: { ...current, leaked: true } };
  return withRevocation(drop(base, "current"), superseded({ ...current, leaked: true }, at.now, 0));
};

/** The identity has ended and what it holds cannot be disabled: it is revoked at once. */
export const surrendered = (status: RotationStatus, now: Date): RotationStatus => {
  const { current } = status;
  if (current === undefined) return status;
  return withRevocation(drop(status, "current"), superseded(current, now, 0));
};
