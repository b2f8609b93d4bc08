import assert from "node:assert/strict";
import { FINALIZER } from "../api/v1alpha1/annotations.ts";
import type { KubeObject } from "./contract.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { addFinalizer, hasFinalizer, removeFinalizer } from "./finalizer.ts";
import { secretRotations } from "./resources.ts";

const REF = { kind: secretRotations, namespace: "team-a", name: "db" };
const FOREIGN = "example.com/keep";

const setUp = (finalizers: readonly string[]) => {
  const cluster = new FakeCluster();
  const object = cluster.seed<KubeObject>(REF, { metadata: { finalizers }, spec: {} });
  return { cluster, object };
};

describe("finalizer", () => {
  it("is added beside those of others, once", async () => {
    const { cluster, object } = setUp([FOREIGN]);
    const stored = await addFinalizer(cluster, REF, object);
    assert.deepEqual(stored.metadata.finalizers, [FOREIGN, FINALIZER]);
    assert.equal(hasFinalizer(stored), true);
    await addFinalizer(cluster, REF, stored);
    assert.equal(cluster.calls.length, 1);
  });

  it("is taken off, and those of others stay", async () => {
    const { cluster, object } = setUp([FINALIZER, FOREIGN]);
    await removeFinalizer(cluster, REF, object);
    assert.deepEqual(cluster.peek(REF)?.metadata.finalizers, [FOREIGN]);
  });

  it("is not written over a list that somebody has changed since", async () => {
    const { cluster, object } = setUp([FINALIZER]);
    cluster.seed(REF, { metadata: { finalizers: [FINALIZER, FOREIGN] }, spec: {} });
    await assert.rejects(removeFinalizer(cluster, REF, object), { code: "Conflict" });
    await assert.rejects(addFinalizer(cluster, REF, { ...object, metadata: { ...object.metadata, finalizers: [] } }), {
      code: "Conflict",
    });
    assert.deepEqual(cluster.peek(REF)?.metadata.finalizers, [FINALIZER, FOREIGN]);
  });

  it("is off an object that is gone", async () => {
    const { cluster, object } = setUp([FINALIZER]);
    cluster.drop(REF);
    await removeFinalizer(cluster, REF, object);
  });
});
