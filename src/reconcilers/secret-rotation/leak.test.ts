import assert from "node:assert/strict";
import { LEAKED } from "../../api/v1alpha1/annotations.ts";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { Bench, TRAPS } from "../ports.fake.ts";

const HOUR = 3_600_000;
const LONG: Partial<SecretRotationSpec> = { retire: { overlap: "24h", deleteAfter: "168h" } };

const setUp = async (more: Partial<SecretRotationSpec> = {}): Promise<Bench> => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply({ ...LONG, ...more });
  await bench.toRest();
  return bench;
};

const leak = (bench: Bench, version = bench.status().current?.version): void => {
  bench.annotate({ [LEAKED]: version });
};

const ids = (bench: Bench): readonly string[] => [...bench.source.keys.keys()];

const sinceThen = (bench: Bench, from: Date): number => bench.clock.now().getTime() - from.getTime();

describe("a leaked credential", function () {
  this.timeout(60_000);

  it("is replaced first and dead within two minutes, without overlap, soak or a refused login", async () => {
    const bench = await setUp();
    const old = bench.status().current!;
    const from = bench.clock.now();
    leak(bench);
    await bench.toRest();
    const { current, history, lastHandledLeak } = bench.status();
    assert.deepEqual(ids(bench), [current?.id]);
    assert.notEqual(current?.id, old.id);
    assert.equal(history?.[0]?.id, old.id);
    assert.equal(history[0].proof, "ProvenByLogin");
    assert.equal(lastHandledLeak, old.version);
    assert.equal(bench.refusedLogins, 0);
    assert.equal(bench.condition("Leaked"), undefined);
    assert.ok(sinceThen(bench, from) < 120_000, `${sinceThen(bench, from)} ms`);
  });

  it("is revoked first where the owner has declared that outage", async () => {
    const bench = await setUp({ onLeak: "RevokeFirst" });
    const old = bench.status().current!;
    leak(bench);
    for (let pass = 0; pass < 4; pass += 1) await bench.pass();
    assert.ok(!ids(bench).includes(old.id) || bench.source.keys.get(old.id)?.enabled === false);
    assert.equal(bench.condition("Ready")?.reason, "CredentialLeaked");
    await bench.toRest();
    assert.deepEqual(ids(bench), [bench.status().current?.id]);
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("is not held up by windows, and not by a dependent that is ill already", async () => {
    const closed = [{ cron: "0 0 29 2 *", duration: "1h" }];
    const bench = await setUp({ schedule: { every: "720h", windows: closed } });
    bench.sick.add("web");
    const old = bench.status().current!;
    leak(bench);
    for (let pass = 0; pass < 200 && ids(bench).includes(old.id); pass += 1) {
      const outcome = await bench.pass();
      await bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, 0));
    }
    assert.deepEqual(ids(bench), [bench.status().current?.id], "the dependent never came up, and it died nevertheless");
    assert.equal(bench.reasons().includes("RotationRolledBack"), false);
  });

  it("dies at once when it was in its overlap already", async () => {
    const bench = await setUp();
    const old = bench.status().current!;
    bench.rotate();
    for (let pass = 0; pass < 60 && bench.status().pendingRevocations === undefined; pass += 1) {
      const outcome = await bench.pass();
      await bench.clock.advance(Math.min(Math.max(outcome.recheckAfterMs ?? 1000, 0), 60_000));
    }
    assert.equal(ids(bench).length, 2);
    leak(bench, old.version);
    const from = bench.clock.now();
    await bench.toRest();
    assert.deepEqual(ids(bench), [bench.status().current?.id]);
    assert.ok(sinceThen(bench, from) < 120_000);
  });

  it("makes room for its successor: what is only in its overlap goes first", async () => {
    const bench = await setUp();
    bench.rotate();
    for (let pass = 0; pass < 60 && bench.status().pendingRevocations === undefined; pass += 1) {
      const outcome = await bench.pass();
      await bench.clock.advance(Math.min(Math.max(outcome.recheckAfterMs ?? 1000, 0), 60_000));
    }
    leak(bench);
    const from = bench.clock.now();
    await bench.toRest();
    assert.deepEqual(ids(bench), [bench.status().current?.id]);
    assert.ok(sinceThen(bench, from) < 120_000, `${sinceThen(bench, from)}`);
  });

  it("is a matter of versions that are alive: anything else is told and ignored", async () => {
    const bench = await setUp();
    const { mutations } = bench;
    leak(bench, "99-nobody");
    await bench.toRest();
    assert.ok(bench.reasons().includes("InvalidAnnotation"));
    assert.equal(bench.mutations, mutations);
    await bench.clock.advance(HOUR);
  });

  it("ends the same way whatever is lost on the way", async () => {
    const reference = await setUp();
    const before = reference.mutations;
    leak(reference);
    await reference.toRest();
    const last = reference.mutations;
    for (const how of TRAPS) {
      for (let at = before + 1; at <= last; at += 1) {
        const bench = await setUp();
        bench.trap = { at, how };
        leak(bench);
        await bench.toRest(400);
        const about = `${how} at ${at} (${bench.trace[at - 1] ?? ""})`;
        assert.deepEqual(ids(bench), [bench.status().current?.id], about);
        assert.equal(bench.refusedLogins, 0, about);
        assert.equal(bench.condition("Ready")?.status, "True", about);
      }
    }
  });
});

describe("a credential that leaks again and again", function () {
  this.timeout(120_000);

  const leakTimes = async (bench: Bench, times: number): Promise<void> => {
    for (let time = 0; time < times; time += 1) {
      leak(bench);
      await bench.toRest();
    }
  };

  for (const onLeak of ["RotateFirst", "RevokeFirst"] as const) {
    it(`is replaced three times in a day, and then one an hour; it is revoked at once all the same (${onLeak})`, async () => {
      const bench = await setUp({ onLeak });
      await leakTimes(bench, 3);
      assert.equal(bench.condition("Stalled"), undefined);
      const issued = bench.source.count("issue");
      assert.equal(issued, 4);
      const fourth = bench.status().current!;
      const from = bench.clock.now();
      leak(bench);
      for (let pass = 0; pass < 12; pass += 1) {
        await bench.pass();
        await bench.clock.advance(5000);
      }
      assert.equal(bench.source.count("issue"), issued, "no fourth one within the hour");
      assert.ok(!ids(bench).includes(fourth.id), "what has leaked has ended");
      assert.equal(bench.condition("Stalled")?.reason, "TooManyReplacements");
      assert.match(bench.condition("Stalled")?.message ?? "", /one an hour, the next at 2026-/);
      await bench.clock.advance(HOUR);
      await bench.toRest();
      assert.equal(bench.source.count("issue"), issued + 1);
      assert.equal(bench.condition("Ready")?.status, "True");
      assert.equal(bench.condition("Stalled"), undefined);
      assert.ok(sinceThen(bench, from) < 2 * HOUR);
    });
  }

  it("is issued anew at once where a person asks for it", async () => {
    const bench = await setUp();
    await leakTimes(bench, 3);
    bench.rotate();
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 5);
    assert.equal(bench.status().replacedAt?.length, 3);
  });

  it("waits for no limit on issues: it has a bound of its own", async () => {
    const bench = await setUp();
    bench.limits = { ...bench.limits, issue: 1 };
    bench.start();
    await bench.ports.limits.take("issue", { key: "somebody else", namespace: "elsewhere" });
    const old = bench.status().current!;
    leak(bench);
    await bench.toRest();
    assert.deepEqual(ids(bench), [bench.status().current?.id]);
    assert.notEqual(bench.status().current?.id, old.id);
  });
});
