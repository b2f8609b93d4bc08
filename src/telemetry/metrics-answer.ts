import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Render } from "./shared-render.ts";

/** Writes the metrics piece by piece, as fast as the reader takes them; the pieces are those of every other reader. */
export const answerMetrics = async (
  request: IncomingMessage,
  response: ServerResponse,
  render: Render,
): Promise<void> => {
  const { contentType, pieces, bytes } = await render();
  if (response.destroyed) return;
  response.writeHead(200, { "Content-Type": contentType, "Content-Length": bytes });
  if (request.method === "GET") {
    const gone = new AbortController();
    response.once("close", () => {
      gone.abort();
    });
    for (const piece of pieces) {
      if (gone.signal.aborted) return;
      // `drain` never comes from a connection that is closed.
      if (!response.write(piece)) await once(response, "drain", { signal: gone.signal }).catch(() => undefined);
    }
  }
  response.end();
};
