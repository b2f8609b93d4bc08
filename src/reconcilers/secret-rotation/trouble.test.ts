import assert from "node:assert/strict";
import { PAUSED, RETRY, ROTATE_AT, confirmedBy } from "../../api/v1alpha1/annotations.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { fakeErrors } from "../../providers/fake-source.ts";
import { claimName } from "../../stores/claims.ts";
import { CONFIG_MAPS, SECRETS } from "../../stores/kinds.ts";
import { Bench, connectionRef, deploymentRef, OPERATOR_NAMESPACE, SPEC } from "../ports.fake.ts";
import { wholeOf } from "../../kernel/listed.ts";

const setUp = (spec: Parameters<Bench["apply"]>[0] = {}): Bench => {
  const bench = new Bench();
  bench.deploy("web");
  bench.apply(spec);
  return bench;
};

const atRest = async (spec: Parameters<Bench["apply"]>[0] = {}): Promise<Bench> => {
  const bench = setUp(spec);
  await bench.toRest();
  return bench;
};

/** So many passes, with the time moved to when each next one is asked for. */
const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(recheckAfterMs ?? 1000, 60_000));
  }
};

const providerMutations = (bench: Bench): readonly string[] => bench.trace.filter((name) => name.startsWith("aws:"));

describe("verification", () => {
  it("waits for a key that is refused while it is young, and goes on with it", async () => {
    const bench = setUp();
    bench.source.notYet = 4;
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("gives up a key that is refused for good, deletes it, and backs off longer each time", async () => {
    const bench = setUp();
    bench.source.rejectsEverything = true;
    const issuedAtMs: number[] = [];
    for (let pass = 0; pass < 400 && issuedAtMs.length < 5; pass += 1) {
      const before = bench.source.count("issue");
      const { recheckAfterMs } = await bench.pass();
      if (bench.source.count("issue") > before) issuedAtMs.push(bench.clock.now().getTime());
      await bench.clock.advance(Math.max(recheckAfterMs ?? 1000, 1000));
    }
    const gaps = issuedAtMs.slice(1).map((at, index) => at - issuedAtMs[index]!);
    assert.ok(gaps.at(-1)! > gaps[0]!, `gaps do not grow: ${gaps.join(", ")}`);
    assert.equal(bench.delivered(), undefined);
    assert.equal(bench.condition("Ready")?.status, "False");
    assert.ok(bench.source.keys.size <= 2);
  });

  it("is not believed when a wrong credential is accepted too", async () => {
    const bench = setUp();
    bench.source.acceptsEverything = true;
    await passes(bench, 12);
    assert.ok(bench.reasons().includes("VerificationRejected"));
    assert.equal(bench.delivered(), undefined);
    assert.equal(bench.status().current, undefined);
  });

  it("is left out with mode None, and Ready and Verified say so", async () => {
    const bench = await atRest({ verify: { mode: "None" } });
    assert.equal(bench.source.count("verify"), 0);
    assert.equal(bench.condition("Ready")?.reason, "AvailableUnverified");
    assert.equal(bench.condition("Verified")?.reason, "NotAsked");
  });
});

describe("the provider's slots", () => {
  it("are never made free by touching keys that are not ours", async () => {
    const bench = setUp();
    bench.source.addForeign("AKIAFOREIGN1");
    bench.source.addForeign("AKIAFOREIGN2");
    const outcome = await bench.toRest();
    assert.equal(outcome.kind, "stalled");
    assert.equal(bench.condition("Stalled")?.reason, "SlotsFull");
    assert.deepEqual(providerMutations(bench), []);
    assert.deepEqual(
      [...bench.source.keys.values()].map(({ enabled }) => enabled),
      [true, true],
    );
  });

  it("go on when a person has deleted the key that was in the way", async () => {
    const bench = setUp();
    bench.source.addForeign("AKIAFOREIGN1");
    bench.source.addForeign("AKIAFOREIGN2");
    await bench.toRest();
    bench.source.keys.clear();
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("Stalled"), undefined);
  });

  it("show a foreign key as Unmanaged and leave it alone", async () => {
    const bench = setUp();
    bench.source.addForeign("AKIAFOREIGN1");
    await bench.toRest();
    assert.equal(bench.condition("Unmanaged")?.reason, "UnknownCredential");
    assert.equal(bench.source.keys.get("AKIAFOREIGN1")?.enabled, true);
  });

  it("give back a key whose CreateAccessKey answer was lost, first disabled and then deleted", async () => {
    const bench = setUp();
    bench.source.failNext("issue", fakeErrors.lost, "after");
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 2);
    assert.equal(bench.source.keys.size, 1);
    const calls = bench.source.calls
      .filter(({ id }) => id === "AKIAFAKE000000000001")
      .map(({ operation }) => operation);
    assert.ok(calls.indexOf("setEnabled") < calls.indexOf("revoke") && calls.includes("setEnabled"));
  });

  it("keep a late key that somebody has used: disabled, Stalled, never deleted", async () => {
    const bench = setUp();
    bench.source.failNext("issue", fakeErrors.lost, "after");
    await bench.pass();
    while (bench.source.keys.size === 0) await passes(bench, 1);
    const [lost] = bench.source.keys.keys();
    bench.source.markUsed(lost!, bench.clock.now());
    await passes(bench, 40);
    assert.equal(bench.source.keys.get(lost!)?.enabled, false);
    assert.equal(bench.condition("Stalled")?.reason, "StrayInUse");
  });

  it("leave a late key alone on a user that is not exclusive, and stall", async () => {
    const bench = setUp({
      source: { awsAccessKey: { connectionRef: { name: "aws" }, userName: "billing", exclusive: false } },
    });
    bench.source.failNext("issue", fakeErrors.lost, "after");
    await passes(bench, 12);
    assert.equal(bench.condition("Stalled")?.reason, "StrayOnSharedTarget");
    assert.deepEqual(
      [...bench.source.keys.values()].map(({ enabled }) => enabled),
      [true],
    );
  });
});

