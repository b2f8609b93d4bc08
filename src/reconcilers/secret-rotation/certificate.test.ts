import assert from "node:assert/strict";
import { LEAKED, ROTATE_AT } from "../../api/v1alpha1/annotations.ts";
import type { SecretRotationSpec } from "../../api/v1alpha1/secret-rotation.ts";
import { SECRETS, fromBase64 } from "../../stores/kinds.ts";
import type { CredentialSource } from "../../providers/contract.ts";
import { readCertificates, serialOf } from "../../providers/vault/pki/chain.ts";
import { Bench, ROTATION, TRAPS, type Trap } from "../ports.fake.ts";

const HOUR = 3_600_000;
const spec = (more: Partial<SecretRotationSpec> = {}, pki: object = {}): Partial<SecretRotationSpec> => ({
  source: {
    vaultPKI: { connectionRef: { name: "vault" }, role: "web", dnsNames: ["web.example"], ttl: "24h", ...pki },
  },
  deliver: [{ name: "app", kubernetesSecret: { name: "app" } }],
  dependents: [],
  retire: { overlap: "1h" },
  ...more,
});

const setUp = (more: Partial<SecretRotationSpec> = {}, pki: object = {}): Bench => {
  const bench = new Bench();
  bench.apply(spec(more, pki));
  return bench;
};

const delivered = (bench: Bench, name = "app"): string | undefined => {
  const data = bench.secret(name)?.data ?? {};
  const read = readCertificates(fromBase64(data["tls.crt"] ?? ""), fromBase64(data["ca.crt"] ?? ""));
  return read === undefined ? undefined : serialOf(read);
};

const valid = (bench: Bench): readonly string[] =>
  [...bench.pki.serials].filter(([, { revoked }]) => !revoked).map(([serial]) => serial);

/** Runs passes for so long, at the times that they ask for. */
const live = async (bench: Bench, ms: number): Promise<void> => {
  const end = bench.clock.now().getTime() + ms;
  for (let passes = 0; bench.clock.now().getTime() < end; passes += 1) {
    if (passes > 300)
      throw new Error(`Does not come to rest: ${bench.trace.slice(-6).join(", ")}; ${JSON.stringify(bench.status())}`);
    const outcome = await bench.pass();
    if (bench.dead) {
      bench.trap = undefined;
      bench.start();
    }
    const again = Math.max(outcome.recheckAfterMs ?? (outcome.kind === "failed" ? 1000 : HOUR), 0);
    await bench.clock.advance(Math.min(again, Math.max(end - bench.clock.now().getTime(), 0)));
  }
};

