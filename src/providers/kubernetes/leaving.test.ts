import assert from "node:assert/strict";
import { ADOPT } from "../../api/v1alpha1/annotations.ts";
import type { KubernetesAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { bindingName, kubernetesPieces, type RoleGrant } from "../../domain/lifecycle/pieces/kubernetes.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import type { Recorded } from "../account.ts";
import { kubernetesAccount, kubernetesAccountOptions } from "./account.ts";
import type { NewIdentityObject, Subject } from "./calls.ts";
import { FakeKubernetes } from "./fake-calls.ts";
import { wholeOf } from "../../kernel/listed.ts";

const owner = { cluster: "blue", namespace: "shop", name: "checkout", uid: "uid-c", predecessors: [] };
const context = { signal: new AbortController().signal, log: silentLogger };
const place = { kind: "ServiceAccount", namespace: "shop", name: "checkout" } as const;
const RESYNC_MS = 600_000;
const ROLES: KubernetesAccount["roles"] = [
  { kind: "Role", name: "carts" },
  { kind: "ClusterRole", name: "metrics", scope: "Cluster" },
];
const piecesFor = (account: KubernetesAccount) =>
  kubernetesPieces(account, {
    ...owner,
    account: "cluster",
    owner: { team: "shop", contact: "shop@example.org" },
    purpose: "Checkout",
    connection: { kind: "kubernetes" },
  });
const leaving: Recorded = { leaving: true, everything: true };

class ImpatientClock extends FakeClock {
  override sleep(): Promise<void> {
    return Promise.resolve();
  }
}

const setUp = (declared: KubernetesAccount = {}, watched: readonly string[] = []) => {
  const account = { roles: ROLES, ...declared };
  const server = new FakeKubernetes();
  const clock = new ImpatientClock();
  server.seed(
    { kind: "Role", namespace: "shop", name: "carts" },
    { rules: [{ verbs: ["get"], apiGroups: [""], resources: ["configmaps"] }] },
  );
  server.seed(
    { kind: "ClusterRole", name: "metrics" },
    { rules: [{ verbs: ["list"], apiGroups: [""], resources: ["nodes"] }] },
  );
  const site = kubernetesAccountOptions(server, clock, {
    resyncMs: RESYNC_MS,
    watched,
    operator: { namespace: "keyturn-system", name: "keyturn" },
  });
  const client = kubernetesAccount(site, owner, account);
  const desired = piecesFor(account);
  const grants = desired.filter((piece) => piece.class === "grant").map(({ key }) => key);
  const join = async () => {
    for (const piece of desired) await client.apply(piece, context, desired);
  };
  const unbind = async () => {
    for (const key of grants) await client.remove(key, context);
  };
  /** Made by somebody else. */
  const bind = (name: string, subjects: readonly Subject[], more: { namespace?: string; role?: string } = {}) => {
    const { namespace, role = "view" } = more;
    const kind = namespace === undefined ? "ClusterRoleBinding" : "RoleBinding";
    server.seed({ kind, namespace, name }, { roleRef: { apiGroup: "", kind: "ClusterRole", name: role }, subjects });
  };
  return { server, clock, site, client, desired, grants, join, unbind, bind };
};

type World = ReturnType<typeof setUp>;
const lists = ({ server }: World, kind: string): number => server.log.filter((call) => call === `list ${kind}`).length;
const account = { kind: "ServiceAccount", namespace: "shop", name: "checkout" } as const;
const unavailable = new OperatorError("Unavailable", { publicMessage: "down" });
const forbidden = new OperatorError("PermissionDenied", { publicMessage: "no", status: 403 });
const isConflict = (error: unknown) => error instanceof OperatorError && error.code === "Conflict";

describe("bindings of others for a ServiceAccount", () => {
  it("are told wherever they stand, however they spell its name", async () => {
    const world = setUp();
    await world.join();
    world.bind("by-hand", [account], { namespace: "warehouse" });
    world.bind("short", [{ kind: "ServiceAccount", name: "checkout" }], { namespace: "shop" });
    world.bind("blank", [{ kind: "ServiceAccount", name: "checkout", namespace: "" }], { namespace: "shop" });
    world.bind("user", [{ kind: "User", name: "system:serviceaccount:shop:checkout" }], { namespace: "ledger" });
    world.bind("wide", [{ kind: "User", name: "system:serviceaccount:shop:checkout" }]);
    // Of another namespace's ServiceAccount, of another user, of a group called so.
    world.bind("another", [{ kind: "ServiceAccount", name: "checkout" }], { namespace: "warehouse" });
    world.bind("person", [{ kind: "User", name: "checkout" }], { namespace: "shop" });
    world.bind("group", [{ kind: "Group", name: "system:serviceaccount:shop:checkout" }], { namespace: "shop" });
    const { foreignGrants, groupGrants } = await world.client.observe(context, leaving);
    assert.deepEqual([...foreignGrants].sort(), [
      "ClusterRoleBinding wide (ClusterRole view)",
      "RoleBinding ledger/user (ClusterRole view)",
      "RoleBinding shop/blank (ClusterRole view)",
      "RoleBinding shop/short (ClusterRole view)",
      "RoleBinding warehouse/by-hand (ClusterRole view)",
    ]);
    assert.deepEqual(groupGrants, []);
  });

  it("of its groups are told apart, but for Kubernetes' own", async () => {
    const world = setUp();
    await world.join();
    world.bind("team", [{ kind: "Group", name: "system:serviceaccounts:shop" }], { namespace: "warehouse" });
    world.bind("all", [{ kind: "Group", name: "system:serviceaccounts" }], { namespace: "shop" });
    world.bind("anybody", [{ kind: "Group", name: "system:authenticated" }]);
    world.bind("system:basic-user", [{ kind: "Group", name: "system:authenticated" }], { role: "system:basic-user" });
    world.bind("system:disguised", [{ kind: "Group", name: "system:authenticated" }], { role: "cluster-admin" });
    world.bind("others", [{ kind: "Group", name: "system:serviceaccounts:ledger" }], { namespace: "shop" });
    const { foreignGrants, groupGrants } = await world.client.observe(context, leaving);
    assert.deepEqual(foreignGrants, []);
    assert.deepEqual([...groupGrants].sort(), [
      "ClusterRoleBinding anybody (ClusterRole view)",
      "ClusterRoleBinding system:disguised (ClusterRole cluster-admin)",
      "RoleBinding shop/all (ClusterRole view)",
      "RoleBinding warehouse/team (ClusterRole view)",
    ]);
  });

  it("of its groups are counted where they are many", async () => {
    const world = setUp();
    for (let index = 0; index < 57; index += 1)
      world.bind(`g-${index}`, [{ kind: "Group", name: "system:serviceaccounts:shop" }], { namespace: "ops" });
    const { groupGrants } = await world.client.observe(context);
    assert.equal(groupGrants.length, 21);
    assert.equal(groupGrants[20], "and 37 bindings more");
  });

  it("give nothing any more when the ServiceAccount has left and is gone", async () => {
    const world = setUp();
    world.bind("by-hand", [account], { namespace: "warehouse" });
    const { foreignGrants, notLooked } = await world.client.observe(context, leaving);
    assert.deepEqual([foreignGrants, notLooked], [[], []]);
    // To one that is still to be made they will.
    assert.equal((await world.client.observe(context)).foreignGrants.length, 1);
  });

  it("are listed once a minute for all leavers, and once a resync for all others", async () => {
    const world = setUp();
    const clients = Array.from({ length: 12 }, (_, index) =>
      kubernetesAccount(world.site, { ...owner, name: `app-${index}`, uid: `uid-${index}` }, { roles: ROLES }),
    );
    const all = (record: Recorded) => Promise.all(clients.map((client) => client.observe(context, record)));
    const counted = () => [lists(world, "RoleBinding"), lists(world, "ClusterRoleBinding")];
    await all({});
    await all(leaving);
    assert.deepEqual(counted(), [1, 1]);
    await world.clock.advance(59_999);
    await all(leaving);
    assert.deepEqual(counted(), [1, 1]);
    await world.clock.advance(1);
    await all(leaving);
    await all({});
    assert.deepEqual(counted(), [2, 2]);
    await world.clock.advance(RESYNC_MS - 1);
    await all({});
    assert.deepEqual(counted(), [2, 2]);
    await world.clock.advance(1);
    await all({});
    assert.deepEqual(counted(), [3, 3]);
  });

  it("are remembered without what people write on them", async () => {
    const world = setUp();
    world.bind("fat", [account, { kind: "User", name: "jane" }], { namespace: "shop" });
    world.server.edit({ kind: "RoleBinding", namespace: "shop", name: "fat" }, (object) => {
      object.metadata = { ...object.metadata, annotations: { note: "x".repeat(200_000) }, labels: { a: "b" } };
    });
    const kept: string[] = [];
    const list = world.server.list.bind(world.server);
    world.server.list = async (kind, options) => {
      const found = await list(kind, options);
      kept.push(...wholeOf("RoleBindings", found).map((object) => JSON.stringify(object)));
      return found;
    };
    assert.equal((await world.client.observe(context)).foreignGrants.length, 1);
    assert.equal(kept.length, 1);
    assert.ok((kept[0]?.length ?? 0) < 400, kept[0]);
    assert.doesNotMatch(kept[0] ?? "", /jane|note/);
  });
});

describe("a list of bindings that fails", () => {
  it("stops no step, is told, and what was known before is told on", async () => {
    const world = setUp();
    await world.join();
    world.bind("by-hand", [account], { namespace: "warehouse" });
    assert.equal((await world.client.observe(context)).foreignGrants.length, 1);
    await world.clock.advance(60_000);
    world.server.failNext("list RoleBinding", unavailable);
    const seen = await world.client.observe(context, leaving);
    assert.deepEqual(seen.notLooked, [{ what: "RoleBindings of all namespaces", why: "Failed" }]);
    assert.equal(seen.pieces.filter((piece) => piece.class === "grant").length, 2);
    assert.equal(seen.foreignGrants.length, 1);
    await world.unbind();
    assert.equal((await world.client.observe(context, leaving)).rightsCut, true);
    // It is tried again a minute later, also for those who ask once a resync.
    assert.equal(lists(world, "RoleBinding"), 2);
    await world.clock.advance(60_000);
    assert.deepEqual((await world.client.observe(context)).notLooked, []);
    assert.equal(lists(world, "RoleBinding"), 3);
  });

  it("says which right is missing where it is one", async () => {
    const world = setUp();
    world.server.failNext("list RoleBinding", forbidden);
    world.server.failNext("list ClusterRoleBinding", forbidden);
    assert.deepEqual((await world.client.observe(context)).notLooked, [
      { what: "RoleBindings of all namespaces", why: "NotAllowed", right: "list rolebindings" },
      { what: "ClusterRoleBindings", why: "NotAllowed", right: "list clusterrolebindings" },
    ]);
  });

  it("that is slow is not waited for by a leaver that still has something of ours, and not long by one that has not", async () => {
    const world = setUp();
    await world.join();
    world.bind("by-hand", [account], { namespace: "warehouse" });
    const never = new Promise<never>(() => undefined);
    world.server.list = () => never;
    /** Time goes by when everything else has come to a stop. */
    const after = async <T>(run: Promise<T>, times: readonly number[]): Promise<T> => {
      for (const ms of times) {
        await new Promise((resolve) => setImmediate(resolve));
        await world.clock.advance(ms);
      }
      return run;
    };
    const first = await after(world.client.observe(context, leaving), [0]);
    assert.equal(first.pieces.filter((piece) => piece.class === "grant").length, 2);
    await world.unbind();
    const seen = await after(world.client.observe(context, leaving), [0, 2000]);
    assert.equal(seen.rightsCut, true);
    assert.deepEqual(seen.notLooked.slice(0, 2), [
      { what: "RoleBindings of all namespaces", why: "Failed" },
      { what: "ClusterRoleBindings", why: "Failed" },
    ]);
  });

  it("is not made where the operator has no rights: namespaces that are not watched are named as such", async () => {
    const world = setUp({}, ["shop", "ledger"]);
    await world.join();
    world.bind("by-hand", [account], { namespace: "ledger" });
    world.bind("unseen", [account], { namespace: "warehouse" });
    const asked: (string | undefined)[] = [];
    const list = world.server.list.bind(world.server);
    world.server.list = (kind, options) => {
      asked.push(`${kind} ${options.namespace ?? "everywhere"}`);
      return list(kind, options);
    };
    const { foreignGrants, notLooked } = await world.client.observe(context, leaving);
    assert.deepEqual(asked, ["RoleBinding shop", "RoleBinding ledger", "ClusterRoleBinding everywhere"]);
    assert.deepEqual(foreignGrants, ["RoleBinding ledger/by-hand (ClusterRole view)"]);
    assert.deepEqual(notLooked, [
      { what: "RoleBindings of namespaces that are not watched", why: "NotAllowed", right: "list rolebindings" },
    ]);
  });
});

describe("the operator's own bindings", () => {
  const leftOver: RoleGrant = { binding: "RoleBinding", kind: "ClusterRole", name: "edit" };
  const at = (grant: RoleGrant) => ({
    kind: grant.binding,
    namespace: "shop",
    name: bindingName(owner, grant, "checkout"),
  });
  const marked = (grant: RoleGrant, more: Partial<NewIdentityObject> = {}): Partial<NewIdentityObject> => ({
    roleRef: { apiGroup: "", kind: grant.kind, name: grant.name },
    subjects: [account],
    annotations: { "keyturn.dev/owner": "blue/shop/checkout", "keyturn.dev/owner-uid": "uid-c" },
    ...more,
  });

  it("are found by their names although no list comes back", async () => {
    const world = setUp();
    await world.join();
    world.server.seed(at(leftOver), marked(leftOver));
    world.server.list = () => Promise.reject(unavailable);
    const known = await world.client.observe(context, { ...leaving, pieces: ["binding/ClusterRole/edit"] });
    assert.deepEqual(
      known.pieces.filter((piece) => piece.class === "grant").map(({ key }) => key),
      ["binding/ClusterRole/edit", "binding/Role/carts", "clusterBinding/ClusterRole/metrics"],
    );
  });

  it("that no record knows are found by the survey, and gone as soon as they are taken away", async () => {
    const world = setUp();
    await world.join();
    world.server.seed(at(leftOver), marked(leftOver));
    const grantsNow = async () =>
      (await world.client.observe(context, leaving)).pieces.filter((piece) => piece.class === "grant").length;
    assert.equal(await grantsNow(), 3);
    await world.client.remove("binding/ClusterRole/edit", context);
    assert.equal(await grantsNow(), 2);
    assert.deepEqual((await world.client.observe(context, leaving)).foreignGrants, []);
    await world.unbind();
    assert.equal(await grantsNow(), 0);
  });

  it("are not hidden behind many that others call so", async () => {
    const world = setUp();
    for (let index = 0; index < 300; index += 1) {
      const grant: RoleGrant = { binding: "RoleBinding", kind: "Role", name: `decoy-${index}` };
      world.server.seed(at(grant), { roleRef: { apiGroup: "", kind: "Role", name: grant.name }, subjects: [] });
    }
    world.server.seed(at(leftOver), marked(leftOver));
    const before = world.server.log.length;
    const { pieces } = await world.client.observe(context, leaving);
    assert.deepEqual(
      pieces.map(({ key }) => key),
      ["binding/ClusterRole/edit"],
    );
    assert.ok(world.server.log.length - before < 80);
  });

  it("lose whom they name where a finalizer would keep them", async () => {
    const world = setUp();
    await world.join();
    const grant: RoleGrant = { binding: "RoleBinding", kind: "Role", name: "carts" };
    world.server.edit(at(grant), (object) => {
      object.metadata = { ...object.metadata, finalizers: ["example.org/keep"] };
    });
    const steps = async (): Promise<number> => {
      for (let turn = 0; turn < 10; turn += 1) {
        const next = (await world.client.observe(context, leaving)).pieces.find((piece) => piece.class === "grant");
        if (next === undefined) return turn;
        await world.client.remove(next.key, context);
      }
      return 10;
    };
    assert.equal(await steps(), 3);
    assert.deepEqual(world.server.peek(at(grant))?.subjects, []);
    assert.deepEqual(await world.client.proveRefused(world.grants, context), {
      kind: "refused",
      proof: "ProvenByReview",
    });
    // It is not filled again while it dies: then it would be gone a moment later.
    await assert.rejects(
      world.client.apply(world.desired[2]!, context, world.desired),
      (error) => error instanceof OperatorError && /metadata\.finalizers/.test(error.publicMessage),
    );
  });
});

describe("the proof of a ServiceAccount that others have bound too", () => {
  it("counts what we gave as refused where others' bindings explain the rest, in each of their spellings", async () => {
    for (const [subject, namespace] of [
      [{ kind: "ServiceAccount", name: "checkout" }, "shop"],
      [{ kind: "User", name: "system:serviceaccount:shop:checkout" }, "shop"],
      [account, undefined],
    ] as const) {
      const world = setUp();
      await world.join();
      world.server.seed(
        { kind: "ClusterRole", name: "theirs" },
        { rules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }] },
      );
      world.bind("theirs", [subject], { role: "theirs", ...(namespace === undefined ? {} : { namespace }) });
      // Nothing is called refused that still stands.
      assert.equal((await world.client.proveRefused(world.grants, context)).kind, "accepted");
      await world.unbind();
      assert.deepEqual(await world.client.proveRefused(world.grants, context), {
        kind: "refused",
        proof: "ProvenByListing",
      });
      assert.equal((await world.client.observe(context, leaving)).foreignGrants.length, 1);
    }
  });

  it("does not take a binding of others for the reason that does not give it", async () => {
    const world = setUp();
    await world.join();
    world.server.seed(
      { kind: "ClusterRole", name: "harmless" },
      { rules: [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }] },
    );
    world.bind("harmless", [account], { namespace: "shop", role: "harmless" });
    world.bind("elsewhere", [account], { namespace: "warehouse", role: "metrics" });
    await world.unbind();
    world.server.staleReviews = 1000;
    assert.deepEqual(await world.client.proveRefused(world.grants, context), {
      kind: "accepted",
      what: "get configmaps in namespace shop",
    });
  });
});

