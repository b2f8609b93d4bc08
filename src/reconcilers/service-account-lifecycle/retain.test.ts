import assert from "node:assert/strict";
import { RELEASE } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL } from "../../api/v1alpha1/orphaned-credential.ts";
import type { ServiceAccountLifecycleSpec } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { without } from "../../kernel/without.ts";
import { connectionRef } from "../ports.fake.ts";
import { sweep } from "../sweep.ts";
import { IDENTITY, LifecycleBench, SPEC } from "./bench.fake.ts";

const NAMES = ["cluster", "lake", "secrets"] as const;
const RETAIN = { deletion: { ...SPEC.deletion, policy: "Retain" } } as const;
const END = "2026-01-01T02:00:00.000Z";

const joined = async (spec: Partial<ServiceAccountLifecycleSpec> = RETAIN): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply(spec);
  await bench.settle();
  return bench;
};

const deleted = async (bench: LifecycleBench): Promise<void> => {
  await bench.delete();
  for (let pass = 0; pass < 40 && bench.exists; pass += 1) {
    const outcome = await bench.pass();
    if (bench.bench.dead) bench.revive();
    await bench.bench.clock.advance(outcome.recheckAfterMs ?? 0);
  }
  assert.equal(bench.exists, false);
};

const works = (bench: LifecycleBench): readonly string[] =>
  NAMES.filter((name) => (name === "cluster" ? bench.keys(name).length > 0 : bench.place(name).lets()));

const refused = (bench: LifecycleBench): void => {
  assert.deepEqual(works(bench), []);
};

/** Ledger passes up to a time. */
const ledgerUntil = async (bench: LifecycleBench, time: string): Promise<void> => {
  for (let pass = 0; pass < 400 && bench.bench.clock.now() < new Date(time); pass += 1) {
    const outcome = await bench.ledgerPass();
    if (bench.bench.dead) bench.revive();
    const left = Date.parse(time) - bench.bench.clock.now().getTime();
    await bench.bench.clock.advance(Math.min(Math.max(outcome.recheckAfterMs ?? 60_000, 1), left));
  }
};

describe("Retain where the platform does not allow it", () => {
  it("cuts and keeps, as with Disable", async () => {
    const bench = await joined();
    await deleted(bench);
    refused(bench);
    await bench.ledgerToRest();
    refused(bench);
    assert.ok(bench.place("lake").principal !== undefined);
    assert.equal(bench.entry()?.spec.policy, "Disable");
    assert.equal(bench.entry()?.spec.until, undefined);
  });

  it("is told in the plan and in Ready, and not where it is allowed", async () => {
    const bench = new LifecycleBench();
    bench.allowRetain("vault");
    bench.apply(RETAIN);
    const told: string[] = [];
    for (let pass = 0; pass < 4; pass += 1) {
      await bench.pass();
      told.push(...(bench.status().plan?.lines ?? []));
    }
    const about = told.filter((line) => line.includes("deletion will cut"));
    assert.deepEqual([...new Set(about.map((line) => line.split(":")[0]))], ["- cluster", "- lake"]);
    await bench.settle();
    const ready = bench.condition("Ready");
    assert.equal(ready?.status, "True");
    assert.match(
      ready.message,
      /Deletion will cut account\(s\) cluster, lake although spec\.deletion\.policy is Retain, for ProviderConnection in-cluster .* and the operator runs without --retain-kubernetes; ProviderConnection aws /,
    );
    const writes = bench.statusWrites();
    await bench.pass();
    assert.equal(bench.statusWrites(), writes, "said once");
    bench.allowRetain("in-cluster", "aws");
    await bench.pass();
    assert.equal(bench.condition("Ready")?.message, "3 account(s) stand as the spec says.");
  });

  it("keeps those that are allowed and cuts the others", async () => {
    const bench = await joined();
    bench.allowRetain("aws");
    await deleted(bench);
    assert.deepEqual(works(bench), ["lake"]);
    assert.deepEqual(
      bench.entry()?.spec.accounts?.map(({ name }) => name),
      ["cluster", "secrets"],
    );
    assert.equal(bench.claims(), 2);
    await bench.ledgerToRest();
    assert.deepEqual(works(bench), ["lake"]);
  });

  it("is allowed by the operator's flag for a ServiceAccount whose account names no connection", async () => {
    const bench = await joined();
    bench.bench.retainKubernetes = true;
    bench.bench.start();
    await deleted(bench);
    assert.deepEqual(works(bench), ["cluster"]);
  });

  it("waits while it cannot be read whether it is allowed", async () => {
    const bench = await joined();
    bench.allowRetain("in-cluster", "aws", "vault");
    const get = bench.bench.cluster.get.bind(bench.bench.cluster);
    bench.bench.cluster.get = (ref) =>
      ref.name === "aws" ? Promise.reject(new OperatorError("Unavailable", { publicMessage: "Not now." })) : get(ref);
    await bench.delete();
    const outcome = await bench.pass();
    assert.equal(outcome.recheckAfterMs, 5000);
    assert.equal(bench.exists, true);
    assert.deepEqual(works(bench), [...NAMES]);
    bench.bench.cluster.get = get;
    await bench.pass();
    assert.equal(bench.exists, false);
    assert.deepEqual(works(bench), [...NAMES]);
  });
});

