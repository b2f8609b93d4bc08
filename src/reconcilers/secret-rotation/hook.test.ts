import assert from "node:assert/strict";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { fromBase64 } from "../../stores/kinds.ts";
import { Bench, connectionRef, atEveryTrap } from "../ports.fake.ts";

const connection = { connectionRef: { name: "hook" }, target: "crm" } as const;
const SOURCES: Readonly<Record<string, SecretRotationSpec["source"]>> = {
  hook: { hook: { ...connection, fields: ["apiKey"], refusals: "Free" } },
  "generated SSH key": { generated: { ...connection, sshKey: {}, refusals: "Free" } },
};
const SPEC: Partial<SecretRotationSpec> = {
  deliver: [
    { name: "app", kubernetesSecret: { name: "app", includePrevious: true } },
    { name: "saas", hook: { connectionRef: { name: "hook" }, place: "deploy/crm" } },
  ],
  dependents: [],
  verify: { successes: 2, soak: "2s" },
  retire: { overlap: "2s" },
};

const setUp = (source: SecretRotationSpec["source"], more: Partial<SecretRotationSpec> = {}): Bench => {
  const bench = new Bench();
  bench.cluster.seed(connectionRef("hook"), {
    spec: { allowedNamespaces: { mode: "All" }, hook: { url: "https://hook", signingSecretRef: { name: "hook" } } },
  });
  bench.apply({ ...SPEC, source, ...more });
  return bench;
};

const delivered = (bench: Bench): Readonly<Record<string, string>> => {
  const data = Object.entries(bench.secret()?.data ?? {});
  return Object.fromEntries(
    data.map(([key, value]) => [
      key.replace("ssh-privatekey", "privateKey").replace("ssh-publickey", "publicKey"),
      fromBase64(value),
    ]),
  );
};

const wholeLife = async (bench: Bench): Promise<void> => {
  await bench.toRest(400);
  bench.rotate();
  await bench.toRest(400);
};

for (const [what, source] of Object.entries(SOURCES))
  describe(`a credential by hook: ${what}`, function () {
    this.timeout(60_000);

    it("is made with its rotation's mark, tried, delivered to a Secret and by the hook, replaced and ended", async () => {
      const bench = setUp(source);
      await wholeLife(bench);
      const { current, history, closedIntents } = bench.status();
      assert.deepEqual([...bench.hook.credentials.keys()], [current?.id]);
      assert.equal(bench.hook.credentials.get(current!.id)?.rotationId, closedIntents?.[0]?.id);
      assert.equal(bench.hook.accepts(delivered(bench)), true);
      assert.deepEqual(bench.hook.places.get("deploy/crm")?.material, delivered(bench));
      assert.equal(history?.[0]?.proof, "ProvenByLogin");
      assert.equal(bench.condition("Ready")?.status, "True");
    });

    it("comes to the same end whatever is lost on the way", () =>
      atEveryTrap({
        setUp: () => setUp(source),
        life: wholeLife,
        holds: async (bench, about) => {
          const { current } = bench.status();
          assert.deepEqual([...bench.hook.credentials.keys()], [current?.id], about);
          assert.equal(bench.hook.accepts(delivered(bench)), true, about);
          assert.equal(bench.hook.places.get("deploy/crm")?.version, current?.version, about);
        },
      }));
  });

describe("a hook", function () {
  this.timeout(60_000);
  const source = SOURCES["hook"]!;

  it("that accepts everything is noticed", async () => {
    const bench = setUp(source);
    bench.hook.acceptsAll = true;
    for (let pass = 0; pass < 40; pass += 1) {
      const outcome = await bench.pass();
      await bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, 0));
    }
    assert.ok(bench.reasons().includes("VerificationRejected"));
    assert.equal(bench.secret(), undefined);
    assert.equal(bench.hook.places.size, 0);
  });

  it("that counts refused logins sees at most two in a quarter of an hour", async () => {
    const bench = setUp({ hook: { ...connection, fields: ["apiKey"] } });
    await bench.toRest(400);
    for (let round = 0; round < 3; round += 1) {
      bench.rotate();
      await bench.toRest(400);
    }
    const refusals = bench.status().refusedLogins ?? [];
    assert.ok(refusals.length <= 2, JSON.stringify(refusals));
    assert.equal(bench.hook.credentials.size, 1);
  });

  it("leaves the value before beside the new one while it is alive, and no longer; it restarts nobody for that", async () => {
    const secret = { name: "app", includePrevious: true };
    const deliver = [{ name: "app", kubernetesSecret: secret }];
    const bench = setUp(source, { deliver, retire: { overlap: "60s" } });
    await bench.toRest(400);
    const first = delivered(bench);
    assert.deepEqual(Object.keys(first), ["apiKey"]);
    bench.rotate();
    const stood: string[] = [];
    for (let pass = 0; pass < 400; pass += 1) {
      const outcome = await bench.pass();
      const { apiKey = "", "apiKey-previous": before } = delivered(bench);
      const text = `${apiKey === first["apiKey"] ? "old" : "new"}${before === undefined ? "" : before === first["apiKey"] ? "+old" : "+?"}`;
      if (stood.at(-1) !== text) stood.push(text);
      // The one before never stands there dead for longer than the pass that comes next.
      if (outcome.kind === "settled" || (outcome.recheckAfterMs ?? 0) > 3_600_000) break;
      await bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 0, 0));
    }
    assert.deepEqual(stood, ["old", "new+old", "new"]);
    assert.equal(bench.hook.credentials.size, 1);
  });

  it("whose place is another resource's is not written to", async () => {
    const bench = setUp(source);
    bench.hook.places.set("deploy/crm", { ownerUid: "u-other", version: "1", checksum: "x", material: {} });
    for (let pass = 0; pass < 10; pass += 1) await bench.pass();
    assert.equal(bench.hook.places.get("deploy/crm")?.ownerUid, "u-other");
    assert.match(bench.condition("Ready")?.message ?? "", /belongs to another resource/);
  });

  it("has a place emptied when the spec names it no more", async () => {
    const bench = setUp(source);
    await bench.toRest(400);
    assert.equal(bench.hook.places.size, 1);
    bench.apply({ ...SPEC, source, deliver: [{ name: "app", kubernetesSecret: { name: "app" } }] });
    await bench.toRest(400);
    assert.equal(bench.hook.places.size, 0);
  });

  it("has a place put right that somebody has changed", async () => {
    const bench = setUp(source);
    await bench.toRest(400);
    const place = bench.hook.places.get("deploy/crm")!;
    bench.hook.places.set("deploy/crm", { ...place, checksum: "another" });
    await bench.toRest(400);
    assert.equal(bench.hook.places.get("deploy/crm")?.checksum, place.checksum);
  });

  it("has everything ended when the resource goes", async () => {
    const bench = setUp(source);
    await bench.toRest(400);
    await bench.deleteRotation();
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    await bench.ledgerToRest();
    assert.equal(bench.hook.credentials.size, 0);
    assert.equal(bench.hook.places.size, 0);
    assert.equal(bench.orphans().length, 0);
  });
});
