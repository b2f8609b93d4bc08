import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";
import { systemClock } from "../kernel/clock.ts";
import { KubernetesClient, type KubernetesClientOptions } from "./kubernetes-client.ts";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export type Answer = (request: SeenRequest, response: ServerResponse) => void;

/**
 * A kube-apiserver that says what a test tells it to: one function answers every request. Requests are kept in order.
 * Plain HTTP on loopback.
 */
export class FakeApiServer {
  readonly requests: SeenRequest[] = [];
  answer: Answer;
  readonly #server: Server;

  private constructor(answer: Answer) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      void readBody(request).then((body) => {
        const url = new URL(request.url ?? "/", "http://fake");
        const { method = "", headers } = request;
        const seen = { method, path: url.pathname, query: url.searchParams, headers, body };
        this.requests.push(seen);
        this.answer(seen, response);
      });
    });
  }

  static async start(answer: Answer): Promise<FakeApiServer> {
    const fake = new FakeApiServer(answer);
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  /** A kubeconfig that leads here, with a token. */
  config(): KubeConfig {
    const { port } = this.#server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: "fake", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: "operator", token: "sesame" },
    );
    return config;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}

const readBody = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
};

/** A server with this answer, and a client that asks it; both are closed behind `run`. */
export const withServer = async (
  answer: Answer,
  run: (client: KubernetesClient, server: FakeApiServer) => Promise<void>,
  options: Partial<Pick<KubernetesClientOptions, "deadlineMs" | "largestPageBytes" | "largestObjectBytes">> = {},
): Promise<void> => {
  const server = await FakeApiServer.start(answer);
  const given = { deadlineMs: 2000, ...options };
  const client = new KubernetesClient({ config: server.config(), clock: systemClock, version: "1", ...given });
  try {
    await run(client, server);
  } finally {
    await client.close();
    await server.stop();
  }
};

export const sendJson = (response: ServerResponse, status: number, body: unknown, headers = {}): void => {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(body));
};

/** A Status object as kube-apiserver answers it. */
export const statusObject = (code: number, reason: string): unknown => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  message: `the server's own words with a secret-value for ${reason}`,
  reason,
  code,
});

/**
 * Answers a list as kube-apiserver does, from a snapshot: `limit` objects a page, the rest from the token of `continue`, which goes
 * on behind the last object whatever the limit now is. Like it, refuses (400) a limit that is no whole number, a token that it
 * did not give, one together with a resourceVersion, and one with another selection than it was given for.
 */
export const listAnswer =
  (items: readonly object[], resourceVersion: string): Answer =>
  ({ path, query, headers }, response) => {
    const refuse = (): void => sendJson(response, 400, statusObject(400, "BadRequest"));
    const limit = query.get("limit") ?? "0";
    if (!/^-?\d{1,18}$/.test(limit)) return refuse();
    const selection = [path, query.get("labelSelector"), query.get("fieldSelector")];
    const token = query.get("continue");
    const start = token === null ? 0 : startOf(token, { selection, resourceVersion });
    if (start === undefined || (token !== null && (query.get("resourceVersion") ?? "") !== "")) return refuse();
    const most = Number(limit);
    // No limit, and one below zero, mean all.
    const end = most > 0 ? Math.min(start + most, items.length) : items.length;
    const next = Buffer.from(JSON.stringify({ start: end, selection, resourceVersion })).toString("base64url");
    const more = end < items.length ? { continue: next, remainingItemCount: items.length - end } : {};
    const page = items.slice(start, end) as readonly { readonly metadata: unknown }[];
    const namesOnly = headers.accept?.includes("as=PartialObjectMetadataList") === true;
    const shown = namesOnly ? page.map(({ metadata }) => ({ metadata })) : page;
    sendJson(response, 200, { metadata: { resourceVersion, ...more }, items: shown });
  };

/** Where a token goes on; undefined when it was not given for this list. */
const startOf = (
  token: string,
  list: { readonly selection: readonly (string | null)[]; readonly resourceVersion: string },
): number | undefined => {
  try {
    const { start, ...of } = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as { start: number };
    return JSON.stringify(of) === JSON.stringify(list) ? start : undefined;
  } catch {
    return undefined;
  }
};
