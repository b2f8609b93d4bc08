import assert from "node:assert/strict";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { CONFIG_MAPS } from "./kinds.ts";
import { followReadOnly, readOnlySwitch, READ_ONLY_NAME } from "./read-only.ts";

const ref = { kind: CONFIG_MAPS, namespace: "keyturn-system", name: READ_ONLY_NAME };
const setUp = (always = false) => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(clock);
  return { clock, cluster, readOnly: readOnlySwitch(cluster, { operatorNamespace: "keyturn-system", clock, always }) };
};
const down = new OperatorError("Unavailable", { publicMessage: "down" });

describe("the read-only switch", () => {
  for (const [data, state] of [
    [undefined, "off"],
    [{}, "off"],
    [{ engaged: "false" }, "off"],
    [{ engaged: "true" }, "on"],
    [{ engaged: "restore drill" }, "on"],
  ] as const) {
    it(`is ${state} with ${JSON.stringify(data)}`, async () => {
      const { cluster, readOnly } = setUp();
      if (data !== undefined) cluster.seed(ref, { data });
      assert.equal(await readOnly.state(), state);
      assert.equal(readOnly.last(), state);
    });
  }

  it("is not known before the first answer", async () => {
    const { cluster, readOnly } = setUp();
    assert.equal(readOnly.last(), "unknown");
    cluster.failNext(() => true, down, "before", 2);
    assert.equal(await readOnly.state(), "unknown");
    assert.equal(await readOnly.state(), "unknown");
    assert.equal(await readOnly.state(), "off");
  });

  for (const state of ["on", "off"] as const) {
    it(`stays ${state} for as long as it cannot be read`, async () => {
      const { clock, cluster, readOnly } = setUp();
      if (state === "on") cluster.seed(ref, { data: { engaged: "true" } });
      assert.equal(await readOnly.state(), state);
      cluster.failNext(() => true, down, "before", 1000);
      await clock.advance(86_400_000);
      assert.equal(await readOnly.state(), state);
    });
  }

  it("is obeyed within a second, either way", async () => {
    const { clock, cluster, readOnly } = setUp();
    await readOnly.state();
    cluster.seed(ref, { data: { engaged: "true" } });
    await clock.advance(1000);
    assert.equal(await readOnly.state(), "on");
    cluster.seed(ref, { data: { engaged: "false" } });
    await clock.advance(1000);
    assert.equal(await readOnly.state(), "off");
  });

  it("is on with the flag, and nothing is asked for", async () => {
    const { cluster, readOnly } = setUp(true);
    assert.equal(readOnly.last(), "on");
    assert.equal(await readOnly.state(), "on");
    assert.equal(cluster.calls.length, 0);
  });

  it("tells its first answer and each change, once", async () => {
    const { clock, cluster, readOnly } = setUp();
    const stop = new AbortController();
    const told: string[] = [];
    followReadOnly(readOnly, { clock, signal: stop.signal, changed: () => void told.push(readOnly.last()) });
    await clock.advance(10_000);
    cluster.seed(ref, { data: { engaged: "true" } });
    await clock.advance(10_000);
    cluster.seed(ref, { data: { engaged: "" } });
    await clock.advance(10_000);
    stop.abort();
    assert.deepEqual(told, ["off", "on", "off"]);
  });
});
