import assert from "node:assert/strict";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { SECRETS, toBase64, type Secret } from "../../stores/kinds.ts";
import { sweep } from "../sweep.ts";
import { Bench, deploymentRef, ROTATION, SPEC, TRAPS } from "../ports.fake.ts";
import { wholeOf } from "../../kernel/listed.ts";

const OLD = "AKIAFOUND";
const APP = { kind: SECRETS, namespace: "payments", name: "app" };
const ADOPTING: Partial<SecretRotationSpec> = { adoption: { mode: "IfAnnotated" }, deliver: [SPEC.deliver[0]!] };
const ANNOTATION = "keyturn.dev/adopt";

/** A Secret and a key that somebody made long ago, and a Deployment that uses them. */
class FoundBench extends Bench {
  constructor() {
    super();
    this.source.addForeign(OLD, new Date(this.clock.now().getTime() - 90 * 86_400_000));
    this.put();
    this.deploy("web");
  }

  put(
    values: Readonly<Record<string, string>> = this.found(),
    annotations: Readonly<Record<string, string>> = ASKS,
  ): Secret {
    const labels = { "app.kubernetes.io/managed-by": "Helm", team: "payments" };
    return this.cluster.seed<Secret>(APP, {
      ...this.cluster.peek<Secret>(APP),
      type: "Opaque",
      metadata: { labels, annotations: { ...annotations, note: "kept" } },
      data: Object.fromEntries(Object.entries(values).map(([key, value]) => [key, toBase64(value)])),
    });
  }

  found(): Readonly<Record<string, string>> {
    return this.source.keys.get(OLD)!.material.reveal();
  }

  async passes(count: number): Promise<void> {
    for (let pass = 0; pass < count; pass += 1) {
      const { recheckAfterMs } = await this.pass();
      if (this.dead) {
        this.trap = undefined;
        this.start();
      }
      await this.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
    }
  }
}
const ASKS = { [ANNOTATION]: "payments/billing" };

const adopted = async (spec: Partial<SecretRotationSpec> = {}): Promise<FoundBench> => {
  const bench = new FoundBench();
  bench.apply({ ...ADOPTING, ...spec });
  await bench.toRest();
  assert.equal(bench.status().current?.adopted, true);
  return bench;
};
/** What a Secret is to those who own it. */
const look = (secret: Secret | undefined) => ({
  uid: secret?.metadata.uid,
  type: secret?.type,
  data: secret?.data,
  labels: secret?.metadata.labels,
  annotations: secret?.metadata.annotations,
});
const annotationOff = (bench: Bench): void => {
  const secret = bench.cluster.peek<Secret>(APP)!;
  const annotations = { note: "kept" };
  bench.cluster.seed(APP, { ...secret, metadata: { ...secret.metadata, annotations } });
};
const providerMutations = (bench: Bench): readonly string[] => bench.trace.filter((name) => name.startsWith("aws:"));
const claims = async (bench: Bench): Promise<readonly string[]> =>
  wholeOf("claims", await bench.ports.claims.list()).map(({ target }) => target);
const generationOf = (bench: Bench): number | undefined =>
  bench.cluster.peek<KubeObject>(deploymentRef("web"))?.metadata.generation;

