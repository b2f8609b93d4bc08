import { request, type Dispatcher } from "undici";
import type { Clock } from "../kernel/clock.ts";
import { currentTurn } from "../kernel/current-turn.ts";
import { PlacesByTurn } from "../kernel/places-by-turn.ts";
import {
  errorOfAnswer,
  errorOfConnection,
  errorOfDeadline,
  errorOfLength,
  errorOfRubbish,
  type Asked,
} from "./api-errors.ts";
import type { Endpoint, Use } from "./endpoint.ts";
import type { ServerClock } from "./server-clock.ts";

export interface Call extends Asked {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Begins with /api or /apis; already encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** Without one: application/json. */
  readonly accept?: string;
  readonly maxBytes: number;
  /** Told the length of an answer that was read whole. */
  readonly onLength?: (bytes: number) => void;
}

/** A watch that is open. `chunks` ends when the server ends it and throws OperatorError when it breaks. */
export interface OpenStream {
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface TransportOptions {
  readonly endpoint: Endpoint;
  readonly clock: Clock;
  readonly serverClock: ServerClock;
  readonly userAgent: string;
  /** From the first byte out to the last byte in. */
  readonly deadlineMs: number;
}

/** One for all calls: without a reason each abort makes an error with a stack, which nobody reads. */
const ENDED = new Error("The call has ended.");
/** At a time: more would only wait for the event loop and for kube-apiserver, and hold up those whose turn it is. */
const CALLS_OF_PASSES = { places: 16, forEnds: 4, beside: 2 } as const;
const LEASES = "/apis/coordination.k8s.io/";
const LARGEST_ERROR_BYTES = 256 * 1024;

/** HTTP to kube-apiserver: deadline, bounded answer, no redirects, OperatorError for everything that is no good JSON answer. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #places: PlacesByTurn;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#places = new PlacesByTurn({ clock: options.clock, ...CALLS_OF_PASSES });
  }

  /** The parsed JSON object of a 2xx answer; of a pass, in its turn. Throws OperatorError and nothing else. */
  call(call: Call): Promise<Readonly<Record<string, unknown>>> {
    const turn = currentTurn();
    return turn === undefined ? this.#call(call) : this.#places.run(turn, () => this.#call(call));
  }

  async #call(call: Call): Promise<Readonly<Record<string, unknown>>> {
    const stop = new AbortController();
    const cancel = this.#options.clock.schedule(this.#options.deadlineMs, () => stop.abort());
    try {
      return await this.#exchange(call, stop.signal);
    } catch (thrown) {
      throw stop.signal.aborted ? errorOfDeadline(call) : errorOfConnection(call, thrown);
    } finally {
      cancel();
      // Lets go of an answer that was not read to its end.
      stop.abort(ENDED);
    }
  }

  /** Opens a watch. Throws OperatorError when it is not answered well within the deadline; the signal ends it at any time. */
  async stream(call: Omit<Call, "maxBytes" | "method">, signal: AbortSignal): Promise<OpenStream> {
    const stop = new AbortController();
    const cancel = this.#options.clock.schedule(this.#options.deadlineMs, () => stop.abort());
    const both = AbortSignal.any([signal, stop.signal]);
    try {
      const answer = await this.#send({ ...call, method: "GET", maxBytes: LARGEST_ERROR_BYTES }, both, "watches");
      if (answer.statusCode !== 200) throw await this.#refusal(call, answer);
      return { chunks: guarded(call, answer.body) };
    } catch (thrown) {
      throw stop.signal.aborted ? errorOfDeadline(call) : errorOfConnection(call, thrown);
    } finally {
      cancel();
    }
  }

  async #exchange(call: Call, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
    const answer = await this.#send(call, signal, call.path.startsWith(LEASES) ? "lease" : "requests");
    if (answer.statusCode < 200 || answer.statusCode > 299) throw await this.#refusal(call, answer);
    const text = await readBounded(answer.body, call.maxBytes);
    if (text === undefined) throw errorOfLength(call, answer.statusCode);
    call.onLength?.(text.length);
    return parseObject(call, text, answer.statusCode);
  }

  async #refusal(asked: Asked, answer: Dispatcher.ResponseData): Promise<Error> {
    if (answer.statusCode === 401) this.#options.endpoint.forgetLogin();
    const text = await readBounded(answer.body, LARGEST_ERROR_BYTES);
    return errorOfAnswer(asked, {
      status: answer.statusCode,
      text: text ?? "",
      retryAfter: single(answer.headers["retry-after"]),
    });
  }

  async #send(call: Call, signal: AbortSignal, use: Use): Promise<Dispatcher.ResponseData> {
    const { endpoint, userAgent, serverClock } = this.#options;
    const { dispatcher, headers } = await endpoint.connect(use);
    const query = new URLSearchParams(call.query).toString();
    const url = `${endpoint.origin}${endpoint.prefix}${call.path}${query === "" ? "" : `?${query}`}`;
    const answer = await request(url, {
      dispatcher,
      method: call.method,
      signal,
      // Deadlines are the clock's: undici's own timers would cut a quiet watch.
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        ...headers,
        "User-Agent": userAgent,
        Accept: call.accept ?? "application/json",
        ...(call.body !== undefined && { "Content-Type": call.contentType ?? "application/json" }),
      },
      ...(call.body !== undefined && { body: JSON.stringify(call.body) }),
    });
    serverClock.observe(single(answer.headers["date"]));
    return answer;
  }
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

/** Undefined when it is longer than allowed. */
const readBounded = async (body: AsyncIterable<unknown>, maxBytes: number): Promise<string | undefined> => {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    length += chunk.byteLength;
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
};

const parseObject = (call: Call, text: string, status: number): Readonly<Record<string, unknown>> => {
  if (text === "") throw errorOfRubbish(call, "answered nothing", status);
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw errorOfRubbish(call, "answered with something that is no JSON", status);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw errorOfRubbish(call, "answered with something that is no object", status);
  }
  return parsed as Readonly<Record<string, unknown>>;
};

async function* guarded(asked: Asked, body: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body as AsyncIterable<Uint8Array>) yield chunk;
  } catch (thrown) {
    throw errorOfConnection(asked, thrown);
  }
}
