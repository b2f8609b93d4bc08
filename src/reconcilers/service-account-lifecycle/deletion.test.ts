import assert from "node:assert/strict";
import { RELEASE } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL } from "../../api/v1alpha1/orphaned-credential.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { FakeAccount } from "../../providers/fake-account.ts";
import { sweep } from "../sweep.ts";
import { IDENTITY, LifecycleBench, SPEC, WIDER } from "./bench.fake.ts";
import { wholeOf } from "../../kernel/listed.ts";

const NAMES = ["cluster", "lake", "secrets"] as const;

const joined = async (spec: Parameters<LifecycleBench["apply"]>[0] = {}): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply(spec);
  await bench.toRest();
  assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
  return bench;
};

const deleted = async (bench: LifecycleBench): Promise<void> => {
  await bench.delete();
  for (let pass = 0; pass < 20 && bench.exists; pass += 1) {
    const outcome = await bench.pass();
    await bench.bench.clock.advance(outcome.recheckAfterMs ?? 0);
  }
};

/** Passes while there is something to pass about. */
const deletedFurther = async (bench: LifecycleBench): Promise<void> => {
  for (let pass = 0; pass < 3 && bench.exists; pass += 1) await bench.pass();
};

const refused = (bench: LifecycleBench): void => {
  for (const name of NAMES) assert.equal(bench.place(name).lets(), false, name);
};

const grantsOf = (bench: LifecycleBench): readonly string[] =>
  [...bench.place("cluster").pieces.values()].filter((piece) => piece.class === "grant").map(({ key }) => key);

const isGone = (bench: LifecycleBench): void => {
  for (const name of NAMES) {
    assert.equal(bench.place(name).principal, undefined, name);
    assert.equal(bench.place(name).pieces.size, 0, name);
    assert.equal(bench.place(name).credentials.size, 0, name);
  }
  assert.equal(bench.claims(), 0);
  assert.equal(bench.entry(), undefined);
};

