import assert from "node:assert/strict";
import { ORPHANED_CREDENTIAL } from "../api/v1alpha1/orphaned-credential.ts";
import { PROVIDER_CONNECTION, type ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import { SECRET_ROTATION } from "../api/v1alpha1/secret-rotation.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../api/v1alpha1/service-account-lifecycle.ts";
import type { KubeObject, ResourceKind } from "../cluster/contract.ts";
import type { Outcome, Reconciler } from "../engine/contract.ts";
import type { Condition } from "../kernel/conditions.ts";
import { connectionReconciler } from "./connection/reconciler.ts";
import { halting } from "./halting.ts";
import { orphanReconciler } from "./orphan/reconciler.ts";
import { Bench, connectionRef, REQUEST } from "./ports.fake.ts";
import type { Ports } from "./ports.ts";
import { secretRotationReconciler } from "./secret-rotation/reconciler.ts";
import { LifecycleBench } from "./service-account-lifecycle/bench.fake.ts";
import { serviceAccountLifecycleReconciler } from "./service-account-lifecycle/reconciler.ts";

type Reported = KubeObject & { readonly status?: { readonly conditions?: readonly Condition[] } };

/** Passes behind the gate. */
const passOf = (bench: Bench, kind: ResourceKind, make: (ports: Ports) => Reconciler) => {
  const run = (request: { readonly namespace: string; readonly name: string } = REQUEST): Promise<Outcome> =>
    halting(kind, bench.ports, make).reconcile(request, bench.context());
  return run;
};

const conditionOf = (object: Reported | undefined, type: string): Condition | undefined =>
  object?.status?.conditions?.find((condition) => condition.type === type);

/** Calls that change the cluster, other than a status. */
const changes = (bench: Bench): number =>
  bench.cluster.calls.filter(({ verb }) => !["get", "list", "replaceStatus", "review", "dryRunCreate"].includes(verb))
    .length;

const withoutReadOnly = (status: unknown): string =>
  JSON.stringify(status ?? { conditions: [] }, (key, value: unknown) =>
    key === "conditions" ? (value as Condition[]).filter(({ type }) => type !== "ReadOnly") : value,
  );

describe("a pass while read-only is on", () => {
  const identity = async () => {
    const bench = new LifecycleBench();
    bench.apply();
    await bench.toRest();
    return { bench, pass: passOf(bench.bench, SERVICE_ACCOUNT_LIFECYCLE, serviceAccountLifecycleReconciler) };
  };
  const rotation = async () => {
    const bench = new Bench();
    bench.deploy("web");
    bench.apply();
    await bench.toRest();
    return { bench, pass: passOf(bench, SECRET_ROTATION, secretRotationReconciler) };
  };

  it("changes nothing of a new identity, whose plan it tells", async () => {
    const bench = new LifecycleBench();
    bench.apply();
    bench.bench.readOnly = "on";
    const pass = passOf(bench.bench, SERVICE_ACCOUNT_LIFECYCLE, serviceAccountLifecycleReconciler);
    const before = [bench.world(), changes(bench.bench)];
    for (let turn = 0; turn < 3; turn += 1) assert.equal((await pass()).kind, "settled");
    assert.deepEqual([bench.world(), changes(bench.bench)], before);
    assert.equal(bench.condition("ReadOnly")?.reason, "Waiting");
    assert.match(bench.condition("ReadOnly")?.message ?? "", /Keyturn would carry out this plan: \+ /);
    assert.equal(bench.claims(), 0);
  });

  it("keeps a leaver's record and Ready as they were, and says what would be done", async () => {
    const { bench, pass } = await identity();
    bench.apply({ state: "Suspended" });
    bench.bench.readOnly = "on";
    const before = [withoutReadOnly(bench.status()), bench.world(), changes(bench.bench)];
    for (let turn = 0; turn < 3; turn += 1) await pass();
    assert.deepEqual([withoutReadOnly(bench.status()), bench.world(), changes(bench.bench)], before);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("ReadOnly")?.reason, "EndWaiting");
    assert.equal(bench.status().leaveFailures, undefined);
    bench.bench.readOnly = "off";
    for (let turn = 0; turn < 20; turn += 1) await pass();
    assert.equal(bench.condition("ReadOnly"), undefined);
    assert.equal(bench.condition("Suspended")?.reason, "Proven");
  });

  it("tells of a hold as of an end that waits", async () => {
    const { bench, pass } = await identity();
    bench.bench.readOnly = "on";
    bench.bench.hold("leak");
    await pass();
    assert.equal(bench.condition("ReadOnly")?.reason, "EndWaiting");
  });

  it("leaves a deletion on its finalizer, past every time-out, without a ledger entry", async () => {
    const { bench, pass } = await identity();
    await bench.delete();
    bench.bench.readOnly = "on";
    const world = bench.world();
    for (let turn = 0; turn < 5; turn += 1) {
      await pass();
      await bench.bench.clock.advance(86_400_000);
    }
    assert.equal(bench.exists, true);
    assert.equal(bench.entry(), undefined);
    assert.equal(bench.world(), world);
    assert.equal(bench.condition("ReadOnly")?.reason, "EndWaiting");
    bench.bench.readOnly = "off";
    for (let turn = 0; turn < 20; turn += 1) await pass();
    assert.throws(() => bench.object(), /is gone/);
  });

  it("leaves a ledger entry alone", async () => {
    const { bench, pass } = await identity();
    await bench.delete();
    for (let turn = 0; turn < 20 && bench.exists; turn += 1) await pass();
    const name = bench.entry()!.metadata.name;
    const ledger = passOf(bench.bench, ORPHANED_CREDENTIAL, orphanReconciler);
    bench.bench.readOnly = "on";
    const before = [withoutReadOnly(bench.entry()?.status), bench.world()];
    await ledger({ namespace: "", name });
    assert.deepEqual([withoutReadOnly(bench.entry()?.status), bench.world()], before);
    assert.equal(conditionOf(bench.entry(), "ReadOnly")?.reason, "EndWaiting");
  });

  it("opens no intent for a rotation that is due, and counts no failure", async () => {
    const { bench, pass } = await rotation();
    const issued = bench.source.count("issue");
    bench.rotate();
    bench.readOnly = "on";
    const before = [withoutReadOnly(bench.status()), changes(bench)];
    const events = bench.events.length;
    for (let turn = 0; turn < 3; turn += 1) await pass();
    assert.deepEqual([withoutReadOnly(bench.status()), changes(bench)], before);
    assert.equal(bench.source.count("issue"), issued);
    assert.equal(bench.events.length, events);
    assert.match(bench.condition("ReadOnly")?.message ?? "", /would begin a rotation/);
    assert.equal(bench.condition("Ready")?.status, "True");
    bench.readOnly = "off";
    await bench.toRest();
    assert.equal(bench.source.count("issue"), issued + 1);
    assert.equal(bench.condition("ReadOnly"), undefined);
  });

  it("stops a rotation under way wherever it stands: nothing is issued, checked, published or proven", async () => {
    for (let turns = 1; turns < 12; turns += 1) {
      const { bench, pass } = await rotation();
      bench.rotate();
      for (let turn = 0; turn < turns; turn += 1) await pass();
      bench.readOnly = "on";
      const calls = () =>
        ["issue", "verify", "negativeControl", "proveRefused", "revoke", "setEnabled"].map((name) =>
          bench.source.count(name as "issue"),
        );
      const before = [calls(), changes(bench), bench.delivered()];
      for (let turn = 0; turn < 3; turn += 1) await pass();
      assert.deepEqual([calls(), changes(bench), bench.delivered()], before, `after ${turns} passes`);
    }
  });

  it("leaves the deletion of a rotation on its finalizer", async () => {
    const { bench, pass } = await rotation();
    await bench.deleteRotation();
    bench.readOnly = "on";
    for (let turn = 0; turn < 5; turn += 1) {
      await pass();
      await bench.clock.advance(86_400_000);
    }
    assert.equal(bench.object().metadata.finalizers?.length, 1);
    assert.deepEqual(bench.orphans(), []);
    assert.equal(bench.condition("ReadOnly")?.reason, "EndWaiting");
  });

  it("acts on nothing before the first answer, and waits for it before it says so", async () => {
    const { bench, pass } = await rotation();
    bench.rotate();
    bench.readOnly = "unknown";
    const running = pass();
    await bench.clock.advance(20_000);
    await running;
    assert.match(bench.condition("ReadOnly")?.message ?? "", /is not known yet to be off/);
  });

  it("says on each ProviderConnection that it is on", async () => {
    const bench = new Bench();
    bench.start();
    const connection = passOf(bench, PROVIDER_CONNECTION, connectionReconciler);
    const name = bench.cluster.all<ProviderConnection & KubeObject>(PROVIDER_CONNECTION)[0]?.metadata.name ?? "";
    const reason = () => conditionOf(bench.cluster.peek<Reported>(connectionRef(name)), "ReadOnly")?.reason;
    bench.readOnly = "on";
    await connection({ namespace: "", name });
    assert.equal(reason(), "Engaged");
    bench.readOnly = "off";
    await connection({ namespace: "", name });
    assert.equal(reason(), undefined);
  });
});
