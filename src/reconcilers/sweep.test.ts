import assert from "node:assert/strict";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import type { SecretRotationSpec } from "../api/v1alpha1/secret-rotation.ts";
import type { KubeObject } from "../cluster/contract.ts";
import { Bench, ROTATION, TRAPS, type Trap } from "./ports.fake.ts";
import { OperatorError } from "../kernel/errors.ts";
import { IDENTITY, LifecycleBench } from "./service-account-lifecycle/bench.fake.ts";
import { sweep } from "./sweep.ts";
import { wholeOf } from "../kernel/listed.ts";

const entriesOf = ({ cluster }: Bench): readonly string[] =>
  cluster.all<OrphanedCredential & KubeObject>(ORPHANED_CREDENTIAL).map(({ metadata }) => metadata.name);

/** Passes about every entry, and a sweep after each round, until the ledger is empty or the time is up. */
const ledgersToEnd = async (bench: Bench, forMs: number): Promise<void> => {
  for (let passed = 0; passed <= forMs && entriesOf(bench).length > 0; passed += 1000) {
    for (const name of entriesOf(bench)) {
      for (let pass = 0; pass < 10; pass += 1) {
        const outcome = await bench.ledgerPass(name);
        if (outcome.recheckAfterMs === undefined || outcome.recheckAfterMs > 500) break;
      }
    }
    await sweep(bench.ports, bench.context());
    await bench.clock.advance(1000);
  }
};

const HOLD_MS = 60_000;

const joined = async (): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply();
  await bench.toRest();
  bench.place("lake").addCredential();
  await bench.toRest();
  return bench;
};

const identityGone = async (bench: LifecycleBench): Promise<void> => {
  await bench.delete();
  for (let pass = 0; pass < 20 && bench.exists; pass += 1) {
    const outcome = await bench.pass();
    if (bench.bench.dead) bench.revive();
    await bench.bench.clock.advance(outcome.recheckAfterMs ?? 1000);
  }
  assert.equal(bench.exists, false);
};

const nothingLeft = (bench: LifecycleBench): void => {
  for (const name of ["cluster", "lake", "secrets"]) {
    assert.equal(bench.place(name).principal, undefined, name);
    assert.equal(bench.place(name).credentials.size, 0, name);
  }
  assert.equal(bench.claims(), 0);
};

describe("the sweep", function () {
  this.timeout(60_000);

  it("writes no entry anew of an identity whose entry ends while it looks, at whichever of its calls", async () => {
    const calm = await joined();
    await identityGone(calm);
    calm.bench.cluster.calls.length = 0;
    await sweep(calm.bench.ports, calm.bench.context());
    const { length } = calm.bench.cluster.calls;
    assert.ok(length >= 4);
    for (let at = 1; at <= length; at += 1) {
      const bench = await joined();
      await identityGone(bench);
      let call = 0;
      bench.bench.cluster.interject(
        () => (call += 1) === at,
        () => ledgersToEndAlone(bench.bench, 2 * HOLD_MS),
      );
      await sweep(bench.bench.ports, bench.bench.context());
      assert.deepEqual(entriesOf(bench.bench), [], `ended before call ${at}`);
      nothingLeft(bench);
    }
  });

  it("writes no entry anew of a rotation whose entry ends while it looks, at whichever of its calls", async () => {
    const gone = async (): Promise<Bench> => {
      const bench = new Bench();
      bench.deploy("web");
      bench.apply();
      await bench.toRest();
      await bench.deleteRotation();
      for (let pass = 0; pass < 10 && entriesOf(bench).length === 0; pass += 1) await bench.pass();
      await bench.pass();
      return bench;
    };
    const calm = await gone();
    calm.cluster.calls.length = 0;
    await sweep(calm.ports, calm.context());
    const { length } = calm.cluster.calls;
    assert.ok(length >= 4);
    for (let at = 1; at <= length; at += 1) {
      const bench = await gone();
      let call = 0;
      bench.cluster.interject(
        () => (call += 1) === at,
        () => ledgersToEndAlone(bench, 3_600_000),
      );
      await sweep(bench.ports, bench.context());
      assert.deepEqual(entriesOf(bench), [], `ended before call ${at}`);
      assert.deepEqual(wholeOf("claims", await bench.ports.claims.list()), []);
    }
  });
});

/** Without a sweep of its own. */
const ledgersToEndAlone = async (bench: Bench, forMs: number): Promise<void> => {
  for (let passed = 0; passed <= forMs && entriesOf(bench).length > 0; passed += 1) {
    const outcome = await bench.ledgerPass();
    await bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, 0));
  }
};

/** An identity is deleted, made again, the operator is killed while it takes over, and the new one is deleted as well. */
const undoneAndGone = async (
  trap: Trap | undefined,
  passes: number,
): Promise<{ readonly bench: LifecycleBench; readonly mutations: number }> => {
  const bench = await joined();
  await identityGone(bench);
  await bench.ledgerPass();
  await bench.ledgerPass();
  bench.apply();
  bench.bench.mutations = 0;
  if (trap !== undefined) bench.arm(trap);
  for (let pass = 0; pass < passes; pass += 1) {
    const outcome = await bench.pass();
    if (bench.bench.dead) bench.revive();
    await bench.bench.clock.advance(Math.min(outcome.recheckAfterMs ?? 0, 1000));
  }
  const { mutations } = bench.bench;
  bench.bench.trap = undefined;
  await identityGone(bench);
  return { bench, mutations };
};

