import assert from "node:assert/strict";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { CONFIG_MAPS } from "./kinds.ts";
import { killSwitch, KILL_SWITCH_NAME, type KillSwitchChange } from "./kill-switch.ts";

const ref = { kind: CONFIG_MAPS, namespace: "keyturn-system", name: KILL_SWITCH_NAME };
const setUp = () => {
  const clock = new FakeClock();
  const cluster = new FakeCluster(clock);
  return { clock, cluster, killing: killSwitch(cluster, "keyturn-system", clock) };
};
const down = new OperatorError("PermissionDenied", { publicMessage: "forbidden" });

describe("the kill switch", () => {
  for (const [data, engaged] of [
    [{ engaged: "true" }, true],
    [{ engaged: " TRUE\n" }, true],
    [{ engaged: "yes, now!" }, true],
    [{ engaged: "false" }, false],
    [{ engaged: "Off" }, false],
    [{ engaged: "" }, false],
    [{}, false],
    [undefined, false],
  ] as const) {
    it(`is ${engaged ? "on" : "off"} with ${JSON.stringify(data)}`, async () => {
      const { cluster, killing } = setUp();
      if (data !== undefined) cluster.seed(ref, { data });
      assert.equal(await killing.engaged(), engaged);
    });
  }

  it("is off where there is no such ConfigMap", async () => {
    assert.equal(await setUp().killing.engaged(), false);
  });

  it("is read at most once a second, and obeyed within a second", async () => {
    const { clock, cluster, killing } = setUp();
    await Promise.all([killing.engaged(), killing.engaged(), killing.engaged()]);
    assert.equal(await killing.engaged(), false);
    assert.equal(cluster.calls.length, 1);
    cluster.seed(ref, { data: { engaged: "true" } });
    await clock.advance(1000);
    assert.equal(await killing.engaged(), true);
    assert.equal(cluster.calls.length, 2);
  });

  it("is as it was last seen for a minute while it cannot be read, then nothing is issued until it can", async () => {
    const { clock, cluster, killing } = setUp();
    assert.equal(await killing.engaged(), false);
    cluster.failNext(() => true, down, "before", 3);
    await clock.advance(30_000);
    assert.equal(await killing.engaged(), false);
    await clock.advance(31_000);
    await assert.rejects(killing.engaged(), { code: "Unavailable" });
    await assert.rejects(killing.engaged(), { code: "Unavailable" });
    assert.equal(await killing.engaged(), false);
  });

  it("stays on for as long as nobody can tell that it was taken off", async () => {
    const { clock, cluster, killing } = setUp();
    cluster.seed(ref, { data: { engaged: "true" } });
    assert.equal(await killing.engaged(), true);
    cluster.failNext(() => true, down, "before", 1000);
    await clock.advance(3_600_000);
    assert.equal(await killing.engaged(), true);
  });

  it("lets nothing be issued by a process that has never been able to read it", async () => {
    const { cluster, killing } = setUp();
    cluster.failNext(() => true, down);
    await assert.rejects(killing.engaged(), /until it can be read/);
  });

  it("tells when it is put on and taken off, and which program wrote it last", async () => {
    const clock = new FakeClock();
    const cluster = new FakeCluster(clock);
    const changes: KillSwitchChange[] = [];
    const killing = killSwitch(cluster, "keyturn-system", clock, (change) => void changes.push(change));
    const look = async (): Promise<void> => {
      await clock.advance(1000);
      await killing.engaged();
    };
    await look();
    const managedFields = [
      { manager: "kubectl-create", time: "2026-01-01T00:00:00Z" },
      { manager: "kubectl-edit", time: "2026-01-02T00:00:00Z" },
    ];
    cluster.seed(ref, { metadata: { managedFields }, data: { engaged: "true" } });
    await look();
    await look();
    cluster.seed(ref, { data: { engaged: "false" } });
    await look();
    assert.deepEqual(
      changes.map(({ engaged, manager }) => [engaged, manager]),
      [
        [true, "kubectl-edit"],
        [false, undefined],
      ],
    );
  });
});
