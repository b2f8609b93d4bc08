import assert from "node:assert/strict";
import { SettlingClock } from "./settling-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { LeaderLease, type LeaseRecord, type LeaseStore, type StoredLease } from "./lease.ts";
import { Manager, type Runnable, type Watched } from "./manager.ts";

const informer = () => {
  const sync = Promise.withResolvers<undefined>();
  let done = false;
  let signal: AbortSignal | undefined;
  const watched: Watched = {
    start: (given) => (signal = given),
    synced: (given) =>
      Promise.race([
        sync.promise,
        new Promise<never>((_resolve, reject) => given.addEventListener("abort", () => reject(new Error("x")))),
      ]),
    hasSynced: () => done,
  };
  const finish = (): void => {
    done = true;
    sync.resolve(undefined);
  };
  return { watched, finish, signal: () => signal };
};

const controller = (ends: Promise<void> = Promise.resolve()) => {
  const calls: string[] = [];
  const runnable: Runnable = {
    name: "c",
    start: () => calls.push("start"),
    stop: () => {
      calls.push("stop");
      return ends;
    },
  };
  return { runnable, calls };
};

/** A store whose lease another holds until `free`. */
const leaseStore = () => {
  let stored: StoredLease | undefined;
  let broken = false;
  const guard = (): void => {
    if (broken) throw new Error("x");
  };
  const put = (record: LeaseRecord): Promise<StoredLease> => {
    guard();
    stored = { ...record, version: "1" };
    return Promise.resolve(stored);
  };
  const store: LeaseStore = { get: async () => stored, create: put, update: put };
  return { store, break: () => (broken = true), holder: () => stored?.holder };
};

const setUp = (ends?: Promise<void>) => {
  const clock = new SettlingClock();
  const [watch, control, backing] = [informer(), controller(ends), leaseStore()];
  const flushed: string[] = [];
  const lease = new LeaderLease({ store: backing.store, identity: "me", clock, log: silentLogger, random: () => 0 });
  const led: AbortSignal[] = [];
  const manager = new Manager({
    clock,
    log: silentLogger,
    informers: { rotations: watch.watched },
    controllers: [control.runnable],
    lease,
    onLeading: (signal) => led.push(signal),
    flush: async () => void flushed.push("flushed"),
  });
  const stop = new AbortController();
  let end: string | undefined;
  const run = (): void => void manager.run(stop.signal).then((why) => (end = why));
  return { clock, watch, control, backing, manager, stop, run, flushed, led, end: () => end };
};

describe("manager", () => {
  it("starts controllers only when informers have synced and the lease is held", async () => {
    const { clock, watch, control, manager, run, backing, led } = setUp();
    assert.equal(manager.started(), false);
    run();
    await clock.advance(1000);
    assert.equal(manager.started(), true);
    assert.deepEqual(manager.missing(), ["rotations"]);
    assert.deepEqual(control.calls, []);
    assert.equal(backing.holder(), undefined, "no lease before the sync");
    watch.finish();
    await clock.advance(0);
    assert.deepEqual(manager.missing(), []);
    assert.deepEqual(control.calls, ["start"]);
    assert.equal(led.length, 1);
    assert.equal(manager.leading(), true);
  });

  it("on a signal stops acting at once, then flushes, stops informers and gives the lease back", async () => {
    const passes = Promise.withResolvers<undefined>();
    const { clock, watch, control, manager, stop, run, backing, flushed, led, end } = setUp(passes.promise);
    run();
    watch.finish();
    await clock.advance(0);
    stop.abort();
    await clock.advance(0);
    assert.deepEqual(control.calls, ["start", "stop"]);
    assert.equal(led[0]?.aborted, true);
    assert.equal(manager.leading(), false);
    assert.equal(watch.signal()?.aborted, false, "passes that end may still read");
    assert.equal(backing.holder(), "me", "the lease is kept while a pass may act");
    await clock.advance(3000);
    assert.equal(end(), undefined);
    passes.resolve(undefined);
    await clock.advance(0);
    assert.deepEqual(flushed, ["flushed"]);
    assert.equal(watch.signal()?.aborted, true);
    assert.equal(backing.holder(), "");
    assert.equal(end(), "Stopped");
  });

  it("ends within ten seconds when a pass hangs, and then leaves the lease to run out", async () => {
    const { clock, watch, stop, run, backing, end } = setUp(new Promise<void>(() => undefined));
    run();
    watch.finish();
    await clock.advance(0);
    stop.abort();
    await clock.advance(7999);
    assert.equal(end(), undefined);
    await clock.advance(2000);
    assert.equal(end(), "Stopped");
    assert.equal(backing.holder(), "me");
  });

  it("stops when the lease is lost", async () => {
    const { clock, watch, control, run, backing, end } = setUp();
    run();
    watch.finish();
    await clock.advance(0);
    backing.break();
    await clock.advance(6000);
    assert.deepEqual(control.calls, ["start", "stop"]);
    assert.equal(end(), "LeaseLost");
  });

  it("ends at once when it is stopped before anything has synced, and never starts a controller", async () => {
    const { clock, watch, control, stop, run, end } = setUp();
    run();
    await clock.advance(10);
    stop.abort();
    await clock.advance(0);
    assert.equal(end(), "Stopped");
    watch.finish();
    await clock.advance(10_000);
    assert.deepEqual(control.calls, ["stop"]);
  });
});
