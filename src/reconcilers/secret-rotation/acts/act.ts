import type { RotationAction } from "../../../domain/rotation/action.ts";
import type { OpenRotation, RotationStatus, Trigger } from "../../../domain/rotation/record.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { CallContext } from "../../../providers/contract.ts";
import type { Ports } from "../../ports.ts";
import type { Mutation } from "../../outside.ts";
import { callsOf, subjectOf, type InForce, type RotationScope } from "../scope.ts";

/** One pass's action, with what it may touch. */
export interface Act {
  readonly scope: RotationScope;
  readonly inForce: InForce;
  readonly ports: Ports;
}

/** Carries out one kind of action and says what the record is afterwards. */
export type Carry<Type extends RotationAction["type"]> = (
  act: Act,
  action: Extract<RotationAction, { type: Type }>,
) => Promise<RotationStatus>;

export const callContext = ({ scope, ports }: Act): CallContext => callsOf(scope, ports);

/** An outside mutation of this resource, on record before and after. */
export const mutate = <T>(
  act: Act,
  mutation: Pick<Mutation, "action" | "kind" | "target" | "facts">,
  run: () => Promise<T>,
): Promise<T> =>
  act.ports.outside.mutate(
    {
      ...mutation,
      kind: mutation.kind === "Issuing" && goesOn(act.scope) ? "Continuing" : mutation.kind,
      subject: subjectOf(act.scope),
      passId: act.scope.passId,
    },
    act.scope.signal,
    run,
  );

/** It belongs to an open rotation or is a renewal: a used share of the audit volume does not hold it up. */
const goesOn = ({ status, action }: RotationScope): boolean =>
  status.rotation !== undefined ||
  (action?.type === "openIntent" && isRenewal(action.trigger)) ||
  (action?.type === "sign" && isRenewal(action.because));

/** Not asked for by somebody's change: the credential in use is replaced because of what has become of it. */
export const isRenewal = (trigger: Trigger | "Changed"): boolean =>
  trigger !== "FirstIssue" && trigger !== "Requested" && trigger !== "Changed";

/** The planner names steps of a rotation only while one is open. */
export const openRotation = ({ scope }: Act): OpenRotation => {
  if (scope.status.rotation !== undefined) return scope.status.rotation;
  throw new OperatorError("Unknown", { publicMessage: "No rotation is open; the plan and the record disagree." });
};

export const say = (
  { scope }: Act,
  type: "Normal" | "Warning",
  reason: string,
  note: string,
  action = "Rotate",
): void => {
  scope.events.push({ type, reason, action, note });
};
