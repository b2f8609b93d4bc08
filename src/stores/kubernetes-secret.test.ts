import assert from "node:assert/strict";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { OperatorError } from "../kernel/errors.ts";
import { silentLogger } from "../kernel/logger.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import type { DeliveryOwner } from "./contract.ts";
import { SECRETS, fromBase64, toBase64, type Secret } from "./kinds.ts";
import { kubernetesSecretStore } from "./kubernetes-secret.ts";
import { ACCESS_KEY_FORM } from "./form.fake.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const owner: DeliveryOwner = { cluster: "local", namespace: "payments", name: "billing", uid: "u1", predecessors: [] };
const ref = { kind: SECRETS, namespace: "payments", name: "billing-aws" };
const place = {
  name: "billing-aws",
  keys: { accessKeyId: "AWS_ACCESS_KEY_ID", secretAccessKey: "AWS_SECRET_ACCESS_KEY" },
};
const one = new SecretMaterial({ accessKeyId: "AKIA1", secretAccessKey: "one+/=" });
const two = new SecretMaterial({ accessKeyId: "AKIA2", secretAccessKey: "two" });
const isConflict = (error: unknown) => error instanceof OperatorError && error.code === "Conflict";

const publishedOnce = async () => {
  const cluster = new FakeCluster();
  const store = kubernetesSecretStore(cluster, owner, place, ACCESS_KEY_FORM);
  const first = await store.observe(context);
  assert.equal(first.kind, "absent");
  await store.publish({ version: "v1", material: one }, { kind: "secret" }, context);
  return { cluster, store, secret: () => cluster.peek<Secret>(ref) };
};
const ours = async (store: ReturnType<typeof kubernetesSecretStore>) => {
  const seen = await store.observe(context);
  assert.equal(seen.kind, "ours");
  return seen;
};

