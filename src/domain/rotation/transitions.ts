import type {
  ClosedIntent,
  CurrentCredential,
  OpenRotation,
  RefusedLogin,
  RotationStatus,
  Trigger,
  Verification,
} from "./record.ts";
import { recentRefusals } from "./lockout.ts";
import type { RotationSettings } from "./settings.ts";
import { timeText } from "../../kernel/time-text.ts";
import { drop, withRevocation } from "./record-parts.ts";

/**
 * How the record changes after each action: pure functions from status to status. An action's outside effect comes first and
 * its transition is stored after it, except for intents, which are stored before.
 */
export const MOST_CLOSED_INTENTS = 5;

export interface IntentFacts {
  readonly rotationId: string;
  readonly word: string;
  readonly issuer: string;
  readonly now: Date;
  readonly providerTime: Date;
  readonly knownIds: readonly string[];
}

export const opened = (
  status: RotationStatus,
  trigger: Trigger,
  facts: IntentFacts,
  handledRotateAt: string | undefined,
): RotationStatus => {
  const sequence = (status.sequence ?? 0) + 1;
  const rotation: OpenRotation = {
    id: facts.rotationId,
    version: `${sequence}-${facts.word}`,
    trigger,
    openedAt: timeText(facts.now),
    providerTime: timeText(facts.providerTime),
    knownIds: facts.knownIds,
    issuer: facts.issuer,
    attempt: 1,
    direction: "Forward",
  };
  return {
    ...status,
    sequence,
    rotation,
    ...(trigger === "Requested" && handledRotateAt !== undefined ? { lastHandledRotateAt: handledRotateAt } : {}),
  };
};

/** The intent written anew by the process that is going to issue. Ids known before stay known: nothing of ours is among them. `knownIds`: what is there now, where it matters that nothing else is overwritten. */
export const renewed = (
  status: RotationStatus,
  rotation: OpenRotation,
  by: { readonly issuer: string; readonly knownIds?: readonly string[] },
): RotationStatus => ({
  ...status,
  rotation: { ...rotation, ...by, attempt: rotation.attempt + 1 },
});

export const issued = (
  status: RotationStatus,
  rotation: OpenRotation,
  credential: { readonly id: string; readonly issuedAt: Date; readonly expiresAt?: Date | undefined },
): RotationStatus => ({
  ...status,
  rotation: {
    ...rotation,
    credential: {
      id: credential.id,
      issuedAt: timeText(credential.issuedAt),
      ...(credential.expiresAt === undefined ? {} : { expiresAt: timeText(credential.expiresAt) }),
    },
  },
});

/** A login that may be refused, before it is tried. What no longer counts is forgotten. */
export const refusalReserved = (status: RotationStatus, login: RefusedLogin, now: Date): RotationStatus => ({
  ...status,
  refusedLogins: [...recentRefusals(status.refusedLogins, now), login],
});

/** It was not refused, or it was: a refusal counts for its quarter of an hour. */
export const refusalEnded = (status: RotationStatus, id: string, refused: boolean): RotationStatus => ({
  ...status,
  refusedLogins: (status.refusedLogins ?? []).flatMap((login) =>
    login.id !== id ? [login] : refused ? [{ ...login, spent: true }] : [],
  ),
});

export const previousKept = (
  status: RotationStatus,
  rotation: OpenRotation,
  kept: "Kept" | "Unavailable",
): RotationStatus => ({ ...status, rotation: { ...rotation, previousKept: kept } });

export type LoginResult = "usable" | "notYet";

