import { OperatorError } from "../../kernel/errors.ts";
import { awsError, type SeenAnswer } from "./errors.ts";

/** What keeps every call of the SDK within bounds. Nothing here knows the SDK; sdk.ts and identity/sdk.ts are its doors. */

export const CALL_MS = 10_000;
const LONGEST_ANSWER = 256 * 1024;
export const MOST_PAGES = 20;

/** The answer has more bytes than are read; a page of a list may be asked for again with fewer members. */
export class AnswerTooLong extends OperatorError {
  constructor(operation: string) {
    super("Unavailable", {
      publicMessage: `AWS ${operation} answered with more than ${LONGEST_ANSWER / 1024} KiB, which is not read.`,
      ambiguous: true,
    });
  }
}

/** Innermost in the deserialize step: it sees the answer before anything has been parsed, at every attempt. */
export const GUARD_PLACE = { step: "deserialize", priority: "low", name: "keyturnGuard" } as const;

type Handled<Answer> = (args: { readonly request: unknown; readonly input: never }) => Promise<Answer>;

export interface Guard {
  readonly seen: { -readonly [key in keyof SeenAnswer]: SeenAnswer[key] };
  readonly sending: { readonly abortSignal: AbortSignal };
  readonly middleware: <Next extends Handled<{ readonly response: unknown }>>(next: Next) => Next;
}

/** Runs one call under its deadline with its answer guarded; gives the answer with the server's time, or an OperatorError. */
export const ask = async <Answer>(
  operation: string,
  signal: AbortSignal,
  send: (guard: Guard) => Promise<Answer>,
): Promise<{ readonly answer: Answer; readonly time: Date | undefined }> => {
  const deadline = AbortSignal.timeout(CALL_MS);
  const either = AbortSignal.any([signal, deadline]);
  const seen: Guard["seen"] = {};
  const middleware: Guard["middleware"] = (next) => {
    const guarded = async (args: Parameters<typeof next>[0]) => {
      const result = await next(args);
      await judge(result.response, operation, seen, either);
      return result;
    };
    return guarded as typeof next;
  };
  try {
    const answer = await send({ seen, sending: { abortSignal: either }, middleware });
    return { answer, time: dateOf(seen.date) };
  } catch (error) {
    if (deadline.aborted && !(error instanceof OperatorError)) {
      throw awsError(Object.assign(new Error(), { name: "TimeoutError" }), operation);
    }
    throw awsError(error, operation, seen);
  }
};

interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  body: unknown;
}

/**
 * Reads the whole answer, bounded in size and time, and asks it to be one of AWS's: a 2xx must name the action that was called
 * (else an empty or foreign 200 would pass for a done DeleteAccessKey), a 4xx must hold an error code (else a stray 404 page
 * would pass for NoSuchEntity). 5xx goes on as it is: the SDK may repeat a read.
 */
const judge = async (response: unknown, operation: string, seen: Guard["seen"], signal: AbortSignal): Promise<void> => {
  const answer = response as HttpAnswer;
  seen.status = answer.statusCode;
  seen.date = answer.headers["date"];
  seen.retryAfter = answer.headers["retry-after"];
  const body = await readAll(answer.body, signal);
  if (body === undefined) {
    seen.garbage = true;
    throw new AnswerTooLong(operation);
  }
  if (answer.statusCode < 300) seen.garbage = !body.includes(`<${operation}Response`);
  else seen.garbage = answer.statusCode < 400 || (answer.statusCode < 500 && !body.includes("<Code>"));
  if (seen.garbage) throw awsError(undefined, operation, seen);
  answer.body = body;
};

/** Undefined when it is longer than any answer of IAM or STS. */
const readAll = async (body: unknown, signal: AbortSignal): Promise<Buffer | undefined> => {
  const chunks: Buffer[] = [];
  let length = 0;
  const stream = body as AsyncIterable<Buffer> & { destroy(error?: Error): void };
  const stop = (): void => stream.destroy(Object.assign(new Error(), { name: "AbortError" }));
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of stream) {
      length += chunk.length;
      if (length > LONGEST_ANSWER) return undefined;
      chunks.push(chunk);
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return Buffer.concat(chunks);
};

export const dateOf = (header: string | undefined): Date | undefined => {
  const at = Date.parse(header ?? "");
  return Number.isNaN(at) ? undefined : new Date(at);
};

export const odd = (operation: string): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: `AWS ${operation} got an answer that lacks what was asked for.`,
    ambiguous: true,
  });
