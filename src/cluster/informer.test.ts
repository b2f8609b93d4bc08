import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { systemClock, type Clock } from "../kernel/clock.ts";
import { silentLogger, type Logger } from "../kernel/logger.ts";
import type { KubeObject } from "./contract.ts";
import { FakeApiServer, sendJson, statusObject, type SeenRequest } from "./fake-api-server.ts";
import { ListWatchInformer } from "./informer.ts";
import { KubernetesClient } from "./kubernetes-client.ts";
import { secretRotations } from "./resources.ts";

type Rotation = KubeObject & { readonly spec?: { readonly every?: string } };

const object = (name: string, resourceVersion: string, extra: object = {}) => ({
  metadata: {
    name,
    namespace: "team-a",
    uid: `uid-${name}`,
    resourceVersion,
    managedFields: [{ manager: "x" }],
    ...extra,
  },
  spec: { every: "1h" },
});

/** Lists `objects` at `version`; every watch is handed to `watches[n]`, the last one to those that follow. */
class World {
  objects: object[] = [];
  version = "10";
  readonly watches: ((response: ServerResponse, request: SeenRequest) => void)[] = [];
  readonly lists: SeenRequest[] = [];
  readonly watched: SeenRequest[] = [];
  failLists = 0;

  readonly answer = (request: SeenRequest, response: ServerResponse): void => {
    if (request.query.get("watch") === "true") {
      const serve = this.watches[Math.min(this.watched.length, this.watches.length - 1)] ?? quiet;
      this.watched.push(request);
      serve(response, request);
      return;
    }
    this.lists.push(request);
    if (this.failLists > 0) {
      this.failLists -= 1;
      response.writeHead(500).end("<html>");
      return;
    }
    sendJson(response, 200, { metadata: { resourceVersion: this.version }, items: this.objects });
  };
}

const open = (response: ServerResponse): void => {
  response.writeHead(200, { "Content-Type": "application/json" });
  response.flushHeaders();
};
const quiet = (response: ServerResponse): void => open(response);
const event = (type: string, body: object): string => `${JSON.stringify({ type, object: body })}\n`;
const sends =
  (...events: readonly string[]) =>
  (response: ServerResponse): void => {
    open(response);
    events.forEach((line) => response.write(line));
  };
const sendsAndEnds =
  (...events: readonly string[]) =>
  (response: ServerResponse): void => {
    sends(...events)(response);
    response.end();
  };

/** Back-offs a hundred times shorter; deadlines and idle times as given. */
const hurried: Clock = {
  ...systemClock,
  sleep: (delayMs, signal) => systemClock.sleep(delayMs / 100, signal),
};

const eventually = async (holds: () => boolean, what: string): Promise<void> => {
  const deadlineMs = performance.now() + 4000;
  while (!holds()) {
    if (performance.now() > deadlineMs) assert.fail(`never: ${what}`);
    await systemClock.sleep(5);
  }
};

const withInformer = async (
  prepare: (world: World) => void,
  run: (parts: {
    world: World;
    informer: ListWatchInformer<Rotation>;
    changes: string[];
    stop: AbortController;
    server: FakeApiServer;
  }) => Promise<void>,
  overrides: { idleMs?: number; log?: Logger; clock?: Clock; namespace?: string } = {},
): Promise<void> => {
  const world = new World();
  prepare(world);
  const server = await FakeApiServer.start(world.answer);
  const source = new KubernetesClient({ config: server.config(), clock: systemClock, version: "1", deadlineMs: 1000 });
  const stop = new AbortController();
  const informer = new ListWatchInformer<Rotation>({
    source,
    kind: secretRotations,
    clock: hurried,
    log: silentLogger,
    random: () => 0.5,
    ...overrides,
  });
  const changes: string[] = [];
  informer.onChange((change) =>
    changes.push(`${change.type} ${change.object.metadata.name}@${change.object.metadata.resourceVersion}`),
  );
  try {
    informer.start(stop.signal);
    await run({ world, informer, changes, stop, server });
  } finally {
    stop.abort();
    await source.close();
    await server.stop();
  }
};