describe("revocation", () => {
  it("is not put on record for a key that merely is not listed yet", async () => {
    const bench = setUp();
    bench.source.rejectsEverything = true;
    bench.source.listingLag = 1000;
    for (let pass = 0; pass < 150; pass += 1) {
      await passes(bench, 1);
      for (const { id, disabledAt } of bench.status().pendingRevocations ?? [])
        assert.ok(disabledAt === undefined || bench.source.keys.get(id)?.enabled !== true, `${id} still works`);
    }
    assert.ok(bench.source.count("setEnabled") > 0);
  });

  it("is not proven as long as the dead key is accepted", async () => {
    const bench = await atRest();
    const first = bench.status().current!.id;
    bench.rotate();
    while (bench.source.keys.has(first)) await passes(bench, 1);
    bench.source.acceptsEverything = true;
    await passes(bench, 10);
    assert.equal(bench.condition("OldCredentialRevoked")?.reason, "RevocationFailing");
    assert.equal(bench.status().history, undefined);
    bench.source.acceptsEverything = false;
    await bench.toRest();
    assert.equal(bench.condition("OldCredentialRevoked")?.reason, "ProvenByLogin");
  });
});

describe("ownership", () => {
  it("refuses a user that is not tagged with this resource's name, and touches nothing", async () => {
    for (const owner of [undefined, "test/payments/other", "other/payments/billing"]) {
      const bench = setUp();
      bench.source.target = { exists: true, allowed: true, owner, ownerUid: undefined };
      await passes(bench, 5);
      assert.equal(bench.condition("Conflict")?.reason, "NotOurs");
      assert.deepEqual(providerMutations(bench), []);
    }
  });

  it("refuses a user that does not exist or lies outside the connection's path", async () => {
    for (const [target, reason] of [
      [{ exists: false, allowed: false }, "NotFound"],
      [{ exists: true, allowed: false, owner: "test/payments/billing" }, "PermissionDenied"],
    ] as const) {
      const bench = setUp();
      bench.source.target = target;
      await passes(bench, 4);
      assert.equal(bench.condition("Ready")?.reason, reason);
      assert.deepEqual(providerMutations(bench), []);
    }
  });

  it("refuses a target that another resource has claimed, without naming it", async () => {
    const bench = setUp();
    const target = "aws-access-key/111122223333/billing";
    const owner = { kind: "SecretRotation", namespace: "rivals", name: "first", uid: "uid-rival" };
    await bench.ports.claims.make(target, { owner, snapshot: "{}" });
    await passes(bench, 5);
    assert.equal(bench.condition("Conflict")?.reason, "NotOurs");
    assert.ok(!JSON.stringify(bench.object()).includes("rivals"));
    assert.deepEqual(providerMutations(bench), []);
    const claim = bench.cluster.peek({ kind: CONFIG_MAPS, namespace: OPERATOR_NAMESPACE, name: claimName(target) });
    assert.ok(JSON.stringify(claim).includes("uid-rival"));
  });

  it("refuses a namespace that the connection does not allow, and issues nothing", async () => {
    const bench = setUp();
    bench.cluster.seed(connectionRef("aws"), {
      spec: { allowedNamespaces: { mode: "Listed", names: ["others"] }, aws: { accountId: "111122223333" } },
    });
    await passes(bench, 4);
    assert.equal(bench.condition("Ready")?.reason, "PermissionDenied");
    assert.deepEqual(providerMutations(bench), []);
  });

  it("says NotFound while the connection does not exist, and goes on when it comes", async () => {
    const bench = setUp();
    const connection = bench.cluster.peek(connectionRef("aws"))!;
    bench.cluster.drop(connectionRef("aws"));
    await passes(bench, 4);
    assert.equal(bench.condition("Ready")?.reason, "NotFound");
    bench.cluster.seed(connectionRef("aws"), { ...connection });
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
  });
});

