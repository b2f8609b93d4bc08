import assert from "node:assert/strict";
import { FakeApiServer, sendJson, statusObject, type SeenRequest } from "../../cluster/fake-api-server.ts";
import { identityCalls } from "../../cluster/identity-calls.ts";
import { KubernetesClient } from "../../cluster/kubernetes-client.ts";
import { bindingName, kubernetesPieces } from "../../domain/lifecycle/pieces/kubernetes.ts";
import { systemClock } from "../../kernel/clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { kubernetesAccount, kubernetesAccountOptions } from "../../providers/kubernetes/account.ts";
import { wholeOf } from "../../kernel/listed.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const owner = { cluster: "local", namespace: "ns-7", name: "exporter", uid: "uid-e", predecessors: [] };
const account = { roles: [{ kind: "Role", name: "reader" }] } as const;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

interface Binding {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly kind: string; readonly name: string; readonly namespace?: string }[];
}

const bindingOf = (namespace: string, name: string, more: Partial<Binding> = {}): Binding => ({
  metadata: { name, namespace, uid: `uid-${namespace}-${name}`, resourceVersion: "1" },
  roleRef: { kind: "ClusterRole", name: "view" },
  subjects: [{ kind: "User", name: "jane" }],
  ...more,
});

/** RoleBindings as kube-apiserver lists them: by pages, from where the last one ended. */
const apiServerOf = (bindings: readonly Binding[]) => {
  const standing = [...bindings];
  const pages: number[] = [];
  const answer = ({ method, path, query }: SeenRequest): readonly [number, unknown] => {
    const one = /\/namespaces\/([^/]+)\/rolebindings\/([^/]+)$/.exec(path);
    if (one !== null) {
      const index = standing.findIndex(({ metadata }) => metadata.namespace === one[1] && metadata.name === one[2]);
      if (index < 0) return [404, statusObject(404, "NotFound")];
      return [200, method === "DELETE" ? standing.splice(index, 1)[0] : standing[index]];
    }
    if (path.endsWith("/serviceaccounts/exporter")) {
      const annotations = { "keyturn.dev/owner": "local/ns-7/exporter", "keyturn.dev/owner-uid": "uid-e" };
      const metadata = { name: "exporter", namespace: "ns-7", uid: "uid-sa", resourceVersion: "1", annotations };
      return [200, { metadata }];
    }
    if (path === "/apis/authorization.k8s.io/v1/subjectaccessreviews") return [201, { status: { allowed: false } }];
    if (path === `${RBAC}/clusterrolebindings`) return [200, { metadata: { resourceVersion: "9" }, items: [] }];
    if (path !== `${RBAC}/rolebindings`) return [404, statusObject(404, "NotFound")];
    const from = Number(query.get("continue") ?? 0);
    const limit = Number(query.get("limit"));
    pages.push(limit);
    const next = from + limit < standing.length ? String(from + limit) : "";
    return [200, { metadata: { resourceVersion: "9", continue: next }, items: standing.slice(from, from + limit) }];
  };
  return { answer, pages };
};

