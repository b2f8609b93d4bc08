import assert from "node:assert/strict";
import { FINALIZER } from "../../api/v1alpha1/annotations.ts";
import type { SecretRotation, SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { fakeErrors } from "../../providers/fake-source.ts";
import { sweep } from "../sweep.ts";
import { ATTRIBUTION_MS, Bench, ROTATION, SPEC, TRAPS, type Trap } from "../ports.fake.ts";
import { wholeOf } from "../../kernel/listed.ts";

const atRest = async (spec: Partial<SecretRotationSpec> = {}): Promise<Bench> => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply(spec);
  await bench.toRest();
  return bench;
};

const isGone = (bench: Bench): boolean => bench.cluster.peek(ROTATION) === undefined;

/** Passes about the resource while it is there, then about the ledger until that is empty; a killed process is started again. */
const takeBack = async (bench: Bench, most = 80): Promise<void> => {
  for (let round = 0; round < most && !(isGone(bench) && bench.orphans().length === 0); round += 1) {
    await bench.pass();
    if (!bench.dead) await bench.ledgerPass();
    if (bench.dead) {
      bench.trap = undefined;
      bench.start();
    }
    await bench.clock.advance(1000);
  }
};

const leftovers = async (bench: Bench) => ({
  keys: [...bench.source.keys.values()].map(({ id, enabled }) => ({ id, enabled })),
  secret: bench.secret() !== undefined,
  kv: bench.kv.size,
  claims: wholeOf("claims", await bench.ports.claims.list()).length,
  staged: wholeOf("staging", await bench.ports.staging.listOwners()).length,
  ledger: bench.orphans().length,
  object: !isGone(bench),
});
const NOTHING = { keys: [], secret: false, kv: 0, claims: 0, staged: 0, ledger: 0, object: false };

const loseFinalizer = (bench: Bench): void => bench.cluster.drop(ROTATION);
const sweepNow = (bench: Bench): Promise<void> => sweep(bench.ports, bench.context());

