import assert from "node:assert/strict";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import { vaultConnections } from "../providers/vault/connection.ts";
import { FakeVault } from "../providers/vault/fake-calls.ts";
import type { DeliveryOwner, DeliveryStore } from "./contract.ts";
import { vaultKvStore } from "./vault-kv.ts";
import { ACCESS_KEY_FORM } from "./form.fake.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const owner: DeliveryOwner = { cluster: "local", namespace: "payments", name: "billing", uid: "u1", predecessors: [] };
const at = { mount: "kv", path: "keyturn/payments/billing/aws" };
const place = { path: "billing/aws" };
const one = new SecretMaterial({ accessKeyId: "AKIA1", secretAccessKey: "one" });
const two = new SecretMaterial({ accessKeyId: "AKIA2", secretAccessKey: "two" });
const lost = new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true });
const isConflict = (error: unknown) => error instanceof OperatorError && error.code === "Conflict";

const setUp = () => {
  const vault = new FakeVault();
  const connections = vaultConnections({
    clock: new FakeClock(),
    requestToken: () => Promise.resolve("jwt"),
    open: () => vault.calls(),
  });
  const spec = { address: "https://vault.example:8200", login: { jwt: { role: "keyturn" } } };
  const connection = connections.connection({ name: "vault", uid: "c", generation: 1, spec });
  return { vault, connection, store: vaultKvStore(connection, owner, place, ACCESS_KEY_FORM) };
};
const precondition = async (store: DeliveryStore) => {
  const seen = await store.observe(context);
  assert.notEqual(seen.kind, "foreign");
  return seen.kind === "foreign" ? assert.fail() : seen.precondition;
};
const publish = async (store: DeliveryStore, version: string, material: SecretMaterial) =>
  store.publish({ version, material }, await precondition(store), context);
const ours = async (store: DeliveryStore) => {
  const seen = await store.observe(context);
  assert.equal(seen.kind, "ours");
  return seen;
};

