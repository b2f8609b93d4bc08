import { deepEqual, equal } from "node:assert/strict";
import { DRY_RUN, FINALIZER, KEEP, LEAKED, PAUSED, RELEASE, RETRY, confirmedBy } from "../api/v1alpha1/annotations.ts";
import type { KubeObject, ObjectMeta } from "../cluster/contract.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { changeOf, follow } from "./follow.ts";

type Change = {
  readonly type: "added" | "updated" | "deleted";
  readonly object: KubeObject;
  readonly before?: KubeObject;
};

const object = (more: Partial<ObjectMeta> = {}): KubeObject => ({
  metadata: { name: "db", namespace: "payments", uid: "u", resourceVersion: "1", generation: 1, ...more },
});
const marked = (annotations: Readonly<Record<string, string>>): KubeObject => object({ annotations });

describe("what a change asks for", () => {
  it("is something new with another generation, a deletion, a report, a confirmation or a decision", () => {
    equal(changeOf(object(), object({ generation: 2 })), "Wanted");
    equal(changeOf(object(), object({ deletionTimestamp: "2026-06-01T00:00:00Z" })), "Wanted");
    for (const name of [LEAKED, RELEASE, KEEP, PAUSED, DRY_RUN, confirmedBy("web")]) {
      equal(changeOf(object(), marked({ [name]: "v1" })), "Wanted", name);
      equal(changeOf(marked({ [name]: "v1" }), object()), "Wanted", name);
    }
  });

  it("is a look at the same thing with a retry, any other mark, or somebody's finalizer", () => {
    equal(changeOf(object(), marked({ [RETRY]: "1" })), "Touch");
    equal(changeOf(marked({ [RETRY]: "1" }), marked({ [RETRY]: "2" })), "Touch");
    equal(changeOf(object(), marked({ "keyturn.dev/anything": "x" })), "Touch");
    equal(changeOf(object(), object({ finalizers: ["example.com/theirs"] })), "Touch");
  });

  it("is nothing with our own writes", () => {
    equal(changeOf(object(), object({ resourceVersion: "2" })), "Nothing");
    equal(changeOf(object(), object({ finalizers: [FINALIZER] })), "Nothing");
  });
});

describe("following an informer", () => {
  const setUp = () => {
    const clock = new FakeClock();
    let tell: (change: Change) => void = () => undefined;
    const enqueued: number[] = [];
    const push = (): void => void enqueued.push(clock.monotonicMs());
    const queue = {
      enqueue: push,
      enqueueAfter: (_: unknown, delayMs: number) => void clock.schedule(delayMs, push),
    };
    const informer = { onChange: (run: (change: Change) => void) => (tell = run) };
    const resync = follow(informer, queue, { clock, everyMs: 3_600_000 });
    let before = object();
    const to = (after: KubeObject): void => {
      tell({ type: "updated", object: after, before });
      before = after;
    };
    return { clock, enqueued, resync, to };
  };

  it("a thousand touches wake a pass at once and another at the end of the minute; what is new waits for none", async () => {
    const { clock, enqueued, to } = setUp();
    for (let number = 0; number < 1000; number += 1) {
      to(marked({ [RETRY]: String(number) }));
      await clock.advance(30);
    }
    to(marked({ [RETRY]: "999", [LEAKED]: "v1" }));
    await clock.advance(60_000);
    deepEqual([...new Set(enqueued)], [0, 30_000, 60_000]);
  });
});