describe("delivery to a Kubernetes Secret", () => {
  it("makes an Opaque Secret with marks and the declared keys, and reads it back", async () => {
    const { store, secret } = await publishedOnce();
    const made = secret();
    assert.equal(made?.type, "Opaque");
    assert.deepEqual(Object.keys(made.data ?? {}).sort(), ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]);
    assert.equal(fromBase64(made.data?.["AWS_SECRET_ACCESS_KEY"] ?? ""), "one+/=");
    assert.equal(made.metadata.labels?.["app.kubernetes.io/managed-by"], "keyturn");
    assert.equal(made.metadata.annotations?.["keyturn.dev/owner"], "payments/billing");
    const seen = await ours(store);
    assert.deepEqual([seen.version, seen.matches(one), seen.matches(two)], ["v1", true, false]);
    assert.equal(store.target, "secret/payments/billing-aws");
  });

  it("writes the next version under the observed resourceVersion", async () => {
    const { store } = await publishedOnce();
    const seen = await ours(store);
    await store.publish({ version: "v2", material: two }, seen.precondition, context);
    const after = await ours(store);
    assert.deepEqual([after.version, after.matches(two)], ["v2", true]);
    await assert.rejects(store.publish({ version: "v3", material: one }, seen.precondition, context), isConflict);
  });

  it("is a Conflict when somebody creates the Secret in between", async () => {
    const cluster = new FakeCluster();
    const store = kubernetesSecretStore(cluster, owner, place, ACCESS_KEY_FORM);
    cluster.interject(
      (call) => call.verb === "create",
      () => void cluster.seed(ref, { type: "Opaque", data: {} }),
    );
    await assert.rejects(store.publish({ version: "v1", material: one }, { kind: "secret" }, context), isConflict);
    assert.deepEqual(cluster.peek<Secret>(ref)?.data, {});
  });

  it("takes other keys, other values and a lost key for drift, and repairs them", async () => {
    const { cluster, store, secret } = await publishedOnce();
    for (const data of [{ extra: "eA==" }, { AWS_ACCESS_KEY_ID: "eA==" }, { AWS_SECRET_ACCESS_KEY: null }]) {
      await cluster.mergePatch(ref, { data });
      const seen = await ours(store);
      assert.equal(seen.matches(one), false);
      await store.publish({ version: "v1", material: one }, seen.precondition, context);
      assert.equal((await ours(store)).matches(one), true);
      assert.equal(Object.keys(secret()?.data ?? {}).length, 2);
    }
  });

  it("wins back the value that stands there, and none that is not whole", async () => {
    const { cluster, store } = await publishedOnce();
    assert.equal((await ours(store)).material?.equals(one), true);
    await cluster.mergePatch(ref, { data: { AWS_SECRET_ACCESS_KEY: "" } });
    assert.equal((await ours(store)).material, undefined);
  });

  it("keeps labels and annotations of others", async () => {
    const { cluster, store, secret } = await publishedOnce();
    await cluster.mergePatch(ref, { metadata: { annotations: { team: "a" }, labels: { app: "b" } } });
    const seen = await ours(store);
    assert.equal(seen.matches(one), true);
    await store.publish({ version: "v2", material: two }, seen.precondition, context);
    assert.equal(secret()?.metadata.annotations?.["team"], "a");
    assert.equal(secret()?.metadata.labels?.["app"], "b");
  });

  const foreign: readonly [string, object, RegExp][] = [
    ["a Secret without marks", { metadata: {} }, /not made by Keyturn/],
    ["a Secret with our UID and no label", { metadata: { labels: {} } }, /not made by Keyturn/],
    [
      "a Secret of another owner",
      { metadata: { annotations: { "keyturn.dev/owner-uid": "u2" } } },
      /another SecretRotation/,
    ],
    ["an immutable Secret", { immutable: true }, /immutable/],
    ["a Secret of another type", { type: "kubernetes.io/tls" }, /type Opaque/],
    ["a Secret that is being deleted", { metadata: { deletionTimestamp: "2026-01-01T00:00:00Z" } }, /is being deleted/],
  ];
  for (const [what, change, why] of foreign) {
    it(`never writes ${what}`, async () => {
      const cluster = new FakeCluster();
      const metadata = {
        labels: { "app.kubernetes.io/managed-by": "keyturn" },
        annotations: { "keyturn.dev/owner-uid": "u1" },
      };
      const changed = change as { metadata?: object };
      const bare = what === "a Secret without marks";
      cluster.seed(ref, {
        type: "Opaque",
        data: {},
        ...change,
        metadata: bare ? {} : { ...metadata, ...changed.metadata },
      });
      const store = kubernetesSecretStore(cluster, owner, place, ACCESS_KEY_FORM);
      const seen = await store.observe(context);
      assert.equal(seen.kind, "foreign");
      assert.match(seen.why, why);
      const { uid = "", resourceVersion = "" } = cluster.peek(ref)?.metadata ?? {};
      await assert.rejects(
        store.publish({ version: "v1", material: one }, { kind: "secret", uid, resourceVersion }, context),
        isConflict,
      );
      assert.deepEqual(cluster.peek<Secret>(ref)?.data, {});
    });
  }

  it("takes a predecessor's Secret for its own and moves the mark", async () => {
    const { cluster, secret } = await publishedOnce();
    const successor = kubernetesSecretStore(
      cluster,
      { ...owner, uid: "u2", predecessors: ["u1"] },
      place,
      ACCESS_KEY_FORM,
    );
    const seen = await ours(successor);
    assert.equal(seen.matches(one), false);
    await successor.publish({ version: "v1", material: one }, seen.precondition, context);
    assert.equal(secret()?.metadata.annotations?.["keyturn.dev/owner-uid"], "u2");
    assert.equal((await ours(successor)).matches(one), true);
  });

  it("withdraws what is ours by uid and resourceVersion, and nothing else", async () => {
    const { cluster, store } = await publishedOnce();
    const other = kubernetesSecretStore(cluster, { ...owner, uid: "u9" }, place, ACCESS_KEY_FORM);
    assert.equal(await other.withdraw({ final: true }, context), "foreign");
    assert.equal(await store.withdraw({ final: true }, context), "removed");
    const sent = cluster.calls.find((call) => call.verb === "delete")?.body as {
      uid?: string;
      resourceVersion?: string;
    };
    assert.ok(sent.uid && sent.resourceVersion);
    assert.equal(await store.withdraw({ final: true }, context), "alreadyAbsent");
  });

  it("does not withdraw what was changed while it looked", async () => {
    const { cluster, store } = await publishedOnce();
    const takeAway = async (): Promise<void> => {
      await cluster.mergePatch(ref, { metadata: { annotations: { "keyturn.dev/owner-uid": "u2" } } });
    };
    cluster.interject((call) => call.verb === "delete", takeAway);
    await assert.rejects(store.withdraw({ final: true }, context), isConflict);
    assert.notEqual(cluster.peek(ref), undefined);
  });

  it("refuses key names that are not allowed or meet, and material that is not whole", async () => {
    for (const keys of [{ accessKeyId: "a/b" }, { accessKeyId: ".." }, { accessKeyId: "x", secretAccessKey: "x" }]) {
      assert.throws(
        () => kubernetesSecretStore(new FakeCluster(), owner, { name: "x", keys }, ACCESS_KEY_FORM),
        OperatorError,
      );
    }
    const cluster = new FakeCluster();
    const half = new SecretMaterial({ accessKeyId: "AKIA" });
    const store = kubernetesSecretStore(cluster, owner, place, ACCESS_KEY_FORM);
    await assert.rejects(store.publish({ version: "v1", material: half }, { kind: "secret" }, context), OperatorError);
    assert.equal(cluster.mutations().length, 0);
  });
});

