import { OperatorError, type FailureCode, type FailureDetails } from "../kernel/errors.ts";

/** What was asked, in stable words: "update SecretRotation team-a/db". */
export interface Asked {
  readonly what: string;
  readonly write: boolean;
}

interface StatusObject {
  readonly reason: string | undefined;
  readonly retryAfterSeconds: number | undefined;
}

const BY_STATUS: Readonly<Record<number, FailureCode>> = {
  400: "InvalidSpec",
  401: "Unauthenticated",
  403: "PermissionDenied",
  404: "NotFound",
  409: "Conflict",
  413: "InvalidSpec",
  422: "InvalidSpec",
  429: "Throttled",
};

/** A reason is a CamelCase word; anything else in its place is not shown. */
const REASON = /^[A-Za-z]{1,64}$/;
const LONGEST_RETRY_AFTER_S = 3600;

/** The error for an answer that is not 2xx. Of the body only the Status object's reason and retryAfterSeconds are used. */
export const errorOfAnswer = (
  asked: Asked,
  answer: { readonly status: number; readonly text: string; readonly retryAfter?: string | undefined },
): OperatorError => {
  const { status } = answer;
  const statusObject = parseStatus(answer.text);
  if (statusObject === undefined && status === 404) {
    // Not the API server's own "not found": a proxy, or the kind is not served. Absence must not be believed from that.
    return unavailable(asked, "answered 404 without saying what is missing", { status, ambiguous: false });
  }
  if (status >= 500) return unavailable(asked, `answered ${status}`, { status, ...wishes(answer, statusObject) });
  if (status >= 300 && status < 400)
    return unavailable(asked, "answered with a redirect", { status, ambiguous: false });
  const code = codeOf(status, statusObject?.reason);
  const reason = statusObject?.reason ?? `status ${status}`;
  return new OperatorError(code, {
    publicMessage: `kube-apiserver refused to ${asked.what}: ${reason}.`,
    status,
    serverCode: statusObject?.reason,
    ...wishes(answer, statusObject),
  });
};

/** The error for an answer that came but cannot be understood. `why` is stable text ("answered with something that is no JSON"). */
export const errorOfRubbish = (asked: Asked, why: string, status?: number): OperatorError =>
  new Rubbish("Unavailable", {
    publicMessage: `kube-apiserver ${why} when asked to ${asked.what}.`,
    status,
    ambiguous: asked.write,
  });

/** An answer or a watch's line that cannot be understood. */
class Rubbish extends OperatorError {}

/** The error for a line of a watch that is no event. */
export const errorOfLine = (): OperatorError =>
  new Rubbish("Unavailable", { publicMessage: "The watch brought something that is no event." });

/** True for `errorOfRubbish` and `errorOfLine` alone: asked again from the same place, the server may answer the same. */
export const isRubbish = (error: unknown): boolean => error instanceof Rubbish;

/** An answer that is longer than is read. */
class TooLong extends OperatorError {}

/** The error for an answer that is longer than is read, of which the rest was left unread. */
export const errorOfLength = (asked: Asked, status: number): OperatorError =>
  new TooLong("Unavailable", {
    publicMessage: `kube-apiserver answered with more than is allowed when asked to ${asked.what}.`,
    status,
    ambiguous: asked.write,
  });

/** True for `errorOfLength` alone: a list that is asked for fewer objects may come whole. */
export const isTooLong = (error: unknown): boolean => error instanceof TooLong;

/** The error for a call that met its deadline. */
export const errorOfDeadline = (asked: Asked): OperatorError =>
  new OperatorError("Timeout", {
    publicMessage: `kube-apiserver did not answer in time to ${asked.what}.`,
    ambiguous: asked.write,
  });

/** The error for a call without an answer: refused, cut, unresolved, untrusted. */
export const errorOfConnection = (asked: Asked, thrown: unknown): OperatorError => {
  if (thrown instanceof OperatorError) return thrown;
  const code = connectionCode(thrown);
  const why = code === undefined ? "the connection failed" : `the connection failed (${code})`;
  // Nothing was sent when there never was a connection; otherwise the request may have arrived.
  const neverSent = code !== undefined && NEVER_SENT.test(code);
  return new OperatorError("Unavailable", {
    publicMessage: `kube-apiserver is out of reach to ${asked.what}: ${why}.`,
    ambiguous: asked.write && !neverSent,
  });
};

/** True for an answer or an in-stream error that says: the resourceVersion is too old, list again. */
export const isGone = (error: unknown): boolean => error instanceof OperatorError && error.status === 410;

const NEVER_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|(DEPTH|CERT|ERR_TLS|SELF_SIGNED|UNABLE_TO).*)$/;
const CONNECTION_CODE = /^[A-Z][A-Z0-9_]{2,48}$/;

/** Codes are Node's and undici's own words, so they are safe to show; messages may quote what the server sent. */
const connectionCode = (thrown: unknown): string | undefined => {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth += 1) {
    if ("code" in error && typeof error.code === "string" && CONNECTION_CODE.test(error.code)) return error.code;
  }
  return undefined;
};

const codeOf = (status: number, reason: string | undefined): FailureCode => {
  if (status === 409 && reason === "AlreadyExists") return "AlreadyExists";
  if (status === 410 || status === 408) return "Unavailable";
  return BY_STATUS[status] ?? "Unknown";
};

const unavailable = (asked: Asked, why: string, details: Omit<FailureDetails, "publicMessage">): OperatorError =>
  new OperatorError("Unavailable", {
    ambiguous: asked.write,
    ...details,
    publicMessage: `kube-apiserver ${why} when asked to ${asked.what}.`,
  });

const wishes = (
  answer: { readonly retryAfter?: string | undefined },
  statusObject: StatusObject | undefined,
): { readonly retryAfterMs?: number } => {
  const seconds = Number(answer.retryAfter ?? statusObject?.retryAfterSeconds ?? Number.NaN);
  if (!(seconds >= 0)) return {};
  return { retryAfterMs: Math.min(seconds, LONGEST_RETRY_AFTER_S) * 1000 };
};

const parseStatus = (text: string): StatusObject | undefined => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== "object" || parsed === null || !("kind" in parsed) || parsed.kind !== "Status")
    return undefined;
  const { reason, details } = parsed as { reason?: unknown; details?: unknown };
  const after =
    typeof details === "object" && details !== null && "retryAfterSeconds" in details
      ? details.retryAfterSeconds
      : undefined;
  return {
    reason: typeof reason === "string" && REASON.test(reason) ? reason : undefined,
    retryAfterSeconds: typeof after === "number" ? after : undefined,
  };
};
