import type { DeliveryView, PlanInput, RotationAction } from "./action.ts";
import { delivered, undeclared } from "./deliveries.ts";
import { moveStragglers, recordGood, withdrawRemoved } from "./converge.ts";
import { nextRotation } from "./next.ts";
import { planLeak } from "./leak.ts";
import type { CurrentCredential, RotationStatus } from "./record.ts";
import { nextReplacement, replacesLost } from "./replacements.ts";
import { planRetirement } from "./retire.ts";
import { planComeback, planEnd, planHold, planNotReady } from "./suspension.ts";
import { backOff, earliest } from "./waits.ts";

/**
 * The protocol for sources that leave nothing behind when an answer is lost (a certificate): no intent, no staging, no slots, and
 * nothing to go back to that would not still be valid. Signing, checking and publishing are one step. What stands at the places says what it is, so a
 * process that died between publishing and recording is made up for by reading them.
 */
export const planCollapsed = (input: PlanInput): RotationAction => {
  const ending = planLeak(input) ?? planEnd(input);
  if (ending !== undefined) return ending;
  const retirement = planRetirement(input);
  if (retirement.kind === "act") return retirement.action;
  const held = planHold(input);
  if (held !== undefined) return earliest(signedUnseen(input) ?? held, retirement);
  if (input.paused) return earliest({ type: "wait", for: "Paused" }, retirement);

  const notReady = planNotReady(input);
  if (notReady !== undefined) return earliest(notReady, retirement);
  const blocked = backOff(input);
  if (blocked !== undefined) return earliest(blocked, retirement);
  return earliest(planComeback(input) ?? planSigning(input), retirement);
};

/** One that was signed as the identity ended, its record lost, is found where it was delivered; recorded, it is given up like any other. */
const signedUnseen = (input: PlanInput): RotationAction | undefined => {
  if (input.deliveries === undefined) return { type: "observe", what: "deliveries" };
  const found = unrecorded(input.status, input.deliveries);
  return found === undefined ? undefined : { type: "recordSigned", delivery: found };
};

const planSigning = (input: PlanInput): RotationAction => {
  const { current } = input.status;
  const unclaimed = undeclaredPath(input);
  if (unclaimed !== undefined) return unclaimed;
  // The very first one is written create-only, so nothing has to be read before it.
  const first = current === undefined && (input.status.sequence ?? 0) === 0;
  if (first && input.deliveries === undefined) return { type: "sign", because: "FirstIssue" };
  if (input.deliveries === undefined) return { type: "observe", what: "deliveries" };
  const found = unrecorded(input.status, input.deliveries);
  if (found !== undefined) return { type: "recordSigned", delivery: found };
  const bound = nextReplacement(input.status, input.now);
  if (current === undefined) {
    const waits = bound !== undefined && replacesLost(input.status, "FirstIssue");
    return waits ? { type: "wait", for: "NextReplacement", recheckAt: bound } : { type: "sign", because: "FirstIssue" };
  }

  const because = signingDue(input, current, input.deliveries);
  if (because !== undefined && bound !== undefined && replacesLost(input.status, because))
    return boundReached(input, current, bound);
  if (because !== undefined) return { type: "sign", because };
  const wrong = input.settings.deliveries.find(
    (delivery) =>
      !delivered(input.status, delivery, current.version) || !holds(input.deliveries?.[delivery.name], current),
  );
  if (wrong !== undefined) return { type: "publish", delivery: wrong.name, version: current.version };
  const at = nextRotation(input)?.at;
  return (
    moveStragglers(input, current.version) ??
    withdrawRemoved(input) ??
    recordGood(input) ?? { type: "wait", for: "NextRotation", ...(at === undefined ? {} : { recheckAt: at }) }
  );
};

/** A path in Vault is claimed before it is written; a Secret lies in the resource's own namespace, and its marks decide. */
const undeclaredPath = (input: PlanInput): RotationAction | undefined => {
  const paths = input.settings.deliveries.filter(({ place }) => place.vaultKV !== undefined);
  return undeclared({ ...input, settings: { ...input.settings, deliveries: paths } });
};

/** What has leaked ends all the same, and a renewal waits for no bound. */
const boundReached = (input: PlanInput, current: CurrentCredential, bound: Date): RotationAction => {
  if (current.leaked === true) return { type: "surrender" };
  const renewal = nextRotation(input)?.at;
  if (renewal !== undefined && renewal <= input.now) return { type: "sign", because: "Scheduled" };
  return {
    type: "wait",
    for: "NextReplacement",
    recheckAt: renewal !== undefined && renewal < bound ? renewal : bound,
  };
};

type Views = Readonly<Record<string, DeliveryView>>;

/** Does its value stand there, whole, whatever has become of labels and marks? */
const hasValue = (view: DeliveryView | undefined, { version, id }: CurrentCredential): boolean =>
  view?.kind === "ours" && view.version === version && view.holds?.id === id;

/** Does it stand there as it is declared? */
const holds = (view: DeliveryView | undefined, current: CurrentCredential): boolean =>
  hasValue(view, current) && view?.kind === "ours" && view.carries.includes(current.version);

const signingDue = (
  input: PlanInput,
  current: CurrentCredential,
  views: Views,
): Extract<RotationAction, { type: "sign" }>["because"] | undefined => {
  const { now, rotateAt } = input;
  if (rotateAt !== undefined && rotateAt <= now) return "Requested";
  const standing = Object.values(views).find((view) => hasValue(view, current));
  if (standing === undefined) return "Lost";
  if (standing.kind === "ours" && standing.holds?.fits === false) return "Changed";
  if (current.leaked === true) return "Leaked";
  const next = nextRotation(input);
  return next !== undefined && next.at <= now ? "Scheduled" : undefined;
};

/** The delivery at which a newer one of ours stands than the record knows: its record was lost. */
const unrecorded = (status: RotationStatus, views: Views): string | undefined =>
  Object.entries(views).find(
    ([, view]) =>
      view.kind === "ours" && view.holds !== undefined && (sequenceOf(view.version) ?? 0) > (status.sequence ?? 0),
  )?.[0];

/** Of `12-abcde`: 12. */
export const sequenceOf = (version: string): number | undefined => {
  const digits = /^(\d{1,15})-/.exec(version)?.[1];
  return digits === undefined ? undefined : Number(digits);
};
