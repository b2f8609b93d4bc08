import assert from "node:assert/strict";
import { compareRights, rightsIn } from "./permissions.ts";
import type { AuditLine, Manifest } from "./permissions.ts";

const manifests: readonly Manifest[] = [
  { kind: "ClusterRole", rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get", "delete"] }] },
  { kind: "Role", rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["list"] }] },
];
const line = (verb: string, namespace: string, more: Partial<AuditLine> = {}): AuditLine => ({
  verb,
  user: { username: "system:serviceaccount:keyturn-system:keyturn" },
  objectRef: { resource: "secrets", namespace },
  ...more,
});
const forbidden = { annotations: { "authorization.k8s.io/decision": "forbid" } };

describe("rights and what is done with them", () => {
  it("are empty both ways when each is used where it is given", () => {
    const lines = [line("get", "team-a"), line("delete", "keyturn-system"), line("list", "keyturn-system")];
    assert.deepEqual(compareRights(rightsIn(manifests), lines), { unused: [], missing: [] });
  });

  it("say what was never used, and what was asked without a right or in the wrong place", () => {
    const lines = [line("get", "team-a"), line("list", "team-a"), line("watch", "keyturn-system", forbidden)];
    assert.deepEqual(compareRights(rightsIn(manifests), lines), {
      unused: ["cluster delete secrets", "own list secrets"],
      missing: ["cluster list secrets", "own watch secrets"],
    });
  });

  it("are the operator's alone: other ServiceAccounts are passed over", () => {
    const lines = [line("patch", "team-a", { user: { username: "system:serviceaccount:team-a:default" } })];
    assert.deepEqual(compareRights([], lines), { unused: [], missing: [] });
  });
});
