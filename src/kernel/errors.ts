/** What went wrong, in a word that steers: conditions, retry and metrics are chosen by it, never by an error's text. */
export type FailureCode =
  | "NotFound"
  | "AlreadyExists"
  | "Conflict"
  | "InvalidSpec"
  | "PermissionDenied"
  | "Unauthenticated"
  | "QuotaExceeded"
  | "Throttled"
  | "Unavailable"
  | "Timeout"
  | "Aborted"
  /** A retirement gate is closed: the credential is still used, or nobody can say whether it is. */
  | "StillInUse"
  /** Something hangs on what is to be deleted, and has to go first. */
  | "InUse"
  /** The cluster-wide limit on offboardings, grants and issues; a person has to look, or time has to pass. */
  | "LimitReached"
  /** The namespace's share of the audit volume is used up for today; what adds or changes waits. */
  | "AuditShareUsed"
  /** The kill switch is on: nothing but revocation goes on. */
  | "KillSwitch"
  /** Read-only is on: nothing outside of status is changed. Never recorded as a failure. */
  | "ReadOnly"
  /** A newer version has written what this one does not know, or older CRDs drop what this one writes. */
  | "VersionSkew"
  | "Unknown";

export interface FailureDetails {
  /** Shown in conditions, events and logs: stable text without request ids, time stamps or anything a server sent. */
  readonly publicMessage: string;
  /** The server's own wish (Retry-After), in milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** HTTP status, where there was an answer. */
  readonly status?: number | undefined;
  /** The server's error code and request id: allow-listed for logs, not for conditions. */
  readonly serverCode?: string | undefined;
  readonly requestId?: string | undefined;
  /** True when the request may have taken effect although no good answer came (time-out, cut connection, 5xx). */
  readonly ambiguous?: boolean | undefined;
  /** True when the host that a connection names is at fault, whatever was asked of it: not reached, sealed, throttling as a whole. */
  readonly hostFault?: boolean | undefined;
}

/** The one error type that crosses a folder's border. It never carries the error it was made from: bodies and headers hold secrets. */
export class OperatorError extends Error {
  readonly code: FailureCode;
  readonly publicMessage: string;
  readonly retryAfterMs: number | undefined;
  readonly status: number | undefined;
  readonly serverCode: string | undefined;
  readonly requestId: string | undefined;
  readonly ambiguous: boolean;
  readonly isHostFault: boolean;

  constructor(code: FailureCode, details: FailureDetails) {
    super(details.publicMessage);
    this.name = "OperatorError";
    this.code = code;
    this.publicMessage = details.publicMessage;
    this.retryAfterMs = details.retryAfterMs;
    this.status = details.status;
    this.serverCode = details.serverCode;
    this.requestId = details.requestId;
    this.ambiguous = details.ambiguous ?? false;
    this.isHostFault = details.hostFault ?? false;
  }
}

/**
 * Did the *target* refuse the spec (wrong, not there, forbidden), or is it merely out of reach for now?
 * Only a refusal may ever make a spec fail (product.md, last known good); the rest waits.
 */
export const isRefusal = (error: OperatorError): boolean => isRefusalCode(error.code);

const REFUSALS: readonly string[] = [
  "NotFound",
  "AlreadyExists",
  "Conflict",
  "InvalidSpec",
  "PermissionDenied",
  "QuotaExceeded",
  "InUse",
] satisfies FailureCode[];

/** The same for a code that was kept in status. */
export const isRefusalCode = (code: string): boolean => REFUSALS.includes(code);

/** Turns whatever was thrown into an OperatorError; an unknown thing keeps only its constructor's name. */
export const toOperatorError = (thrown: unknown): OperatorError => {
  if (thrown instanceof OperatorError) return thrown;
  if (thrown instanceof Error && (thrown.name === "AbortError" || thrown.name === "TimeoutError")) {
    return new OperatorError(thrown.name === "AbortError" ? "Aborted" : "Timeout", {
      publicMessage: thrown.name === "AbortError" ? "The operation was stopped." : "The operation timed out.",
      ambiguous: true,
    });
  }
  const kind = thrown instanceof Error ? thrown.name : typeof thrown;
  return new OperatorError("Unknown", { publicMessage: `Internal error (${kind}); the operator's log has the stack.` });
};
