import assert from "node:assert/strict";
import { ASKED, CHANGED_BY, CHANGED_BY_UID, RELEASE } from "../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../api/v1alpha1/orphaned-credential.ts";
import type { KubeObject } from "../cluster/contract.ts";
import { OperatorError } from "../kernel/errors.ts";
import { Bench } from "./ports.fake.ts";
import { LifecycleBench } from "./service-account-lifecycle/bench.fake.ts";

const LEAD = { [CHANGED_BY]: "lead", [CHANGED_BY_UID]: "u-7" };

const rotating = (): Bench => {
  const bench = new Bench();
  bench.deploy("web");
  return bench;
};
const askedIn = (bench: Bench) => bench.recorded.map(({ entry }) => entry.subject?.asked);
const shareUsed = (bench: Bench): void => {
  bench.auditRoom = {
    demandRoom: () => undefined,
    demandShare: () => {
      throw new OperatorError("AuditShareUsed", { publicMessage: "The share is used." });
    },
  };
};
const endless = (bench: Bench): void => {
  bench.auditRoom = { demandRoom: () => undefined, demandShare: () => undefined };
};
const passes = async (bench: Bench, count: number): Promise<void> => {
  for (let pass = 0; pass < count; pass += 1) {
    const { recheckAfterMs } = await bench.pass();
    await bench.clock.advance(Math.min(Math.max(recheckAfterMs ?? 1000, 0), 60_000));
  }
};

describe("records of a rotation", () => {
  it("say who asked, by which generation and under which intent; the end of the old credential has a proof", async () => {
    const bench = rotating();
    bench.apply({}, LEAD);
    await bench.toRest();
    bench.rotate();
    await bench.toRest();
    await bench.clock.advance(60_000);
    await bench.toRest();
    assert.ok(askedIn(bench).every((asked) => asked?.requester?.user === "lead" && asked.requester.uid === "u-7"));
    assert.ok(askedIn(bench).every((asked) => asked?.generation === 1));
    const issues = bench.recorded.filter(({ entry, phase }) => entry.action.includes("Create") && phase === "begin");
    const plans = new Set(issues.map(({ entry }) => entry.subject?.asked?.planDigest));
    assert.ok(plans.size >= 2 && !plans.has(undefined), [...plans].join());
    const proofs = bench.recorded.filter(({ entry, phase }) => phase === "note" && entry.action === "proof:Refused");
    assert.equal(proofs.length, 1);
    assert.equal(proofs[0]?.entry.facts?.["proof"], "ProvenByLogin");
  });

  it("go on in the ledger, which keeps who asked, and has the proof and the release as records", async () => {
    const bench = rotating();
    bench.limits = { ...bench.limits, offboarding: 1 };
    bench.start();
    bench.apply({}, LEAD);
    await bench.toRest();
    await bench.ports.limits.take("offboarding", { key: "somebody else", namespace: "elsewhere" });
    await bench.deleteRotation();
    await bench.pass();
    const entry = bench.orphans()[0] as OrphanedCredential & KubeObject;
    assert.match(entry.metadata.annotations?.[ASKED] ?? "", /"user":"lead"/);
    bench.recorded.length = 0;
    await bench.ledgerPass();
    const held = bench.orphans()[0] as OrphanedCredential & KubeObject;
    const annotations = { ...held.metadata.annotations, [RELEASE]: "true" };
    bench.cluster.seed(
      { kind: ORPHANED_CREDENTIAL, name: held.metadata.name },
      { ...held, metadata: { ...held.metadata, annotations } },
    );
    await bench.ledgerToRest();
    const notes = bench.recorded.filter(({ phase }) => phase === "note").map(({ entry: { action } }) => action);
    assert.deepEqual(notes, ["ledger:Release", "proof:Refused"]);
    assert.ok(bench.recorded.length > 4);
    assert.ok(askedIn(bench).every((asked) => asked?.requester?.user === "lead" && asked.planDigest !== undefined));
  });

  it("takes an entry for one of nobody whose annotation makes no sense", async () => {
    const bench = rotating();
    bench.apply({}, LEAD);
    await bench.toRest();
    await bench.deleteRotation();
    await bench.pass();
    const entry = bench.orphans()[0] as OrphanedCredential & KubeObject;
    const annotations = { [ASKED]: '{"requester":{"user":7},"generation":"x"}' };
    bench.cluster.seed(
      { kind: ORPHANED_CREDENTIAL, name: entry.metadata.name },
      { ...entry, metadata: { ...entry.metadata, annotations } },
    );
    bench.recorded.length = 0;
    await bench.ledgerToRest();
    assert.ok(bench.recorded.length > 0);
    assert.ok(askedIn(bench).every((asked) => asked?.requester === undefined && asked?.generation === undefined));
  });
});

describe("a namespace that has used its share of the audit volume", () => {
  it("gets no first credential and no requested one until it has room; the condition and one event say why", async () => {
    const bench = rotating();
    shareUsed(bench);
    bench.apply();
    await passes(bench, 4);
    assert.equal(bench.source.count("issue"), 0);
    assert.equal(bench.condition("Stalled")?.reason, "AuditShareUsed");
    assert.equal(bench.reasons().filter((reason) => reason === "AuditShareUsed").length, 1);
    endless(bench);
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.status, "True");
    assert.equal(bench.condition("Stalled"), undefined);
    shareUsed(bench);
    bench.rotate();
    await passes(bench, 4);
    assert.equal(bench.source.count("issue"), 1);
    assert.equal(bench.condition("Reverted"), undefined);
    endless(bench);
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 2);
  });

  it("has its open rotation ended, its renewals made, and its credentials taken away", async () => {
    const bench = rotating();
    bench.apply({ schedule: { every: "6h" } });
    await bench.toRest();
    bench.rotate();
    await bench.pass();
    await bench.pass();
    assert.notEqual(bench.status().rotation, undefined);
    shareUsed(bench);
    await bench.toRest();
    assert.equal(bench.status().rotation, undefined);
    assert.equal(bench.source.count("issue"), 2);
    await bench.clock.advance(7 * 3_600_000);
    await bench.toRest();
    assert.equal(bench.source.count("issue"), 3);
    await bench.clock.advance(60_000);
    await bench.deleteRotation();
    await passes(bench, 2);
    await bench.ledgerToRest();
    assert.equal(bench.orphans().length, 0);
  });

  it("gives its identities nothing new, and lets them leave with a proof on record", async () => {
    const bench = new LifecycleBench();
    bench.apply();
    await bench.toRest();
    shareUsed(bench.bench);
    bench.apply({ owner: { team: "payments", contact: "second@example.com" } });
    await bench.pass();
    await bench.pass();
    assert.equal(bench.condition("Stalled")?.reason, "AuditShareUsed");
    bench.bench.recorded.length = 0;
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.equal(bench.condition("Suspended")?.reason, "Proven");
    const proofs = bench.bench.recorded.filter(({ entry }) => entry.action === "proof:Refused");
    assert.equal(proofs.length, 3);
    assert.ok(proofs.every(({ entry }) => entry.subject?.asked?.planDigest !== undefined));
  });
});