describe("a Secret and a key that ask to be adopted", function () {
  this.timeout(60_000);

  it("are in use after a real login and a refused wrong one, and are not touched", async () => {
    const bench = new FoundBench();
    const before = bench.cluster.peek<Secret>(APP);
    const generation = generationOf(bench);
    bench.apply(ADOPTING);
    await bench.toRest();
    const { current, sequence } = bench.status();
    assert.equal(current?.id, OLD);
    assert.equal(current.version, "1-adopted");
    assert.equal(sequence, 1);
    assert.equal(bench.source.count("verify"), 1);
    assert.equal(bench.source.count("negativeControl"), 1);
    assert.deepEqual(providerMutations(bench), []);
    assert.deepEqual(bench.cluster.peek<Secret>(APP), before);
    assert.equal(generationOf(bench), generation, "a dependent was restarted");
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("Adopted")?.reason, "UntilFirstRotation");
    assert.equal(bench.condition("Unmanaged"), undefined);
    assert.equal((await claims(bench)).length, 2);
  });

  it("stay untouched by every later pass, too", async () => {
    const bench = await adopted();
    const before = bench.cluster.peek<Secret>(APP);
    const { mutations } = bench;
    for (let round = 0; round < 5; round += 1) await bench.toRest();
    assert.equal(bench.mutations, mutations);
    assert.deepEqual(bench.cluster.peek<Secret>(APP), before);
  });

  for (const [sentence, prepare] of [
    ["holds another key besides", (bench: FoundBench) => void bench.put({ ...bench.found(), region: "eu" })],
    ["lacks a declared key", (bench: FoundBench) => void bench.put({ accessKeyId: OLD })],
    ["holds a wrong secret", (bench: FoundBench) => void bench.put({ ...bench.found(), secretAccessKey: "wrong" })],
    [
      "holds a key of somebody else",
      (bench: FoundBench) => void bench.put({ accessKeyId: "AKIAOTHER", secretAccessKey: "x" }),
    ],
    ["holds a key that is inactive", (bench: FoundBench) => void (bench.source.keys.get(OLD)!.enabled = false)],
    [
      "asks for another resource",
      (bench: FoundBench) => void bench.put(bench.found(), { [ANNOTATION]: "payments/other" }),
    ],
    ["does not ask", (bench: FoundBench) => void bench.put(bench.found(), {})],
    [
      "belongs to a user that is not dedicated",
      (bench: FoundBench) => void (bench.source.target = { exists: true, allowed: true, owner: "test/payments/other" }),
    ],
    ["logs in with whatever it is", (bench: FoundBench) => void (bench.source.acceptsEverything = true)],
  ] as const) {
    it(`are left alone when the Secret ${sentence}`, async () => {
      const bench = new FoundBench();
      prepare(bench);
      const before = bench.cluster.peek<Secret>(APP);
      const enabled = bench.source.keys.get(OLD)?.enabled;
      bench.apply(ADOPTING);
      await bench.passes(20);
      assert.deepEqual(bench.cluster.peek<Secret>(APP), before);
      assert.deepEqual(providerMutations(bench), []);
      assert.equal(bench.source.keys.get(OLD)?.enabled, enabled);
      assert.equal(bench.status().current, undefined);
      assert.equal(bench.condition("Conflict")?.reason, "NotOurs");
      assert.equal(bench.condition("Ready")?.reason, "Conflict");
    });
  }

  it("are left alone without the spec's word", async () => {
    const bench = new FoundBench();
    const before = bench.cluster.peek<Secret>(APP);
    bench.apply({ deliver: ADOPTING.deliver! });
    await bench.passes(20);
    assert.deepEqual(bench.cluster.peek<Secret>(APP), before);
    assert.equal(bench.condition("Conflict")?.reason, "NotOurs");
    assert.match(bench.condition("Conflict")?.message ?? "", /adoption/);
  });

  it("may be dedicated by the user's own tag, which becomes an owner's mark only after the first rotation", async () => {
    const bench = new FoundBench();
    bench.source.target = { exists: true, allowed: true, adopt: "payments/billing" };
    bench.apply(ADOPTING);
    await bench.toRest();
    assert.equal(bench.status().current?.id, OLD);
    bench.rotate();
    await bench.toRest();
    assert.equal(bench.source.count("markOwner"), 0);
    bench.rotate();
    await bench.toRest();
    assert.equal(bench.source.target.owner, "test/payments/billing");
    assert.equal(bench.source.target.ownerUid, bench.object().metadata.uid);
  });

  it("are delivered to the other places of the spec as well", async () => {
    const bench = await adopted({ deliver: SPEC.deliver });
    assert.equal(bench.kv.get("billing/aws")?.version, "1-adopted");
  });

  it("rotate when the key is older than the schedule says, and are all Keyturn's from then on", async () => {
    const bench = new FoundBench();
    bench.apply({ ...ADOPTING, schedule: { every: "720h" } });
    await bench.toRest();
    const { current } = bench.status();
    assert.equal(current?.adopted, undefined);
    assert.match(current?.version ?? "", /^2-/);
    assert.equal(bench.source.keys.has(OLD), false);
    assert.equal(bench.delivered(), current?.id);
    assert.equal(bench.condition("Adopted"), undefined);
    assert.equal(bench.refusedLogins, 0);
    await bench.deleteRotation();
    await bench.passes(1);
    assert.equal(bench.secret(), undefined);
  });
});