describe("deleting a SecretRotation", function () {
  this.timeout(60_000);

  it("makes the keys inactive and withdraws the deliveries at once, and leaves the rest to the ledger", async () => {
    const bench = await atRest();
    await bench.deleteRotation();
    await bench.pass();
    assert.deepEqual(
      [...bench.source.keys.values()].map(({ enabled }) => enabled),
      [false],
    );
    assert.equal(bench.secret(), undefined);
    assert.equal(bench.kv.size, 0);
    assert.equal(isGone(bench), true);
    assert.equal(bench.orphans().length, 1);
    assert.ok(bench.reasons().includes("HandedOver"));
  });

  it("ends, after the hold and the attribution window, with nothing left anywhere", async () => {
    const bench = await atRest();
    const startMs = bench.clock.now().getTime();
    await bench.deleteRotation();
    await bench.pass();
    const seen: { readonly atMs: number; readonly keys: number }[] = [];
    for (let round = 0; round < 60 && bench.orphans().length > 0; round += 1) {
      await bench.ledgerPass();
      seen.push({ atMs: bench.clock.now().getTime() - startMs, keys: bench.source.keys.size });
      await bench.clock.advance(500);
    }
    assert.deepEqual(await leftovers(bench), NOTHING);
    assert.ok(
      seen.filter(({ atMs }) => atMs < 5000).every(({ keys }) => keys === 1),
      "deleted before the hold was over",
    );
    assert.ok(seen.at(-1)!.atMs >= ATTRIBUTION_MS, "the entry went before the attribution window was over");
  });

  it("asks nothing of the provider when nothing was ever made", async () => {
    const bench = new Bench();
    bench.apply();
    bench.source.target = { exists: true, allowed: true, owner: "test/payments/other", ownerUid: undefined };
    await bench.pass();
    await bench.deleteRotation();
    await takeBack(bench);
    assert.deepEqual(await leftovers(bench), NOTHING);
    assert.deepEqual(
      bench.trace.filter((name) => name.startsWith("aws:")),
      [],
    );
  });

  it("leaves nothing behind at whatever pass of a rotation it comes", async () => {
    for (let at = 0; at < 22; at += 1) {
      const bench = await atRest();
      bench.rotate();
      for (let pass = 0; pass < at; pass += 1) {
        const { recheckAfterMs } = await bench.pass();
        await bench.clock.advance(recheckAfterMs ?? 1000);
      }
      await bench.deleteRotation();
      await takeBack(bench);
      assert.deepEqual(await leftovers(bench), NOTHING, `deleted after ${at} passes`);
    }
  });

  for (const how of TRAPS) {
    it(`leaves nothing behind when it is disturbed at any mutation: ${how}`, async () => {
      const reference = await deleted();
      assert.deepEqual(await leftovers(reference.bench), NOTHING);
      const wrong: string[] = [];
      for (let at = reference.from + 1; at <= reference.bench.mutations; at += 1) {
        const { bench } = await deleted({ at, how });
        const left = await leftovers(bench);
        if (JSON.stringify(left) !== JSON.stringify(NOTHING))
          wrong.push(`${at} ${reference.bench.trace[at - 1] ?? ""}: ${JSON.stringify(left)}`);
      }
      assert.deepEqual(wrong, []);
    });
  }

  const deleted = async (trap?: Trap) => {
    const bench = await atRest();
    bench.rotate();
    while (bench.status().pendingRevocations === undefined) {
      const { recheckAfterMs } = await bench.pass();
      await bench.clock.advance(recheckAfterMs ?? 1000);
    }
    await bench.deleteRotation();
    const from = bench.mutations;
    bench.trap = trap;
    await takeBack(bench);
    return { bench, from };
  };

  it("finds a key whose answer was lost just before, disables it and deletes it", async () => {
    const bench = await atRest();
    bench.rotate();
    bench.source.failNext("issue", fakeErrors.lost, "after");
    while (bench.source.keys.size < 2) await bench.pass();
    await bench.deleteRotation();
    await takeBack(bench);
    assert.deepEqual(await leftovers(bench), NOTHING);
  });

  it("keeps a late key that somebody has used: disabled, with the ledger Stalled", async () => {
    const bench = await atRest();
    bench.rotate();
    bench.source.failNext("issue", fakeErrors.lost, "after");
    while (bench.source.keys.size < 2) await bench.pass();
    const late = [...bench.source.keys.keys()].at(-1)!;
    bench.source.markUsed(late, bench.clock.now());
    await bench.deleteRotation();
    await takeBack(bench);
    assert.equal(bench.source.keys.get(late)?.enabled, false);
    assert.equal(bench.orphans()[0]?.status?.conditions?.find(({ type }) => type === "Stalled")?.reason, "StillInUse");
  });

  it("touches no key that the record and the intents do not explain", async () => {
    const bench = await atRest();
    bench.source.addForeign("AKIAFOREIGN1", new Date("2020-01-01T00:00:00Z"));
    await bench.deleteRotation();
    await takeBack(bench);
    assert.deepEqual((await leftovers(bench)).keys, [{ id: "AKIAFOREIGN1", enabled: true }]);
  });

  it("does not withdraw what somebody else has put in the place", async () => {
    const bench = await atRest();
    const secret = bench.secret()!;
    bench.cluster.seed(
      {
        ...ROTATION,
        kind: { ...ROTATION.kind, group: "", version: "v1", plural: "secrets", kind: "Secret" },
        name: "app",
      },
      { ...secret, metadata: { name: "app", annotations: {}, labels: {} } },
    );
    await bench.deleteRotation();
    await takeBack(bench);
    assert.notEqual(bench.secret(), undefined);
  });
});

describe("deleting with the provider away", () => {
  const away = (bench: Bench): void => {
    bench.source.failNext("list", fakeErrors.unavailable, "before", 1000);
    bench.source.failNext("setEnabled", fakeErrors.unavailable, "before", 1000);
  };

  it("waits for the declared time, then hands over, and the ledger ends it when the provider is back", async () => {
    const bench = await atRest();
    away(bench);
    await bench.deleteRotation();
    for (let pass = 0; pass < 25; pass += 1) {
      await bench.pass();
      await bench.clock.advance(1000);
    }
    assert.equal(isGone(bench), false);
    assert.match(bench.status().activity!, /^Deleting: Unavailable/);
    for (let pass = 0; pass < 60 && !isGone(bench); pass += 1) {
      await bench.pass();
      await bench.clock.advance(1000);
    }
    assert.equal(isGone(bench), true);
    assert.equal([...bench.source.keys.values()][0]?.enabled, true);
    Reflect.deleteProperty(bench.source, "list");
    clearFaults(bench);
    await takeBack(bench, 400);
    assert.deepEqual(await leftovers(bench), NOTHING);
  });

  it("stays for as long as it takes where onTimeout is Block", async () => {
    const bench = await atRest({ deletion: { holdFor: "5s", timeout: "10s", onTimeout: "Block" } });
    away(bench);
    await bench.deleteRotation();
    for (let pass = 0; pass < 100; pass += 1) {
      await bench.pass();
      await bench.clock.advance(1000);
    }
    assert.equal(isGone(bench), false);
    assert.ok(bench.object().metadata.finalizers?.includes(FINALIZER));
    clearFaults(bench);
    await bench.clock.advance(60_000);
    await takeBack(bench);
    assert.deepEqual(await leftovers(bench), NOTHING);
  });

  /** The provider is back: what is left of the faults is used up. */
  const clearFaults = (bench: Bench): void => {
    for (const operation of ["list", "setEnabled"] as const) {
      const healthy = bench.source[operation].bind(bench.source) as (...args: readonly unknown[]) => Promise<unknown>;
      Object.assign(bench.source, {
        [operation]: async (...args: readonly unknown[]): Promise<unknown> => {
          for (;;) {
            try {
              return await healthy(...args);
            } catch (error) {
              if (error !== fakeErrors.unavailable) throw error;
            }
          }
        },
      });
    }
  };
});

