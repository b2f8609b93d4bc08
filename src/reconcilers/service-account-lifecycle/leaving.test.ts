import assert from "node:assert/strict";
import type { Account } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { CONFIG_MAPS, type ConfigMap } from "../../stores/kinds.ts";
import { LIMITS_NAME } from "../../stores/limits.ts";
import { OPERATOR_NAMESPACE } from "../ports.fake.ts";
import { IDENTITY, LifecycleBench, SPEC } from "./bench.fake.ts";

const joined = async (spec: Parameters<LifecycleBench["apply"]>[0] = {}): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply(spec);
  await bench.toRest();
  assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  return bench;
};

/** The account's credentials by id: is it enabled? */
const enabled = (bench: LifecycleBench): Readonly<Record<string, boolean>> =>
  Object.fromEntries(
    [...bench.place("lake").credentials.values()].map((credential) => [credential.id, credential.enabled]),
  );

const refused = (bench: LifecycleBench): void => {
  for (const name of ["cluster", "lake", "secrets"]) assert.equal(bench.place(name).lets(), false, name);
};

describe("a suspension", () => {
  it("cuts, disables every key that the provider lists, proves it, and comes back with exactly the keys that were in use and that a rotation answers for", async () => {
    const bench = await joined();
    const [first, second] = [bench.place("lake").addCredential(), bench.place("lake").addCredential(false)];
    bench.rotationHas([first, second]);
    const before = bench.world();
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.deepEqual(enabled(bench), { [first]: false, [second]: false });
    refused(bench);
    assert.equal(bench.status().state, "Suspended");
    assert.equal(bench.condition("Suspended")?.reason, "Proven");
    assert.equal(bench.record("cluster")?.proof, "ProvenByReview");
    assert.equal(bench.record("lake")?.proof, "ProvenByListing");
    assert.equal(bench.record("lake")?.heldUntil, undefined);
    bench.apply({ state: "Active" });
    await bench.toRest();
    assert.deepEqual(enabled(bench), { [first]: true, [second]: false });
    assert.equal(bench.world(), before);
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });

  it("switches off again what somebody has switched on meanwhile", async () => {
    const bench = await joined();
    const key = bench.place("lake").addCredential();
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    const credential = bench.place("lake").credentials.get(key);
    assert.ok(credential !== undefined);
    bench.place("lake").credentials.set(key, { ...credential, enabled: true });
    bench.place("lake").cut = false;
    await bench.toRest();
    assert.equal(enabled(bench)[key], false);
    refused(bench);
  });

  it("cuts what it can reach while a provider is away, says so, and cuts the rest later", async () => {
    const bench = await joined();
    bench.bench.away.add("lake");
    bench.apply({ state: "Suspended" });
    await bench.settle();
    assert.equal(bench.place("secrets").cut, true);
    assert.equal(bench.status().leaveFailures?.reason, "Unavailable");
    assert.equal(bench.status().leaveFailures?.about, "lake");
    assert.equal(bench.condition("Suspended")?.reason, "OffboardingFailing");
    assert.equal(bench.status().state, "Suspending");
    bench.bench.away.clear();
    await bench.toRest();
    refused(bench);
    assert.equal(bench.status().leaveFailures, undefined);
    assert.equal(bench.condition("Suspended")?.reason, "Proven");
  });

  it("is proven no more while a provider cannot be looked at, and again when it can", async () => {
    const bench = await joined();
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    bench.bench.away.add("lake");
    for (let pass = 0; pass < 3; pass += 1) {
      await bench.pass();
      assert.equal(bench.condition("Suspended")?.reason, "NotLooked");
      assert.match(bench.condition("Suspended")?.message ?? "", /account lake/);
    }
    bench.bench.away.clear();
    await bench.toRest();
    assert.equal(bench.condition("Suspended")?.reason, "Proven");
  });

  it("is tried again after five minutes at most, whatever pause the provider asks for", async () => {
    const bench = await joined();
    const error = new OperatorError("Throttled", { publicMessage: "Later.", retryAfterMs: 3_600_000 });
    let isThrottled = true;
    bench.bench.wrapAccount = (client, name) => {
      if (name !== "lake" || !isThrottled) return client;
      const observe = () => Promise.reject(error);
      return new Proxy(client, { get: (of, key) => (key === "observe" ? observe : (Reflect.get(of, key) as unknown)) });
    };
    bench.apply({ state: "Suspended" });
    await bench.settle();
    isThrottled = false;
    const retry = Date.parse(bench.status().leaveFailures?.nextAttemptTime ?? "") - bench.bench.clock.now().getTime();
    assert.ok(retry <= 300_000, String(retry));
    await bench.toRest();
    refused(bench);
  });

  it("is not believed while the provider still accepts what was cut", async () => {
    const bench = await joined();
    bench.place("secrets").acceptsEverything = true;
    bench.apply({ state: "Suspended" });
    await bench.settle();
    assert.equal(bench.record("secrets")?.provenAt, undefined);
    assert.match(bench.status().leaveFailures?.message ?? "", /is still accepted/);
    bench.place("secrets").acceptsEverything = false;
    await bench.toRest();
    assert.equal(bench.record("secrets")?.state, "Cut");
  });

  it("is obeyed under the kill switch, and resuming is not", async () => {
    const bench = await joined();
    bench.bench.cluster.seed(KILL_SWITCH, { data: { engaged: "true" } });
    await bench.bench.clock.advance(1000);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    refused(bench);
    bench.apply({ state: "Active" });
    await bench.settle();
    refused(bench);
    assert.equal(bench.status().failures?.reason, "KillSwitch");
    bench.bench.cluster.drop(KILL_SWITCH);
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });
});

