import assert from "node:assert/strict";
import { DRY_RUN, PAUSED, REVIEWED_AT } from "../../api/v1alpha1/annotations.ts";
import { SECRET_ROTATION } from "../../api/v1alpha1/secret-rotation.ts";
import { fakeAccountErrors } from "../../providers/fake-account.ts";
import { connectionRef } from "../ports.fake.ts";
import { LifecycleBench, SPEC } from "./bench.fake.ts";

const joined = async (): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply();
  await bench.toRest();
  assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  return bench;
};

describe("an identity that joins", () => {
  it("is claimed and on record before anything is made, and every account carries its owner before a privilege", async () => {
    const bench = new LifecycleBench();
    bench.apply();
    await bench.toRest();
    const { trace } = bench.bench;
    const first = trace.indexOf("account:apply");
    assert.deepEqual(trace.slice(0, first), [
      "cluster:replaceStatus",
      "cluster:mergePatch",
      "cluster:create",
      "cluster:create",
      "cluster:create",
      "cluster:replaceStatus",
    ]);
    const applied = bench.bench.audit.filter(({ phase, action }) => phase === "begin" && action === "account:Apply");
    // Three principals, alias, login and three privileges: the owner came with the principal.
    assert.equal(applied.length, 8);
    assert.equal(bench.claims(), 3);
    assert.deepEqual(bench.keys("cluster"), ["binding/Role/reader"]);
    assert.deepEqual(bench.keys("secrets"), ["alias", "login", "policy/billing"]);
    assert.equal(bench.place("lake").principal?.mark?.owner, "test/payments/billing");
    assert.equal(bench.record("lake")?.state, "Active");
    assert.equal(bench.record("lake")?.externalId, bench.place("lake").principal?.externalId);
    assert.equal(bench.status().state, "Active");
    assert.deepEqual(bench.bench.reasons(), ["Planned", "Granted", "Granted", "Granted", "Provisioned"]);
    for (const { action } of bench.bench.audit) assert.ok(!action.startsWith("aws:"), action);
  });

  it("is quiet when it has converged: no write, few reads, whatever wakes it", async () => {
    const bench = await joined();
    const { cluster } = bench.bench;
    const before = { writes: cluster.mutations().length, calls: cluster.calls.length, audit: bench.bench.audit.length };
    const { resourceVersion } = bench.object().metadata;
    for (let pass = 0; pass < 3; pass += 1) assert.equal((await bench.pass()).kind, "settled");
    assert.equal(cluster.mutations().length, before.writes);
    assert.equal(bench.bench.audit.length, before.audit);
    assert.equal(bench.object().metadata.resourceVersion, resourceVersion);
    // The object and each of its three connections.
    assert.ok(cluster.calls.length - before.calls <= 12, String(cluster.calls.length - before.calls));
  });

  it("stops at the plan while keyturn.dev/dry-run is set, with nothing claimed, and goes on when it is taken off", async () => {
    const bench = new LifecycleBench();
    bench.apply({}, { [DRY_RUN]: "true", "keyturn.dev/changed-by": "alice" });
    await bench.toRest();
    assert.deepEqual(bench.bench.trace, ["cluster:replaceStatus", "cluster:replaceStatus"]);
    assert.equal(bench.claims(), 0);
    assert.ok((bench.status().plan?.lines.length ?? 0) >= 8);
    assert.equal(bench.condition("PlanOnly")?.status, "True");
    bench.annotate({ [DRY_RUN]: undefined });
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });

  it("does nothing while paused", async () => {
    const bench = new LifecycleBench();
    bench.apply({}, { [PAUSED]: "true", "keyturn.dev/changed-by": "alice" });
    await bench.toRest();
    assert.deepEqual(bench.bench.trace, ["cluster:replaceStatus"]);
    assert.equal(bench.condition("Paused")?.status, "True");
  });

  it("makes what it can while one provider is away, and the rest when that is back", async () => {
    const bench = new LifecycleBench();
    bench.bench.away.add("secrets");
    bench.apply();
    await bench.settle(30_000, 20).catch(() => undefined);
    assert.deepEqual(bench.keys("lake"), [`managedPolicy/arn:aws:iam::aws:policy/ReadOnlyAccess`]);
    assert.equal(bench.status().failures?.reason, "Unavailable");
    assert.equal(bench.condition("Ready")?.status, "False");
    bench.bench.away.delete("secrets");
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    assert.equal(bench.status().failures, undefined);
  });

  it("names a connection that is missing, and goes on when it comes", async () => {
    const bench = new LifecycleBench();
    bench.bench.cluster.drop(connectionRef("vault"));
    bench.apply();
    await bench.pass();
    await bench.pass();
    assert.equal(bench.status().failures?.message, "ProviderConnection vault does not exist.");
    bench.bench.cluster.seed(connectionRef("vault"), {
      spec: {
        allowedNamespaces: { mode: "All" },
        vault: { address: "https://vault:8200" },
        grants: [{ name: "policies", policies: ["billing"] }],
      },
    });
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });

  it("leaves a foreign account alone, claims nothing, and says Conflict", async () => {
    const bench = new LifecycleBench();
    bench.place("lake").plant();
    const before = bench.place("lake").snapshot();
    bench.apply();
    await bench.pass();
    await bench.pass();
    assert.equal(bench.condition("Conflict")?.status, "True");
    assert.equal(bench.place("lake").snapshot(), before);
    assert.equal(bench.claims(), 0);
    assert.equal(bench.place("cluster").principal, undefined);
  });

  it("does not say who holds an account that another resource has claimed", async () => {
    const bench = new LifecycleBench();
    await bench.bench.ports.claims.make("aws-user/111122223333/payments.billing.lake", {
      owner: { kind: "ServiceAccountLifecycle", namespace: "secret-team", name: "hidden", uid: "u-9" },
      snapshot: "{}",
    });
    bench.apply();
    await bench.settle();
    const said = JSON.stringify(bench.status());
    assert.equal(bench.status().failures?.reason, "Conflict");
    assert.ok(!said.includes("secret-team") && !said.includes("hidden"), said);
    assert.equal(bench.place("lake").principal, undefined);
  });

  it("adopts what says so itself, and gives it back untouched when the resource goes before it is good", async () => {
    const bench = new LifecycleBench();
    const place = bench.place("lake");
    place.plant("payments/billing");
    place.addCredential();
    place.addByHand({ key: "managedPolicy/x", class: "grant", value: "true", title: "managed policy x" });
    const before = place.snapshot();
    // The privilege is refused, so the adoption never becomes good.
    bench.bench.cluster.allows = () => false;
    bench.apply({ adoption: { mode: "IfAnnotated" } });
    await bench.settle();
    assert.equal(place.snapshot(), before);
    await bench.delete().catch(() => undefined);
    assert.equal(bench.exists, false);
    assert.equal(place.snapshot(), before);
  });

  it("takes over an adopted account and its keys, once it is good", async () => {
    const bench = new LifecycleBench();
    const place = bench.place("lake");
    const planted = place.plant("payments/billing");
    const key = place.addCredential();
    bench.apply({ adoption: { mode: "IfAnnotated" } });
    await bench.toRest();
    assert.equal(place.principal?.externalId, planted.externalId);
    assert.equal(place.credentials.get(key)?.enabled, true);
    assert.equal(bench.record("lake")?.adopted, undefined);
    assert.ok(bench.bench.reasons().includes("Adopted"));
  });

  it("tells of credentials that no rotation of this identity knows, and of the oldest", async () => {
    const bench = await joined();
    const [known, unknown] = [bench.place("lake").addCredential(), bench.place("lake").addCredential()];
    bench.bench.cluster.seed(
      { kind: SECRET_ROTATION, namespace: "payments", name: "billing-aws" },
      { spec: { identityRef: { name: "billing" } }, status: { current: { version: "1-a", id: known, issuedAt: "x" } } },
    );
    await bench.pass();
    assert.deepEqual(bench.status().inventory, {
      credentials: 2,
      oldestCredentialTime: "2026-01-01T00:00:00Z",
      unknownCredentials: [unknown],
    });
    assert.equal(bench.condition("Unmanaged")?.reason, "UnknownCredential");
  });

  it("tells of privileges that somebody else has given, and touches none of them", async () => {
    const bench = await joined();
    bench.place("cluster").foreignGrants.push("RoleBinding payments/handmade");
    const before = bench.bench.trace.length;
    await bench.pass();
    assert.equal(bench.condition("Unmanaged")?.reason, "ForeignGrant");
    assert.deepEqual(bench.bench.trace.slice(before), ["cluster:replaceStatus"]);
  });

  it("is due for review when nobody has said for so long that it is needed", async () => {
    const bench = new LifecycleBench();
    bench.apply({ review: { every: "1h" } });
    const outcome = await bench.toRest();
    assert.equal(outcome.recheckAfterMs, undefined);
    assert.equal(bench.condition("ReviewDue")?.status, "True");
    bench.annotate({ [REVIEWED_AT]: "2099-01-01T00:00:00Z" });
    await bench.pass();
    assert.equal(bench.condition("ReviewDue")?.status, "True");
    assert.ok(bench.bench.reasons().includes("InvalidAnnotation"));
    bench.annotate({ [REVIEWED_AT]: bench.bench.clock.now().toISOString() });
    await bench.pass();
    assert.equal(bench.condition("ReviewDue"), undefined);
  });

  it("writes nothing on what is older than it has seen", async () => {
    const bench = await joined();
    const old = bench.object();
    bench.apply({ purpose: "Something else" });
    await bench.toRest();
    const writes = bench.bench.trace.length;
    bench.bench.cluster.seed({ kind: SERVICE, namespace: "payments", name: "billing" }, { ...old });
    const { resourceVersion } = old.metadata;
    bench.bench.ports.freshness.wrote({
      uid: old.metadata.uid,
      resourceVersion: String(Number(resourceVersion) + 1e6),
    });
    assert.deepEqual(await bench.pass(), { kind: "waiting", recheckAfterMs: 1000 });
    await bench.delete();
    assert.deepEqual(await bench.pass(), { kind: "waiting", recheckAfterMs: 1000 });
    assert.equal(bench.bench.trace.length, writes);
  });
});

