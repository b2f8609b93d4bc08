import { deepEqual, equal, ok } from "node:assert/strict";
import { root } from "../../../lane/paths.ts";
import {
  iamActionsIn,
  iamActionsOf,
  lacking,
  namedIn,
  operatorRightsIn,
  vaultPolicyOf,
  vaultRightsIn,
} from "./rights.ts";
import type { DeclaredRights } from "./rights.ts";

const rights = (iam: string[], vault: string[] = [], kubernetes: string[] = []): DeclaredRights => ({
  iam: new Set(iam),
  vault: new Set(vault),
  kubernetes: new Set(kubernetes),
});

describe("rights that a version asks for", () => {
  it("are read from the pages: IAM actions by their prefix anywhere, and by name in the section of them", () => {
    const text = 'needs `iam:GetUser` and "iam:ListSSHPublicKeys", keys `iam:PolicyARN`; `CreateUser` is elsewhere';
    deepEqual([...iamActionsIn(text, "`DeleteUser`, `Stalled`")].sort(), [
      "iam:DeleteUser",
      "iam:GetUser",
      "iam:ListSSHPublicKeys",
    ]);
  });

  it("are found on the pages of this checkout", async () => {
    const actions = await iamActionsOf(root);
    for (const one of ["GetUser", "CreateAccessKey", "ListGroupsForUser", "DeleteRolePermissionsBoundary", "ListRoles"])
      ok(actions.has(`iam:${one}`), one);
    const vault = vaultRightsIn(await vaultPolicyOf(root));
    ok(vault.has("kv/data/keyturn/* patch") && vault.has("sys/auth read"));
  });

  it("are the operator's Roles alone, one for each verb", () => {
    const rule = { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list"] };
    const role = (name: string) => ({ kind: "ClusterRole", metadata: { name }, rules: [rule] });
    deepEqual(
      [...operatorRightsIn([role("keyturn-operator"), role("keyturn-view"), role("keyturn-operator-grantable")])],
      ["cluster get secrets", "cluster list secrets"],
    );
  });

  it("lack what is declared and not held, of each kind", () => {
    const declared = rights(["iam:GetUser", "iam:ListMFADevices"], ["sys/auth read"], ["cluster list pods"]);
    deepEqual(lacking(declared, rights(["iam:GetUser"])), ["iam:ListMFADevices", "sys/auth read", "cluster list pods"]);
    equal(lacking(declared, declared).length, 0);
  });

  it("are told where a line names them wholly", () => {
    const wanted = ["iam:ListMFADevices", "auth/token/lookup-accessor update", "cluster list pods"];
    deepEqual(namedIn(wanted, ["the login lacks iam:ListMFADevices", "list of pods is refused"]), [
      "iam:ListMFADevices",
      "cluster list pods",
    ]);
    deepEqual(namedIn(wanted, ["it lacks update on auth/token/lookup-accessor"]), [
      "auth/token/lookup-accessor update",
    ]);
    deepEqual(namedIn(wanted, ["iam:ListMFADevicesOfAll", "pods", "auth/token/lookup-accessor"]), []);
  });
});