describe("a place of delivery", () => {
  it("that is somebody else's Secret is a Conflict: not written, no key made", async () => {
    const bench = setUp();
    const ref = { kind: SECRETS, namespace: "payments", name: "app" };
    const foreign = bench.cluster.seed(ref, { type: "Opaque", data: { mine: "eA==" } });
    await passes(bench, 6);
    assert.deepEqual(bench.cluster.peek(ref), foreign);
    assert.equal(bench.condition("Conflict")?.reason, "NotOurs");
    assert.equal(bench.source.count("issue"), 0);
  });

  it("that is somebody else's KV path is a Conflict: not written", async () => {
    const bench = setUp();
    bench.kvForeign.add("billing/aws");
    await passes(bench, 6);
    assert.equal(bench.kv.size, 0);
    assert.equal(bench.condition("Conflict")?.reason, "NotOurs");
  });

  it("that was removed or changed by hand gets the current credential again", async () => {
    const bench = await atRest();
    const current = bench.delivered();
    bench.cluster.drop({ kind: SECRETS, namespace: "payments", name: "app" });
    await bench.toRest();
    assert.equal(bench.delivered(), current);
    const secret = bench.secret()!;
    bench.cluster.seed(
      { kind: SECRETS, namespace: "payments", name: "app" },
      { ...secret, data: { ...secret.data, accessKeyId: "eA==" } },
    );
    await bench.toRest();
    assert.equal(bench.delivered(), current);
    assert.equal(bench.source.count("issue"), 1);
  });

  it("that the spec no longer names is withdrawn, and its claim released", async () => {
    const bench = await atRest();
    bench.apply({ deliver: [SPEC.deliver[0]!] });
    await bench.toRest();
    assert.equal(bench.kv.size, 0);
    const claims = wholeOf("claims", await bench.ports.claims.list());
    assert.deepEqual(claims.map(({ target }) => target).sort(), [
      "aws-access-key/111122223333/billing",
      "secret/payments/app",
    ]);
  });

  it("is written with the previous value kept: lost staging is won back from the Secret", async () => {
    const bench = await atRest();
    await bench.ports.staging.keepOnly(bench.object().metadata.uid, []);
    bench.rotate();
    await bench.toRest();
    assert.ok(!bench.reasons().includes("RollbackUnavailable"));
    assert.equal(bench.status().history?.[0]?.proof, "ProvenByLogin");
  });

  it("gets a new credential when the value is lost in staging and in every place", async () => {
    const bench = await atRest();
    await bench.ports.staging.keepOnly(bench.object().metadata.uid, []);
    bench.cluster.drop({ kind: SECRETS, namespace: "payments", name: "app" });
    bench.kv.clear();
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 2);
    assert.equal(bench.delivered(), bench.status().current?.id);
    assert.equal(bench.source.keys.size, 1);
  });
});