describe("deleting an identity", () => {
  it("cuts in one pass, hands the rest to the ledger, which holds, proves and deletes", async () => {
    const bench = await joined();
    const key = bench.place("lake").addCredential();
    await bench.delete();
    await bench.pass();
    assert.equal(bench.exists, false);
    refused(bench);
    assert.equal(bench.place("lake").credentials.get(key)?.enabled, false);
    assert.deepEqual(bench.entryAccount("lake")?.enabledCredentials, [key]);
    assert.equal(bench.entry()?.metadata.name.startsWith("sal-"), true);
    await bench.ledgerPass();
    await bench.ledgerPass();
    assert.equal(bench.entryAccount("lake")?.state, "Cut");
    await bench.bench.clock.advance(50_000);
    await bench.ledgerPass();
    assert.ok(bench.place("lake").principal !== undefined, "held");
    await bench.ledgerToRest();
    isGone(bench);
  });

  it("is undone by a resource of the same name: exactly the keys that were in use are in use again", async () => {
    const bench = await joined();
    const [used, unused] = [bench.place("lake").addCredential(), bench.place("lake").addCredential(false)];
    bench.rotationHas([used, unused]);
    const ids = NAMES.map((name) => bench.place(name).principal?.externalId);
    const before = bench.world();
    await deleted(bench);
    await bench.ledgerPass();
    await bench.ledgerPass();
    bench.apply();
    await bench.toRest();
    assert.equal(bench.world(), before);
    assert.deepEqual(
      NAMES.map((name) => bench.place(name).principal?.externalId),
      ids,
    );
    assert.equal(bench.place("lake").credentials.get(used)?.enabled, true);
    assert.equal(bench.place("lake").credentials.get(unused)?.enabled, false);
    for (const name of NAMES) assert.equal(bench.place(name).principal?.mark?.uid, bench.object().metadata.uid, name);
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    await bench.ledgerToRest();
    assert.equal(bench.entry(), undefined);
    assert.equal(bench.claims(), 3);
    await bench.pass();
    assert.equal(bench.world(), before);
  });

  it("is undone in part: what the successor does not declare goes its way", async () => {
    const bench = await joined();
    await deleted(bench);
    bench.apply({ accounts: SPEC.accounts.filter(({ name }) => name !== "lake") });
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    await bench.ledgerToRest();
    assert.equal(bench.place("lake").principal, undefined);
    assert.ok(bench.place("secrets").lets());
    assert.equal(bench.claims(), 2);
    assert.equal(bench.entry(), undefined);
  });

  it("and undoing it again and again leaves each account to the last entry, with its own hold", async () => {
    const bench = await joined();
    await deleted(bench);
    await bench.bench.clock.advance(55_000);
    // Undone and deleted once more, before the first entry has seen that it was taken over.
    bench.apply();
    await bench.toRest();
    await deleted(bench);
    const entries = bench.bench.orphans().map(({ metadata }) => metadata.name);
    assert.equal(entries.length, 2);
    await bench.bench.clock.advance(30_000);
    for (const entry of entries) await bench.bench.ledgerPass(entry);
    assert.ok(bench.place("lake").principal !== undefined, "the hold of the second deletion counts");
    assert.equal(bench.bench.orphans().length, 1);
    await bench.ledgerToRest();
    isGone(bench);
  });

  it("goes within its time-out while a provider is away, and the ledger finishes the rest", async () => {
    const bench = await joined();
    bench.bench.away.add("secrets");
    await bench.delete();
    await bench.pass();
    assert.equal(bench.exists, true);
    assert.equal(bench.place("lake").lets(), false);
    assert.equal(bench.place("cluster").lets(), false);
    assert.match(bench.status().activity ?? "", /^Deleting: Unavailable/);
    const start = bench.bench.clock.now().getTime();
    await deleted(bench).catch(() => undefined);
    assert.equal(bench.exists, false);
    assert.ok(bench.bench.clock.now().getTime() - start <= 31_000);
    assert.equal(bench.place("secrets").lets(), true);
    for (let pass = 0; pass < 3; pass += 1) {
      const outcome = await bench.ledgerPass();
      await bench.bench.clock.advance(outcome.recheckAfterMs ?? 0);
    }
    bench.bench.away.clear();
    await bench.ledgerToRest();
    isGone(bench);
  });

  it("takes one binding away although the other is refused, and the ledger does the same", async () => {
    const bench = await joined({ accounts: [WIDER[0]!], deletion: { timeout: "5s", holdFor: "1s" } });
    bench.bench.wrapAccount = (client) => {
      const error = new OperatorError("PermissionDenied", { publicMessage: "Not this one.", status: 403 });
      const about = { about: "binding/Role/reader", times: 1000 };
      if (client instanceof FakeAccount) client.failNext("remove", error, about);
      return client;
    };
    await bench.delete();
    await bench.pass();
    assert.deepEqual(grantsOf(bench), ["binding/Role/reader"]);
    assert.equal(bench.exists, true);
    await bench.bench.clock.advance(6000);
    await bench.pass();
    assert.equal(bench.exists, false);
    // Somebody gives it back meanwhile.
    bench.place("cluster").addByHand({ key: "binding/Role/writer", class: "grant", value: "writer", title: "writer" });
    await bench.ledgerPass();
    assert.deepEqual(grantsOf(bench), ["binding/Role/reader"]);
  });

  it("stays with onTimeout Block until everything is cut", async () => {
    const bench = await joined({ deletion: { timeout: "5s", onTimeout: "Block", holdFor: "1s" } });
    bench.bench.away.add("secrets");
    await bench.delete();
    for (let pass = 0; pass < 8; pass += 1) {
      const outcome = await bench.pass();
      await bench.bench.clock.advance(outcome.recheckAfterMs ?? 0);
    }
    assert.equal(bench.exists, true);
    bench.bench.away.clear();
    await deletedFurther(bench);
    assert.equal(bench.exists, false);
  });

  it("leaves everything as it is with policy Retain where the platform allows it, and releases the claims", async () => {
    const bench = await joined({ deletion: { policy: "Retain" } });
    bench.allowRetain("in-cluster", "aws", "vault");
    const before = NAMES.map((name) => bench.place(name).snapshot());
    await deleted(bench);
    assert.deepEqual(
      NAMES.map((name) => bench.place(name).snapshot()),
      before,
    );
    assert.equal(bench.claims(), 0);
    assert.equal(bench.entry(), undefined);
  });

  it("cuts what the claims know of when the status was wiped", async () => {
    const bench = await joined();
    bench.bench.cluster.seed(IDENTITY, { ...bench.object(), status: {} });
    await deleted(bench);
    assert.equal(bench.exists, false);
    await bench.ledgerToRest();
    refused(bench);
    isGone(bench);
    assert.equal(bench.claims(), 0);
  });

  it("cuts and keeps with policy Disable", async () => {
    const bench = await joined({ deletion: { policy: "Disable" } });
    await deleted(bench);
    await bench.ledgerToRest();
    refused(bench);
    assert.ok(bench.place("lake").principal !== undefined);
    assert.deepEqual(
      bench.entry()?.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
      [["Ready", "True", "Revoked"]],
    );
  });

  it("gives an adopted account back as it was found when it never became good", async () => {
    const bench = new LifecycleBench();
    const place = bench.place("lake");
    place.plant("payments/billing");
    const key = place.addCredential();
    place.addByHand({ key: "managedPolicy/own", class: "grant", value: "true", title: "managed policy own" });
    const before = place.snapshot();
    bench.bench.away.add("secrets");
    bench.apply({ adoption: { mode: "IfAnnotated" } });
    await bench.settle(2000, 10).catch(() => undefined);
    assert.equal(place.principal?.mark?.owner, "test/payments/billing");
    assert.equal(bench.record("lake")?.adopted, true);
    bench.bench.away.clear();
    await deleted(bench);
    assert.equal(place.snapshot(), before);
    assert.equal(place.credentials.get(key)?.enabled, true);
    await bench.ledgerToRest();
    assert.equal(place.snapshot(), before);
  });

  it("that the limit holds back touches nothing and waits in the ledger for a person, not on the finalizer", async () => {
    const bench = await joined();
    const before = bench.world();
    bench.bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.bench.start();
    await bench.bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    await deleted(bench);
    assert.equal(bench.exists, false);
    assert.equal(bench.world(), before);
    assert.equal(bench.entry()?.spec.held, "LimitReached");
    assert.equal((await bench.ledgerPass()).kind, "settled");
    assert.equal(bench.world(), before);
    assert.deepEqual(
      bench.entry()?.status?.conditions?.map(({ type, reason }) => [type, reason]),
      [
        ["Ready", "LimitReached"],
        ["Stalled", "LimitReached"],
      ],
    );
    const entry = bench.entry();
    bench.bench.cluster.seed(
      { kind: ORPHANED_CREDENTIAL, name: entry?.metadata.name ?? "" },
      { ...entry, metadata: { ...entry?.metadata, annotations: { [RELEASE]: "true" } } },
    );
    await bench.ledgerToRest();
    isGone(bench);
  });

  it("that nobody can count waits for the counter, and for a person when its time is up", async () => {
    const bench = await joined();
    const before = bench.world();
    bench.bench.limits = { offboarding: 5, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.bench.start();
    bench.bench.cluster.seed({ ...KILL_SWITCH, name: "keyturn-limits" }, { data: { offboarding: "no counter" } });
    await bench.delete();
    await bench.pass();
    assert.equal(bench.exists, true, "not before its time-out");
    await bench.bench.clock.advance(31_000);
    await deletedFurther(bench);
    assert.equal(bench.exists, false);
    assert.equal(bench.entry()?.spec.held, "LimitReached");
    assert.equal(bench.world(), before);
  });

  it("that is held can be undone with nothing ever cut", async () => {
    const bench = await joined();
    const key = bench.place("lake").addCredential();
    const before = bench.world();
    bench.bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.bench.start();
    await bench.bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    await deleted(bench);
    bench.apply();
    await bench.toRest();
    await bench.ledgerToRest();
    assert.equal(bench.world(), before);
    assert.equal(bench.place("lake").credentials.get(key)?.enabled, true);
    assert.equal(bench.entry(), undefined);
  });

  it("under the kill switch still cuts", async () => {
    const bench = await joined();
    bench.bench.cluster.seed(KILL_SWITCH, { data: { engaged: "true" } });
    await deleted(bench);
    refused(bench);
    await bench.ledgerToRest();
    isGone(bench);
  });

  it("of a suspended identity needs no permit again and brings back nothing", async () => {
    const bench = await joined();
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    bench.bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.bench.start();
    await deleted(bench);
    assert.equal(bench.entry()?.spec.held, undefined);
    await bench.ledgerToRest();
    isGone(bench);
  });
});

const KILL_SWITCH = {
  kind: { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true },
  namespace: "keyturn-system",
  name: "keyturn-kill-switch",
};

describe("an identity that vanishes without its finalizer", () => {
  const vanish = async (): Promise<LifecycleBench> => {
    const bench = await joined();
    bench.place("lake").addCredential();
    bench.bench.cluster.drop(IDENTITY);
    return bench;
  };

  it("is found by the sweep: its claims say what it left, and the ledger cuts and deletes it", async () => {
    const bench = await vanish();
    await sweep(bench.bench.ports, { log: silentLogger, signal: new AbortController().signal });
    assert.equal(bench.entry()?.spec.accounts?.length, 3);
    await bench.ledgerToRest();
    isGone(bench);
  });

  it("is taken over by a resource of the same name that comes before the sweep", async () => {
    const bench = await vanish();
    const before = bench.world();
    bench.apply();
    await bench.toRest();
    assert.equal(bench.world(), before);
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    await bench.ledgerToRest();
    assert.equal(bench.entry(), undefined);
    assert.equal(bench.world(), before);
  });

  it("is found also when one of its claims says nothing that can be read", async () => {
    const bench = await vanish();
    const [claim] = wholeOf("claims", await bench.bench.ports.claims.list()).filter(({ target }) =>
      target.startsWith("vault"),
    );
    assert.ok(claim !== undefined);
    await bench.bench.ports.claims.update(claim, { snapshot: "rubbish" });
    await sweep(bench.bench.ports, { log: silentLogger, signal: new AbortController().signal });
    assert.deepEqual(
      bench.entry()?.spec.accounts?.map(({ name }) => name),
      ["cluster", "lake"],
    );
  });

  it("while it was suspended comes back with exactly the keys that were in use before", async () => {
    const bench = await joined();
    const [used, unused] = [bench.place("lake").addCredential(), bench.place("lake").addCredential(false)];
    bench.rotationHas([used, unused]);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    bench.bench.cluster.drop(IDENTITY);
    bench.apply();
    await bench.toRest();
    assert.equal(bench.place("lake").credentials.get(used)?.enabled, true);
    assert.equal(bench.place("lake").credentials.get(unused)?.enabled, false);
  });

  it("is held back by the limit like any other deletion", async () => {
    const bench = await vanish();
    bench.bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.bench.start();
    await bench.bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    const before = bench.world();
    await sweep(bench.bench.ports, { log: silentLogger, signal: new AbortController().signal });
    assert.equal(bench.entry()?.spec.held, "LimitReached");
    await bench.ledgerPass();
    assert.equal(bench.world(), before);
  });
});
