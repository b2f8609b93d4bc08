import type { LifecycleAction } from "../../../domain/lifecycle/action.ts";
import {
  endPermitted,
  endShortened,
  heldNoted,
  holdsLifted,
  isLater,
  keptDown,
  lifeQuestion,
  retainsByPermission,
  returnKept,
  returnPermitted,
  underHold,
  withRules,
} from "../../../domain/lifecycle/life.ts";
import type { HeldBy } from "../../../domain/hold/match.ts";
import { cleared } from "../../../domain/lifecycle/transitions.ts";
import { wantedState } from "../../../domain/lifecycle/settings.ts";
import { toOperatorError } from "../../../kernel/errors.ts";
import type { Ports } from "../../ports.ts";
import { heldNow, tellHolds } from "../holding.ts";
import { retainAnswers } from "../retain.ts";
import type { InForce, KeptDown, LifecycleScope } from "../scope.ts";
import { desiredOf, noteFailure } from "./accounts.ts";
import { judgeLife } from "./permissions.ts";

/**
 * Before anything is planned: an identity that had ended, or whose end is to come later, goes on as it was until who asks for that may. What
 * cannot be found out now is no permission; it is asked again in the next pass.
 */
export const askForLife = async (scope: LifecycleScope, inForce: InForce, ports: Ports): Promise<void> => {
  const generation = scope.object.metadata.generation ?? 0;
  scope.status = withRules(scope.status, generation);
  scope.hold = await holdOn(scope, inForce, ports);
  // Written into the audit trail before it is acted on, and again by the pass that finds the hold gone.
  await tellHolds(scope, ports);
  await askBeneath(scope, inForce, generation, ports);
  const settled = scope.inForce ?? inForce;
  const { hold } = scope;
  if (hold !== undefined) {
    const beneath = { settings: settled.settings, now: scope.now };
    // What has backed off until now is tried at once when the hold begins.
    const fresh = scope.status.holds === undefined ? cleared(scope.status, "leaveFailures") : scope.status;
    scope.status = heldNoted(fresh, hold, beneath);
    scope.inForce = { ...settled, settings: underHold(settled.settings) };
  } else {
    scope.status = holdsLifted(scope.status, { settings: settled.settings, now: scope.now, generation });
  }
  await askForRetain(scope, ports);
};

/**
 * The holds on this identity: by its name, or by a target that it has or declares. While they have not been read, those on record go on
 * holding.
 */
const holdOn = async (scope: LifecycleScope, inForce: InForce, ports: Ports): Promise<HeldBy | undefined> => {
  return heldNow(scope, ports.holds.byTarget() ? await declaredTargets(scope, inForce, ports) : [], ports);
};

/** Claims of what is declared; nothing can be made of an account whose connection cannot be read, and its failure is told elsewhere. */
const declaredTargets = async (
  scope: LifecycleScope,
  { settings }: InForce,
  ports: Ports,
): Promise<readonly string[]> => {
  const targets: string[] = [];
  for (const account of settings.accounts) {
    try {
      targets.push((await desiredOf(scope, account, settings, ports)).target);
    } catch (thrown) {
      if (toOperatorError(thrown).code === "Aborted") throw thrown;
    }
  }
  return targets;
};

/** What the spec in force asks for, apart from any hold. */
const askBeneath = async (scope: LifecycleScope, inForce: InForce, generation: number, ports: Ports): Promise<void> => {
  const { settings } = inForce;
  const question = lifeQuestion(scope.status, settings, scope.now);
  if (question === undefined) {
    scope.status = returnKept(endPermitted(scope.status, settings.expiresAt), settings, scope.now);
  } else {
    const refused = await refusalOf(scope, inForce, isLater(settings.expiresAt, scope.status.permittedUntil), ports);
    if (refused === undefined) {
      const permitted = endPermitted(scope.status, settings.expiresAt);
      scope.status = question === "Again" ? returnPermitted(permitted, generation) : permitted;
    } else {
      const held = keptDown(scope.status, settings);
      scope.inForce = { ...inForce, settings: held, keptDown: refused };
      scope.status = returnKept(endShortened(scope.status, settings.expiresAt), held, scope.now);
    }
  }
};

/** Undefined: permitted. What cannot be found out is a failure as well, so that it is asked again soon. */
const refusalOf = async (
  scope: LifecycleScope,
  inForce: InForce,
  grants: boolean,
  ports: Ports,
): Promise<KeptDown | undefined> => {
  try {
    const permission = await judgeLife(scope, inForce, { grants }, ports);
    return permission.kind === "allowed" ? undefined : { reason: permission.code, message: permission.message };
  } catch (thrown) {
    const error = toOperatorError(thrown);
    noteFailure(scope, "*", error, false);
    const message = `Whether this identity may live again or longer cannot be found out now, so it stays as it was: ${error.publicMessage}`;
    return { reason: error.code, message };
  }
};

/** A deletion that is undone is a coming back as well; undefined: it may, or nothing comes back by it. Throws when it cannot be found out. */
export const refusalOfUndo = async (
  scope: LifecycleScope,
  inForce: InForce,
  asked: { readonly grants: boolean },
  ports: Ports,
): Promise<Extract<LifecycleAction, { type: "refuse" }> | undefined> => {
  if (wantedState(inForce.settings, scope.now) !== "Active") return undefined;
  const permission = await judgeLife(scope, inForce, asked, ports);
  if (permission.kind === "allowed") {
    scope.status = returnPermitted(scope.status, scope.object.metadata.generation ?? 0);
    return undefined;
  }
  return { type: "refuse", code: permission.code, message: permission.message, about: "spec" };
};

/** What of a Retain without an end the platform does not allow is told; what cannot be read now is asked when it counts. */
const askForRetain = async (scope: LifecycleScope, ports: Ports): Promise<void> => {
  const { settings } = scope.inForce ?? {};
  if (settings?.deletion.policy !== "Retain" || settings.expiresAt !== undefined) return;
  if (!retainsByPermission(scope.status, scope.object.metadata.generation ?? 0, false)) return;
  try {
    scope.retains = await retainAnswers(scope, settings.accounts, ports);
  } catch (thrown) {
    if (toOperatorError(thrown).code === "Aborted") throw thrown;
  }
};