describe("what was adopted", function () {
  this.timeout(120_000);

  const untouched = async (bench: FoundBench, before: ReturnType<typeof look>): Promise<void> => {
    assert.deepEqual(look(bench.cluster.peek<Secret>(APP)), before);
    assert.equal(bench.source.keys.get(OLD)?.enabled, true);
    assert.equal(
      bench.source.calls.some(({ operation, id }) => id === OLD && ["setEnabled", "revoke"].includes(operation)),
      false,
    );
    assert.deepEqual([bench.source.target.owner, bench.source.target.ownerUid], ["test/payments/billing", undefined]);
    assert.deepEqual(await claims(bench), []);
    assert.deepEqual(wholeOf("staging", await bench.ports.staging.listOwners()), []);
  };

  it("is given back untouched when its resource is deleted", async () => {
    const bench = await adopted({ deliver: SPEC.deliver });
    const before = look(bench.cluster.peek<Secret>(APP));
    await bench.deleteRotation();
    await bench.passes(1);
    assert.throws(() => bench.object());
    await bench.ledgerToRest();
    await untouched(bench, before);
    assert.equal(bench.kv.size, 0);
    assert.ok(bench.reasons().includes("GivenBack"));
  });

  for (const [sentence, act] of [
    ["the annotation is taken off", annotationOff],
    [
      "the spec does not ask any more",
      (bench: FoundBench) => void bench.apply({ ...ADOPTING, adoption: { mode: "Never" } }),
    ],
    [
      "the delivery is declared in another way",
      (bench: FoundBench) =>
        void bench.apply({ ...ADOPTING, deliver: [{ name: "app", kubernetesSecret: { name: "elsewhere" } }] }),
    ],
  ] as const) {
    it(`is given back when ${sentence}`, async () => {
      const bench = await adopted();
      act(bench);
      const before = look(bench.cluster.peek<Secret>(APP));
      await bench.passes(1);
      await untouched(bench, before);
      await bench.passes(20);
      assert.deepEqual(look(bench.cluster.peek<Secret>(APP)), before);
      assert.equal(bench.source.keys.get(OLD)?.enabled, true);
    });
  }

  it("is adopted anew when somebody has rotated it by hand", async () => {
    const bench = await adopted();
    bench.source.addForeign("AKIABYHAND");
    bench.put(bench.source.keys.get("AKIABYHAND")!.material.reveal());
    await bench.toRest();
    assert.equal(bench.status().current?.id, "AKIABYHAND");
    assert.equal(bench.status().current?.version, "2-adopted");
    assert.equal(bench.source.keys.get(OLD)?.enabled, true);
  });

  it("is given back at any point of its first rotation up to publishing, and what was made for that goes", async () => {
    for (let stop = 1; stop <= 12; stop += 1) {
      const bench = await adopted();
      const before = look(bench.cluster.peek<Secret>(APP));
      bench.rotate();
      await bench.passes(stop);
      if (bench.status().current?.adopted !== true) continue;
      await bench.deleteRotation();
      for (let round = 0; round < 40; round += 1) {
        await bench.passes(1);
        await bench.ledgerPass();
      }
      assert.equal(bench.orphans().length, 0, `stopped after ${stop}`);
      await untouched(bench, before);
      assert.deepEqual([...bench.source.keys.keys()], [OLD]);
    }
  });

  it("comes back when its first rotation goes back, and is given back after that as it was found", async () => {
    const bench = await adopted();
    const before = look(bench.cluster.peek<Secret>(APP));
    bench.sick.add("web");
    bench.rotate();
    while (bench.status().closedIntents?.[0]?.result !== "RolledBack") {
      await bench.passes(1);
      if (bench.status().rotation?.direction === "Back") bench.sick.clear();
    }
    await bench.toRest();
    assert.equal(bench.delivered(), OLD);
    assert.equal(bench.status().current?.adopted, true);
    assert.equal(bench.source.keys.size, 1, "the rejected key is still there");
    await bench.deleteRotation();
    await bench.passes(1);
    assert.deepEqual(look(bench.cluster.peek<Secret>(APP)), before);
    assert.equal(bench.source.keys.get(OLD)?.enabled, true);
  });

  for (const how of TRAPS) {
    it(`ends as without any trouble, whatever is cut off: ${how}`, async () => {
      for (let at = 1; at <= 45; at += 1) {
        const bench = new FoundBench();
        bench.trap = { at, how };
        bench.apply(ADOPTING);
        await bench.passes(6);
        await bench.toRest();
        bench.rotate();
        await bench.toRest(300);
        const { current } = bench.status();
        assert.notEqual(current?.id, OLD, `cut off at ${at}`);
        assert.deepEqual([...bench.source.keys.keys()], [current?.id], `cut off at ${at}`);
        assert.equal(bench.delivered(), current?.id);
        assert.equal(bench.refusedLogins, 0);
      }
    });

    it(`is given back in the end, whatever is cut off: ${how}`, async () => {
      for (let at = 1; at <= 12; at += 1) {
        const bench = await adopted();
        const before = look(bench.cluster.peek<Secret>(APP));
        bench.rotate();
        await bench.passes(3);
        bench.trap = { at: bench.mutations + at, how };
        await bench.deleteRotation();
        for (let round = 0; round < 60; round += 1) {
          await bench.passes(1);
          await bench.ledgerPass();
          if (bench.dead) bench.start();
          await bench.clock.advance(500);
        }
        assert.equal(bench.orphans().length, 0, `cut off at ${at}`);
        await untouched(bench, before);
      }
    });
  }

  it("is left alone by the sweep when the finalizer was taken off by hand", async () => {
    const bench = await adopted();
    const before = look(bench.cluster.peek<Secret>(APP));
    bench.cluster.drop(ROTATION);
    await sweep(bench.ports, bench.context());
    await bench.clock.advance(60_000);
    await bench.ledgerToRest();
    await untouched(bench, before);
  });
});

describe("an adopted key that an IdentityHold holds", function () {
  this.timeout(60_000);

  it("ends like any other and is not given back", async () => {
    const bench = await adopted();
    bench.hold("leak", { name: "*" });
    await bench.passes(20);
    assert.equal(bench.source.keys.get(OLD)?.enabled ?? false, false);
    assert.equal(bench.reasons().includes("GivenBack"), false);
  });

  it("ends as well when its resource is deleted, and the Secret that was there before stays", async () => {
    const bench = await adopted({ deletion: { policy: "Retain" } });
    bench.hold("leak", { name: "*" });
    await bench.deleteRotation();
    await bench.passes(3);
    await bench.ledgerToRest();
    assert.equal(bench.source.keys.get(OLD)?.enabled ?? false, false);
    assert.notEqual(bench.cluster.peek<Secret>(APP), undefined);
  });
});
