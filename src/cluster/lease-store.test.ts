import assert from "node:assert/strict";
import { FakeCluster } from "./fake-cluster.ts";
import { KubernetesLeaseStore } from "./lease-store.ts";
import { leases } from "./resources.ts";

const PLACE = { namespace: "keyturn", name: "operator" };
const RECORD = {
  holder: "one",
  durationSeconds: 8,
  acquiredAt: "2026-01-01T00:00:00.000000Z",
  renewedAt: "2026-01-01T00:00:02.000000Z",
  transitions: 3,
};

describe("lease store", () => {
  it("brings back what it was given, with a version that the next update must carry", async () => {
    const store = new KubernetesLeaseStore(new FakeCluster(), PLACE);
    assert.equal(await store.get(), undefined);
    const { version, ...created } = await store.create(RECORD);
    assert.deepEqual(created, RECORD);
    assert.deepEqual(await store.get(), { ...RECORD, version });
    const updated = await store.update({ ...RECORD, holder: "" }, version);
    assert.equal(updated.holder, "");
    await assert.rejects(store.update(RECORD, version), { code: "Conflict" });
    await assert.rejects(store.create(RECORD), { code: "AlreadyExists" });
  });

  it("reads a Lease without a spec as released", async () => {
    const cluster = new FakeCluster();
    cluster.seed({ kind: leases, ...PLACE }, {});
    assert.equal((await new KubernetesLeaseStore(cluster, PLACE).get())?.holder, "");
  });
});
