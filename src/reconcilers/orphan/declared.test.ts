import { deepEqual, equal } from "node:assert/strict";
import { KEEP, LEAKED, RELEASE } from "../../api/v1alpha1/annotations.ts";
import { ORPHANED_CREDENTIAL, type OrphanedCredential } from "../../api/v1alpha1/orphaned-credential.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { Bench, ROTATION } from "../ports.fake.ts";
import { LifecycleBench } from "../service-account-lifecycle/bench.fake.ts";
import { overflowByNamespace } from "./declared.ts";

const END = "2026-01-01T02:00:00Z";
const FULL = { offboarding: 1, offboardingPerNamespace: 0, grant: 0, issue: 0 };
const ELSEWHERE = { key: "somebody else", namespace: "elsewhere" };

/** An entry of an identity that the limit holds back. */
const heldIdentity = async (spec: Parameters<LifecycleBench["apply"]>[0] = {}): Promise<LifecycleBench> => {
  const bench = new LifecycleBench();
  bench.apply(spec);
  await bench.toRest();
  bench.bench.limits = FULL;
  bench.bench.start();
  await bench.bench.ports.limits.take("offboarding", ELSEWHERE);
  await bench.delete();
  for (let pass = 0; pass < 20 && bench.exists; pass += 1) await bench.pass();
  equal(bench.entry()?.spec.held, "LimitReached");
  return bench;
};
const NAMES = ["cluster", "lake", "secrets"];
const inUse = (bench: LifecycleBench): number => NAMES.filter((name) => bench.place(name).lets()).length;
const annotate = (
  bench: Bench,
  entry: OrphanedCredential | undefined,
  annotations: Readonly<Record<string, string>>,
): void => {
  const ref = { kind: ORPHANED_CREDENTIAL, name: entry?.metadata.name ?? "" };
  bench.cluster.seed(ref, { ...entry, metadata: { ...entry?.metadata, annotations } });
};
const reasons = (entry: OrphanedCredential | undefined): readonly string[] =>
  (entry?.status?.conditions ?? []).map(({ type, reason }) => `${type}/${reason}`);

/** One that a SecretRotation of the identity `billing` left. */
const heldRotation = async (): Promise<Bench> => {
  const bench = new Bench();
  bench.deploy("web");
  identity(bench, {});
  bench.apply({ identityRef: { name: "billing" } });
  await bench.toRest();
  bench.limits = FULL;
  bench.start();
  await bench.ports.limits.take("offboarding", ELSEWHERE);
  await bench.deleteRotation();
  for (let pass = 0; pass < 10 && bench.cluster.peek(ROTATION) !== undefined; pass += 1) await bench.pass();
  equal(bench.orphans()[0]?.spec.held, "LimitReached");
  return bench;
};
const identity = (bench: Bench, spec: object): void => {
  bench.cluster.seed(
    { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: ROTATION.namespace ?? "", name: "billing" },
    { metadata: { generation: 1 }, spec: { owner: { team: "payments" }, purpose: "x", accounts: [], ...spec } },
  );
};
const enabled = (bench: Bench): number => [...bench.source.keys.values()].filter((key) => key.enabled).length;

describe("an entry of an identity that a limit holds back", () => {
  it("keeps the identity's end, which comes on time: nobody gains by a deletion in a flood", async () => {
    const bench = await heldIdentity({ expiresAt: END });
    equal(Date.parse(bench.entry()?.spec.until ?? ""), Date.parse(END));
    await bench.ledgerPass();
    equal(inUse(bench), 3);
    const { recheckAfterMs } = await bench.ledgerPass();
    await bench.bench.clock.advance(recheckAfterMs ?? 0);
    for (let pass = 0; pass < 40 && bench.bench.clock.now() < new Date(END); pass += 1) {
      await bench.bench.clock.advance((await bench.ledgerPass()).recheckAfterMs ?? 0);
    }
    for (let pass = 0; pass < 20; pass += 1) await bench.ledgerPass();
    equal(inUse(bench), 0);
  });

  it("ends by a hold and by a leak, at once", async () => {
    const held = await heldIdentity();
    held.bench.hold("leak", { compromised: true });
    for (let pass = 0; pass < 20; pass += 1) await held.ledgerPass();
    equal(inUse(held), 0);
    const leaked = await heldIdentity();
    annotate(leaked.bench, leaked.entry(), { [LEAKED]: "true" });
    for (let pass = 0; pass < 20; pass += 1) await leaked.ledgerPass();
    equal(inUse(leaked), 0);
  });

  it("that is kept stays in use, alerts no more, and ends when it is released", async () => {
    const bench = await heldIdentity();
    await bench.ledgerPass();
    const overflow = () => overflowByNamespace([bench.entry()!], bench.bench.ports).size;
    equal(overflow(), 1);
    annotate(bench.bench, bench.entry(), { [KEEP]: "true" });
    equal(overflow(), 0);
    await bench.ledgerPass();
    deepEqual(reasons(bench.entry()), ["Ready/KeptInUse"]);
    await bench.bench.clock.advance(86_400_000);
    await bench.ledgerPass();
    equal(inUse(bench), 3);
    annotate(bench.bench, bench.entry(), { [KEEP]: "true", [RELEASE]: "true" });
    await bench.ledgerToRest();
    equal(inUse(bench), 0);
    equal(bench.entry(), undefined);
  });

  it("that is kept goes to the same identity when it is applied again, and is cut with it", async () => {
    const bench = await heldIdentity();
    annotate(bench.bench, bench.entry(), { [KEEP]: "true" });
    bench.apply();
    await bench.toRest();
    await bench.ledgerToRest();
    equal(bench.entry(), undefined);
    equal(inUse(bench), 3);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    equal(inUse(bench), 0);
  });
});

