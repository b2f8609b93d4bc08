import type { Server } from "node:http";

/**
 * Closes a server and every connection to it. A connection that is just being made is none yet when the others are closed, and would
 * then be waited for as long as its client likes; so it is said again until it is so.
 */
export async function closeAtOnce(server: Pick<Server, "close" | "closeAllConnections">): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  const again = setInterval(() => {
    server.closeAllConnections();
  }, 50);
  server.closeAllConnections();
  await closed;
  clearInterval(again);
}
