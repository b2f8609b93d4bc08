import { permitFor } from "../../../domain/rotation/lockout.ts";
import { refusalEnded, refusalReserved } from "../../../domain/rotation/transitions.ts";
import { timeText } from "../../../kernel/time-text.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { randomWord } from "../../../kernel/ids.ts";
import { capabilitiesFor } from "../scope.ts";
import type { Act, Carry } from "./act.ts";

/** This pass's status write makes it durable; the next one may try. */
export const reserveRefusal: Carry<"reserveRefusal"> = async ({ scope, ports }, { about }) =>
  refusalReserved(scope.status, { id: randomWord(8), at: timeText(scope.now), by: ports.self, about }, scope.now);

/**
 * One login that may be refused, under its reservation: tried once by this process, whatever comes of it. `refused` says whether it was; the
 * record then counts it, or gives the reservation back. Where the target locks nobody out it is simply run.
 */
export const underPermit = async <T>(
  { scope, ports, inForce }: Act,
  about: string,
  login: { run(): Promise<T>; refused(outcome: T): boolean },
): Promise<T> => {
  if (!capabilitiesFor({ inForce, ports }).lockout) return login.run();
  const permit = permitFor(
    { status: scope.status, self: ports.self, spentRefusals: ports.spentRefusals, now: scope.now },
    about,
  );
  if (permit === undefined)
    throw new OperatorError("Unknown", { publicMessage: "No refusal is reserved; the plan and the record disagree." });
  ports.spentRefusals.add(permit.id);
  const outcome = await login.run();
  scope.status = refusalEnded(scope.status, permit.id, login.refused(outcome));
  return outcome;
};
