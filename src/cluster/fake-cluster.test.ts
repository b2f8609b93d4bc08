import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import type { KubeObject, ResourceKind } from "./contract.ts";
import { FakeCluster } from "./fake-cluster.ts";
import { wholeOf } from "../kernel/listed.ts";

const THING: ResourceKind = { group: "t.dev", version: "v1", plural: "things", kind: "Thing", namespaced: true };
const SECRET: ResourceKind = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
interface Thing extends KubeObject {
  readonly spec: { readonly size: number; readonly extra?: string };
  readonly status?: { readonly seen: number };
}
const ref = { kind: THING, namespace: "a", name: "one" };
const make = async (cluster: FakeCluster): Promise<Thing> =>
  cluster.create<Thing>(ref, { apiVersion: "t.dev/v1", kind: "Thing", metadata: { name: "one" }, spec: { size: 1 } });
const code = (wanted: string) => (error: unknown) => error instanceof OperatorError && error.code === wanted;

describe("FakeCluster", () => {
  it("creates once and refuses the second create as AlreadyExists", async () => {
    const cluster = new FakeCluster();
    await make(cluster);
    await assert.rejects(make(cluster), code("AlreadyExists"));
  });

  it("refuses a replace with an old resourceVersion as Conflict and with an absent object as NotFound", async () => {
    const cluster = new FakeCluster();
    const first = await make(cluster);
    await cluster.replace<Thing>(ref, { ...first, spec: { size: 2 } });
    await assert.rejects(cluster.replace<Thing>(ref, { ...first, spec: { size: 3 } }), code("Conflict"));
    await assert.rejects(cluster.replace<Thing>({ ...ref, name: "no" }, first), code("NotFound"));
  });

  it("lets the generation grow on a spec change only", async () => {
    const cluster = new FakeCluster();
    const first = await make(cluster);
    assert.equal(first.metadata.generation, 1);
    const second = await cluster.mergePatch<Thing>(ref, { metadata: { labels: { x: "y" } } });
    assert.equal(second.metadata.generation, 1);
    const third = await cluster.replace<Thing>(ref, { ...second, spec: { size: 2 } });
    assert.equal(third.metadata.generation, 2);
  });

  it("keeps status out of replace and spec out of replaceStatus", async () => {
    const cluster = new FakeCluster();
    const first = await make(cluster);
    const second = await cluster.replaceStatus<Thing>(ref, { ...first, spec: { size: 9 }, status: { seen: 1 } });
    assert.deepEqual([second.spec.size, second.status?.seen, second.metadata.generation], [1, 1, 1]);
    const third = await cluster.replace<Thing>(ref, { ...second, status: { seen: 7 } });
    assert.equal(third.status?.seen, 1);
  });

  it("does not move the resourceVersion when nothing changes", async () => {
    const cluster = new FakeCluster();
    const first = await make(cluster);
    const second = await cluster.replace<Thing>(ref, first);
    assert.equal(second.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  it("removes members by null in a merge patch", async () => {
    const cluster = new FakeCluster();
    await make(cluster);
    await cluster.mergePatch<Thing>(ref, { spec: { extra: "x" } });
    const after = await cluster.mergePatch<Thing>(ref, { spec: { extra: null } });
    assert.deepEqual(after.spec, { size: 1 });
  });

  it("keeps an object with finalizers until the last one is taken off", async () => {
    const cluster = new FakeCluster();
    const first = await make(cluster);
    const held = await cluster.mergePatch<Thing>(ref, { metadata: { finalizers: ["f"] } });
    assert.equal(await cluster.delete(ref, { uid: first.metadata.uid }), true);
    assert.notEqual(cluster.peek(ref)?.metadata.deletionTimestamp, undefined);
    await cluster.mergePatch<Thing>(ref, { metadata: { uid: held.metadata.uid, finalizers: [] } });
    assert.equal(cluster.peek(ref), undefined);
  });

  it("compares uid and resourceVersion before it deletes, and answers false for what is absent", async () => {
    const cluster = new FakeCluster();
    const first = await make(cluster);
    await assert.rejects(cluster.delete(ref, { uid: "other" }), code("Conflict"));
    await assert.rejects(cluster.delete(ref, { uid: first.metadata.uid, resourceVersion: "1" }), code("Conflict"));
    assert.equal(await cluster.delete(ref, { uid: first.metadata.uid }), true);
    assert.equal(await cluster.delete(ref, { uid: first.metadata.uid }), false);
  });

  it("refuses to change the data of an immutable Secret", async () => {
    const cluster = new FakeCluster();
    const secret = { kind: SECRET, namespace: "a", name: "s" };
    const stored = cluster.seed<KubeObject>(secret, { immutable: true, data: { a: "eA==" } });
    await assert.rejects(
      cluster.replace(secret, { ...stored, data: { a: "eQ==" } } as KubeObject),
      code("InvalidSpec"),
    );
  });

  it("fails before or after the effect, as told, and logs the call", async () => {
    const cluster = new FakeCluster();
    const lost = new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true });
    cluster.failNext((call) => call.verb === "create", lost, "before");
    await assert.rejects(make(cluster), lost);
    assert.equal(cluster.peek(ref), undefined);
    cluster.failNext((call) => call.verb === "create", lost, "after");
    await assert.rejects(make(cluster), lost);
    assert.notEqual(cluster.peek(ref), undefined);
    assert.equal(cluster.mutations().length, 2);
  });

  it("selects by namespace and label", async () => {
    const cluster = new FakeCluster();
    await make(cluster);
    cluster.seed({ ...ref, name: "two" }, { metadata: { labels: { role: "x" } }, spec: {} });
    cluster.seed({ ...ref, namespace: "b" }, { metadata: { labels: { role: "x" } }, spec: {} });
    const found = await cluster.list(THING, { namespace: "a", labelSelector: "role=x" });
    assert.deepEqual(
      wholeOf("things", found).map((object) => object.metadata.name),
      ["two"],
    );
  });

  it("creates for show: admission judges, nothing is kept", async () => {
    const cluster = new FakeCluster();
    const fresh = { apiVersion: "x/v1", kind: "Thing", metadata: { name: "new" }, spec: {} };
    cluster.admission = (object) => ({ ...object, metadata: { ...object.metadata, annotations: { stamp: "jane" } } });
    const answer = await cluster.dryRunCreate({ kind: THING, namespace: "a" }, fresh);
    assert.deepEqual(answer.metadata.annotations, { stamp: "jane" });
    assert.deepEqual([cluster.all(THING), cluster.mutations()], [[], []]);
    cluster.admission = () => {
      throw new OperatorError("PermissionDenied", { publicMessage: "no" });
    };
    await assert.rejects(cluster.dryRunCreate({ kind: THING, namespace: "a" }, fresh), code("PermissionDenied"));
  });

  it("lets nobody do anything unless a test says so", async () => {
    const cluster = new FakeCluster();
    const question = { user: "jane", groups: [], attributes: { kind: "path", verb: "get", path: "/x" } } as const;
    assert.equal(await cluster.review(question), false);
    cluster.allows = ({ user }) => user === "jane";
    assert.equal(await cluster.review(question), true);
  });
});
