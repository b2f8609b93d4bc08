import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parse } from "yaml";
import { installAdmission } from "./admission.ts";
import type { KubeClient, KubeObject } from "./kube.ts";
import { kubeClient, kubeconfig } from "./kube.ts";
import { applyManifests } from "./manifests.ts";
import type { Stack } from "./stack.ts";
import { startStack } from "./stack.ts";
import { waitFor } from "./wait.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);
const BY = "keyturn.dev/changed-by";
const UID = "keyturn.dev/changed-by-uid";
const GROUPS = "keyturn.dev/changed-by-groups";
const FINALIZER = "keyturn.dev/revocation";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const KEYTURN = "/apis/keyturn.dev/v1alpha1";

/** A person or a machine that talks to the API server. */
interface Somebody {
  readonly username: string;
  readonly uid: string;
  readonly groups: string;
  readonly kube: KubeClient;
  readonly kubeconfig: string;
}

interface Role {
  readonly kind: "Role" | "ClusterRole";
  readonly name: string;
  readonly scope?: "Namespace" | "Cluster";
}

describe("the admission policies on a real API server", function () {
  this.timeout(120_000);
  let stack: Stack;
  let admin: KubeClient;
  /** Holds bind on the roles `granted` and `granted-0`…`granted-7` of both kinds. */
  let alice: Somebody;
  /** May edit the same things, and holds bind on nothing. */
  let bob: Somebody;
  /** Holds bind on the same roles as alice, but in the namespace only. */
  let carol: Somebody;
  let operator: Somebody;
  const names = {
    team: "team",
    system: "team-system",
    older: "older",
    olderSystem: "older-system",
    elsewhere: "elsewhere",
  };
  const collection = (namespace = names.team): string => `${KEYTURN}/namespaces/${namespace}/serviceaccountlifecycles`;
  const grantable = ["granted", ...Array.from({ length: 8 }, (_, index) => `granted-${index}`)];

  const identity = (name: string, options: { roles?: Role[]; purpose?: string; annotations?: object } = {}) => ({
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "ServiceAccountLifecycle",
    metadata: { name, namespace: names.team, ...(options.annotations === undefined ? {} : options) },
    spec: {
      owner: { team: "payments", contact: "payments@example.com" },
      purpose: options.purpose ?? "Reads invoices",
      accounts: [{ name: "cluster", kubernetes: options.roles === undefined ? {} : { roles: options.roles } }],
    },
  });
  /** The same object in another namespace, without what only policies and servers read. */
  const inside = (namespace: string, object: ReturnType<typeof identity>): object => ({
    ...object,
    metadata: { name: object.metadata.name, namespace, annotations: object.metadata.annotations },
  });

  const somebody = async (namespace: string, name: string): Promise<Somebody> => {
    const account = await admin.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
    const token = await admin.serviceAccountToken(namespace, name);
    const kube = kubeClient({ url: stack.kubernetes.url, ca: stack.ca.pem, token });
    const file = join(stack.dir, `${namespace}-${name}.kubeconfig`);
    await writeFile(file, kubeconfig({ url: stack.kubernetes.url, ca: stack.ca.pem, token, namespace: names.team }));
    const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"].join("\n");
    return {
      username: `system:serviceaccount:${namespace}:${name}`,
      uid: account.metadata.uid!,
      groups,
      kube,
      kubeconfig: file,
    };
  };
  const allow = async (name: string, rules: object[], who: Somebody): Promise<void> => {
    const apiGroup = "rbac.authorization.k8s.io";
    await admin.apply(`${RBAC}/clusterroles/${name}`, {
      apiVersion: `${apiGroup}/v1`,
      kind: "ClusterRole",
      metadata: { name },
      rules,
    });
    await admin.apply(`${RBAC}/clusterrolebindings/${name}`, {
      apiVersion: `${apiGroup}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { name },
      roleRef: { apiGroup, kind: "ClusterRole", name },
      subjects: [{ apiGroup, kind: "User", name: who.username }],
    });
  };
  const kubectl = async (who: Somebody, object: object, ...args: string[]): Promise<string> => {
    const file = join(stack.dir, "object.json");
    await writeFile(file, JSON.stringify(object));
    const env = { ...process.env, KUBECONFIG: who.kubeconfig };
    return (await run(stack.tools.kubectl, [...args, "-f", file], { env })).stdout;
  };
  const stampOf = ({ metadata: { annotations = {} } }: KubeObject): string[] =>
    [BY, UID, GROUPS].map((key) => annotations[key] ?? "(none)");
  const signed = ({ username, uid, groups }: Somebody): object => ({ [BY]: username, [UID]: uid, [GROUPS]: groups });
  const stampedBy = ({ username, uid, groups }: Somebody): string[] => [username, uid, groups];

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    admin = stack.kubernetes.client;
    deepEqual((await applyManifests(admin, join(root, "crds"))).refused, []);
    for (const name of Object.values(names)) await admin.create("/api/v1/namespaces", { metadata: { name } });
    [alice, bob, carol, operator] = await Promise.all([
      somebody(names.team, "alice"),
      somebody(names.team, "bob"),
      somebody(names.team, "carol"),
      somebody(names.system, "keyturn"),
    ]);
    const everything = [
      { apiGroups: ["keyturn.dev"], resources: ["*"], verbs: ["get", "list", "create", "update", "patch", "delete"] },
      {
        apiGroups: ["", "rbac.authorization.k8s.io"],
        resources: ["secrets", "serviceaccounts", "rolebindings", "clusterrolebindings"],
        verbs: ["get", "create", "update", "patch"],
      },
    ];
    for (const who of [alice, bob, carol, operator])
      await allow(`edit-${who.username.split(":").join("-")}`, everything, who);
    const bind = { apiGroups: ["rbac.authorization.k8s.io"], resourceNames: grantable, verbs: ["bind"] };
    await allow("bind", [{ ...bind, resources: ["roles", "clusterroles"] }], alice);
    await admin.create(`${RBAC}/namespaces/${names.team}/rolebindings`, {
      metadata: { name: "bind" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "bind" },
      subjects: [{ kind: "ServiceAccount", name: "carol", namespace: names.team }],
    });
    const of = { team: { suffix: "team", operatorNamespace: names.system, namespaces: [names.team] } };
    await installAdmission(admin, of.team);
    await installAdmission(admin, {
      suffix: "older",
      operatorNamespace: names.olderSystem,
      namespaces: [names.older],
      stamping: false,
    });
  });
  after(async () => {
    await stack.stop();
  });

  describe("who asked", () => {
    it("is stamped under client-side apply; a diff shows nothing, and applying again raises no generation", async () => {
      const object = identity("client-side");
      await kubectl(alice, object, "apply");
      const first = await admin.get(`${collection()}/client-side`);
      deepEqual(stampOf(first), stampedBy(alice));
      equal(await kubectl(alice, object, "diff"), "");
      await kubectl(alice, object, "apply");
      const second = await admin.get(`${collection()}/client-side`);
      deepEqual([second.metadata.generation, stampOf(second)], [first.metadata.generation, stampOf(first)]);
      // What somebody else applies without a change is not their wish.
      await kubectl(bob, object, "apply");
      deepEqual(stampOf(await admin.get(`${collection()}/client-side`)), stampedBy(alice));
    });

    it("is stamped under server-side apply; a diff shows nothing, and applying again raises no generation", async () => {
      const object = identity("server-side");
      await kubectl(alice, object, "apply", "--server-side");
      const first = await admin.get(`${collection()}/server-side`);
      deepEqual(stampOf(first), stampedBy(alice));
      equal(await kubectl(alice, object, "diff", "--server-side"), "");
      await kubectl(alice, object, "apply", "--server-side");
      const second = await admin.get(`${collection()}/server-side`);
      deepEqual(
        [second.metadata.generation, second.metadata.resourceVersion, stampOf(second)],
        [first.metadata.generation, first.metadata.resourceVersion, stampOf(first)],
      );
    });

    it("is the last one who changed the spec", async () => {
      await alice.kube.create(collection(), identity("twice"));
      const path = `${collection()}/twice`;
      await bob.kube.mergePatch(path, {
        metadata: { labels: { a: "b" }, annotations: { "keyturn.dev/paused": "true" } },
      });
      deepEqual(stampOf(await admin.get(path)), stampedBy(alice));
      await bob.kube.mergePatch(path, { spec: { purpose: "Writes invoices" } });
      deepEqual(stampOf(await admin.get(path)), stampedBy(bob));
    });

    it("is stamped on SecretRotations as well", async () => {
      const rotation = {
        apiVersion: "keyturn.dev/v1alpha1",
        kind: "SecretRotation",
        metadata: { name: "key", namespace: names.team },
        spec: {
          source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "key" } },
          deliver: [{ name: "app", kubernetesSecret: { name: "key" } }],
          dependents: [],
        },
      };
      deepEqual(
        stampOf(await alice.kube.create(`${KEYTURN}/namespaces/${names.team}/secretrotations`, rotation)),
        stampedBy(alice),
      );
    });

    it("cannot be somebody else: a stamp that comes with a spec is overwritten, one without is refused", async () => {
      const path = `${collection()}/forged`;
      const forged = await bob.kube.create(collection(), identity("forged", { annotations: signed(alice) }));
      deepEqual(stampOf(forged), stampedBy(bob));
      const changed = await bob.kube.mergePatch(path, {
        metadata: { annotations: signed(alice) },
        spec: { purpose: "Forges" },
      });
      deepEqual(stampOf(changed), stampedBy(bob));
      for (const one of [{ [BY]: alice.username }, { [UID]: alice.uid }, { [GROUPS]: "system:masters" }])
        await rejects(bob.kube.mergePatch(path, { metadata: { annotations: one } }), refused(/together with it/));
      for (const key of [BY, UID, GROUPS])
        await rejects(
          bob.kube.mergePatch(path, { metadata: { annotations: { [key]: null } } }),
          refused(/together with it/),
        );
      await rejects(
        bob.kube.mergePatch(path, { metadata: { annotations: signed(alice) } }),
        refused(/together with it/),
      );
      const none = { [BY]: null, [UID]: null, [GROUPS]: null };
      deepEqual(stampOf(await bob.kube.mergePatch(path, { metadata: { annotations: none } })), stampedBy(bob));
      // As the status subresource it does not reach metadata at all.
      deepEqual(
        stampOf(await admin.mergePatch(`${path}/status`, { metadata: { annotations: signed(alice) } })),
        stampedBy(bob),
      );
    });

    it("outlives a PUT that knows nothing of it, and so does the finalizer", async () => {
      await alice.kube.create(collection(), identity("put"));
      const path = `${collection()}/put`;
      await operator.kube.mergePatch(path, { metadata: { finalizers: ["example.com/other", FINALIZER] } });
      const { metadata } = await admin.get(path);
      const bare = { ...identity("put"), metadata: { name: "put", resourceVersion: metadata.resourceVersion } };
      const after = await bob.kube.replace(path, bare);
      deepEqual([stampOf(after), after.metadata.finalizers], [stampedBy(alice), [FINALIZER]]);
      const changed = await bob.kube.replace(path, {
        ...identity("put", { purpose: "Puts" }),
        metadata: { name: "put", resourceVersion: after.metadata.resourceVersion },
      });
      deepEqual([stampOf(changed), changed.metadata.finalizers], [stampedBy(bob), [FINALIZER]]);
    });

    it("stays when the operator writes a spec back, and the operator can sign for nobody", async () => {
      await alice.kube.create(collection(), identity("restored"));
      const path = `${collection()}/restored`;
      deepEqual(stampOf(await operator.kube.mergePatch(path, { spec: { purpose: "Written back" } })), stampedBy(alice));
      const forging = { metadata: { annotations: signed(bob) }, spec: { purpose: "Forged" } };
      await rejects(operator.kube.mergePatch(path, forging), refused(/must name the one who makes this request/));
      const made = await operator.kube.create(collection(), identity("made", { annotations: signed(alice) }));
      deepEqual(stampOf(made), stampedBy(operator));
    });

    it("is refused to one whose groups cannot be told apart", async () => {
      // The certificate's organisation is the group; a line break in it looks like two groups, one of them a strong one.
      const { cert, key } = stack.ca.authority.issue({ cn: "mallory", o: "harmless\nsystem:masters" });
      const file = join(stack.dir, "mallory.kubeconfig");
      await writeFile(
        file,
        kubeconfig({ url: stack.kubernetes.url, ca: stack.ca.pem, client: { cert, key }, namespace: names.team }),
      );
      const mallory: Somebody = { ...bob, username: "mallory", kubeconfig: file };
      await allow("mallory", [{ apiGroups: ["keyturn.dev"], resources: ["*"], verbs: ["*"] }], mallory);
      await rejects(kubectl(mallory, identity("two-groups"), "create"), /line break in its name/);
    });

    it("does not reach other namespaces than those of the set", async () => {
      const path = collection(names.elsewhere);
      deepEqual(stampOf(await bob.kube.create(path, inside(names.elsewhere, identity("free")))), [
        "(none)",
        "(none)",
        "(none)",
      ]);
    });
  });

  describe("without stamping, as before 1.36", () => {
    it("lets clients sign for themselves, or not at all, and for nobody else", async () => {
      const path = collection(names.older);
      const object = (name: string, annotations?: object): object =>
        inside(names.older, identity(name, annotations === undefined ? {} : { annotations }));
      deepEqual(stampOf(await alice.kube.create(path, object("signed", signed(alice)))), stampedBy(alice));
      deepEqual(stampOf(await alice.kube.create(path, object("unsigned"))), ["(none)", "(none)", "(none)"]);
      const mustBeOwn = refused(/must name the one who makes this request/);
      await rejects(bob.kube.create(path, object("forged", signed(alice))), mustBeOwn);
      await rejects(bob.kube.create(path, object("half", { [BY]: bob.username })), mustBeOwn);
      const noGroups = { ...signed(bob), [GROUPS]: "system:masters" };
      await rejects(bob.kube.create(path, object("strong", noGroups)), mustBeOwn);
      const purpose = { purpose: "Writes invoices" };
      await rejects(bob.kube.mergePatch(`${path}/signed`, { spec: purpose }), mustBeOwn);
      const changed = await bob.kube.mergePatch(`${path}/signed`, {
        metadata: { annotations: signed(bob) },
        spec: purpose,
      });
      deepEqual(stampOf(changed), stampedBy(bob));
      const later = { metadata: { annotations: signed(alice) } };
      await rejects(bob.kube.mergePatch(`${path}/signed`, later), refused(/together with it/));
      await rejects(
        bob.kube.mergePatch(`${path}/unsigned`, { metadata: { annotations: signed(bob) } }),
        refused(/together with it/),
      );
    });
  });

  describe("roles", () => {
    const eight = (scope: "Namespace" | "Cluster"): Role[] =>
      Array.from({ length: 8 }, (_, index) => ({ kind: "ClusterRole", name: `granted-${index}`, scope }));

    it("may be given by one who holds bind on them: eight of them, in the namespace and in the cluster", async () => {
      for (const [name, roles] of [
        ["eight", eight("Namespace")],
        ["eight-cluster", eight("Cluster")],
        ["namespaced", [{ kind: "Role", name: "granted" }] as Role[]],
      ] as const)
        deepEqual(
          stampOf(await alice.kube.create(collection(), identity(name, { roles: [...roles] }))),
          stampedBy(alice),
        );
    });

    it("may not be given by one who does not, at whichever place of the list", async () => {
      const one: Role = { kind: "ClusterRole", name: "cluster-admin", scope: "Cluster" };
      const what = refused(/you may not give ClusterRole cluster-admin in the whole cluster/);
      await rejects(bob.kube.create(collection(), identity("bad", { roles: [one] })), what);
      await rejects(alice.kube.create(collection(), identity("bad", { roles: [one] })), what);
      for (let place = 0; place < 8; place += 1) {
        const roles = eight("Namespace").map((role, index) => (index === place ? { ...role, name: "admin" } : role));
        const error = refused(
          new RegExp(`roles\\[${place}\\]: you may not give ClusterRole admin in namespace ${names.team}`),
        );
        await rejects(alice.kube.create(collection(), identity("bad", { roles })), error);
      }
      const role: Role = { kind: "Role", name: "granted" };
      await rejects(
        bob.kube.create(collection(), identity("bad", { roles: [role] })),
        refused(/you may not give Role granted/),
      );
    });

    it("may be taken out wholly under server-side apply by one who holds nothing, which does not bring them back", async () => {
      const roles: Role[] = [{ kind: "Role", name: "granted" }];
      await kubectl(alice, identity("emptied", { roles }), "apply", "--server-side");
      await kubectl(bob, identity("emptied"), "apply", "--server-side");
      deepEqual(stampOf(await admin.get(`${collection()}/emptied`)), stampedBy(bob));
      // Null stands there now, and nothing trips over it.
      await bob.kube.mergePatch(`${collection()}/emptied`, { spec: { purpose: "Waits" } });
      await rejects(
        bob.kube.mergePatch(`${collection()}/emptied`, { spec: identity("emptied", { roles }).spec }),
        refused(/do not hold the verb bind/),
      );
    });

    it("that one may bind in the namespace may not be given in the cluster, at whichever place of the list", async () => {
      await carol.kube.create(collection(), identity("carols", { roles: eight("Namespace") }));
      for (let place = 0; place < 8; place += 1) {
        const roles = eight("Namespace").map((role, index): Role =>
          index === place ? { ...role, scope: "Cluster" } : role,
        );
        const error = refused(
          new RegExp(`roles\\[${place}\\]: you may not give ClusterRole granted-${place} in the whole`),
        );
        await rejects(carol.kube.create(collection(), identity("bad", { roles })), error);
      }
    });

    it("that stand already need not be held by one who changes something else", async () => {
      await alice.kube.create(collection(), identity("standing", { roles: eight("Namespace") }));
      const path = `${collection()}/standing`;
      await bob.kube.mergePatch(path, { spec: { purpose: "Still reads invoices" } });
      const turned = eight("Namespace").reverse().slice(2);
      await bob.kube.mergePatch(path, { spec: identity("standing", { roles: turned }).spec });
      const change = (role: Role): Promise<KubeObject> =>
        bob.kube.mergePatch(path, { spec: identity("standing", { roles: [...turned, role] }).spec });
      // Taken away by bob above, so it is a new wish.
      await rejects(change({ kind: "ClusterRole", name: "granted-7" }), refused(/you may not give/));
      await rejects(
        change({ kind: "ClusterRole", name: "granted-5", scope: "Cluster" }),
        refused(/in the whole cluster/),
      );
      await rejects(change({ kind: "Role", name: "granted-5" }), refused(/you may not give Role/));
    });

    it("are asked for anew, all of them, by every change that lets the identity live again or longer", async () => {
      const name = "for-a-while";
      const path = `${collection()}/${name}`;
      const roles = eight("Cluster");
      const object = identity(name, { roles });
      const spec = (more: object): object => ({ spec: { state: null, expiresAt: null, ...more } });
      const soon = "2030-06-30T00:00:00Z";
      await alice.kube.create(collection(), { ...object, spec: { ...object.spec, expiresAt: soon } });
      const anew = refused(/roles\[0\]: you may not give .*live again or longer.*may-give/s);
      const change = (who: Somebody, more: object): Promise<KubeObject> => who.kube.mergePatch(path, spec(more));
      // Later, removed, and the same moment written in another way.
      await rejects(change(bob, { expiresAt: "2030-06-30T00:00:01Z" }), anew);
      await rejects(change(bob, { expiresAt: "2030-06-30T00:00:00-01:00" }), anew);
      await rejects(change(bob, {}), anew);
      await change(bob, { expiresAt: "2030-06-30T02:00:00+02:00" });
      // What ends earlier, or suspends, needs nothing; what takes it back does.
      await change(bob, { expiresAt: "2030-06-29T00:00:00.5Z" });
      await rejects(change(bob, { expiresAt: "2030-06-29T00:00:00.6Z" }), anew);
      await change(bob, { state: "Suspended" });
      await rejects(change(bob, { state: "Active" }), anew);
      await rejects(change(bob, {}), anew);
      await change(bob, { state: "Decommissioned" });
      await rejects(change(bob, { state: "Active", expiresAt: "2030-06-01T00:00:00Z" }), anew);
      // An undo by whoever made the deletion is a creation.
      deepEqual(stampOf(await change(alice, { state: "Active" })), stampedBy(alice));
      await alice.kube.delete(path);
      await rejects(bob.kube.create(collection(), object), refused(/you may not give/));
      await alice.kube.create(collection(), object);
    });

    it("are not asked for where the identity has none: every editor could declare it anew", async () => {
      const path = `${collection()}/bare`;
      await alice.kube.create(collection(), identity("bare"));
      for (const state of ["Suspended", "Active"]) await bob.kube.mergePatch(path, { spec: { state } });
      await bob.kube.mergePatch(path, { spec: { expiresAt: "2030-06-30T00:00:00Z" } });
      await bob.kube.mergePatch(path, { spec: { expiresAt: null } });
    });

    it("on an account of another name are new, for it is another ServiceAccount", async () => {
      const roles: Role[] = [{ kind: "ClusterRole", name: "granted" }];
      await alice.kube.create(collection(), identity("moved", { roles }));
      const { spec } = identity("moved");
      const moved = { ...spec, accounts: [{ name: "other", kubernetes: { serviceAccountName: "bobs", roles } }] };
      await rejects(bob.kube.mergePatch(`${collection()}/moved`, { spec: moved }), refused(/you may not give/));
    });

    it("are not asked of the operator when it writes a spec back, and are when it makes one", async () => {
      const roles: Role[] = [{ kind: "ClusterRole", name: "granted" }];
      await alice.kube.create(collection(), identity("back"));
      await operator.kube.mergePatch(`${collection()}/back`, { spec: identity("back", { roles }).spec });
      await rejects(operator.kube.create(collection(), identity("own", { roles })), refused(/you may not give/));
    });
  });

  it("warn of Retain and let it pass", async () => {
    const object = { ...identity("kept"), spec: { ...identity("kept").spec, deletion: { policy: "Retain" } } };
    const env = { ...process.env, KUBECONFIG: bob.kubeconfig };
    const file = join(stack.dir, "kept.json");
    await writeFile(file, JSON.stringify(object));
    const { stdout, stderr } = await run(stack.tools.kubectl, ["create", "-f", file], { env });
    match(stdout, /kept created/);
    match(stderr, /Warning: .*keyturn-retain.*spec\.retain Allowed/);
    await writeFile(file, JSON.stringify(identity("not-kept")));
    equal((await run(stack.tools.kubectl, ["create", "-f", file], { env })).stderr, "");
  });

  it("answer the operator's probe, each for itself, and let nobody's object in by it", async () => {
    const probe = (name: string, annotations?: object): Promise<KubeObject> =>
      operator.kube.create(
        `${collection(names.system)}?dryRun=All`,
        inside(names.system, identity(name, annotations && { annotations })),
      );
    await probe("plain");
    for (const policy of ["keyturn-requester", "keyturn-bind", "keyturn-status"]) {
      const asked = { "keyturn.dev/admission-probe": policy };
      await rejects(
        probe("asked", asked),
        refused(policy === "keyturn-status" ? /only the operator writes status/ : new RegExp(`${policy} is in force`)),
      );
      // Where the policies do not judge, it is an annotation like any other: so it is the policy that answers.
      await admin.create(
        `${collection(names.elsewhere)}?dryRun=All`,
        inside(names.elsewhere, identity("asked", { annotations: asked })),
      );
    }
    const forged = await probe("forged", { [BY]: "keyturn:forged" });
    equal(forged.metadata.annotations?.[BY], operator.username);
  });

  describe("what only the operator writes", () => {
    const orphan = (name: string, namespace: string): KubeObject => ({
      apiVersion: "keyturn.dev/v1alpha1",
      kind: "OrphanedCredential",
      metadata: { name },
      spec: orphanSpec(namespace),
    });

    it("is the ledger; people may annotate its entries", async () => {
      const path = `${KEYTURN}/orphanedcredentials`;
      await rejects(bob.kube.create(path, orphan("theirs", names.team)), refused(/only the operator writes/));
      await operator.kube.create(path, orphan("ours", names.team));
      await bob.kube.mergePatch(`${path}/ours`, { metadata: { annotations: { "keyturn.dev/release": "true" } } });
      // Who may release may not keep: that is a verb of its own.
      const keep = (value: string | null): object => ({ metadata: { annotations: { "keyturn.dev/keep": value } } });
      await rejects(bob.kube.mergePatch(`${path}/ours`, keep("true")), refused(/needs the verb keep/));
      await allow("keep", [{ apiGroups: ["keyturn.dev"], resources: ["orphanedcredentials"], verbs: ["keep"] }], alice);
      await waitFor("keep is in force", async () => {
        await alice.kube.mergePatch(`${path}/ours`, keep("true"));
        return true;
      });
      await bob.kube.mergePatch(`${path}/ours`, { metadata: { annotations: { "keyturn.dev/release": "false" } } });
      await rejects(bob.kube.mergePatch(`${path}/ours`, keep("other")), refused(/needs the verb keep/));
      await bob.kube.mergePatch(`${path}/ours`, keep(null));
      for (const metadata of [
        { finalizers: ["example.com/stuck"] },
        { labels: { a: "b" } },
        { ownerReferences: [{ apiVersion: "v1", kind: "Namespace", name: "gone", uid: "gone" }] },
      ])
        await rejects(bob.kube.mergePatch(`${path}/ours`, { metadata }), refused(/only the operator writes/));
      await rejects(bob.kube.mergePatch(`${path}/ours/status`, { status: {} }), refused(/only the operator writes/));
      await rejects(bob.kube.delete(`${path}/ours`), refused(/only the operator writes/));
      // Another site's entry is no business of this set.
      await bob.kube.create(path, orphan("elsewhere", names.elsewhere));
      await bob.kube.delete(`${path}/elsewhere`);
      ok(await admin.delete(`${path}/ours`), "a cluster administrator can clean up");
    });

    it("is status", async () => {
      await bob.kube.create(collection(), identity("status"));
      const path = `${collection()}/status/status`;
      const requesters = [{ privilege: "binding/ClusterRole/admin", username: alice.username, generation: 1 }];
      await rejects(bob.kube.mergePatch(path, { status: { requesters } }), refused(/only the operator writes status/));
      await operator.kube.mergePatch(path, { status: { requesters } });
      await admin.mergePatch(path, { status: { requesters: null } });
    });

    it("is the removal of its finalizer", async () => {
      await bob.kube.create(collection(), identity("leaving"));
      const path = `${collection()}/leaving`;
      await operator.kube.mergePatch(path, { metadata: { finalizers: [FINALIZER, "example.com/other"] } });
      await rejects(bob.kube.mergePatch(path, { metadata: { finalizers: null } }), refused(/only the operator takes/));
      await bob.kube.mergePatch(path, { metadata: { finalizers: [FINALIZER] } });
      await bob.kube.delete(path);
      await rejects(bob.kube.mergePatch(path, { metadata: { finalizers: null } }), refused(/only the operator takes/));
      await operator.kube.mergePatch(path, { metadata: { finalizers: null } });
      equal(await admin.find(path), undefined);
    });

    it("are its marks, on kinds that it would take for its own", async () => {
      const core = `/api/v1/namespaces/${names.team}`;
      const inTeam = `${RBAC}/namespaces/${names.team}`;
      const marks = { "keyturn.dev/owner": `main/${names.team}/app`, "keyturn.dev/owner-uid": "0" };
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "granted" };
      const places: [string, object][] = [
        [`${core}/secrets`, {}],
        [`${core}/serviceaccounts`, {}],
        [`${inTeam}/rolebindings`, { roleRef }],
        [`${RBAC}/clusterrolebindings`, { roleRef }],
      ];
      for (const [path, rest] of places) {
        const marked = (name: string): object => ({ metadata: { name, annotations: marks }, ...rest });
        await rejects(alice.kube.create(path, marked("planted")), refused(/only the operator puts/));
        await alice.kube.create(path, { metadata: { name: "plain" }, ...rest });
        const put = { metadata: { annotations: { "keyturn.dev/owner": marks["keyturn.dev/owner"] } } };
        await rejects(alice.kube.mergePatch(`${path}/plain`, put), refused(/only the operator puts/));
        await admin.create(path, marked("ours"));
        await alice.kube.mergePatch(`${path}/ours`, { metadata: { labels: { a: "b" } } });
        const other = { metadata: { annotations: { "keyturn.dev/owner-uid": "1" } } };
        await rejects(alice.kube.mergePatch(`${path}/ours`, other), refused(/only the operator puts/));
        const off = { "keyturn.dev/owner": null, "keyturn.dev/owner-uid": null };
        await alice.kube.mergePatch(`${path}/ours`, { metadata: { annotations: off } });
      }
    });

    it("is not whom a ServiceAccount gives its tokens: that its team says, who may make them anyway", async () => {
      const accounts = `/api/v1/namespaces/${names.team}/serviceaccounts`;
      const page = await readFile(join(root, "docs/how-to/give-a-token-to-an-outsider.md"), "utf8");
      const [, text = ""] = /^```yaml\n(apiVersion: v1\nkind: ServiceAccount\n[\s\S]*?)^---$/m.exec(page) ?? [];
      const account = parse(text) as KubeObject;
      const ofPage = { ...account, metadata: { ...account.metadata, namespace: names.team } };
      const giving = (name: string, to = "app"): object => ({
        metadata: { name, annotations: { "keyturn.dev/token-for": to } },
      });
      const tokens = refused(/needs the verb create on its serviceaccounts\/token/);

      const editor = await somebody(names.team, "editor");
      await admin.create(`${RBAC}/namespaces/${names.team}/rolebindings`, {
        metadata: { name: "editor" },
        // What Kubernetes' own ClusterRole edit is put together of.
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:aggregate-to-edit" },
        subjects: [{ kind: "ServiceAccount", name: "editor", namespace: names.team }],
      });
      await waitFor("edit is in force", async () => {
        await editor.kube.create(accounts, ofPage);
        return true;
      });
      await editor.kube.mergePatch(`${accounts}/${account.metadata.name}`, {
        metadata: { annotations: { "keyturn.dev/token-for": "other, app" } },
      });
      const owner = { metadata: { annotations: { "keyturn.dev/owner": `main/${names.team}/app` } } };
      await rejects(
        editor.kube.mergePatch(`${accounts}/${account.metadata.name}`, owner),
        refused(/only the operator puts/),
      );

      // Bob may annotate ServiceAccounts, and make a token of one of them.
      await rejects(bob.kube.create(accounts, giving("bobs")), tokens);
      await bob.kube.create(accounts, { metadata: { name: "bobs" } });
      await rejects(bob.kube.mergePatch(`${accounts}/bobs`, giving("bobs")), tokens);
      await editor.kube.mergePatch(`${accounts}/bobs`, giving("bobs"));
      await bob.kube.mergePatch(`${accounts}/bobs`, { metadata: { labels: { a: "b" } } });
      await rejects(bob.kube.mergePatch(`${accounts}/bobs`, giving("bobs", "app,mine")), tokens);
      await bob.kube.mergePatch(`${accounts}/bobs`, { metadata: { annotations: { "keyturn.dev/token-for": null } } });
      await allow(
        "one-token",
        [{ apiGroups: [""], resources: ["serviceaccounts/token"], resourceNames: ["bobs"], verbs: ["create"] }],
        bob,
      );
      await waitFor("the right is in force", async () => {
        await bob.kube.mergePatch(`${accounts}/bobs`, giving("bobs"));
        return true;
      });
      await rejects(
        bob.kube.mergePatch(`${accounts}/${account.metadata.name}`, {
          metadata: { annotations: { "keyturn.dev/token-for": "mine" } },
        }),
        tokens,
      );
      // On anything else the annotation says nothing.
      await bob.kube.create(`/api/v1/namespaces/${names.team}/secrets`, giving("no-account"));
    });

    it("leaves garbage collection and the end of a namespace alone", async () => {
      const namespace = "passing";
      await admin.create("/api/v1/namespaces", { metadata: { name: namespace } });
      const set = await installAdmission(admin, { suffix: namespace, operatorNamespace: namespace, namespaces: [] });
      await bob.kube.create(collection(namespace), inside(namespace, identity("app")));
      await admin.delete(`/api/v1/namespaces/${namespace}`);
      await waitFor(
        "the namespace is gone",
        async () => (await admin.find(`/api/v1/namespaces/${namespace}`)) === undefined,
      );
      await set.remove();
    });
  });
});

const refused =
  (message: RegExp) =>
  (error: Error): true => {
    match(error.message, message);
    match(error.message, /: (403|422) /);
    return true;
  };

const AT = "2026-01-01T00:00:00Z";
const orphanSpec = (namespace: string): object => ({
  origin: { kind: "SecretRotation", namespace, name: "app", uid: "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10" },
  source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "app", exclusive: true } },
  target: "aws-user/123456789012/app",
  policy: "Delete",
  sequence: 1,
  credentials: [],
  intents: [],
  deliveries: [],
  stagingUid: "6c2ee0b5-7d7d-4f6e-9a53-0f6a6f5b8f10",
  holdSeconds: 0,
  recordedAt: AT,
});
