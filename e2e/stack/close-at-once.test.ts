import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:net";
import { closeAtOnce } from "./close-at-once.ts";
import { sleep } from "./wait.ts";

describe("closing a server at once", () => {
  it("does not wait for a connection that is kept open", async () => {
    const server = createServer((_, response) => void response.end("ok"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => undefined);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n");
    await new Promise((resolve) => socket.once("data", resolve));
    await Promise.race([closeAtOnce(server), sleep(3000).then(() => Promise.reject(new Error("still waiting")))]);
    assert.equal(server.listening, false);
    socket.destroy();
  });

  it("closes connections that come up after it was asked to", async () => {
    let asked = 0;
    let told: (error?: Error) => void = () => undefined;
    const server = {
      close: (callback?: (error?: Error) => void) => {
        told = callback ?? told;
        return server as never;
      },
      closeAllConnections: () => {
        asked += 1;
        // The first time there is one that is none yet.
        if (asked === 3) told();
      },
    };
    await closeAtOnce(server);
    assert.equal(asked, 3);
  });
});
