import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import { SettlingClock } from "./settling-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { LeaderLease, type LeaseRecord, type LeaseStore, type StoredLease } from "./lease.ts";

class MemoryStore implements LeaseStore {
  stored: StoredLease | undefined;
  fail = false;
  hang = false;
  writes = 0;

  async get(): Promise<StoredLease | undefined> {
    await this.#trouble();
    return this.stored;
  }

  async create(record: LeaseRecord): Promise<StoredLease> {
    await this.#trouble();
    if (this.stored !== undefined) throw new OperatorError("AlreadyExists", { publicMessage: "x" });
    return this.#store(record);
  }

  async update(record: LeaseRecord, version: string): Promise<StoredLease> {
    await this.#trouble();
    if (this.stored?.version !== version) throw new OperatorError("Conflict", { publicMessage: "x" });
    return this.#store(record);
  }

  #store(record: LeaseRecord): StoredLease {
    this.writes += 1;
    this.stored = { ...record, version: String(this.writes) };
    return this.stored;
  }

  async #trouble(): Promise<void> {
    if (this.hang) await new Promise(() => undefined);
    if (this.fail) throw new OperatorError("Unavailable", { publicMessage: "x" });
  }
}

const contender = (store: LeaseStore, clock: SettlingClock, identity: string) => {
  const lease = new LeaderLease({ store, identity, clock, log: silentLogger, random: () => 0 });
  const seen: string[] = [];
  const stop = new AbortController();
  const run = (): void =>
    void lease.run(stop.signal, { onAcquired: () => seen.push("acquired"), onLost: () => seen.push("lost") });
  return { lease, seen, run, stop };
};

describe("leader lease", () => {
  it("is acquired at once when nobody holds it, and renewed every two seconds", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    const one = contender(store, clock, "one");
    one.run();
    await clock.advance(10_000);
    assert.deepEqual(one.seen, ["acquired"]);
    assert.equal(store.writes, 6);
    assert.equal(one.lease.holds(), true);
    assert.equal(store.stored?.transitions, 0);
    assert.match(store.stored.renewedAt, /^2026-01-01T00:00:10\.\d{6}Z$/);
  });

  it("is left to its holder while that renews, and taken within ten seconds of its death", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    const [one, two] = [contender(store, clock, "one"), contender(store, clock, "two")];
    one.run();
    await clock.advance(100);
    two.run();
    await clock.advance(60_000);
    assert.deepEqual(two.seen, []);
    one.stop.abort();
    await clock.advance(10_000);
    assert.deepEqual(two.seen, ["acquired"]);
    assert.equal(store.stored?.holder, "two");
    assert.equal(store.stored.transitions, 1);
  });

  it("does not believe a renew time from a wrong clock", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    await store.create({
      holder: "one",
      durationSeconds: 8,
      acquiredAt: "1999-01-01T00:00:00.000000Z",
      renewedAt: "1999-01-01T00:00:00.000000Z",
      transitions: 3,
    });
    const two = contender(store, clock, "two");
    two.run();
    await clock.advance(7000);
    assert.deepEqual(two.seen, [], "old by the wall clock, but not yet seen unchanged for its duration");
    await clock.advance(2000);
    assert.deepEqual(two.seen, ["acquired"]);
  });

  it("is taken again at once by the same identity after a restart, without a transition", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    const before = contender(store, clock, "one");
    before.run();
    await clock.advance(100);
    before.stop.abort();
    const after = contender(store, clock, "one");
    after.run();
    await clock.advance(0);
    assert.deepEqual(after.seen, ["acquired"]);
    assert.equal(store.stored?.transitions, 0);
  });

  it("is given back on release, so that another takes it at its next try", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    const [one, two] = [contender(store, clock, "one"), contender(store, clock, "two")];
    one.run();
    await clock.advance(100);
    two.run();
    one.stop.abort();
    await one.lease.release();
    assert.equal(one.lease.holds(), false);
    assert.equal(store.stored?.holder, "");
    await clock.advance(2000);
    assert.deepEqual(two.seen, ["acquired"]);
  });

  it("is lost once when it cannot be renewed for five seconds, counted from the last good renewal's start", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    const one = contender(store, clock, "one");
    one.run();
    await clock.advance(100);
    store.fail = true;
    await clock.advance(4899);
    assert.deepEqual(one.seen, ["acquired"]);
    await clock.advance(1);
    assert.deepEqual(one.seen, ["acquired", "lost"]);
    assert.equal(one.lease.holds(), false);
    store.fail = false;
    await clock.advance(60_000);
    assert.deepEqual(one.seen, ["acquired", "lost"], "a lost leader never comes back in this process");
  });

  it("is kept when a renewal has failed late and the server is back before the deadline", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    const one = contender(store, clock, "one");
    one.run();
    await clock.advance(100);
    store.fail = true;
    await clock.advance(4300);
    store.fail = false;
    await clock.advance(20_000);
    assert.deepEqual(one.seen, ["acquired"]);
    assert.equal(one.lease.holds(), true);
  });

  it("is lost when the renewal hangs", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    const one = contender(store, clock, "one");
    one.run();
    await clock.advance(100);
    store.hang = true;
    await clock.advance(5000);
    assert.deepEqual(one.seen, ["acquired", "lost"]);
  });

  it("survives an answer that was lost", async () => {
    const [store, clock] = [new MemoryStore(), new SettlingClock()];
    const one = contender(store, clock, "one");
    one.run();
    await clock.advance(100);
    await store.update({ ...store.stored!, renewedAt: "x" }, store.stored!.version);
    await clock.advance(20_000);
    assert.deepEqual(one.seen, ["acquired"]);
  });

  it("refuses times that cannot work", () => {
    const make = () =>
      new LeaderLease({
        store: new MemoryStore(),
        identity: "a",
        clock: new SettlingClock(),
        log: silentLogger,
        renewDeadlineMs: 9000,
      });
    assert.throws(make, RangeError);
  });
});
