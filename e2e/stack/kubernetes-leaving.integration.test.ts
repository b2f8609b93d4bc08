import { deepEqual, equal, match, notEqual, ok, rejects } from "node:assert/strict";
import type { KubernetesAccount } from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import { identityCalls } from "../../src/cluster/identity-calls.ts";
import type { KubernetesClient } from "../../src/cluster/kubernetes-client.ts";
import { bindingName, kubernetesPieces } from "../../src/domain/lifecycle/pieces/kubernetes.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { AccountOwner, Recorded } from "../../src/providers/account.ts";
import { kubernetesAccount, kubernetesAccountOptions } from "../../src/providers/kubernetes/account.ts";
import { tokenSource } from "../../src/providers/kubernetes/token/source.ts";
import { applyOperatorRbac, applyTokenIssuer } from "../lane/rbac.ts";
import { clusterLogin } from "./cluster-login.ts";
import { kubeClient, type KubeClient } from "./kube.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { waitFor } from "./wait.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const rbac = "/apis/rbac.authorization.k8s.io/v1";
const core = "/api/v1/namespaces/team";
const leaving: Recorded = { leaving: true, everything: true };
const ownerOf = (name: string): AccountOwner => ({
  cluster: "local",
  namespace: "team",
  name,
  uid: `uid-${name}`,
  predecessors: [],
});