describe("an undo that is interrupted, and whose resource is deleted again before the ledger looks", function () {
  this.timeout(120_000);

  for (const passes of [1, 2, 40])
    it(`leaves no entry behind an identity, whatever is killed within ${passes} passes`, async () => {
      const calm = await undoneAndGone(undefined, passes);
      assert.ok(calm.mutations >= 4, String(calm.mutations));
      for (let at = 1; at <= calm.mutations; at += 1) {
        for (const how of TRAPS) {
          const { bench } = await undoneAndGone({ at, how }, passes);
          await ledgersToEnd(bench.bench, HOLD_MS + 20_000);
          assert.deepEqual(entriesOf(bench.bench), [], `${how} at ${at}`);
          nothingLeft(bench);
        }
      }
    });

  it("leaves nothing of an identity whose successor vanishes without its finalizer while it takes over", async () => {
    for (let at = 1; at <= 6; at += 1) {
      for (const how of TRAPS) {
        const bench = await joined();
        await identityGone(bench);
        await bench.ledgerPass();
        await bench.ledgerPass();
        bench.apply();
        bench.arm({ at, how });
        await bench.pass();
        bench.revive();
        bench.bench.cluster.drop(IDENTITY);
        await bench.ledgerPass();
        await sweep(bench.bench.ports, bench.bench.context());
        await ledgersToEnd(bench.bench, 2 * HOLD_MS + 20_000);
        assert.deepEqual(entriesOf(bench.bench), [], `${how} at ${at}`);
        nothingLeft(bench);
      }
    }
  });

  it("ends the first entry at its next look although its hold is long, when the successor has come to its own end", async () => {
    const bench = new LifecycleBench();
    bench.apply({ deletion: { holdFor: "1h" } });
    await bench.toRest();
    await identityGone(bench);
    await bench.ledgerPass();
    const [first] = entriesOf(bench.bench);
    assert.ok(first !== undefined);
    bench.apply({ deletion: { holdFor: "1s" } });
    await bench.toRest();
    await identityGone(bench);
    const second = entriesOf(bench.bench).find((name) => name !== first);
    assert.ok(second !== undefined);
    for (let pass = 0; pass < 50 && entriesOf(bench.bench).includes(second); pass += 1) {
      await bench.bench.ledgerPass(second);
      await bench.bench.clock.advance(1000);
    }
    nothingLeft(bench);
    assert.deepEqual(entriesOf(bench.bench), [first]);
    await bench.bench.ledgerPass(first);
    assert.deepEqual(entriesOf(bench.bench), []);
  });

  it("holds what stands although its claim is gone", async () => {
    const bench = await joined();
    await identityGone(bench);
    await bench.ledgerPass();
    for (const { target, owner } of wholeOf("claims", await bench.bench.ports.claims.list()))
      await bench.bench.ports.claims.release(target, owner.uid);
    await bench.ledgerPass();
    assert.equal(entriesOf(bench.bench).length, 1);
    assert.notEqual(bench.place("lake").principal, undefined);
    await ledgersToEnd(bench.bench, HOLD_MS + 20_000);
    assert.deepEqual(entriesOf(bench.bench), []);
    nothingLeft(bench);
  });

  const rotationUndone = async (
    trap: Trap | undefined,
    passes: number,
  ): Promise<{ readonly bench: Bench; readonly mutations: number }> => {
    const bench = new Bench();
    const live = async (most: number): Promise<void> => {
      for (let pass = 0; pass < most; pass += 1) {
        const outcome = await bench.pass();
        if (bench.dead) bench.start();
        await bench.clock.advance(Math.min(outcome.recheckAfterMs ?? 0, 1000));
      }
    };
    bench.deploy("web");
    bench.apply();
    await bench.toRest();
    await bench.deleteRotation();
    await live(3);
    await bench.ledgerPass();
    bench.recreate();
    bench.mutations = 0;
    bench.trap = trap;
    await live(passes);
    bench.trap = undefined;
    const { mutations } = bench;
    await bench.deleteRotation();
    await live(40);
    return { bench, mutations };
  };

  it("ends the first entry of a rotation before its long hold, and touches nothing that the later entry holds", async () => {
    const bench = new Bench();
    const live = async (): Promise<void> => {
      for (let pass = 0; pass < 40; pass += 1) {
        const outcome = await bench.pass();
        await bench.clock.advance(Math.min(outcome.recheckAfterMs ?? 0, 1000));
      }
    };
    bench.deploy("web");
    bench.apply({ deletion: { holdFor: "2m" } });
    await bench.toRest();
    await bench.deleteRotation();
    await live();
    const [first] = entriesOf(bench);
    assert.ok(first !== undefined);
    bench.recreate({ deletion: { holdFor: "10m" } });
    await bench.toRest();
    await bench.deleteRotation();
    await live();
    assert.equal(entriesOf(bench).length, 2);
    await bench.clock.advance(180_000);
    for (let pass = 0; pass < 5 && entriesOf(bench).includes(first); pass += 1) await bench.ledgerPass(first);
    assert.equal(entriesOf(bench).includes(first), false);
    assert.equal(bench.source.keys.size, 1, "it is held for an undo by the later entry");
    await ledgersToEnd(bench, 1_200_000);
    assert.deepEqual([entriesOf(bench), bench.source.keys.size], [[], 0]);
  });

  for (const passes of [1, 2, 12])
    it(`leaves no entry behind a rotation, whatever is killed within ${passes} passes`, async () => {
      const calm = await rotationUndone(undefined, passes);
      assert.ok(calm.mutations >= 4, String(calm.mutations));
      for (let at = 1; at <= calm.mutations; at += 1) {
        for (const how of TRAPS) {
          const { bench } = await rotationUndone({ at, how }, passes);
          await ledgersToEnd(bench, 3_600_000);
          assert.deepEqual(entriesOf(bench), [], `${how} at ${at}`);
          assert.equal(bench.source.keys.size, 0, `${how} at ${at}`);
          assert.deepEqual(wholeOf("claims", await bench.ports.claims.list()), [], `${how} at ${at}`);
          assert.deepEqual(wholeOf("staging", await bench.ports.staging.listOwners()), [], `${how} at ${at}`);
        }
      }
    });
});

