import { isNeverSent } from "../connection-faults.ts";
import { OperatorError, type FailureCode, type FailureDetails } from "../../kernel/errors.ts";
import { retryAfterMs } from "../retry-after.ts";

/** AWS error codes, without the suffix "Exception" that the SDK puts on some; what is not here never reaches a message. */
const CODES: Readonly<Record<string, FailureCode>> = {
  NoSuchEntity: "NotFound",
  EntityAlreadyExists: "AlreadyExists",
  LimitExceeded: "QuotaExceeded",
  // Two changes at the same time: the next attempt goes through. It must not count against a spec as Conflict does.
  ConcurrentModification: "Unavailable",
  DeleteConflict: "InUse",
  UnmodifiableEntity: "Conflict",
  EntityTemporarilyUnmodifiable: "Unavailable",
  Throttling: "Throttled",
  ThrottlingException: "Throttled",
  ThrottledException: "Throttled",
  RequestThrottled: "Throttled",
  RequestLimitExceeded: "Throttled",
  TooManyRequests: "Throttled",
  AccessDenied: "PermissionDenied",
  AccessDeniedException: "PermissionDenied",
  UnauthorizedOperation: "PermissionDenied",
  OptInRequired: "PermissionDenied",
  RegionDisabled: "PermissionDenied",
  InvalidClientTokenId: "Unauthenticated",
  SignatureDoesNotMatch: "Unauthenticated",
  InvalidAccessKeyId: "Unauthenticated",
  UnrecognizedClient: "Unauthenticated",
  AuthFailure: "Unauthenticated",
  ExpiredToken: "Unauthenticated",
  RequestExpired: "Unauthenticated",
  InvalidToken: "Unauthenticated",
  MissingAuthenticationToken: "Unauthenticated",
  IncompleteSignature: "Unauthenticated",
  ValidationError: "InvalidSpec",
  InvalidInput: "InvalidSpec",
  MalformedPolicyDocument: "InvalidSpec",
  PolicyNotAttachable: "InvalidSpec",
  NotSupportedService: "InvalidSpec",
  InvalidParameterValue: "InvalidSpec",
  ServiceFailure: "Unavailable",
  ServiceUnavailable: "Unavailable",
  InternalFailure: "Unavailable",
  InternalError: "Unavailable",
};

/** By these words IAM says in a DeleteConflict what must go first; its own text goes nowhere. */
const IN_THE_WAY: readonly (readonly [RegExp, string])[] = [
  [/login profile/i, "a console password"],
  [/\bmfa\b/i, "an MFA device"],
  [/service.?specific/i, "a service-specific credential"],
  [/public key|\bssh\b/i, "an SSH public key"],
  [/certificate/i, "a signing certificate"],
  [/instance profile/i, "an instance profile"],
  [/access key/i, "an access key"],
  [/referenced objects/i, "an SSH public key or a service-specific credential"],
  [/\bgroups?\b/i, "a group"],
  [/polic(y|ies)/i, "a policy"],
];

/** IAM deletes it only when something else is gone; `inTheWay` in our words, undefined where IAM's were not known. */
export class DeleteRefused extends OperatorError {
  readonly inTheWay: string | undefined;

  constructor(operation: string, inTheWay: string | undefined, details: Partial<FailureDetails> = {}) {
    super("InUse", {
      ...details,
      serverCode: "DeleteConflict",
      publicMessage: `AWS ${operation} was refused: DeleteConflict${inTheWay === undefined ? "" : ` (${inTheWay})`}.`,
    });
    this.inTheWay = inTheWay;
  }
}

/** The one operation that asks another host than IAM's about a key of a tenant. */
export const TRIES_A_KEY = "GetCallerIdentity";

const CUT = new Set(["ECONNRESET", "EPIPE"]);

/** What sdk.ts saw of the answer; `garbage` = it was no answer of AWS (HTML, truncated, too long, redirect, another action's). */
export interface SeenAnswer {
  readonly status?: number | undefined;
  readonly retryAfter?: string | undefined;
  /** The Date header: what a Retry-After in the form of a date is counted from. */
  readonly date?: string | undefined;
  readonly garbage?: boolean | undefined;
}

/**
 * Any error of an AWS call as an OperatorError. In: what was thrown, the operation's name, what was seen of the answer. The
 * message names the operation and a code from the table above, and nothing that the server sent.
 */