/** Leaving on a real kube-apiserver, with no more rights than the operator ships with (config/rbac). */
describe("a ServiceAccount that leaves a real kube-apiserver", function () {
  this.timeout(60_000);
  let stack: Stack;
  let client: KubernetesClient;
  let kube: KubeClient;
  let made = 0;

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    kube = stack.kubernetes.client;
    for (const name of ["ops", "team", "production"]) await kube.create("/api/v1/namespaces", { metadata: { name } });
    await applyOperatorRbac(kube, "ops");
    const rules = (resource: string) => [{ apiGroups: [""], resources: [resource], verbs: ["get", "list"] }];
    await kube.create(`${rbac}/namespaces/team/roles`, { metadata: { name: "reader" }, rules: rules("configmaps") });
    await kube.create(`${rbac}/clusterroles`, { metadata: { name: "test-pods" }, rules: rules("pods") });
    await kube.create(`${rbac}/clusterroles`, {
      metadata: { name: "test-bind" },
      rules: [
        {
          apiGroups: ["rbac.authorization.k8s.io"],
          resources: ["roles", "clusterroles"],
          resourceNames: ["reader", "test-pods"],
          verbs: ["bind"],
        },
      ],
    });
    await bind(undefined, "test-bind", "test-bind", { kind: "ServiceAccount", namespace: "ops", name: "keyturn" });
    client = await clusterLogin(stack);
  });
  after(async () => {
    await client.close();
    await stack.stop();
  });

  const bind = async (namespace: string | undefined, name: string, role: string, subject: object): Promise<void> => {
    const path = namespace === undefined ? "clusterrolebindings" : `namespaces/${namespace}/rolebindings`;
    await kube.create(`${rbac}/${path}`, {
      metadata: { name },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
      subjects: [subject],
    });
  };

  /** One that has joined, and a token of it. */
  const joined = async (more: KubernetesAccount = {}, watched: readonly string[] = []) => {
    made += 1;
    const name = `app-${made}`;
    const account: KubernetesAccount = {
      serviceAccountName: name,
      roles: [
        { kind: "Role", name: "reader" },
        { kind: "ClusterRole", name: "test-pods" },
      ],
      ...more,
    };
    const site = kubernetesAccountOptions(identityCalls(client), systemClock, {
      resyncMs: 0,
      watched,
      operator: { namespace: "ops", name: "keyturn" },
    });
    const owner = ownerOf(name);
    const identity = kubernetesAccount(site, owner, account);
    const desired = kubernetesPieces(account, {
      cluster: "local",
      namespace: "team",
      name,
      account: "main",
      owner: { team: "payments", contact: "payments@example.org" },
      purpose: "Nightly invoices",
      connection: { kind: "kubernetes" },
    });
    for (const piece of desired) await identity.apply(piece, context, desired);
    const token = await kube.serviceAccountToken("team", name);
    const user = kubeClient({ url: stack.kubernetes.url, ca: stack.ca.pem, token });
    const status = async (path: string): Promise<number> => (await user.raw("GET", path)).status;
    const grants = desired.filter((piece) => piece.class === "grant").map(({ key }) => key);
    const unbind = async (): Promise<void> => {
      for (const key of grants) await identity.remove(key, context);
    };
    await waitFor("its bindings are in force", async () => (await status(`${core}/pods`)) === 200);
    return { name, owner, identity, desired, grants, unbind, status, account: `${core}/serviceaccounts/${name}` };
  };

  it("is told of every binding that still names it, and those are what still lets it in", async () => {
    const { name, identity, grants, unbind, status } = await joined();
    const user = { apiGroup: "rbac.authorization.k8s.io", kind: "User", name: `system:serviceaccount:team:${name}` };
    await bind("production", `hand-${name}`, "test-pods", { kind: "ServiceAccount", name, namespace: "team" });
    await bind("production", `user-${name}`, "test-pods", user);
    await bind("team", `short-${name}`, "test-pods", { kind: "ServiceAccount", name });
    await bind("production", `group-${name}`, "test-pods", {
      apiGroup: "rbac.authorization.k8s.io",
      kind: "Group",
      name: "system:serviceaccounts:team",
    });
    // The same spelling elsewhere is another ServiceAccount's.
    await bind("production", `short-${name}`, "test-pods", { kind: "ServiceAccount", name });
    await unbind();
    const seen = await identity.observe(context, leaving);
    deepEqual([...seen.foreignGrants].sort(), [
      `RoleBinding production/hand-${name} (ClusterRole test-pods)`,
      `RoleBinding production/user-${name} (ClusterRole test-pods)`,
      `RoleBinding team/short-${name} (ClusterRole test-pods)`,
    ]);
    deepEqual(seen.groupGrants, [`RoleBinding production/group-${name} (ClusterRole test-pods)`]);
    deepEqual(seen.rightsCut, true);
    equal(await status("/api/v1/namespaces/production/pods"), 200);
    equal(await status(`${core}/pods`), 200);
    // RBAC honours the one without a namespace, and what we gave is proven gone all the same.
    deepEqual(await identity.proveRefused(grants, context), { kind: "refused", proof: "ProvenByListing" });
    for (const path of [`production/rolebindings/hand-${name}`, `production/rolebindings/user-${name}`])
      await kube.delete(`${rbac}/namespaces/${path}`);
    for (const path of [`production/rolebindings/group-${name}`, `team/rolebindings/short-${name}`])
      await kube.delete(`${rbac}/namespaces/${path}`);
    const after = await identity.observe(context, leaving);
    deepEqual([after.foreignGrants, after.groupGrants], [[], []]);
    await waitFor("nothing lets it in", async () => (await status("/api/v1/namespaces/production/pods")) === 403);
    deepEqual(await identity.proveRefused(grants, context), { kind: "refused", proof: "ProvenByReview" });
    deepEqual(seen.notLooked, [{ what: "legacy token Secrets", why: "NotAllowed", right: "list secrets" }]);
  });

  it("is told what was not looked at where only some namespaces are watched", async () => {
    const { identity, unbind } = await joined({}, ["team"]);
    await unbind();
    deepEqual((await identity.observe(context, leaving)).notLooked, [
      { what: "RoleBindings of namespaces that are not watched", why: "NotAllowed", right: "list rolebindings" },
      { what: "legacy token Secrets", why: "NotAllowed", right: "list secrets" },
    ]);
  });

  it("is cut although its namespace is full of RoleBindings that are too large to be listed", async function () {
    this.timeout(300_000);
    const { name, owner, identity, unbind, status } = await joined();
    const annotations = { note: "x".repeat(255 * 1024) };
    const fat = Array.from({ length: 65 }, (_, index) => `fat-${index}`);
    for (const one of fat)
      await kube.create(`${rbac}/namespaces/team/rolebindings`, {
        metadata: { name: one, annotations },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "test-pods" },
        subjects: [{ kind: "ServiceAccount", name: "nobody", namespace: "team" }],
      });
    const { pieces } = await identity.observe(context, leaving);
    equal(pieces.filter((piece) => piece.class === "grant").length, 2);
    await unbind();
    equal((await identity.observe(context, leaving)).rightsCut, true);
    await waitFor("it is refused", async () => (await status(`${core}/pods`)) === 403);
    const binding = bindingName(owner, { binding: "RoleBinding", kind: "Role", name: "reader" }, name);
    equal(await kube.find(`${rbac}/namespaces/team/rolebindings/${binding}`), undefined);
    for (const one of fat) await kube.delete(`${rbac}/namespaces/team/rolebindings/${one}`);
  });

  it("loses its rights although somebody's finalizer keeps its binding", async () => {
    const { name, owner, identity, grants, unbind, status } = await joined();
    const binding = bindingName(owner, { binding: "RoleBinding", kind: "ClusterRole", name: "test-pods" }, name);
    const path = `${rbac}/namespaces/team/rolebindings/${binding}`;
    await kube.mergePatch(path, { metadata: { finalizers: ["example.org/keep"] } });
    await unbind();
    await unbind();
    notEqual((await kube.get(path)).metadata.deletionTimestamp, undefined);
    equal((await identity.observe(context, leaving)).rightsCut, true);
    await waitFor("it is refused", async () => (await status(`${core}/pods`)) === 403);
    equal((await identity.proveRefused(grants, context)).kind, "refused");
    await kube.mergePatch(path, { metadata: { finalizers: null } });
  });

  it("goes with its tokens where onCut says so, and comes back as another one that has what the first had", async () => {
    const { name, identity, desired, grants, unbind, status, account } = await joined({
      onCut: "DeleteServiceAccount",
    });
    await kube.mergePatch(account, {
      metadata: { annotations: { "example.org/role": "r-1" }, labels: { app: "invoices" } },
      imagePullSecrets: [{ name: "registry" }],
      automountServiceAccountToken: false,
    });
    const { closes, externalId, loginClosed } = await identity.observe(context, leaving);
    deepEqual([closes.length, loginClosed], [1, false]);
    await unbind();
    await identity.closeLogin(context);
    const seen = await identity.observe(context, { ...leaving, externalId });
    deepEqual([seen.principal, seen.loginClosed, seen.outstanding], ["absent", true, []]);
    equal((await identity.proveRefused(grants, context)).kind, "refused");
    await waitFor("its tokens are dead", async () => (await status(`${core}/pods`)) === 401);

    // Somebody else's of the same name gets nothing.
    await kube.create(`${core}/serviceaccounts`, { metadata: { name } });
    equal((await identity.observe(context, { ...leaving, externalId })).principal, "foreign");
    await rejects(
      identity.apply(desired[0]!, context, desired, closes),
      (error) => error instanceof OperatorError && error.code === "Conflict",
    );
    await kube.delete(account);

    for (const piece of desired) await identity.apply(piece, context, desired, closes);
    const again = await kube.get(account);
    notEqual(again.metadata.uid, externalId);
    equal(again.metadata.annotations?.["example.org/role"], "r-1");
    equal(again.metadata.labels?.["app"], "invoices");
    deepEqual([again["imagePullSecrets"], again["automountServiceAccountToken"]], [[{ name: "registry" }], false]);
    equal((await identity.observe(context, { externalId })).principal, "ours");
    equal(await status(`${core}/pods`), 401, "tokens of before stay dead");
  });

  it("leaves token Secrets of old behind, which are told where the operator may list Secrets; a token of ours is not listed any more", async () => {
    await applyTokenIssuer(kube, "ops", "team");
    const { name, identity, unbind, account } = await joined();
    const source = tokenSource(
      { calls: identityCalls(client), tokens: client, clock: systemClock },
      { namespace: "team", serviceAccountName: name, request: { audiences: [], ttlSeconds: 3600 } },
    );
    const { id, material } = await source.issue(context, "r-1");
    await kube.create(`${core}/secrets`, {
      metadata: { name: `old-${name}`, annotations: { "kubernetes.io/service-account.name": name } },
      type: "kubernetes.io/service-account-token",
    });
    await unbind();
    const { outstanding, notLooked } = await identity.observe(context, leaving);
    deepEqual(outstanding, [
      { title: `tokens of the ServiceAccount team/${name}`, holdsUp: false },
      { title: `token Secret team/old-${name}, which never ends`, holdsUp: false },
    ]);
    deepEqual(notLooked, []);

    const listed = async () => (await source.list(context)).credentials.map((credential) => credential.id);
    ok((await listed()).includes(id));
    await kube.delete(account);
    await kube.create(`${core}/serviceaccounts`, { metadata: { name } });
    equal((await listed()).includes(id), false);
    await waitFor("it is dead", async () => (await source.proveRefused(material, context)).kind === "refused");
    const next = await source.issue(context, "r-2");
    match(next.id, /-token-/);
    equal(await kube.find(`${core}/secrets/${id}`), undefined);
    deepEqual(await listed(), [next.id]);
  });
});
