import assert from "node:assert/strict";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { fromBase64 } from "../../stores/kinds.ts";
import { Bench, atEveryTrap } from "../ports.fake.ts";

const [A, B] = ["keyturn.payments.web.a", "keyturn.payments.web.b"] as const;
const SPEC: Partial<SecretRotationSpec> = {
  source: { vaultDatabase: { connectionRef: { name: "vault" }, role: "web" } },
  deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
  dependents: [],
  verify: { successes: 2, soak: "2s" },
  retire: { overlap: "2s" },
};

const setUp = (more: Partial<SecretRotationSpec> = {}): Bench => {
  const bench = new Bench();
  bench.database.add(A, "web_a");
  bench.database.add(B, "web_b");
  bench.database.add("keyturn.payments.web", "web");
  bench.apply({ ...SPEC, ...more });
  return bench;
};

const login = (bench: Bench) => {
  const text = (key: string): string => fromBase64(bench.secret()?.data?.[key] ?? "");
  return { username: text("username"), password: text("password") };
};
const works = async (bench: Bench): Promise<boolean> =>
  (await bench.database.server.logIn(login(bench), new AbortController().signal)) === "accepted";

const wholeLife = async (bench: Bench): Promise<void> => {
  await bench.toRest(400);
  await bench.clock.advance(16 * 60_000);
  bench.rotate();
  await bench.toRest(400);
};

/** Somebody is logged in with the first one all the while. */
const sessionsAndLife = async (bench: Bench): Promise<void> => {
  await bench.toRest(400);
  const first = login(bench);
  bench.database.open(first.username, first.password);
  await bench.clock.advance(16 * 60_000);
  bench.rotate();
  await bench.toRest(400);
};

describe("a database user's password", function () {
  this.timeout(60_000);

  it("is the other user's after each rotation; the one before is changed again, its sessions ended, and it is refused", async () => {
    const bench = setUp();
    await bench.toRest(400);
    const first = login(bench);
    assert.equal(first.username, "web_a");
    bench.database.open(first.username, first.password);
    await bench.clock.advance(60_000);
    bench.rotate();
    await bench.toRest(400);
    assert.equal(login(bench).username, "web_b");
    assert.equal(await works(bench), true);
    assert.deepEqual(bench.database.sessions, []);
    assert.equal(bench.status().history?.[0]?.proof, "ProvenByLogin");
    assert.notEqual(bench.condition("Unmanaged")?.status, "True");
    await bench.clock.advance(16 * 60_000);
    bench.rotate();
    await bench.toRest(400);
    assert.equal(login(bench).username, "web_a");
    assert.equal(await works(bench), true);
  });

  it("is not delivered when the server lets everybody in", async () => {
    const bench = setUp();
    bench.database.trusts = true;
    for (let pass = 0; pass < 40; pass += 1) {
      const outcome = await bench.pass();
      await bench.clock.advance(Math.max(outcome.recheckAfterMs ?? 1000, 0));
    }
    assert.ok(bench.reasons().includes("VerificationRejected"));
    assert.equal(bench.secret(), undefined);
  });

  it("is issued anew when Vault has changed it by itself", async () => {
    const bench = setUp();
    await bench.toRest(400);
    await bench.clock.advance(20 * 60_000);
    bench.database.change(A);
    assert.equal(await works(bench), false);
    await bench.clock.advance(20 * 60_000);
    await bench.toRest(400);
    assert.equal(await works(bench), true);
  });

  it("is renewed before Vault would change it by itself", async () => {
    const bench = setUp();
    bench.database.periodSeconds = 9 * 3600;
    await bench.toRest(400);
    assert.equal(bench.status().nextRotationReason, "Expiry");
    await bench.clock.advance(6 * 3_600_000 + 60_000);
    await bench.toRest(400);
    assert.equal(login(bench).username, "web_b");
    assert.equal(await works(bench), true);
  });

  it("of a single user is changed while it is in use, only where the spec accepts that, and nobody goes back", async () => {
    const single = { connectionRef: { name: "vault" }, role: "web", users: "Single" } as const;
    const refused = setUp({ source: { vaultDatabase: single } });
    for (let pass = 0; pass < 5; pass += 1) await refused.pass();
    assert.equal(refused.database.rotations, 0);
    assert.match(refused.condition("Ready")?.message ?? "", /acceptsOutage/);

    const bench = setUp({ source: { vaultDatabase: { ...single, acceptsOutage: true } } });
    await wholeLife(bench);
    assert.equal(login(bench).username, "web");
    assert.equal(await works(bench), true);
    assert.deepEqual(bench.status().pendingRevocations ?? [], []);
    assert.equal(bench.status().history?.[0]?.end, "Revoked");
  });

  it("is changed to one that nobody has when its resource goes", async () => {
    const bench = setUp();
    await bench.toRest(400);
    const last = login(bench);
    bench.database.open(last.username, last.password);
    await bench.clock.advance(60_000);
    await bench.deleteRotation();
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    await bench.ledgerToRest();
    assert.equal(await bench.database.server.logIn(last, new AbortController().signal), "refused");
    assert.deepEqual(bench.database.sessions, []);
    assert.equal(bench.orphans().length, 0);
  });

  it("comes to the same end whatever is lost on the way", () =>
    atEveryTrap({
      setUp: setUp,
      life: sessionsAndLife,
      holds: async (bench, about) => {
        assert.equal(await works(bench), true, about);
        assert.deepEqual(bench.database.sessions, [], about);
      },
    }));
});
