import assert from "node:assert/strict";
import { CHANGED_BY, CHANGED_BY_GROUPS, CHANGED_BY_UID } from "../../api/v1alpha1/annotations.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { connectionRef } from "../ports.fake.ts";
import { LifecycleBench, SPEC } from "./bench.fake.ts";

const stamp = (name: string): Readonly<Record<string, string>> => ({
  [CHANGED_BY]: name,
  [CHANGED_BY_UID]: `uid-${name}`,
  [CHANGED_BY_GROUPS]: "developers",
});
const LEAD = stamp("lead");
const EDITOR = stamp("editor");
const MINUTE_MS = 60_000;

const world = (): LifecycleBench => {
  const bench = new LifecycleBench();
  bench.bench.cluster.allows = ({ user }) => user === "lead";
  return bench;
};

const turns = async (bench: LifecycleBench, count: number, stepMs: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) {
    if (bench.exists) await bench.pass();
    await bench.ledgerPass();
    await bench.bench.clock.advance(stepMs);
  }
};

const withdraw = (bench: LifecycleBench, change: object): void => {
  const before = bench.bench.cluster.peek<KubeObject & { readonly spec: object }>(connectionRef("aws"));
  bench.bench.cluster.seed(connectionRef("aws"), { ...before, spec: { ...before?.spec, ...change } });
};

/** Without Kubernetes roles nobody is asked for bind, so only the connection's grants are in an editor's way. */
const accounts = SPEC.accounts.filter(({ name }) => name !== "cluster");

describe("an end whose extension the platform has withdrawn the ground from", () => {
  for (const [what, change] of [
    ["the grant", { grants: [] }],
    ["the namespace's leave", { allowedNamespaces: { mode: "Listed", names: ["other"] } }],
  ] as const) {
    it(`comes at its time although a later one is asked for: ${what}`, async () => {
      const bench = world();
      const start = bench.bench.clock.now().getTime();
      const at = (minutes: number): string => new Date(start + minutes * MINUTE_MS).toISOString();
      bench.apply({ accounts, expiresAt: at(30) }, LEAD);
      await bench.settle(5000);
      withdraw(bench, change);
      bench.apply({ accounts, expiresAt: at(600_000) }, EDITOR);
      await bench.pass();
      assert.equal(bench.condition("Ready")?.reason, "PermissionDenied");
      await turns(bench, 40, MINUTE_MS);
      assert.equal(bench.status().permittedUntil, at(30));
      assert.equal(bench.place("lake").lets(), false);
    });

    it(`comes although the resource is made again without one: ${what}`, async () => {
      const bench = world();
      const deletion = { policy: "Retain", holdFor: "60s", timeout: "30s" } as const;
      const expiresAt = new Date(bench.bench.clock.now().getTime() + 24 * 60 * MINUTE_MS).toISOString();
      bench.apply({ accounts, expiresAt, deletion }, LEAD);
      await bench.settle(5000);
      await bench.delete();
      await turns(bench, 5, 1000);
      assert.equal(bench.exists, false);
      assert.equal(bench.place("lake").lets(), true, "kept until its end");
      withdraw(bench, change);
      bench.apply({ accounts, deletion }, EDITOR);
      await turns(bench, 150, 10 * MINUTE_MS);
      assert.equal(bench.place("lake").lets(), false);
    });
  }
});

describe("an account that the lead has taken out", () => {
  const base = { deletion: { holdFor: "240h", timeout: "30s" }, progressDeadline: "24h" };
  const without = SPEC.accounts.filter(({ name }) => name !== "cluster");

  for (const before of ["nothing", "a hold", "a suspension"] as const)
    it(`is not brought back by an editor while a return after ${before} waits for another provider`, async () => {
      const bench = world();
      bench.apply(base, LEAD);
      await bench.toRest();
      if (before === "a suspension") bench.apply({ ...base, state: "Suspended" }, LEAD);
      if (before === "a hold") bench.bench.hold("leak");
      await turns(bench, 10, 5000);
      bench.bench.away.add("secrets");
      if (before === "a hold") await bench.bench.unhold("leak");
      if (before === "a suspension") bench.apply(base, LEAD);
      await turns(bench, 10, MINUTE_MS);
      assert.equal(bench.keys("cluster").length, 1);
      bench.apply({ ...base, accounts: without }, LEAD);
      await turns(bench, 10, 5000);
      assert.deepEqual(bench.keys("cluster"), []);
      bench.apply(base, EDITOR);
      await turns(bench, 20, MINUTE_MS);
      assert.deepEqual(bench.keys("cluster"), []);
    });
});