describe("what works on without rights", () => {
  it("is said of a leaver: tokens, and token Secrets where they may be listed", async () => {
    const world = setUp();
    await world.join();
    const secret = { kind: "Secret", namespace: "shop", name: "checkout-token-x" } as const;
    const type = "kubernetes.io/service-account-token";
    world.server.seed(secret, { type, annotations: { "kubernetes.io/service-account.name": "checkout" } });
    world.server.seed(
      { ...secret, name: "of-another" },
      { type, annotations: { "kubernetes.io/service-account.name": "x" } },
    );
    assert.deepEqual((await world.client.observe(context, { everything: true })).outstanding, []);
    await world.unbind();
    const unlooked = await world.client.observe(context, leaving);
    assert.deepEqual(unlooked.outstanding, [{ title: "tokens of the ServiceAccount shop/checkout", holdsUp: false }]);
    assert.deepEqual(unlooked.notLooked, [{ what: "legacy token Secrets", why: "NotAllowed", right: "list secrets" }]);
    assert.equal(lists(world, "Secret"), 0);
    world.server.seed(
      { kind: "ClusterRole", name: "issuer" },
      { rules: [{ verbs: ["list"], apiGroups: [""], resources: ["secrets"] }] },
    );
    world.bind("issuer", [{ kind: "ServiceAccount", namespace: "keyturn-system", name: "keyturn" }], {
      namespace: "shop",
      role: "issuer",
    });
    // The answer is remembered for a resync.
    await world.client.observe(context, leaving);
    assert.equal(lists(world, "Secret"), 0);
    await world.clock.advance(RESYNC_MS);
    const looked = await world.client.observe(context, leaving);
    assert.deepEqual(looked.outstanding, [
      { title: "tokens of the ServiceAccount shop/checkout", holdsUp: false },
      { title: "token Secret shop/checkout-token-x, which never ends", holdsUp: false },
    ]);
    assert.deepEqual(looked.notLooked, []);
    world.server.failNext("list Secret", unavailable);
    assert.deepEqual((await world.client.observe(context, leaving)).notLooked, [
      { what: "legacy token Secrets", why: "Failed" },
    ]);
  });
});

