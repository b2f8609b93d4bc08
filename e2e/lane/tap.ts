import { createServer } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { closeAtOnce } from "../stack/close-at-once.ts";

/** A relay behind a fault proxy that notes every credential value that a server hands out, also to those who never get it. */
export interface Tap {
  readonly url: string;
  stop(): Promise<void>;
}

const issued = [
  /<SecretAccessKey>([^<]+)</g,
  /<SessionToken>([^<]+)</g,
  /"client_token":"([^"]+)"/g,
  /"secret_id":"([^"]+)"/g,
];

/** Plain HTTP on loopback in, TLS out. `note` is called with each value. */
export async function startTap(upstream: { url: string; ca: string }, note: (value: string) => void): Promise<Tap> {
  const { hostname, port } = new URL(upstream.url);
  const agent = new Agent({ keepAlive: true, timeout: 20_000, ca: upstream.ca });
  const server = createServer((incoming, response) => {
    const { method = "GET", url: path = "/", headers } = incoming;
    const sent = request({ hostname, port, agent, method, path, headers: { ...headers, connection: "keep-alive" } });
    sent.on("error", () => response.destroy());
    sent.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", () => response.destroy());
      answer.on("end", () => {
        const body = Buffer.concat(chunks);
        const text = body.toString("latin1");
        for (const pattern of issued) for (const [, value] of text.matchAll(pattern)) if (value) note(value);
        response.end(body);
      });
    });
    incoming.pipe(sent);
  });
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      await closeAtOnce(server);
      agent.destroy();
    },
  };
}
