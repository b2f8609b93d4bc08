import assert from "node:assert/strict";
import { FakeCluster } from "../../cluster/fake-cluster.ts";
import { cronJobs, daemonSets, deployments, jobs, statefulSets } from "../../cluster/resources.ts";
import type { ResourceKind } from "../../cluster/contract.ts";
import type { WorkloadKind } from "../../domain/rotation/settings.ts";
import { moveWorkload, viewWorkload, type WorkloadDoor } from "./workloads.ts";

const KINDS: Readonly<Record<WorkloadKind, ResourceKind>> = {
  Deployment: deployments,
  StatefulSet: statefulSets,
  DaemonSet: daemonSets,
  CronJob: cronJobs,
};
const ANNOTATION = "rotation.keyturn.dev/key";

describe("workloads", () => {
  let cluster: FakeCluster;
  let door: WorkloadDoor;

  beforeEach(() => {
    cluster = new FakeCluster();
    door = { cluster, namespace: "payments", annotation: ANNOTATION };
  });

  const settingOf = (kind: WorkloadKind) =>
    ({
      kind: "workload",
      name: "app",
      order: 0,
      timeoutMs: 1000,
      workload: { kind, name: "app" },
      restart: true,
    }) as const;
  const stand = (kind: WorkloadKind, spec: object, status: object, generation = 2): void => {
    cluster.seed(
      { kind: KINDS[kind], namespace: "payments", name: "app" },
      { metadata: { generation }, spec: { template: {}, ...spec }, status: { observedGeneration: 2, ...status } },
    );
  };
  const seen = async (kind: WorkloadKind) => {
    const view = await viewWorkload(door, settingOf(kind));
    return view.kind === "workload" ? [view.state, view.held] : [];
  };

  it("that are scaled to nothing are there at once", async () => {
    for (const kind of ["Deployment", "StatefulSet"] as const) {
      stand(kind, { replicas: 0 }, { replicas: 0 });
      assert.deepEqual(await seen(kind), ["Healthy", undefined], kind);
    }
  });

  it("are judged by nothing that their controller has not seen", async () => {
    stand("Deployment", { replicas: 1, paused: true }, { replicas: 1, updatedReplicas: 1, availableReplicas: 1 }, 3);
    assert.deepEqual(await seen("Deployment"), ["Progressing", undefined]);
  });

  it("that are paused are held only while pods of before are left", async () => {
    const counts = { replicas: 2, availableReplicas: 2 };
    stand("Deployment", { replicas: 2, paused: true }, { ...counts, updatedReplicas: 0 });
    assert.deepEqual(await seen("Deployment"), ["Progressing", "Paused"]);
    stand("Deployment", { replicas: 2, paused: true }, { ...counts, updatedReplicas: 2 });
    assert.deepEqual(await seen("Deployment"), ["Healthy", undefined]);
  });

  it("that keep pods back by a partition are held when all the others are there", async () => {
    const spec = { replicas: 3, updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } } };
    const status = { replicas: 3, currentRevision: "a", updateRevision: "b" };
    stand("StatefulSet", spec, { ...status, updatedReplicas: 1, availableReplicas: 3 });
    assert.deepEqual(await seen("StatefulSet"), ["Progressing", "Partition"]);
    stand("StatefulSet", spec, { ...status, updatedReplicas: 1, availableReplicas: 2 });
    assert.deepEqual(await seen("StatefulSet"), ["Progressing", undefined], "one of them is not ready");
    stand("StatefulSet", spec, { ...status, updatedReplicas: 0, availableReplicas: 3 });
    assert.deepEqual(await seen("StatefulSet"), ["Progressing", undefined], "it rolls still");
  });

  it("that roll when pods are deleted are held until all of them have been", async () => {
    const spec = { updateStrategy: { type: "OnDelete" } };
    const counts = { desiredNumberScheduled: 2, numberAvailable: 2 };
    stand("DaemonSet", spec, { ...counts, updatedNumberScheduled: 0 });
    assert.deepEqual(await seen("DaemonSet"), ["Progressing", "OnDelete"]);
    stand("DaemonSet", spec, { ...counts, updatedNumberScheduled: 2 });
    assert.deepEqual(await seen("DaemonSet"), ["Healthy", undefined]);
    const status = { replicas: 1, availableReplicas: 1, currentRevision: "a", updateRevision: "b" };
    stand("StatefulSet", spec, status);
    assert.deepEqual(await seen("StatefulSet"), ["Progressing", "OnDelete"]);
  });

  describe("CronJobs", () => {
    const templated = (version: string | undefined) => ({
      ...(version === undefined ? {} : { metadata: { annotations: { [ANNOTATION]: version } } }),
      spec: { terminationGracePeriodSeconds: 7 },
    });
    const cronJob = (version: string | undefined, ...active: readonly string[]): void => {
      const spec = { jobTemplate: { spec: { template: templated(version) } } };
      cluster.seed(
        { kind: cronJobs, namespace: "payments", name: "app" },
        { spec, status: { active: active.map((name) => ({ name })) } },
      );
    };
    const run = (name: string, version: string | undefined, active = 1): void => {
      cluster.seed(
        { kind: jobs, namespace: "payments", name },
        { spec: { template: templated(version) }, status: { active } },
      );
    };

    it("are moved by the template of their runs, and their next run has the new version", async () => {
      cronJob(undefined);
      await moveWorkload(door, settingOf("CronJob"), { [ANNOTATION]: "2-abcde" });
      const view = await viewWorkload(door, settingOf("CronJob"));
      assert.deepEqual(view, { kind: "workload", state: "Healthy", version: "2-abcde", graceSeconds: 7 });
    });

    it("are held by a run that began with another version, and by no other", async () => {
      run("app-1", "1-old");
      run("app-2", "2-abcde");
      run("app-3", "1-old", 0);
      cronJob("2-abcde", "app-2", "app-3", "app-gone");
      assert.deepEqual(await seen("CronJob"), ["Healthy", undefined]);
      cronJob("2-abcde", "app-1", "app-2");
      assert.deepEqual(await seen("CronJob"), ["Progressing", "RunningJob"]);
    });
  });

  it("take several annotations in one patch", async () => {
    stand("Deployment", {}, {});
    await moveWorkload(door, settingOf("Deployment"), { [ANNOTATION]: "2-a", "rotation.keyturn.dev/other": "5-b" });
    assert.equal(cluster.mutations().length, 1);
  });
});