describe("a SecretRotation whose identity a limit holds back", () => {
  const setUp = async (): Promise<{ readonly bench: Bench; readonly uid: string }> => {
    const bench = new Bench();
    bench.deploy("web");
    identity(bench, {});
    bench.apply({ identityRef: { name: "billing" } });
    await bench.toRest();
    const uid = bench.status().identityUid ?? "";
    bench.cluster.drop({ kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: ROTATION.namespace ?? "", name: "billing" });
    return { bench, uid };
  };
  const entryOf = (bench: Bench, uid: string, annotations: Readonly<Record<string, string>>): void => {
    const origin = { kind: "ServiceAccountLifecycle", namespace: ROTATION.namespace, name: "billing", uid };
    const spec = { origin, held: "LimitReached", policy: "Delete", recordedAt: "2026-01-01T00:00:00Z", holdSeconds: 0 };
    bench.cluster.seed({ kind: ORPHANED_CREDENTIAL, name: `sal-${uid}` }, { metadata: { annotations }, spec });
  };

  it("keeps its credential as long, rotates it no more, and ends it when the identity is ended", async () => {
    const { bench, uid } = await setUp();
    entryOf(bench, uid, {});
    bench.rotate();
    for (let pass = 0; pass < 5; pass += 1) await bench.pass();
    equal(enabled(bench), 1);
    equal(bench.source.count("issue"), 1);
    entryOf(bench, uid, { [RELEASE]: "true" });
    for (let pass = 0; pass < 10; pass += 1) await bench.pass();
    equal(enabled(bench), 0);
  });

  it("ends at once where no limit holds the identity", async () => {
    const { bench } = await setUp();
    for (let pass = 0; pass < 10; pass += 1) await bench.pass();
    equal(enabled(bench), 0);
  });
});

describe("an entry of a SecretRotation that a limit holds back", () => {
  it("ends with its identity: by a suspension, a decommissioning, an expiry", async () => {
    for (const spec of [{ state: "Suspended" }, { state: "Decommissioned" }, { expiresAt: "2026-01-01T00:00:01Z" }]) {
      const bench = await heldRotation();
      await bench.ledgerPass();
      equal(enabled(bench), 1, JSON.stringify(spec));
      identity(bench, spec);
      await bench.ledgerToRest();
      equal(enabled(bench), 0, JSON.stringify(spec));
    }
  });

  it("ends by a leak, and stays in use while it is only held or kept", async () => {
    const bench = await heldRotation();
    await bench.ledgerPass();
    deepEqual(reasons(bench.orphans()[0]), ["Ready/LimitReached", "Stalled/LimitReached"]);
    annotate(bench, bench.orphans()[0], { [KEEP]: "true" });
    await bench.ledgerPass();
    deepEqual(reasons(bench.orphans()[0]), ["Ready/KeptInUse"]);
    equal(enabled(bench), 1);
    annotate(bench, bench.orphans()[0], { [KEEP]: "true", [LEAKED]: "1" });
    await bench.ledgerToRest();
    equal(enabled(bench), 0);
  });

  it("takes no permit where its identity was suspended, or its credential leaked, before it was deleted", async () => {
    for (const how of ["suspended", "leaked"] as const) {
      const bench = new Bench();
      bench.deploy("web");
      identity(bench, {});
      bench.apply({ identityRef: { name: "billing" } });
      await bench.toRest();
      bench.limits = FULL;
      bench.start();
      await bench.ports.limits.take("offboarding", ELSEWHERE);
      if (how === "suspended") identity(bench, { state: "Suspended" });
      else bench.annotate({ [LEAKED]: bench.status().current?.version });
      await bench.deleteRotation();
      for (let pass = 0; pass < 20 && bench.cluster.peek(ROTATION) !== undefined; pass += 1) await bench.pass();
      await bench.ledgerToRest();
      equal(enabled(bench), 0, how);
    }
  });
});
