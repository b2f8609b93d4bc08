import type { PlanInput, RotationAction } from "./action.ts";
import { misdelivered, valueLost } from "./deliveries.ts";
import type { DependentSetting } from "./settings.ts";

/**
 * Between rotations: the world as the settings in force ask for it, with the current credential. Additions first, removals
 * last, so that a failure in the middle has taken nothing away. Undefined when all of it is so.
 */
export const planConvergence = (input: PlanInput): RotationAction | undefined => {
  const current = input.status.current;
  if (current === undefined) return undefined;
  if (current.resuming === true) return resume(input, current.id);
  const repair = misdelivered(input, current.version);
  if (repair !== undefined) return repair;
  // Without the value nobody can be moved or be well: the next rotation (trigger Lost) comes first.
  if (valueLost(input)) return undefined;
  // Whoever uses what was adopted uses it already, and does not notice.
  const stragglers = current.adopted === true ? undefined : moveStragglers(input, current.version);
  return stragglers ?? withdrawRemoved(input) ?? pruneStaging(input) ?? recordGood(input);
};

/** Undo: the predecessor's key is switched on again and must log in before it counts. */
const resume = (input: PlanInput, id: string): RotationAction => {
  if (input.listing === undefined) return { type: "observe", what: "listing" };
  const observed = input.listing.find((credential) => credential.id === id);
  if (observed?.enabled === false) return { type: "resume", step: "Enable" };
  return { type: "resume", step: "Verify" };
};

/** A dependent that the spec names but that never got this version (new in the spec, or replaced by hand). */
export const moveStragglers = (input: PlanInput, version: string): RotationAction | undefined => {
  if (input.settings.dependents.length === 0) return undefined;
  if (input.dependents === undefined) return { type: "observe", what: "dependents" };
  const view = (dependent: DependentSetting) => input.dependents?.[dependent.name];
  const missing = input.settings.dependents.find((dependent) => {
    const seen = view(dependent);
    return seen?.kind === "workload" && seen.state === "Missing";
  });
  const straggler = input.settings.dependents.find((dependent) => {
    const seen = view(dependent);
    return (
      dependent.kind === "workload" &&
      dependent.restart &&
      seen?.kind === "workload" &&
      seen.state !== "Missing" &&
      seen.version !== version
    );
  });
  if (straggler !== undefined) return { type: "moveDependent", name: straggler.name, version };
  if (alreadyGood(input)) return undefined;
  if (missing !== undefined) return { type: "wait", for: "DependentMissing", about: missing.name };
  // A spec is good only once those that it moved are well again.
  const rolling = input.settings.dependents.find((dependent) => {
    const seen = view(dependent);
    return seen?.kind === "workload" && seen.state === "Progressing";
  });
  return rolling === undefined ? undefined : { type: "wait", for: "DependentRollout", about: rolling.name };
};

const alreadyGood = ({ status, specHash }: PlanInput): boolean => status.lastKnownGood?.specHash === specHash;

export const withdrawRemoved = (input: PlanInput): RotationAction | undefined => {
  const removed = (input.status.deliveries ?? []).find(
    (record) =>
      !input.settings.deliveries.some((delivery) => delivery.name === record.name && delivery.digest === record.digest),
  );
  return removed === undefined ? undefined : { type: "withdraw", target: removed.target };
};

/** Values stay staged while they are in use or must still be proven dead. */
export const versionsToKeep = ({ status }: Pick<PlanInput, "status">): readonly string[] =>
  [
    status.current?.version,
    status.rotation?.version,
    status.rotation?.previous?.version,
    ...(status.pendingRevocations ?? []).map(({ version }) => version),
  ].filter((version) => version !== undefined);

const pruneStaging = (input: PlanInput): RotationAction | undefined => {
  const keep = versionsToKeep(input);
  return (input.staging ?? []).some(({ version }) => !keep.includes(version))
    ? { type: "pruneStaging", keep }
    : undefined;
};

export const recordGood = (input: PlanInput): RotationAction | undefined =>
  alreadyGood(input) ? undefined : { type: "recordGood" };
