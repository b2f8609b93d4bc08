import assert from "node:assert/strict";
import { ORPHANED_CREDENTIAL } from "../api/v1alpha1/orphaned-credential.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject, ObjectRef } from "../cluster/contract.ts";
import { without } from "../kernel/without.ts";
import { connectionReconciler } from "./connection/reconciler.ts";
import { Bench, connectionRef, REQUEST, ROTATION } from "./ports.fake.ts";
import { IDENTITY, LifecycleBench } from "./service-account-lifecycle/bench.fake.ts";

type Open = KubeObject & { readonly spec?: object; readonly status?: object };

/** As a newer version leaves it: fields that ours does not know. */
const write = (bench: Bench, ref: ObjectRef, newer: { readonly spec?: object; readonly status?: object }): void => {
  const before = bench.cluster.peek<Open>(ref)!;
  bench.cluster.seed(ref, {
    ...before,
    spec: { ...before.spec, ...newer.spec },
    status: { ...before.status, ...newer.status },
  });
};
const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};
const rotating = async (passesBefore: number): Promise<Bench> => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply({});
  await bench.toRest();
  bench.rotate();
  for (let pass = 0; pass < passesBefore; pass += 1) await bench.pass();
  return bench;
};
const outside = (bench: Bench): string =>
  JSON.stringify([bench.source.calls, bench.audit, [...bench.kv], bench.secret(), bench.orphans()]);
const withoutConditions = (status: object): object => ({ ...status, conditions: undefined });

describe("a SecretRotation that a newer version has written to", () => {
  for (const newer of [
    { spec: { window: { days: ["Mon"] } } },
    { status: { approvals: [{ by: "alice" }] } },
    { spec: { rollback: { mode: "Ask" } } },
  ]) {
    for (const passesBefore of [0, 2, 4, 7]) {
      it(`(${JSON.stringify(newer)}) is left alone ${passesBefore} passes into a rotation, and goes on when it is understood`, async () => {
        const bench = await rotating(passesBefore);
        const understood = bench.object();
        write(bench, ROTATION, newer);
        const [before, record] = [outside(bench), bench.status()];
        await passes(bench, 5);
        assert.equal(outside(bench), before);
        assert.deepEqual(withoutConditions(bench.status()), withoutConditions(record));
        assert.equal(bench.condition("Ready")?.reason, "VersionSkew");
        assert.equal(bench.condition("Stalled")?.reason, "VersionSkew");
        assert.equal(bench.reasons().filter((reason) => reason === "VersionSkew").length, 1);

        bench.cluster.seed(ROTATION, { ...bench.object(), spec: understood.spec, status: understood.status });
        await bench.toRest();
        assert.equal(bench.condition("Ready")?.reason, "Available");
        assert.equal(bench.condition("Stalled"), undefined);
        assert.equal(bench.source.keys.size, 1);
        assert.equal(bench.refusedLogins, 0);
      });
    }
  }

  it("is not let go of when it is deleted, until it is understood", async () => {
    const bench = await rotating(0);
    const understood = bench.object();
    write(bench, ROTATION, { status: { approvals: [] } });
    await bench.deleteRotation();
    const before = outside(bench);
    await passes(bench, 5);
    assert.equal(outside(bench), before);
    assert.deepEqual(bench.object().metadata.finalizers, understood.metadata.finalizers);
    bench.cluster.seed(ROTATION, { ...bench.object(), status: understood.status });
    await passes(bench, 5);
    assert.equal(bench.cluster.peek(ROTATION), undefined);
  });

  it("is written to once, however often it is looked at", async () => {
    const bench = await rotating(0);
    write(bench, ROTATION, { spec: { window: {} } });
    await bench.pass();
    const written = bench.object().metadata.resourceVersion;
    await passes(bench, 5);
    assert.equal(bench.object().metadata.resourceVersion, written);
  });
});