describe("dependents", () => {
  it("that do not come up in time: the previous credential is published again and the workload rolled back", async () => {
    const bench = await atRest();
    const first = bench.status().current!;
    bench.rotate();
    bench.sick.add("web");
    for (let pass = 0; pass < 200 && bench.status().rotation?.direction !== "Back"; pass += 1) await passes(bench, 1);
    assert.equal(bench.status().rotation?.direction, "Back");
    bench.sick.delete("web");
    await bench.toRest();
    assert.equal(bench.status().current?.id, first.id);
    assert.equal(bench.delivered(), first.id);
    assert.equal(bench.status().closedIntents?.[0]?.result, "RolledBack");
    assert.deepEqual([...bench.source.keys.keys()], [first.id]);
    assert.equal(bench.refusedLogins, 0);
    assert.ok(bench.reasons().includes("RotationRolledBack"));
  });

  it("that are paused for longer than their time-out roll when they are resumed: the time-out has stood still", async () => {
    const bench = await atRest();
    const pause = (paused: boolean): void => {
      const present = bench.cluster.peek<KubeObject & { readonly spec: object }>(deploymentRef("web"))!;
      const generation = (present.metadata.generation ?? 1) + 1;
      bench.cluster.seed(deploymentRef("web"), {
        ...present,
        metadata: { ...present.metadata, generation },
        spec: { ...present.spec, paused },
        status: { observedGeneration: generation, replicas: 2, updatedReplicas: 0, availableReplicas: 2 },
      });
    };
    bench.sick.add("web");
    bench.rotate();
    for (let pass = 0; pass < 50 && bench.status().rotation?.dependents === undefined; pass += 1)
      await passes(bench, 1);
    pause(true);
    await passes(bench, 20);
    await bench.clock.advance(10 * 60_000);
    await passes(bench, 5);
    assert.equal(bench.condition("DependentsUpdated")?.reason, "DependentHeld");
    pause(false);
    await passes(bench, 5);
    assert.equal(bench.status().rotation?.direction, "Forward");
    bench.sick.delete("web");
    bench.cluster.seed(deploymentRef("web"), { ...bench.cluster.peek(deploymentRef("web"))!, status: {} });
    await bench.toRest();
    assert.equal(bench.status().closedIntents?.[0]?.result, "Succeeded");
    assert.equal(bench.delivered(), "AKIAFAKE000000000002");
  });

  it("that are ill before the change delay it, and a spec without them lets it go on", async () => {
    const bench = await atRest();
    bench.cluster.seed(deploymentRef("web"), {
      ...bench.cluster.peek(deploymentRef("web"))!,
      status: { observedGeneration: 99, replicas: 2, updatedReplicas: 2, availableReplicas: 0 },
    });
    bench.rotate();
    await passes(bench, 30);
    assert.equal(bench.condition("DependentsUpdated")?.reason, "DependentUnhealthy");
    assert.equal(bench.delivered(), "AKIAFAKE000000000001");
    bench.apply({ dependents: [] });
    await bench.toRest();
    assert.equal(bench.delivered(), "AKIAFAKE000000000002");
  });

  it("that do not exist hold up the first issue and are named", async () => {
    const bench = setUp();
    bench.cluster.drop(deploymentRef("web"));
    await passes(bench, 25);
    assert.equal(bench.condition("DependentsUpdated")?.reason, "DependentMissing");
    assert.match(bench.condition("DependentsUpdated")!.message, /web/);
    bench.deploy("web");
    await bench.toRest();
    assert.equal(bench.condition("DependentsUpdated")?.reason, "AllMoved");
  });

  it("outside the cluster confirm the version; any other value is ignored, and nothing is retired before", async () => {
    const external = { name: "ci", external: { confirm: "Annotation" as const }, timeout: "72h" };
    const bench = setUp({ dependents: [external] });
    await passes(bench, 20);
    bench.annotate({ [confirmedBy("ci")]: bench.status().current!.version });
    await bench.toRest();
    bench.rotate();
    await passes(bench, 20);
    assert.equal(bench.condition("DependentsUpdated")?.reason, "ExternalConfirmation");
    bench.annotate({ [confirmedBy("ci")]: "true" });
    await passes(bench, 5);
    assert.deepEqual(
      [...bench.source.keys.values()].map(({ enabled }) => enabled),
      [true, true],
    );
    bench.annotate({ [confirmedBy("ci")]: bench.status().current!.version });
    await bench.toRest();
    assert.equal(bench.source.keys.size, 1);
  });

  it("that still use the old key keep it alive where requireUnusedFor is declared", async () => {
    const retire = { overlap: "2s", deleteAfter: "1s", requireUnusedFor: "60s" };
    const bench = await atRest({ retire });
    const first = bench.status().current!.id;
    bench.rotate();
    for (let pass = 0; pass < 60; pass += 1) {
      bench.source.markUsed(first, bench.clock.now());
      await passes(bench, 1);
    }
    assert.equal(bench.source.keys.get(first)?.enabled, true);
    assert.equal(bench.condition("OldCredentialRevoked")?.reason, "RevocationFailing");
    await bench.clock.advance(3_600_000);
    await bench.toRest();
    assert.equal(bench.source.keys.has(first), false);
  });

  it("are safe where the provider cannot say when a key was used last: requireUnusedFor fails closed", async () => {
    const bench = await atRest({ retire: { overlap: "2s", deleteAfter: "1s", requireUnusedFor: "1s" } });
    const first = bench.status().current!.id;
    bench.source.lastUse = () => Promise.resolve({ kind: "unknown" });
    bench.rotate();
    await passes(bench, 60);
    assert.equal(bench.source.keys.get(first)?.enabled, true);
  });
});

