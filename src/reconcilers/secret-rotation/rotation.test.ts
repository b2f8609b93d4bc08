import assert from "node:assert/strict";
import { ROTATE_AT } from "../../api/v1alpha1/annotations.ts";
import { Bench, TRAPS, type Trap } from "../ports.fake.ts";
import { wholeOf } from "../../kernel/listed.ts";

const setUp = (): Bench => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply();
  return bench;
};

/** First issue and one rotation asked for, each to its rest. */
const wholeLife = async (bench: Bench): Promise<void> => {
  await bench.toRest();
  bench.rotate();
  await bench.toRest();
};

/** The end of a life, without what differs from one run to another: ids, times, how many attempts it took. */
const endState = async (bench: Bench) => {
  const { current, rotation, pendingRevocations, failures, revocationFailures, deliveries, conditions } =
    bench.status();
  const staged = await bench.ports.staging.read(bench.object().metadata.uid);
  const claims = wholeOf("claims", await bench.ports.claims.list());
  return {
    keys: [...bench.source.keys.values()].map(({ id, enabled }) => ({ isCurrent: id === current?.id, enabled })),
    secretIsCurrent: bench.delivered() === current?.id,
    kvIsCurrent: bench.kv.get("billing/aws")?.version === current?.version,
    staged: staged.versions.map(({ version }) => version === current?.version),
    deliveries: deliveries?.map(({ name, version }) => ({ name, isCurrent: version === current?.version })),
    claims: claims.map(({ target }) => target).sort(),
    open: [rotation, failures, revocationFailures, pendingRevocations?.length],
    conditions: conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`).sort(),
    refusedLogins: bench.refusedLogins,
    finalizers: bench.object().metadata.finalizers,
  };
};

describe("a rotation, pass by pass", function () {
  this.timeout(60_000);

  it("issues, verifies, publishes and comes to rest with Ready=True", async () => {
    const bench = setUp();
    await bench.toRest();
    assert.deepEqual(await endState(bench), {
      keys: [{ isCurrent: true, enabled: true }],
      secretIsCurrent: true,
      kvIsCurrent: true,
      staged: [true],
      deliveries: [
        { name: "app", isCurrent: true },
        { name: "kv", isCurrent: true },
      ],
      claims: ["aws-access-key/111122223333/billing", "kv/fake/payments/billing/aws", "secret/payments/app"],
      open: [undefined, undefined, undefined, undefined],
      conditions: [
        "DependentsUpdated=True AllMoved",
        "OldCredentialRevoked=True NothingToRevoke",
        "Ready=True Available",
        "Verified=True LoggedIn",
      ],
      refusedLogins: 0,
      finalizers: ["keyturn.dev/revocation"],
    });
  });

  it("moves everything to a new key and proves the old one dead, without one refused login", async () => {
    const bench = setUp();
    await bench.toRest();
    const old = bench.held.get("web")!;
    const first = bench.status().current!;
    bench.rotate();
    await bench.toRest();
    const { current, history } = bench.status();
    assert.notEqual(current!.id, first.id);
    assert.equal(bench.delivered(), current!.id);
    assert.equal(bench.source.logIn(old), false);
    assert.equal(bench.refusedLogins, 0);
    assert.deepEqual(
      history?.map(({ id, end, proof }) => ({ id, end, proof })),
      [{ id: first.id, end: "Revoked", proof: "ProvenByLogin" }],
    );
    assert.equal(bench.condition("OldCredentialRevoked")?.reason, "ProvenByLogin");
  });

  it("acts on one rotate-at once, and on each new value once more", async () => {
    const bench = setUp();
    await bench.toRest();
    bench.rotate();
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 2);
    await bench.clock.advance(3_600_000);
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 2);
    bench.rotate();
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 3);
  });

  it("waits for a rotate-at a moment ahead without spinning", async () => {
    const bench = setUp();
    await bench.toRest();
    await bench.clock.advance(1000 - (bench.clock.now().getTime() % 1000));
    bench.annotate({ [ROTATE_AT]: new Date(bench.clock.now().getTime() + 1).toISOString() });
    assert.deepEqual(await bench.pass(), { kind: "waiting", recheckAfterMs: 1000 });
    await bench.clock.advance(1000);
    await bench.toRest();
    assert.equal(bench.source.keys.size, 1);
    assert.match(bench.status().current?.version ?? "", /^2-/);
  });

  it("changes nothing and writes nothing when nothing has changed", async () => {
    const bench = setUp();
    await wholeLife(bench);
    const mutations = bench.mutations;
    const before = bench.object();
    for (let pass = 0; pass < 5; pass += 1) {
      await bench.clock.advance(600_000);
      await bench.pass();
    }
    assert.equal(bench.mutations, mutations);
    assert.deepEqual(bench.object(), before);
  });

  it("writes the intent before it asks for a key, and has each outside mutation on record before and after", async () => {
    const bench = setUp();
    await wholeLife(bench);
    const create = bench.trace.indexOf("aws:issue");
    assert.ok(bench.trace.slice(0, create).includes("cluster:replaceStatus"));
    const outside = bench.trace.filter((name) => name.startsWith("aws:") || name.startsWith("kv:")).length;
    const of = (phase: string): number =>
      bench.audit.filter(({ phase: found, action }) => found === phase && /^(aws|vault):/.test(action)).length;
    assert.equal(of("begin"), outside);
    assert.equal(of("succeeded"), outside);
  });

  it("never puts a secret value into status, events, the audit trail or the log of what was asked", async () => {
    const bench = setUp();
    await wholeLife(bench);
    const secrets = [...bench.source.keys.values()].map(({ material }) => material.reveal()["secretAccessKey"]!);
    const told = JSON.stringify([bench.object(), bench.events, bench.audit, await bench.ports.claims.list()]);
    for (const secret of secrets) {
      assert.ok(!told.includes(secret));
      assert.ok(!told.includes(Buffer.from(secret).toString("base64")));
    }
  });
});

describe("a rotation that is killed at any mutation", function () {
  this.timeout(120_000);

  const reference = async (): Promise<Bench> => {
    const bench = setUp();
    await wholeLife(bench);
    return bench;
  };

  for (const how of TRAPS) {
    it(`ends as an undisturbed one: ${how}`, async () => {
      const undisturbed = await reference();
      const wanted = await endState(undisturbed);
      assert.ok(undisturbed.mutations >= 25, `only ${undisturbed.mutations} mutations`);
      const different: string[] = [];
      for (let at = 1; at <= undisturbed.mutations; at += 1) {
        const found = await disturbed({ at, how });
        try {
          assert.deepEqual(found, wanted);
        } catch (error) {
          different.push(`${at} ${undisturbed.trace[at - 1] ?? ""}: ${(error as Error).message.slice(0, 600)}`);
        }
      }
      assert.deepEqual(different, []);
    });
  }

  /** Late answers may still be attributed for a while, so the resyncs of that time are part of the life. */
  const disturbed = async (trap: Trap): Promise<unknown> => {
    const bench = setUp();
    bench.trap = trap;
    try {
      await wholeLife(bench);
      for (let resync = 0; resync < 2; resync += 1) {
        await bench.clock.advance(5000);
        await bench.toRest();
      }
      return await endState(bench);
    } catch (error) {
      return (error as Error).message;
    }
  };

  it("also when a second kill follows the first one anywhere", async () => {
    const undisturbed = await reference();
    const wanted = await endState(undisturbed);
    const random = seeded(7);
    for (let run = 0; run < 40; run += 1) {
      const bench = setUp();
      const first = 1 + Math.floor(random() * undisturbed.mutations);
      const second = first + 1 + Math.floor(random() * 8);
      const kinds = ["killBefore", "killAfter"] as const;
      bench.trap = { at: first, how: kinds[Math.floor(random() * 2)]! };
      // The second trap is set as soon as the first has sprung and the process was started again.
      const start = bench.start.bind(bench);
      let started = false;
      bench.start = () => {
        const ports = start();
        if (!started) bench.trap = { at: second, how: kinds[Math.floor(random() * 2)]! };
        started = true;
        return ports;
      };
      await wholeLife(bench);
      await bench.clock.advance(5000);
      await bench.toRest();
      assert.deepEqual(await endState(bench), wanted, `kills at ${first} and ${second}`);
    }
  });
});

const seeded = (seed: number) => (): number => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return seed / 2_147_483_648;
};
