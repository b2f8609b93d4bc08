import assert from "node:assert/strict";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import type { KubeObject } from "../cluster/contract.ts";
import { OperatorError } from "../kernel/errors.ts";
import { gitOwner, restored, rewriteSpec } from "./rewrite-spec.ts";

const metadata = { name: "billing", uid: "u", resourceVersion: "1" };
const ref = {
  kind: { group: "keyturn.dev", version: "v1alpha1", plural: "things", kind: "Thing", namespaced: true },
  namespace: "payments",
  name: "billing",
};
interface Spec {
  readonly accounts: readonly string[];
  readonly state?: string;
  readonly deletion?: string;
}
type Thing = KubeObject & { readonly spec: Spec };

const setUp = (more: object = {}) => {
  const cluster = new FakeCluster();
  const object = cluster.seed<Thing>(ref, {
    metadata: { generation: 2, ...more },
    spec: { accounts: ["bad"], deletion: "5s" },
  });
  const ports = { cluster, outside: { mutate: <T>(_: unknown, __: unknown, run: () => Promise<T>) => run() } };
  const rewrite = (given = object) =>
    rewriteSpec<Spec>(ports, {
      ref,
      object: given,
      good: { accounts: ["good"], state: "Active", deletion: "24h" },
      newest: ["state", "deletion"],
      subject: { kind: "Thing", namespace: "payments", name: "billing", uid: "u" },
      passId: "p",
      signal: new AbortController().signal,
    });
  return { cluster, object, rewrite };
};

describe("writing the good spec back", () => {
  it("puts back what failed and keeps the newest of what must act, also where that is absent now", async () => {
    const { cluster, rewrite } = setUp();
    assert.deepEqual(await rewrite(), { kind: "written" });
    assert.deepEqual(cluster.peek<Thing>(ref)?.spec, { accounts: ["good"], deletion: "5s" });
  });

  it("writes nothing when there is nothing to put back", async () => {
    const { cluster, object, rewrite } = setUp();
    assert.deepEqual(await rewrite({ ...object, spec: { accounts: ["good"], deletion: "5s" } }), { kind: "same" });
    assert.equal(cluster.mutations().length, 0);
  });

  it("is a Conflict when somebody has written in between, and theirs stays", async () => {
    const { cluster, rewrite } = setUp();
    await cluster.mergePatch(ref, { spec: { accounts: ["theirs"] } });
    await assert.rejects(rewrite(), { code: "Conflict" });
    assert.deepEqual(cluster.peek<Thing>(ref)?.spec.accounts, ["theirs"]);
  });

  it("is refused for good when the API server refuses it, and tried again when that is only away", async () => {
    const refusing = setUp();
    const invalid = new OperatorError("InvalidSpec", { publicMessage: "immutable" });
    refusing.cluster.failNext((call) => call.verb === "replace", invalid);
    assert.deepEqual(await refusing.rewrite(), { kind: "refused", why: "the API server refused it (InvalidSpec)." });
    const away = setUp();
    away.cluster.failNext(
      (call) => call.verb === "replace",
      new OperatorError("Unavailable", { publicMessage: "away" }),
    );
    await assert.rejects(away.rewrite(), { code: "Unavailable" });
  });

  for (const [name, marks] of [
    ["the tracking id of Argo CD", { annotations: { "argocd.argoproj.io/tracking-id": "app:g/k:ns/n" } }],
    ["the instance label of Argo CD", { labels: { "argocd.argoproj.io/instance": "app" } }],
    ["the label of a Kustomization", { labels: { "kustomize.toolkit.fluxcd.io/name": "apps" } }],
    ["the label of a HelmRelease", { labels: { "helm.toolkit.fluxcd.io/name": "apps" } }],
    ["the manager of Argo CD", { managedFields: [{ manager: "kubectl" }, { manager: "argocd-controller" }] }],
    ["the other manager of Argo CD", { managedFields: [{ manager: "argocd-application-controller" }] }],
    ["the manager of a Kustomization", { managedFields: [{ manager: "kustomize-controller" }] }],
    ["the manager of a HelmRelease", { managedFields: [{ manager: "helm-controller" }] }],
  ] as const) {
    it(`is refused where ${name} is on the object`, async () => {
      const { cluster, rewrite } = setUp(marks);
      assert.equal((await rewrite()).kind, "refused");
      assert.equal(cluster.mutations().length, 0);
    });
  }

  it("is not refused for marks that everybody uses", () => {
    const labels = { "app.kubernetes.io/instance": "billing", "app.kubernetes.io/managed-by": "Helm" };
    assert.equal(gitOwner({ ...metadata, labels }), undefined);
    const managedFields = [{ manager: "kubectl-client-side-apply" }];
    assert.equal(gitOwner({ ...metadata, managedFields }), undefined);
    assert.deepEqual(
      restored<Spec>({ object: { metadata, spec: { accounts: [] } }, good: { accounts: ["g"] }, newest: [] }),
      {
        accounts: ["g"],
      },
    );
  });
});