describe("time", () => {
  it("retires nothing while the clocks disagree by more than 30 s", async () => {
    const bench = await atRest();
    const first = bench.status().current!.id;
    bench.skewMs = 31_000;
    bench.rotate();
    await passes(bench, 40);
    assert.equal(bench.source.keys.get(first)?.enabled, true);
    assert.equal(bench.condition("OldCredentialRevoked")?.reason, "ClockSkew");
    bench.skewMs = 0;
    await bench.toRest();
    assert.equal(bench.source.keys.has(first), false);
  });

  it("keeps the old key for the whole overlap and the longest termination grace", async () => {
    const bench = new Bench();
    bench.deploy("web", 20);
    bench.apply({ retire: { overlap: "30s", deleteAfter: "1s" } });
    await bench.toRest();
    const first = bench.status().current!.id;
    bench.rotate();
    let closedAtMs = 0;
    while (bench.source.keys.get(first)?.enabled === true) {
      await bench.pass();
      if (closedAtMs === 0 && bench.status().pendingRevocations?.length === 1) closedAtMs = bench.clock.now().getTime();
      await bench.clock.advance(500);
    }
    assert.ok(bench.clock.now().getTime() - closedAtMs >= 50_000);
  });
});

describe("annotations", () => {
  it("paused: nothing outside changes until it is taken off", async () => {
    const bench = await atRest();
    bench.annotate({ [PAUSED]: "true" });
    bench.rotate();
    const before = providerMutations(bench).length;
    await passes(bench, 5);
    assert.equal(providerMutations(bench).length, before);
    assert.equal(bench.condition("Paused")?.reason, "AskedFor");
    assert.equal(bench.condition("Ready")?.status, "True");
    bench.annotate({ [PAUSED]: undefined });
    await bench.toRest();
    assert.equal(bench.condition("Paused"), undefined);
    assert.equal(bench.source.count("issue"), 2);
  });

  it("rotate-at that is no time is told and ignored", async () => {
    const bench = await atRest();
    for (const text of ["now", "2026-01-01", "2026-02-30T25:00:00Z", "", "2026-01-01T00:00:00", "1767225600"]) {
      bench.annotate({ [ROTATE_AT]: text });
      await bench.toRest();
    }
    assert.equal(bench.source.count("issue"), 1);
    assert.ok(bench.reasons().includes("InvalidAnnotation"));
  });

  it("rotate-at in the future waits until then", async () => {
    const bench = await atRest();
    bench.annotate({ [ROTATE_AT]: new Date(bench.clock.now().getTime() + 600_000).toISOString() });
    const outcome = await bench.pass();
    assert.equal(bench.source.count("issue"), 1);
    assert.ok(outcome.recheckAfterMs !== undefined && outcome.recheckAfterMs > 590_000);
    await bench.clock.advance(601_000);
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 2);
  });

  it("pauses that grow to hours while the provider is out of reach, also over restarts, and end when its connection is back", async () => {
    const bench = setUp();
    await bench.toRest();
    bench.source.failNext("list", fakeErrors.unavailable, "before", 10_000);
    bench.rotate();
    let longestMs = 0;
    for (let pass = 0; pass < 40 && longestMs < 3 * 3_600_000; pass += 1) {
      const before = bench.source.count("list");
      await bench.pass();
      if (bench.source.count("list") > before) {
        const { nextAttemptTime } = bench.status().failures!;
        longestMs = Math.max(longestMs, Date.parse(nextAttemptTime) - bench.clock.now().getTime());
      }
      const next = Date.parse(bench.status().failures?.nextAttemptTime ?? "") - bench.clock.now().getTime();
      await bench.clock.advance(Math.max(next, 0) + 1000);
      bench.start();
    }
    assert.ok(longestMs > 3_600_000 && longestMs <= 2 * 3_600_000, `${longestMs} ms`);
    await bench.pass();
    const tried = bench.source.count("list");
    await bench.pass();
    assert.equal(bench.source.count("list"), tried, "its pause is kept");
    bench.source.clearFailures();
    bench.ports.revived.add("payments/billing");
    await bench.toRest(400);
    assert.equal(bench.status().failures, undefined);
    assert.equal(bench.status().current?.version.startsWith("2-"), true);
  });

  it("retry lifts a back-off at once", async () => {
    const bench = setUp();
    bench.source.target = { exists: false, allowed: false };
    await passes(bench, 10);
    bench.source.target = { exists: true, allowed: true, owner: "test/payments/billing" };
    await bench.pass();
    assert.equal(bench.source.count("issue"), 0);
    bench.annotate({ [RETRY]: "1" });
    await bench.pass();
    assert.equal(bench.status().failures, undefined);
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
  });
});

