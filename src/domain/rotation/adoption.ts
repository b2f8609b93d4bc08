import type { PlanInput, RotationAction } from "./action.ts";
import { hasEnded } from "./identity.ts";
import { touched } from "./open-rotation.ts";
import type { RotationStatus } from "./record.ts";

/**
 * Is the credential in use one that existed before, and has no rotation begun to replace it at any place? Until then neither it
 * nor its Secrets are ours.
 */
export const isAdopted = ({ current, rotation, ...status }: RotationStatus): boolean =>
  current?.adopted === true && (rotation === undefined || !touched(status, rotation));

/** Its identity has ended before it was ours: it is given back. */
export const planEndOfAdoption = (input: PlanInput): RotationAction | undefined =>
  isAdopted(input.status) && hasEnded(input.identity) && input.held !== true
    ? giveBack(input, "IdentityNotActive")
    : undefined;

/** What was adopted is given back when the owner does not want it any more, or it is not what was adopted any more. */
export const planGivingBack = (input: PlanInput): RotationAction | undefined => {
  if (!isAdopted(input.status)) return undefined;
  const places = adoptedDeliveries(input);
  if (!input.settings.adopt || places === undefined) return giveBack(input, "NotAsked");
  if (input.deliveries === undefined) return { type: "observe", what: "deliveries" };
  const asFound = places.every((name) => {
    const view = input.deliveries?.[name];
    return view?.kind === "ours" && view.version === input.status.current?.version;
  });
  return asFound ? undefined : giveBack(input, "PlaceChanged");
};

/** An open rotation ends first: what it has made is none of what was adopted. */
const giveBack = (
  { status }: PlanInput,
  because: Extract<RotationAction, { type: "giveBack" }>["because"],
): RotationAction =>
  status.rotation === undefined
    ? { type: "giveBack", because }
    : { type: "discardPending", because: because === "IdentityNotActive" ? because : "AdoptionEnded" };

/** Names of the deliveries that were there before; undefined when one of them is not declared any more as it was adopted. */
const adoptedDeliveries = ({ status, settings }: PlanInput): readonly string[] | undefined => {
  const records = (status.adoptedPlaces ?? []).map((target) =>
    (status.deliveries ?? []).find((record) => record.target === target),
  );
  const names = records.map(
    (record) => settings.deliveries.find(({ name, digest }) => name === record?.name && digest === record.digest)?.name,
  );
  const known = names.filter((name) => name !== undefined);
  return known.length === names.length && known.length > 0 ? known : undefined;
};

/** Before a first credential is made: is there one already that asks to be taken over? */
export const planAdoption = (input: PlanInput): RotationAction | undefined => {
  if (!input.settings.adopt) return undefined;
  if (input.deliveries === undefined) return { type: "observe", what: "deliveries" };
  const deliveries = input.settings.deliveries
    .map(({ name }) => name)
    .filter((name) => input.deliveries?.[name]?.kind === "adoptable");
  return deliveries.length === 0 ? undefined : { type: "adopt", deliveries };
};
