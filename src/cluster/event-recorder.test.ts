import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import type { KubeObject } from "./contract.ts";
import { KubernetesEventRecorder } from "./event-recorder.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { events, providerConnections, secretRotations } from "./resources.ts";

const ABOUT = { ref: { kind: secretRotations, namespace: "team-a", name: "db" }, uid: "u1" };
const EVENT = { type: "Normal" as const, reason: "Rotated", action: "Rotate", note: "New key is in use." };
type StoredEvent = KubeObject & {
  readonly series?: { readonly count: number };
  readonly note: string;
  readonly regarding: unknown;
};

const setUp = () => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(clock);
  const recorder = new KubernetesEventRecorder({ client: cluster, clock, log: silentLogger, instance: "pod-1" });
  /** Events are sent one after the other, each with a few turns of the loop. */
  const settle = async (ms = 0) => {
    for (let turn = 0; turn < 20; turn += 1) await clock.advance(0);
    await clock.advance(ms);
    for (let turn = 0; turn < 20; turn += 1) await clock.advance(0);
  };
  return { clock, cluster, recorder, settle, stored: () => cluster.all<StoredEvent>(events) };
};

describe("event recorder", () => {
  it("writes an events.k8s.io/v1 event about the object, beside it", async () => {
    const { recorder, settle, stored, cluster } = setUp();
    recorder.record(ABOUT, EVENT);
    assert.deepEqual(cluster.calls, [], "not within the pass");
    await settle();
    const [{ metadata, ...event }] = stored() as [StoredEvent];
    assert.match(metadata.name, /^db\.[0-9a-z]+$/);
    assert.equal(metadata.namespace, "team-a");
    assert.deepEqual(event, {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      eventTime: "2026-01-01T00:00:00.000000Z",
      reportingController: "keyturn.dev/operator",
      reportingInstance: "pod-1",
      ...EVENT,
      regarding: {
        apiVersion: "keyturn.dev/v1alpha1",
        kind: "SecretRotation",
        namespace: "team-a",
        name: "db",
        uid: "u1",
      },
    });
  });

  it("writes an event about a cluster-scoped object into default", async () => {
    const { recorder, settle, stored } = setUp();
    recorder.record({ ref: { kind: providerConnections, name: "aws" }, uid: "u2" }, EVENT);
    await settle();
    assert.equal(stored()[0]?.metadata.namespace, "default");
  });

  it("makes one series of the same event, patched at most every thirty seconds", async () => {
    const { recorder, settle, stored, cluster } = setUp();
    for (let second = 0; second < 65; second += 1) {
      recorder.record(ABOUT, EVENT);
      await settle(1000);
    }
    assert.equal(stored().length, 1);
    assert.deepEqual(
      cluster.calls.map((call) => call.verb),
      ["create", "mergePatch", "mergePatch"],
    );
    assert.equal(stored()[0]?.series?.count, 61);
    await Promise.all([recorder.flush(1000), settle()]);
    assert.equal(stored()[0]?.series?.count, 65, "the rest is sent by flush");
  });

  it("begins anew after ten quiet minutes, and for another note, reason or object", async () => {
    const { recorder, settle, stored } = setUp();
    recorder.record(ABOUT, EVENT);
    await settle(600_000);
    recorder.record(ABOUT, EVENT);
    recorder.record(ABOUT, { ...EVENT, note: "other" });
    recorder.record(ABOUT, { ...EVENT, reason: "Other" });
    recorder.record({ ...ABOUT, uid: "u9" }, EVENT);
    await settle();
    assert.equal(stored().length, 5);
  });

  it("gives one object twenty-five new events and then one every five minutes, and others theirs", async () => {
    const { recorder, settle, stored } = setUp();
    for (let n = 0; n < 100; n += 1) recorder.record(ABOUT, { ...EVENT, note: `n ${n}` });
    recorder.record({ ...ABOUT, uid: "u9" }, EVENT);
    await settle();
    assert.equal(stored().length, 26);
    await settle(300_000);
    recorder.record(ABOUT, { ...EVENT, note: "later" });
    recorder.record(ABOUT, { ...EVENT, note: "too soon" });
    await settle();
    assert.equal(stored().length, 27);
  });

  it("makes a new event when the old one has expired at the server", async () => {
    const { recorder, settle, stored, cluster } = setUp();
    recorder.record(ABOUT, EVENT);
    await settle(31_000);
    const [{ metadata }] = stored() as [StoredEvent];
    cluster.drop({ kind: events, namespace: "team-a", name: metadata.name });
    recorder.record(ABOUT, EVENT);
    await settle();
    recorder.record(ABOUT, EVENT);
    await settle();
    assert.equal(stored().length, 1);
    assert.notEqual(stored()[0]?.metadata.name, metadata.name);
  });

  it("tries three times when the server is out of reach, then lets go, and never throws", async () => {
    const { recorder, settle, stored, cluster } = setUp();
    cluster.failNext(() => true, new OperatorError("Unavailable", { publicMessage: "x" }), "before", 3);
    recorder.record(ABOUT, EVENT);
    recorder.record(ABOUT, { ...EVENT, note: "second" });
    await settle(10_000);
    assert.equal(cluster.calls.length, 4);
    assert.deepEqual(
      stored().map((event) => event.note),
      ["second"],
    );
  });

  it("takes its own event whose answer was lost for written, and tries no refusal again", async () => {
    const { recorder, settle, stored, cluster } = setUp();
    cluster.failNext(() => true, new OperatorError("Timeout", { publicMessage: "x" }), "after");
    recorder.record(ABOUT, EVENT);
    await settle(10_000);
    assert.equal(stored().length, 1);
    cluster.failNext(() => true, new OperatorError("PermissionDenied", { publicMessage: "x" }));
    recorder.record(ABOUT, { ...EVENT, note: "second" });
    await settle(10_000);
    assert.equal(cluster.calls.length, 3);
  });

  it("drops the oldest good news when too many wait", async () => {
    const { recorder, settle, stored } = setUp();
    recorder.record(ABOUT, { ...EVENT, type: "Warning", note: "bad news" });
    for (let n = 0; n < 2200; n += 1) recorder.record({ ...ABOUT, uid: `u${n}` }, { ...EVENT, note: `n ${n}` });
    // The process ends: nothing waits for its turn.
    void recorder.flush(3_600_000);
    for (let turn = 0; turn < 600; turn += 1) await settle();
    const notes = stored().map((event) => event.note);
    assert.ok(notes.length <= 2001, `${notes.length}`);
    assert.ok(notes.includes("n 2199") && notes.includes("bad news") && !notes.includes("n 50"));
  });

  it("sends fifty at once and then ten a second, warnings first", async () => {
    const { recorder, settle, stored, clock } = setUp();
    for (let n = 0; n < 100; n += 1) recorder.record({ ...ABOUT, uid: `u${n}` }, { ...EVENT, note: `n ${n}` });
    for (let turn = 0; turn < 20; turn += 1) await settle();
    assert.equal(stored().length, 50);
    recorder.record(ABOUT, { ...EVENT, type: "Warning", note: "bad news" });
    for (let tenth = 0; tenth < 10; tenth += 1) {
      await clock.advance(100);
      await settle();
    }
    assert.ok(Math.abs(stored().length - 60) <= 1, `${stored().length}`);
    assert.ok(stored().some(({ note }) => note === "bad news"));
  });

  it("keeps to the server's bounds for long texts", async () => {
    const { recorder, settle, stored } = setUp();
    recorder.record({ ref: { ...ABOUT.ref, name: "n".repeat(253) }, uid: "u1" }, { ...EVENT, note: "ü".repeat(5000) });
    await settle();
    const [event] = stored() as [StoredEvent];
    assert.ok(Buffer.byteLength(event.note) <= 1024 && !event.note.includes("\uFFFD"));
    assert.ok(event.metadata.name.length <= 253);
  });

  it("waits in flush no longer than its deadline", async () => {
    const { recorder, settle, cluster } = setUp();
    cluster.failNext(
      () => true,
      new OperatorError("Throttled", { publicMessage: "x", retryAfterMs: 60_000 }),
      "before",
      99,
    );
    recorder.record(ABOUT, EVENT);
    let done = false;
    void recorder.flush(500).then(() => (done = true));
    await settle(499);
    assert.equal(done, false);
    await settle(1);
    assert.equal(done, true);
  });
});
