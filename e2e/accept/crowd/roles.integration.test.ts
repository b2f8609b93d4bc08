import { deepEqual, match } from "node:assert/strict";
import { join } from "node:path";
import { installAdmission } from "../../stack/admission.ts";
import { applyManifests } from "../../stack/manifests.ts";
import { startStack, type Stack } from "../../stack/stack.ts";
import { tryRoles } from "./roles.ts";

const root = join(import.meta.dirname, "../../..");
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

describe("the roles for people on a real API server", function () {
  this.timeout(120_000);
  let stack: Stack;
  const where = { operatorNamespace: "roles-system", namespace: "roles-team", elsewhere: "roles-other" };

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    const admin = stack.kubernetes.client;
    deepEqual((await applyManifests(admin, join(root, "crds"))).refused, []);
    for (const name of Object.values(where)) await admin.create("/api/v1/namespaces", { metadata: { name } });
    const { operatorNamespace, namespace, elsewhere } = where;
    await installAdmission(admin, { suffix: "roles", operatorNamespace, namespaces: [namespace, elsewhere] });
  });
  after(async () => {
    await stack.stop();
  });

  it("reach what each is for, and nothing else: forty cells", async () => {
    const result = await tryRoles({ admin: stack.kubernetes.client, ca: stack.ca.pem, ...where });
    deepEqual(result, { roleCells: 40, roleCellsWrong: 0, wrong: [] });
  });

  it("are seen to be wrong where a role has one right too many", async () => {
    const admin = stack.kubernetes.client;
    const name = "roles-too-many";
    await admin.create(`${RBAC}/clusterroles`, {
      metadata: { name, labels: { "rbac.authorization.k8s.io/aggregate-to-edit": "true" } },
      rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: ["create", "update", "patch", "delete"] }],
    });
    await admin.create(`${RBAC}/clusterrolebindings`, {
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:serviceaccounts" }],
    });
    const { roleCells, roleCellsWrong, wrong } = await tryRoles({ admin, ca: stack.ca.pem, ...where });
    await admin.delete(`${RBAC}/clusterrolebindings/${name}`);
    await admin.delete(`${RBAC}/clusterroles/${name}`);
    // All four write switches now, which the platform alone may; and all four write claims.
    deepEqual([roleCells, roleCellsWrong], [40, 7]);
    match(wrong.join("\n"), /auditor, read-only: POST/);
  });
});
