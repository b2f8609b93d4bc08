import assert from "node:assert/strict";
import type { SecretRotation } from "../../api/v1alpha1/secret-rotation.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { fakeErrors } from "../../providers/fake-source.ts";
import { Bench, ROTATION } from "../ports.fake.ts";

const TARGET = "aws-access-key/111122223333/billing";

const atRest = async (spec: Parameters<Bench["apply"]>[0] = {}): Promise<Bench> => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply(spec);
  await bench.toRest();
  return bench;
};
const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};
const forge = (bench: Bench, status: unknown): void => {
  const object = bench.cluster.peek<SecretRotation & KubeObject>(ROTATION)!;
  bench.cluster.seed(ROTATION, { ...object, status });
};
const claim = async (bench: Bench) => (await bench.ports.claims.read(TARGET))!;

describe("the claim of a target", () => {
  it("remembers the highest number that was handed out", async () => {
    const bench = await atRest();
    assert.equal((await claim(bench)).sequence, 1);
    bench.rotate();
    await bench.toRest();
    assert.equal((await claim(bench)).sequence, 2);
    assert.equal(bench.status().sequence, 2);
  });

  it("keeps numbers growing when somebody has wiped the status, or put an old one back", async () => {
    const bench = await atRest();
    const old = bench.status();
    for (let round = 0; round < 3; round += 1) {
      bench.rotate();
      await bench.toRest();
    }
    assert.equal(bench.status().sequence, 4);
    bench.source.keys.clear();
    forge(bench, {});
    await bench.toRest();
    // The second one is for the rotate-at that the status no longer knows to be done.
    const numbers = bench.status().closedIntents?.map(({ version }) => version.split("-")[0]);
    assert.deepEqual(numbers, ["6", "5"]);
    bench.source.keys.clear();
    forge(bench, old);
    await bench.toRest();
    assert.ok((bench.status().sequence ?? 0) > 6);
  });

  it("skips no number when the intent could not be stored", async () => {
    const bench = await atRest();
    bench.rotate();
    const before = bench.status().sequence!;
    bench.cluster.failNext(({ verb }) => verb === "replaceStatus", fakeErrors.unavailable, "before", 1);
    await bench.pass();
    assert.equal(bench.status().sequence, before);
    assert.equal((await claim(bench)).sequence, before + 1);
    await bench.toRest();
    assert.equal(bench.status().sequence, before + 1);
  });

  it("says how deletion is declared now, when nothing but the claim is left", async () => {
    const bench = await atRest();
    const deletion = { policy: "Retain" as const, holdFor: "2h" };
    bench.apply({ deletion });
    await bench.toRest();
    const snapshot = JSON.parse((await claim(bench)).snapshot) as { readonly deletion: object };
    assert.deepEqual(snapshot.deletion, {
      policy: "Retain",
      holdMs: 7_200_000,
      timeoutMs: 3_600_000,
      onTimeout: "HandOver",
    });
    const { mutations } = bench;
    await bench.toRest();
    assert.equal(bench.mutations, mutations);
  });
});

describe("failures", () => {
  it("of a read on the way to a revocation are the revocation's, and hold up nothing else", async () => {
    const bench = await atRest({ retire: { overlap: "2s", deleteAfter: "0s" } });
    bench.rotate();
    while (bench.status().pendingRevocations?.[0]?.deletedAt === undefined) await passes(bench, 1);
    bench.source.failNext("list", fakeErrors.unavailable, "before", 1);
    await bench.pass();
    assert.equal(bench.status().failures, undefined);
    const { revocationFailures, pendingRevocations } = bench.status();
    assert.equal(revocationFailures?.reason, "Unavailable");
    assert.equal(revocationFailures.about, pendingRevocations?.[0]?.id);
    await bench.toRest();
    assert.deepEqual(bench.status().pendingRevocations, []);
    assert.equal(bench.status().revocationFailures, undefined);
  });

  it("are waited out as long as their record says, whatever the queue's own pause is", async () => {
    const bench = await atRest({ progressDeadline: "24h" });
    bench.source.failNext("list", fakeErrors.unavailable, "before", 100);
    bench.rotate();
    for (let pass = 0; pass < 8; pass += 1) {
      const now = bench.cluster.serverTime().now.getTime();
      const outcome = await bench.pass();
      const until = Date.parse(bench.status().failures?.nextAttemptTime ?? "") - now;
      assert.equal(outcome.kind, "failed");
      assert.equal(outcome.recheckAfterMs, until);
      await bench.clock.advance(outcome.recheckAfterMs);
    }
  });
});
