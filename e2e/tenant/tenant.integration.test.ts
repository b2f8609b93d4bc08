import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import { installAdmission } from "../stack/admission.ts";
import { applyManifests } from "../stack/manifests.ts";
import type { Stack } from "../stack/stack.ts";
import { startStack } from "../stack/stack.ts";
import type { AtAdmission } from "./attacker.ts";
import type { TenantAttempt } from "./attempt.ts";
import { tenantAttempts } from "./attempts/index.ts";
import { strayBindings, strayIam, strayRights, strayValues, strayVault, victimTouched } from "./judge.ts";
import { makeAttempts } from "./run.ts";
import type { TenantWorld } from "./world.ts";
import { prepareTenants } from "./world.ts";

const root = join(import.meta.dirname, "../..");

/** Without an operator: what the API server refuses by itself. The rest is judged in the campaign (e2e/accept). */
describe("tenant attempts at the API server", function () {
  this.timeout(120_000);
  let stack: Stack;
  let world: TenantWorld;
  let ended: ReadonlyMap<TenantAttempt, AtAdmission>;

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    const { client: kube } = stack.kubernetes;
    deepEqual((await applyManifests(kube, join(root, "crds"))).refused, []);
    await kube.create("/api/v1/namespaces", { metadata: { name: "keyturn-system" } });
    await kube.create("/api/v1/namespaces/keyturn-system/serviceaccounts", { metadata: { name: "keyturn" } });
    await installAdmission(kube, { operatorNamespace: "keyturn-system" });
    await stack.vault.client.call("POST", "sys/auth/approle", { type: "approle" });
    world = await prepareTenants({
      stack,
      operatorNamespace: "keyturn-system",
      attacker: "mallory",
      victim: "payments",
      accountId: "123456789012",
      awsLogin: "aws-login",
      vaultRole: "keyturn",
    });
    ended = await makeAttempts(world);
  });
  after(async () => {
    await stack.stop();
  });

  it("are enough, of every kind, and each has a name of its own", () => {
    ok(tenantAttempts.length >= 24, String(tenantAttempts.length));
    equal(new Set(tenantAttempts.map(({ name }) => name)).size, tenantAttempts.length);
    const kinds = new Set(tenantAttempts.map(({ kind }) => kind));
    deepEqual([...kinds].sort(), ["AwsUser", "ClusterAdmin", "OtherNamespaceSecret", "VaultPath"]);
  });

  for (const attempt of tenantAttempts)
    it(`${attempt.expected === "accepted" ? "leave to the operator" : "refuse"}: ${attempt.name}`, () => {
      equal(ended.get(attempt), attempt.expected);
    });

  it("win nothing at the API server alone, and leave stamps of nobody else", async () => {
    for (const { name, wins } of tenantAttempts) equal(await wins(world), false, name);
    const { items } = await stack.kubernetes.client.list(
      "/apis/keyturn.dev/v1alpha1/namespaces/mallory/serviceaccountlifecycles",
    );
    const stamps = new Set(items.map(({ metadata }) => metadata.annotations?.["keyturn.dev/changed-by"]));
    // What a cluster administrator gave stays theirs; the attacker has changed no spec of it.
    deepEqual([...stamps].sort(), ["stack-admin", world.attacker.username]);
    const byAdmin = items.filter(({ metadata }) => metadata.annotations?.["keyturn.dev/changed-by"] === "stack-admin");
    deepEqual(byAdmin.map(({ metadata }) => metadata.name).sort(), [
      "decommissioned",
      "dry-run",
      "expired",
      "expired-json",
      "lives-1",
      "lives-2",
      "moved",
      "status-permitted",
      "suspended",
      "suspended-put",
      "suspended-ssa",
    ]);
  });

  describe("the judges", () => {
    it("see a right in the cluster", async () => {
      const { client: kube } = stack.kubernetes;
      const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: world.names.strong };
      const subjects = [{ kind: "ServiceAccount", name: "default", namespace: "mallory" }];
      deepEqual(await strayRights(world), []);
      await kube.create(path, { metadata: { name: "won" }, roleRef, subjects });
      ok((await strayRights(world)).length > 0);
      await kube.delete(`${path}/won`);
    });

    it("see a binding across the border", async () => {
      const { client: kube } = stack.kubernetes;
      const path = "/apis/rbac.authorization.k8s.io/v1/namespaces/payments/rolebindings";
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: world.names.reader };
      const subjects = [{ kind: "ServiceAccount", name: "mallory", namespace: "mallory" }];
      deepEqual(await strayBindings(world), []);
      await kube.create(path, { metadata: { name: "won" }, roleRef, subjects });
      deepEqual(await strayBindings(world), ["payments/won"]);
      await kube.delete(`${path}/won`);
    });

    it("see a value of the victim, and a change to what is the victim's", async () => {
      const { client: kube } = stack.kubernetes;
      deepEqual([await strayValues(world), await victimTouched(world)], [[], false]);
      const { accessKeyId } = world.victim.key;
      await kube.create("/api/v1/namespaces/mallory/secrets", {
        metadata: { name: "won" },
        stringData: { id: accessKeyId },
      });
      deepEqual(await strayValues(world), ["won"]);
      await stack.aws.client.updateAccessKey(world.names.victimUser, accessKeyId, "Inactive");
      equal(await victimTouched(world), true);
      await stack.aws.client.updateAccessKey(world.names.victimUser, accessKeyId, "Active");
      equal(await victimTouched(world), false);
    });

    it("see an IAM user that has more than a grant gives", async () => {
      const { client: aws } = stack.aws;
      deepEqual(await strayIam(world), []);
      const [plain, bounded] = world.granted.policies;
      const of = { UserName: "won" };
      await aws.createUser("won", { path: "/keyturn/mallory/" });
      await aws.action("iam", "AttachUserPolicy", { ...of, PolicyArn: plain! });
      const statement = { Effect: "Allow", Action: "s3:GetObject", Resource: "*" };
      await aws.putUserPolicy("won", "fine", { Version: "2012-10-17", Statement: [statement] });
      deepEqual(await strayIam(world), []);
      await aws.action("iam", "AttachUserPolicy", { ...of, PolicyArn: bounded! });
      await aws.putUserPolicy("won", "more", { Version: "2012-10-17", Statement: { ...statement, Action: ["iam:*"] } });
      await aws.createUser("closed", { path: world.names.closedPath });
      deepEqual(await strayIam(world), [
        "User closed through a closed connection",
        "won is not bounded",
        "won has the inline policy more",
      ]);
    });

    it("see a Vault entity or login that has more than a grant gives", async () => {
      const { client: vault } = stack.vault;
      deepEqual(await strayVault(world), []);
      const entity = (name: string, policies: readonly string[]): Promise<unknown> =>
        vault.call("POST", "identity/entity", { name, policies });
      await entity("keyturn.mallory.fine.vault", world.granted.vault);
      deepEqual(await strayVault(world), []);
      await entity("keyturn.mallory.won.vault", [world.names.victimPolicy]);
      await entity(`${world.names.closedPrefix}.mallory.won.vault`, []);
      await vault.call("POST", "auth/approle/role/keyturn.mallory.won.vault", { token_policies: ["payments-read"] });
      deepEqual([...(await strayVault(world))].sort(), [
        "auth/approle/role/keyturn.mallory.won.vault has payments-read",
        "identity/entity/name/closed-payments.mallory.won.vault through a closed connection",
        "identity/entity/name/keyturn.mallory.won.vault has payments-read",
      ]);
    });
  });
});
