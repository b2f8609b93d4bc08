import type { AuditEntry, AuditNote, AuditTrail } from "../audit/contract.ts";
import type { AuditRoom } from "../audit/volume.ts";
import { OperatorError, toOperatorError } from "../kernel/errors.ts";
import type { Fields } from "../kernel/logger.ts";
import type { KillSwitch } from "../stores/kill-switch.ts";
import { refusals } from "./refusals.ts";

/**
 * An outside mutation, as it goes on record. `kind` decides what happens when the audit trail cannot be written or has no room, and when
 * the kill switch is on. `Continuing` is Issuing of an open rotation or a renewal: a used share of the volume does not hold it up.
 */
export interface Mutation {
  readonly action: string;
  readonly kind: "Issuing" | "Continuing" | "Revoking";
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
  /** Puts a fact on record: a proof, a release, a hold. Never rejects. */
  note(note: AuditNote): Promise<void>;
  /** Puts on record that Keyturn refused something; the same refusal once an hour, and none over the namespace's share. Never rejects. */
  refused(about: Pick<AuditNote, "action" | "subject" | "target" | "passId">, error: OperatorError): Promise<void>;
  /** Throws AuditShareUsed when the subject's namespace has used its share of the audit volume for today. */
  demandShare(subject: Mutation["subject"], passId: string): Promise<void>;
}

/** No volume to fill: for tests and tools. */
export const ENDLESS_ROOM: AuditRoom = { demandShare: () => undefined, demandRoom: () => undefined };

export const outside = (
  audit: AuditTrail,
  mayMutate: () => boolean,
  killSwitch: KillSwitch = { engaged: () => Promise.resolve(false) },
  {
    room = ENDLESS_ROOM,
    monotonicMs = () => 0,
  }: { readonly room?: AuditRoom; readonly monotonicMs?: () => number } = {},
): Outside => {
  const record = refusals(audit, monotonicMs);
  const hasShare = (namespace: string): boolean => {
    try {
      room.demandShare(namespace);
      return true;
    } catch {
      return false;
    }
  };
  const refused: Outside["refused"] = async (about, error) => {
    // Refusals are what a tenant can have as many of as it likes; beyond the share its resources' status has them alone.
    if (hasShare(about.subject?.namespace ?? "")) await record(about, error);
  };
  const demandShare = async (subject: Mutation["subject"], passId: string): Promise<void> => {
    try {
      room.demandShare(subject.namespace);
    } catch (thrown) {
      // One record of it for the whole namespace, or the refusals would fill the volume in its place.
      const about = { kind: "Namespace", namespace: subject.namespace, name: subject.namespace, uid: "" };
      await record(
        { action: "auditShare", subject: about, target: subject.namespace, passId },
        toOperatorError(thrown),
      );
      throw thrown;
    }
  };
  const demandLeave = async ({ kind, action, subject, target, passId }: Mutation): Promise<void> => {
    if (kind === "Revoking") return;
    if (kind === "Issuing") await demandShare(subject, passId);
    try {
      await refuseWhenKilled(killSwitch);
      room.demandRoom();
    } catch (thrown) {
      await refused({ action, subject, target, passId }, toOperatorError(thrown));
      throw thrown;
    }
  };
  return {
    async mutate(mutation, signal, run) {
      refuseWhenStopping(signal, mayMutate);
      await demandLeave(mutation);
      const act = await audit.begin({
        action: mutation.action,
        subject: mutation.subject,
        target: mutation.target,
        passId: mutation.passId,
        ...(mutation.facts === undefined ? {} : { facts: mutation.facts }),
        onSinkFailure: mutation.kind === "Revoking" ? "Spool" : "FailClosed",
      });
      try {
        // The record took its time on disk; whoever was told to stop meanwhile does not act any more.
        refuseWhenStopping(signal, mayMutate);
        const result = await run();
        await act.succeeded();
        return result;
      } catch (thrown) {
        const error = toOperatorError(thrown);
        await act.failed(error);
        throw error;
      }
    },
    note: (note) => audit.note(note),
    refused,
    demandShare,
  };
};

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
