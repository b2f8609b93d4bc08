import { Agent, request } from "node:https";
import type { IncomingMessage } from "node:http";

/** One HTTPS call over a kept-alive connection. */
export interface HttpCall {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for the whole call; default 30 s. */
  readonly timeout?: number;
}

/** The whole answer, whatever its status. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A client for one server that trusts one CA. */
export interface HttpClient {
  readonly url: string;
  call(call: HttpCall): Promise<HttpAnswer>;
  /** The answer as it comes; the caller reads or destroys it. */
  open(call: HttpCall): Promise<IncomingMessage>;
  close(): void;
}

/** `url` is the base (https://127.0.0.1:PORT); `ca` the PEM of the CA to trust. */
export function httpClient(url: string, ca: string): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 64, ca });
  const { hostname, port } = new URL(url);
  const open = (call: HttpCall, timeout?: number): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const headers: Record<string, string> = { ...call.headers };
      if (call.body !== undefined) headers["content-length"] = String(Buffer.byteLength(call.body));
      const signal = timeout === undefined ? {} : { signal: AbortSignal.timeout(timeout) };
      const sent = request({ hostname, port, agent, method: call.method, path: call.path, headers, ...signal });
      sent.on("error", reject);
      sent.on("response", resolve);
      sent.end(call.body);
    });
  return {
    url,
    open,
    async call(call) {
      const answer = await open(call, call.timeout ?? 30_000);
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk as Buffer);
      return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(chunks).toString("utf8") };
    },
    close() {
      agent.destroy();
    },
  };
}

/**
 * The lines of an answer, without empty ones and without a last one that is not ended. Unlike readline it ends with an error
 * when the connection is cut or the stream destroyed.
 */
export async function* lines(answer: AsyncIterable<unknown>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of answer) {
    const parts = (rest + decoder.decode(chunk as Buffer, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part !== "") yield part;
  }
}
