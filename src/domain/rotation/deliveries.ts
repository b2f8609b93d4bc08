import type { PlanInput, RotationAction } from "./action.ts";
import type { RotationStatus } from "./record.ts";

/** A place is claimed and on record before anything is written to it. */
export const undeclared = ({ settings, status }: PlanInput): RotationAction | undefined => {
  const next = settings.deliveries.find(
    ({ name, digest }) => !(status.deliveries ?? []).some((record) => record.name === name && record.digest === digest),
  );
  return next === undefined ? undefined : { type: "declare", delivery: next.name };
};

/** A delivery is done when its record names this version and the place as it is declared now. */
export const delivered = (
  status: RotationStatus,
  delivery: { readonly name: string; readonly digest: string },
  version: string,
): boolean =>
  (status.deliveries ?? []).some(
    (record) => record.name === delivery.name && record.version === version && record.digest === delivery.digest,
  );

/** The first delivery that does not carry this version as it is declared now, whatever the record says: people delete things. */
export const misdelivered = (input: PlanInput, version: string): RotationAction | undefined => {
  if (input.deliveries === undefined) return { type: "observe", what: "deliveries" };
  if (input.staging === undefined) return { type: "observe", what: "staging" };
  const staged = isStaged(input, version);
  const wrong = input.settings.deliveries.find((delivery) => {
    const view = input.deliveries?.[delivery.name];
    if (!delivered(input.status, delivery, version)) return true;
    if (view?.kind === "ours") return view.version !== version || (staged && !view.carries.includes(version));
    return true;
  });
  const fresh = undeclared(input);
  if (fresh !== undefined) return fresh;
  // Without the value there is nothing to publish: planRotation issues a new one (trigger Lost).
  return wrong === undefined || !staged ? undefined : { type: "publish", delivery: wrong.name, version };
};

/** Is the value of this version staged, and is it the value of the credential that the record means by it? */
const isStaged = ({ staging, status }: PlanInput, version: string): boolean => {
  const { current, rotation } = status;
  const pending = rotation?.credential && { version: rotation.version, id: rotation.credential.id };
  const meant = [current, rotation?.previous, pending].find((credential) => credential?.version === version);
  return (staging ?? []).some((entry) => entry.version === version && (meant === undefined || entry.id === meant.id));
};

/** The current value is in no place that could be published from, though a place lacks it. */
export const valueLost = (input: PlanInput): boolean => {
  const version = input.status.current?.version;
  if (version === undefined || input.staging === undefined || input.deliveries === undefined) return false;
  if (isStaged(input, version)) return false;
  return input.settings.deliveries.some((delivery) => {
    const view = input.deliveries?.[delivery.name];
    return view?.kind !== "ours" || view.version !== version;
  });
};
