import type { RotationAction } from "../../../domain/rotation/action.ts";
import type { OpenRotation, RotationStatus } from "../../../domain/rotation/record.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import type { CallContext } from "../../../providers/contract.ts";
import type { Ports } from "../../ports.ts";
import type { Mutation } from "../../outside.ts";
import { subjectOf, type InForce, type RotationScope } from "../scope.ts";

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

export const callContext = ({ scope, ports }: Act): CallContext => ({ signal: scope.signal, log: ports.log });

/** An outside mutation of this resource, on record before and after. */
export const mutate = <T>(
  act: Act,
  mutation: Pick<Mutation, "action" | "kind" | "target" | "facts">,
  run: () => Promise<T>,
): Promise<T> =>
  act.ports.outside.mutate(
    { ...mutation, subject: subjectOf(act.scope), passId: act.scope.passId },
    act.scope.signal,
    run,
  );

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