describe("delivery to Vault KV v2", () => {
  it("claims the path by the first data write with cas 0, then marks it", async () => {
    const { vault, store } = setUp();
    await publish(store, "v1", one);
    assert.deepEqual(vault.mutations(), ["writeData", "writeCustomMetadata"]);
    assert.deepEqual(vault.path(at)?.versions[0]?.values, {
      accessKeyId: "AKIA1",
      secretAccessKey: "one",
      "keyturn-version": "v1",
      "keyturn-owner-uid": "u1",
    });
    assert.deepEqual(vault.path(at)?.custom, {
      "keyturn-owner": "payments/billing",
      "keyturn-owner-uid": "u1",
      "keyturn-cluster": "local",
    });
    const seen = await ours(store);
    assert.deepEqual([seen.version, seen.matches(one), seen.matches(two)], ["v1", true, false]);
    assert.equal(store.target, "kv/vault.example:8200/-/kv/keyturn/payments/billing/aws");
  });

  it("lets exactly one of two claimants have an absent path", async () => {
    const { vault, connection, store } = setUp();
    const rival = vaultKvStore(connection, { ...owner, uid: "u2" }, place, ACCESS_KEY_FORM);
    const [mine, theirs] = [await precondition(store), await precondition(rival)];
    await store.publish({ version: "v1", material: one }, mine, context);
    await assert.rejects(rival.publish({ version: "v1", material: two }, theirs, context), isConflict);
    assert.equal(vault.path(at)?.custom["keyturn-owner-uid"], "u1");
    assert.equal((await rival.observe(context)).kind, "foreign");
  });

  it("knows its own path after a crash between data and marks, and marks it at the next publish", async () => {
    const { vault, connection, store } = setUp();
    vault.failNext("writeCustomMetadata", lost, "before");
    await assert.rejects(publish(store, "v1", one), lost);
    const rival = vaultKvStore(connection, { ...owner, uid: "u2" }, place, ACCESS_KEY_FORM);
    assert.equal((await rival.observe(context)).kind, "foreign");
    const seen = await ours(store);
    assert.deepEqual([seen.version, seen.matches(one)], ["v1", false]);
    await store.publish({ version: "v1", material: one }, seen.precondition, context);
    assert.equal((await ours(store)).matches(one), true);
  });

  it("shows by reading back that a write whose answer was lost took effect", async () => {
    const { vault, store } = setUp();
    await publish(store, "v1", one);
    vault.failNext("writeData", lost, "after");
    await assert.rejects(publish(store, "v2", two), lost);
    const seen = await ours(store);
    assert.deepEqual([seen.version, seen.matches(two)], ["v2", true]);
  });

  it("overwrites nothing that was written in between", async () => {
    const { vault, store } = setUp();
    await publish(store, "v1", one);
    const before = await precondition(store);
    vault.writeByHand(at, { theirs: "x" });
    await assert.rejects(store.publish({ version: "v2", material: two }, before, context), isConflict);
    assert.deepEqual(vault.path(at)?.versions.at(-1)?.values, { theirs: "x" });
  });

  it("repairs what a person wrote over its data", async () => {
    const { vault, store } = setUp();
    await publish(store, "v1", one);
    vault.writeByHand(at, { accessKeyId: "AKIA1", secretAccessKey: "one", more: "x" });
    assert.equal((await ours(store)).matches(one), false);
    await publish(store, "v1", one);
    assert.equal((await ours(store)).matches(one), true);
  });

  it("publishes again on a path of ours whose newest version was deleted", async () => {
    const { store } = setUp();
    await publish(store, "v1", one);
    assert.equal(await store.withdraw({ final: false }, context), "removed");
    const seen = await ours(store);
    assert.deepEqual([seen.version, seen.matches(one), seen.precondition], ["", false, { kind: "kv", version: 1 }]);
    await publish(store, "v2", two);
    assert.equal((await ours(store)).matches(two), true);
  });

  it("never touches a path of somebody else, with data, deleted, or with marks alone", async () => {
    const { vault, store } = setUp();
    const paths = [
      { custom: {}, versions: [{ values: { a: "b" }, deleted: false }] },
      { custom: {}, versions: [{ values: { a: "b" }, deleted: true }] },
      { custom: { "keyturn-owner-uid": "u2" }, versions: [] },
      { custom: { team: "x" }, versions: [] },
      { custom: { "keyturn-owner-uid": "u1" }, versions: [{ values: { "keyturn-owner-uid": "u2" }, deleted: false }] },
    ];
    for (const path of paths) {
      vault.paths.set("kv/keyturn/payments/billing/aws", path);
      const seen = await store.observe(context);
      assert.equal(seen.kind, "foreign");
      assert.match(seen.why, /choose another path/);
      assert.equal(await store.withdraw({ final: true }, context), "foreign");
    }
    assert.deepEqual(vault.mutations(), []);
  });

  it("does not write when the marks were taken over after it looked", async () => {
    const { vault, store } = setUp();
    await publish(store, "v1", one);
    const before = await precondition(store);
    const path = vault.path(at);
    if (path !== undefined) path.custom = { "keyturn-owner-uid": "u2" };
    await assert.rejects(store.publish({ version: "v2", material: two }, before, context), isConflict);
    assert.equal(path?.versions.length, 1);
  });

  it("wins back the value that stands there, and none that is not whole or deleted", async () => {
    const { vault, store } = setUp();
    await publish(store, "v1", one);
    assert.equal((await ours(store)).material?.equals(one), true);
    vault.writeByHand(at, { accessKeyId: "AKIA1", secretAccessKey: 7 });
    assert.equal((await ours(store)).material, undefined);
    await store.withdraw({ final: false }, context);
    assert.equal((await ours(store)).material, undefined);
  });

  it("keeps custom metadata of others", async () => {
    const { vault, store } = setUp();
    await publish(store, "v1", one);
    const path = vault.path(at);
    if (path !== undefined) path.custom = { ...path.custom, team: "x", "keyturn-cluster": "old" };
    await publish(store, "v1", one);
    assert.equal(path?.custom["team"], "x");
    assert.equal(path.custom["keyturn-cluster"], "local");
  });

  it("takes a predecessor's path for its own and moves the marks", async () => {
    const { vault, connection, store } = setUp();
    await publish(store, "v1", one);
    const successor = vaultKvStore(connection, { ...owner, uid: "u2", predecessors: ["u1"] }, place, ACCESS_KEY_FORM);
    assert.equal((await ours(successor)).matches(one), false);
    await publish(successor, "v1", one);
    assert.equal((await ours(successor)).matches(one), true);
    assert.equal(vault.path(at)?.custom["keyturn-owner-uid"], "u2");
    assert.equal((await store.observe(context)).kind, "foreign");
  });

  it("marks a path before it soft-deletes it, and removes everything when it is final", async () => {
    const { vault, store } = setUp();
    vault.failNext("writeCustomMetadata", lost, "before");
    await assert.rejects(publish(store, "v1", one), lost);
    assert.equal(await store.withdraw({ final: false }, context), "removed");
    assert.equal(vault.path(at)?.custom["keyturn-owner-uid"], "u1");
    assert.equal(await store.withdraw({ final: false }, context), "alreadyAbsent");
    assert.equal(await store.withdraw({ final: true }, context), "removed");
    assert.equal(vault.path(at), undefined);
    assert.equal(await store.withdraw({ final: true }, context), "alreadyAbsent");
  });

  it("writes the data once when the token has ended between observation and publish", async () => {
    const { vault, store } = setUp();
    const before = await precondition(store);
    vault.liveTokens.clear();
    await store.publish({ version: "v1", material: one }, before, context);
    assert.equal(vault.path(at)?.versions.length, 1);
  });

  it("refuses a path out of its prefix and a key that is reserved", () => {
    const { connection } = setUp();
    for (const path of ["../other", "a//b", "A"])
      assert.throws(() => vaultKvStore(connection, owner, { path }, ACCESS_KEY_FORM), OperatorError);
    const keys = { accessKeyId: "keyturn-version" };
    assert.throws(() => vaultKvStore(connection, owner, { path: "x", keys }, ACCESS_KEY_FORM), OperatorError);
  });
});
