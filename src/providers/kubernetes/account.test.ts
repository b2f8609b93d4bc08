import assert from "node:assert/strict";
import { ADOPT } from "../../api/v1alpha1/annotations.ts";
import type { KubernetesAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { bindingName, kubernetesPieces } from "../../domain/lifecycle/pieces/kubernetes.ts";
import type { PieceContext } from "../../domain/lifecycle/pieces/context.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { describeAccountClient, type AccountHarness } from "../account-conformance.ts";
import { kubernetesAccount, kubernetesAccountOptions } from "./account.ts";
import type { PolicyRule } from "./calls.ts";
import { FakeKubernetes } from "./fake-calls.ts";

const owner = { cluster: "local", namespace: "payments", name: "billing", uid: "uid-1", predecessors: [] };
const context = { signal: new AbortController().signal, log: silentLogger };
const account: KubernetesAccount = {
  serviceAccountName: "billing",
  roles: [
    { kind: "Role", name: "reader" },
    { kind: "ClusterRole", name: "view" },
    { kind: "ClusterRole", name: "nodes", scope: "Cluster" },
  ],
};
const pieceContext: PieceContext = {
  cluster: "local",
  namespace: "payments",
  name: "billing",
  account: "cluster",
  owner: { team: "payments", contact: "payments@example.org", environment: "production" },
  purpose: "Nightly invoices.",
  connection: { kind: "kubernetes" },
};
const desired = kubernetesPieces(account, pieceContext);
const serviceAccount = { kind: "ServiceAccount", namespace: "payments", name: "billing" } as const;
const rule = (resource: string, more: Partial<PolicyRule> = {}): PolicyRule => ({
  verbs: ["get"],
  apiGroups: [""],
  resources: [resource],
  ...more,
});
const grantOf = (index: number) =>
  (
    [
      { binding: "RoleBinding", kind: "Role", name: "reader" },
      { binding: "RoleBinding", kind: "ClusterRole", name: "view" },
      { binding: "ClusterRoleBinding", kind: "ClusterRole", name: "nodes" },
    ] as const
  )[index]!;
const bindingAt = (index: number) => {
  const grant = grantOf(index);
  const name = bindingName(owner, grant, "billing");
  return grant.binding === "RoleBinding"
    ? ({ kind: "RoleBinding", namespace: "payments", name } as const)
    : ({ kind: "ClusterRoleBinding", name } as const);
};

/** A proof that tries again need not wait. */
class ImpatientClock extends FakeClock {
  override sleep(): Promise<void> {
    return Promise.resolve();
  }
}

/** As an operator has it that listed everything a resync ago at most. */
const siteOf = (server: FakeKubernetes, clock: FakeClock) =>
  kubernetesAccountOptions(server, clock, {
    resyncMs: 600_000,
    watched: [],
    operator: { namespace: "keyturn-system", name: "keyturn" },
  });

const setUp = () => {
  const server = new FakeKubernetes();
  const clock = new ImpatientClock();
  server.seed({ kind: "Role", namespace: "payments", name: "reader" }, { rules: [rule("configmaps")] });
  server.seed({ kind: "ClusterRole", name: "view" }, { rules: [rule("pods"), rule("services")] });
  server.seed(
    { kind: "ClusterRole", name: "nodes" },
    { rules: [rule("nodes"), { verbs: ["get"], nonResourceURLs: ["*"] }] },
  );
  const site = siteOf(server, clock);
  const client = kubernetesAccount(site, owner, account);
  const join = async () => {
    for (const piece of desired) await client.apply(piece, context, desired);
  };
  const leave = async () => {
    for (const piece of desired.slice(2)) await client.remove(piece.key, context);
  };
  return { server, clock, site, client, join, leave };
};

const make = (): Promise<AccountHarness> => {
  const { server, site, client } = setUp();
  return Promise.resolve({
    client,
    desired,
    rival: kubernetesAccount(site, { ...owner, name: "rival", uid: "uid-r" }, account),
    successor: kubernetesAccount(site, { ...owner, uid: "uid-2", predecessors: ["uid-1"] }, account),
    mutations: () => server.mutations().length,
    plant: async (adopt) => {
      server.seed(serviceAccount, { annotations: { theirs: "x", ...(adopt ? { [ADOPT]: "payments/billing" } : {}) } });
    },
    snapshot: () => Promise.resolve(server.snapshot()),
    stripMarks: async () => {
      server.edit(serviceAccount, (object) => {
        object.metadata = { ...object.metadata, annotations: {}, labels: {} };
      });
    },
  });
};

describeAccountClient("ServiceAccount on a fake API server", make, ["cut", "credentials", "change", "byHand"]);

const isConflict = (error: unknown) => error instanceof OperatorError && error.code === "Conflict";

describe("kubernetesAccount", () => {
  it("creates the ServiceAccount with marks and owner record in its one request", async () => {
    const { server, client } = setUp();
    await client.apply(desired[0]!, context, desired);
    assert.deepEqual(server.peek(serviceAccount)?.metadata.annotations, {
      "keyturn.dev/owner": "local/payments/billing",
      "keyturn.dev/owner-uid": "uid-1",
      "keyturn.dev/team": "payments",
      "keyturn.dev/contact": "payments@example.org",
      "keyturn.dev/purpose": "Nightly invoices.",
      "keyturn.dev/environment": "production",
    });
    assert.deepEqual(server.peek(serviceAccount)?.metadata.labels, { "app.kubernetes.io/managed-by": "keyturn" });
    assert.deepEqual(server.mutations(), ["create ServiceAccount"]);
  });

  it("never touches the ServiceAccount default", () => {
    const { site } = setUp();
    const build = () => kubernetesAccount(site, owner, { serviceAccountName: "default" });
    assert.throws(build, (error) => error instanceof OperatorError && error.code === "InvalidSpec");
    const named = () => kubernetesAccount(site, { ...owner, name: "default" }, {});
    assert.throws(named, OperatorError);
  });

  it("binds exactly the ServiceAccount, in the namespace or in the cluster", async () => {
    const { server, join } = setUp();
    await join();
    const subjects = [{ kind: "ServiceAccount", name: "billing", namespace: "payments" }];
    for (const index of [0, 1, 2]) {
      const found = server.peek(bindingAt(index));
      assert.ok(found !== undefined);
      assert.deepEqual(found.subjects, subjects);
      const { kind, name } = grantOf(index);
      assert.deepEqual(found.roleRef, { apiGroup: "rbac.authorization.k8s.io", kind, name });
      assert.equal(found.metadata.annotations?.["keyturn.dev/owner-uid"], "uid-1");
    }
  });

  it("takes a field of the owner record away that is not declared any more", async () => {
    const { server, client, join } = setUp();
    await join();
    const moved = kubernetesPieces(account, {
      ...pieceContext,
      owner: { team: "ledger", contact: pieceContext.owner.contact },
    });
    await client.apply(moved[1]!, context, moved);
    const annotations = server.peek(serviceAccount)?.metadata.annotations ?? {};
    assert.equal(annotations["keyturn.dev/team"], "ledger");
    assert.equal("keyturn.dev/environment" in annotations, false);
    assert.equal((await client.observe(context)).pieces[1]?.value, moved[1]?.value);
  });

  it("sees subjects that were changed by hand, and puts them back in one patch", async () => {
    const { server, client, join } = setUp();
    await join();
    server.edit(bindingAt(1), (object) => {
      object.subjects = [...(object.subjects ?? []), { kind: "User", name: "mallory" }];
    });
    const seen = (await client.observe(context)).pieces.find((piece) => piece.key === desired[3]?.key);
    assert.ok(seen !== undefined && seen.value !== desired[3]?.value);
    const before = server.mutations().length;
    await client.apply(desired[3]!, context, desired);
    assert.deepEqual(server.mutations().slice(before), ["mergePatch RoleBinding"]);
    const after = (await client.observe(context)).pieces.find((piece) => piece.key === desired[3]?.key);
    assert.equal(after?.value, desired[3]?.value);
  });

  it("makes a binding anew whose role was exchanged by hand: away first", async () => {
    const { server, client, join } = setUp();
    await join();
    server.edit(bindingAt(1), (object) => {
      object.roleRef = { kind: "ClusterRole", name: "cluster-admin" };
    });
    const key = desired[3]!.key;
    const seen = (await client.observe(context)).pieces.find((piece) => piece.key === key);
    assert.match(seen?.value ?? "", /cluster-admin/);
    const before = server.mutations().length;
    await client.apply(desired[3]!, context, desired);
    assert.deepEqual(server.mutations().slice(before), ["delete RoleBinding", "create RoleBinding"]);
    assert.equal(server.peek(bindingAt(1))?.roleRef?.name, "view");
  });

  it("finds its bindings although somebody took the label off", async () => {
    const { server, client, join } = setUp();
    await join();
    for (const index of [1, 2]) {
      server.edit(bindingAt(index), (object) => {
        object.metadata = { ...object.metadata, labels: {} };
      });
    }
    const { pieces, rightsCut } = await client.observe(context);
    assert.equal(rightsCut, false);
    for (const index of [1, 2]) {
      const seen = pieces.find((piece) => piece.key === desired[index + 2]?.key);
      assert.ok(seen !== undefined && seen.value !== desired[index + 2]?.value);
      await client.apply(desired[index + 2]!, context, desired);
    }
    assert.deepEqual(
      (await client.observe(context)).pieces.map((piece) => piece.value).sort(),
      desired.map((piece) => piece.value).sort(),
    );
  });

  it("reports a binding of its name that it did not make as a conflict, and leaves it", async () => {
    const { server, client } = setUp();
    await client.apply(desired[0]!, context, desired);
    for (const index of [0, 2])
      server.seed(bindingAt(index), { roleRef: { apiGroup: "", kind: "ClusterRole", name: "x" } });
    const before = server.snapshot();
    assert.deepEqual((await client.observe(context)).conflicts, [desired[2]?.key, desired[4]?.key]);
    for (const index of [2, 4]) {
      await assert.rejects(client.apply(desired[index]!, context, desired), isConflict);
      await assert.rejects(client.remove(desired[index]!.key, context), isConflict);
    }
    assert.equal(server.snapshot(), before);
  });

  it("tells of bindings that others made for the ServiceAccount, and never touches them", async () => {
    const { server, client, join } = setUp();
    await join();
    const roleRef = { apiGroup: "", kind: "ClusterRole", name: "view" };
    const subjects = [{ kind: "ServiceAccount", namespace: "payments", name: "billing" }];
    server.seed({ kind: "RoleBinding", namespace: "payments", name: "theirs" }, { roleRef, subjects });
    server.seed(
      { kind: "RoleBinding", namespace: "payments", name: "by-user-name" },
      { roleRef, subjects: [{ kind: "User", name: "system:serviceaccount:payments:billing" }] },
    );
    server.seed({ kind: "RoleBinding", namespace: "payments", name: "of-another" }, { roleRef, subjects: [] });
    server.seed({ kind: "ClusterRoleBinding", name: "wide" }, { roleRef, subjects });
    assert.deepEqual((await client.observe(context)).foreignGrants, [
      "RoleBinding payments/theirs (ClusterRole view)",
      "RoleBinding payments/by-user-name (ClusterRole view)",
      "ClusterRoleBinding wide (ClusterRole view)",
    ]);
  });

  it("does not take a remembered binding of its own for one that stands, nor for somebody else's", async () => {
    const { client, join } = setUp();
    await join();
    await client.observe(context);
    await client.remove(desired[4]!.key, context);
    const seen = await client.observe(context);
    assert.equal(
      seen.pieces.some((piece) => piece.key === desired[4]?.key),
      false,
    );
    assert.deepEqual(seen.foreignGrants, []);
  });

  it("keeps Helm's label on an adopted ServiceAccount", async () => {
    const { server, client } = setUp();
    server.seed(serviceAccount, {
      labels: { "app.kubernetes.io/managed-by": "Helm" },
      annotations: { [ADOPT]: "payments/billing" },
    });
    await client.apply(desired[1]!, context, desired);
    const seen = await client.observe(context);
    assert.equal(seen.pieces[1]?.value, desired[1]?.value);
    await client.giveBack(context);
    assert.deepEqual(server.peek(serviceAccount)?.metadata.labels, { "app.kubernetes.io/managed-by": "Helm" });
  });

  it("does not remove a ServiceAccount that was made anew between look and call", async () => {
    const { server, client, join, leave } = setUp();
    await join();
    await leave();
    server.interjections.push({ call: "delete ServiceAccount", run: () => server.seed(serviceAccount, {}) });
    await assert.rejects(client.remove("principal", context), isConflict);
    assert.notEqual(server.peek(serviceAccount), undefined);
  });

  it("calls a ServiceAccount that came between look and creation a Conflict", async () => {
    const { server, client } = setUp();
    server.interjections.push({ call: "create ServiceAccount", run: () => server.seed(serviceAccount, {}) });
    await assert.rejects(client.apply(desired[0]!, context, desired), isConflict);
    assert.equal((await client.observe(context)).principal, "foreign");
  });

  it("finds what it made when the answer of the creation was lost", async () => {
    const { server, client, join } = setUp();
    const lost = new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true });
    for (const call of ["create ServiceAccount", "create RoleBinding"]) {
      server.failNext(call, lost, "after");
      await assert.rejects(join(), lost);
    }
    await join();
    assert.deepEqual((await client.observe(context)).pieces.length, desired.length);
    assert.equal([...server.objects.keys()].filter((key) => key.includes("Binding")).length, 3);
  });

  it("says what the platform has to do when the operator may not bind a role", async () => {
    const { server, client } = setUp();
    await client.apply(desired[0]!, context, desired);
    server.failNext("create RoleBinding", new OperatorError("PermissionDenied", { publicMessage: "no", status: 403 }));
    await assert.rejects(
      client.apply(desired[3]!, context, desired),
      (error) =>
        error instanceof OperatorError &&
        error.code === "PermissionDenied" &&
        error.publicMessage.startsWith("The operator may not bind ClusterRole view;"),
    );
  });

  it("calls nothing for a pass that must stop", async () => {
    const { server, client } = setUp();
    const stopped = { ...context, signal: AbortSignal.abort() };
    await assert.rejects(client.observe(stopped), OperatorError);
    await assert.rejects(client.apply(desired[0]!, stopped, desired), OperatorError);
    await assert.rejects(client.remove("principal", stopped), OperatorError);
    assert.deepEqual(server.log, []);
  });

  it("shows bindings of ours that outlived the ServiceAccount, and can remove them", async () => {
    const { server, client, join, leave } = setUp();
    await join();
    server.seed(serviceAccount, {});
    const seen = await client.observe(context);
    assert.equal(seen.principal, "foreign");
    assert.deepEqual(
      seen.pieces.map((piece) => piece.key).sort(),
      desired
        .slice(2)
        .map((piece) => piece.key)
        .sort(),
    );
    await leave();
    assert.equal((await client.observe(context)).rightsCut, true);
  });
});