describe("a certificate", function () {
  this.timeout(60_000);

  it("is signed, checked and delivered in one pass: finalizer, Secret, status", async () => {
    const bench = setUp();
    const outcome = await bench.pass();
    assert.deepEqual(bench.trace, ["cluster:mergePatch", "vault:issue", "cluster:create", "cluster:replaceStatus"]);
    assert.ok(outcome.kind === "waiting" && outcome.recheckAfterMs > 15 * HOUR);
    const { current, lastKnownGood, nextRotationReason, rotation } = bench.status();
    assert.equal(delivered(bench), current?.id);
    assert.equal(bench.secret()?.type, "kubernetes.io/tls");
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("Verified")?.status, "True");
    assert.equal(lastKnownGood?.generation, 1);
    assert.equal(nextRotationReason, "Expiry");
    assert.equal(rotation, undefined);
    assert.deepEqual(bench.reasons(), ["Published"]);
  });

  it("needs no finalizer when nothing has to be revoked: the cluster takes the Secret away", async () => {
    const bench = setUp({}, { revocation: { mode: "Never" } });
    await bench.pass();
    assert.deepEqual(bench.trace, ["vault:issue", "cluster:create", "cluster:replaceStatus"]);
    assert.deepEqual(
      bench.secret()?.metadata.ownerReferences?.map(({ uid }) => uid),
      [bench.object().metadata.uid],
    );
    const kept = setUp({ deletion: { policy: "Retain" } }, { revocation: { mode: "Never" } });
    await kept.pass();
    assert.equal(kept.secret()?.metadata.ownerReferences, undefined);
  });

  it("gets its finalizer when the spec wants its revocation later on, and the Secret is not the cluster's to collect any more", async () => {
    const bench = setUp({}, { revocation: { mode: "Never" } });
    await bench.pass();
    const { id } = bench.status().current!;
    bench.apply(spec());
    await live(bench, 5000);
    assert.deepEqual(bench.object().metadata.finalizers, ["keyturn.dev/revocation"]);
    assert.deepEqual(bench.secret()?.metadata.ownerReferences ?? [], []);
    assert.equal(bench.status().current?.id, id, "it is the same certificate");
  });

  it("is dressed anew and not issued anew when labels of its Secret change", async () => {
    const bench = setUp();
    await bench.pass();
    const { id } = bench.status().current!;
    bench.apply(spec({ deliver: [{ name: "app", kubernetesSecret: { name: "app", labels: { team: "payments" } } }] }));
    await live(bench, 5000);
    assert.equal(bench.secret()?.metadata.labels?.["team"], "payments");
    assert.equal(bench.status().current?.id, id);
    assert.equal(bench.pki.signings, 1);
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("is reported while its role has generate_lease, and renewed all the same", async () => {
    const bench = setUp();
    await bench.pass();
    const { id } = bench.status().current!;
    bench.pki.generatesLeases = true;
    await live(bench, 17 * HOUR);
    assert.notEqual(bench.status().current?.id, id);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.deepEqual(
      [bench.condition("EndsWithLogin")?.status, bench.condition("EndsWithLogin")?.reason],
      ["True", "GenerateLease"],
    );
    assert.ok(bench.reasons().includes("EndsWithLogin"));
    bench.pki.generatesLeases = false;
    await live(bench, 3 * HOUR);
    assert.equal(bench.condition("EndsWithLogin"), undefined);
  });

  it("is not issued for a new resource from a role with generate_lease, until the role is mended", async () => {
    const bench = setUp();
    bench.pki.generatesLeases = true;
    await live(bench, HOUR);
    assert.equal(bench.status().current, undefined);
    assert.equal(bench.pki.signings, 0);
    assert.match(bench.condition("Ready")?.message ?? "", /generate_lease=false/);
    bench.pki.generatesLeases = false;
    await live(bench, 3 * HOUR);
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("is quiet when converged", async () => {
    const bench = setUp();
    await bench.pass();
    const { mutations } = bench;
    for (let pass = 0; pass < 5; pass += 1) {
      await bench.clock.advance(600_000);
      await bench.pass();
    }
    assert.equal(bench.mutations, mutations);
  });

  it("is renewed with a third of its life left, and the one before revoked after the overlap", async () => {
    const bench = setUp();
    await bench.pass();
    const first = bench.status().current!;
    await live(bench, 16 * HOUR + 60_000);
    const second = bench.status().current!;
    assert.notEqual(second.id, first.id);
    assert.equal(delivered(bench), second.id);
    assert.equal(bench.pki.serials.get(first.id)?.revoked, false, "still in its overlap");
    await live(bench, 2 * HOUR);
    assert.deepEqual(valid(bench), [second.id]);
    assert.deepEqual(
      bench.status().history?.map(({ id, proof }) => ({ id, proof })),
      [{ id: first.id, proof: "ProvenByAuthority" }],
    );
  });

  it("leaves what has ended by itself in peace", async () => {
    const bench = setUp({ retire: { overlap: "48h" } });
    await bench.pass();
    const first = bench.status().current!;
    await live(bench, 30 * HOUR);
    assert.equal(bench.pki.serials.get(first.id)?.revoked, false);
    assert.equal(bench.status().history?.at(-1)?.proof, "Expired");
  });

  it("renews by renewBefore, and is never later than that for a window", async () => {
    const closed = [{ cron: "0 0 1 1 *", duration: "1h" }];
    const bench = setUp({ schedule: { every: "1h", windows: closed } }, { renewBefore: "2h" });
    await bench.pass();
    const { current, nextRotationTime, nextRotationReason } = bench.status();
    assert.equal(nextRotationReason, "Expiry");
    assert.equal(Date.parse(current!.expiresAt!) - Date.parse(nextRotationTime!), 2 * HOUR);
  });

  it("is made anew at once when its Secret is gone, when it is asked for, and when the spec asks for other names", async () => {
    const bench = setUp();
    await bench.pass();
    const ids = [bench.status().current!.id];
    const { uid } = bench.secret()!.metadata;
    await bench.cluster.delete({ kind: SECRETS, namespace: "payments", name: "app" }, { uid });
    await live(bench, 1000);
    ids.push(bench.status().current!.id);
    bench.rotate();
    await live(bench, 1000);
    ids.push(bench.status().current!.id);
    assert.equal(bench.status().lastHandledRotateAt, bench.object().metadata.annotations?.[ROTATE_AT]);
    bench.apply(spec({}, { dnsNames: ["web.example", "more.example"] }));
    await live(bench, 1000);
    ids.push(bench.status().current!.id);
    assert.equal(new Set(ids).size, 4);
    assert.equal(bench.status().lastKnownGood?.generation, 2);
    await live(bench, 2 * HOUR);
    assert.deepEqual(valid(bench), [ids.at(-1)], "all others are revoked");
  });

  it("is made anew three times in a day when its Secret is taken away, then once an hour; what is asked for waits for no hour", async () => {
    const bench = setUp();
    await live(bench, 60_000);
    const lose = async (ms: number): Promise<void> => {
      bench.cluster.drop({ kind: SECRETS, namespace: ROTATION.namespace ?? "", name: "app" });
      await bench.pass();
      await live(bench, ms);
    };
    for (let time = 0; time < 3; time += 1) await lose(60_000);
    assert.equal(bench.pki.serials.size, 4);
    assert.equal(bench.condition("Stalled"), undefined);
    await lose(1000);
    assert.equal(bench.pki.serials.size, 4);
    assert.equal(bench.condition("Stalled")?.reason, "TooManyReplacements");
    await live(bench, HOUR);
    assert.equal(bench.pki.serials.size, 5);
    assert.equal(bench.condition("Stalled"), undefined);
    await lose(1000);
    assert.equal(bench.condition("Stalled")?.reason, "TooManyReplacements");
    bench.annotate({ [ROTATE_AT]: bench.clock.now().toISOString() });
    await bench.pass();
    assert.equal(bench.pki.serials.size, 6, "what a person asks for has no bound");
  });

  it("is rolled to its dependents, and the one before is not revoked until they are well on the new one", async () => {
    const dependents = [{ name: "web", workload: { kind: "Deployment" as const, name: "web" }, timeout: "60s" }];
    const bench = setUp({ dependents, retire: { overlap: "10s" } });
    bench.deploy("web");
    bench.sick.add("web");
    await live(bench, 60_000);
    const first = bench.status().current!;
    bench.rotate();
    await live(bench, 100_000);
    const second = bench.status().current!;
    assert.notEqual(second.id, first.id);
    assert.equal(bench.pki.serials.get(first.id)?.revoked, false, "the dependent never came up on the new one");
    assert.equal(bench.condition("DependentsUpdated")?.status, "False");
  });

  it("does not write over what is not its own", async () => {
    const bench = setUp();
    bench.cluster.seed({ kind: SECRETS, namespace: "payments", name: "app" }, { type: "Opaque", data: {} });
    await bench.pass();
    assert.equal(bench.condition("Conflict")?.status, "True");
    assert.deepEqual(bench.secret()?.data, {});
  });

  const failedChecks: readonly (readonly [string, Partial<CredentialSource>, string])[] = [
    [
      "does not hold together",
      { verify: () => Promise.resolve({ kind: "rejected" }) },
      "What was issued does not hold together; it is thrown away and another one is issued.",
    ],
    [
      "holds together with a wrong key as well",
      { negativeControl: () => Promise.resolve({ kind: "accepted" }) },
      "A wrong credential was accepted too, so the check proves nothing; another one is issued.",
    ],
  ];
  for (const [what, answers, message] of failedChecks) {
    it(`is thrown away when it ${what}, says so, and another one is issued when the check is good again`, async () => {
      const bench = setUp();
      bench.wrapVault = (source) => ({ ...source, ...answers });
      bench.start();
      const outcome = await bench.pass();
      assert.equal(outcome.kind, "failed");
      assert.equal(bench.secret(), undefined, "nobody has had it");
      assert.equal(bench.status().current, undefined);
      assert.equal(bench.condition("Ready")?.status, "False");
      assert.ok(bench.condition("Ready")?.message.includes(message), bench.condition("Ready")?.message);
      assert.ok(!bench.reasons().includes("Published"));
      assert.equal(bench.pki.signings, 1);

      bench.wrapVault = (source) => source;
      bench.start();
      await live(bench, HOUR);
      assert.equal(bench.pki.signings, 2);
      assert.equal(delivered(bench), bench.status().current?.id);
      assert.equal(bench.condition("Ready")?.status, "True");
    });

    it(`stays in use when the next one ${what}: nothing is written over it, and it is not revoked`, async () => {
      const bench = setUp();
      await bench.pass();
      const { id } = bench.status().current!;
      bench.wrapVault = (source) => ({ ...source, ...answers });
      bench.start();
      bench.rotate();
      await live(bench, 2 * HOUR);
      assert.equal(delivered(bench), id);
      assert.equal(bench.status().current?.id, id);
      assert.equal(bench.pki.serials.get(id)?.revoked, false);
    });
  }

  it("is made once when its record is lost and what stands at its place is no certificate any more", async () => {
    const bench = setUp();
    await bench.pass();
    const secret = bench.secret()!;
    bench.cluster.seed(
      { kind: SECRETS, namespace: "payments", name: "app" },
      { ...secret, data: { "tls.crt": "eA==" } },
    );
    const object = bench.object();
    bench.cluster.seed(ROTATION, { ...object, status: {} });
    const before = bench.pki.signings;
    await live(bench, 60_000);
    assert.ok(bench.pki.signings - before <= 2, `${bench.pki.signings - before} signings`);
    assert.equal(delivered(bench), bench.status().current?.id);
  });

  it("is revoked first when it has leaked and the owner wants that, and made anew once", async () => {
    for (const onLeak of ["RotateFirst", "RevokeFirst"] as const) {
      const bench = setUp({ onLeak }, { revocation: { mode: "Never" } });
      await bench.pass();
      const { version, id } = bench.status().current!;
      bench.annotate({ [LEAKED]: version });
      await live(bench, 60_000);
      assert.deepEqual(valid(bench), [bench.status().current?.id], onLeak);
      assert.notEqual(bench.status().current?.id, id);
      assert.equal(bench.pki.signings, 2, onLeak);
    }
  });

  it("goes to a second place, and is withdrawn from one that the spec no longer names", async () => {
    const bench = setUp();
    await bench.pass();
    const two = [
      { name: "app", kubernetesSecret: { name: "app" } },
      { name: "kv", vaultKV: { connectionRef: { name: "vault" }, path: "web/tls" } },
    ];
    bench.apply(spec({ deliver: two }));
    await live(bench, 5000);
    assert.equal(bench.kv.get("web/tls")?.version, bench.status().current?.version);
    bench.apply(spec({ deliver: two.slice(1) }));
    await live(bench, 5000);
    assert.equal(bench.secret(), undefined);
    assert.equal(bench.status().deliveries?.length, 1);
  });

  it("is revoked when its resource goes, at once, by way of the ledger", async () => {
    const bench = setUp();
    await bench.pass();
    const { id } = bench.status().current!;
    await bench.deleteRotation();
    await live(bench, 1000);
    assert.equal(bench.secret(), undefined);
    assert.equal(bench.orphans().length, 1);
    await bench.ledgerToRest();
    assert.equal(bench.pki.serials.get(id)?.revoked, true);
    assert.equal(bench.orphans().length, 0);
  });

  it("tells that it has ended when it could not be renewed", async () => {
    const bench = setUp();
    await bench.pass();
    bench.pki.left.add("web.example");
    await live(bench, 25 * HOUR);
    assert.equal(bench.condition("Ready")?.reason, "CredentialExpired");
    bench.pki.left.clear();
    await live(bench, 2 * HOUR);
    assert.equal(bench.condition("Ready")?.reason, "Available");
  });

  it("comes to the same end whatever is lost on the way", async () => {
    const life = async (bench: Bench): Promise<void> => {
      await live(bench, 30_000);
      bench.rotate();
      await live(bench, 3 * HOUR);
    };
    const reference = setUp();
    await life(reference);
    const { mutations } = reference;
    assert.ok(mutations >= 8, `${mutations}`);
    for (const how of TRAPS) {
      for (let at = 1; at <= mutations; at += 1) {
        const bench = setUp();
        bench.trap = { at, how } satisfies Trap;
        await life(bench);
        const about = `${how} at ${at} (${bench.trace[at - 1] ?? ""})`;
        const { current, pendingRevocations } = bench.status();
        assert.equal(delivered(bench), current?.id, about);
        assert.equal(bench.condition("Ready")?.status, "True", about);
        assert.deepEqual(pendingRevocations ?? [], [], about);
        // One whose answer was lost before anybody had its key may stay: nobody can use it.
        const seen = new Set([current?.id, ...(bench.status().history ?? []).map(({ id }) => id)]);
        const unknown = valid(bench).filter((serial) => !seen.has(serial));
        assert.ok(unknown.length <= 1, about);
      }
    }
  });

  it("loses no serial that has stood at a place", async () => {
    for (const how of TRAPS) {
      for (let at = 1; at <= 14; at += 1) {
        const bench = setUp();
        const stood = new Set<string>();
        bench.trap = { at, how };
        for (let turn = 0; turn < 60; turn += 1) {
          if (turn === 20) bench.rotate();
          await live(bench, 500);
          const now = delivered(bench);
          if (now !== undefined) stood.add(now);
        }
        await live(bench, 3 * HOUR);
        const { current, history } = bench.status();
        const known = new Set([current?.id, ...(history ?? []).map(({ id }) => id)]);
        assert.deepEqual(
          [...stood].filter((serial) => !known.has(serial)),
          [],
          `${how} at ${at}`,
        );
      }
    }
  });
});
