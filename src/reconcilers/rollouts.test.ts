import assert from "node:assert/strict";
import { restartedFor } from "../api/v1alpha1/annotations.ts";
import type { SecretRotation } from "../api/v1alpha1/secret-rotation.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { rollouts, type Rollouts, type RolloutWish } from "./rollouts.ts";

const DEBOUNCE_MS = 10_000;

const rotationOf = (name: string, workload: string, rolling = false): SecretRotation =>
  ({
    metadata: { name, namespace: "payments", uid: name },
    spec: { dependents: [{ name: "app", workload: { kind: "Deployment", name: workload } }] },
    ...(rolling ? { status: { rotation: { dependents: [{ name: "app", startedAt: "2026-01-01T00:00:00Z" }] } } } : {}),
  }) as unknown as SecretRotation;

const wishOf = (rotation: string, workload: string, version = "2-abcde"): RolloutWish => ({
  namespace: "payments",
  workload: `Deployment/${workload}`,
  rotation,
  version,
});

describe("rollouts", () => {
  let clock: FakeClock;
  let book: Rollouts;

  beforeEach(() => {
    clock = new FakeClock();
    book = rollouts({ clock, debounceMs: DEBOUNCE_MS, most: 2 });
  });

  const uses = (...pairs: readonly (readonly [string, string])[]): void => {
    for (const [rotation, workload] of pairs) book.seen(rotation, rotationOf(rotation, workload));
  };

  it("lets a workload that one rotation alone restarts roll at once", () => {
    uses(["key", "web"]);
    assert.equal(book.turn(wishOf("key", "web")), undefined);
    assert.deepEqual(book.wishes(wishOf("key", "web")), { [restartedFor("key")]: "2-abcde" });
  });

  it("restarts a workload of several rotations once for all that come within the debounce", async () => {
    uses(["key", "web"], ["password", "web"], ["token", "web"]);
    assert.equal(book.turn(wishOf("key", "web")), DEBOUNCE_MS);
    await clock.advance(4000);
    assert.equal(book.turn(wishOf("password", "web", "5-fghij")), 6000);
    await clock.advance(6000);
    assert.equal(book.turn(wishOf("key", "web")), undefined);
    assert.deepEqual(book.wishes(wishOf("key", "web")), {
      [restartedFor("key")]: "2-abcde",
      [restartedFor("password")]: "5-fghij",
    });
    book.rolled(wishOf("key", "web"));
    // The next change is a change of its own.
    assert.equal(book.turn(wishOf("token", "web")), DEBOUNCE_MS);
  });

  it("forgets what nobody asks for any more", async () => {
    uses(["key", "web"], ["password", "web"]);
    book.turn(wishOf("password", "web", "5-fghij"));
    await clock.advance(60_000);
    assert.equal(book.turn(wishOf("key", "web")), undefined);
    assert.deepEqual(book.wishes(wishOf("key", "web")), { [restartedFor("key")]: "2-abcde" });
  });

  it("rolls no more workloads at a time than it may, and goes on as they end", () => {
    uses(["a", "one"], ["b", "two"], ["c", "three"]);
    assert.equal(book.turn(wishOf("a", "one")), undefined);
    assert.equal(book.turn(wishOf("b", "two")), undefined);
    assert.equal(typeof book.turn(wishOf("c", "three")), "number");
    // One that rolls already takes no second place.
    assert.equal(book.turn(wishOf("a", "one", "3-later")), undefined);
    book.ended(wishOf("a", "one"));
    assert.equal(book.turn(wishOf("c", "three")), undefined);
  });

  it("knows from the records what a process before it has begun", () => {
    book.seen("a", rotationOf("a", "one", true));
    book.seen("b", rotationOf("b", "two", true));
    uses(["c", "three"]);
    assert.equal(typeof book.turn(wishOf("c", "three")), "number");
    book.seen("a", rotationOf("a", "one"));
    assert.equal(book.turn(wishOf("c", "three")), undefined);
  });

  it("does not keep a place for ever for one whose end nobody sees", async () => {
    uses(["a", "one"], ["b", "two"], ["c", "three"]);
    book.turn(wishOf("a", "one"));
    book.turn(wishOf("b", "two"));
    assert.equal(typeof book.turn(wishOf("c", "three")), "number");
    await clock.advance(16 * 60_000);
    assert.equal(book.turn(wishOf("c", "three")), undefined);
  });

  it("has no limit with 0, and waits for nobody who is gone", () => {
    const free = rollouts({ clock, debounceMs: DEBOUNCE_MS, most: 0 });
    for (const name of ["a", "b", "c", "d"]) {
      free.seen(name, rotationOf(name, name));
      assert.equal(free.turn(wishOf(name, name)), undefined);
    }
    free.seen("e", rotationOf("e", "a"));
    assert.equal(free.turn(wishOf("e", "a")), DEBOUNCE_MS);
    free.seen("e", undefined);
    assert.equal(free.turn(wishOf("a", "a", "9-again")), undefined);
  });
});
