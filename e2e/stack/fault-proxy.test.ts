import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createAuthority } from "./certificates.ts";
import { classify, startFaultProxy, templateOf } from "./fault-proxy.ts";
import type { FaultProxy, ServerKind } from "./fault-proxy.ts";
import { httpClient, lines } from "./http.ts";
import type { HttpClient } from "./http.ts";
import { sleep, waitFor } from "./wait.ts";

describe("templateOf", () => {
  const cases: [ServerKind, string, string][] = [
    ["kubernetes", "/api/v1/namespaces/a/secrets/b", "/api/v1/namespaces/{namespace}/secrets/{name}"],
    ["kubernetes", "/api/v1/namespaces/a/secrets", "/api/v1/namespaces/{namespace}/secrets"],
    ["kubernetes", "/api/v1/namespaces/a", "/api/v1/namespaces/{name}"],
    ["kubernetes", "/api/v1/namespaces/a/status", "/api/v1/namespaces/{name}/status"],
    [
      "kubernetes",
      "/apis/keyturn.dev/v1alpha1/namespaces/a/secretrotations/b/status",
      "/apis/keyturn.dev/v1alpha1/namespaces/{namespace}/secretrotations/{name}/status",
    ],
    [
      "kubernetes",
      "/apis/keyturn.dev/v1alpha1/providerconnections/x",
      "/apis/keyturn.dev/v1alpha1/providerconnections/{name}",
    ],
    ["kubernetes", "/readyz", "/readyz"],
    ["vault", "/v1/kv/data/team/app", "/v1/kv/data/{path}"],
    ["vault", "/v1/kv/metadata/x", "/v1/kv/metadata/{path}"],
    ["vault", "/v1/auth/jwt/login", "/v1/auth/jwt/login"],
    ["vault", "/v1/auth/jwt/role/keyturn.a.b.c", "/v1/auth/jwt/role/{name}"],
    ["vault", "/v1/auth/approle/role/keyturn.a.b.c/role-id", "/v1/auth/approle/role/{name}/role-id"],
    ["vault", "/v1/identity/entity/name/keyturn.a.b.c", "/v1/identity/entity/name/{name}"],
    ["vault", "/v1/identity/entity-alias", "/v1/identity/entity-alias"],
    ["vault", "/v1/identity/entity-alias/id/1-2", "/v1/identity/entity-alias/id/{name}"],
    ["aws", "/", "/"],
  ];
  for (const [server, path, template] of cases)
    it(`${server} ${path}`, () => {
      equal(templateOf(server, path), template);
    });
});

describe("classify", () => {
  const kind = (server: ServerKind, method: string, path: string, body = ""): string => {
    const { verb, kind: is, mutating } = classify(server, method, path, body);
    return `${verb} ${is}${mutating ? " mutating" : ""}`;
  };
  it("tells writes from what only looks like one", () => {
    equal(kind("kubernetes", "GET", "/api/v1/pods?watch=true"), "WATCH watch");
    equal(kind("kubernetes", "PATCH", "/api/v1/namespaces/a/secrets/b"), "PATCH write mutating");
    equal(kind("kubernetes", "PUT", "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"), "PUT lease");
    equal(kind("kubernetes", "POST", "/apis/events.k8s.io/v1/namespaces/a/events"), "POST event");
    equal(kind("kubernetes", "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews"), "POST review");
    equal(kind("kubernetes", "POST", "/api/v1/namespaces/a/serviceaccounts/b/token"), "POST token");
    equal(kind("kubernetes", "POST", "/apis/keyturn.dev/v1alpha1/namespaces/a/x?dryRun=All"), "POST review");
    equal(kind("vault", "POST", "/v1/identity/lookup/entity"), "POST read");
    equal(kind("vault", "POST", "/v1/auth/approle/role/a/secret-id-accessor/lookup"), "POST read");
    equal(kind("vault", "POST", "/v1/identity/entity/name/a"), "POST write mutating");
    equal(kind("vault", "POST", "/v1/auth/jwt/login"), "POST login mutating");
    equal(kind("vault", "POST", "/v1/auth/token/renew-self"), "POST token");
    equal(kind("vault", "PUT", "/v1/kv/data/x"), "PUT write mutating");
    equal(kind("vault", "GET", "/v1/kv/metadata/x?list=true"), "LIST read");
    equal(kind("aws", "POST", "/", "Action=CreateAccessKey&Version=1"), "CreateAccessKey write mutating");
    equal(kind("aws", "POST", "/", "Action=GetCallerIdentity"), "GetCallerIdentity read");
    equal(kind("aws", "POST", "/", "Action=AssumeRole"), "AssumeRole read");
  });
});

