import { createServer } from "node:net";

const given = new Set<number>();

/**
 * A TCP port that is free on loopback now and that nobody else in this process has been given. It lies below the range from
 * which systems take the local ports of outgoing connections: a server that restarts finds its port free again.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = 15000 + Math.floor(Math.random() * 17000);
    if (!given.has(port) && (await canBind(port))) {
      given.add(port);
      return port;
    }
  }
  throw new Error("no free port on 127.0.0.1 between 15000 and 32000");
}

function canBind(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => {
      resolve(false);
    });
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
