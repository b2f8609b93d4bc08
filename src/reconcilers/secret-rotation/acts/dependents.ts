import {
  closed,
  dependentDone,
  dependentHeld,
  dependentStarted,
  stragglerMoved,
  turnedBack,
} from "../../../domain/rotation/transitions.ts";
import type { OpenRotation } from "../../../domain/rotation/record.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { workloadDoor } from "../steps/observe.ts";
import { refreshClaim } from "./ownership.ts";
import { wordsFor } from "../scope.ts";
import { moveWorkload, workloadText } from "../workloads.ts";
import { mutate, openRotation, say, type Act, type Carry } from "./act.ts";

const settingOf = ({ inForce }: Act, name: string) =>
  inForce.settings.dependents.find((dependent) => dependent.name === name);

/** A workload is rolled by its pod-template annotation; an external dependent is asked to confirm. */
export const moveDependent: Carry<"moveDependent"> = async (act, { name, version }) => {
  const { scope, ports } = act;
  const setting = settingOf(act, name);
  if (setting === undefined) return scope.status;
  if (setting.kind === "external") {
    say(
      act,
      "Normal",
      "ConfirmationAwaited",
      `Dependent ${name} must confirm: set the annotation confirmed.keyturn.dev/${name} to ${version}.`,
      "Roll",
    );
  } else if (setting.restart) {
    await roll(act, setting, version);
  }
  const { rotation } = scope.status;
  ports.metrics.dependentRestart({ result: rotation?.direction === "Back" ? "RolledBack" : "Started" });
  if (rotation !== undefined) return dependentStarted(scope.status, rotation, name, scope.now);
  const view = scope.dependents?.[name];
  return stragglerMoved(scope.status, view?.kind === "workload" ? view.graceSeconds : 0, scope.now);
};

const roll = async (
  act: Act,
  setting: Extract<NonNullable<ReturnType<typeof settingOf>>, { kind: "workload" }>,
  version: string,
): Promise<void> => {
  const { scope, ports } = act;
  const target = workloadText(setting);
  const view = scope.dependents?.[setting.name];
  // Somebody else's roll-out has taken it along: it is restarted already.
  if (view?.kind === "workload" && view.version === version) {
    ports.metrics.dependentRestart({ result: "Coalesced" });
    say(
      act,
      "Normal",
      "DependentRolling",
      `${target} was rolled to credential ${version} with another change.`,
      "Roll",
    );
    return;
  }
  const wish = { ...scope.request, workload: target, rotation: scope.request.name, version };
  const annotations = ports.rollouts.wishes(wish);
  const others = Object.keys(annotations).length - 1;
  try {
    await mutate(
      act,
      {
        action: "kubernetes:RollWorkload",
        kind: "Issuing",
        target,
        facts: { version, ...(others === 0 ? {} : { others }) },
      },
      () => moveWorkload(workloadDoor(scope, ports), setting, annotations),
    );
    ports.rollouts.rolled(wish);
    say(act, "Normal", "DependentRolling", `${target} is rolled to credential ${version}.`, "Roll");
  } catch (thrown) {
    // It may simply come later; the wait and its time-out are the planner's.
    if (!(thrown instanceof OperatorError) || thrown.code !== "NotFound") throw thrown;
  }
};

export const recordDependent: Carry<"recordDependent"> = async (act, { name, graceSeconds }) => {
  act.ports.metrics.dependentRestart({ result: "Completed" });
  return dependentDone(act.scope.status, openRotation(act), { name, graceSeconds, now: act.scope.now });
};

export const recordHold: Carry<"recordHold"> = async (act, { name, held }) =>
  dependentHeld(act.scope.status, openRotation(act), { name, held, now: act.scope.now });

export const goBack: Carry<"goBack"> = async (act, { because }) => {
  const rotation = openRotation(act);
  act.ports.metrics.dependentRestart({ result: "TimedOut" });
  act.ports.metrics.rollback({ reason: "DependentTimedOut" });
  say(
    act,
    "Warning",
    "RotationRolledBack",
    `Credential ${rotation.version} is taken back (${because}); the previous one is published again.`,
  );
  return turnedBack(act.scope.status, rotation, because);
};

/** How long each part took, from the times on record; a part that was not reached has none. */
const phases = (rotation: OpenRotation, now: Date): readonly (readonly [string, number])[] => {
  const { openedAt, publishedAt, verification } = rotation;
  const ends = [openedAt, rotation.credential?.issuedAt, verification?.verifiedAt, publishedAt].map((at) =>
    at === undefined ? undefined : Date.parse(at),
  );
  const [opened = now.getTime(), issued, verified, published] = ends;
  const between = (
    phase: string,
    from: number | undefined,
    to: number | undefined,
  ): readonly (readonly [string, number])[] =>
    from === undefined || to === undefined ? [] : [[phase, Math.max(0, to - from) / 1000]];
  return [
    ...between("issue", opened, issued),
    ...between("verify", issued, verified),
    ...between("publish", verified, published),
    ...between("dependents", published, now.getTime()),
    ...between("total", opened, now.getTime()),
  ];
};

export const closeRotation: Carry<"closeRotation"> = async (act, { result }) => {
  const { scope, inForce, ports } = act;
  const rotation = openRotation(act);
  ports.metrics.rotationEnded({ result, provider: wordsFor(act).provider });
  phases(rotation, scope.now).forEach(([phase, seconds]) => {
    ports.metrics.rotationPhase({ phase }, seconds);
  });
  if (result === "Succeeded")
    say(act, "Normal", "RotationSucceeded", `Every dependent uses credential ${rotation.version}.`);
  // What was adopted has been replaced: from here on the claim says that all of it is ours.
  if (rotation.previous?.adopted === true) await refreshClaim(act);
  return closed(scope.status, rotation, result, { now: scope.now, settings: inForce.settings });
};
