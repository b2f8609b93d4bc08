import assert from "node:assert/strict";
import { adds, ends } from "../domain/would.ts";
import type { ReadOnlyState } from "../stores/read-only.ts";
import { behindDoors, DOORS, Gate, guarded } from "./doors.ts";
import { Halted, isHalted } from "./halted.ts";
import { Bench } from "./ports.fake.ts";

const gateOf = (state: ReadOnlyState): Gate => new Gate({ state: () => Promise.resolve(state) });

/** Every method of a table, each of which writes down that it ran. */
const recorder = (table: object) => {
  const ran: string[] = [];
  const methods = Object.keys(table).map((name) => [name, () => Promise.resolve(ran.push(name))] as const);
  return { ran, door: Object.fromEntries(methods) as Record<string, () => Promise<number>> };
};

describe("the doors to the outside", () => {
  for (const [name, table] of Object.entries(DOORS)) {
    for (const state of ["on", "unknown"] as const) {
      it(`${name}: while read-only is ${state}, only what reads passes`, async () => {
        const { ran, door } = recorder(table);
        const closed = guarded(door, table as Readonly<Record<string, "read" | "write">>, gateOf(state));
        for (const [method, treatment] of Object.entries(table)) {
          const before = ran.length;
          const thrown = await closed[method]?.().catch((error: unknown) => error);
          const passes = treatment === "read" || (treatment === "status" && before === ran.length - 1);
          assert.equal(isHalted(thrown), !passes, method);
          assert.equal(ran.length - before, passes ? 1 : 0, method);
        }
      });
    }

    it(`${name}: while read-only is off, everything passes`, async () => {
      const { ran, door } = recorder(table);
      const open = guarded(door, table as Readonly<Record<string, "read" | "write">>, gateOf("off"));
      for (const method of Object.keys(table)) await open[method]?.();
      assert.deepEqual(ran, Object.keys(table));
    });
  }

  it("close a method that no table knows", async () => {
    const { ran, door } = recorder({ surprise: "read" });
    await assert.rejects(async () => guarded(door, {}, gateOf("on"))["surprise"]?.(), Halted);
    assert.deepEqual(ran, []);
  });

  it("let status be written until a pass is halted, and not after that", async () => {
    const gate = gateOf("on");
    const { ran, door } = recorder({ replaceStatus: "status" });
    const closed = guarded(door, { replaceStatus: "status" }, gate);
    await closed["replaceStatus"]?.();
    await assert.rejects(gate.pass(adds("issue a credential")), Halted);
    await assert.rejects(async () => closed["replaceStatus"]?.(), /would issue a credential/);
    assert.deepEqual(ran, ["replaceStatus"]);
  });

  it("ask for the switch anew before each change, so that a pass under way is halted", async () => {
    let state: ReadOnlyState = "off";
    const { ran, door } = recorder({ cut: "write" });
    const closed = guarded(door, { cut: "write" }, new Gate({ state: () => Promise.resolve(state) }));
    await closed["cut"]?.();
    state = "on";
    await assert.rejects(async () => closed["cut"]?.(), Halted);
    assert.deepEqual(ran, ["cut"]);
  });

  it("note what a read was kept from deeper down", async () => {
    const gate = gateOf("on");
    const door = { list: () => Promise.reject(new Halted(adds("run a Job"))) };
    await assert.rejects(guarded(door, { list: "read" }, gate).list(), Halted);
    assert.equal(gate.halted?.would.text, "run a Job");
  });

  it("tell of an end before anything else", async () => {
    const gate = gateOf("on");
    for (const would of [adds("publish"), ends("cut the rights"), adds("issue")])
      await gate.pass(would).catch(() => undefined);
    assert.equal(gate.halted?.would.text, "cut the rights");
  });

  it("stand before the audit trail, claims, staging, limits and the cluster of a pass", async () => {
    const bench = new Bench();
    const ports = behindDoors(bench.start(), gateOf("on"));
    const ref = { kind: { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true } };
    const tries: readonly (() => Promise<unknown>)[] = [
      () => ports.claims.release("kv/x", "uid"),
      () => ports.staging.keepOnly("uid", []),
      () => ports.limits.take("issue", { key: "key", namespace: "elsewhere" }),
      () => ports.cluster.delete({ ...ref, namespace: "payments", name: "x" }, { uid: "u" }),
      () => ports.cluster.mergePatch({ ...ref, namespace: "payments", name: "x" }, {}),
      () => ports.demand(ends("cut the rights")),
    ];
    for (const run of tries) await assert.rejects(run(), Halted);
    await ports.demand(undefined);
  });
});
