import { OperatorError, type FailureCode } from "../../kernel/errors.ts";
import { AnswerTooLong } from "../bounded-answer.ts";
import { TooManyNames } from "./name-list.ts";
import { codeOf, isCertificateFault, isNeverSent } from "../connection-faults.ts";
import { retryAfterMs } from "../retry-after.ts";

/** What was seen of an answer that is not a success. `errors`: Vault's own list, undefined when the body was not Vault's JSON. */
export interface VaultAnswer {
  readonly status: number;
  readonly errors: readonly string[] | undefined;
  readonly retryAfter?: string | undefined;
  readonly date?: string | undefined;
}

/** In `serverCode`: the path is absent (Vault's 404 with no words), in contrast to a mount that is. */
export const ABSENT = "absent";

export const LOGIN = "login";

const SEALED_OR_STANDBY = new Set([472, 473, 501, 503]);

/** A refusal or failure by its status. Vault's own words are read for two distinctions and never repeated. */
export const vaultError = (answer: VaultAnswer, operation: string): OperatorError => {
  const { status, errors } = answer;
  const error = (
    code: FailureCode,
    what: string,
    more: { ambiguous?: boolean; hostFault?: boolean; serverCode?: string } = {},
  ) =>
    new OperatorError(code, {
      publicMessage: `Vault ${operation} ${what}.`,
      status,
      retryAfterMs: retryAfterMs(answer.retryAfter, Date.parse(answer.date ?? "")),
      ...more,
    });
  // Standby answers 429 on health checks; a real rate limit also answers 429 and has Retry-After. Both only mean: later.
  if (status === 429) return error("Throttled", "was throttled", { hostFault: true });
  if (SEALED_OR_STANDBY.has(status))
    return error("Unavailable", "found Vault sealed or on standby", { ambiguous: true, hostFault: true });
  if (status >= 500) return error("Unavailable", `failed at the server (${status})`, { ambiguous: true });
  if (errors === undefined || status < 400) {
    return error("Unavailable", `got an answer that is not from Vault (${status})`, { ambiguous: true });
  }
  if (status === 400 && errors.some((words) => words.includes("check-and-set"))) {
    return error("Conflict", "was refused: the path has another version than expected");
  }
  // The operator's own login: a wrong role, audience or key set is the platform's affair, never a fault of a tenant's spec.
  if (operation === LOGIN && [400, 401, 403].includes(status)) return error("Unauthenticated", "was refused");
  if (status === 400) return error("InvalidSpec", hintOf(errors));
  if (status === 401) return error("Unauthenticated", "was refused: no valid token");
  if (status === 403) return error("PermissionDenied", "was refused: permission denied");
  if (status === 404) {
    return errors.length === 0
      ? error("NotFound", "found nothing", { serverCode: ABSENT })
      : error("NotFound", "found no such mount or role");
  }
  // The server has not yet caught up with what this token has written: nothing was done.
  if (status === 412) return error("Unavailable", "was too early for this server (412)");
  return error("Unknown", `was refused (${status})`);
};

/** What people need to know of a refusal, in our words: Vault's own are never shown, for they may repeat what was sent. */
const hintOf = (errors: readonly string[]): string => {
  const known = HINTS.find(([words]) => errors.some((text) => words.test(text)));
  return known?.[1] ?? "was refused as malformed";
};

const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /common_name field is required/,
    "was refused: the role wants a common name (name one, or set require_cn=false on the role)",
  ],
  [/not allowed by this role/, "was refused: the role does not allow a name that was asked for"],
  [/unknown role/, "was refused: there is no such role"],
  [/role requires (keys of type|a minimum)/, "was refused: the role wants another kind of key"],
];

/** No answer, or none that could be read: time-out, cut connection, bad certificate, rubbish. */
export const vaultUnreachable = (thrown: unknown, operation: string): OperatorError => {
  if (thrown instanceof OperatorError) return thrown;
  const { name } = (typeof thrown === "object" && thrown !== null ? thrown : {}) as { name?: unknown };
  const code = codeOf(thrown);
  if (name === "TimeoutError") {
    return new OperatorError("Timeout", { publicMessage: `Vault ${operation} timed out.`, ambiguous: true });
  }
  if (name === "AbortError") {
    return new OperatorError("Aborted", { publicMessage: `Vault ${operation} was stopped.`, ambiguous: true });
  }
  if (thrown instanceof AnswerTooLong) {
    return new OperatorError("Unavailable", {
      publicMessage: `Vault ${operation} got an answer of more than ${thrown.longest} bytes, which is all that is read.`,
      ambiguous: true,
    });
  }
  if (thrown instanceof TooManyNames) {
    return new OperatorError("Unavailable", {
      publicMessage: `Vault ${operation} got more than ${thrown.most} names, which is all that is read.`,
      ambiguous: true,
    });
  }
  const certificate = isCertificateFault(code);
  const unsent = certificate || isNeverSent(code);
  return new OperatorError("Unavailable", {
    publicMessage: certificate
      ? `Vault ${operation} was not sent: the server's certificate is not trusted.`
      : `Vault ${operation} got no good answer.`,
    ambiguous: !unsent,
    hostFault: unsent,
  });
};