const KILL_SWITCH = {
  kind: { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true },
  namespace: "keyturn-system",
  name: "keyturn-kill-switch",
};

describe("the kill switch", () => {
  it("stops everything that gives, and every account stays as it was", async () => {
    const bench = new LifecycleBench();
    bench.bench.cluster.seed(KILL_SWITCH, { data: { engaged: "Yes!" } });
    bench.apply();
    await bench.settle();
    assert.equal(bench.status().failures?.reason, "KillSwitch");
    assert.equal(bench.place("cluster").principal, undefined);
    assert.equal(bench.claims(), 0);
  });
});

describe("the end of an identity", () => {
  it("cuts at once, holds, and deletes in the right order when the hold is over", async () => {
    const bench = await joined();
    const key = bench.place("lake").addCredential();
    bench.apply({ state: "Decommissioned" });
    await bench.settle();
    refused(bench);
    assert.equal(bench.condition("Offboarded")?.reason, "Proven");
    assert.equal(enabled(bench)[key], false);
    assert.ok(bench.place("lake").principal !== undefined);
    await bench.bench.clock.advance(55_000);
    await bench.settle();
    assert.ok(bench.place("lake").principal !== undefined, "held");
    await bench.toRest();
    for (const name of ["cluster", "lake", "secrets"]) {
      assert.equal(bench.place(name).principal, undefined, name);
      assert.equal(bench.place(name).pieces.size, 0, name);
    }
    assert.equal(bench.claims(), 0);
    assert.deepEqual(bench.status().accounts, []);
    assert.equal(bench.condition("Offboarded")?.reason, "Deleted");
    assert.equal(bench.status().state, "Decommissioned");
  });

  it("is taken back within the hold", async () => {
    const bench = await joined();
    const key = bench.place("lake").addCredential();
    bench.rotationHas([key]);
    const before = bench.world();
    bench.apply({ state: "Decommissioned" });
    await bench.settle();
    bench.apply({ state: "Active" });
    await bench.toRest();
    assert.equal(bench.world(), before);
    assert.equal(enabled(bench)[key], true);
  });

  it("comes by itself at expiresAt, and a later time brings the identity back", async () => {
    const bench = new LifecycleBench();
    bench.apply({ expiresAt: "2026-01-01T02:00:00Z" });
    const outcome = await bench.toRest();
    assert.ok((outcome.recheckAfterMs ?? 0) > 7_000_000, JSON.stringify(outcome));
    await bench.bench.clock.advance(outcome.recheckAfterMs ?? 0);
    await bench.settle();
    refused(bench);
    assert.equal(bench.condition("Expired")?.status, "True");
    bench.apply({ expiresAt: "2027-01-01T00:00:00Z" });
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });

  it("of one account that is no longer declared touches no other", async () => {
    const bench = await joined();
    const others = bench.place("cluster").snapshot();
    const accounts: readonly Account[] = SPEC.accounts.filter(({ name }) => name !== "lake");
    bench.apply({ accounts });
    await bench.settle();
    assert.equal(bench.place("lake").lets(), false);
    assert.equal(bench.place("cluster").snapshot(), others);
    await bench.toRest();
    assert.equal(bench.place("lake").principal, undefined);
    assert.equal(bench.record("lake"), undefined);
    assert.equal(bench.claims(), 2);
  });

  for (const state of ["Suspended", "Decommissioned"] as const) {
    it(`that is ${state} cuts what was made, whatever the spec calls by its name by now`, async () => {
      const bench = await joined();
      const place = bench.place("lake");
      const key = place.addCredential();
      // Taken out and declared anew as something else, in two quick edits: the first is never seen.
      bench.apply({
        state,
        rollback: { mode: "None" },
        accounts: SPEC.accounts.map((account) =>
          account.name === "lake" ? { name: "lake", aws: { connectionRef: { name: "nowhere" }, role: {} } } : account,
        ),
      });
      await bench.settle();
      assert.equal(place.lets(), false);
      assert.equal(place.credentials.get(key)?.enabled, false);
      assert.equal(bench.record("lake")?.state, "Cut");
    });
  }

  it("deletes nothing while clocks disagree", async () => {
    const bench = await joined();
    bench.apply({ state: "Decommissioned" });
    await bench.settle();
    bench.bench.skewMs = 60_000;
    await bench.bench.clock.advance(120_000);
    for (let pass = 0; pass < 3; pass += 1) await bench.pass();
    assert.ok(bench.place("lake").principal !== undefined);
  });
});

