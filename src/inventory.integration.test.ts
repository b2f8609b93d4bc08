import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { applyManifests } from "../e2e/stack/manifests.ts";
import { startStack, type Stack } from "../e2e/stack/stack.ts";
import type { Inventory } from "./domain/inventory/inventory.ts";

const ROOT = join(import.meta.dirname, "..");
const API = "/apis/keyturn.dev/v1alpha1";
const CLUSTER = "inventoried";

/** `npm run inventory` as a process of its own, against real servers. */
describe("npm run inventory on real servers", function () {
  this.timeout(120_000);
  let stack: Stack;

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    await applyManifests(stack.kubernetes.client, join(ROOT, "crds"));
    const kube = stack.kubernetes.client;
    await kube.create("/api/v1/namespaces", { metadata: { name: "keyturn-system" } });
    await kube.create("/api/v1/namespaces", { metadata: { name: "payments" } });
    await kube.create("/api/v1/namespaces/keyturn-system/serviceaccounts", { metadata: { name: "keyturn" } });
    await connections();
  });
  after(async () => {
    await stack.stop();
  });

  const connections = async (): Promise<void> => {
    const { kubernetes, aws, vault, ca } = stack;
    const kube = kubernetes.client;
    await aws.client.createUser("operator");
    await aws.client.putUserPolicy("operator", "look", {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Action: ["iam:List*", "iam:Get*", "sts:GetCallerIdentity"], Resource: "*" }],
    });
    const login = await aws.client.createAccessKey("operator");
    await kube.create("/api/v1/namespaces/keyturn-system/secrets", {
      metadata: { name: "aws-login" },
      stringData: { accessKeyId: login.accessKeyId, secretAccessKey: login.secretAccessKey },
    });
    await vault.client.putRole({
      name: "keyturn",
      policy:
        'path "identity/entity/name" { capabilities = ["list"] }\npath "identity/entity/name/*" { capabilities = ["read"] }',
      serviceAccount: { namespace: "keyturn-system", name: "keyturn" },
    });
    const spec = {
      aws: {
        region: aws.region,
        accountId: "123456789012",
        endpoint: aws.url,
        caBundle: ca.pem,
        login: { secretRef: { name: "aws-login" } },
      },
      vault: { address: vault.url, caBundle: ca.pem, login: { jwt: { role: "keyturn" } } },
      kubernetes: {},
    };
    for (const [kind, member] of Object.entries(spec)) {
      await kube.create(`${API}/providerconnections`, {
        apiVersion: "keyturn.dev/v1alpha1",
        kind: "ProviderConnection",
        metadata: { name: kind === "kubernetes" ? "in-cluster" : kind },
        spec: { allowedNamespaces: { mode: "All" }, [kind]: member },
      });
    }
  };

  /** The exit code, what was printed, and what was said beside it. */
  const run = (...args: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> =>
    new Promise((resolve) => {
      const flags = ["--kubeconfig", stack.kubernetes.adminKubeconfig, "--cluster-name", CLUSTER];
      execFile(process.execPath, [join(ROOT, "src/inventory.ts"), ...flags, ...args], (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  const taken = async (): Promise<Inventory> => JSON.parse((await run("-o", "json")).out) as Inventory;

  it("finds nothing where there is nothing", async () => {
    const { code, out, err } = await run("--check");
    equal(code, 0, err);
    equal(out.match(/^none$/gm)?.length, 3, out);
  });

  it("tells identities, what carries a mark and belongs to nobody, and keys that nobody knows", async () => {
    const { kubernetes, aws, vault } = stack;
    const kube = kubernetes.client;
    const made = await kube.create(`${API}/namespaces/payments/serviceaccountlifecycles`, {
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "ServiceAccountLifecycle",
      metadata: { name: "billing" },
      spec: {
        owner: { team: "payments", contact: "payments@example.com" },
        purpose: "Exports invoices",
        environment: "production",
        expiresAt: "2099-01-01T00:00:00Z",
        accounts: [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } }],
      },
    });
    const uid = made.metadata.uid ?? "";
    const userName = "payments.billing.lake";
    await kube.mergePatch(`${API}/namespaces/payments/serviceaccountlifecycles/billing/status`, {
      status: {
        state: "Active",
        accounts: [
          {
            name: "lake",
            target: `aws-user/123456789012/${userName}`,
            declaration: "{}",
            pieces: ["principal"],
            state: "Active",
          },
        ],
      },
    });
    const marks = (owner: string, ownerUid: string) => ({
      "keyturn.dev/owner": owner,
      "keyturn.dev/owner-uid": ownerUid,
    });
    const path = "/keyturn/payments/";
    await aws.client.createUser(userName, { path, tags: marks(`${CLUSTER}/payments/billing`, uid) });
    const key = await aws.client.createAccessKey(userName);
    await aws.client.createUser("payments.gone.lake", { path, tags: marks(`${CLUSTER}/payments/gone`, "dead") });
    await aws.client.createUser("theirs", { path, tags: marks("elsewhere/payments/gone", "dead") });
    await aws.client.createUser("outside", { path: "/people/", tags: marks(`${CLUSTER}/payments/gone`, "dead") });
    await vault.client.call("POST", "identity/entity", {
      name: "keyturn.payments.gone.secrets",
      metadata: { "keyturn-owner": `${CLUSTER}/payments/gone`, "keyturn-owner-uid": "dead" },
    });
    await kube.create("/api/v1/namespaces/payments/serviceaccounts", {
      metadata: {
        name: "left",
        labels: { "app.kubernetes.io/managed-by": "keyturn" },
        annotations: marks(`${CLUSTER}/payments/billing`, "an earlier one"),
      },
    });

    const inventory = await taken();
    deepEqual(inventory.unreached, []);
    deepEqual(
      inventory.unowned.map(({ connection, kind, id, because }) => [connection, kind, id, because]),
      [
        ["aws", "AwsUser", "aws-user/123456789012/payments.gone.lake", "NoResource"],
        ["in-cluster", "KubernetesServiceAccount", "payments/left", "OtherUid"],
        [
          "vault",
          "VaultEntity",
          `vault-entity/${new URL(vault.url).host}/-/keyturn.payments.gone.secrets`,
          "NoResource",
        ],
      ],
    );
    deepEqual(
      inventory.unknownCredentials.map(({ userName: user, id, enabled }) => [user, id, enabled]),
      [[userName, key.accessKeyId, true]],
    );
    const [billing] = inventory.identities;
    equal(billing?.credentials, 1);
    ok((billing.oldestCredentialAgeSeconds ?? -1) >= 0);
    deepEqual(
      inventory.totals.map(({ team, environment, state, count }) => [team, environment, state, count]),
      [["payments", "production", "Active", 1]],
    );

    const table = await run();
    equal(table.code, 0, table.err);
    match(table.out, /^payments +billing +payments +production +Active +lake +\S+ +2099-01-01T00:00:00Z/m);
    equal((await run("--check")).code, 1);
    const all = `${table.out}${JSON.stringify(inventory)}`;
    ok(!all.includes(key.secretAccessKey));
  });

  it("says where it could not look, and still tells the rest", async () => {
    await stack.vault.seal();
    const { code, out } = await run();
    await stack.vault.unseal();
    equal(code, 3);
    match(out, /^ProviderConnection vault: /m);
    match(out, /^payments +billing /m);
    equal((await run("--check", "--watch-namespace", "default")).code, 0);
  });
});
