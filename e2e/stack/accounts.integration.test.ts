import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { KubernetesAccount, VaultAccount } from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import { identityCalls } from "../../src/cluster/identity-calls.ts";
import type { KubernetesClient } from "../../src/cluster/kubernetes-client.ts";
import { namespaces } from "../../src/cluster/resources.ts";
import type { PieceContext } from "../../src/domain/lifecycle/pieces/context.ts";
import { kubernetesPieces } from "../../src/domain/lifecycle/pieces/kubernetes.ts";
import { vaultLoginOf, vaultPieces } from "../../src/domain/lifecycle/pieces/vault.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { describeAccountClient } from "../../src/providers/account-conformance.ts";
import type { AccountOwner } from "../../src/providers/account.ts";
import type { CallContext } from "../../src/providers/contract.ts";
import { kubernetesAccount, kubernetesAccountOptions } from "../../src/providers/kubernetes/account.ts";
import type { KubernetesCalls } from "../../src/providers/kubernetes/calls.ts";
import { vaultConnections, type VaultConnection } from "../../src/providers/vault/connection.ts";
import { entityAccount, vaultAccount, vaultFacts } from "../../src/providers/vault/identity/account.ts";
import { markedEntities } from "../../src/providers/vault/identity/marked.ts";
import { applyOperatorRbac } from "../lane/rbac.ts";
import { clusterLogin } from "./cluster-login.ts";
import { kubeClient } from "./kube.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { identityPolicy, vaultClient, VaultError } from "./vault.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const rbac = "/apis/rbac.authorization.k8s.io/v1";
const ownerOf = (name: string): AccountOwner => ({
  cluster: "local",
  namespace: "team",
  name,
  uid: `uid-${name}`,
  predecessors: [],
});
const contextOf = (name: string, connection: PieceContext["connection"]): PieceContext => ({
  cluster: "local",
  namespace: "team",
  name,
  account: "main",
  owner: { team: "payments", contact: "payments@example.org", environment: "production" },
  purpose: "Nightly invoices + ledger: v2 (a/b) @ 50",
  serviceAccountName: name,
  connection,
});

/**
 * Accounts on the real kube-apiserver and the real Vault, with no more rights than the operator ships with (config/rbac) and the
 * policy that docs/how-to/vault-policy.md tells people to copy.
 */
