import { isRefusalCode } from "../../kernel/errors.ts";
import type { CurrentCredential, OpenRotation, RotationStatus } from "./record.ts";
import { delivered, misdelivered, undeclared, valueLost } from "./deliveries.ts";
import type { DependentView, HeldBy, PlanInput, RotationAction } from "./action.ts";
import { replacesLeaked } from "./leak.ts";
import { refusalPermit } from "./lockout.ts";
import { freeSlot, missing } from "./slots.ts";
import type { RetirementWait } from "./retire.ts";
import type { DependentSetting } from "./settings.ts";

/** The next step of the rotation under way. */
export const planOpenRotation = (
  input: PlanInput,
  rotation: OpenRotation,
  retirement: RetirementWait,
): RotationAction => {
  if (rotation.direction === "Back") return planBack(input, rotation);
  if (rotation.credential === undefined) return planIssue(input, rotation, retirement);
  if (input.staging === undefined) return { type: "observe", what: "staging" };

  const { id, issuedAt } = rotation.credential;
  // Another process may have staged its own key under this version after ours was lost: that is not the one on record.
  const staged = input.staging.some((entry) => entry.version === rotation.version && entry.id === id);
  const replaced = rotation.previous ?? input.status.current;
  if (!staged && rotation.publishedAt === undefined) {
    if (input.deliveries === undefined) return { type: "observe", what: "deliveries" };
    // Half published and its value lost: it is won back from where it stands, or the previous one is published everywhere again.
    if (stands(input.deliveries, rotation.version)) return { type: "restage", version: rotation.version, id, issuedAt };
    const kept =
      rotation.previousKept === "Kept" &&
      replaced !== undefined &&
      !replacesLeaked(input.status, rotation) &&
      isStillStaged(input.staging, replaced);
    return touched(input.status, rotation) && kept
      ? { type: "goBack", because: "StagingLost" }
      : { type: "discardPending", because: "StagingLost" };
  }
  if (replaced !== undefined && rotation.previousKept === undefined) return { type: "keepPrevious" };
  if (rotation.verification?.verifiedAt === undefined) {
    const hopeless = refusedAndGone(input, rotation);
    if (hopeless !== undefined) return hopeless;
    return (
      nextLogin(input, rotation) ??
      refusable(input, rotation) ?? { type: "verify", version: rotation.version, id, issuedAt: new Date(issuedAt) }
    );
  }
  return (
    planPublish(input, rotation, replaced) ??
    planDependents(input, rotation) ?? { type: "closeRotation", result: "Succeeded" }
  );
};

const stands = (deliveries: NonNullable<PlanInput["deliveries"]>, version: string): boolean =>
  Object.values(deliveries).some((view) => view.kind === "ours" && view.version === version);

const isStillStaged = (staging: NonNullable<PlanInput["staging"]>, { version, id }: CurrentCredential): boolean =>
  staging.some((entry) => entry.version === version && entry.id === id);

const planIssue = (input: PlanInput, rotation: OpenRotation, retirement: RetirementWait): RotationAction => {
  if (input.staging === undefined) return { type: "observe", what: "staging" };
  const staged = input.staging.find(({ version }) => version === rotation.version);
  if (staged !== undefined) return { type: "recordStaged", id: staged.id, issuedAt: staged.issuedAt };
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  const full = freeSlot(input, retirement);
  if (full !== undefined) return full;
  // Only the process that wrote the intent may issue under it, and only once per writing: any other must write it anew.
  return rotation.issuer === input.self && !overtaken(input, rotation)
    ? { type: "issueAndStage" }
    : { type: "renewIntent" };
};

/** Where issuing overwrites: something has come since the intent was written, so the intent has to know it first. */
const overtaken = ({ facts, listing }: PlanInput, { knownIds }: OpenRotation): boolean =>
  facts.overwrites === true && (listing ?? []).some(({ id }) => !knownIds.includes(id));

/** A key that is refused again and again and not listed either is not young but gone: nobody waits out its settle time. */
const refusedAndGone = (input: PlanInput, rotation: OpenRotation): RotationAction | undefined => {
  const { credential, verification } = rotation;
  if (credential === undefined || (verification?.refusals ?? 0) < REFUSALS_TO_ASK) return undefined;
  if (input.now.getTime() - Date.parse(credential.issuedAt) < LISTED_WHEN_ALIVE_MS) return undefined;
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  const listed = input.listing.some(({ id }) => id === credential.id);
  return listed ? undefined : { type: "discardPending", because: "Rejected" };
};

