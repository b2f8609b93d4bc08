import assert from "node:assert/strict";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { fromBase64 } from "../../stores/kinds.ts";
import { ROTATION_MARK } from "../../providers/vault/approle/source.ts";
import { Bench, atEveryTrap } from "../ports.fake.ts";

const SPEC: Partial<SecretRotationSpec> = {
  source: { vaultAppRole: { connectionRef: { name: "vault" }, role: "web" } },
  deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
  dependents: [],
  verify: { successes: 3, soak: "2s" },
  retire: { overlap: "2s" },
};

const setUp = (more: Partial<SecretRotationSpec> = {}): Bench => {
  const bench = new Bench();
  bench.apply({ ...SPEC, ...more });
  return bench;
};

const delivered = (bench: Bench): string | undefined => {
  const value = fromBase64(bench.secret()?.data?.["secretId"] ?? "");
  return [...bench.appRole.secretIds].find(([, entry]) => entry.value === value)?.[0];
};

/** Until nothing asks for a pass within an hour. */
const wholeLife = async (bench: Bench): Promise<void> => {
  await bench.toRest(400);
  bench.rotate();
  await bench.toRest(400);
};

describe("a secret id of an AppRole", function () {
  this.timeout(60_000);

  it("is made with its rotation's mark, verified, delivered; only its accessor is on record", async () => {
    const bench = setUp();
    await bench.toRest();
    const { current } = bench.status();
    assert.equal(delivered(bench), current?.id);
    const made = bench.appRole.secretIds.get(current!.id)!;
    assert.equal(made.metadata[ROTATION_MARK], bench.status().closedIntents?.[0]?.id);
    assert.equal(JSON.stringify(bench.object()).includes(made.value), false);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("Verified")?.status, "True");
  });

  it("is replaced and destroyed; the old one is tried and refused, and a good login follows each refused one", async () => {
    const bench = setUp();
    await wholeLife(bench);
    const { current, history } = bench.status();
    assert.deepEqual([...bench.appRole.secretIds.keys()], [current?.id]);
    assert.equal(history?.[0]?.proof, "ProvenByLogin");
    const logins = bench.appRole.logins.filter(({ roleId }) => roleId === bench.appRole.roleId);
    assert.equal(logins.filter(({ good }) => !good).length, 1, "the dead one");
    logins.forEach(({ good }, index) => {
      if (!good) assert.equal(logins[index + 1]?.good, true, `login ${index + 1} after a refused one`);
    });
    assert.ok(bench.appRole.worstQuarter() <= 2, `${bench.appRole.worstQuarter()}`);
  });

  it("waits rather than be refused a third time in a quarter of an hour, also across restarts", async () => {
    const bench = setUp();
    await bench.toRest(400);
    for (let round = 0; round < 5; round += 1) {
      bench.rotate();
      await bench.toRest(400);
      bench.start();
    }
    assert.ok(bench.appRole.worstQuarter() <= 2, `${bench.appRole.worstQuarter()}`);
    assert.equal(bench.appRole.secretIds.size, 1);
  });

  it("leaves secret ids alone that carry no mark of its own", async () => {
    const bench = setUp();
    await bench.toRest();
    const { accessor } = await bench.appRole.calls.make(
      { mount: "approle", name: "x" },
      {},
      new AbortController().signal,
    );
    bench.rotate();
    await bench.toRest(400);
    assert.ok(bench.appRole.secretIds.has(accessor));
    assert.equal(bench.condition("Unmanaged")?.status, "True");
  });

  it("notices a check that accepts everything", async () => {
    const bench = setUp();
    bench.appRole.acceptsAll = true;
    for (let pass = 0; pass < 40; pass += 1) {
      const outcome = await bench.pass();
      await bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, 0));
    }
    assert.notEqual(bench.condition("Ready")?.status, "True");
    assert.ok(bench.reasons().includes("VerificationRejected"));
    assert.equal(bench.secret(), undefined);
  });

  it("is renewed before it ends by itself", async () => {
    const bench = setUp();
    bench.appRole.ttlSeconds = 9 * 3600;
    await bench.toRest();
    const first = bench.status().current!;
    assert.equal(bench.status().nextRotationReason, "Expiry");
    assert.equal(Date.parse(first.expiresAt!) - Date.parse(bench.status().nextRotationTime!), 3 * 3_600_000);
    await bench.clock.advance(6 * 3_600_000);
    await bench.toRest(400);
    assert.notEqual(bench.status().current?.id, first.id);
  });

  it("is issued anew when its role was deleted and made again: all secret ids have died with it", async () => {
    const bench = setUp();
    await bench.toRest();
    const first = bench.status().current!.id;
    await bench.clock.advance(600_000);
    bench.appRole.deleteRole();
    for (let pass = 0; pass < 5; pass += 1) {
      const outcome = await bench.pass();
      assert.equal(outcome.kind === "failed" && outcome.error.code, "NotFound");
      await bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, 1000));
    }
    assert.equal(bench.status().quarantine, undefined, "it is no fault of the spec");
    bench.appRole.exists = true;
    await bench.clock.advance(600_000);
    await bench.toRest(400);
    const { current } = bench.status();
    assert.notEqual(current?.id, first);
    assert.equal(delivered(bench), current?.id);
    assert.deepEqual([...bench.appRole.secretIds.keys()], [current?.id]);
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("is surrendered with its role: a resource that goes after it leaves nothing to wait for", async () => {
    const bench = setUp();
    await bench.toRest();
    bench.appRole.deleteRole();
    await bench.deleteRotation();
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    await bench.ledgerToRest();
    assert.equal(bench.orphans().length, 0);
  });

  it("is destroyed by the ledger when its resource goes", async () => {
    const bench = setUp();
    await bench.toRest();
    await bench.deleteRotation();
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    await bench.ledgerToRest();
    assert.equal(bench.appRole.secretIds.size, 0);
    assert.equal(bench.orphans().length, 0);
  });

  it("comes to the same end whatever is lost on the way", () =>
    atEveryTrap({
      setUp: setUp,
      life: wholeLife,
      holds: async (bench, about) => {
        const { current } = bench.status();
        assert.equal(delivered(bench), current?.id, about);
        assert.deepEqual([...bench.appRole.secretIds.keys()], [current?.id], about);
        assert.ok(bench.appRole.worstQuarter() <= 2, `${about}: ${bench.appRole.worstQuarter()} refused`);
      },
    }));
});
