import assert from "node:assert/strict";
import { request } from "node:https";
import { connect as connectPlain, type Socket } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { metricsServer, type MetricsServer, type MetricsServerOptions } from "./metrics-server.ts";
import { ownCertificate } from "./own-certificate.ts";
import type { Verdict } from "./scrape-review.ts";

const BIG = Buffer.alloc(65_536, "x");

interface Bench {
  readonly clock: FakeClock;
  readonly server: MetricsServer;
  readonly port: number;
  readonly asked: (readonly [string | undefined, string])[];
  readonly get: (
    path?: string,
    more?: { readonly method?: string; readonly token?: string; readonly from?: string },
  ) => Promise<{
    readonly status: number | undefined;
    readonly headers: Readonly<Record<string, unknown>>;
    readonly body: string;
  }>;
}

const withServer = async (
  more: Partial<MetricsServerOptions> & { readonly verdict?: Verdict },
  run: (bench: Bench) => Promise<void>,
): Promise<void> => {
  const clock = new FakeClock();
  const asked: (readonly [string | undefined, string])[] = [];
  const { verdict = "Allowed", ...others } = more;
  const server = metricsServer({
    ...{ clock, host: "127.0.0.1", port: 0, log: silentLogger },
    render: () =>
      Promise.resolve({ contentType: "text/plain; version=0.0.4", pieces: [Buffer.from("m 1\n")], bytes: 4 }),
    judge: (header, address) => {
      asked.push([header, address]);
      return Promise.resolve(verdict);
    },
    ...others,
  });
  server.use(await ownCertificate("a", new Date()));
  const port = await server.listen();
  const get: Bench["get"] = (path = "/metrics", { method = "GET", token, from = "127.0.0.1" } = {}) =>
    new Promise((resolve, reject) => {
      const made = request(
        {
          ...{ host: "127.0.0.1", port, path, method, localAddress: from, agent: false, rejectUnauthorized: false },
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        },
        (response) => {
          let body = "";
          response.on("data", (piece: Buffer) => (body += piece.toString()));
          response.on("end", () => resolve({ status: response.statusCode, headers: response.headers, body }));
        },
      );
      made.on("error", reject);
      made.end();
    });
  try {
    await run({ clock, server, port, asked, get });
  } finally {
    await server.close();
  }
};

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.once("close", () => resolve());
    socket.on("error", () => undefined);
  });
const opened = (port: number, localAddress: string): Promise<Socket> =>
  new Promise((resolve) => {
    const socket = connectPlain({ host: "127.0.0.1", port, localAddress }, () => resolve(socket));
  });
const handshaken = (port: number): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => resolve(socket));
    socket.once("error", reject);
  });
const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));

