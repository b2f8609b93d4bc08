import assert from "node:assert/strict";
import { DRY_RUN, PAUSED } from "../../api/v1alpha1/annotations.ts";
import { LifecycleBench, OPERATIONS, SPEC, WIDER } from "./bench.fake.ts";

const MINUTE = 60_000;

/** Wider, then as it was: something is to be taken away at every provider. */
const narrowed = async (annotation: string): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply({ accounts: WIDER });
  await bench.toRest();
  bench.apply(SPEC, { [annotation]: "true" });
  return bench;
};

const minutes = async (bench: LifecycleBench, count: number): Promise<void> => {
  for (let minute = 0; minute < count; minute += 1) {
    await bench.settle(1000);
    await bench.bench.clock.advance(MINUTE);
  }
  await bench.settle(1000);
};

const widest = (bench: LifecycleBench): readonly number[] =>
  ["cluster", "lake", "secrets"].map((account) => bench.keys(account).length);

describe("what an annotation holds back of a changed spec", function () {
  this.timeout(60_000);

  for (const [annotation, type] of [
    [DRY_RUN, "PlanOnly"],
    [PAUSED, "Paused"],
  ] as const) {
    it(`${annotation}: is taken away after an hour, and the condition says when`, async () => {
      const bench = await narrowed(annotation);
      const before = widest(bench);
      await minutes(bench, 55);
      assert.deepEqual(widest(bench), before);
      assert.match(bench.condition(type)?.message ?? "", /goes at \d{4}-.*Z all the same/);
      const { removalsSince } = bench.status();
      assert.equal(removalsSince?.generation, bench.object().metadata.generation);
      // Another generation does not begin the hour anew.
      bench.apply({ ...SPEC, purpose: "Exports invoices, still" }, {});
      await minutes(bench, 8);
      assert.deepEqual(
        widest(bench),
        before.map((count) => count - 1),
      );
      await minutes(bench, 2);
      assert.equal(bench.status().removalsSince, undefined);
      assert.equal(bench.condition(type)?.message.includes("all the same"), false);
      const writes = bench.statusWrites();
      await bench.pass();
      assert.equal(bench.statusWrites(), writes, "quiet when nothing is left to be removed");
    });

    it(`${annotation}: is added on no day but the one when it is taken off`, async () => {
      const bench = new LifecycleBench();
      bench.apply();
      await bench.toRest();
      const before = bench.world();
      bench.apply({ accounts: WIDER }, { [annotation]: "true" });
      await minutes(bench, 70);
      assert.equal(bench.world(), before);
      bench.annotate({ [annotation]: undefined });
      await bench.toRest();
      assert.notEqual(bench.world(), before);
    });

    it(`${annotation}: is an account for an hour`, async () => {
      const bench = new LifecycleBench();
      bench.apply();
      await bench.toRest();
      bench.apply({ accounts: SPEC.accounts.filter(({ name }) => name !== "lake") }, { [annotation]: "true" });
      await minutes(bench, 58);
      assert.equal(bench.record("lake")?.state, "Active");
      assert.equal(bench.place("lake").cut, false);
      await minutes(bench, 4);
      assert.notEqual(bench.record("lake")?.state, "Active");
    });

    it(`${annotation}: is taken away although another account is cut and on its way back`, async () => {
      const bench = new LifecycleBench();
      bench.apply({ accounts: WIDER });
      await bench.toRest();
      bench.apply({ accounts: WIDER.filter(({ name }) => name !== "secrets") });
      await bench.settle();
      assert.equal(bench.record("secrets")?.state, "Cut");
      const accounts = WIDER.map((account) =>
        SPEC.accounts.find(({ name }) => name === "lake" && account.name === name),
      );
      bench.apply({ accounts: WIDER.map((account, at) => accounts[at] ?? account) }, { [annotation]: "true" });
      await minutes(bench, 62);
      assert.equal(bench.keys("lake").includes(`managedPolicy/${OPERATIONS}`), false);
    });

    for (const [end, state] of [
      [{ state: "Suspended" }, "Suspended"],
      [{ state: "Decommissioned" }, "Offboarded"],
      [{ expiresAt: "2020-01-01T00:00:00Z" }, "Offboarded"],
    ] as const)
      it(`${annotation}: is no end (${JSON.stringify(end)})`, async () => {
        const bench = new LifecycleBench();
        bench.apply();
        await bench.toRest();
        bench.apply({ ...end, deletion: { holdFor: "720h" } }, { [annotation]: "true" });
        await minutes(bench, 2);
        assert.deepEqual([bench.condition(state)?.status, bench.condition(state)?.reason], ["True", "Proven"]);
        assert.equal(bench.place("lake").cut, true);
      });
  }
});