describe("informer", () => {
  it("lists, tells what is there, has synced, and watches from the list's version", async () => {
    await withInformer(
      (world) => {
        world.objects = [object("a", "3"), object("b", "4")];
        world.watches.push(
          sends(
            event("MODIFIED", object("a", "11")),
            event("ADDED", object("c", "12")),
            event("DELETED", object("b", "13")),
          ),
        );
      },
      async ({ world, informer, changes }) => {
        assert.equal(informer.hasSynced(), false);
        await informer.synced(new AbortController().signal);
        assert.equal(informer.hasSynced(), true);
        await eventually(() => changes.length === 5, "five changes");
        assert.deepEqual(changes, ["added a@3", "added b@4", "updated a@11", "added c@12", "deleted b@13"]);
        assert.deepEqual(
          informer.list().map((item) => item.metadata.name),
          ["a", "c"],
        );
        assert.equal(informer.get({ namespace: "team-a", name: "a" })?.metadata.resourceVersion, "11");
        assert.equal(informer.get({ namespace: "team-b", name: "a" }), undefined);
        const query = world.watched[0]?.query;
        assert.equal(query?.get("resourceVersion"), "10");
        assert.equal(query.get("allowWatchBookmarks"), "true");
        assert.equal(query.get("timeoutSeconds"), "240");
      },
    );
  });

  it("hands out objects that cannot be changed, without managedFields", async () => {
    await withInformer(
      (world) => (world.objects = [object("a", "3")]),
      async ({ informer }) => {
        await informer.synced(new AbortController().signal);
        const held = informer.list()[0]!;
        assert.ok(!("managedFields" in held.metadata));
        assert.throws(() => Object.assign(held.spec!, { every: "2h" }), TypeError);
        assert.throws(() => Object.assign(held.metadata, { uid: "x" }), TypeError);
      },
    );
  });

  it("resumes where the watch was cut, throws half a line away and takes a line that comes in pieces", async () => {
    await withInformer(
      (world) => {
        const [first, second] = [event("ADDED", object("a", "11")), event("ADDED", object("ü", "12"))];
        const bytes = Buffer.from(second);
        const cut = bytes.indexOf(Buffer.from("ü")) + 1;
        world.watches.push(
          (response) => {
            sends(first, second.slice(0, 30))(response);
            setTimeout(() => response.destroy(), 30);
          },
          (response) => {
            open(response);
            response.write(bytes.subarray(0, cut));
            setTimeout(() => response.write(bytes.subarray(cut)), 30);
          },
        );
      },
      async ({ world, changes }) => {
        await eventually(() => changes.length === 2, "both objects");
        assert.deepEqual(changes, ["added a@11", "added ü@12"]);
        assert.deepEqual(
          world.watched.map((request) => request.query.get("resourceVersion")),
          ["10", "11"],
        );
        assert.equal(world.lists.length, 1);
      },
    );
  });

  it("resumes from a bookmark after the server has ended the watch", async () => {
    await withInformer(
      (world) => world.watches.push(sendsAndEnds(event("BOOKMARK", { metadata: { resourceVersion: "99" } })), quiet),
      async ({ world, informer }) => {
        await eventually(() => world.watched.length === 2, "second watch");
        assert.equal(world.watched[1]?.query.get("resourceVersion"), "99");
        assert.deepEqual(informer.list(), []);
        assert.equal(world.lists.length, 1);
      },
    );
  });

  for (const [where, gone] of [
    ["as an HTTP answer", (response: ServerResponse) => sendJson(response, 410, statusObject(410, "Expired"))],
    ["inside the stream", sends(event("ERROR", statusObject(410, "Expired") as object))],
  ] as const) {
    it(`lists again after 410 ${where}, and finds what was deleted, replaced, changed and made in the meantime`, async () => {
      await withInformer(
        (world) => {
          world.objects = [object("gone", "1"), object("same", "2"), object("changed", "3"), object("replaced", "4")];
          world.watches.push((response) => {
            world.version = "50";
            world.objects = [
              object("same", "2"),
              object("changed", "40"),
              object("replaced", "41", { uid: "uid-new" }),
              object("new", "42"),
            ];
            gone(response);
          }, quiet);
        },
        async ({ world, changes }) => {
          await eventually(() => world.watched.length === 2, "second watch");
          assert.deepEqual(changes.slice(4), [
            "deleted gone@1",
            "updated changed@40",
            "deleted replaced@4",
            "added replaced@41",
            "added new@42",
          ]);
          assert.equal(world.watched[1]?.query.get("resourceVersion"), "50");
        },
      );
    });
  }

  it("lists at most twice a minute when every watch is answered with 410", async () => {
    const sleeps: number[] = [];
    const clock: Clock = {
      ...systemClock,
      sleep: (delayMs, signal) => {
        sleeps.push(delayMs);
        return systemClock.sleep(Math.min(delayMs, 20), signal);
      },
    };
    await withInformer(
      (world) => world.watches.push((response) => sendJson(response, 410, statusObject(410, "Gone"))),
      async ({ world }) => {
        await eventually(() => sleeps.some((ms) => ms > 50_000), "a long wait");
        assert.equal(world.lists.length, 3, "the first one and two forced ones");
      },
      { clock },
    );
  });

  it("keeps trying through 500s and rubbish, with growing pauses, and syncs in the end", async () => {
    const sleeps: number[] = [];
    const clock: Clock = {
      ...systemClock,
      sleep: (delayMs, signal) => {
        sleeps.push(delayMs);
        return systemClock.sleep(1, signal);
      },
    };
    await withInformer(
      (world) => {
        world.failLists = 10;
        world.objects = [object("a", "3")];
      },
      async ({ informer, world }) => {
        await informer.synced(new AbortController().signal);
        assert.equal(world.lists.length, 11);
        assert.deepEqual(sleeps.slice(0, 10), [150, 300, 600, 1200, 2400, 4800, 9600, 19_200, 22_500, 22_500]);
      },
      { clock },
    );
  });

  for (const [what, line] of [
    ["no JSON", "<html>\n"],
    ["an unknown type", event("SPOILED", object("a", "11"))],
    ["an object without uid", event("ADDED", { metadata: { name: "x", resourceVersion: "11" } })],
    ["null", "null\n"],
    ["an error that is not 410", event("ERROR", statusObject(500, "InternalError") as object)],
  ] as const) {
    it(`watches again from the last good version after a line with ${what}`, async () => {
      await withInformer(
        (world) =>
          world.watches.push(
            sends(event("ADDED", object("good", "11")), line),
            sends(event("ADDED", object("next", "12"))),
          ),
        async ({ world, changes }) => {
          await eventually(() => changes.length === 2, "both objects");
          assert.deepEqual(changes, ["added good@11", "added next@12"]);
          assert.equal(world.watched[1]?.query.get("resourceVersion"), "11");
          assert.equal(world.lists.length, 1);
        },
      );
    });
  }

  it("reconnects when a half-open watch brings no byte for its idle time, and not while bytes come", async () => {
    const busy = (response: ServerResponse): void => {
      open(response);
      const beat = setInterval(() => response.write(event("BOOKMARK", { metadata: { resourceVersion: "20" } })), 40);
      setTimeout(() => clearInterval(beat), 400);
    };
    await withInformer(
      (world) => world.watches.push(busy, quiet),
      async ({ world }) => {
        await systemClock.sleep(350);
        assert.equal(world.watched.length, 1);
        await eventually(() => world.watched.length === 2, "second watch");
        assert.equal(world.watched[1]?.query.get("resourceVersion"), "20");
      },
      { idleMs: 150 },
    );
  });

  it("tells of an object that was deleted and made anew under its name, and ignores a late deletion", async () => {
    await withInformer(
      (world) => {
        world.objects = [object("a", "3")];
        world.watches.push(
          sends(
            event("ADDED", object("a", "11", { uid: "uid-2" })),
            event("DELETED", object("a", "12")),
            event("MODIFIED", object("a", "13", { uid: "uid-2" })),
          ),
        );
      },
      async ({ informer, changes }) => {
        await eventually(() => changes.length === 4, "four changes");
        assert.deepEqual(changes, ["added a@3", "deleted a@3", "added a@11", "updated a@13"]);
        assert.equal(informer.list().length, 1);
      },
    );
  });

  it("goes on when a listener throws", async () => {
    const errors: unknown[] = [];
    await withInformer(
      (world) => (world.objects = [object("a", "3")]),
      async ({ informer, changes }) => {
        informer.onChange(() => {
          throw new TypeError("listener");
        });
        await informer.synced(new AbortController().signal);
        assert.deepEqual(changes, ["added a@3"]);
        assert.equal(errors.length, 1);
      },
      { log: { ...silentLogger, error: (_message, fields) => errors.push(fields.error) } },
    );
  });

  it("watches one namespace when told so", async () => {
    await withInformer(
      () => undefined,
      async ({ world }) => {
        await eventually(() => world.watched.length === 1, "a watch");
        assert.equal(world.watched[0]?.path, "/apis/keyturn.dev/v1alpha1/namespaces/team-a/secretrotations");
        assert.equal(world.lists[0]?.path, world.watched[0].path);
      },
      { namespace: "team-a" },
    );
  });

  it("ends when aborted: no request any more, and a wait for the sync is let go", async () => {
    await withInformer(
      (world) => (world.failLists = 1_000_000),
      async ({ world, informer, stop }) => {
        const synced = informer.synced(stop.signal);
        await eventually(() => world.lists.length > 2, "lists");
        stop.abort();
        await assert.rejects(synced);
        await systemClock.sleep(50);
        const before = world.lists.length;
        await systemClock.sleep(400);
        assert.equal(world.lists.length, before);
      },
    );
  });

  it("keeps what it knew of an object that a later list cannot read, names it, and believes its deletion only when told", async () => {
    const named: unknown[] = [];
    await withInformer(
      (world) => {
        world.objects = [object("a", "3"), object("b", "4")];
        world.watches.push(
          (response) => {
            world.version = "50";
            world.objects = [{ metadata: { name: "a", namespace: "team-a", uid: "uid-a" } }];
            sends(event("ERROR", statusObject(410, "Expired") as object))(response);
          },
          (response) => {
            open(response);
            setTimeout(() => response.write(event("MODIFIED", object("a", "51"))), 150);
            setTimeout(() => response.write(event("DELETED", object("a", "52"))), 300);
          },
        );
      },
      async ({ informer, changes }) => {
        await eventually(() => informer.leftOut().length === 1, "one left out");
        assert.deepEqual(informer.leftOut(), [{ namespace: "team-a", name: "a", uid: "uid-a", why: "Malformed" }]);
        assert.equal(informer.get({ namespace: "team-a", name: "a" })?.metadata.resourceVersion, "3");
        await eventually(() => changes.length === 5, "five changes");
        assert.deepEqual(changes.slice(2), ["deleted b@4", "updated a@51", "deleted a@52"]);
        assert.deepEqual(informer.leftOut(), []);
        assert.deepEqual(named, [["team-a/a"]]);
      },
      { log: { ...silentLogger, error: (_message, fields) => void named.push(fields["names"]) } },
    );
  });

  it("lists again when a watch brings the same unreadable line twice, instead of asking for it for ever", async () => {
    const broken = event("ADDED", { metadata: { name: "x", namespace: "team-a", resourceVersion: "11" } });
    await withInformer(
      (world) =>
        world.watches.push(
          sends(broken),
          (response) => {
            world.version = "50";
            world.objects = [object("good", "12"), { metadata: { name: "x", namespace: "team-a" } }];
            sends(broken)(response);
          },
          quiet,
        ),
      async ({ world, informer, changes }) => {
        await eventually(() => changes.length === 1, "the good one");
        assert.equal(world.lists.length, 2);
        assert.deepEqual(
          informer.leftOut().map(({ name }) => name),
          ["x"],
        );
        await eventually(() => world.watched.length === 3, "third watch");
        assert.equal(world.watched[2]?.query.get("resourceVersion"), "50");
      },
    );
  });
});