const REFUSALS_TO_ASK = 3;
const LISTED_WHEN_ALIVE_MS = 15_000;

/** The first login may be refused, and the wrong one has to be, where that counts. */
const refusable = (input: PlanInput, { version, verification }: OpenRotation): RotationAction | undefined => {
  const first = (verification?.successes ?? 0) === 0;
  const control = input.facts.controlCounts && verification?.wrongRefused !== true;
  return input.settings.verify.login && (first || control) ? refusalPermit(input, version) : undefined;
};

/** The successes are spread over the soak, so that a key which only one front end knows is noticed. */
const nextLogin = ({ settings, now }: PlanInput, rotation: OpenRotation): RotationAction | undefined => {
  const verification = rotation.verification;
  if (verification === undefined || !settings.verify.login) return undefined;
  const pauseMs =
    verification.successes === 0
      ? verification.refusals > 0
        ? REFUSAL_PAUSE_MS
        : 0
      : settings.verify.soakMs / Math.max(1, settings.verify.successes - 1);
  const from = verification.lastTryAt;
  if (from === undefined || pauseMs === 0) return undefined;
  const at = new Date(Date.parse(from) + pauseMs);
  return at > now ? { type: "wait", for: "Verification", recheckAt: at } : undefined;
};

const REFUSAL_PAUSE_MS = 2000;

const planPublish = (
  input: PlanInput,
  rotation: OpenRotation,
  replaced: CurrentCredential | undefined,
): RotationAction | undefined => {
  if (rotation.publishedAt !== undefined) return undefined;
  const refused = refusedTooLong(input);
  const mayGoBack = rotation.previousKept === "Kept" && !replacesLeaked(input.status, rotation);
  if (refused !== undefined && replaced !== undefined && mayGoBack) {
    return { type: "goBack", because: refused };
  }
  const pending = input.settings.deliveries.filter((delivery) => !delivered(input.status, delivery, rotation.version));
  const untouched = pending.length === input.settings.deliveries.length;
  if (replaced !== undefined && untouched) {
    const urgent = replacesTheDead(rotation) || replacesLeaked(input.status, rotation);
    const sick = urgent ? undefined : sickBefore(input, replaced);
    if (sick !== undefined) return sick;
  }
  const fresh = undeclared(input);
  if (fresh !== undefined) return fresh;
  const next = pending[0];
  return next === undefined
    ? { type: "recordPublished" }
    : { type: "publish", delivery: next.name, version: rotation.version };
};

/** The target has said no for longer than the spec's deadline. What is merely out of reach never ends a rotation. */
const refusedTooLong = ({ status, settings, now }: PlanInput): string | undefined => {
  const failures = status.failures;
  if (failures === undefined || !isRefusalCode(failures.reason)) return undefined;
  return Date.parse(failures.since) + settings.progressDeadlineMs <= now.getTime() ? failures.reason : undefined;
};

/** What it replaces cannot be used: nobody is made ill by it, and nobody goes back to it. */
const replacesTheDead = ({ trigger }: OpenRotation): boolean => trigger === "Lost" || trigger === "Resumed";

/** Has any place been switched to the rotation's version? */
export const touched = (status: Pick<RotationStatus, "deliveries">, rotation: OpenRotation): boolean =>
  rotation.publishedAt !== undefined || (status.deliveries ?? []).some(({ version }) => version === rotation.version);

/**
 * Who is ill is waited for, unless it is for want of what this rotation brings: a working key, or a value that is in no place any
 * more. A place that merely lacks the present value gets it back first.
 */
const sickBefore = (input: PlanInput, replaced: CurrentCredential): RotationAction | undefined => {
  const sick = unhealthy(input);
  if (sick === undefined || sick.type === "observe") return sick;
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  if (missing(replaced, input.listing, input.now)) return undefined;
  return misdelivered(input, replaced.version) ?? (valueLost(input) ? undefined : sick);
};