describe("Retain and an end", () => {
  it("goes on in the ledger: in use until then, then cut and kept, also where the platform would keep it", async () => {
    for (const allowed of [false, true]) {
      const bench = await joined({ ...RETAIN, expiresAt: END });
      if (allowed) bench.allowRetain("in-cluster", "aws", "vault");
      await deleted(bench);
      assert.deepEqual(works(bench), [...NAMES]);
      const entry = bench.entry();
      assert.deepEqual([entry?.spec.policy, entry?.spec.held, entry?.spec.until], ["Disable", "UntilEnd", END]);
      assert.equal(bench.claims(), 3);
      await ledgerUntil(bench, "2026-01-01T01:59:59.000Z");
      assert.deepEqual(works(bench), [...NAMES]);
      assert.match(bench.entry()?.status?.activity ?? "", /In use until its end/);
      assert.deepEqual(
        bench.entry()?.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]),
        [["Ready", "False", "KeptInUse"]],
      );
      await bench.bench.clock.advance(1001);
      await bench.ledgerToRest();
      refused(bench);
      assert.ok(bench.place("lake").principal !== undefined);
      assert.equal(bench.entry()?.status?.conditions?.find(({ type }) => type === "Ready")?.reason, "Revoked");
    }
  });

  it("is cut before its end when a person releases the entry", async () => {
    const bench = await joined({ ...RETAIN, expiresAt: END });
    await deleted(bench);
    const entry = bench.entry();
    assert.ok(entry !== undefined);
    const { metadata } = entry;
    bench.bench.cluster.seed(
      { kind: ORPHANED_CREDENTIAL, name: metadata.name },
      { ...entry, metadata: { ...metadata, annotations: { [RELEASE]: "true" } } },
    );
    await bench.ledgerToRest();
    refused(bench);
  });

  it("takes no permit when it comes: somebody declared it", async () => {
    const bench = await joined({ ...RETAIN, expiresAt: END });
    bench.bench.limits = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
    bench.bench.start();
    await bench.bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    await deleted(bench);
    assert.equal(bench.entry()?.spec.held, "UntilEnd", "no permit was needed for it");
    await bench.ledgerPass();
    assert.equal(works(bench).length, 3);
    await ledgerUntil(bench, "2026-01-01T02:00:01.000Z");
    await bench.ledgerToRest();
    refused(bench);
  });

  it("that has passed, a suspension, and an account that is leaving stay cut", async () => {
    for (const spec of [{ expiresAt: END }, { state: "Suspended" }, { state: "Decommissioned" }] as const) {
      const bench = await joined();
      bench.allowRetain("in-cluster", "aws", "vault");
      bench.apply({ ...RETAIN, ...spec });
      await bench.settle();
      if ("expiresAt" in spec) await bench.bench.clock.advance(Date.parse(END) - bench.bench.clock.now().getTime());
      await deleted(bench);
      refused(bench);
      await bench.ledgerToRest();
      refused(bench);
      assert.equal(bench.entry()?.spec.policy, "Disable");
    }
    const bench = await joined();
    bench.allowRetain("in-cluster", "aws", "vault");
    bench.apply({ ...RETAIN, accounts: SPEC.accounts.slice(1) });
    await bench.settle();
    await deleted(bench);
    assert.deepEqual(works(bench), ["lake", "secrets"]);
    assert.deepEqual(
      bench.entry()?.spec.accounts?.map(({ name }) => name),
      ["cluster"],
    );
  });

  it("is the one that was permitted, whatever the spec said last", async () => {
    const bench = new LifecycleBench();
    bench.apply({ ...RETAIN, expiresAt: END });
    await bench.settle();
    bench.bench.cluster.allows = () => false;
    bench.apply(RETAIN);
    await bench.delete();
    await bench.settle();
    assert.equal(bench.entry()?.spec.until, END);
  });

  it("holds when the finalizer was taken off by hand", async () => {
    const bench = await joined({ ...RETAIN, expiresAt: END });
    bench.bench.cluster.drop(IDENTITY);
    await sweep(bench.bench.ports, { log: silentLogger, signal: new AbortController().signal });
    assert.deepEqual([bench.entry()?.spec.held, bench.entry()?.spec.until], ["UntilEnd", END]);
    assert.deepEqual(works(bench), [...NAMES]);
    await ledgerUntil(bench, "2026-01-01T02:00:01.000Z");
    await bench.ledgerToRest();
    refused(bench);
  });

  it("without one only what is allowed is let go when the finalizer was taken off by hand", async () => {
    const bench = await joined();
    bench.allowRetain("aws");
    bench.bench.cluster.drop(IDENTITY);
    await sweep(bench.bench.ports, { log: silentLogger, signal: new AbortController().signal });
    assert.equal(bench.claims(), 2);
    await bench.ledgerToRest();
    assert.deepEqual(works(bench), ["lake"]);
  });

  it("is found wherever the operator dies meanwhile", async () => {
    for (const how of ["killBefore", "killAfter", "answerLost"] as const) {
      for (let at = 1; ; at += 1) {
        const bench = await joined({ ...RETAIN, expiresAt: END });
        bench.arm({ at, how });
        await deleted(bench);
        const died = bench.bench.mutations >= at;
        bench.revive();
        assert.deepEqual(works(bench), [...NAMES], `${how} ${at}`);
        await ledgerUntil(bench, "2026-01-01T02:00:01.000Z");
        await bench.ledgerToRest();
        refused(bench);
        if (!died) break;
        assert.ok(at < 100);
      }
    }
  });
});

