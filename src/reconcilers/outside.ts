import type { AuditEntry, AuditTrail } from "../audit/contract.ts";
import { OperatorError, toOperatorError } from "../kernel/errors.ts";
import type { Fields } from "../kernel/logger.ts";
import type { KillSwitch } from "../stores/kill-switch.ts";

/**
 * An outside mutation, as it goes on record. `kind` decides what happens when the audit trail cannot be written, and when the
 * kill switch is on.
 */
export interface Mutation {
  readonly action: string;
  readonly kind: "Issuing" | "Revoking";
  readonly subject: AuditEntry["subject"];
  readonly target: string;
  readonly passId: string;
  readonly facts?: Fields;
}

export interface Outside {
  /**
   * The one way to change anything outside status: refused while the operator is stopping or is not the leader, and while the
   * kill switch is on unless it only takes away (Revoking); put on record before and after. `run` is called at most once. Throws what `run` throws, as OperatorError.
   */
  mutate<T>(mutation: Mutation, signal: AbortSignal, run: () => Promise<T>): Promise<T>;
}

export const outside = (
  audit: AuditTrail,
  mayMutate: () => boolean,
  killSwitch: KillSwitch = { engaged: () => Promise.resolve(false) },
): Outside => ({
  async mutate(mutation, signal, run) {
    refuseWhenStopping(signal, mayMutate);
    if (mutation.kind === "Issuing") await refuseWhenKilled(killSwitch);
    const record = await audit.begin({
      action: mutation.action,
      subject: mutation.subject,
      target: mutation.target,
      passId: mutation.passId,
      ...(mutation.facts === undefined ? {} : { facts: mutation.facts }),
      onSinkFailure: mutation.kind === "Issuing" ? "FailClosed" : "Spool",
    });
    try {
      // The record took its time on disk; whoever was told to stop meanwhile does not act any more.
      refuseWhenStopping(signal, mayMutate);
      const result = await run();
      await record.succeeded();
      return result;
    } catch (thrown) {
      const error = toOperatorError(thrown);
      await record.failed(error);
      throw error;
    }
  },
});

const refuseWhenKilled = async (killSwitch: KillSwitch): Promise<void> => {
  if (!(await killSwitch.engaged())) return;
  throw new OperatorError("KillSwitch", {
    publicMessage: "The kill switch is on: nothing but revocation goes on until somebody takes it off.",
  });
};

const refuseWhenStopping = (signal: AbortSignal, mayMutate: () => boolean): void => {
  if (signal.aborted || !mayMutate()) {
    throw new OperatorError("Aborted", {
      publicMessage: "The operator is stopping or no longer leads; nothing was changed.",
    });
  }
};