/** A dependent that is ill before the change delays it: afterwards nobody could tell what made it ill. */
const unhealthy = (input: PlanInput): RotationAction | undefined => {
  if (input.dependents === undefined) return { type: "observe", what: "dependents" };
  const sick = input.settings.dependents.find((dependent) => {
    const view = input.dependents?.[dependent.name];
    return view?.kind === "workload" && view.state !== "Healthy";
  });
  return sick === undefined ? undefined : { type: "wait", for: "DependentUnhealthy", about: sick.name };
};

const planDependents = (input: PlanInput, rotation: OpenRotation): RotationAction | undefined => {
  if (input.settings.dependents.length === 0) return undefined;
  if (input.dependents === undefined) return { type: "observe", what: "dependents" };
  const open = input.settings.dependents.filter((dependent) => progressOf(rotation, dependent)?.doneAt === undefined);
  // Those of one order move together; the next order waits for all of them.
  const group = open.filter((dependent) => dependent.order === open[0]?.order);
  for (const dependent of group) {
    const step = moveStep(dependent, input.dependents[dependent.name], rotation, rotation.version);
    if (step !== undefined) return step;
  }
  // The leaked one does not live on for somebody who holds a roll-out: there the time-out counts on.
  const leaked = replacesLeaked(input.status, rotation);
  for (const dependent of leaked ? [] : group) {
    const step = holdStep(dependent, input.dependents[dependent.name], rotation);
    if (step !== undefined) return step;
  }
  const late = group.find(
    (dependent) =>
      timedOut(input, rotation, dependent) && (leaked || heldBy(input.dependents?.[dependent.name]) === undefined),
  );
  if (late !== undefined) {
    const back = wayBack(input, rotation);
    if (back === "observe") return { type: "observe", what: "listing" };
    if (back === "open") return { type: "goBack", because: late.name };
    // The leaked one does not live on for somebody who does not come up.
    if (leaked) return { type: "closeRotation", result: "Abandoned" };
  }
  const first = group[0];
  if (first === undefined) return undefined;
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  if (rotation.credential !== undefined && missing(rotation.credential, input.listing, input.now)) {
    // Nobody can log in with it any more, so nobody will become healthy on it.
    return wayBack(input, rotation) === "open"
      ? { type: "goBack", because: "CredentialGone" }
      : { type: "closeRotation", result: "Abandoned" };
  }
  const repair = misdelivered(input, rotation.version);
  if (repair !== undefined) return repair;
  // Gone from staging and from a delivery: nobody can be given it any more. A new one is issued (trigger Lost).
  if (valueLost(input)) return { type: "closeRotation", result: "Abandoned" };
  return waitForDependent(input, rotation, first);
};

/** Going back needs a previous value that is kept and a previous key that still works: a dead one is never published again. */
const wayBack = (input: PlanInput, rotation: OpenRotation): "open" | "closed" | "observe" => {
  const { previous } = rotation;
  if (previous === undefined || rotation.previousKept !== "Kept" || replacesTheDead(rotation) || previous.leaked)
    return "closed";
  if (input.listing === undefined) return "observe";
  return input.listing.some(({ id, enabled }) => id === previous.id && enabled) ? "open" : "closed";
};

const moveStep = (
  dependent: DependentSetting,
  view: DependentView | undefined,
  rotation: OpenRotation,
  version: string,
): RotationAction | undefined => {
  const progress = progressOf(rotation, dependent);
  if (progress?.startedAt === undefined) return { type: "moveDependent", name: dependent.name, version };
  if (dependent.kind === "external") {
    const confirmed = view?.kind === "external" && view.confirmed === version;
    return confirmed ? { type: "recordDependent", name: dependent.name, graceSeconds: 0 } : undefined;
  }
  if (view?.kind === "workload" && view.state === "Missing" && rotation.direction === "Back") {
    // What is gone holds nothing; it must not hold up the way back.
    return { type: "recordDependent", name: dependent.name, graceSeconds: 0 };
  }
  if (view?.kind !== "workload" || view.state === "Missing") return undefined;
  if (dependent.restart && view.version !== version) return { type: "moveDependent", name: dependent.name, version };
  if (view.state !== "Healthy") return undefined;
  return { type: "recordDependent", name: dependent.name, graceSeconds: view.graceSeconds };
};

