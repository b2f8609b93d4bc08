import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import { Connections } from "./connections.ts";
import { answerOnce, pathOf, reads } from "./http-answer.ts";
import { listen, type Address } from "./listen.ts";
import { answerMetrics } from "./metrics-answer.ts";
import type { KeyAndCertificate } from "./own-certificate.ts";
import type { Verdict } from "./scrape-review.ts";
import type { Render } from "./shared-render.ts";

export interface MetricsServerOptions extends Address {
  readonly clock: Clock;
  readonly log: Logger;
  readonly render: Render;
  /** Says who may read, by the header Authorization and the remote address. */
  readonly judge: (authorization: string | undefined, address: string) => Promise<Verdict>;
}

export interface MetricsServer {
  /** Serves this certificate to the handshakes that come; throws where it and its key do not fit. Connections go on. */
  use(certificate: KeyAndCertificate): void;
  /** Binds, and resolves with the port. Rejects when the address cannot be bound, and may be called again then. */
  listen(): Promise<number>;
  close(): Promise<void>;
}

const REQUEST_MS = 5000;
/** A reader that asks once a minute keeps its connection. */
const IDLE_MS = 75_000;
const LIMITS = {
  ...{ perAddress: 64, total: 128, headMs: REQUEST_MS, idleMs: IDLE_MS, answerMs: 60_000 },
  // A reader keeps its connection. Handshakes of a flood would be the operator's whole time.
  rate: { perSecond: 5, burst: 64 },
};
/** A token with many claims is long. */
const LARGEST_HEADER_BYTES = 16_384;

/** /metrics over TLS, for who may read them. Nothing else is said without a token. */
export const metricsServer = (options: MetricsServerOptions): MetricsServer => {
  const { clock, log } = options;
  const connections = new Connections(clock, LIMITS);
  const server = createServer(
    {
      minVersion: "TLSv1.2",
      handshakeTimeout: REQUEST_MS,
      maxHeaderSize: LARGEST_HEADER_BYTES,
      headersTimeout: REQUEST_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: IDLE_MS,
    },
    (request, response) => void answer(options, connections, request, response),
  );
  server.on("connection", (socket) => {
    connections.admit(socket);
  });
  return {
    use: ({ key, cert }) => {
      server.setSecureContext({ key, cert, minVersion: "TLSv1.2" });
    },
    async listen() {
      const port = await listen(server, options);
      server.on("error", (error) => log.error("Metrics server failed.", { error }));
      return port;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      connections.closeAll();
      await closed;
    },
  };
};

const answer = async (
  { render, judge, log }: MetricsServerOptions,
  connections: Connections,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  try {
    const verdict = await judge(request.headers.authorization, request.socket.remoteAddress ?? "");
    if (verdict !== "Allowed") {
      const [status, headers] = REFUSALS[verdict];
      answerOnce(response, status, { headers });
      return;
    }
    if (!reads(request, response)) return;
    if (pathOf(request) !== "/metrics") {
      answerOnce(response, 404);
      return;
    }
    connections.answering(request.socket);
    response.once("finish", () => {
      connections.answered(request.socket);
    });
    await answerMetrics(request, response, render);
  } catch (thrown) {
    log.error("A scrape could not be answered.", { error: thrown });
    if (!response.headersSent) answerOnce(response, 500);
  }
};

const REFUSALS: Readonly<Record<Exclude<Verdict, "Allowed">, readonly [number, Record<string, string>]>> = {
  Unauthenticated: [401, { "WWW-Authenticate": "Bearer" }],
  Forbidden: [403, {}],
  Unavailable: [503, { "Retry-After": "5" }],
};
