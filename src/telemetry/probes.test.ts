import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { request } from "node:http";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { startProbes, type Probes, type ProbesOptions } from "./probes.ts";
import type { Render } from "./shared-render.ts";

const withProbes = async (
  overrides: Partial<ProbesOptions>,
  run: (fetchPath: (path: string, method?: string) => Promise<Response>, probes: Probes) => Promise<void>,
): Promise<void> => {
  const probes = await startProbes({
    host: "127.0.0.1",
    port: 0,
    clock: new FakeClock(),
    log: silentLogger,
    unhealthy: () => [],
    missing: () => [],
    openMetrics: () => undefined,
    ...overrides,
  });
  try {
    await run((path, method = "GET") => fetch(`http://127.0.0.1:${probes.port}${path}`, { method }), probes);
  } finally {
    await probes.close();
  }
};

/** As a kubelet asks: on a connection of its own, for a second. */
const statusOf = (port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: "/healthz", agent: false, signal: AbortSignal.timeout(1000) };
    request(options, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });

describe("probes", () => {
  it("answer 200 when nothing is missing", async () => {
    await withProbes({}, async (get) => {
      assert.equal((await get("/healthz")).status, 200);
      assert.equal((await get("/readyz?verbose")).status, 200);
      assert.equal((await get("/healthz", "HEAD")).status, 200);
    });
  });

  it("answer 503 with the list of what is missing, each for itself", async () => {
    await withProbes({ missing: () => ["rotations", "connections"] }, async (get) => {
      assert.equal((await get("/healthz")).status, 200);
      const ready = await get("/readyz");
      assert.equal(ready.status, 503);
      assert.deepEqual(await ready.json(), { missing: ["rotations", "connections"] });
    });
    await withProbes({ unhealthy: () => ["watch loops"] }, async (get) => {
      assert.equal((await get("/healthz")).status, 503);
      assert.equal((await get("/readyz")).status, 200);
    });
  });

  it("serve no metrics unless they are open to everybody", async () => {
    await withProbes({}, async (get) => {
      assert.equal((await get("/metrics")).status, 404);
    });
    const pieces = [Buffer.from("m 1"), Buffer.from("\n")];
    const render: Render = () => Promise.resolve({ contentType: "text/plain; version=0.0.4", pieces, bytes: 4 });
    await withProbes({ openMetrics: () => render }, async (get) => {
      const answer = await get("/metrics");
      assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4");
      assert.equal(await answer.text(), "m 1\n");
    });
  });

  it("refuse other methods and paths with nothing more to say, and survive a failure inside", async () => {
    const failing = { openMetrics: () => () => Promise.reject(new Error("secret text")) };
    await withProbes(failing, async (get) => {
      const post = await get("/healthz", "POST");
      assert.equal(post.status, 405);
      assert.equal(post.headers.get("allow"), "GET, HEAD");
      const other = await get("/");
      assert.deepEqual([other.status, await other.text()], [404, ""]);
      const broken = await get("/metrics");
      assert.equal(broken.status, 500);
      assert.equal(await broken.text(), "");
      assert.equal((await get("/healthz")).status, 200);
    });
  });

  it("end their connection with the answer", async () => {
    await withProbes({}, async (get) => {
      for (const path of ["/healthz", "/readyz", "/"])
        assert.equal((await get(path)).headers.get("connection"), "close");
    });
  });

  for (const mob of ["127.0.0.2", "127.0.0.1"])
    it(`answer while 120 sockets of ${mob} are held and opened again`, async () => {
      await withProbes({}, async (_get, { port }) => {
        const held = new Set<Socket>();
        let over = false;
        const hold = (index: number): void => {
          if (over) return;
          const socket = connect({ host: "127.0.0.1", port, localAddress: mob });
          held.add(socket);
          if (index % 2 === 0) socket.on("connect", () => socket.write("GET /healthz HTTP/1.1\r\nX-Slow: "));
          socket.on("error", () => undefined);
          socket.on("close", () => {
            held.delete(socket);
            setTimeout(() => hold(index), 100);
          });
        };
        for (let index = 0; index < 120; index += 1) hold(index);
        for (let i = 0; i < 20; i += 1) {
          await new Promise((resolve) => setTimeout(resolve, 25));
          assert.equal(await statusOf(port), 200);
        }
        over = true;
        for (const socket of held) socket.destroy();
      });
    });

  it("end a connection whose head does not come in five seconds", async () => {
    const clock = new FakeClock();
    await withProbes({ clock }, async (_get, { port }) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.on("error", () => undefined);
      const closed = new Promise((resolve) => socket.on("close", resolve));
      await new Promise((resolve) => socket.on("connect", resolve));
      socket.write("GET /healthz HTTP/1.1\r\nX-Slow: ");
      await new Promise((resolve) => setTimeout(resolve, 50));
      await clock.advance(5000);
      await closed;
    });
  });

  it("say so when the address is taken", async () => {
    await withProbes({}, async (_get, probes) => {
      await assert.rejects(
        withProbes({ port: probes.port }, async () => undefined),
        { code: "EADDRINUSE" },
      );
    });
  });
});