describe("a resource with Retain that vanished without its finalizer under a hold", () => {
  const approle: Partial<SecretRotationSpec> = {
    deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
    dependents: [],
    source: { vaultAppRole: { connectionRef: { name: "vault" }, role: "web" } },
    verify: { successes: 2, soak: "1s" },
  };
  for (const policy of ["Delete", "Retain"] as const) {
    it(`is ended all the same: a rotation with ${policy}`, async () => {
      const bench = new Bench();
      bench.deploy("web");
      bench.apply({ ...approle, deletion: { policy } });
      await bench.toRest();
      assert.equal(bench.appRole.secretIds.size, 1);
      bench.hold("leak", { name: "*" });
      bench.cluster.drop(ROTATION);
      await sweep(bench.ports, bench.context());
      await bench.ledgerToRest();
      assert.equal(bench.appRole.secretIds.size, 0);
    });

    it(`is cut all the same: an identity with ${policy}`, async () => {
      const bench = new LifecycleBench();
      bench.allowRetain("aws", "vault", "in-cluster");
      bench.apply({ deletion: { policy, holdFor: "60s", timeout: "30s" } });
      await bench.toRest();
      bench.bench.hold("leak");
      bench.bench.cluster.drop(IDENTITY);
      await sweep(bench.bench.ports, bench.bench.context());
      await bench.ledgerToRest();
      assert.deepEqual(bench.keys("cluster"), []);
      assert.equal(bench.place("lake").lets(), false);
    });
  }

  it("is let go no earlier than the holds have been read", async () => {
    const bench = new LifecycleBench();
    bench.allowRetain("aws", "vault", "in-cluster");
    bench.apply({ deletion: { policy: "Retain", holdFor: "60s", timeout: "30s" } });
    await bench.toRest();
    const claims = bench.claims();
    bench.bench.cluster.drop(IDENTITY);
    bench.bench.holdsRead = false;
    await sweep(bench.bench.ports, bench.bench.context());
    assert.equal(bench.claims(), claims);
    bench.bench.holdsRead = true;
    await sweep(bench.bench.ports, bench.bench.context());
    assert.equal(bench.claims(), 0);
    assert.equal(bench.place("lake").lets(), true);
  });
});

describe("an undo of a rotation that was killed between its claim and its status", () => {
  it("does not keep its secret id from being revoked under a hold", async () => {
    const bench = new Bench();
    const spec: Partial<SecretRotationSpec> = {
      deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
      dependents: [],
      source: { vaultAppRole: { connectionRef: { name: "vault" }, role: "web" } },
      verify: { successes: 2, soak: "1s" },
    };
    bench.deploy("web");
    bench.apply(spec);
    await bench.toRest();
    bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.start();
    await bench.ports.limits.take("offboarding", { key: "somebody-else", namespace: "elsewhere" });
    await bench.deleteRotation();
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    assert.equal(bench.orphans()[0]?.spec.held, "LimitReached");
    bench.recreate(spec);
    const write = bench.cluster.replaceStatus.bind(bench.cluster);
    bench.cluster.replaceStatus = () => Promise.reject(new OperatorError("Aborted", { publicMessage: "killed" }));
    await bench.pass();
    bench.cluster.replaceStatus = write;
    bench.start();
    bench.hold("leak", { name: "*" });
    for (let pass = 0; pass < 60; pass += 1) {
      await bench.pass();
      await bench.ledgerPass();
      await bench.clock.advance(60_000);
    }
    assert.equal(bench.appRole.secretIds.size, 0);
  });
});