export const awsError = (thrown: unknown, operation: string, seen: SeenAnswer = {}): OperatorError => {
  if (thrown instanceof OperatorError) return thrown;
  const facts = factsOf(thrown);
  const status = seen.status ?? facts.status;
  const details = { status, requestId: facts.requestId };
  const waitMs = retryAfterMs(seen.retryAfter, Date.parse(seen.date ?? ""));
  if (facts.name === "CredentialsProviderError") {
    return new OperatorError("Unauthenticated", {
      publicMessage: `AWS ${operation} was not sent: the operator found no AWS credentials of its own.`,
    });
  }
  if (seen.garbage !== true && status !== undefined && status < 500) {
    const known = CODES[facts.code];
    if (facts.code === "DeleteConflict") return new DeleteRefused(operation, inTheWayOf(thrown), details);
    if (known !== undefined) return refusal(known, facts.code, operation, { ...details, waitMs });
  }
  if (status === 429) return refusal("Throttled", "TooManyRequests", operation, { ...details, waitMs });
  if (facts.timedOut) {
    return new OperatorError("Timeout", { ...details, publicMessage: `AWS ${operation} timed out.`, ambiguous: true });
  }
  if (facts.aborted) {
    return new OperatorError("Aborted", {
      ...details,
      publicMessage: `AWS ${operation} was stopped.`,
      ambiguous: true,
    });
  }
  if (status === undefined) {
    return new OperatorError("Unavailable", {
      publicMessage: `AWS ${operation} got no answer.`,
      ambiguous: !isNeverSent(facts.systemCode),
      hostFault: isNeverSent(facts.systemCode) && operation !== TRIES_A_KEY,
    });
  }
  if (status >= 500) {
    return new OperatorError("Unavailable", {
      ...details,
      publicMessage: `AWS ${operation} failed at the server (${status}).`,
      retryAfterMs: waitMs,
      ambiguous: true,
    });
  }
  if (seen.garbage === true || status < 400 || facts.code === "") {
    return new OperatorError("Unavailable", {
      ...details,
      publicMessage: `AWS ${operation} got an answer that is not from AWS (${status}).`,
      ambiguous: true,
    });
  }
  return new OperatorError(status === 401 || status === 403 ? "PermissionDenied" : "Unknown", {
    ...details,
    publicMessage: `AWS ${operation} was refused (${status}).`,
    serverCode: facts.code,
  });
};

const refusal = (
  code: FailureCode,
  serverCode: string,
  operation: string,
  details: { status: number | undefined; requestId: string | undefined; waitMs: number | undefined },
): OperatorError =>
  new OperatorError(code, {
    publicMessage: `AWS ${operation} was refused: ${serverCode}.`,
    serverCode,
    status: details.status,
    requestId: details.requestId,
    retryAfterMs: details.waitMs,
    ambiguous: code === "Unavailable",
  });

interface ErrorFacts {
  readonly name: string;
  /** The AWS code in plain form, "" when there is none worth the name. */
  readonly code: string;
  readonly systemCode: string;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly timedOut: boolean;
  readonly aborted: boolean;
}

const factsOf = (thrown: unknown): ErrorFacts => {
  const error = (typeof thrown === "object" && thrown !== null ? thrown : {}) as {
    readonly name?: unknown;
    readonly Code?: unknown;
    readonly code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: unknown; readonly requestId?: unknown };
  };
  const name = plain(error.name);
  const systemCode = plain(error.code);
  const code = CODES[plain(error.Code)] === undefined ? name.replace(/(?<=.)Exception$/, "") : plain(error.Code);
  const status = error.$metadata?.httpStatusCode;
  return {
    name,
    code: CODES[name] !== undefined && CODES[code] === undefined ? name : code,
    systemCode,
    status: typeof status === "number" ? status : undefined,
    requestId: plain(error.$metadata?.requestId) || undefined,
    // The SDK calls a reset connection a time-out as well.
    timedOut: systemCode === "ETIMEDOUT" || (name === "TimeoutError" && !CUT.has(systemCode)),
    aborted: name === "AbortError",
  };
};

const inTheWayOf = (thrown: unknown): string | undefined => {
  const message = thrown instanceof Error ? thrown.message : "";
  return IN_THE_WAY.find(([words]) => words.test(message))?.[1];
};

/** A short word without surprises, or "". */
const plain = (value: unknown): string => (typeof value === "string" && /^[\w.-]{1,64}$/.test(value) ? value : "");
