import assert from "node:assert/strict";
import { SECRET_ROTATION, type SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { KubeObject, ObjectRef } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { identityLabel, writeOrphan } from "../orphan/entry.ts";
import { IDENTITY, LifecycleBench, REQUEST } from "./bench.fake.ts";

const ROTATION: ObjectRef = { kind: SECRET_ROTATION, namespace: REQUEST.namespace, name: "web" };
type Status = NonNullable<SecretRotation["status"]>;
const current = { version: "1-a", id: "K1", issuedAt: "2026-01-01T00:00:00Z" };
const noted: Status = { suspension: { reason: "IdentityDecommissioned", since: "2026-01-01T00:00:00Z" } };

const rotation = (bench: LifecycleBench, status: Status, identity = REQUEST.name): void => {
  bench.bench.cluster.seed<SecretRotation & KubeObject>(ROTATION, {
    ...bench.bench.cluster.peek<KubeObject>(ROTATION),
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "SecretRotation",
    spec: {
      identityRef: { name: identity },
      source: { vaultAppRole: { connectionRef: { name: "vault" }, role: "web" } },
      deliver: [],
      dependents: [],
    },
    status,
  });
};

const joined = async (): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply();
  await bench.toRest();
  return bench;
};
const HELD = { deletion: { holdFor: "720h" } } as const;

describe("the end of an identity and its SecretRotations", function () {
  this.timeout(60_000);

  for (const [state, type] of [
    ["Decommissioned", "Offboarded"],
    ["Suspended", "Suspended"],
  ] as const)
    it(`${state}: is proven when the last credential is gone, and names what is left until then`, async () => {
      const bench = await joined();
      rotation(bench, { current });
      bench.apply({ ...HELD, state });
      await bench.settle(1000);
      for (const [status, message] of [
        [{ current }, /SecretRotation web has not taken note of the end/],
        [{ ...noted, current }, /SecretRotation web holds credential 1-a/],
      ] as const) {
        rotation(bench, status);
        const outcome = await bench.pass();
        assert.deepEqual([bench.condition(type)?.status, bench.condition(type)?.reason], ["False", "CredentialsAlive"]);
        assert.match(bench.condition(type)?.message ?? "", message);
        assert.equal(bench.condition("Ready")?.status, "False");
        assert.ok((outcome.recheckAfterMs ?? Infinity) <= 60_000, "an event that was lost is made up for");
      }
      for (const account of ["lake", "secrets"])
        assert.equal(bench.record(account)?.state, "Cut", "the cut waits for none");
      rotation(bench, noted);
      await bench.pass();
      assert.deepEqual([bench.condition(type)?.status, bench.condition(type)?.reason], ["True", "Proven"]);
      assert.equal(bench.condition("Ready")?.status, "True");
      const writes = bench.statusWrites();
      await bench.pass();
      assert.equal(bench.statusWrites(), writes, "quiet when converged");
    });

  it("is void again when one turns up", async () => {
    const bench = await joined();
    bench.apply({ ...HELD, state: "Decommissioned" });
    await bench.settle(1000);
    assert.equal(bench.condition("Offboarded")?.status, "True");
    rotation(bench, { ...noted, current });
    await bench.pass();
    assert.equal(bench.condition("Offboarded")?.reason, "CredentialsAlive");
  });

  it("waits also when the accounts are deleted, and the identity is not made anew by then", async () => {
    const bench = await joined();
    rotation(bench, { ...noted, current });
    bench.apply({ state: "Decommissioned" });
    for (let pass = 0; pass < 60 && (bench.status().accounts ?? []).length > 0; pass += 1) {
      await bench.pass();
      await bench.bench.clock.advance(10_000);
    }
    await bench.pass();
    assert.deepEqual(bench.status().accounts, []);
    assert.equal(bench.condition("Offboarded")?.reason, "CredentialsAlive");
    bench.apply({ state: "Active" });
    await bench.pass();
    assert.equal(bench.condition("Stalled")?.reason, "InvalidSpec");
    assert.deepEqual(bench.status().accounts, []);
    bench.apply({ state: "Decommissioned" });
    rotation(bench, noted);
    await bench.pass();
    assert.deepEqual(
      [bench.condition("Offboarded")?.status, bench.condition("Offboarded")?.reason],
      ["True", "Deleted"],
    );
  });

  it("is none while nobody can look, and is looked at again", async () => {
    const bench = await joined();
    bench.apply({ ...HELD, state: "Decommissioned" });
    const { cluster } = bench.bench.ports;
    const list = cluster.list.bind(cluster);
    (cluster as { list: unknown }).list = (...args: Parameters<typeof list>) =>
      args[0] === SECRET_ROTATION
        ? Promise.reject(new OperatorError("Unavailable", { publicMessage: "kube-apiserver does not answer." }))
        : list(...args);
    await bench.settle(1000);
    assert.deepEqual(
      [bench.condition("Offboarded")?.status, bench.condition("Offboarded")?.reason],
      ["False", "NotLooked"],
    );
    assert.equal(bench.record("lake")?.state, "Cut");
    (cluster as { list: unknown }).list = list;
    await bench.pass();
    assert.equal(bench.condition("Offboarded")?.reason, "Proven");
  });

  it("waits for what a deleted one left in the ledger", async () => {
    const bench = await joined();
    bench.apply({ ...HELD, state: "Decommissioned" });
    await bench.settle(1000);
    const origin = { kind: "SecretRotation", namespace: REQUEST.namespace, name: "web", uid: "gone" } as const;
    const spec = {
      origin,
      source: { declared: "{}" },
      target: "vault-approle/vault/payments.web",
      stagingUid: "gone",
      policy: "Delete" as const,
      recordedAt: "2026-01-01T00:00:00Z",
      holdSeconds: 0,
      credentials: [{ version: "1-a", id: "K1" }],
      intents: [],
      deliveries: [],
      sequence: 1,
    };
    await writeOrphan(bench.bench.ports, { ...spec, origin: { ...origin, uid: "other" } }, "somebody-else");
    await bench.pass();
    assert.equal(bench.condition("Offboarded")?.status, "True");
    await writeOrphan(bench.bench.ports, spec, REQUEST.name);
    assert.match(identityLabel(REQUEST), /^keyturn\.dev\/identity=/);
    await bench.pass();
    assert.match(bench.condition("Offboarded")?.message ?? "", /OrphanedCredential srot-gone/);
  });

  it("asks for none while the identity is Active", async () => {
    const bench = await joined();
    rotation(bench, { current });
    const { length } = bench.bench.cluster.calls;
    await bench.pass();
    const asked = bench.bench.cluster.calls
      .slice(length)
      .filter((call) => JSON.stringify(call).includes("secretrotations"));
    assert.deepEqual(asked, []);
    assert.ok(bench.bench.cluster.peek(IDENTITY) !== undefined);
  });
});