describe("kubernetesAccount's proof", () => {
  const keys = desired.slice(2).map((piece) => piece.key);

  it("is refused when every role is, and names what is not", async () => {
    const { client, join, leave } = setUp();
    await join();
    const before = await client.proveRefused(keys, context);
    assert.deepEqual(before, { kind: "accepted", what: "get configmaps in namespace payments" });
    await leave();
    assert.deepEqual(await client.proveRefused(keys, context), { kind: "refused", proof: "ProvenByReview" });
  });

  it("asks again before it believes a yes: the authorizer follows by moments", async () => {
    const { server, client, join, leave } = setUp();
    await join();
    await leave();
    server.staleReviews = 4;
    assert.equal((await client.proveRefused(keys, context)).kind, "refused");
  });

  it("is not misled by what every ServiceAccount of the namespace may do", async () => {
    const { server, client, join, leave } = setUp();
    await join();
    await leave();
    const roleRef = { apiGroup: "", kind: "ClusterRole", name: "view" };
    server.seed(
      { kind: "RoleBinding", namespace: "payments", name: "everybody" },
      { roleRef, subjects: [{ kind: "Group", name: "system:serviceaccounts:payments" }] },
    );
    assert.equal((await client.proveRefused(keys, context)).kind, "refused");
  });

  it("needs no review when the ServiceAccount is gone, or another has its name", async () => {
    const { server, client, join, leave } = setUp();
    await join();
    await leave();
    const { externalId } = await client.observe(context);
    await client.observe(context, { externalId });
    server.seed(serviceAccount, {});
    assert.deepEqual(await client.proveRefused(keys, context), { kind: "refused", proof: "ProvenByListing" });
    server.drop(serviceAccount);
    assert.deepEqual(await client.proveRefused(keys, context), { kind: "refused", proof: "ProvenByListing" });
    assert.equal(server.log.includes("review"), false);
  });

  it("has nothing to prove for a role that is gone", async () => {
    const { server, client } = setUp();
    await client.apply(desired[0]!, context, desired);
    server.drop({ kind: "ClusterRole", name: "view" });
    assert.equal((await client.proveRefused(["binding/ClusterRole/view"], context)).kind, "refused");
    assert.equal(server.log.filter((call) => call === "review").length, 0);
  });

  it("puts questions that a rule with wildcards, names and subresources allows", async () => {
    const rules: readonly (readonly [PolicyRule, string])[] = [
      [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }, "get secrets in namespace payments"],
      [
        { verbs: ["update"], apiGroups: ["apps"], resources: ["*/scale"] },
        "update deployments/scale.apps in namespace payments",
      ],
      [{ verbs: ["get"], apiGroups: [""], resources: ["pods/log"] }, "get pods/log in namespace payments"],
      [
        { verbs: ["get"], apiGroups: [""], resources: ["secrets"], resourceNames: ["a"] },
        "get secrets in namespace payments",
      ],
    ];
    for (const [only, what] of rules) {
      const { server, client, join } = setUp();
      server.seed({ kind: "ClusterRole", name: "view" }, { rules: [only] });
      await join();
      const outcome = await client.proveRefused(["binding/ClusterRole/view"], context);
      assert.deepEqual(outcome, { kind: "accepted", what }, JSON.stringify(only));
    }
  });

  it("puts questions about paths only for the whole cluster", async () => {
    const { server, client, join } = setUp();
    const only = [{ verbs: ["get"], nonResourceURLs: ["/healthz/*"] }];
    for (const name of ["view", "nodes"]) server.seed({ kind: "ClusterRole", name }, { rules: only });
    await join();
    assert.equal((await client.proveRefused(["binding/ClusterRole/view"], context)).kind, "refused");
    assert.deepEqual(await client.proveRefused(["clusterBinding/ClusterRole/nodes"], context), {
      kind: "accepted",
      what: "get /healthz/keyturn",
    });
  });
});