describe("a Secret that asks to be adopted", () => {
  const values = { AWS_ACCESS_KEY_ID: "AKIA1", AWS_SECRET_ACCESS_KEY: "one+/=" };
  const seeded = (
    more: Partial<Secret> = {},
    held: Readonly<Record<string, string>> = values,
    annotations: Readonly<Record<string, string>> = { "keyturn.dev/adopt": "payments/billing" },
  ) => {
    const cluster = new FakeCluster();
    const data = Object.fromEntries(Object.entries(held).map(([key, value]) => [key, toBase64(value)]));
    const labels = { "app.kubernetes.io/managed-by": "Helm", team: "payments" };
    const metadata = { labels, annotations: { ...annotations, note: "kept" } };
    cluster.seed<Secret>(ref, { type: "Opaque", data, ...more, metadata });
    return {
      cluster,
      store: kubernetesSecretStore(cluster, owner, place, ACCESS_KEY_FORM),
      secret: () => cluster.peek<Secret>(ref),
    };
  };
  const adoptable = async (store: ReturnType<typeof kubernetesSecretStore>) => {
    const seen = await store.observe(context);
    assert.equal(seen.kind, "adoptable");
    return seen;
  };

  it("is seen with what it holds, and nothing is written by looking", async () => {
    const { store, secret } = seeded();
    const before = secret();
    assert.equal((await adoptable(store)).material.equals(one), true);
    assert.deepEqual(secret(), before);
  });

  for (const [sentence, more, held, annotations] of [
    ["it holds another key besides", {}, { ...values, region: "eu" }, undefined],
    ["it lacks a key", {}, { AWS_ACCESS_KEY_ID: "AKIA1" }, undefined],
    ["a value is empty", {}, { ...values, AWS_SECRET_ACCESS_KEY: "" }, undefined],
    ["it is of another type", { type: "kubernetes.io/basic-auth" }, values, undefined],
    ["it is immutable", { immutable: true }, values, undefined],
    ["it asks for another resource", {}, values, { "keyturn.dev/adopt": "payments/other" }],
    ["it asks for one of another namespace", {}, values, { "keyturn.dev/adopt": "other/billing" }],
    [
      "it belongs to another resource",
      {},
      values,
      { "keyturn.dev/adopt": "payments/billing", "keyturn.dev/owner-uid": "u2" },
    ],
  ] as const) {
    it(`is foreign when ${sentence}, and is never written`, async () => {
      const { store, secret } = seeded(more, held, annotations);
      const before = secret();
      assert.equal((await store.observe(context)).kind, "foreign");
      const { uid, resourceVersion } = before!.metadata;
      const precondition = { kind: "secret", uid, resourceVersion, adopting: true } as const;
      await assert.rejects(store.publish({ version: "v1", material: two }, precondition, context), isConflict);
      assert.equal(await store.giveBack?.(one, context), "untouched");
      assert.equal(await store.withdraw({ final: true }, context), "foreign");
      assert.deepEqual(secret(), before);
    });
  }

  it("is written over only under the precondition of its adoption, and is ours then", async () => {
    const { store, secret } = seeded();
    const { precondition } = await adoptable(store);
    assert.ok(precondition.kind === "secret");
    const { uid, resourceVersion } = secret()!.metadata;
    const plain = { kind: "secret", uid, resourceVersion } as const;
    await assert.rejects(store.publish({ version: "v1", material: two }, plain, context), isConflict);
    await store.publish({ version: "v1", material: two }, precondition, context);
    const seen = await ours(store);
    assert.deepEqual([seen.version, seen.matches(two), seen.asksAdoption], ["v1", true, true]);
  });

  it("is refused when somebody took the annotation off after it was looked at", async () => {
    const { cluster, store, secret } = seeded();
    const { precondition } = await adoptable(store);
    cluster.seed<Secret>(ref, { ...secret()!, metadata: { ...secret()!.metadata, annotations: {} } });
    await assert.rejects(store.publish({ version: "v1", material: two }, precondition, context), isConflict);
  });

  it("is given back as it was found, with its label and without any mark of ours", async () => {
    const { store, secret } = seeded();
    const before = secret()!;
    const { precondition } = await adoptable(store);
    await store.publish({ version: "v1", material: two }, precondition, context);
    assert.equal(await store.giveBack?.(one, context), "givenBack");
    const after = secret()!;
    assert.deepEqual(
      [after.data, after.metadata.labels, after.metadata.annotations, after.metadata.uid],
      [before.data, before.metadata.labels, before.metadata.annotations, before.metadata.uid],
    );
    assert.equal(await store.giveBack?.(one, context), "untouched");
  });

  it("is not made when it is gone", async () => {
    const { cluster, store } = seeded();
    cluster.drop(ref);
    assert.equal(await store.giveBack?.(one, context), "alreadyAbsent");
    assert.equal(cluster.peek(ref), undefined);
  });

  const layouts = [
    [{ mode: "Env" as const }, { ACCESS_KEY_ID: "AKIA1", SECRET_ACCESS_KEY: "one+/=" }],
    [{ mode: "JSON" as const }, { "credential.json": '{"accessKeyId":"AKIA1","secretAccessKey":"one+/="}' }],
    [{ mode: "Dotenv" as const, key: ".env" }, { ".env": 'accessKeyId="AKIA1"\nsecretAccessKey="one+/="\n' }],
  ] as const;
  for (const [format, expected] of layouts) {
    it(`lays values out as ${format.mode}, and reads them back`, async () => {
      const cluster = new FakeCluster();
      const store = kubernetesSecretStore(cluster, owner, { name: "billing-aws", format }, ACCESS_KEY_FORM);
      const answer = await store.publish({ version: "v1", material: one }, { kind: "secret" }, context);
      const data = cluster.peek<Secret>(ref)?.data ?? {};
      assert.deepEqual(
        Object.fromEntries(Object.entries(data).map(([key, value]) => [key, fromBase64(value)])),
        expected,
      );
      assert.ok(answer?.kind === "ours" && answer.matches(one) && !answer.matches(two));
      assert.ok(answer.material?.equals(one));
    });
  }

  it("keeps a value whole that has quotes and line breaks in it, in every layout", async () => {
    const odd = new SecretMaterial({ accessKeyId: 'a"b\\n\nc=d', secretAccessKey: "$x\t'é'" });
    for (const [format] of layouts) {
      const store = kubernetesSecretStore(new FakeCluster(), owner, { name: "billing-aws", format }, ACCESS_KEY_FORM);
      const answer = await store.publish({ version: "v1", material: odd }, { kind: "secret" }, context);
      assert.ok(answer?.kind === "ours" && answer.material?.equals(odd), format.mode);
    }
  });

  it("puts on the labels and annotations that are declared, takes off its own, and leaves those of others", async () => {
    const cluster = new FakeCluster();
    const dressed = (labels: Record<string, string>, annotations: Record<string, string>) =>
      kubernetesSecretStore(cluster, owner, { name: "billing-aws", labels, annotations }, ACCESS_KEY_FORM);
    const first = dressed({ team: "payments", tier: "one" }, { "example.com/a": "1" });
    await first.publish({ version: "v1", material: one }, { kind: "secret" }, context);
    const made = cluster.peek<Secret>(ref)!;
    assert.equal(made.metadata.labels?.["team"], "payments");
    cluster.seed<Secret>(ref, {
      ...made,
      metadata: { ...made.metadata, labels: { ...made.metadata.labels, theirs: "x" } },
    });
    const second = dressed({ team: "billing" }, {});
    const seen = await second.observe(context);
    assert.ok(seen.kind === "ours" && !seen.matches(one), "it is not dressed as declared");
    await second.publish({ version: "v1", material: one }, seen.precondition, context);
    const { labels, annotations } = cluster.peek<Secret>(ref)!.metadata;
    assert.deepEqual([labels?.["team"], labels?.["tier"], labels?.["theirs"]], ["billing", undefined, "x"]);
    assert.equal(annotations?.["example.com/a"], undefined);
    const after = await second.observe(context);
    assert.ok(after.kind === "ours" && after.matches(one));
  });

  it("is of the type that is declared", async () => {
    const cluster = new FakeCluster();
    const basic = {
      name: "billing-aws",
      type: "BasicAuth" as const,
      keys: { accessKeyId: "username", secretAccessKey: "password" },
    };
    await kubernetesSecretStore(cluster, owner, basic, ACCESS_KEY_FORM).publish(
      { version: "v1", material: one },
      { kind: "secret" },
      context,
    );
    assert.equal(cluster.peek<Secret>(ref)?.type, "kubernetes.io/basic-auth");
    const opaque = await kubernetesSecretStore(cluster, owner, place, ACCESS_KEY_FORM).observe(context);
    assert.ok(opaque.kind === "foreign" && opaque.why.includes("not of type Opaque"));
  });
});