describe("the fault proxy", () => {
  const authority = createAuthority();
  let upstream: Server;
  let proxy: FaultProxy;
  let client: HttpClient;
  let received: string[] = [];
  let answerWith: (request: IncomingMessage, response: ServerResponse) => void;
  let value = 0;

  const start = async (server: ServerKind): Promise<void> => {
    const { port } = upstream.address() as AddressInfo;
    proxy = await startFaultProxy({ server, upstream: { url: `http://127.0.0.1:${port}` }, authority });
    client = httpClient(proxy.url, authority.pem);
  };
  const get = (path = "/api/v1/namespaces/a/secrets/b") => client.call({ method: "GET", path });
  const put = (path = "/api/v1/namespaces/a/secrets/b") => client.call({ method: "PUT", path, body: "{}" });

  beforeEach(async () => {
    received = [];
    value = 0;
    answerWith = (_, response) => response.end(`value ${value}`);
    upstream = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        received.push(`${request.method ?? ""} ${request.url ?? ""} ${body}`.trim());
        answerWith(request, response);
      });
    });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
    await start("kubernetes");
  });
  afterEach(async () => {
    client.close();
    await proxy.stop();
    upstream.closeAllConnections();
    await new Promise((resolve) => upstream.close(resolve));
  });

  it("passes requests on with their Host header, and records them", async () => {
    answerWith = (request, response) => response.end(request.headers.host);
    equal((await get()).body, new URL(proxy.url).host);
    await put();
    await put();
    deepEqual(
      proxy.calls().map(({ n, verb, ordinal, occurrence, status }) => ({ n, verb, ordinal, occurrence, status })),
      [
        { n: 1, verb: "GET", ordinal: undefined, occurrence: 1, status: 200 },
        { n: 2, verb: "PUT", ordinal: 1, occurrence: 1, status: 200 },
        { n: 3, verb: "PUT", ordinal: 2, occurrence: 2, status: 200 },
      ],
    );
    equal(proxy.counts().mutating, 2);
    equal(proxy.counts().byKind.read, 1);
    proxy.resetCounters();
    equal(proxy.counts().total, 0);
  });

  it("kills before the request is sent on", async () => {
    let killed = 0;
    const rule = proxy.add({
      name: "k",
      match: { ordinal: 2 },
      action: { do: "kill", point: "beforeSend", kill: () => (killed += 1) },
    });
    await put();
    await rejects(put());
    deepEqual([killed, rule.hits(), received.length], [1, 1, 1]);
    equal((await rule.firstHit).n, 2);
    equal((await put()).status, 200);
  });

  it("kills when the server has answered and nobody has heard it", async () => {
    let receivedThen = -1;
    const kill = (): void => void (receivedThen = received.length);
    proxy.add({ name: "k", match: { verb: "PUT", occurrence: 1 }, action: { do: "kill", point: "answerLost", kill } });
    await rejects(put());
    equal(receivedThen, 1);
  });

  it("kills when the answer has been delivered", async () => {
    let killed = false;
    const big = "x".repeat(1_000_000);
    answerWith = (_, response) => response.end(big);
    proxy.add({
      name: "k",
      match: { mutating: true },
      action: { do: "kill", point: "answerDelivered", kill: () => (killed = true) },
    });
    equal((await put()).body.length, big.length);
    await waitFor("the kill", () => killed, { every: 1 });
  });

  it("delays, cuts, hangs and repeats", async () => {
    const began = performance.now();
    proxy.add({ name: "d", match: { verb: "GET" }, action: { do: "delay", ms: 60 } });
    await get();
    ok(performance.now() - began >= 55);
    for (const point of ["beforeSend", "answerLost", "midAnswer"] as const) {
      proxy.add({ name: point, match: { verb: "GET" }, action: { do: "cut", point } });
      await rejects(get());
    }
    equal(received.length, 3);
    proxy.add({ name: "h", match: { verb: "GET" }, action: { do: "hang", point: "beforeSend" } });
    await rejects(client.call({ method: "GET", path: "/x", timeout: 50 }), { name: "AbortError" });
    equal(received.length, 3);
    proxy.add({ name: "r", match: { verb: "PUT" }, action: { do: "repeat", times: 2 } });
    equal((await put()).status, 200);
    equal(received.length, 6);
  });

  it("answers errors in the server's words, as often as it is told", async () => {
    const rule = proxy.add({
      name: "e",
      match: { mutating: true },
      times: 2,
      action: { do: "answer", status: 429, headers: { "retry-after": "1" } },
    });
    const first = await put();
    deepEqual([first.status, first.headers["retry-after"]], [429, "1"]);
    equal((JSON.parse(first.body) as { reason: string }).reason, "TooManyRequests");
    equal((await put()).status, 429);
    equal((await put()).status, 200);
    deepEqual([rule.hits(), received.length], [2, 1]);
  });

  it("serves stale answers, where it has any", async () => {
    const rule = proxy.add({ name: "s", match: { verb: "GET" }, times: 2, action: { do: "stale", back: 1 } });
    equal((await get()).body, "value 0");
    equal(rule.hits(), 0);
    value = 1;
    equal((await get()).body, "value 1");
    equal((await get()).body, "value 0");
    rule.remove();
    await sleep(40);
    value = 2;
    equal((await get()).body, "value 2");
    proxy.add({ name: "t", match: { verb: "GET" }, action: { do: "stale", olderThanMs: 30 } });
    equal((await get()).body, "value 1");
    equal((await get()).body, "value 2");
  });

  it("streams watches, drops events and closes them in the middle of a line", async () => {
    let send: (name: string) => void = () => undefined;
    answerWith = (_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      send = (name) => response.write(`{"type":"ADDED","object":{"metadata":{"name":"${name}"}}}\n`);
      send("first");
    };
    const seen: string[] = [];
    const path = "/api/v1/namespaces/a/secrets?watch=true";
    const reading = (async () => {
      for await (const line of lines(await client.open({ method: "GET", path })))
        seen.push((JSON.parse(line) as { object: { metadata: { name: string } } }).object.metadata.name);
    })();
    await waitFor("the first event", () => seen.length === 1, { every: 1 });
    const drop = proxy.add({
      name: "drop",
      match: { kind: "watch" },
      action: { do: "dropEvent", event: ({ object }) => object.metadata?.name === "second" },
    });
    send("second");
    send("third");
    await waitFor("the third event", () => seen.length === 2, { every: 1 });
    deepEqual([seen, drop.hits()], [["first", "third"], 1]);
    proxy.add({ name: "half", match: { kind: "watch" }, action: { do: "closeWatch", half: true } });
    send("fourth");
    await rejects(reading);
    deepEqual(seen, ["first", "third"]);

    const again = client.open({ method: "GET", path });
    const rest = (async () => {
      for await (const line of lines(await again)) seen.push(line);
    })();
    await waitFor("the new watch", () => seen.length === 3, { every: 1 });
    equal(proxy.closeWatches(), 1);
    await rejects(rest);
  });

  it("refuses new keys for a while, on both addresses, and counts only the operator's calls", async () => {
    client.close();
    await proxy.stop();
    await start("aws");
    const workload = httpClient(proxy.workloadUrl, authority.pem);
    answerWith = (_, response) =>
      response.end(
        "<CreateAccessKeyResponse><CreateAccessKeyResult><AccessKey><AccessKeyId>AKIANEW</AccessKeyId></AccessKey></CreateAccessKeyResult></CreateAccessKeyResponse>",
      );
    proxy.refuseNewKeysFor(150);
    const call = (by: HttpClient, key: string, action: string) =>
      by.call({
        method: "POST",
        path: "/",
        headers: {
          authorization: `AWS4-HMAC-SHA256 Credential=${key}/20260101/us-east-1/sts/aws4_request, SignedHeaders=host, Signature=0`,
        },
        body: `Action=${action}`,
      });
    equal((await call(client, "AKIAOLD", "CreateAccessKey")).status, 200);
    const refused = await call(workload, "AKIANEW", "GetCallerIdentity");
    deepEqual([refused.status, /<Code>(.*?)</.exec(refused.body)?.[1]], [403, "InvalidClientTokenId"]);
    equal((await call(client, "AKIANEW", "GetCallerIdentity")).status, 403);
    equal((await call(workload, "AKIAOLD", "GetCallerIdentity")).status, 200);
    await sleep(160);
    equal((await call(workload, "AKIANEW", "GetCallerIdentity")).status, 200);
    deepEqual(
      proxy.calls().map(({ verb, mutating }) => [verb, mutating]),
      [
        ["CreateAccessKey", true],
        ["GetCallerIdentity", false],
      ],
    );
    workload.close();
  });

  it("ends the connection when the server is away", async () => {
    upstream.closeAllConnections();
    await new Promise((resolve) => upstream.close(resolve));
    await rejects(get(), { code: "ECONNRESET" });
    await new Promise<void>((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  });
});