describe("Kubernetes and Vault accounts on real servers", function () {
  this.timeout(60_000);
  let stack: Stack;
  let client: KubernetesClient;
  let calls: KubernetesCalls;
  let connection: VaultConnection;
  let closeVault: () => Promise<void>;
  let made = 0;
  const newName = (): string => {
    made += 1;
    return `app-${made}`;
  };

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    const kube = stack.kubernetes.client;
    for (const name of ["ops", "team"]) await kube.create("/api/v1/namespaces", { metadata: { name } });
    await applyOperatorRbac(kube, "ops");
    await roles();
    client = await clusterLogin(stack);
    calls = identityCalls(client);

    const vault = stack.vault.client;
    await vault.call("POST", "sys/auth/approle", { type: "approle" });
    const serviceAccount = { namespace: "ops", name: "keyturn" };
    await vault.putRole({ name: "operator", policy: identityPolicy(), serviceAccount });
    await vault.call("PUT", "sys/policies/acl/read-invoices", { policy: tenantPolicy });
    await vault.call("POST", "kv/data/team/invoices", { data: { value: "1" } });
    const connections = vaultConnections({
      clock: systemClock,
      requestToken: ({ audiences, expirationSeconds }) =>
        kube.serviceAccountToken("ops", "keyturn", audiences[0], expirationSeconds),
    });
    closeVault = () => connections.close();
    connection = connections.connection({
      name: "vault",
      uid: "1",
      generation: 1,
      spec: { address: stack.vault.url, caBundle: stack.ca.pem, login: { jwt: { role: "operator" } } },
    });
  });
  after(async () => {
    await closeVault();
    await client.close();
    await stack.stop();
  });

  /** Roles that identities are given, and the operator's right to give just these. */
  const roles = async (): Promise<void> => {
    const kube = stack.kubernetes.client;
    const rules = (resource: string) => [{ apiGroups: [""], resources: [resource], verbs: ["get", "list"] }];
    await kube.create(`${rbac}/namespaces/team/roles`, { metadata: { name: "reader" }, rules: rules("configmaps") });
    await kube.create(`${rbac}/clusterroles`, { metadata: { name: "test-pods" }, rules: rules("pods") });
    await kube.create(`${rbac}/clusterroles`, { metadata: { name: "test-nodes" }, rules: rules("nodes") });
    await kube.create(`${rbac}/clusterroles`, {
      metadata: { name: "test-bind" },
      rules: [
        {
          apiGroups: ["rbac.authorization.k8s.io"],
          resources: ["roles", "clusterroles"],
          resourceNames: ["reader", "test-pods", "test-nodes"],
          verbs: ["bind"],
        },
      ],
    });
    await kube.create(`${rbac}/clusterrolebindings`, {
      metadata: { name: "test-bind" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "test-bind" },
      subjects: [{ kind: "ServiceAccount", namespace: "ops", name: "keyturn" }],
    });
  };
  /** Nothing is remembered, so that each look is one. */
  const site = () =>
    kubernetesAccountOptions(calls, systemClock, {
      resyncMs: 0,
      watched: [],
      operator: { namespace: "ops", name: "keyturn" },
    });
  const kubernetesDeclaration = (name: string): KubernetesAccount => ({
    serviceAccountName: name,
    roles: [
      { kind: "Role", name: "reader" },
      { kind: "ClusterRole", name: "test-pods" },
      { kind: "ClusterRole", name: "test-nodes", scope: "Cluster" },
    ],
  });
  /** Whatever concerns a name, without what changes by itself. */
  const kubernetesSnapshot = async (name: string): Promise<string> => {
    const lists = await Promise.all(
      [
        "/api/v1/namespaces/team/serviceaccounts",
        `${rbac}/namespaces/team/rolebindings`,
        `${rbac}/clusterrolebindings`,
      ].map((path) => stack.kubernetes.client.list(path)),
    );
    const objects = lists.flatMap(({ items }) => items).filter((object) => JSON.stringify(object).includes(name));
    const plain = objects.map((object) => ({
      ...object,
      metadata: { ...object.metadata, managedFields: undefined, resourceVersion: undefined },
    }));
    return JSON.stringify(plain, null, 1);
  };

  describeAccountClient(
    "ServiceAccount on kube-apiserver",
    async () => {
      const name = newName();
      const account = kubernetesDeclaration(name);
      const owner = ownerOf(name);
      const kube = stack.kubernetes.client;
      const path = `/api/v1/namespaces/team/serviceaccounts/${name}`;
      return {
        client: kubernetesAccount(site(), owner, account),
        desired: kubernetesPieces(account, contextOf(name, { kind: "kubernetes" })),
        rival: kubernetesAccount(site(), ownerOf(`rival-${name}`), account),
        successor: kubernetesAccount(site(), { ...owner, uid: "uid-later", predecessors: [owner.uid] }, account),
        plant: async (adopt) => {
          const annotations = { theirs: "x", ...(adopt ? { "keyturn.dev/adopt": `team/${name}` } : {}) };
          await kube.create("/api/v1/namespaces/team/serviceaccounts", { metadata: { name, annotations } });
        },
        snapshot: () => kubernetesSnapshot(name),
        stripMarks: async () => {
          await kube.mergePatch(path, { metadata: { annotations: null, labels: null } });
        },
      };
    },
    ["cut", "credentials", "change", "byHand"],
  );

  it("takes what a ServiceAccount may do away by its bindings, then its tokens with itself", async () => {
    const name = newName();
    const kube = stack.kubernetes.client;
    const account = kubernetesDeclaration(name);
    const identity = kubernetesAccount(site(), ownerOf(name), account);
    const desired = kubernetesPieces(account, contextOf(name, { kind: "kubernetes" }));
    for (const piece of desired) await identity.apply(piece, context, desired);
    const token = await kube.serviceAccountToken("team", name);
    const asAccount = kubeClient({ url: stack.kubernetes.url, ca: stack.ca.pem, token });
    const status = async (path: string): Promise<number> => (await asAccount.raw("GET", path)).status;
    const paths = ["/api/v1/namespaces/team/configmaps", "/api/v1/namespaces/team/pods", "/api/v1/nodes"];
    for (const path of paths) equal(await eventually(() => status(path), 200), 200, path);
    equal(await status("/api/v1/namespaces/ops/pods"), 403);

    const grants = desired.filter((piece) => piece.class === "grant").map((piece) => piece.key);
    for (const key of grants) await identity.remove(key, context);
    deepEqual(await identity.proveRefused(grants, context), { kind: "refused", proof: "ProvenByReview" });
    for (const path of paths) equal(await status(path), 403, path);
    await identity.remove("principal", context);
    equal(await eventually(() => status(paths[0]!), 401), 401);
    // One of the same name is somebody else: the old token does not come back with it.
    for (const piece of desired) await identity.apply(piece, context, desired);
    equal(await status(paths[0]!), 401);
    asAccount.close();
  });

  it("calls what it gave refused although somebody else's binding gives the same, and tells of that binding", async () => {
    const name = newName();
    const kube = stack.kubernetes.client;
    const account = kubernetesDeclaration(name);
    const identity = kubernetesAccount(site(), ownerOf(name), account);
    const desired = kubernetesPieces(account, contextOf(name, { kind: "kubernetes" }));
    for (const piece of desired) await identity.apply(piece, context, desired);
    const grants = desired.filter((piece) => piece.class === "grant").map((piece) => piece.key);
    await kube.create(`${rbac}/namespaces/team/rolebindings`, {
      metadata: { name: `theirs-${name}` },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "test-pods" },
      subjects: [{ kind: "ServiceAccount", namespace: "team", name }],
    });
    deepEqual((await identity.observe(context)).foreignGrants, [
      `RoleBinding team/theirs-${name} (ClusterRole test-pods)`,
    ]);
    for (const key of grants) await identity.remove(key, context);
    deepEqual(await identity.proveRefused(grants, context), { kind: "refused", proof: "ProvenByListing" });
    await kube.delete(`${rbac}/namespaces/team/rolebindings/theirs-${name}`);
    // A binding to a role that is gone makes RBAC report an evaluation error beside its decision.
    await kube.create(`${rbac}/namespaces/team/rolebindings`, {
      metadata: { name: `dangling-${name}` },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "gone" },
      subjects: [{ kind: "ServiceAccount", namespace: "team", name }],
    });
    equal((await identity.proveRefused(grants, context)).kind, "refused");
  });

  it("cannot bind a role that the platform has not named, and says so", async () => {
    const name = newName();
    const account: KubernetesAccount = { roles: [{ kind: "ClusterRole", name: "cluster-admin", scope: "Cluster" }] };
    const identity = kubernetesAccount(site(), ownerOf(name), account);
    const desired = kubernetesPieces(account, contextOf(name, { kind: "kubernetes" }));
    await identity.apply(desired[0]!, context, desired);
    await rejects(
      () => identity.apply(desired[2]!, context, desired),
      (error) => error instanceof OperatorError && /may not bind ClusterRole cluster-admin/.test(error.publicMessage),
    );
    equal((await identity.observe(context)).rightsCut, true);
  });

  it("asks kube-apiserver what somebody may do, and what a creation would make of an object", async () => {
    const ask = (verb: string, groups: readonly string[]) =>
      client.review({
        user: "jane",
        groups,
        attributes: { kind: "resource", verb, group: "rbac.authorization.k8s.io", resource: "clusterroles", name: "x" },
      });
    equal(await ask("bind", ["system:masters"]), true);
    equal(await ask("bind", ["system:authenticated"]), false);
    equal(
      await client.review({
        user: "jane",
        groups: ["system:authenticated"],
        attributes: { kind: "path", verb: "get", path: "/healthz" },
      }),
      true,
    );
    const ref = { kind: { ...namespaces, plural: "serviceaccounts", kind: "ServiceAccount", namespaced: true } };
    const object = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "never", namespace: "team" } };
    const answer = await client.dryRunCreate({ ...ref, namespace: "team" }, object);
    ok(answer.metadata.uid !== "");
    equal(await client.get({ ...ref, namespace: "team", name: "never" }), undefined);
  });

  const tenantPolicy = [
    `path "kv/data/team/*" { capabilities = ["read"] }`,
    `path "auth/token/create" { capabilities = ["create", "update"] }`,
    `path "auth/token/renew-self" { capabilities = ["update"] }`,
  ].join("\n");
  const vaultDeclaration = (mode: "AppRole" | "JWT", tokenTTL = "1h"): VaultAccount => ({
    connectionRef: { name: "vault" },
    policies: ["read-invoices"],
    login: { mode, tokenTTL },
  });
  const vaultName = (name: string): string => `keyturn.team.${name}.main`;
  const mountOf = (mode: "AppRole" | "JWT"): string => (mode === "AppRole" ? "approle" : "jwt");
  const account = (name: string, mode: "AppRole" | "JWT") => {
    const declared = vaultDeclaration(mode);
    const pieces = vaultPieces(declared, contextOf(name, vaultFacts(connection.config)));
    const identity = vaultAccount(
      connection,
      ownerOf(name),
      { name: "main", vault: declared },
      { serviceAccountName: name },
    );
    return { declared, pieces, identity };
  };
  const vaultSnapshot = async (name: string, mount: string): Promise<string> => {
    const vault = stack.vault.client;
    const { data } = ((await vault.call("GET", `identity/entity/name/${vaultName(name)}`)) ?? {}) as { data?: object };
    const role = (await vault.call("GET", `auth/${mount}/role/${vaultName(name)}`)) as { data?: object } | undefined;
    return JSON.stringify({ ...data, last_update_time: undefined, role: role?.data }, null, 1);
  };

  for (const mode of ["AppRole", "JWT"] as const) {
    describeAccountClient(
      `entity with ${mode} on Vault`,
      async () => {
        const name = newName();
        const vault = stack.vault.client;
        const { declared, pieces, identity } = account(name, mode);
        const facts = vaultFacts(connection.config);
        const login = vaultLoginOf(declared, { ...contextOf(name, facts), connection: facts });
        const isOurs = (alias: string): boolean => alias === login.alias;
        const place = { name: vaultName(name), login: { ...login, isOurs } };
        const owner = ownerOf(name);
        const rivals = { ...place, login: { ...place.login, alias: "rival", isOurs: () => false } };
        const entity = `identity/entity/name/${vaultName(name)}`;
        return {
          client: identity,
          desired: pieces,
          changed: vaultPieces(vaultDeclaration(mode, "2h"), contextOf(name, facts)),
          rival: entityAccount(connection, ownerOf(`rival-${name}`), rivals),
          successor: entityAccount(connection, { ...owner, uid: "uid-later", predecessors: [owner.uid] }, place),
          plant: async (adopt) => {
            const metadata = { theirs: "x", ...(adopt ? { "keyturn-adopt": `team/${name}` } : {}) };
            await vault.call("POST", entity, { metadata, policies: ["theirs"] });
          },
          snapshot: () => vaultSnapshot(name, login.mount),
          ...(mode === "AppRole" ? { addCredential: async () => (await secretId(name)).accessor } : {}),
          addByHand: async () => {
            await vault.call("POST", entity, { policies: ["read-invoices", "by-hand"] });
            return "policy/by-hand";
          },
          stripMarks: async () => {
            await vault.call("POST", entity, { metadata: { theirs: "y" } });
          },
        };
      },
      mode === "AppRole" ? [] : ["credentials"],
    );
  }

  const secretId = async (name: string): Promise<{ readonly id: string; readonly accessor: string }> => {
    const answer = await stack.vault.client.call("POST", `auth/approle/role/${vaultName(name)}/secret-id`, {});
    const data = answer?.["data"] as { readonly secret_id: string; readonly secret_id_accessor: string };
    return { id: data.secret_id, accessor: data.secret_id_accessor };
  };
  const as = (token: string) => vaultClient({ url: stack.vault.url, ca: stack.ca.pem, token: () => token });
  const tokenIn = (answer: Record<string, unknown> | undefined): string =>
    (answer?.["auth"] as { readonly client_token: string }).client_token;
  /** 200, or the status that Vault refuses with. */
  const statusOf = async (token: string, method: string, path: string, body?: object): Promise<number> => {
    try {
      await as(token).call(method, path, body);
      return 200;
    } catch (error) {
      if (error instanceof VaultError) return error.status;
      throw error;
    }
  };
  const loginBody = async (name: string, mode: "AppRole" | "JWT"): Promise<object> =>
    mode === "AppRole"
      ? { role_id: `keyturn:local:team:${name}:main`, secret_id: (await secretId(name)).id }
      : { role: vaultName(name), jwt: await stack.kubernetes.client.serviceAccountToken("team", name, "vault") };

  for (const mode of ["AppRole", "JWT"] as const) {
    it(`cuts a ${mode} account at once: its tokens, their children and batch tokens, renewal and every login`, async () => {
      const name = newName();
      const kube = stack.kubernetes.client;
      await kube.create("/api/v1/namespaces/team/serviceaccounts", { metadata: { name } });
      const { pieces, identity } = account(name, mode);
      for (const piece of pieces) await identity.apply(piece, context, pieces);
      const body = await loginBody(name, mode);
      const login = `auth/${mountOf(mode)}/login`;
      const token = tokenIn(await as("").call("POST", login, body));
      const child = tokenIn(await as(token).call("POST", "auth/token/create", {}));
      const grandchild = tokenIn(await as(child).call("POST", "auth/token/create", {}));
      const batch = tokenIn(await as(token).call("POST", "auth/token/create", { type: "batch" }));
      const tokens = [token, child, grandchild, batch];
      const expectAll = async (status: number): Promise<void> => {
        for (const [index, each] of tokens.entries()) {
          equal(await statusOf(each, "GET", "kv/data/team/invoices"), status, `token ${index}`);
        }
      };
      await expectAll(200);
      // Policies stand on the entity alone, so no child can carry them off by itself.
      equal(await statusOf(token, "POST", "auth/token/create", { policies: ["read-invoices"] }), 400);

      equal((await identity.proveRefused([], context)).kind, "accepted");
      await identity.cut(context, "Disable");
      await expectAll(403);
      equal(await statusOf(token, "POST", "auth/token/renew-self", {}), 403);
      equal(await statusOf("", "POST", login, body), 403);
      deepEqual(await identity.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });

      await identity.uncut(context, { ways: ["Disable"], boundary: undefined });
      await expectAll(200);
      equal(await statusOf("", "POST", login, body), 200);

      await identity.cut(context, "Disable");
      for (const credential of (await identity.observe(context)).credentials) {
        await identity.removeCredential(credential.id, context);
      }
      for (const key of ["login", "alias", "policy/read-invoices", "principal"]) {
        equal(await identity.remove(key, context), "removed", key);
      }
      await expectAll(403);
      match(String(await statusOf("", "POST", login, body)), /^40[03]$/);
      equal(await stack.vault.client.call("GET", `identity/entity/name/${vaultName(name)}`), undefined);
      equal(await stack.vault.client.call("GET", `auth/${mountOf(mode)}/role/${vaultName(name)}`), undefined);
    });
  }

  it("lets a change of policies reach tokens that are out already", async () => {
    const name = newName();
    const { pieces, identity } = account(name, "AppRole");
    for (const piece of pieces) await identity.apply(piece, context, pieces);
    const token = tokenIn(await as("").call("POST", "auth/approle/login", await loginBody(name, "AppRole")));
    await identity.remove("policy/read-invoices", context);
    equal(await statusOf(token, "GET", "kv/data/team/invoices"), 403);
    await identity.apply(
      pieces.find((piece) => piece.class === "grant")!,
      context,
      pieces,
    );
    equal(await statusOf(token, "GET", "kv/data/team/invoices"), 200);
  });

  it("does not reach tokens that a policy lets be made without an entity (docs/how-to/vault-policy.md)", async () => {
    const name = newName();
    const vault = stack.vault.client;
    const grant = `${tenantPolicy}\npath "auth/token/create/escape" { capabilities = ["update"] }`;
    await vault.call("PUT", "sys/policies/acl/read-invoices", { policy: grant });
    await vault.call("POST", "auth/token/roles/escape", { orphan: true, allowed_policies: ["read-invoices"] });
    const { pieces, identity } = account(name, "AppRole");
    for (const piece of pieces) await identity.apply(piece, context, pieces);
    const token = tokenIn(await as("").call("POST", "auth/approle/login", await loginBody(name, "AppRole")));
    const orphan = tokenIn(await as(token).call("POST", "auth/token/create/escape", { policies: ["read-invoices"] }));
    await identity.cut(context, "Disable");
    equal(await statusOf(token, "GET", "kv/data/team/invoices"), 403);
    equal(await statusOf(orphan, "GET", "kv/data/team/invoices"), 200);
    await vault.call("DELETE", "auth/token/roles/escape");
    await vault.call("PUT", "sys/policies/acl/read-invoices", { policy: tenantPolicy });
  });

  it("takes its alias back from the entity that Vault invented while ours was missing", async () => {
    const name = newName();
    const vault = stack.vault.client;
    const { pieces, identity } = account(name, "AppRole");
    for (const piece of pieces) await identity.apply(piece, context, pieces);
    const body = await loginBody(name, "AppRole");
    await vault.call("DELETE", `identity/entity/name/${vaultName(name)}`);
    const stray = tokenIn(await as("").call("POST", "auth/approle/login", body));
    equal(await statusOf(stray, "GET", "kv/data/team/invoices"), 403);
    const seen = await identity.observe(context);
    deepEqual([seen.principal, seen.conflicts], ["absent", []]);
    for (const piece of pieces) await identity.apply(piece, context, pieces);
    const token = tokenIn(await as("").call("POST", "auth/approle/login", body));
    equal(await statusOf(token, "GET", "kv/data/team/invoices"), 200);
  });

  it("follows an identity to another ServiceAccount in Vault's own entity", async () => {
    const name = newName();
    const { declared, pieces, identity } = account(name, "JWT");
    for (const piece of pieces) await identity.apply(piece, context, pieces);
    const { externalId } = await identity.observe(context);
    const facts = vaultFacts(connection.config);
    const moved = vaultPieces(declared, { ...contextOf(name, facts), serviceAccountName: `${name}-2` });
    for (const key of ["alias", "login"]) {
      await identity.apply(
        moved.find((piece) => piece.key === key)!,
        context,
        moved,
      );
    }
    const seen = await identity.observe(context);
    equal(seen.externalId, externalId);
    deepEqual(seen.pieces.map((piece) => piece.value).sort(), moved.map((piece) => piece.value).sort());
  });

  it("leaves an alias that another entity has where it is", async () => {
    const name = newName();
    const vault = stack.vault.client;
    const { pieces, identity } = account(name, "JWT");
    await vault.call("POST", `identity/entity/name/theirs-${name}`, { policies: ["theirs"] });
    const theirs = (await vault.call("GET", `identity/entity/name/theirs-${name}`))?.["data"] as { id: string };
    const mounts = (await vault.call("GET", "sys/auth"))?.["data"] as Record<string, { accessor: string }>;
    await vault.call("POST", "identity/entity-alias", {
      name: `system:serviceaccount:team:${name}`,
      canonical_id: theirs.id,
      mount_accessor: mounts["jwt/"]?.accessor,
    });
    await identity.apply(pieces[0]!, context, pieces);
    deepEqual((await identity.observe(context)).conflicts, ["alias"]);
    await rejects(
      () => identity.apply(pieces[2]!, context, pieces),
      (error) => error instanceof OperatorError && error.code === "Conflict",
    );
    const after = (await vault.call("GET", `identity/entity/name/theirs-${name}`))?.["data"] as { aliases: object[] };
    equal(after.aliases.length, 1);
  });

  it("lists what carries our marks in Vault", async () => {
    const name = newName();
    const { pieces, identity } = account(name, "AppRole");
    await identity.apply(pieces[0]!, context, pieces);
    const found = (await markedEntities(connection, context, [])).find(({ id }) => id === identity.target);
    deepEqual([found?.owner, found?.ownerUid], [`local/team/${name}`, `uid-${name}`]);
  });

  it("needs of Vault what docs/how-to/vault-policy.md says, word for word", async () => {
    const page = await readFile(join(import.meta.dirname, "../../docs/how-to/vault-policy.md"), "utf8");
    ok(page.includes(identityPolicy()), "the policy of the page is not the one that was tested");
  });
});

/** The API server learns of bindings and of ServiceAccounts that are gone within moments. */
async function eventually(status: () => Promise<number>, wanted: number): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await status()) === wanted) return wanted;
    await systemClock.sleep(100);
  }
  return status();
}