describe("onCut DeleteServiceAccount", () => {
  const onCut = { onCut: "DeleteServiceAccount" } as const;
  const written = {
    labels: { app: "checkout" },
    annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/checkout" },
    imagePullSecrets: [{ name: "registry" }],
    automountServiceAccountToken: false,
  };
  /** As somebody has furnished it. */
  const furnish = ({ server }: World) => {
    server.edit(place, (object) => {
      const { labels, annotations } = object.metadata;
      object.metadata = {
        ...object.metadata,
        labels: { ...labels, ...written.labels },
        annotations: { ...annotations, ...written.annotations },
      };
      object.imagePullSecrets = written.imagePullSecrets;
      object.automountServiceAccountToken = written.automountServiceAccountToken;
    });
  };

  it("deletes the ServiceAccount as the closing of its login, with what it had on record, and makes it anew with that", async () => {
    const world = setUp(onCut);
    await world.join();
    furnish(world);
    const { externalId, closes, loginClosed } = await world.client.observe(context, leaving);
    assert.equal(loginClosed, false);
    assert.equal(closes.length, 1);
    assert.deepEqual(
      [closes[0]?.key, JSON.parse(closes[0]?.value ?? "")],
      ["principal", { ...written, labels: { ...written.labels, "app.kubernetes.io/managed-by": "keyturn" } }],
    );
    await world.unbind();
    await world.client.closeLogin(context);
    const gone = await world.client.observe(context, { ...leaving, externalId });
    assert.deepEqual([gone.principal, gone.loginClosed, gone.rightsCut, gone.closes], ["absent", true, true, []]);
    assert.deepEqual([gone.outstanding, gone.notLooked], [[], []]);
    await world.client.closeLogin(context);
    assert.deepEqual(await world.client.proveRefused(world.grants, context), {
      kind: "refused",
      proof: "ProvenByListing",
    });

    const [principal] = world.desired;
    const creations = () => world.server.log.filter((call) => call === "create ServiceAccount").length;
    const before = creations();
    await world.client.apply(principal!, context, world.desired, closes);
    await world.client.apply(principal!, context, world.desired, closes);
    assert.equal(creations(), before + 1);
    const again = world.server.peek(place);
    assert.notEqual(again?.metadata.uid, externalId);
    assert.deepEqual([again?.imagePullSecrets, again?.automountServiceAccountToken], [[{ name: "registry" }], false]);
    assert.equal(again?.metadata.labels?.["app"], "checkout");
    assert.equal(again.metadata.annotations?.["keyturn.dev/owner-uid"], "uid-c");
    assert.equal(again.metadata.annotations["eks.amazonaws.com/role-arn"], "arn:aws:iam::111122223333:role/checkout");
    // Its UID is another than the one on record; its marks say whose it is.
    assert.equal((await world.client.observe(context, { externalId })).principal, "ours");
  });

  it("is done although a binding of ours could not be taken away: it lowers access all the same", async () => {
    const world = setUp(onCut);
    await world.join();
    world.server.failNext("delete RoleBinding", forbidden);
    await assert.rejects(world.client.remove("binding/Role/carts", context), forbidden);
    await world.client.closeLogin(context);
    assert.equal(world.server.peek(place), undefined);
    const seen = await world.client.observe(context, leaving);
    assert.deepEqual([seen.rightsCut, seen.loginClosed], [false, true]);
  });

  it("never touches one that is not ours: foreign, adoptable, or adopted and not ours yet", async () => {
    for (const annotations of [{}, { [ADOPT]: "shop/checkout" }]) {
      const world = setUp(onCut);
      world.server.seed(place, { annotations });
      const seen = await world.client.observe(context, leaving);
      assert.deepEqual([seen.loginClosed, seen.closes], [true, []]);
      await world.client.closeLogin(context);
      assert.notEqual(world.server.peek(place), undefined);
    }
    const world = setUp(onCut);
    await world.join();
    const seen = await world.client.observe(context, { ...leaving, adopting: true });
    assert.deepEqual([seen.principal, seen.loginClosed, seen.closes], ["ours", true, []]);
    await world.client.closeLogin(context);
    assert.notEqual(world.server.peek(place), undefined);
  });

  it("gives nothing of ours to one that somebody makes under the name meanwhile", async () => {
    const world = setUp(onCut);
    await world.join();
    const { externalId, closes } = await world.client.observe(context, leaving);
    await world.unbind();
    world.server.interjections.push({ call: "delete ServiceAccount", run: () => world.server.seed(place, {}) });
    await assert.rejects(world.client.closeLogin(context), isConflict);
    world.server.seed(place, { annotations: { theirs: "x" } });
    const seen = await world.client.observe(context, { ...leaving, externalId });
    assert.deepEqual([seen.principal, seen.pieces, seen.loginClosed], ["foreign", [], true]);
    const before = world.server.snapshot();
    for (const piece of world.desired)
      await assert.rejects(world.client.apply(piece, context, world.desired, closes), isConflict, piece.key);
    await world.client.closeLogin(context);
    assert.equal(world.server.snapshot(), before);
  });

  it("says that a finalizer holds the ServiceAccount, instead of asking for its deletion again and again", async () => {
    const world = setUp(onCut);
    await world.join();
    world.server.edit(place, (object) => {
      object.metadata = { ...object.metadata, finalizers: ["example.org/keep"] };
    });
    await world.unbind();
    await world.client.closeLogin(context);
    assert.equal((await world.client.observe(context, leaving)).loginClosed, false);
    for (const attempt of [() => world.client.closeLogin(context), () => world.client.remove("principal", context)])
      await assert.rejects(
        attempt(),
        (error) => error instanceof OperatorError && /metadata\.finalizers/.test(error.publicMessage),
      );
    assert.equal(world.server.log.filter((call) => call === "delete ServiceAccount").length, 1);
  });

  it("has on record only what a record has room for, the small before the large", async () => {
    const world = setUp(onCut);
    await world.join();
    world.server.edit(place, (object) => {
      const annotations = { ...object.metadata.annotations, small: "kept", large: "ä".repeat(120_000) };
      object.metadata = { ...object.metadata, annotations };
    });
    const { closes } = await world.client.observe(context, leaving);
    assert.ok((closes[0]?.value.length ?? 0) <= 20_480);
    assert.deepEqual((JSON.parse(closes[0]?.value ?? "") as typeof written).annotations, { small: "kept" });
    world.server.edit(place, (object) => {
      object.imagePullSecrets = Array.from({ length: 2000 }, (_, index) => ({ name: `registry-${index}` }));
    });
    const bare = (await world.client.observe(context, leaving)).closes[0]?.value ?? "";
    assert.equal(bare, '{"annotations":{},"imagePullSecrets":[],"labels":{}}');
  });

  it("leaves the ServiceAccount where it is not declared", async () => {
    for (const declared of [{}, { onCut: "RemoveBindings" }] as const) {
      const world = setUp(declared);
      await world.join();
      await world.unbind();
      const seen = await world.client.observe(context, leaving);
      assert.deepEqual([seen.loginClosed, seen.closes, seen.rightsCut], [true, [], true]);
      await world.client.closeLogin(context);
      assert.notEqual(world.server.peek(place), undefined);
    }
  });

  it("is said in the plan", () => {
    const [plain] = piecesFor({});
    const [anew] = piecesFor(onCut);
    assert.equal(plain?.title, "ServiceAccount shop/checkout");
    assert.match(anew?.title ?? "", /new UID, and tokens of before stay dead/);
    assert.equal(plain.value, anew?.value);
  });
});

describe("a binding that cannot be read", () => {
  const app = [{ kind: "ServiceAccount", namespace: "shop", name: "checkout" }];

  it("is as it was seen last, is told by name, and keeps nobody's cut", async () => {
    const world = setUp();
    await world.join();
    world.bind("seen", app, { namespace: "other" });
    await world.client.observe(context, leaving);
    world.server.unreadable.add("RoleBinding other/seen");
    world.bind("new", app, { namespace: "third" });
    await world.unbind();
    await world.clock.advance(RESYNC_MS);
    const seen = await world.client.observe(context, leaving);
    assert.equal(seen.rightsCut, true);
    assert.deepEqual(
      seen.notLooked.filter(({ why }) => why === "Failed"),
      [{ what: "RoleBinding other/seen", why: "Failed" }],
    );
    assert.equal(seen.foreignGrants.length, 2);
  });
});
