import { createHmac, randomUUID } from "node:crypto";
import { request, type Agent } from "node:https";
import { type Clock } from "../../kernel/clock.ts";
import { OperatorError, type FailureCode } from "../../kernel/errors.ts";
import { boundedAnswer, type BoundedAnswer } from "../bounded-answer.ts";
import { codeOf, isCertificateFault, isNeverSent } from "../connection-faults.ts";
import { agentFor, lookupFor } from "../endpoint.ts";
import { retryAfterMs } from "../retry-after.ts";
import type { HookEndpoint } from "./config.ts";

/** The contract that docs/reference/hook.md writes down. */
export const HOOK_CONTRACT = "keyturn.dev/hook/v1";

export type HookVerb = "create" | "set" | "test" | "finish";

const CALL_MS = 30_000;
const LONGEST_ANSWER = 256 * 1024;

/** One signed request: the JSON object of a 200, or an OperatorError without a word of the answer. */
export type HookCall = (
  verb: HookVerb,
  body: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
) => Promise<Readonly<Record<string, unknown>>>;

/** What the receiver checks before it does anything: the time, and that nobody has changed or repeated the request. */
export const signatureOf = (key: string, { timestamp, requestId, body }: SignedParts): string =>
  `v1=${createHmac("sha256", key).update(`${timestamp}.${requestId}.${body}`).digest("hex")}`;

export interface SignedParts {
  readonly timestamp: string;
  readonly requestId: string;
  readonly body: string;
}

export interface HookCallOptions {
  readonly config: HookEndpoint;
  readonly clock: Clock;
  readonly signingKey: () => Promise<string>;
}

/** Calls of one hook. No redirect is followed and no proxy of the environment is used. */
export const hookCalls = ({
  config,
  clock,
  signingKey,
}: HookCallOptions): { readonly call: HookCall; readonly close: () => void } => {
  const agent = agentFor({
    lookup: lookupFor({ privateAllowed: config.allowPrivateAddresses }),
    caBundle: config.caBundle,
  });
  return {
    async call(verb, members, signal) {
      const key = await signingKey();
      const body = JSON.stringify({ contract: HOOK_CONTRACT, verb, ...members });
      const parts = { timestamp: String(Math.floor(clock.now().getTime() / 1000)), requestId: randomUUID(), body };
      const headers = {
        "content-type": "application/json",
        "content-length": Buffer.byteLength(body),
        "keyturn-timestamp": parts.timestamp,
        "keyturn-request-id": parts.requestId,
        "keyturn-signature": signatureOf(key, parts),
      };
      const deadline = AbortSignal.timeout(CALL_MS);
      try {
        const both = AbortSignal.any([signal, deadline]);
        return answerOf(verb, await post(config.url, { headers, body, agent, signal: both }));
      } catch (thrown) {
        throw hookUnreachable(thrown, verb, { stopped: signal.aborted, late: deadline.aborted });
      }
    },
    close() {
      agent.destroy();
    },
  };
};

const post = (
  url: URL,
  { headers, body, agent, signal }: { headers: object; body: string; agent: Agent; signal: AbortSignal },
): Promise<BoundedAnswer> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", headers: { ...headers }, agent, signal }, (answer) => {
      boundedAnswer(sent, answer, LONGEST_ANSWER).then(resolve, reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });

/** By its status. */
export const answerOf = (
  verb: HookVerb,
  {
    status,
    headers,
    text,
  }: Pick<BoundedAnswer, "status" | "text"> & { readonly headers: { readonly "retry-after"?: string | undefined } },
): Readonly<Record<string, unknown>> => {
  if (status !== 200) throw refusal(verb, status, headers["retry-after"]);
  const body = parsed(text);
  if (body === undefined) throw hookAnswerOdd(verb);
  return body;
};

const parsed = (text: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
};

const REFUSALS: Readonly<Record<number, readonly [FailureCode, string]>> = {
  400: ["InvalidSpec", "was refused: what is asked for makes no sense to it (400)"],
  422: ["InvalidSpec", "was refused: what is asked for makes no sense to it (422)"],
  401: ["Unauthenticated", "was refused: it does not know the signature (401); compare the signing keys of both sides"],
  403: ["PermissionDenied", "was refused: this target is not for this resource (403)"],
  404: ["NotFound", "was refused: it knows no such target (404)"],
  409: ["Conflict", "was refused: it belongs to another resource (409)"],
  429: ["Throttled", "was throttled"],
};

const refusal = (verb: HookVerb, status: number, retryAfter: string | undefined): OperatorError => {
  if (status >= 300 && status < 400)
    return new OperatorError("Unavailable", {
      publicMessage: `The hook's ${verb} answered with a redirect (${status}), and redirects are not followed; name the final address in spec.hook.url.`,
      status,
    });
  const [code, what] = REFUSALS[status] ?? ["Unavailable", `failed at the hook (${status})`];
  return new OperatorError(code, {
    publicMessage: `The hook's ${verb} ${what}.`,
    status,
    retryAfterMs: retryAfterMs(retryAfter, NaN),
    ambiguous: code === "Unavailable",
  });
};

/** An answer that lacks what the contract asks for. */
export const hookAnswerOdd = (verb: HookVerb): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `The hook's ${verb} answered something that the contract does not know (docs/reference/hook.md).`,
    ambiguous: true,
  });

const hookUnreachable = (
  thrown: unknown,
  verb: HookVerb,
  { stopped, late }: { readonly stopped: boolean; readonly late: boolean },
): OperatorError => {
  if (thrown instanceof OperatorError) return thrown;
  if (late) return new OperatorError("Timeout", { publicMessage: `The hook's ${verb} timed out.`, ambiguous: true });
  if (stopped)
    return new OperatorError("Aborted", { publicMessage: `The hook's ${verb} was stopped.`, ambiguous: true });
  const code = codeOf(thrown);
  const certificate = isCertificateFault(code);
  const unsent = certificate || isNeverSent(code);
  return new OperatorError("Unavailable", {
    publicMessage: certificate
      ? `The hook's ${verb} was not sent: the server's certificate is not trusted.`
      : `The hook's ${verb} got no good answer.`,
    ambiguous: !unsent,
    hostFault: unsent,
  });
};
