import assert from "node:assert/strict";
import { OperatorError } from "../../../kernel/errors.ts";
import type { PieceContext } from "./context.ts";
import { bindingName, grantKey, grantOfKey, kubernetesPieces, serviceAccountNameOf } from "./kubernetes.ts";

const context: PieceContext = {
  cluster: "local",
  namespace: "payments",
  name: "billing",
  account: "cluster",
  owner: { team: "payments", contact: "payments@example.org", environment: "staging" },
  purpose: "Nightly invoices.",
  connection: { kind: "kubernetes" },
};

describe("kubernetesPieces", () => {
  it("are ServiceAccount, owner and one binding per role", () => {
    const pieces = kubernetesPieces(
      {
        roles: [
          { kind: "Role", name: "reader" },
          { kind: "ClusterRole", name: "system:view", scope: "Namespace" },
          { kind: "ClusterRole", name: "nodes", scope: "Cluster" },
        ],
      },
      context,
    );
    assert.deepEqual(
      pieces.map((piece) => [piece.key, piece.class, piece.title]),
      [
        ["principal", "principal", "ServiceAccount payments/billing"],
        ["owner", "attribute", "owner record"],
        ["binding/Role/reader", "grant", "Role reader"],
        ["binding/ClusterRole/system:view", "grant", "ClusterRole system:view"],
        ["clusterBinding/ClusterRole/nodes", "grant", "ClusterRole nodes in the whole cluster"],
      ],
    );
    assert.deepEqual(JSON.parse(pieces[1]!.value), {
      owner: "local/payments/billing",
      team: "payments",
      contact: "payments@example.org",
      purpose: "Nightly invoices.",
      environment: "staging",
    });
    assert.deepEqual(JSON.parse(pieces[2]!.value), {
      roleRef: { kind: "Role", name: "reader" },
      subjects: [{ kind: "ServiceAccount", namespace: "payments", name: "billing" }],
    });
  });

  it("use the declared name of the ServiceAccount, and refuse default by either way", () => {
    assert.equal(serviceAccountNameOf({ serviceAccountName: "other" }, context), "other");
    assert.equal(serviceAccountNameOf({}, context), "billing");
    for (const run of [
      () => kubernetesPieces({ serviceAccountName: "default" }, context),
      () => kubernetesPieces({}, { ...context, name: "default" }),
    ]) {
      assert.throws(run, (error) => error instanceof OperatorError && error.code === "InvalidSpec");
    }
  });

  it("have keys that can be read back, and no other", () => {
    for (const piece of [
      { binding: "RoleBinding", kind: "Role", name: "a" },
      { binding: "RoleBinding", kind: "ClusterRole", name: "a:b.c" },
      { binding: "ClusterRoleBinding", kind: "ClusterRole", name: "a" },
    ] as const) {
      assert.deepEqual(grantOfKey(grantKey(piece)), piece);
    }
    for (const key of [
      "principal",
      "owner",
      "clusterBinding/Role/a",
      "binding/Role/a/b",
      "binding/Role/",
      "x/Role/a",
    ]) {
      assert.equal(grantOfKey(key), undefined, key);
    }
  });

  it("name bindings after resource, role and ServiceAccount, within what an object's name may be", () => {
    const long = { namespace: "n".repeat(63), name: "s".repeat(63) };
    const grant = { binding: "RoleBinding", kind: "Role", name: "a" } as const;
    assert.ok(bindingName(long, grant, "x").length <= 253);
    const names = [
      bindingName(context, grant, "billing"),
      bindingName(context, { ...grant, kind: "ClusterRole" }, "billing"),
      bindingName(context, { ...grant, name: "b" }, "billing"),
      bindingName(context, grant, "other"),
    ];
    assert.equal(new Set(names).size, names.length);
    assert.match(names[0]!, /^keyturn\.payments\.billing\.[0-9a-f]{16}$/);
  });
});
