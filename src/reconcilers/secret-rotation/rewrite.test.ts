import assert from "node:assert/strict";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { SECRETS } from "../../stores/kinds.ts";
import { Bench, ROTATION, SPEC } from "../ports.fake.ts";

const TAKEN = { kind: SECRETS, namespace: "payments", name: "taken" };
const REWRITE = { rollback: { mode: "RewriteSpec" as const } };
const BROKEN: Partial<SecretRotationSpec> = {
  ...REWRITE,
  deliver: [...SPEC.deliver, { name: "more", kubernetesSecret: { name: "taken" } }],
};

const failing = async (mode: SecretRotationSpec["rollback"] = REWRITE.rollback): Promise<Bench> => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply({ rollback: mode });
  await bench.toRest();
  bench.cluster.seed(TAKEN, { type: "Opaque", data: { mine: "eA==" } });
  return bench;
};
const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};
const specWrites = (bench: Bench): number =>
  bench.audit.filter(({ phase, action }) => phase === "begin" && action === "kubernetes:RewriteSpec").length;

describe("rollback.mode RewriteSpec", () => {
  it("writes the good spec over a failed one, once, and comes to rest with it", async () => {
    const bench = await failing();
    bench.apply(BROKEN);
    await passes(bench, 60);
    assert.equal(specWrites(bench), 1);
    assert.deepEqual(bench.object().spec, { ...SPEC, ...REWRITE });
    assert.ok(bench.reasons().includes("SpecRewritten"));
    assert.ok(bench.reasons().includes("Reverted"));
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.status().rewrittenGeneration, 2);
  });

  it("keeps what acts as it is declared now", async () => {
    const bench = await failing();
    const deletion = { policy: "Disable" as const, holdFor: "1h" };
    bench.apply({ ...BROKEN, deletion });
    await passes(bench, 60);
    assert.deepEqual(bench.object().spec.deletion, deletion);
    assert.deepEqual(bench.object().spec.deliver, SPEC.deliver);
  });

  it("leaves the spec alone where Git owns the object, and says so once", async () => {
    const bench = await failing();
    bench.apply(BROKEN, { "argocd.argoproj.io/tracking-id": "apps:keyturn.dev/SecretRotation:payments/billing" });
    await passes(bench, 60);
    assert.equal(specWrites(bench), 0);
    assert.deepEqual(bench.object().spec, { ...SPEC, ...BROKEN });
    assert.equal(bench.reasons().filter((reason) => reason === "RewriteRefused").length, 1);
    assert.equal(bench.condition("Reverted")?.reason, "Conflict");
  });

  it("is not what the other modes do", async () => {
    for (const mode of ["Effective", "None"] as const) {
      const bench = await failing({ mode });
      bench.apply({ ...BROKEN, rollback: { mode } });
      await passes(bench, 60);
      assert.equal(specWrites(bench), 0);
      assert.deepEqual(bench.object().spec.deliver, BROKEN.deliver);
    }
  });

  it("does the same again for the next generation that fails, and never for one that works", async () => {
    const bench = await failing();
    for (const generation of [1, 2]) {
      bench.apply(BROKEN);
      await passes(bench, 60);
      assert.equal(specWrites(bench), generation);
    }
    bench.apply({ ...REWRITE, schedule: { every: "720h" } });
    await bench.toRest();
    assert.equal(specWrites(bench), 2);
  });

  it("writes nothing when somebody writes in between, and looks again", async () => {
    const bench = await failing();
    bench.apply(BROKEN);
    while (bench.status().quarantine === undefined) await passes(bench, 1);
    const replace = bench.cluster.replace.bind(bench.cluster);
    let raced = false;
    bench.cluster.replace = async (ref, object) => {
      if (!raced && ref.name === ROTATION.name) {
        raced = true;
        bench.annotate({ note: "in between" });
      }
      return replace(ref, object);
    };
    await passes(bench, 60);
    assert.equal(raced, true);
    assert.deepEqual(bench.object().spec, { ...SPEC, ...REWRITE });
    assert.equal(bench.condition("Conflict"), undefined);
    assert.equal(bench.condition("Ready")?.status, "True");
  });
});
