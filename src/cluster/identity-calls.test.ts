import assert from "node:assert/strict";
import { FakeCluster } from "./fake-cluster.ts";
import { identityCalls } from "./identity-calls.ts";
import { clusterRoleBindings, serviceAccounts } from "./resources.ts";

describe("identityCalls of a cluster", () => {
  it("creates, reads, lists, patches and deletes by kinds' names", async () => {
    const cluster = new FakeCluster();
    const calls = identityCalls(cluster);
    const place = { kind: "ServiceAccount", namespace: "team", name: "app" } as const;
    const made = await calls.create(place, { labels: { a: "b" }, annotations: { c: "d" } });
    assert.deepEqual(cluster.peek({ kind: serviceAccounts, namespace: "team", name: "app" }), {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { ...made.metadata, labels: { a: "b" }, annotations: { c: "d" }, namespace: "team", name: "app" },
    });
    assert.deepEqual(await calls.get(place), made);
    assert.deepEqual(await calls.list("ServiceAccount", { namespace: "team", labelSelector: "a=b" }), {
      kind: "Whole",
      items: [made],
    });
    const patched = await calls.mergePatch(place, { metadata: { labels: { a: null } } });
    const { uid, resourceVersion } = patched.metadata;
    await assert.rejects(calls.delete(place, { uid: "another", resourceVersion }));
    assert.equal(await calls.delete(place, { uid, resourceVersion }), true);
    assert.equal(await calls.get(place), undefined);
  });

  it("keeps the namespace off what has none, and sends roleRef and subjects along", async () => {
    const cluster = new FakeCluster();
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
    const subjects = [{ kind: "ServiceAccount", namespace: "team", name: "app" }];
    await identityCalls(cluster).create(
      { kind: "ClusterRoleBinding", namespace: "team", name: "b" },
      { labels: {}, annotations: {}, roleRef, subjects },
    );
    const found = cluster.peek({ kind: clusterRoleBindings, name: "b" });
    assert.equal(found?.metadata.namespace, undefined);
    assert.deepEqual(
      { ...found, metadata: undefined },
      {
        ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", metadata: undefined },
        ...{ roleRef, subjects },
      },
    );
  });

  it("passes a review on", async () => {
    const cluster = new FakeCluster();
    cluster.allows = ({ user }) => user === "jane";
    const attributes = { kind: "path", verb: "get", path: "/healthz" } as const;
    assert.equal(await identityCalls(cluster).review({ user: "jane", groups: [], attributes }), true);
    assert.equal(await identityCalls(cluster).review({ user: "joe", groups: [], attributes }), false);
    assert.deepEqual(cluster.mutations(), []);
  });
});