/** One login with the new credential. A refusal of a young key starts the count anew. */
export const loggedIn = (
  status: RotationStatus,
  rotation: OpenRotation,
  result: { readonly login: LoginResult; readonly wrongRefused: boolean },
  at: { readonly now: Date; readonly settings: RotationSettings },
): RotationStatus => {
  const before: Verification = rotation.verification ?? { successes: 0, refusals: 0, wrongRefused: false };
  const time = timeText(at.now);
  if (result.login === "notYet") {
    const verification: Verification = {
      successes: 0,
      refusals: before.refusals + 1,
      firstRefusalAt: before.firstRefusalAt ?? time,
      wrongRefused: before.wrongRefused,
      lastTryAt: time,
    };
    return { ...status, rotation: { ...rotation, verification } };
  }
  const successes = before.successes + 1;
  const wrongRefused = before.wrongRefused || result.wrongRefused;
  const firstSuccessAt = before.firstSuccessAt ?? time;
  const { settings } = at;
  const soaked = Date.parse(time) - Date.parse(firstSuccessAt) >= settings.verify.soakMs;
  const enough = !settings.verify.login || (successes >= settings.verify.successes && soaked && wrongRefused);
  const verification: Verification = {
    ...before,
    successes,
    firstSuccessAt,
    wrongRefused,
    lastTryAt: time,
    ...(enough ? { verifiedAt: time } : {}),
  };
  return { ...status, rotation: { ...rotation, verification } };
};

export const deliveryWithdrawn = (status: RotationStatus, target: string): RotationStatus => ({
  ...status,
  deliveries: (status.deliveries ?? []).filter((record) => record.target !== target),
});

/** Every delivery carries the new version: it is the current one from now on, and what it replaced waits as previous. */
export const published = (status: RotationStatus, rotation: OpenRotation, now: Date): RotationStatus => {
  if (rotation.credential === undefined) return status;
  // With verify.mode None nobody has logged in: the record must not say so later.
  const verifiedAt = rotation.verification?.wrongRefused === true ? rotation.verification.verifiedAt : undefined;
  const current: CurrentCredential = {
    version: rotation.version,
    id: rotation.credential.id,
    issuedAt: rotation.credential.issuedAt,
    ...(rotation.credential.expiresAt === undefined ? {} : { expiresAt: rotation.credential.expiresAt }),
    ...(verifiedAt === undefined ? {} : { verifiedAt }),
    publishedAt: timeText(now),
  };
  return {
    // A new one is in use: how the one before fared after a suspension is of no account any more.
    ...drop(status, "suspension"),
    current,
    rotation: {
      ...rotation,
      publishedAt: timeText(now),
      ...(status.current === undefined ? {} : { previous: status.current }),
    },
  };
};

export const dependentStarted = (
  status: RotationStatus,
  rotation: OpenRotation,
  name: string,
  now: Date,
): RotationStatus => {
  const known = rotation.dependents ?? [];
  const before = known.find((progress) => progress.name === name);
  if (before?.startedAt !== undefined) return status;
  const dependents = [...known.filter((progress) => progress !== before), { name, startedAt: timeText(now) }];
  return { ...status, rotation: { ...rotation, dependents } };
};

/** A time-out stands still for as long as people hold the roll-out: its start moves on by the time that they held it. */
export const dependentHeld = (
  status: RotationStatus,
  rotation: OpenRotation,
  hold: { readonly name: string; readonly held: boolean; readonly now: Date },
): RotationStatus => {
  const dependents = (rotation.dependents ?? []).map((progress) => {
    if (progress.name !== hold.name) return progress;
    if (hold.held) return { ...progress, heldAt: progress.heldAt ?? timeText(hold.now) };
    const { heldAt, ...free } = progress;
    if (heldAt === undefined || free.startedAt === undefined) return free;
    const heldMs = Math.max(0, hold.now.getTime() - Date.parse(heldAt));
    return { ...free, startedAt: timeText(new Date(Date.parse(free.startedAt) + heldMs)) };
  });
  return { ...status, rotation: { ...rotation, dependents } };
};

/** Its old pods may hold what is about to be retired: the clocks of everything not yet disabled start anew. */
export const stragglerMoved = (status: RotationStatus, graceSeconds: number, now: Date): RotationStatus => {
  const entries = status.pendingRevocations;
  if (entries === undefined) return status;
  return {
    ...status,
    pendingRevocations: entries.map((entry) =>
      entry.disabledAt !== undefined || entry.why === "Stray"
        ? entry
        : { ...entry, since: timeText(now), graceSeconds: Math.max(entry.graceSeconds, graceSeconds) },
    ),
  };
};