describe("the last known good", () => {
  const broken = { deliver: [...SPEC.deliver, { name: "more", kubernetesSecret: { name: "taken" } }] };
  const taken = { kind: SECRETS, namespace: "payments", name: "taken" };

  const withBrokenSpec = async (): Promise<Bench> => {
    const bench = await atRest();
    bench.cluster.seed(taken, { type: "Opaque", data: { mine: "eA==" } });
    bench.apply(broken);
    return bench;
  };

  it("stays in force when a new spec is refused for its progress deadline, and Reverted says which generation failed", async () => {
    const bench = await withBrokenSpec();
    await passes(bench, 20);
    assert.equal(bench.condition("Reverted")?.reason, "Conflict");
    assert.match(bench.condition("Reverted")!.message, /Generation 2 .* Generation 1 is in force/);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.ok(bench.reasons().includes("Reverted"));
    bench.rotate();
    await bench.toRest();
    assert.equal(bench.delivered(), "AKIAFAKE000000000002");
  });

  it("is not fallen back to before the deadline, nor for what is merely out of reach", async () => {
    const bench = await withBrokenSpec();
    await passes(bench, 3);
    assert.equal(bench.condition("Reverted"), undefined);

    const away = await atRest();
    away.apply({ verify: { successes: 1, soak: "1s" } });
    away.source.failNext("list", fakeErrors.throttled, "before", 1000);
    await passes(away, 40);
    assert.equal(away.condition("Reverted"), undefined);
    assert.equal(away.status().quarantine, undefined);
  });

  it("gives way when the spec is put right, and to the same spec when retry asks for it", async () => {
    const bench = await withBrokenSpec();
    await passes(bench, 20);
    bench.apply();
    await bench.toRest();
    assert.equal(bench.condition("Reverted"), undefined);

    const again = await withBrokenSpec();
    await passes(again, 20);
    again.cluster.drop(taken);
    await again.toRest();
    assert.equal(again.condition("Reverted")?.status, "True");
    again.annotate({ [RETRY]: "now" });
    await again.toRest();
    assert.equal(again.condition("Reverted"), undefined);
    assert.equal(again.delivered("taken"), again.status().current?.id);
  });

  it("gives a changed spec a deadline of its own, whatever the one before has failed for", async () => {
    const bench = await atRest();
    bench.kvForeign.add("billing/aws");
    bench.kv.clear();
    await passes(bench, 20);
    bench.apply({ deliver: [SPEC.deliver[0]!] });
    await bench.toRest();
    assert.equal(bench.condition("Reverted"), undefined);
    assert.equal(bench.status().lastKnownGood?.generation, 2);
  });

  it("is not fallen back to with rollback None", async () => {
    const bench = await atRest();
    bench.cluster.seed(taken, { type: "Opaque", data: { mine: "eA==" } });
    bench.apply({ ...broken, rollback: { mode: "None" } });
    await passes(bench, 25);
    assert.equal(bench.condition("Reverted"), undefined);
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("Stalled")?.reason, "Conflict");
  });

  it("is not there for a first spec, which backs off and is Stalled", async () => {
    const bench = setUp(broken);
    bench.cluster.seed(taken, { type: "Opaque", data: { mine: "eA==" } });
    await passes(bench, 25);
    assert.equal(bench.status().quarantine, undefined);
    assert.equal(bench.condition("Stalled")?.reason, "Conflict");
  });

  it("stays in force for a spec that makes no sense to this operator, at once and with the field's name", async () => {
    const bench = await atRest();
    bench.apply({ retire: { overlap: "a week" } });
    await bench.toRest();
    assert.equal(bench.condition("Reverted")?.reason, "InvalidSpec");
    assert.match(bench.condition("Reverted")!.message, /spec\.retire\.overlap/);
    const first = setUp({ retire: { overlap: "a week" } });
    await first.toRest();
    assert.equal(first.condition("Stalled")?.reason, "InvalidSpec");
    assert.equal(first.mutations, 1);
  });

  it("is never written into the spec", async () => {
    const bench = await withBrokenSpec();
    const { spec } = bench.object();
    await passes(bench, 30);
    assert.deepEqual(bench.object().spec, spec);
  });
});

