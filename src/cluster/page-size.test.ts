import assert from "node:assert/strict";
import type { KubeObject } from "./contract.ts";
import { FakeApiServer, listAnswer, sendJson, statusObject, withServer } from "./fake-api-server.ts";
import { ListWatchInformer } from "./informer.ts";
import { secretRotations, secrets } from "./resources.ts";
import { systemClock } from "../kernel/clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { leftOutOf, readableOf, wholeOf } from "../kernel/listed.ts";

const METADATA = { namespace: "team-a", resourceVersion: "7" };

/** So many objects, each with so many bytes of annotations. */
const manyOf = (
  count: number,
  bytes: (index: number) => number,
): readonly { readonly metadata: KubeObject["metadata"] }[] =>
  Array.from({ length: count }, (_, index) => ({
    metadata: {
      ...METADATA,
      name: `fat-${index}`,
      uid: `u${index}`,
      annotations: { note: "x".repeat(bytes(index)) },
    },
  }));
const limits = (server: FakeApiServer): number[] => server.requests.map(({ query }) => Number(query.get("limit")));

describe("pages of a list", () => {
  it("asks for half as many objects from the same place when a page is longer than it reads", async () => {
    // Twice as much as one page may have, of objects as large as anybody may make them by annotations.
    const objects = manyOf(130, () => 256 * 1024 - 100);
    await withServer(
      listAnswer(objects, "9"),
      async (client, server) => {
        const listed = await client.listAll(secrets, { namespace: "team-a", labelSelector: "a=b" });
        assert.equal(listed.resourceVersion, "9");
        assert.deepEqual(
          wholeOf("Secrets", listed).map(({ metadata }) => metadata.name),
          objects.map(({ metadata }) => metadata.name),
        );
        assert.deepEqual(limits(server), [500, 250, 125, 62, 62, 62]);
        assert.equal(server.requests[3]?.query.get("continue"), null);
      },
      { deadlineMs: 10_000, largestPageBytes: 16 * 1024 * 1024 },
    );
  });

  it("goes down to one object, and asks for more again behind the large ones", async () => {
    // Two of the 300 objects fill a page each; the second one comes when the pages are long again.
    const objects = manyOf(300, (index) => (index === 3 || index === 200 ? 9_000 : 1_000));
    await withServer(
      listAnswer(objects, "9"),
      async (client, server) => {
        const listed = await client.listAll(secrets, { namespace: "team-a" });
        assert.deepEqual(
          wholeOf("Secrets", listed).map(({ metadata }) => metadata.name),
          objects.map(({ metadata }) => metadata.name),
        );
        const asked = limits(server);
        assert.ok(asked.includes(1), String(asked));
        const smallest = asked.indexOf(1);
        assert.ok(Math.max(...asked.slice(smallest)) >= 8, String(asked));
        assert.ok(asked.length < 100, `${asked.length} requests`);
      },
      { largestPageBytes: 9_900 },
    );
  });

  it("asks for no page in vain once it knows how large the objects are", async () => {
    await withServer(
      listAnswer(
        manyOf(100, () => 1_000),
        "9",
      ),
      async (client, server) => {
        assert.equal(wholeOf("Secrets", await client.listAll(secrets, {})).length, 100);
        const asked = limits(server);
        const learnt = asked.slice(asked.indexOf(3));
        assert.deepEqual([...new Set(learnt)], [3]);
        assert.equal(learnt.length, 34);
      },
      { largestPageBytes: 5_000 },
    );
  });

  it("leaves one out by name that alone is longer than it reads, goes on behind it, and does not ask for ever", async () => {
    await withServer(
      listAnswer(
        manyOf(5, (index) => (index === 1 || index === 2 ? 9_000 : 1_000)),
        "9",
      ),
      async (client, server) => {
        const listed = await client.listAll(secrets, {});
        assert.deepEqual(
          readableOf(listed).map(({ metadata }) => metadata.name),
          ["fat-0", "fat-3", "fat-4"],
        );
        assert.deepEqual(leftOutOf(listed), [
          { namespace: "team-a", name: "fat-1", uid: "u1", why: "TooLarge" },
          { namespace: "team-a", name: "fat-2", uid: "u2", why: "TooLarge" },
        ]);
        assert.equal(listed.resourceVersion, "9");
        assert.ok(server.requests.length < 25, `${server.requests.length} requests`);
        assert.throws(() => wholeOf("Secrets", listed), {
          code: "Unavailable",
          publicMessage: "The list of Secrets lacks what cannot be read: team-a/fat-1, team-a/fat-2.",
        });
      },
      { largestPageBytes: 5_000, largestObjectBytes: 5_000 },
    );
  });

  it("leaves malformed members out by name: without uid, without the spec that our kinds have, or that cannot be kept", async () => {
    const items = [
      { metadata: { ...METADATA, name: "whole", uid: "u1" }, spec: {} },
      { metadata: { ...METADATA, name: "no-uid" }, spec: {} },
      { metadata: { ...METADATA, name: "no-spec", uid: "u3" } },
      { metadata: { ...METADATA, name: "not-kept", uid: "u4" }, spec: {} },
    ];
    await withServer(listAnswer(items, "9"), async (client) => {
      const keep = (object: KubeObject): KubeObject => {
        if (object.metadata.name === "not-kept") throw new TypeError("no accounts");
        return object;
      };
      const listed = await client.list(secretRotations, { keep });
      assert.deepEqual(
        readableOf(listed).map(({ metadata }) => metadata.name),
        ["whole"],
      );
      assert.deepEqual(
        leftOutOf(listed).map(({ name, why }) => [name, why]),
        [
          ["no-uid", "Malformed"],
          ["no-spec", "Malformed"],
          ["not-kept", "Malformed"],
        ],
      );
    });
  });

  it("keeps the page's size when a list starts over, because a token had expired meanwhile", async () => {
    let expired = false;
    const list = listAnswer(
      manyOf(6, () => 1_000),
      "9",
    );
    await withServer(
      (request, response) => {
        if (request.query.has("continue") && !expired) {
          expired = true;
          sendJson(response, 410, statusObject(410, "Expired"));
        } else list(request, response);
      },
      async (client, server) => {
        assert.equal(wholeOf("Secrets", await client.listAll(secrets, {})).length, 6);
        assert.deepEqual(limits(server), [500, 250, 125, 62, 31, 15, 7, 3, 3, 3, 3]);
      },
      { largestPageBytes: 5_000 },
    );
  });

  it("does not keep the informer from its first list, whatever one tenant's objects weigh", async () => {
    const objects = manyOf(65, () => 256 * 1024 - 100);
    const list = listAnswer(objects, "9");
    await withServer(
      (request, response) => {
        if (request.query.get("watch") === "true") response.writeHead(200).flushHeaders();
        else list(request, response);
      },
      async (client) => {
        const stop = new AbortController();
        const informer = new ListWatchInformer({
          source: client,
          kind: secrets,
          clock: systemClock,
          log: silentLogger,
        });
        informer.start(stop.signal);
        try {
          await informer.synced(AbortSignal.timeout(8_000));
          assert.equal(informer.list().length, objects.length);
          assert.deepEqual(informer.leftOut(), []);
          // Of 16 MiB of annotations the cache keeps nothing.
          assert.ok(JSON.stringify(informer.list()).length < objects.length * 300);
        } finally {
          stop.abort();
        }
      },
    );
  });

  it("is tried against a server that refuses what kube-apiserver refuses", async () => {
    const server = await FakeApiServer.start(
      listAnswer(
        manyOf(4, () => 1),
        "9",
      ),
    );
    try {
      const origin = server.config().getCurrentCluster()?.server ?? "";
      const ask = async (query: string, path = "/api/v1/secrets"): Promise<{ status: number; next: string }> => {
        const answer = await fetch(`${origin}${path}?${query}`);
        const { metadata } = (await answer.json()) as { metadata?: { continue?: string } };
        return { status: answer.status, next: encodeURIComponent(metadata?.continue ?? "") };
      };
      const { next } = await ask("limit=1");
      assert.deepEqual(
        await Promise.all(
          [
            "limit=many",
            "limit=1.5",
            "limit=1&continue=made-up",
            `limit=1&resourceVersion=9&continue=${next}`,
            `limit=1&labelSelector=a%3Db&continue=${next}`,
          ].map(async (query) => (await ask(query)).status),
        ),
        [400, 400, 400, 400, 400],
      );
      assert.equal((await ask(`limit=1&continue=${next}`, "/api/v1/configmaps")).status, 400);
      // Another limit is none of its business; none, and one below zero, mean all the rest.
      assert.deepEqual(await ask(`limit=3&continue=${next}`), { status: 200, next: "" });
      assert.deepEqual(await ask(`limit=-1&continue=${next}`), { status: 200, next: "" });
      assert.deepEqual(await ask(""), { status: 200, next: "" });
    } finally {
      await server.stop();
    }
  });
});
