import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import { Connections } from "./connections.ts";
import { answerOnce, pathOf, reads } from "./http-answer.ts";
import { listen, type Address } from "./listen.ts";
import { answerMetrics } from "./metrics-answer.ts";
import type { Render } from "./shared-render.ts";

export interface ProbesOptions extends Address {
  readonly clock: Clock;
  readonly log: Logger;
  /** What keeps the process from being alive (watch loops that were never started); empty is good. */
  readonly unhealthy: () => readonly string[];
  /** What keeps it from being ready (informers without a first list); empty is good. */
  readonly missing: () => readonly string[];
  /** Metrics for anybody, where `metrics.auth` is None; undefined where they are not served here. */
  readonly openMetrics: () => Render | undefined;
}

export interface Probes {
  readonly port: number;
  close(): Promise<void>;
}

const REQUEST_MS = 5000;
const LIMITS = { perAddress: 32, total: 128, headMs: REQUEST_MS, idleMs: REQUEST_MS, answerMs: 30_000 };
const LARGEST_HEADER_BYTES = 8192;

/**
 * Serves /healthz and /readyz, one request on each connection. That an answer comes at all shows that the event loop turns. Rejects when
 * the address cannot be bound.
 */
export const startProbes = async (options: ProbesOptions): Promise<Probes> => {
  const connections = new Connections(options.clock, LIMITS);
  const server = createServer(
    { maxHeaderSize: LARGEST_HEADER_BYTES, headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
    (request, response) => void answer(options, connections, request, response),
  );
  server.on("connection", (socket) => {
    connections.admit(socket);
  });
  const port = await listen(server, options);
  server.on("error", (error) => options.log.error("Probe server failed.", { error }));
  return {
    port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      connections.closeAll();
      await closed;
    },
  };
};

const answer = async (
  options: ProbesOptions,
  connections: Connections,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  try {
    if (reads(request, response)) await route(options, connections, request, response);
  } catch (thrown) {
    options.log.error("Probe could not be answered.", { error: thrown });
    if (!response.headersSent) answerOnce(response, 500);
  }
};

const route = async (
  { unhealthy, missing, openMetrics }: ProbesOptions,
  connections: Connections,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> => {
  switch (pathOf(request)) {
    case "/healthz":
      answerMissing(response, unhealthy());
      return;
    case "/readyz":
      answerMissing(response, missing());
      return;
    case "/metrics": {
      const render = openMetrics();
      if (render === undefined) break;
      connections.answering(request.socket);
      response.setHeader("Connection", "close");
      await answerMetrics(request, response, render);
      return;
    }
    default:
  }
  answerOnce(response, 404);
};

const answerMissing = (response: ServerResponse, missing: readonly string[]): void =>
  answerOnce(response, missing.length === 0 ? 200 : 503, {
    type: "application/json",
    body: `${JSON.stringify({ missing })}\n`,
  });