describe("deletion.policy", () => {
  it("Retain leaves key, Secret and KV path as they are and lets go of the claims", async () => {
    const bench = await atRest({ deletion: { policy: "Retain" } });
    await bench.deleteRotation();
    await takeBack(bench);
    const left = await leftovers(bench);
    assert.deepEqual(
      { ...left, keys: left.keys.map(({ enabled }) => enabled) },
      {
        keys: [true],
        secret: true,
        kv: 1,
        claims: 0,
        staged: 0,
        ledger: 0,
        object: false,
      },
    );
  });

  it("Retain retains what is in use and nothing else: a key that nobody has got yet, or that was replaced, goes", async () => {
    for (let at = 0; at < 22; at += 1) {
      const bench = await atRest({ deletion: { policy: "Retain", holdFor: "0s" } });
      bench.rotate();
      for (let pass = 0; pass < at; pass += 1) {
        const { recheckAfterMs } = await bench.pass();
        await bench.clock.advance(recheckAfterMs ?? 1000);
      }
      const inUse = bench.status().current?.id;
      await bench.deleteRotation();
      await takeBack(bench);
      const { keys, claims, staged, ledger, object } = await leftovers(bench);
      assert.deepEqual(
        { keys, claims, staged, ledger, object },
        { keys: [{ id: inUse, enabled: true }], claims: 0, staged: 0, ledger: 0, object: false },
        `deleted after ${at} passes`,
      );
    }
  });

  it("Retain is kept as well when the finalizer was taken off by hand", async () => {
    const bench = await atRest({ deletion: { policy: "Retain" } });
    loseFinalizer(bench);
    await sweepNow(bench);
    await bench.ledgerToRest();
    assert.deepEqual(
      [...bench.source.keys.values()].map(({ enabled }) => enabled),
      [true],
    );
  });

  it("Disable makes the key inactive for good and never deletes it", async () => {
    const bench = await atRest({ deletion: { policy: "Disable", holdFor: "0s" } });
    await bench.deleteRotation();
    await takeBack(bench, 60);
    assert.deepEqual(
      [...bench.source.keys.values()].map(({ enabled }) => enabled),
      [false],
    );
    assert.equal(bench.source.count("revoke"), 0);
    assert.equal(bench.orphans()[0]?.status?.conditions?.find(({ type }) => type === "Ready")?.status, "True");
  });
});

