import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Logger } from "../kernel/logger.ts";

export interface ProbesOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Logger;
  /** What keeps the process from being alive (watch loops that were never started); empty is good. */
  readonly unhealthy: () => readonly string[];
  /** What keeps it from being ready (informers without a first list); empty is good. */
  readonly missing: () => readonly string[];
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface Probes {
  readonly port: number;
  close(): Promise<void>;
}

const MOST_CONNECTIONS = 64;
const REQUEST_MS = 5000;
const LARGEST_HEADER_BYTES = 8192;

/**
 * Serves /healthz, /readyz and /metrics. That an answer comes at all shows that the event loop turns. Rejects when the
 * address cannot be bound.
 */
export const startProbes = async (options: ProbesOptions): Promise<Probes> => {
  const server = createServer(
    { maxHeaderSize: LARGEST_HEADER_BYTES, headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS },
    (request, response) => void answer(options, request, response),
  );
  server.maxConnections = MOST_CONNECTIONS;
  await listen(server, options);
  server.on("error", (error) => options.log.error("Probe server failed.", { error }));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
};

const listen = (server: Server, options: ProbesOptions): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });

const answer = async (options: ProbesOptions, request: IncomingMessage, response: ServerResponse): Promise<void> => {
  try {
    if (request.method !== "GET" && request.method !== "HEAD") {
      // A body that nobody reads would keep the connection.
      send(response, 405, "text/plain", "Only GET and HEAD.\n", { Allow: "GET, HEAD", Connection: "close" });
      return;
    }
    await route(options, request.url?.split("?")[0] ?? "", response);
  } catch (thrown) {
    options.log.error("Probe could not be answered.", { error: thrown });
    if (!response.headersSent) send(response, 500, "text/plain", "Internal error.\n");
  }
};

const route = async (options: ProbesOptions, path: string, response: ServerResponse): Promise<void> => {
  switch (path) {
    case "/healthz":
      sendMissing(response, options.unhealthy());
      return;
    case "/readyz":
      sendMissing(response, options.missing());
      return;
    case "/metrics": {
      const { contentType, text } = await options.metrics();
      send(response, 200, contentType, text);
      return;
    }
    default:
      send(response, 404, "text/plain", "Not found.\n");
  }
};

const sendMissing = (response: ServerResponse, missing: readonly string[]): void =>
  send(response, missing.length === 0 ? 200 : 503, "application/json", `${JSON.stringify({ missing })}\n`);

/** To HEAD, Node sends the head alone. */
const send = (response: ServerResponse, status: number, type: string, body: string, headers = {}): void => {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body), ...headers });
  response.end(body);
};