describe("a connection that a newer version has written to", () => {
  it("is not used: what is not known may be a restriction", async () => {
    const bench = await rotating(0);
    write(bench, connectionRef("aws"), { spec: { allowedUsers: ["nobody"] } });
    const before = bench.source.calls.length;
    await passes(bench, 5);
    assert.equal(bench.source.calls.length, before);
    assert.equal(bench.condition("Stalled")?.reason, "VersionSkew");
    assert.ok(!bench.reasons().includes("Reverted"));
  });

  it("is not logged in through", async () => {
    const bench = new Bench();
    write(bench, connectionRef("aws"), { spec: { allowedUsers: [] } });
    const outcome = await connectionReconciler(bench.ports).reconcile({ namespace: "", name: "aws" }, bench.context());
    assert.equal(outcome.kind, "stalled");
    assert.deepEqual(bench.source.calls, []);
  });
});

describe("an identity that a newer version has written to", () => {
  for (const newer of [{ spec: { approvals: { of: 2 } } }, { status: { quorum: 2 } }, { spec: { state: "Dormant" } }]) {
    it(`(${JSON.stringify(newer)}) is left alone, and its deletion waits`, async () => {
      const lifecycle = new LifecycleBench();
      lifecycle.apply();
      await lifecycle.toRest();
      write(lifecycle.bench, IDENTITY, newer);
      const [world, record] = [lifecycle.world(), lifecycle.status()];
      await lifecycle.toRest();
      await lifecycle.delete();
      await lifecycle.toRest();
      assert.equal(lifecycle.world(), world);
      // A deletion raises the generation, and the pass says which one it has looked at.
      assert.deepEqual(withoutConditions(lifecycle.status()), { ...withoutConditions(record), observedGeneration: 2 });
      assert.equal(lifecycle.condition("Ready")?.reason, "VersionSkew");
      assert.equal(lifecycle.entry(), undefined);
      assert.equal(lifecycle.exists, true);
    });
  }

  it("lets no credential be issued for it", async () => {
    const bench = new Bench();
    bench.deploy("web");
    const accounts = [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: {} } }];
    const identity = { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: REQUEST.namespace, name: "exporter" };
    const spec = { owner: { team: "t", contact: "c@e" }, purpose: "p", accounts, quorum: 2 };
    bench.cluster.seed(identity, { spec });
    bench.apply({ identityRef: { name: "exporter" } });
    await passes(bench, 5);
    assert.equal(bench.source.count("issue"), 0);
    assert.match(bench.condition("Ready")?.message ?? "", /spec\.quorum/);
  });
});

describe("a ledger entry that a newer version has written to", () => {
  it("is left alone", async () => {
    const bench = await rotating(0);
    await bench.deleteRotation();
    await passes(bench, 5);
    const entry = bench.orphans()[0]!;
    const ref = { kind: ORPHANED_CREDENTIAL, name: entry.metadata.name };
    write(bench, ref, { spec: { lease: "x" } });
    const calls = bench.source.calls.length;
    await bench.clock.advance(3_600_000);
    for (let pass = 0; pass < 5; pass += 1) await bench.ledgerPass();
    assert.equal(bench.source.calls.length, calls);
    assert.equal(bench.orphans()[0]?.status?.conditions?.find(({ type }) => type === "Stalled")?.reason, "VersionSkew");
  });
});

describe("CRDs in the cluster that are older than the operator", () => {
  it("never let it act on a record that was not kept", async () => {
    const bench = new Bench();
    bench.deploy("web");
    bench.apply({});
    const { cluster } = bench;
    const replace = cluster.replaceStatus.bind(cluster);
    cluster.replaceStatus = async (ref, object) => {
      const status = without((object as Open).status as { readonly rotation?: unknown }, "rotation");
      return replace(ref, { ...object, status });
    };
    await passes(bench, 10);
    assert.equal(bench.source.count("issue"), 0);
    cluster.replaceStatus = replace;
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.condition("Ready")?.reason, "Available");
  });
});