describe("undoing a deletion", function () {
  this.timeout(60_000);

  const undone = async (trap?: Trap): Promise<Bench> => {
    const bench = await atRest();
    await bench.deleteRotation();
    await bench.pass();
    await bench.ledgerPass();
    bench.recreate();
    bench.trap = trap === undefined ? undefined : { ...trap, at: trap.at + bench.mutations };
    await bench.toRest();
    await bench.ledgerToRest();
    await bench.toRest();
    return bench;
  };

  it("switches the same key on again, has it log in, and publishes it again", async () => {
    const bench = await undone();
    const { current, sequence, predecessors } = bench.status();
    assert.equal(current?.id, "AKIAFAKE000000000001");
    assert.equal(bench.source.keys.get(current.id)?.enabled, true);
    assert.equal(bench.delivered(), current.id);
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(sequence, 1);
    assert.equal(predecessors?.length, 1);
    assert.deepEqual(bench.orphans(), []);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.ok(bench.reasons().includes("Resumed"));
    bench.rotate();
    await bench.toRest();
    assert.match(bench.status().current!.version, /^2-/);
    assert.equal(bench.source.keys.size, 1);
  });

  it("issues a new key, counting on, when the old one is deleted already", async () => {
    const bench = await atRest();
    await bench.deleteRotation();
    await bench.pass();
    await bench.clock.advance(7000);
    while (bench.source.keys.size > 0) {
      await bench.ledgerPass();
      await bench.clock.advance(100);
    }
    bench.recreate();
    await bench.toRest();
    await bench.ledgerToRest();
    assert.match(bench.status().current!.version, /^2-/);
    assert.equal(bench.source.keys.size, 1);
    assert.deepEqual(bench.orphans(), []);
  });

  it("issues a new key when the value of the old one is lost", async () => {
    const bench = await atRest();
    const { uid } = bench.object().metadata;
    await bench.deleteRotation();
    await bench.pass();
    await bench.ports.staging.keepOnly(uid, []);
    bench.recreate();
    await bench.toRest();
    await bench.ledgerToRest();
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.match(bench.status().current!.version, /^2-/);
    assert.equal(bench.source.keys.size, 1);
  });

  it("is not for a resource of another name, which finds the target claimed", async () => {
    const bench = await atRest();
    await bench.deleteRotation();
    await bench.pass();
    const claims = wholeOf("claims", await bench.ports.claims.list());
    assert.ok(claims.some(({ target }) => target.startsWith("aws-access-key/")));
  });

  for (const how of TRAPS) {
    it(`comes to the same end when it is disturbed at any mutation: ${how}`, async () => {
      const before = await atRest();
      await before.deleteRotation();
      await before.pass();
      await before.ledgerPass();
      const from = before.mutations;
      const total = (await undone()).mutations - from;
      assert.ok(total >= 8);
      const wrong: string[] = [];
      for (let at = 1; at <= total; at += 1) {
        const end = await undone({ at, how }).then(
          async (bench) => {
            const left = await leftovers(bench);
            const { current } = bench.status();
            const good =
              left.keys.length === 1 &&
              left.keys[0]?.id === current?.id &&
              left.keys[0]?.enabled === true &&
              bench.delivered() === current?.id &&
              left.staged === 1 &&
              left.claims === 3 &&
              left.ledger === 0 &&
              bench.condition("Ready")?.status === "True";
            return good ? undefined : JSON.stringify([left, bench.status()]);
          },
          (error: unknown) => (error as Error).message,
        );
        if (end !== undefined) wrong.push(`${at}: ${end.slice(0, 400)}`);
      }
      assert.deepEqual(wrong, []);
    });
  }
});

describe("a finalizer that was taken off by hand", () => {
  it("is made up for by the sweep: the ledger takes everything back", async () => {
    const bench = await atRest();
    loseFinalizer(bench);
    await sweepNow(bench);
    assert.equal(bench.orphans().length, 1);
    await takeBack(bench);
    assert.deepEqual(await leftovers(bench), NOTHING);
  });

  it("does not make the sweep touch what belongs to a resource that is there", async () => {
    const bench = await atRest();
    const mutations = bench.mutations;
    await sweepNow(bench);
    assert.equal(bench.mutations, mutations);
    assert.deepEqual(bench.orphans(), []);
  });

  it("is noticed by a successor that is there before the sweep: nothing is orphaned", async () => {
    const bench = await atRest();
    loseFinalizer(bench);
    bench.recreate();
    await bench.toRest();
    await sweepNow(bench);
    await bench.ledgerToRest();
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.source.keys.size, 1);
    assert.equal([...bench.source.keys.keys()][0], bench.status().current?.id);
    assert.equal(bench.delivered(), bench.status().current?.id);
    assert.equal((await leftovers(bench)).staged, 1);
  });

  it("in mid-rotation leaves no key either", async () => {
    const bench = await atRest();
    bench.rotate();
    while ((bench.status().rotation?.credential ?? undefined) === undefined) await bench.pass();
    loseFinalizer(bench);
    await sweepNow(bench);
    await takeBack(bench);
    assert.deepEqual(await leftovers(bench), NOTHING);
  });
});

describe("a deletion of what makes no sense any more", () => {
  it("goes by the last known good spec", async () => {
    const bench = await atRest();
    bench.apply({ ...SPEC, verify: { soak: "soon" } });
    await bench.deleteRotation();
    await takeBack(bench);
    assert.deepEqual(await leftovers(bench), NOTHING);
  });

  it("is not held up by another controller's finalizer: ours goes, and nothing of ours is left", async () => {
    const bench = await atRest();
    const object = bench.cluster.peek<SecretRotation & KubeObject>(ROTATION)!;
    const finalizers = [...(object.metadata.finalizers ?? []), "example.com/other"];
    bench.cluster.seed(ROTATION, { ...object, metadata: { ...object.metadata, finalizers } });
    await bench.deleteRotation();
    await bench.pass();
    assert.deepEqual(bench.object().metadata.finalizers, ["example.com/other"]);
    assert.equal([...bench.source.keys.values()][0]?.enabled, false);
  });
});