/** A hold that nobody has written down would count against the workload from the moment in which it ends. */
const holdStep = (
  dependent: DependentSetting,
  view: DependentView | undefined,
  rotation: OpenRotation,
): RotationAction | undefined => {
  const progress = progressOf(rotation, dependent);
  const held = heldBy(view) !== undefined;
  return progress === undefined || held === (progress.heldAt !== undefined)
    ? undefined
    : { type: "recordHold", name: dependent.name, held };
};

const progressOf = (rotation: OpenRotation, dependent: DependentSetting) =>
  rotation.dependents?.find(({ name }) => name === dependent.name);

const timeoutOf = (rotation: OpenRotation, dependent: DependentSetting): Date | undefined => {
  const startedAt = progressOf(rotation, dependent)?.startedAt;
  return startedAt === undefined ? undefined : new Date(Date.parse(startedAt) + dependent.timeoutMs);
};

const timedOut = (input: PlanInput, rotation: OpenRotation, dependent: DependentSetting): boolean => {
  const end = timeoutOf(rotation, dependent);
  return end !== undefined && end <= input.now;
};

const heldBy = (view: DependentView | undefined): HeldBy | undefined =>
  view?.kind === "workload" && view.state === "Progressing" ? view.held : undefined;

/** What is going on, and the way out. */
const HELD_WORDS: Readonly<Record<HeldBy, string>> = {
  Paused: "is paused (spec.paused); resume it, and it rolls to the new credential",
  Partition: "keeps pods back by its partition; lower it, and they roll to the new credential",
  OnDelete: "has pods from before and the update strategy OnDelete; delete them when it suits",
  RunningJob: "has a run that began with the credential before; its end is waited for",
};

const waitForDependent = (input: PlanInput, rotation: OpenRotation, dependent: DependentSetting): RotationAction => {
  const end = timeoutOf(rotation, dependent);
  const view = input.dependents?.[dependent.name];
  const missing = view?.kind === "workload" && view.state === "Missing";
  const held = heldBy(view);
  if (held !== undefined) return { type: "wait", for: "DependentHeld", about: `${dependent.name} ${HELD_WORDS[held]}` };
  const reason =
    dependent.kind === "external" ? "ExternalConfirmation" : missing ? "DependentMissing" : "DependentRollout";
  return {
    type: "wait",
    for: reason,
    about: dependent.name,
    ...(end === undefined || end <= input.now ? {} : { recheckAt: end }),
  };
};

/** Going back: the previous value is published again everywhere, and whoever was moved is moved back and proven healthy. */
const planBack = (input: PlanInput, rotation: OpenRotation): RotationAction => {
  const previous = rotation.previous ?? input.status.current;
  if (previous === undefined) return { type: "closeRotation", result: "RolledBack" };
  const fresh = undeclared(input);
  if (fresh !== undefined) return fresh;
  const wrong = input.settings.deliveries.find((delivery) => !delivered(input.status, delivery, previous.version));
  if (wrong !== undefined) {
    if (input.staging === undefined) return { type: "observe", what: "staging" };
    if (!isStillStaged(input.staging, previous)) {
      if (input.deliveries === undefined) return { type: "observe", what: "deliveries" };
      const { version, id, issuedAt } = previous;
      // Its value was kept and is in no place any more: what stands stays, and a new one is issued (trigger Lost).
      return stands(input.deliveries, version)
        ? { type: "restage", version, id, issuedAt }
        : { type: "closeRotation", result: "RolledBack" };
    }
    return { type: "publish", delivery: wrong.name, version: previous.version };
  }

  const moved = (rotation.dependents ?? []).filter(({ doneAt }) => doneAt === undefined);
  const open = input.settings.dependents.filter((dependent) => moved.some(({ name }) => name === dependent.name));
  if (open.length === 0) return { type: "closeRotation", result: "RolledBack" };
  if (input.dependents === undefined) return { type: "observe", what: "dependents" };
  for (const dependent of open) {
    const step = moveStep(dependent, input.dependents[dependent.name], rotation, previous.version);
    if (step !== undefined) return step;
  }
  const first = open[0];
  if (first === undefined) return { type: "closeRotation", result: "RolledBack" };
  const repair = misdelivered(input, previous.version);
  if (repair !== undefined) return repair;
  if (valueLost(input)) return { type: "closeRotation", result: "RolledBack" };
  return waitForDependent(input, rotation, first);
};