export const dependentDone = (
  status: RotationStatus,
  rotation: OpenRotation,
  done: { readonly name: string; readonly graceSeconds: number; readonly now: Date },
): RotationStatus => ({
  ...status,
  rotation: {
    ...rotation,
    dependents: (rotation.dependents ?? []).map((progress) =>
      progress.name === done.name
        ? { ...progress, doneAt: timeText(done.now), graceSeconds: done.graceSeconds }
        : progress,
    ),
  },
});

/** From here on the previous credential is the current one again; those who were moved have to be moved back. */
export const turnedBack = (status: RotationStatus, rotation: OpenRotation, because: string): RotationStatus => ({
  ...status,
  ...(rotation.previous === undefined ? {} : { current: rotation.previous }),
  rotation: {
    ...rotation,
    direction: "Back",
    because,
    dependents: (rotation.dependents ?? []).map(({ name }) => ({ name })),
  },
});

const longestGrace = (rotation: OpenRotation): number =>
  Math.max(0, ...(rotation.dependents ?? []).map(({ graceSeconds }) => graceSeconds ?? 0));

export const closed = (
  status: RotationStatus,
  rotation: OpenRotation,
  result: ClosedIntent["result"],
  at: { readonly now: Date; readonly settings: RotationSettings },
): RotationStatus => {
  const now = timeText(at.now);
  const intent: ClosedIntent = {
    id: rotation.id,
    version: rotation.version,
    openedAt: rotation.openedAt,
    closedAt: now,
    providerTime: rotation.providerTime,
    knownIds: rotation.knownIds,
    result,
  };
  // What a person asked for and nobody got is still asked for; the back-off says when it is tried again.
  const askedAgain = result === "Abandoned" && rotation.trigger === "Requested" && rotation.publishedAt === undefined;
  // What was published is the current credential, whatever became of the rotation: it is superseded later, not given up now.
  const superseding = result === "Succeeded" || (result === "Abandoned" && rotation.publishedAt !== undefined);
  const base: RotationStatus = {
    ...drop(
      status,
      "rotation",
      // The rotation has replaced what was adopted: all of it is ours from here on.
      ...(superseding ? (["adoptedPlaces"] as const) : []),
      ...(result === "Succeeded" ? (["failures"] as const) : []),
      ...(askedAgain ? (["lastHandledRotateAt"] as const) : []),
    ),
    closedIntents: [intent, ...(status.closedIntents ?? [])].slice(0, MOST_CLOSED_INTENTS),
    ...(result === "Succeeded" ? { lastRotationTime: now } : {}),
  };
  const pending = rotation.credential && {
    version: rotation.version,
    id: rotation.credential.id,
    expiresAt: rotation.credential.expiresAt,
  };
  const gone:
    (Pick<CurrentCredential, "version" | "id" | "leaked"> & { readonly expiresAt?: string | undefined }) | undefined =
    superseding ? rotation.previous : pending;
  // Pods that have just been moved may still be ending with any value that was ever handed out.
  const told = result === "Succeeded" ? stragglerMoved(base, longestGrace(rotation), at.now) : base;
  if (gone === undefined) return told;
  const wasPublished =
    result === "Succeeded" ||
    rotation.direction === "Back" ||
    // Verified means that publishing may have begun, and its record may be what was lost.
    rotation.verification?.verifiedAt !== undefined ||
    (status.deliveries ?? []).some(({ version }) => version === rotation.version);
  return withRevocation(told, {
    version: gone.version,
    id: gone.id,
    why: superseding ? "Superseded" : "Rejected",
    since: now,
    graceSeconds: wasPublished ? longestGrace(rotation) : 0,
    overlapSeconds: wasPublished && gone.leaked !== true ? Math.ceil(at.settings.retire.overlapMs / 1000) : 0,
    ...(gone.leaked === true ? { leaked: true } : {}),
    ...(gone.expiresAt === undefined ? {} : { expiresAt: gone.expiresAt }),
  });
};

/** The pending credential is given up before anybody had it; the rotation ends and the back-off decides when to try again. */
export const abandoned = (
  status: RotationStatus,
  rotation: OpenRotation,
  at: { readonly now: Date; readonly settings: RotationSettings },
): RotationStatus => closed(status, rotation, "Abandoned", at);