describe("the limit on offboardings", () => {
  const full = async (): Promise<LifecycleBench> => {
    const bench = await joined();
    bench.bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.bench.start();
    await bench.bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    return bench;
  };

  for (const spec of [
    { state: "Suspended" },
    { state: "Decommissioned" },
    { expiresAt: "2026-01-01T00:30:00Z" },
  ] as const) {
    it(`holds back nothing that is declared to end: ${JSON.stringify(spec)}`, async () => {
      const bench = await full();
      bench.apply(spec);
      await bench.bench.clock.advance(3_600_000 / 2);
      await bench.bench.ports.limits.take("offboarding", { key: "another", namespace: "elsewhere" });
      await bench.settle(0);
      refused(bench);
      assert.equal(bench.condition("Stalled"), undefined);
    });
  }

  it("takes no permit for what flips, so that nobody else waits for one", async () => {
    const bench = await full();
    bench.bench.limits = { ...bench.bench.limits, offboarding: 20 };
    bench.bench.start();
    for (let flip = 0; flip < 20; flip += 1) {
      bench.apply({ state: flip % 2 === 0 ? "Suspended" : "Active" });
      await bench.toRest();
    }
    const counter = bench.bench.cluster.peek<ConfigMap>({
      kind: CONFIG_MAPS,
      namespace: OPERATOR_NAMESPACE,
      name: LIMITS_NAME,
    });
    assert.equal((counter?.data?.["offboarding"] ?? "").split(" ").length, 1);
  });

  it("holds back an account that the spec no longer names, says Stalled, and goes on as the ten minutes pass", async () => {
    const bench = await full();
    bench.apply({ accounts: SPEC.accounts.slice(1) });
    await bench.settle(0);
    assert.equal(bench.place("cluster").lets(), true);
    assert.equal(bench.status().leaveFailures?.reason, "LimitReached");
    for (let pass = 0; pass < 4; pass += 1) {
      await bench.bench.clock.advance(60_000);
      await bench.pass();
    }
    assert.equal(bench.condition("Stalled")?.reason, "LimitReached");
    assert.ok(bench.bench.reasons().includes("LimitReached"));
    await bench.bench.clock.advance(600_000);
    await bench.toRest();
    assert.equal(bench.place("cluster").lets(), false);
    assert.equal(bench.condition("Stalled"), undefined);
  });

  it("lets an account that the spec no longer names go beside deletions of its namespace, within its share", async () => {
    const bench = await joined();
    bench.bench.limits = { offboarding: 20, offboardingPerNamespace: 5, grant: 0, issue: 0 };
    bench.bench.start();
    await bench.bench.ports.limits.take("offboarding", { key: "deleted", namespace: IDENTITY.namespace ?? "" });
    bench.apply({ accounts: SPEC.accounts.slice(1) });
    await bench.settle(0);
    assert.equal(bench.place("cluster").lets(), false);
  });

  it("is asked for once per identity, whatever is killed in between", async () => {
    const bench = await joined();
    bench.bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.bench.start();
    bench.arm({ at: 3, how: "killBefore" });
    bench.apply({ accounts: SPEC.accounts.slice(2) });
    await bench.toRest();
    assert.deepEqual([bench.place("cluster").lets(), bench.place("lake").lets()], [false, false]);
  });
});

describe("the limit on grants", () => {
  it("holds back what is one too many, and lets it go on; all accounts of an identity are one", async () => {
    const bench = new LifecycleBench();
    bench.bench.limits = { offboarding: 0, offboardingPerNamespace: 0, grant: 1, issue: 0 };
    bench.bench.start();
    await bench.bench.ports.limits.take("grant", { key: "somebody else", namespace: "elsewhere" });
    bench.apply();
    await bench.settle();
    const made = ["cluster", "lake", "secrets"].filter((name) => bench.place(name).principal !== undefined);
    assert.equal(made.length, 0);
    assert.equal(bench.status().failures?.reason, "LimitReached");
    assert.equal(bench.condition("Reverted"), undefined);
    await bench.bench.clock.advance(600_000);
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  });
});
