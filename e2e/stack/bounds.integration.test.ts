import { equal, match, ok, rejects } from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { installAdmission } from "./admission.ts";
import * as made from "./bounded-objects.ts";
import type { Made } from "./bounded-objects.ts";
import { kubeClient } from "./kube.ts";
import type { KubeClient, KubeObject } from "./kube.ts";
import { applyManifests } from "./manifests.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { waitFor } from "./wait.ts";

const root = join(import.meta.dirname, "../..");
const run = promisify(execFile);
const KIB = 1024;
const MANY = 80_000;
const COLLECTOR = "system:serviceaccount:kube-system:generic-garbage-collector";

/** Annotations that count as so many bytes. */
const annotations = (bytes: number): Record<string, string> => ({ fat: "x".repeat(bytes - 9) });
const labelsOf = (count: number): Record<string, string> =>
  Object.fromEntries(made.shortNames(count).map((name) => [name, ""]));

describe("the bounds on what grows, on a real API server", function () {
  this.timeout(180_000);
  let stack: Stack;
  let admin: KubeClient;
  let operator: KubeClient;
  const namespace = "team";
  const system = "team-system";

  const create = (one: Made, metadata: object = {}): Promise<KubeObject> =>
    admin.create(one.collection, { ...one.object, metadata: { ...one.object.metadata, ...metadata } });
  const pathOf = ({ collection, object }: Made): string => `${collection}/${object.metadata.name}`;
  const patch = (one: Made, change: object, kube = admin): Promise<KubeObject> => kube.mergePatch(pathOf(one), change);
  const annotated = (values: Record<string, string | null>): object => ({ metadata: { annotations: values } });

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack({ controllers: ["resourcequota-controller"] });
    admin = stack.kubernetes.client;
    const { refused } = await applyManifests(admin, join(root, "crds"));
    equal(refused.length, 0);
    for (const name of [namespace, system]) await admin.create("/api/v1/namespaces", { metadata: { name } });
    await admin.create(`/api/v1/namespaces/${system}/serviceaccounts`, { metadata: { name: "keyturn" } });
    await admin.create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
      metadata: { name: "operator" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", name: "keyturn", namespace: system }],
    });
    const token = await admin.serviceAccountToken(system, "keyturn");
    operator = kubeClient({ url: stack.kubernetes.url, ca: stack.ca.pem, token });
    await makeWhatIsOlder();
    await installAdmission(admin, { suffix: "bounds", operatorNamespace: system, namespaces: [namespace] });
  });
  after(async () => {
    await stack.stop();
  });

  const older = {
    fat: ["suspended", "narrowed", "relabelled", "marked", "applied", "deleted", "handled"].map((name) =>
      made.identity(`fat-${name}`, [made.bareAccount, made.awsAccount([])]),
    ),
    ofEachKind: made.eachKind("older"),
    annotated: made.identity("many-annotations"),
    labelled: made.identity("many-labels"),
    documents: made.identity("fat-documents", [made.awsAccount(made.resources(200 * KIB))]),
    entries: made.identity("many-entries", [made.awsAccount(made.conditions(25_000, 1)), made.bareAccount]),
    values: made.identity("many-values", [made.awsAccount(made.conditions(4_000, 8)), made.bareAccount]),
  };
  const fat = (name: string): Made => older.fat.find(({ object }) => object.metadata.name === `fat-${name}`)!;

  async function makeWhatIsOlder(): Promise<void> {
    await waitFor("the CRDs are served", async () => {
      const answers = await Promise.all(older.ofEachKind.map(({ collection }) => admin.raw("GET", collection)));
      return answers.every(({ status }) => status === 200);
    });
    for (const one of [...older.fat, ...older.ofEachKind]) await create(one, { annotations: annotations(250 * KIB) });
    for (const one of [older.documents, older.entries, older.values]) await create(one);
    // The server's own record of who set which key would pass what etcd takes, so it is dropped in between.
    for (const [one, member] of [
      [older.annotated, "annotations"],
      [older.labelled, "labels"],
    ] as const) {
      await create(one);
      const all = Object.entries(labelsOf(MANY));
      for (let at = 0; at < all.length; at += MANY / 4) {
        await patch(one, { metadata: { [member]: Object.fromEntries(all.slice(at, at + MANY / 4)) } });
        await patch(one, { metadata: { managedFields: [{}] } });
      }
      equal(Object.keys((await admin.get(pathOf(one))).metadata[member] ?? {}).length, MANY);
    }
  }

  describe("metadata", () => {
    for (const one of made.eachKind("bounded"))
      it(`of ${one.object.kind} may have 32 KiB, and not a byte more`, async () => {
        await rejects(create(one, { annotations: annotations(32 * KIB + 1) }), overMetadata(33));
        await create(one, { annotations: annotations(32 * KIB) });
        await rejects(patch(one, { metadata: { labels: { a: "b" } } }), overMetadata(32));
        await rejects(patch(one, annotated({ more: "" })), overMetadata(33));
        await patch(one, annotated({ fat: "x" }));
      });

    it("counts labels, finalizers and owner references with the annotations, in bytes of UTF-8", async () => {
      const one = made.identity("counted");
      const most = annotations(32 * KIB - 16);
      await rejects(create(one, { annotations: most, labels: { "0123456789": "a" } }), overMetadata(32));
      await rejects(create(one, { annotations: most, finalizers: ["example.com/a"] }), overMetadata(32));
      const owner = { apiVersion: "v1", kind: "ConfigMap", name: "gone", uid: "gone" };
      await rejects(create(one, { annotations: most, ownerReferences: [owner] }), overMetadata(32));
      await rejects(create(one, { annotations: { fat: "€".repeat(11 * KIB) } }), overMetadata(34));
      await create(one, { annotations: most, labels: { "012345678": "a" } });
    });

    it("counts no stamps, and no marks of people as long as they are short", async () => {
      const one = made.identity("stamped");
      await create(one, { annotations: annotations(32 * KIB) });
      const { metadata } = await admin.get(pathOf(one));
      ok(metadata.annotations?.["keyturn.dev/changed-by-groups"] !== undefined, "it is stamped");
      await patch(one, annotated({ "keyturn.dev/paused": "true", "keyturn.dev/reviewed-at": "2026-01-01T00:00:00Z" }));
      await rejects(patch(one, annotated({ "keyturn.dev/retry": "x".repeat(257) })), overMetadata(33));
      // On kinds that are not stamped the names are nobody's.
      const connection = made.eachKind("unstamped").find(({ object }) => object.kind === "ProviderConnection")!;
      await rejects(
        create(connection, { annotations: { "keyturn.dev/changed-by-groups": "x".repeat(33 * KIB) } }),
        overMetadata(34),
      );
    });

    it("has a bound of its own for the copy that kubectl apply makes", async () => {
      const copy = "kubectl.kubernetes.io/last-applied-configuration";
      const one = made.identity("copied");
      const over = /last-applied-configuration\) has 129 KiB and may grow to 128 KiB/;
      await rejects(create(one, { annotations: { [copy]: "x".repeat(128 * KIB + 1) } }), refused(over));
      await create(one, { annotations: { [copy]: "x".repeat(128 * KIB), ...annotations(32 * KIB) } });
      await rejects(patch(one, annotated({ [copy]: "x".repeat(128 * KIB + 1) })), refused(over));
      const longer = annotated({ [copy]: "x".repeat(128 * KIB + 24) });
      await patch(one, { ...longer, spec: { state: "Suspended" } });
      await rejects(
        patch(one, { ...annotated({ [copy]: "x".repeat(131 * KIB) }), spec: { state: "Active" } }),
        refused(/131 KiB/),
      );
      await patch(one, {
        ...annotated({ [copy]: "x".repeat(129 * KIB) }),
        spec: { expiresAt: "2040-01-01T00:00:00Z" },
      });
    });

    it(`refuses ${MANY} short names at once, as annotations and as labels`, async () => {
      for (const member of ["annotations", "labels"]) {
        const one = made.identity(`born-with-many-${member}`);
        await rejects(
          create(one, { [member]: labelsOf(MANY) }),
          refused(/metadata may grow to 32 KiB.*more than \d+ KiB/),
        );
        // As many as can be measured, and one more.
        await rejects(create(one, { [member]: labelsOf(4681) }), refused(/metadata may grow to 32 KiB/));
        await rejects(create(one, { [member]: labelsOf(4682) }), refused(/more than 33 KiB/));
      }
      await rejects(
        create(made.identity("born-owned"), {
          finalizers: made.shortNames(20_000).map((name) => `a.b/${name}`),
        }),
        refused(/more than \d+ KiB/),
      );
    });
  });

  it("of numbers are a ResourceQuota's: the sample is taken, and what goes beyond it is refused", async () => {
    const place = "quota";
    await admin.create("/api/v1/namespaces", { metadata: { name: place } });
    const env = { ...process.env, KUBECONFIG: stack.kubernetes.adminKubeconfig };
    await run(stack.tools.kubectl, ["apply", "-n", place, "-k", join(root, "config/quota")], { env });
    const quota = `/api/v1/namespaces/${place}/resourcequotas/keyturn`;
    const { spec } = await admin.get(quota);
    const few = Object.keys((spec as { hard: object }).hard);
    await admin.mergePatch(quota, { spec: { hard: Object.fromEntries(few.map((name) => [name, "1"])) } });
    await waitFor(
      "both kinds are counted",
      async () => {
        const { used = {} } = (await admin.get(quota))["status"] as { used?: Record<string, string> };
        return few.every((name) => used[name] === "0");
      },
      { timeout: 120_000, every: 500 },
    );
    for (const { object, collection } of made.eachKind("one").slice(0, 2)) {
      const there = collection.replace("/team/", `/${place}/`);
      const named = (name: string): object => ({ ...object, metadata: { name, namespace: place } });
      await admin.create(there, named("one"));
      await rejects(admin.create(there, named("two")), refused(/exceeded quota: keyturn/));
    }
  });

  describe("an object that was larger before", () => {
    it("is suspended, and comes back", async () => {
      for (const state of ["Suspended", "Active", "Decommissioned"]) await patch(fat("suspended"), { spec: { state } });
      await patch(fat("suspended"), { spec: { expiresAt: "2030-01-01T00:00:00Z" } });
    });

    it("is narrowed", async () => {
      await patch(fat("narrowed"), { spec: { accounts: [made.bareAccount] } });
    });

    it("is relabelled, and shrinks as far as anybody likes, and grows no more", async () => {
      const one = fat("relabelled");
      await patch(one, { metadata: { labels: { team: "a", tier: "b" } } });
      await patch(one, { metadata: { labels: { team: "b", tier: null, "example.com/more": "c" } } });
      await patch(one, { metadata: { finalizers: ["example.com/other"] } });
      await patch(one, { metadata: { finalizers: null } });
      await rejects(patch(one, { metadata: { labels: labelsOf(700) } }), overMetadata(250));
      await rejects(patch(one, annotated({ more: "" })), overMetadata(251));
      await patch(one, annotated({ fat: "x".repeat(200 * KIB), more: "y".repeat(10 * KIB) }));
      await rejects(patch(one, annotated({ more: "y".repeat(10 * KIB + 1) })), overMetadata(211));
      await patch(one, annotated({ fat: "x" }));
      await rejects(patch(one, annotated({ fat: "x".repeat(40 * KIB) })), overMetadata(51));
    });

    it("takes the marks by which people act", async () => {
      for (const mark of ["paused", "retry", "dry-run", "reviewed-at"])
        await patch(fat("marked"), annotated({ [`keyturn.dev/${mark}`]: "2026-01-01T00:00:00Z" }));
      for (const one of older.ofEachKind.filter(({ object }) => object.kind === "SecretRotation"))
        await patch(one, annotated({ "keyturn.dev/leaked": "1-abcdef" }));
      const entry = older.ofEachKind.find(({ object }) => object.kind === "OrphanedCredential")!;
      await patch(entry, annotated({ "keyturn.dev/release": "true" }));
      await patch(entry, annotated({ "keyturn.dev/keep": "true" }));
      await rejects(patch(entry, annotated({ note: "" })), overMetadata(251));
    });

    it("is applied again as it is, by the server's apply", async () => {
      const one = fat("applied");
      const same = { ...one.object, metadata: { ...one.object.metadata, annotations: annotations(250 * KIB) } };
      await admin.apply(pathOf(one), same, "gitops");
      await admin.apply(pathOf(one), same, "gitops");
    });

    it("takes what the operator and the garbage collector write", async () => {
      const one = fat("handled");
      const more = annotated({ "keyturn.dev/asked": "y".repeat(2 * KIB) });
      await rejects(patch(one, more), overMetadata(253));
      await patch(one, more, operator);
      await patch(one, { metadata: { finalizers: ["keyturn.dev/revocation"] } }, operator);
      await patch(one, { metadata: { finalizers: null } }, operator);
      const asCollector = (value: string): Promise<unknown> =>
        run(
          stack.tools.kubectl,
          ["annotate", "sal", "fat-handled", "-n", namespace, `kept=${value}`, `--as=${COLLECTOR}`],
          {
            env: { ...process.env, KUBECONFIG: stack.kubernetes.adminKubeconfig },
          },
        );
      await asCollector("because");
      await rejects(patch(one, annotated({ kept: "because of" })), overMetadata(253));
    });

    it("has its status written, and is deleted; of each kind", async () => {
      await operator.mergePatch(`${pathOf(fat("deleted"))}/status`, { status: { observedGeneration: 1 } });
      for (const one of [fat("deleted"), ...older.ofEachKind]) {
        if (one.object.kind !== "OrphanedCredential") await patch(one, { metadata: { labels: { a: "b" } } });
        ok(await admin.delete(pathOf(one)), one.object.kind);
        equal(await admin.find(pathOf(one)), undefined);
      }
    });

    for (const [what, member] of [
      ["annotated", "annotations"],
      ["labelled", "labels"],
    ] as const)
      it(`with ${MANY} ${member}: whatever does not add to their number passes`, async () => {
        const one = older[what];
        const [first = "", second = "", third = ""] = made.shortNames(3);
        await patch(one, { spec: { state: "Suspended" } });
        await patch(one, annotated({ "keyturn.dev/paused": "true" }));
        await patch(one, { metadata: { [member]: { [first]: null } } });
        await patch(one, { metadata: { [member]: { [second]: "b", [third]: null, other: "a" } } });
        await rejects(patch(one, { metadata: { [member]: { another: "" } } }), refused(/more than \d+ KiB/));
        const few = Object.fromEntries(
          made
            .shortNames(MANY)
            .slice(4000)
            .map((name) => [name, null]),
        );
        await patch(one, { metadata: { [member]: few } });
        const none = Object.fromEntries(made.shortNames(MANY).map((name) => [name, null]));
        await patch(one, { metadata: { [member]: none } });
        ok(await admin.delete(pathOf(one)));
      });
  });

  describe("the large members of a spec", () => {
    for (const { name, grown, over } of made.largeMembers(64 * KIB))
      it(`${name} may have 64 KiB, and not more`, async () => {
        await rejects(create(over), refused(/has 65 KiB and may grow to 64 KiB\. \w+/));
        await create(grown);
        await rejects(patch(grown, { spec: over.object["spec"] }), refused(/has 65 KiB and may grow to 64 KiB\. \w+/));
        await patch(grown, { spec: made.smaller(grown) });
      });

    it("are summed", async () => {
      for (const one of made.halvesOf(64 * KIB)) await rejects(create(one), refused(/ KiB and may grow to 64 KiB/));
    });

    it("that were larger before are suspended, narrowed and no more made larger", async () => {
      const of = (bytes: number): object => ({ spec: { accounts: [made.awsAccount(made.resources(bytes))] } });
      await patch(older.documents, { spec: { state: "Suspended" } });
      await patch(older.documents, { spec: { purpose: "Reads less" } });
      await rejects(patch(older.documents, of(201 * KIB)), refused(/has 201 KiB and may grow to 64 KiB/));
      await patch(older.documents, of(200 * KIB));
      await patch(older.documents, of(150 * KIB));
      await patch(older.documents, of(10 * KIB));
      await rejects(patch(older.documents, of(65 * KIB)), refused(/has 65 KiB/));
      await patch(older.documents, of(64 * KIB));
    });

    it("with more entries than can be measured are judged by their number", async () => {
      const with_ = (statements: object[], ...more: object[]): object => ({
        spec: { accounts: [made.awsAccount(statements), ...more] },
      });
      await rejects(
        create(made.identity("born-with-many", [made.awsAccount(made.conditions(25_000, 1))])),
        refused(/more than \d+ KiB/),
      );
      await rejects(
        create(made.identity("born-with-more", [made.awsAccount(made.conditions(4_000, 8))])),
        refused(/more than \d+ KiB/),
      );
      await patch(older.entries, { spec: { state: "Suspended" } });
      await patch(older.entries, with_(made.conditions(25_000, 1)));
      await rejects(patch(older.entries, with_(made.conditions(25_001, 1))), refused(/more than \d+ KiB/));
      await patch(older.entries, with_(made.conditions(24_999, 1)));
      await patch(older.entries, with_(made.conditions(2_000, 1)));
      await rejects(patch(older.values, with_(made.conditions(4_001, 8))), refused(/more than \d+ KiB/));
      await patch(older.values, with_(made.conditions(3_999, 8)));
      await patch(older.values, { spec: { accounts: [made.bareAccount] } });
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
const overMetadata = (kib: number): ReturnType<typeof refused> =>
  refused(new RegExp(`metadata may grow to 32 KiB besides stamps: .* (${kib - 1}|${kib}) KiB.* are always allowed`));
