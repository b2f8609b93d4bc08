import type { OperatorError } from "../kernel/errors.ts";
import type { Fields } from "../kernel/logger.ts";

export interface AuditSubject {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** One outside mutation that is about to happen. `target` and `facts` hold references (key ids, paths), never values. */
export interface AuditEntry {
  readonly action: string;
  readonly subject: AuditSubject;
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
  /** False while records wait in the spool. */
  healthy(): boolean;
  close(): Promise<void>;
}
