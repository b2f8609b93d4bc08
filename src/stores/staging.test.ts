import assert from "node:assert/strict";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { OperatorError } from "../kernel/errors.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import type { DeliveryOwner, StagedVersion } from "./contract.ts";
import { SECRETS, type Secret } from "./kinds.ts";
import { stagingName, stagingStore } from "./staging.ts";
import { wholeOf } from "../kernel/listed.ts";

const owner: DeliveryOwner = { cluster: "local", namespace: "payments", name: "billing", uid: "u1", predecessors: [] };
const ref = { kind: SECRETS, namespace: "keyturn-system", name: stagingName("u1") };
const entry = (version: string, id: string, secret = `secret-of-${id}`): StagedVersion => ({
  version,
  id,
  material: new SecretMaterial({ accessKeyId: id, secretAccessKey: secret }),
  issuedAt: new Date("2026-01-01T00:00:00Z"),
});
const setUp = () => {
  const cluster = new FakeCluster();
  return { cluster, staging: stagingStore(cluster, "keyturn-system") };
};
const isConflict = (error: unknown) => error instanceof OperatorError && error.code === "Conflict";
const isPut = (call: { verb: string }) => call.verb === "create" || call.verb === "replace";

describe("staging", () => {
  it("keeps versions in one labelled Secret of the operator's namespace and reads them back", async () => {
    const { cluster, staging } = setUp();
    await staging.put(owner, entry("v1", "AKIA1"));
    await staging.put(owner, entry("v2", "AKIA2"));
    const { versions, intact } = await staging.read("u1");
    assert.equal(intact, true);
    assert.deepEqual(
      versions.map(({ version, id, issuedAt }) => [version, id, issuedAt.toISOString()]),
      [
        ["v1", "AKIA1", "2026-01-01T00:00:00.000Z"],
        ["v2", "AKIA2", "2026-01-01T00:00:00.000Z"],
      ],
    );
    assert.ok(versions[0]?.material.equals(entry("v1", "AKIA1").material));
    const stored = cluster.peek<Secret>(ref);
    assert.equal(stored?.metadata.labels?.["keyturn.dev/role"], "staging");
    assert.equal(stored.metadata.annotations?.["keyturn.dev/owner"], "payments/billing");
    assert.equal(JSON.stringify(stored.metadata).includes("secret-of"), false);
  });

  it("writes nothing when the same is staged already", async () => {
    const { cluster, staging } = setUp();
    await staging.put(owner, entry("v1", "AKIA1"));
    await staging.put(owner, entry("v1", "AKIA1"));
    assert.equal(cluster.mutations().length, 1);
  });

  it("is a Conflict when another id or another value is staged under the version", async () => {
    const { staging } = setUp();
    await staging.put(owner, entry("v1", "AKIA1"));
    await assert.rejects(staging.put(owner, entry("v1", "AKIA2")), isConflict);
    await assert.rejects(staging.put(owner, entry("v1", "AKIA1", "other")), isConflict);
    assert.equal((await staging.read("u1")).versions[0]?.id, "AKIA1");
  });

  it("loses no version when two writers race, by create and by replace", async () => {
    const { cluster, staging } = setUp();
    const race = (version: string, id: string) =>
      cluster.interject(isPut, () => stagingStore(cluster, "keyturn-system").put(owner, entry(version, id)));
    race("v1", "AKIA1");
    await staging.put(owner, entry("v2", "AKIA2"));
    race("v3", "AKIA3");
    await staging.put(owner, entry("v4", "AKIA4"));
    assert.deepEqual((await staging.read("u1")).versions.map(({ version }) => version).sort(), [
      "v1",
      "v2",
      "v3",
      "v4",
    ]);
  });

  it("gives up after a few conflicts", async () => {
    const { cluster, staging } = setUp();
    const conflict = new OperatorError("Conflict", { publicMessage: "x", status: 409 });
    cluster.failNext(isPut, conflict, "before", 99);
    await assert.rejects(staging.put(owner, entry("v1", "AKIA1")), conflict);
    assert.equal(cluster.mutations().length, 5);
  });

  it("takes a lost answer for what it is, and finds the value at the next try", async () => {
    const { cluster, staging } = setUp();
    cluster.failNext(isPut, new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true }), "after");
    await assert.rejects(staging.put(owner, entry("v1", "AKIA1")), OperatorError);
    await staging.put(owner, entry("v1", "AKIA1"));
    assert.equal(cluster.mutations().length, 1);
  });

  it("does not call it staged when it does not read back", async () => {
    const { cluster, staging } = setUp();
    let reads = 0;
    cluster.interject(
      (call) => call.verb === "get" && (reads += 1) === 2,
      () => cluster.drop(ref),
    );
    await assert.rejects(
      staging.put(owner, entry("v1", "AKIA1")),
      (error) => error instanceof OperatorError && error.ambiguous,
    );
  });

  it("says that it is not intact when a part cannot be read, gives the rest, and repairs by a put", async () => {
    const { cluster, staging } = setUp();
    await staging.put(owner, entry("v1", "AKIA1"));
    await staging.put(owner, entry("v2", "AKIA2"));
    for (const value of ["", "e30=", "bm90IGpzb24=", "eyJhIjoxfQ=="]) {
      await cluster.mergePatch(ref, { data: { v2: value } });
      const read = await staging.read("u1");
      assert.deepEqual([read.intact, read.versions.map(({ version }) => version)], [false, ["v1"]]);
    }
    await staging.put(owner, entry("v2", "AKIA2"));
    assert.equal((await staging.read("u1")).intact, true);
    await cluster.mergePatch(ref, { metadata: { annotations: { "keyturn.dev/staged": "{" } } });
    assert.deepEqual([(await staging.read("u1")).intact, (await staging.read("u1")).versions.length], [false, 0]);
  });

  it("drops what is not named, and the Secret with the last version", async () => {
    const { cluster, staging } = setUp();
    for (const version of ["v1", "v2", "v3"]) await staging.put(owner, entry(version, `id-${version}`));
    await staging.keepOnly("u1", ["v2", "v3"]);
    assert.deepEqual(
      (await staging.read("u1")).versions.map(({ version }) => version),
      ["v2", "v3"],
    );
    const before = cluster.mutations().length;
    await staging.keepOnly("u1", ["v2", "v3"]);
    assert.equal(cluster.mutations().length, before);
    await staging.keepOnly("u1", []);
    assert.equal(cluster.peek(ref), undefined);
    await staging.keepOnly("u1", []);
  });

  it("hands a predecessor's versions over to its successor, and can be repeated after a crash", async () => {
    const { cluster, staging } = setUp();
    await staging.put(owner, entry("v1", "AKIA1"));
    const successor = { ...owner, uid: "u2", predecessors: ["u1"] };
    cluster.failNext((call) => call.verb === "delete", new OperatorError("Unavailable", { publicMessage: "x" }));
    await assert.rejects(staging.handOver("u1", successor), OperatorError);
    await staging.handOver("u1", successor);
    await staging.handOver("u1", successor);
    assert.equal((await staging.read("u2")).versions[0]?.id, "AKIA1");
    assert.deepEqual((await staging.read("u1")).versions, []);
  });

  it("lists owners and ids without values, leaving out what it did not make", async () => {
    const { cluster, staging } = setUp();
    await staging.put(owner, entry("v1", "AKIA1"));
    cluster.seed(
      { ...ref, name: "planted" },
      { ...cluster.peek(ref), metadata: { ...cluster.peek(ref)?.metadata, name: "planted" } },
    );
    assert.deepEqual(wholeOf("staging", await staging.listOwners()), [
      { namespace: "payments", name: "billing", uid: "u1", versions: [{ version: "v1", id: "AKIA1" }] },
    ]);
  });

  it("does not use a Secret that somebody else made in its place", async () => {
    const { cluster, staging } = setUp();
    cluster.seed(ref, { data: {} });
    await assert.rejects(staging.put(owner, entry("v1", "AKIA1")), isConflict);
    await assert.rejects(staging.read("u1"), isConflict);
    assert.equal(cluster.mutations().length, 0);
  });
});
