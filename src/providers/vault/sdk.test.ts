import assert from "node:assert/strict";
import { createServer, request as httpRequest, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { OperatorError } from "../../kernel/errors.ts";
import { openVault, type VaultSession } from "./sdk.ts";

interface Got {
  readonly method: string;
  readonly url: string;
  readonly token: string | undefined;
  readonly namespace: string | undefined;
  readonly body: string;
}

describe("Vault's door, against a server that speaks badly", () => {
  const signal = new AbortController().signal;
  const place = { mount: "kv", path: "keyturn/payments/aws" };
  let server: Server;
  let port: number;
  let session: VaultSession;
  let got: Got[];
  let answer: (response: ServerResponse) => void;

  const open = (namespace?: string) =>
    openVault({
      address: new URL(`http://127.0.0.1:${port}`),
      caBundle: undefined,
      namespace,
      request: httpRequest,
    });
  const send = (status: number, body: unknown, headers: Record<string, string> = {}) => {
    answer = (response) =>
      response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body));
  };
  const rejects = (promise: Promise<unknown>, code: string, ambiguous = false) =>
    assert.rejects(promise, (error) => {
      assert.ok(error instanceof OperatorError, String(error));
      assert.deepEqual([error.code, error.ambiguous], [code, ambiguous], error.publicMessage);
      assert.equal(JSON.stringify([error.publicMessage, error.stack, Object.entries(error)]).includes("canary"), false);
      return true;
    });

  beforeEach(async () => {
    got = [];
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const header = (name: string) => request.headers[name] as string | undefined;
        const { method = "", url = "" } = request;
        got.push({ method, url, token: header("x-vault-token"), namespace: header("x-vault-namespace"), body });
        answer(response);
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    port = (server.address() as AddressInfo).port;
    session = open().session("hvs.token");
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });

  it("logs in by JWT", async () => {
    send(200, { auth: { client_token: "hvs.x", lease_duration: 60 } });
    const login = await open("team-a").loginJwt({ mount: "jwt", role: "keyturn", jwt: "ey.canary" }, signal);
    assert.deepEqual(login, { token: "hvs.x", leaseMs: 60_000 });
    assert.deepEqual(got[0], {
      ...{ method: "POST", url: "/v1/auth/jwt/login", token: undefined, namespace: "team-a" },
      body: '{"role":"keyturn","jwt":"ey.canary"}',
    });
  });

  it("calls a refused login Unauthenticated, by 400 as by 403", async () => {
    for (const status of [400, 403]) {
      send(status, { errors: ["error validating token: canary"] });
      await rejects(open().loginJwt({ mount: "jwt", role: "r", jwt: "ey.canary" }, signal), "Unauthenticated");
    }
  });

  it("writes data under check-and-set with the token in its header", async () => {
    send(200, { data: { version: 4 } });
    assert.equal(await session.writeData(place, { a: "canary" }, 3, signal), 4);
    assert.deepEqual(
      [got[0]?.method, got[0]?.url, got[0]?.token],
      ["POST", "/v1/kv/data/keyturn/payments/aws", "hvs.token"],
    );
    assert.deepEqual(JSON.parse(got[0]?.body ?? ""), { data: { a: "canary" }, options: { cas: 3 } });
  });

  it("calls a check-and-set mismatch Conflict", async () => {
    send(400, { errors: ["check-and-set parameter did not match the current version"] });
    await rejects(session.writeData(place, { a: "canary" }, 3, signal), "Conflict");
  });

  it("reads metadata, and knows deleted, destroyed and empty paths", async () => {
    const metadata = (version: object | undefined) => ({
      data: {
        current_version: version ? 2 : 0,
        versions: version ? { 2: version } : {},
        custom_metadata: { k: "v", n: 1 },
      },
    });
    send(200, metadata({ deletion_time: "", destroyed: false }));
    assert.deepEqual(await session.readMetadata(place, signal), {
      currentVersion: 2,
      currentIsDeleted: false,
      custom: { k: "v" },
    });
    send(200, metadata({ deletion_time: "2026-01-01T00:00:00Z", destroyed: false }));
    assert.equal((await session.readMetadata(place, signal))?.currentIsDeleted, true);
    send(200, metadata({ deletion_time: "", destroyed: true }));
    assert.equal((await session.readMetadata(place, signal))?.currentIsDeleted, true);
    send(200, metadata(undefined));
    assert.deepEqual(await session.readMetadata(place, signal), {
      currentVersion: 0,
      currentIsDeleted: false,
      custom: { k: "v" },
    });
  });

  it("tells an absent path from an absent mount", async () => {
    send(404, { errors: [] });
    assert.equal(await session.readMetadata(place, signal), undefined);
    send(404, { errors: ['no handler for route "kv/metadata/canary"'] });
    await rejects(session.readMetadata(place, signal), "NotFound");
  });

  it("takes a deleted version for no data", async () => {
    send(404, { data: { data: null, metadata: { version: 2, deletion_time: "x" } } });
    assert.equal(await session.readData(place, signal), undefined);
  });

  const statuses: readonly [number, string, boolean][] = [
    [401, "Unauthenticated", false],
    [403, "PermissionDenied", false],
    [412, "Unavailable", false],
    [429, "Throttled", false],
    [472, "Unavailable", true],
    [473, "Unavailable", true],
    [500, "Unavailable", true],
    [503, "Unavailable", true],
  ];
  for (const [status, code, ambiguous] of statuses) {
    it(`calls ${status} ${code}`, async () => {
      send(status, { errors: ["canary"] });
      await rejects(session.writeData(place, { a: "canary" }, 0, signal), code, ambiguous);
    });
  }

  it("keeps Retry-After", async () => {
    send(429, { errors: ["x"] }, { "retry-after": "9" });
    await assert.rejects(
      session.readData(place, signal),
      (error) => error instanceof OperatorError && error.retryAfterMs === 9000,
    );
  });

  it("does not take rubbish for an answer", async () => {
    for (const [status, body] of [
      [200, "<html>canary</html>"],
      [200, ""],
      [200, '{"data": {"ver'],
      [200, "{}"],
      [404, "<html>canary</html>"],
      [400, "{}"],
    ] as const) {
      send(status, body);
      await rejects(session.writeData(place, { a: "x" }, 0, signal), "Unavailable", true);
    }
    send(404, "<html>canary</html>");
    await rejects(session.readMetadata(place, signal), "Unavailable", true);
  });

  it("follows no redirect and sends its token nowhere else", async () => {
    send(307, "", { location: "http://127.0.0.1:1/v1/kv/data/x" });
    await rejects(session.readData(place, signal), "Unavailable", true);
    assert.equal(got.length, 1);
  });

  it("bounds what it reads", async () => {
    send(200, JSON.stringify({ data: "x".repeat(3 * 1024 * 1024) }));
    await rejects(session.readData(place, signal), "Unavailable", true);
  });

  describe("of a list", () => {
    const many = Array.from(
      { length: 120_000 },
      (_, index) => `${index % 3 === 0 ? "keyturn.team" : "other"}.é-${index}`,
    );
    /** As Vault answers: what is told of each key comes with it. */
    const vaultList = (keys: readonly string[], warnings: unknown = null) => ({
      request_id: "r",
      data: { key_info: Object.fromEntries(keys.map((key) => [key, { aliases: [{ name: key }] }])), keys },
      warnings,
      auth: null,
    });
    const failsWith = (words: RegExp) => (error: unknown) =>
      error instanceof OperatorError && error.code === "Unavailable" && words.test(error.publicMessage);

    it("reads 120,000 names, far beyond what it reads of other answers, and keeps those with the prefix", async () => {
      const text = JSON.stringify(vaultList(many));
      assert.ok(text.length > 8 * 1024 * 1024);
      send(200, text);
      assert.deepEqual(
        await session.identity.listEntities("keyturn.", signal),
        many.filter((name) => name.startsWith("keyturn.")),
      );
      assert.deepEqual(await session.identity.listEntities("", signal), many);
      assert.deepEqual([got[0]?.method, got[0]?.url], ["GET", "/v1/identity/entity/name?list=true"]);
    });

    it("takes no list that breaks off, is no JSON, is no text or comes with a warning for the whole of it", async () => {
      const text = JSON.stringify(vaultList(many.slice(0, 2000)));
      const list = () => session.identity.listEntities("keyturn.", signal);
      for (const end of [text.length - 1, text.length - 20, text.length >> 1, 1, 0]) {
        // Whole by HTTP, cut within: a proxy that gave up.
        send(200, text.slice(0, end));
        await assert.rejects(list(), failsWith(/^Vault list of entities got no good answer\.$/));
      }
      for (const cutBy of ["length", "chunk"]) {
        answer = (response) => {
          const headers = cutBy === "length" ? { "content-length": text.length + 1000 } : {};
          response.writeHead(200, headers).write(text, () => setTimeout(() => response.destroy(), 10));
        };
        await assert.rejects(list(), failsWith(/got no good answer/), cutBy);
      }
      answer = (response) => response.writeHead(200).end(Buffer.from('{"data":{"keys":["\xff"]}}', "latin1"));
      await assert.rejects(list(), failsWith(/got no good answer/));
      send(200, "<html>canary</html>");
      await rejects(list(), "Unavailable", true);
      send(200, vaultList(many, ["canary: partial response due to timeout"]));
      await rejects(list(), "Unavailable");
      await assert.rejects(list(), failsWith(/came with a warning, so it may not be whole/));
      send(200, { data: { key_info: {} } });
      await assert.rejects(list(), failsWith(/lacks what was asked for/));
    });

    it("counts names up to a million and says so", async () => {
      send(200, `{"data":{"keys":["a"${',"a"'.repeat(1_000_000)}]}}`);
      await assert.rejects(session.identity.listEntities("", signal), failsWith(/more than 1000000 names/));
    });

    it("hears a refusal and an absence as of other calls", async () => {
      send(403, { errors: ["1 error occurred: canary"] });
      await rejects(session.identity.listEntities("", signal), "PermissionDenied");
      send(404, { errors: [] });
      assert.deepEqual(await session.identity.listEntities("", signal), []);
      send(404, { errors: [], data: "x".repeat(3 * 1024 * 1024) });
      await assert.rejects(session.identity.listEntities("", signal), failsWith(/more than 2097152 bytes/));
    });
  });

  it("calls a cut answer Unavailable and an aborted pass Aborted", async () => {
    answer = (response) => {
      response.writeHead(200, { "content-length": "100" }).write("{");
      setTimeout(() => response.destroy(), 10);
    };
    await rejects(session.readData(place, signal), "Unavailable", true);
    const controller = new AbortController();
    answer = () => controller.abort();
    await rejects(session.readData(place, controller.signal), "Aborted", true);
  });

  it("ignores the environment's token, address, namespace and proxies, and prints nothing", async () => {
    const before = { ...process.env };
    Object.assign(process.env, {
      VAULT_TOKEN: "canary",
      VAULT_ADDR: "http://127.0.0.1:1",
      VAULT_NAMESPACE: "canary",
      VAULT_PREFIX: "/canary",
      HTTP_PROXY: "http://127.0.0.1:1",
      http_proxy: "http://127.0.0.1:1",
    });
    try {
      send(200, { auth: { client_token: "hvs.x", lease_duration: 0 } });
      await open().loginJwt({ mount: "jwt", role: "r", jwt: "j" }, signal);
      assert.deepEqual([got[0]?.url, got[0]?.token, got[0]?.namespace], ["/v1/auth/jwt/login", undefined, undefined]);
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
    }
  });

  it("refuses a path that is not of plain segments, and sends nothing", async () => {
    for (const path of ["keyturn/../sys", "a%2fb", "a//b", "A", ""]) {
      await rejects(session.deleteEverything({ mount: "kv", path }, signal), "InvalidSpec");
    }
    assert.equal(got.length, 0);
  });

  it("takes the deletion of what is absent for success", async () => {
    send(404, { errors: [] });
    await session.deleteEverything(place, signal);
    answer = (response) => response.writeHead(204).end();
    await session.deleteLatest(place, signal);
    assert.deepEqual(
      got.map(({ method, url }) => `${method} ${url}`),
      ["DELETE /v1/kv/metadata/keyturn/payments/aws", "DELETE /v1/kv/data/keyturn/payments/aws"],
    );
  });
});