describe("Retain of a resource that b745cd6 has on record", () => {
  const old = async (spec: Partial<ServiceAccountLifecycleSpec>): Promise<LifecycleBench> => {
    const bench = await joined(spec);
    const object = bench.object();
    const status = without({ ...object.status }, "permittedUntil", "permittedReturn", "rules");
    bench.bench.cluster.seed(IDENTITY, { ...object, status });
    return bench;
  };

  it("keeps its meaning until its spec changes", async () => {
    for (const spec of [RETAIN, { ...RETAIN, expiresAt: END }]) {
      const bench = await old(spec);
      await bench.settle();
      assert.equal(bench.condition("Ready")?.message, "3 account(s) stand as the spec says.");
      await deleted(bench);
      assert.deepEqual(works(bench), [...NAMES]);
      assert.equal(bench.entry(), undefined);
      assert.equal(bench.claims(), 0);
    }
  });

  it("has the new one with its next change, also one that no pass has seen before the deletion", async () => {
    for (const seen of [true, false]) {
      const bench = await old(RETAIN);
      bench.apply({ ...RETAIN, purpose: "Exports all invoices" });
      if (seen) await bench.settle();
      await deleted(bench);
      refused(bench);
    }
  });

  it("is not asked about at all by what its connections say", async () => {
    const bench = await old(RETAIN);
    bench.bench.cluster.drop(connectionRef("aws"));
    await deleted(bench);
    assert.deepEqual(works(bench), [...NAMES]);
  });
});