describe("what cannot be recorded or is not allowed now", () => {
  it("issues nothing while the audit trail is down, and goes on when it is back", async () => {
    const bench = setUp();
    bench.auditDown = true;
    await passes(bench, 6);
    assert.equal(bench.source.count("issue"), 0);
    bench.auditDown = false;
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
  });

  it("still revokes while the audit trail is down", async () => {
    const bench = await atRest();
    bench.rotate();
    while (bench.status().pendingRevocations === undefined) await passes(bench, 1);
    bench.auditDown = true;
    await bench.toRest();
    assert.equal(bench.source.keys.size, 1);
  });

  it("changes nothing at the provider after the operator has lost its Lease", async () => {
    const bench = setUp();
    bench.leading = false;
    await passes(bench, 6);
    assert.deepEqual(providerMutations(bench), []);
  });

  it("decides nothing on an object that is older than one it has seen", async () => {
    const bench = await atRest();
    bench.rotate();
    const old = bench.object();
    await passes(bench, 4);
    const issues = bench.source.count("issue");
    const get = bench.ports.cluster.get.bind(bench.ports.cluster);
    const stale = {
      ...bench.ports,
      cluster: new Proxy(bench.ports.cluster, {
        get: (target, name) =>
          name === "get"
            ? (ref: Parameters<typeof get>[0]) => (ref.name === "billing" ? Promise.resolve(old) : get(ref))
            : (Reflect.get(target, name) as unknown),
      }),
    };
    bench.ports = stale;
    const mutations = bench.mutations;
    await bench.pass();
    assert.equal(bench.source.count("issue"), issues);
    assert.equal(bench.mutations, mutations);
  });
});
