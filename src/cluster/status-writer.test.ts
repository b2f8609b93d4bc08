import assert from "node:assert/strict";
import { systemClock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { secretRotations } from "./resources.ts";
import { writeStatus, type WithStatus } from "./status-writer.ts";

const REF = { kind: secretRotations, namespace: "team-a", name: "db" };
const OPTIONS = { clock: systemClock, random: () => 0 };

const setUp = () => {
  const cluster = new FakeCluster();
  const base = cluster.seed<WithStatus>(REF, { spec: { every: "1h" }, status: { sequence: 1 } });
  const write = (next: unknown) => writeStatus(cluster, REF, { base, next }, OPTIONS);
  const touch = (): void => {
    cluster.seed(REF, { ...cluster.peek<WithStatus>(REF), spec: { every: "2h" } });
  };
  return { cluster, base, write, touch };
};
const isPut = (call: { readonly verb: string }) => call.verb === "replaceStatus";

describe("status writer", () => {
  it("puts the status in one call and answers the object as stored", async () => {
    const { cluster, base, write } = setUp();
    const stored = await write({ sequence: 2 });
    assert.deepEqual(
      cluster.calls.map((call) => call.verb),
      ["replaceStatus"],
    );
    assert.deepEqual(stored.status, { sequence: 2 });
    assert.notEqual(stored.metadata.resourceVersion, base.metadata.resourceVersion);
  });

  it("makes no call when nothing changes, whatever the order of members", async () => {
    const cluster = new FakeCluster();
    const base = cluster.seed<WithStatus>(REF, { spec: {}, status: { a: 1, b: 2 } });
    assert.equal(await writeStatus(cluster, REF, { base, next: { b: 2, a: 1 } }, OPTIONS), base);
    assert.deepEqual(cluster.calls, []);
  });

  it("tries again when others wrote something else than the status", async () => {
    const { cluster, write, touch } = setUp();
    for (let n = 0; n < 5; n += 1) cluster.interject(isPut, touch);
    await write({ sequence: 2 });
    const live = cluster.peek<WithStatus & { spec: unknown }>(REF);
    assert.deepEqual(live?.status, { sequence: 2 });
    assert.deepEqual(live.spec, { every: "2h" }, "the other's write is kept");
  });

  it("throws Conflict when the status was written in between, and leaves it", async () => {
    const { cluster, write } = setUp();
    cluster.interject(isPut, () => void cluster.seed(REF, { spec: {}, status: { sequence: 9 } }));
    await assert.rejects(write({ sequence: 2 }), { code: "Conflict" });
    assert.deepEqual(cluster.peek<WithStatus>(REF)?.status, { sequence: 9 });
    assert.equal(cluster.calls.filter(isPut).length, 1);
  });

  it("throws Conflict when the object was made anew under its name, even with the same status", async () => {
    const { cluster, write } = setUp();
    cluster.interject(isPut, () => {
      cluster.drop(REF);
      cluster.seed(REF, { spec: {}, status: { sequence: 1 } });
    });
    await assert.rejects(write({ sequence: 2 }), { code: "Conflict" });
    assert.deepEqual(cluster.peek<WithStatus>(REF)?.status, { sequence: 1 });
  });

  it("takes its own write whose answer was lost for what it is", async () => {
    const { cluster, write } = setUp();
    cluster.failNext(isPut, new OperatorError("Conflict", { publicMessage: "x" }), "after");
    assert.deepEqual((await write({ sequence: 2 })).status, { sequence: 2 });
    assert.equal(cluster.calls.filter(isPut).length, 1);
  });

  it("gives up after twenty tries", async () => {
    const { cluster, write, touch } = setUp();
    for (let n = 0; n < 30; n += 1) cluster.interject(isPut, touch);
    touch();
    await assert.rejects(write({ sequence: 2 }), { code: "Conflict" });
    assert.equal(cluster.calls.filter(isPut).length, 20);
  });

  it("throws other errors at once", async () => {
    const { cluster, write } = setUp();
    cluster.failNext(isPut, new OperatorError("Timeout", { publicMessage: "x", ambiguous: true }), "after");
    await assert.rejects(write({ sequence: 2 }), { code: "Timeout", ambiguous: true });
    assert.equal(cluster.calls.length, 1);
  });
});