describe("the survey of bindings through the operator's own client", function () {
  this.timeout(20_000);
  let stop: (() => Promise<void>) | undefined;
  afterEach(async () => {
    await stop?.();
    stop = undefined;
  });

  const setUp = async (bindings: readonly Binding[]) => {
    const grant = { binding: "RoleBinding", kind: "Role", name: "reader" } as const;
    const own = bindingOf("ns-7", bindingName(owner, grant, "exporter"), {
      roleRef: grant,
      subjects: [{ kind: "ServiceAccount", name: "exporter", namespace: "ns-7" }],
    });
    const annotations = { "keyturn.dev/owner": "local/ns-7/exporter", "keyturn.dev/owner-uid": "uid-e" };
    const marked = { ...own, metadata: { ...own.metadata, annotations } };
    const { answer, pages } = apiServerOf([...bindings, marked]);
    const server = await FakeApiServer.start((request, response) => {
      const [status, body] = answer(request);
      sendJson(response, status, body);
    });
    const client = new KubernetesClient({ config: server.config(), clock: systemClock, version: "test" });
    stop = async () => {
      await client.close();
      await server.stop();
    };
    const site = kubernetesAccountOptions(identityCalls(client), systemClock, {
      resyncMs: 600_000,
      watched: [],
      operator: { namespace: "keyturn-system", name: "keyturn" },
    });
    const [, , piece] = kubernetesPieces(account, {
      ...owner,
      account: "cluster",
      owner: { team: "t", contact: "t@example.org" },
      purpose: "Exports",
      connection: { kind: "kubernetes" },
    });
    const identity = kubernetesAccount(site, owner, account);
    return { client, site, pages, key: piece?.key ?? "", identity };
  };

  it("finds the three among 4,000 of 60 namespaces that name the ServiceAccount, by pages, in one list for all", async () => {
    const many = Array.from({ length: 4000 }, (_, index) => bindingOf(`ns-${index % 60}`, `b-${index}`));
    const subject = { kind: "ServiceAccount", name: "exporter" };
    many[123] = bindingOf("ns-3", "by-hand", { subjects: [{ ...subject, namespace: "ns-7" }] });
    many[2222] = bindingOf("ns-7", "short", { subjects: [subject] });
    many[3999] = bindingOf("ns-59", "user", {
      subjects: [{ kind: "User", name: "system:serviceaccount:ns-7:exporter" }],
    });
    many[3000] = bindingOf("ns-8", "of-another", { subjects: [subject] });
    const { site, pages, identity, key } = await setUp(many);
    const others = Array.from({ length: 20 }, (_, index) =>
      kubernetesAccount(site, { ...owner, namespace: `ns-${index}`, name: `other-${index}` }, {}),
    );
    const [soon] = await Promise.all([identity, ...others].map((client) => client.observe(context, { leaving: true })));
    // Whoever has something to lose is not kept waiting for the list that it has begun.
    assert.equal(soon?.pieces.filter((piece) => piece.class === "grant").length, 1);
    const counted = pages.length;
    const seen = await identity.observe(context, { leaving: true });
    assert.deepEqual([...seen.foreignGrants].sort(), [
      "RoleBinding ns-3/by-hand (ClusterRole view)",
      "RoleBinding ns-59/user (ClusterRole view)",
      "RoleBinding ns-7/short (ClusterRole view)",
    ]);
    assert.deepEqual(
      seen.pieces.filter((piece) => piece.class === "grant").map((piece) => piece.key),
      [key],
    );
    assert.ok(pages.length >= 9 && Math.max(...pages) <= 500, pages.join(","));
    assert.equal(pages.length, counted);
  });

  it("lets go of what is not kept before it asks for the next page", async () => {
    const { client, pages } = await setUp(Array.from({ length: 1200 }, (_, index) => bindingOf("ns-1", `b-${index}`)));
    const keptAt: number[] = [];
    const listed = await identityCalls(client).list("RoleBinding", {
      keep: ({ metadata: { name, uid, resourceVersion } }) => {
        keptAt.push(pages.length);
        return { metadata: { name, uid, resourceVersion } };
      },
    });
    const names = wholeOf("RoleBindings", listed);
    assert.equal(names.length, 1201);
    assert.ok(names.every((kept) => Object.keys(kept).join() === "metadata"));
    assert.deepEqual([...new Set(keptAt)], [1, 2, 3]);
  });

  it("does not hold up a leaver whose namespace has 65 RoleBindings of a quarter of a mebibyte each", async () => {
    const annotations = { note: "x".repeat(256 * 1024) };
    const fat = Array.from({ length: 65 }, (_, index) => {
      const plain = bindingOf("ns-7", `fat-${index}`);
      return { ...plain, metadata: { ...plain.metadata, annotations } };
    });
    const { identity, key } = await setUp(fat);
    const before = await identity.observe(context, { leaving: true });
    assert.deepEqual([before.rightsCut, before.pieces.map((piece) => piece.key).includes(key)], [false, true]);
    assert.equal(await identity.remove(key, context), "removed");
    const after = await identity.observe(context, { leaving: true });
    assert.equal(after.rightsCut, true);
    // Either everything was seen, or it says that it was not.
    assert.ok(
      after.notLooked.every(({ what }) => /^(RoleBindings of all namespaces|legacy token Secrets)$/.test(what)),
    );
  });
});
