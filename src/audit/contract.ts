import type { OperatorError } from "../kernel/errors.ts";
import type { Fields } from "../kernel/logger.ts";

export interface AuditSubject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** Who asked for an act, by which generation of the spec and under which plan; each absent where it is not known. */
export interface Asked {
  readonly requester?: { readonly user: string; readonly uid?: string };
  readonly generation?: number;
  /** SHA-256 of the plan on record: of an identity status.plan, of a rotation its open intent, of the ledger its entry. */
  readonly planDigest?: string;
}

/** A subject with the request behind it; both go into each record. */
export interface AskedSubject extends AuditSubject {
  readonly asked?: Asked;
}

/** A fact that is no mutation: a proof, a refusal, a release, a hold, the kill switch. */
export interface AuditNote {
  readonly action: string;
  /** Undefined for what concerns the whole cluster. */
  readonly subject: AskedSubject | undefined;
  readonly target: string;
  readonly passId: string;
  /** "OK", or the FailureCode of a refusal. */
  readonly result: string;
  readonly facts?: Fields;
}

/** One outside mutation that is about to happen. `target` and `facts` hold references (key ids, paths), never values. */
export interface AuditEntry {
  readonly action: string;
  readonly subject: AskedSubject;
  readonly target: string;
  readonly passId: string;
  readonly facts?: Fields;
  /**
   * `FailClosed`: no record, no act (issuing, publishing, granting). `Spool`: the act goes on and the record is kept in memory
   * until the sink works again (disabling and revoking: their availability beats completeness of the trail).
   */
  readonly onSinkFailure: "FailClosed" | "Spool";
}

export interface AuditHandle {
  succeeded(facts?: Fields): Promise<void>;
  failed(error: OperatorError): Promise<void>;
}

/** One append-only hash chain per operator process. Signing and anchors attach at `onAppend` later. */
export interface AuditTrail {
  begin(entry: AuditEntry): Promise<AuditHandle>;
  /** Records a fact. It is kept in memory while the sink does not work; rejects never. */
  note(note: AuditNote): Promise<void>;
  /** False while records wait in the spool. */
  healthy(): boolean;
  close(): Promise<void>;
}