describe("the metrics server", () => {
  it("answers over TLS who may read, and asks with the header and the address", async () => {
    await withServer({}, async ({ get, asked }) => {
      const { status, headers, body } = await get("/metrics", { token: "t", from: "127.0.0.5" });
      assert.deepEqual([status, body, headers["content-type"]], [200, "m 1\n", "text/plain; version=0.0.4"]);
      assert.equal(headers["content-length"], "4");
      assert.deepEqual(asked, [["Bearer t", "127.0.0.5"]]);
      assert.deepEqual((await get("/metrics", { method: "HEAD" })).body, "");
      assert.equal((await get("/metrics?x=1")).status, 200);
    });
  });

  const refused: readonly (readonly [Verdict, number])[] = [
    ["Unauthenticated", 401],
    ["Forbidden", 403],
    ["Unavailable", 503],
  ];
  for (const [verdict, expected] of refused)
    it(`says ${expected} and nothing else to a caller that is ${verdict}, on every path and by every method`, async () => {
      const render = () => Promise.reject(new Error("it is rendered"));
      await withServer({ verdict, render }, async ({ get }) => {
        for (const [path, method] of [
          ["/metrics", "GET"],
          ["/healthz", "GET"],
          ["/metrics", "POST"],
        ] as const) {
          const { status, body, headers } = await get(path, { method });
          assert.deepEqual([status, body, headers["connection"]], [expected, "", "close"]);
        }
      });
    });

  it("has nothing but the metrics, and reads alone", async () => {
    await withServer({}, async ({ get }) => {
      assert.equal((await get("/healthz")).status, 404);
      const posted = await get("/metrics", { method: "POST" });
      assert.deepEqual([posted.status, posted.headers["allow"]], [405, "GET, HEAD"]);
    });
  });

  it("says nothing of a failure inside, and goes on", async () => {
    const failing = { render: () => Promise.reject(new Error("secret text")) };
    await withServer(failing, async ({ get }) => {
      const { status, body } = await get();
      assert.deepEqual([status, body], [500, ""]);
      assert.equal((await get()).status, 500);
    });
  });

  it("answers no plain HTTP", async () => {
    await withServer({}, async ({ port }) => {
      await assert.rejects(fetch(`http://127.0.0.1:${port}/metrics`));
    });
  });

  it("serves a new certificate to new handshakes while connections go on", async () => {
    await withServer({}, async ({ port, server }) => {
      const before = await handshaken(port);
      const first = before.getPeerCertificate().fingerprint256;
      server.use(await ownCertificate("b", new Date()));
      const after = await handshaken(port);
      assert.deepEqual(
        [before, after].map((socket) => socket.getPeerCertificate().subject.CN),
        ["a", "b"],
      );
      assert.notEqual(after.getPeerCertificate().fingerprint256, first);
      before.write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
      const answered = await new Promise<string>((resolve) =>
        before.once("data", (data: Buffer) => resolve(data.toString())),
      );
      assert.match(answered, /^HTTP\/1.1 200/);
      assert.throws(() => server.use({ key: "no key", cert: "no certificate" }));
      assert.equal((await handshaken(port)).getPeerCertificate().subject.CN, "b");
      [before, after].forEach((socket) => socket.destroy());
    });
  });

  it("ends who holds a socket without a handshake, or drips a head", async () => {
    await withServer({}, async ({ port, clock }) => {
      const [silent, dripping] = [await opened(port, "127.0.0.2"), await handshaken(port)];
      dripping.write("GET /metrics HTTP/1.1\r\nX-Slow: ");
      const both = Promise.all([closed(silent), closed(dripping)]);
      await later();
      await clock.advance(2500);
      dripping.write("y");
      await clock.advance(2500);
      await both;
    });
  });

  it("keeps a reader's connection for a minute between two scrapes, and no longer", async () => {
    await withServer({}, async ({ port, clock }) => {
      const socket = await handshaken(port);
      const over = closed(socket);
      const scrape = (): Promise<string> =>
        new Promise((resolve, reject) => {
          socket.once("data", (data: Buffer) => resolve(data.toString()));
          socket.once("close", () => reject(new Error("closed")));
          socket.write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        });
      for (let i = 0; i < 3; i += 1) {
        assert.match(await scrape(), /^HTTP\/1.1 200[^]*\r\n\r\nm 1\n$/);
        await later();
        await clock.advance(60_000);
      }
      assert.equal(socket.destroyed, false);
      await clock.advance(15_000);
      await over;
    });
  });

  it("answers a reader while 120 sockets of another address are held", async () => {
    await withServer({}, async ({ port, get }) => {
      const held = await Promise.all(Array.from({ length: 120 }, () => opened(port, "127.0.0.2")));
      held.forEach((socket) => socket.on("error", () => undefined));
      for (let i = 0; i < 5; i += 1) assert.equal((await get("/metrics", { from: "127.0.0.3" })).status, 200);
      held.forEach((socket) => socket.destroy());
    });
  });

  it("streams long metrics as fast as they are read, and gives up a reader that does not read", async () => {
    const pieces = Array.from({ length: 512 }, () => BIG);
    const render = () => Promise.resolve({ contentType: "text/plain", pieces, bytes: 512 * BIG.length });
    await withServer({ render }, async ({ port, get, clock }) => {
      assert.equal((await get()).body.length, 512 * BIG.length);
      const stuck = await handshaken(port);
      stuck.pause();
      stuck.write("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
      await later();
      await clock.advance(30_000);
      await later();
      stuck.resume();
      let read = 0;
      stuck.on("data", (data: Buffer) => (read += data.length));
      // Resumed in time it gets on; a minute after it began its connection ends.
      const over = closed(stuck);
      stuck.pause();
      await clock.advance(30_000);
      stuck.resume();
      await over;
      assert.ok(read < 512 * BIG.length);
    });
  });
});
