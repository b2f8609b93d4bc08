import assert from "node:assert/strict";
import { CONFIG_MAPS } from "../../stores/kinds.ts";
import { GATHER_MS } from "../../stores/limits.ts";
import { Bench, OPERATOR_NAMESPACE, REQUEST } from "../ports.fake.ts";

const KILL_SWITCH = { kind: CONFIG_MAPS, namespace: OPERATOR_NAMESPACE, name: "keyturn-kill-switch" };

const limited = (limits: Partial<Bench["limits"]>): Bench => {
  const bench = new Bench();
  bench.deploy("web");
  bench.limits = { ...bench.limits, ...limits };
  bench.start();
  return bench;
};
const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};
const engage = (bench: Bench, engaged: boolean): void => {
  bench.cluster.seed(KILL_SWITCH, { data: { engaged: String(engaged) } });
};

describe("the cluster-wide limits, for a rotation", () => {
  it("hold back an issue, say so at once, and let it through when the ten minutes have passed", async () => {
    const bench = limited({ issue: 1 });
    bench.apply();
    await bench.toRest();
    const first = bench.status().current!.id;
    await bench.clock.advance(600_000);
    await bench.ports.limits.take("issue", { key: "somebody else", namespace: "elsewhere" });
    bench.rotate();
    await passes(bench, 6);
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.condition("Stalled")?.reason, "LimitReached");
    assert.match(bench.condition("Stalled")?.message ?? "", /--limit-issues/);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("Reverted"), undefined);
    assert.equal(bench.reasons().filter((reason) => reason === "LimitReached").length, 1);
    await bench.clock.advance(600_000);
    await bench.toRest();
    assert.notEqual(bench.status().current?.id, first);
    assert.equal(bench.condition("Stalled"), undefined);
  });

  it("count a resource once, however often it rotates, so that one of them starves nobody", async () => {
    const bench = limited({ issue: 2 });
    bench.apply();
    await bench.toRest();
    for (let round = 0; round < 5; round += 1) {
      bench.rotate();
      await bench.toRest();
    }
    const asked = { key: "another", namespace: "elsewhere" };
    assert.equal(await bench.ports.limits.take("issue", asked), "taken");
  });

  it("count an issue once, however often it is tried", async () => {
    const bench = limited({ issue: 1 });
    bench.apply();
    bench.trap = { at: 9, how: "refused" };
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("hold back a deletion in the ledger, untouched, and not on the finalizer", async () => {
    const bench = limited({ offboarding: 1 });
    bench.apply();
    await bench.toRest();
    await bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    await bench.deleteRotation();
    await bench.pass();
    assert.throws(() => bench.object());
    assert.equal(bench.orphans()[0]?.spec.held, "LimitReached");
    assert.deepEqual(
      [...bench.source.keys.values()].map(({ enabled }) => enabled),
      [true],
    );
    assert.notEqual(bench.secret(), undefined);
  });

  it("let a namespace's second deletion wait for those of others, in use, and then give it its permit", async () => {
    const bench = limited({ offboarding: 20, offboardingPerNamespace: 5 });
    bench.apply();
    await bench.toRest();
    await bench.ports.limits.take("offboarding", { key: "another", namespace: REQUEST.namespace });
    await bench.deleteRotation();
    const { recheckAfterMs = 0 } = await bench.pass();
    assert.ok(recheckAfterMs > 0 && recheckAfterMs <= GATHER_MS);
    assert.equal([...bench.source.keys.values()][0]?.enabled, true);
    await bench.clock.advance(GATHER_MS);
    await bench.pass();
    assert.throws(() => bench.object());
    assert.equal(bench.orphans()[0]?.spec.held, undefined);
    assert.equal([...bench.source.keys.values()][0]?.enabled, false);
  });

  it("hold back what is over a namespace's share until somebody decides", async () => {
    const bench = limited({ offboarding: 20, offboardingPerNamespace: 1 });
    bench.apply();
    await bench.toRest();
    await bench.ports.limits.take("offboarding", { key: "another", namespace: REQUEST.namespace });
    await bench.deleteRotation();
    await bench.pass();
    assert.equal(bench.orphans()[0]?.spec.held, "LimitReached");
    await bench.clock.advance(86_400_000);
    await bench.ledgerPass();
    assert.equal([...bench.source.keys.values()][0]?.enabled, true, "no permit comes by itself");
  });

  it("hold it back also when the process died before the finalizer was gone", async () => {
    const bench = limited({ offboarding: 1 });
    bench.apply();
    await bench.toRest();
    await bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    await bench.deleteRotation();
    bench.trap = { at: bench.mutations + 2, how: "killBefore" };
    await bench.pass();
    assert.equal(bench.dead, true);
    assert.equal(bench.orphans()[0]?.spec.held, "LimitReached");
    bench.trap = undefined;
    bench.limits = { offboarding: 0, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.start();
    await bench.pass();
    assert.throws(() => bench.object());
    assert.equal([...bench.source.keys.values()][0]?.enabled, true);
  });
});

describe("the kill switch, for a rotation", () => {
  it("stops what is made, says so, and lets it go on", async () => {
    const bench = limited({});
    bench.apply();
    await bench.toRest();
    engage(bench, true);
    await bench.clock.advance(60_000);
    bench.rotate();
    await passes(bench, 6);
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.condition("Stalled")?.reason, "KillSwitch");
    assert.equal(bench.condition("Ready")?.status, "True");
    engage(bench, false);
    await bench.clock.advance(60_000);
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 2);
    assert.equal(bench.condition("Stalled"), undefined);
  });

  it("never stops what must die", async () => {
    const bench = limited({});
    bench.apply({ retire: { overlap: "30s", deleteAfter: "1s" } });
    await bench.toRest();
    const first = bench.status().current!.id;
    bench.rotate();
    while ((bench.status().pendingRevocations ?? []).length === 0) await passes(bench, 1);
    engage(bench, true);
    await passes(bench, 60);
    assert.equal(bench.source.keys.has(first), false);
    await bench.deleteRotation();
    await bench.pass();
    assert.deepEqual(
      [...bench.source.keys.values()].map(({ enabled }) => enabled),
      [false],
    );
  });
});
