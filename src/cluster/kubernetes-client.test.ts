import assert from "node:assert/strict";
import { systemClock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { FakeApiServer, sendJson, statusObject, withServer, type Answer } from "./fake-api-server.ts";
import { KubernetesClient } from "./kubernetes-client.ts";
import { leases, namespaces, secretRotations, secrets } from "./resources.ts";
import { wholeOf } from "../kernel/listed.ts";

const REF = { kind: secrets, namespace: "team-a", name: "db" };
const METADATA = { name: "db", namespace: "team-a", uid: "u1", resourceVersion: "7" };
const OBJECT = { apiVersion: "v1", kind: "Secret", metadata: METADATA };

const failure = async (call: Promise<unknown>): Promise<OperatorError> => {
  try {
    await call;
  } catch (thrown) {
    assert.ok(thrown instanceof OperatorError, String(thrown));
    assert.ok(!thrown.publicMessage.includes("secret-value"), thrown.publicMessage);
    return thrown;
  }
  throw new assert.AssertionError({ message: "did not throw" });
};

describe("kubernetes client", () => {
  it("asks with its login, its name and its field manager", async () => {
    await withServer(
      (_request, response) => sendJson(response, 200, OBJECT),
      async (client, server) => {
        assert.deepEqual(await client.get(REF), OBJECT);
        await client.replace(REF, OBJECT);
        const [read, write] = server.requests;
        assert.equal(read?.path, "/api/v1/namespaces/team-a/secrets/db");
        assert.equal(read.headers.authorization, "Bearer sesame");
        assert.equal(read.headers["user-agent"], "keyturn/1");
        assert.equal(write?.method, "PUT");
        assert.equal(write.query.get("fieldManager"), "keyturn");
        assert.equal(write.query.get("fieldValidation"), "Strict");
        assert.deepEqual(JSON.parse(write.body), OBJECT);
      },
    );
  });

  it("reads absent as undefined only when the server itself says so", async () => {
    await withServer(
      (_request, response) => sendJson(response, 404, statusObject(404, "NotFound")),
      async (client) => {
        assert.equal(await client.get(REF), undefined);
        assert.equal(await client.delete(REF, { uid: "u1" }), false);
        assert.equal((await failure(client.mergePatch(REF, {}))).code, "NotFound");
      },
    );
    await withServer(
      (_request, response) => response.writeHead(404).end("404 page not found"),
      async (client) => {
        assert.equal((await failure(client.get(REF))).code, "Unavailable");
        assert.equal((await failure(client.delete(REF, { uid: "u1" }))).code, "Unavailable");
      },
    );
  });

  it("renews the lease although every other connection waits for a slow server", async () => {
    const lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { ...METADATA, name: "keyturn" } };
    await withServer(
      ({ path }, response) => {
        if (path.includes("/leases/")) sendJson(response, 200, lease);
      },
      async (client) => {
        const waiting = Array.from({ length: 100 }, () => failure(client.replace(REF, OBJECT)));
        await new Promise((resolve) => setTimeout(resolve, 100));
        const ref = { kind: leases, namespace: "team-a", name: "keyturn" };
        assert.deepEqual(await client.mergePatch(ref, {}), lease);
        assert.ok((await Promise.all(waiting)).every(({ code }) => code === "Timeout"));
      },
      { deadlineMs: 500 },
    );
  });

  const mapped: readonly (readonly [number, string, string, boolean])[] = [
    [400, "BadRequest", "InvalidSpec", false],
    [401, "Unauthorized", "Unauthenticated", false],
    [403, "Forbidden", "PermissionDenied", false],
    [404, "NotFound", "NotFound", false],
    [409, "Conflict", "Conflict", false],
    [409, "AlreadyExists", "AlreadyExists", false],
    [422, "Invalid", "InvalidSpec", false],
    [429, "TooManyRequests", "Throttled", false],
    [500, "InternalError", "Unavailable", true],
    [503, "ServiceUnavailable", "Unavailable", true],
    [504, "Timeout", "Unavailable", true],
    [418, "Teapot", "Unknown", false],
  ];
  for (const [status, reason, code, ambiguous] of mapped) {
    it(`turns a write's ${status} ${reason} into ${code}, ${ambiguous ? "perhaps" : "not"} done`, async () => {
      await withServer(
        (_request, response) => sendJson(response, status, statusObject(status, reason), { "Retry-After": "3" }),
        async (client) => {
          const error = await failure(client.replace(REF, OBJECT));
          assert.equal(error.code, code);
          assert.equal(error.ambiguous, ambiguous);
          assert.equal(error.status, status);
          assert.equal(error.retryAfterMs, 3000);
          assert.match(error.publicMessage, /Secret team-a\/db/);
        },
      );
    });
  }

  it("never calls a read ambiguous", async () => {
    await withServer(
      (_request, response) => response.writeHead(500).end("<html>"),
      async (client) => assert.equal((await failure(client.get(REF))).ambiguous, false),
    );
  });

  const rubbish: Readonly<Record<string, Answer>> = {
    "HTML with 200": (_request, response) => response.writeHead(200).end("<html><body>secret-value</body></html>"),
    nothing: (_request, response) => response.writeHead(200).end(),
    "half a JSON text": (_request, response) => response.writeHead(200).end('{"metadata":{"name":"db"'),
    "an array": (_request, response) => sendJson(response, 200, [OBJECT]),
    "an object without metadata": (_request, response) => sendJson(response, 200, {}),
    "an object without uid": (_request, response) => sendJson(response, 200, { metadata: { ...METADATA, uid: "" } }),
    "another object": (_request, response) => sendJson(response, 200, { metadata: { ...METADATA, name: "other" } }),
    "an object of another namespace": (_request, response) =>
      sendJson(response, 200, { metadata: { ...METADATA, namespace: "team-b" } }),
    "9 MiB": (_request, response) => response.writeHead(200).end("x".repeat(9 * 1024 * 1024)),
    "a redirect": (_request, response) => response.writeHead(302, { Location: "/api/v1/elsewhere" }).end(),
    "a cut answer": (_request, response) => {
      response.writeHead(200, { "Content-Length": "1000" });
      response.write('{"metadata":');
      setTimeout(() => response.destroy(), 20);
    },
    "a cut connection": (_request, response) => response.destroy(),
  };
  for (const [what, answer] of Object.entries(rubbish)) {
    it(`says Unavailable, and perhaps done for a write, when the answer is ${what}`, async () => {
      await withServer(answer, async (client, server) => {
        const read = await failure(client.get(REF));
        assert.deepEqual([read.code, read.ambiguous], ["Unavailable", false]);
        const write = await failure(client.create({ kind: secrets, namespace: "team-a" }, OBJECT));
        assert.deepEqual([write.code, write.ambiguous], ["Unavailable", what !== "a redirect"]);
        assert.ok(server.requests.every((request) => request.path !== "/api/v1/elsewhere"));
        assert.equal(read.publicMessage, (await failure(client.get(REF))).publicMessage, "the message is stable");
      });
    });
  }

  it("gives up at its deadline, whether the head or the body is late", async () => {
    const late: readonly Answer[] = [
      () => undefined,
      (_request, response) => {
        response.writeHead(200);
        response.write('{"metadata":');
      },
    ];
    for (const answer of late) {
      await withServer(
        answer,
        async (client) => {
          const startedMs = systemClock.monotonicMs();
          const error = await failure(client.replace(REF, OBJECT));
          assert.deepEqual([error.code, error.ambiguous], ["Timeout", true]);
          const tookMs = systemClock.monotonicMs() - startedMs;
          assert.ok(tookMs > 90 && tookMs < 1000, `${tookMs} ms`);
        },
        { deadlineMs: 100 },
      );
    }
  });

  it("knows that a write which never had a connection was not done", async () => {
    const server = await FakeApiServer.start(() => undefined);
    const client = new KubernetesClient({ config: server.config(), clock: systemClock, version: "1" });
    await server.stop();
    const error = await failure(client.replace(REF, OBJECT));
    assert.deepEqual([error.code, error.ambiguous], ["Unavailable", false]);
    assert.match(error.publicMessage, /ECONNREFUSED/);
    await client.close();
  });

  it("lists in pages and starts over once when a page's token has expired", async () => {
    let expired = false;
    await withServer(
      (request, response) => {
        const next = request.query.get("continue");
        if (next === "p2" && !expired) {
          expired = true;
          sendJson(response, 410, statusObject(410, "Expired"));
          return;
        }
        const name = next === null ? "a" : "b";
        const items = [{ metadata: { ...METADATA, name } }];
        sendJson(response, 200, {
          metadata: { resourceVersion: "9", ...(next === null && { continue: "p2" }) },
          items,
        });
      },
      async (client, server) => {
        const listed = await client.listAll(secrets, { namespace: "team-a", labelSelector: "a=b" });
        assert.equal(listed.resourceVersion, "9");
        assert.deepEqual(
          wholeOf("Secrets", listed).map((item) => [item.metadata.name, item.kind]),
          [
            ["a", "Secret"],
            ["b", "Secret"],
          ],
        );
        assert.equal(server.requests.length, 4);
        assert.ok(server.requests.every((request) => request.query.get("limit") === "500"));
        assert.ok(server.requests.every((request) => request.query.get("labelSelector") === "a=b"));
      },
    );
  });

  it("refuses a list with something in it that is no object", async () => {
    for (const body of [
      {},
      { metadata: {} },
      { metadata: { resourceVersion: "1" }, items: [{}] },
      { metadata: { resourceVersion: "1" }, items: {} },
    ]) {
      await withServer(
        (_request, response) => sendJson(response, 200, body),
        async (client) => assert.equal((await failure(client.list(secrets, {}))).code, "Unavailable"),
      );
    }
  });

  it("tries a creation without doing it, and takes an answer that has no resourceVersion", async () => {
    const tried = { name: "db", namespace: "team-a", uid: "u1" };
    await withServer(
      (_request, response) => sendJson(response, 201, { ...OBJECT, metadata: tried }),
      async (client, server) => {
        const body = { ...OBJECT, metadata: { name: "db", namespace: "team-a" } };
        const answer = await client.dryRunCreate({ kind: secrets, namespace: "team-a" }, body);
        assert.equal(answer.metadata.uid, "u1");
        assert.equal(server.requests[0]?.query.get("dryRun"), "All");
        // What was really made has one.
        assert.equal((await failure(client.create({ kind: secrets, namespace: "team-a" }, body))).code, "Unavailable");
      },
    );
  });

  it("sends preconditions with a delete", async () => {
    await withServer(
      (_request, response) => sendJson(response, 200, { kind: "Status", status: "Success" }),
      async (client, server) => {
        assert.equal(await client.delete(REF, { uid: "u1", resourceVersion: "7" }), true);
        const body = JSON.parse(server.requests[0]?.body ?? "") as { preconditions: unknown };
        assert.deepEqual(body.preconditions, { uid: "u1", resourceVersion: "7" });
      },
    );
  });

  it("asks for a token and accepts only an answer that has one", async () => {
    let body: unknown = { status: { token: "t" } };
    await withServer(
      (_request, response) => sendJson(response, 201, body),
      async (client, server) => {
        const account = { namespace: "keyturn", name: "operator" };
        const options = { audiences: ["vault"], expirationSeconds: 600 };
        assert.equal(await client.requestToken(account, options), "t");
        assert.equal(server.requests[0]?.path, "/api/v1/namespaces/keyturn/serviceaccounts/operator/token");
        body = { status: {} };
        assert.equal((await failure(client.requestToken(account, options))).code, "Unavailable");
      },
    );
  });

  it("never asks for a path that another name would lead to", async () => {
    await withServer(
      (_request, response) => sendJson(response, 404, statusObject(404, "NotFound")),
      async (client, server) => {
        await client.get({ ...REF, name: "a/../b?x#y" });
        assert.equal(server.requests[0]?.path, "/api/v1/namespaces/team-a/secrets/a%2F..%2Fb%3Fx%23y");
        await assert.rejects(client.get({ ...REF, name: ".." }), RangeError);
        await assert.rejects(client.get({ ...REF, namespace: "" }), RangeError);
        await assert.rejects(client.get({ kind: secrets, name: "a" }), RangeError);
        await client.get({ kind: namespaces, name: "team-a" });
        assert.equal(server.requests[1]?.path, "/api/v1/namespaces/team-a");
      },
    );
  });

  it("keeps its connections", async () => {
    const ports = new Set<number | undefined>();
    await withServer(
      (_request, response) => {
        ports.add(response.socket?.remotePort);
        sendJson(response, 200, OBJECT);
      },
      async (client) => {
        for (let call = 0; call < 20; call += 1) await client.get(REF);
        assert.ok(ports.size <= 2, `${ports.size} connections for 20 calls`);
      },
    );
  });

  it("knows the server's time from its answers", async () => {
    await withServer(
      (_request, response) => sendJson(response, 200, OBJECT, { Date: "Thu, 01 Jan 2032 00:00:10 GMT" }),
      async (client) => {
        assert.equal(client.serverTime(), undefined);
        await client.get(REF);
        assert.equal(client.serverTime()?.now.toISOString(), "2032-01-01T00:00:10.000Z");
        assert.ok((client.serverTime()?.skewMs ?? 0) < -1_000_000);
      },
    );
  });

  it("puts a custom resource's group into the path, and the status behind it", async () => {
    const object = { metadata: { ...METADATA, name: "r" }, status: {} };
    await withServer(
      (_request, response) => sendJson(response, 200, object),
      async (client, server) => {
        const ref = { kind: secretRotations, namespace: "team-a", name: "r" };
        const stored = await client.replaceStatus(ref, object);
        assert.equal(server.requests[0]?.path, "/apis/keyturn.dev/v1alpha1/namespaces/team-a/secretrotations/r/status");
        assert.deepEqual(stored, { apiVersion: "keyturn.dev/v1alpha1", kind: "SecretRotation", ...object });
      },
    );
  });

  it("asks for a decision, and takes only yes or no for one", async () => {
    const question = {
      user: "jane",
      uid: "u1",
      groups: ["system:authenticated"],
      attributes: { kind: "resource", verb: "bind", group: "rbac.authorization.k8s.io", resource: "roles", name: "r" },
    } as const;
    let status: unknown = { allowed: true };
    await withServer(
      (_request, response) => sendJson(response, 201, { kind: "SubjectAccessReview", metadata: {}, status }),
      async (client, server) => {
        assert.equal(await client.review(question), true);
        assert.equal(server.requests[0]?.path, "/apis/authorization.k8s.io/v1/subjectaccessreviews");
        assert.deepEqual((JSON.parse(server.requests[0].body) as { spec: unknown }).spec, {
          ...{ user: "jane", uid: "u1", groups: ["system:authenticated"] },
          resourceAttributes: {
            ...{ verb: "bind", group: "rbac.authorization.k8s.io", version: "*", resource: "roles", name: "r" },
          },
        });
        status = { allowed: false, evaluationError: 'clusterroles "gone" not found' };
        assert.equal(await client.review(question), false);
        for (const odd of [undefined, {}, { allowed: "yes" }]) {
          status = odd;
          const error = await failure(client.review(question));
          assert.deepEqual([error.code, error.ambiguous], ["Unavailable", false]);
        }
        await client
          .review({ user: "jane", groups: [], attributes: { kind: "path", verb: "get", path: "/x" } })
          .catch(() => 0);
        assert.deepEqual((JSON.parse(server.requests.at(-1)?.body ?? "") as { spec: unknown }).spec, {
          ...{ user: "jane", groups: [], nonResourceAttributes: { path: "/x", verb: "get" } },
        });
      },
    );
  });

  it("takes a token for the user that the server names, with all that it says of them", async () => {
    let status: unknown = { authenticated: false, error: "the token has expired" };
    await withServer(
      (_request, response) => sendJson(response, 201, { kind: "TokenReview", metadata: {}, status }),
      async (client, server) => {
        assert.deepEqual(await client.reviewToken("t", []), { authenticated: false });
        assert.deepEqual((JSON.parse(server.requests[0]?.body ?? "") as { spec: unknown }).spec, { token: "t" });
        const extra = { "scopes.example.com": ["user:info"] };
        status = { authenticated: true, user: { username: "jane", uid: "u1", groups: ["a", "b"], extra } };
        const jane = { username: "jane", uid: "u1", groups: ["a", "b"], extra };
        assert.deepEqual(await client.reviewToken("t", []), { authenticated: true, ...jane });
        const attributes = { kind: "path", verb: "get", path: "/x" } as const;
        await client.review({ user: "jane", groups: [], extra, attributes }).catch(() => 0);
        const asked = JSON.parse(server.requests.at(-1)?.body ?? "") as { spec: { extra: unknown } };
        assert.deepEqual(asked.spec.extra, extra);
        status = { authenticated: true, user: { username: "jane" } };
        const bare = { authenticated: true, username: "jane", groups: [] };
        assert.deepEqual(await client.reviewToken("t", []), bare);
        for (const odd of [{}, { authenticated: "true", user: { username: "jane" } }]) {
          status = odd;
          assert.equal((await client.reviewToken("t", [])).authenticated, false);
        }
        status = { authenticated: true, user: {} };
        assert.equal((await failure(client.reviewToken("t", []))).code, "Unavailable");
      },
    );
  });

  it("creates for show with all of admission, and calls a lost answer of that harmless", async () => {
    await withServer(
      (_request, response) => sendJson(response, 201, OBJECT),
      async (client, server) => {
        const fresh = { apiVersion: "v1", kind: "Secret", metadata: { name: "db", namespace: "team-a" } };
        assert.deepEqual(await client.dryRunCreate(REF, fresh), OBJECT);
        assert.equal(server.requests[0]?.query.get("dryRun"), "All");
        assert.equal(server.requests[0].query.get("fieldValidation"), "Strict");
        await client.create(REF, fresh);
        assert.equal(server.requests[1]?.query.get("dryRun"), null);
      },
    );
    await withServer(
      (_request, response) => response.socket?.destroy(),
      async (client) => {
        const fresh = { apiVersion: "v1", kind: "Secret", metadata: { name: "db", namespace: "team-a" } };
        assert.equal((await failure(client.dryRunCreate(REF, fresh))).ambiguous, false);
        assert.equal((await failure(client.create(REF, fresh))).ambiguous, true);
      },
    );
  });
});
