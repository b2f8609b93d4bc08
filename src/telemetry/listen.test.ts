import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { createServer } from "node:http";
import { addressOf, listen } from "./listen.ts";

/** A machine that lets some hosts be bound; of others it says why not. */
class FakeServer extends EventEmitter {
  readonly tried: string[] = [];
  readonly #codes: Readonly<Record<string, string>>;

  constructor(codes: Readonly<Record<string, string>>) {
    super();
    this.#codes = codes;
  }

  listen(_port: number, host: string, listening: () => void): this {
    this.tried.push(host);
    const code = this.#codes[host];
    queueMicrotask(() => {
      if (code === undefined) listening();
      else this.emit("error", Object.assign(new Error(code), { code }));
    });
    return this;
  }

  address(): { readonly port: number } {
    return { port: 4711 };
  }
}

const tried = async (host: string, codes: Readonly<Record<string, string>>): Promise<readonly string[]> => {
  const server = new FakeServer(codes);
  await listen(server as unknown as Parameters<typeof listen>[0], { host, port: 0 }).catch((error: unknown) => {
    server.tried.push(String((error as { readonly code?: string }).code));
  });
  return server.tried;
};

describe("an address", () => {
  it("is a host and a port, with an IPv6 host in brackets", () => {
    assert.deepEqual(addressOf("[::]:8080"), { host: "::", port: 8080 });
    assert.deepEqual(addressOf("127.0.0.1:0"), { host: "127.0.0.1", port: 0 });
    assert.deepEqual(addressOf(":80"), { host: "", port: 80 });
  });

  it("of every IPv6 address is every IPv4 address where that family is missing, and nothing else falls back", async () => {
    for (const code of ["EAFNOSUPPORT", "EADDRNOTAVAIL"])
      assert.deepEqual(await tried("::", { "::": code }), ["::", "0.0.0.0"]);
    assert.deepEqual(await tried("", { "::": "EAFNOSUPPORT" }), ["::", "0.0.0.0"]);
    assert.deepEqual(await tried("::", {}), ["::"]);
    assert.deepEqual(await tried("::", { "::": "EADDRINUSE" }), ["::", "EADDRINUSE"]);
    assert.deepEqual(await tried("fd00::1", { "fd00::1": "EADDRNOTAVAIL" }), ["fd00::1", "EADDRNOTAVAIL"]);
  });

  it("of both families answers over IPv4", async () => {
    const server = createServer((_, response) => response.end("here"));
    try {
      const port = await listen(server, addressOf("[::]:0"));
      assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "here");
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