const SERVICE = {
  group: "keyturn.dev",
  version: "v1alpha1",
  plural: "serviceaccountlifecycles",
  kind: "ServiceAccountLifecycle",
  namespaced: true,
};

describe("drift", () => {
  it("is put back, and tells what it was", async () => {
    const bench = await joined();
    const before = bench.world();
    bench
      .place("lake")
      .addByHand({ key: "managedPolicy/evil", class: "grant", value: "true", title: "managed policy evil" });
    bench.place("secrets").pieces.delete("policy/billing");
    await bench.toRest();
    assert.equal(bench.world(), before);
    assert.equal(bench.bench.reasons().filter((reason) => reason === "Drifted").length, 2);
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });

  it("is left standing and told with drift.mode Report", async () => {
    const bench = new LifecycleBench();
    bench.apply({ drift: { mode: "Report" } });
    await bench.toRest();
    bench
      .place("lake")
      .addByHand({ key: "managedPolicy/evil", class: "grant", value: "true", title: "managed policy evil" });
    const drifted = bench.world();
    await bench.toRest();
    assert.equal(bench.world(), drifted);
    assert.equal(bench.condition("Drifted")?.reason, "Reported");
    assert.equal(bench.status().drift?.length, 1);
    bench.place("lake").pieces.delete("managedPolicy/evil");
    await bench.toRest();
    assert.equal(bench.condition("Drifted"), undefined);
  });
});

describe("a change of owner", () => {
  it("is written on every account and recorded as a move", async () => {
    const bench = await joined();
    bench.apply({ owner: { team: "ledger", contact: "ledger@example.com" }, environment: "production" });
    await bench.toRest();
    for (const name of ["cluster", "lake", "secrets"]) {
      assert.match(bench.place(name).pieces.get("owner")?.value ?? "", /ledger@example.com/);
    }
    assert.deepEqual(
      bench.status().moves?.map(({ field, from, to, by }) => [field, from, to, by]),
      [
        ["team", "payments", "ledger", "alice"],
        ["contact", SPEC.owner.contact, "ledger@example.com", "alice"],
        ["environment", "", "production", "alice"],
      ],
    );
  });

  it("is no trouble when the provider's answer gets lost", async () => {
    const bench = new LifecycleBench();
    bench.bench.trap = { at: 8, how: "answerLost" };
    bench.apply();
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    assert.equal(fakeAccountErrors.lost.code, "Timeout");
  });
});
