import assert from "node:assert/strict";
import type { Informer, KubeObject } from "./contract.ts";
import { joinedInformer } from "./joined-informer.ts";
import { isWatched } from "../domain/watched.ts";
import { listWatched } from "./list-watched.ts";
import type { Listed } from "../kernel/listed.ts";

type Change = Parameters<Parameters<Informer<KubeObject>["onChange"]>[0]>[0];

const informerOf = (namespace: string, synced: { now: boolean }) => {
  const object: KubeObject = { metadata: { namespace, name: "one", uid: namespace, resourceVersion: "1" } };
  const listeners: ((change: Change) => void)[] = [];
  const started: AbortSignal[] = [];
  const informer: Informer<KubeObject> = {
    hasSynced: () => synced.now,
    synced: () => (synced.now ? Promise.resolve() : new Promise(() => undefined)),
    get: ({ name }) => (name === "one" ? object : undefined),
    list: () => [object],
    leftOut: () => [{ namespace, name: "two", why: "TooLarge" }],
    onChange: (run) => void listeners.push(run),
    start: (signal) => void started.push(signal),
  };
  const tell = (): void => {
    for (const run of listeners) run({ type: "added", object });
  };
  return { informer, tell, started };
};

describe("informers of several namespaces as one", () => {
  const setUp = () => {
    const [first, second] = [{ now: true }, { now: false }];
    const [a, b] = [informerOf("team-a", first), informerOf("team-b", second)];
    const joined = joinedInformer(
      new Map([
        ["team-a", a.informer],
        ["team-b", b.informer],
      ]),
    );
    return { a, b, second, joined };
  };

  it("has synced when all of them have", async () => {
    const { joined, second } = setUp();
    assert.equal(joined.hasSynced(), false);
    second.now = true;
    assert.equal(joined.hasSynced(), true);
    await joined.synced(new AbortController().signal);
  });

  it("finds an object where its namespace is, and none elsewhere", () => {
    const { joined } = setUp();
    assert.equal(joined.get({ namespace: "team-b", name: "one" })?.metadata.uid, "team-b");
    assert.equal(joined.get({ namespace: "team-c", name: "one" }), undefined);
    assert.deepEqual(
      joined.list().map(({ metadata }) => metadata.uid),
      ["team-a", "team-b"],
    );
  });

  it("tells the changes of each, and starts each", () => {
    const { joined, a, b } = setUp();
    const told: string[] = [];
    joined.onChange(({ object }) => void told.push(object.metadata.uid));
    a.tell();
    b.tell();
    assert.deepEqual(told, ["team-a", "team-b"]);
    const { signal } = new AbortController();
    joined.start(signal);
    assert.deepEqual([...a.started, ...b.started], [signal, signal]);
  });
});

describe("what is watched", () => {
  const kind = { group: "keyturn.dev", version: "v1alpha1", plural: "things", kind: "Thing", namespaced: true };
  const asked = async (namespaced: boolean, watched: readonly string[]): Promise<readonly unknown[]> => {
    const calls: unknown[] = [];
    const cluster = {
      list: <T>(_: unknown, options: object): Promise<Listed<T>> => {
        calls.push(options);
        return Promise.resolve({ kind: "Whole", items: [] });
      },
    };
    await listWatched(cluster, { ...kind, namespaced }, { watched, labelSelector: "a=b" });
    return calls;
  };

  it("is listed at once without names, and namespace by namespace with them", async () => {
    assert.deepEqual(await asked(true, []), [{ labelSelector: "a=b" }]);
    assert.deepEqual(await asked(true, ["x", "y"]), [
      { namespace: "x", labelSelector: "a=b" },
      { namespace: "y", labelSelector: "a=b" },
    ]);
    assert.deepEqual(await asked(false, ["x"]), [{ labelSelector: "a=b" }]);
  });

  it("is everything without names", () => {
    assert.deepEqual([isWatched([], "x"), isWatched(["x"], "x"), isWatched(["x"], "y")], [true, true, false]);
  });
});
