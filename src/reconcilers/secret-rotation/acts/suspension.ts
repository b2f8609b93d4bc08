import { cameBack, comebackRefused, comingBack, suspended } from "../../../domain/rotation/standing.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { openSource } from "../steps/observe.ts";
import { callContext, say, type Act, type Carry } from "./act.ts";

/** How long a key that has been switched on again may be refused, before a new one is made. */
const COMEBACK_MS = 120_000;

export const recordSuspension: Carry<"recordSuspension"> = async (act, { reason }) => {
  const { scope } = act;
  say(
    act,
    "Normal",
    "Suspended",
    `${scope.identity?.why ?? ""} Nothing is issued until it is Active again.`,
    "Suspend",
  );
  return suspended(scope.status, reason, scope.now);
};

/** The identity's own reconciler has switched on again exactly what was on before; here it has to prove itself. */
export const comeBack: Carry<"comeBack"> = async (act, { step }) => {
  const { scope } = act;
  if (step === "Begin") return comingBack(scope.status, scope.now);
  if (step === "End") return cameBack(scope.status);
  const { current, suspension } = scope.status;
  if (current === undefined || suspension === undefined) return scope.status;
  if (await accepted(act, current)) {
    say(act, "Normal", "Resumed", `The identity is Active again, and credential ${current.version} works.`, "Resume");
    return cameBack(scope.status, act.inForce.settings.verify.login ? scope.now : undefined);
  }
  const since = Date.parse(suspension.resumedAt ?? suspension.since);
  if (scope.now.getTime() - since >= COMEBACK_MS) return comebackRefused(scope.status);
  throw new OperatorError("Unavailable", {
    publicMessage: "The identity is Active again, and its current credential is not accepted yet.",
  });
};

/** A real login; where none may be tried, or its value is lost, what the provider lists. */
const accepted = async (act: Act, current: { readonly version: string; readonly id: string }): Promise<boolean> => {
  const { scope, inForce, ports } = act;
  const material = scope.staging?.versions.find(
    ({ version, id }) => version === current.version && id === current.id,
  )?.material;
  if (!inForce.settings.verify.login || material === undefined)
    return scope.listing?.credentials.some(({ id, enabled }) => id === current.id && enabled) === true;
  const source = await openSource(scope, inForce, ports);
  return (await source.verify(material, scope.now, callContext(act))).kind === "usable";
};
