import type { ClusterClient, KubeObject, ResourceKind } from "../../cluster/contract.ts";
import { daemonSets, deployments, statefulSets } from "../../cluster/resources.ts";
import type { DependentView } from "../../domain/rotation/action.ts";
import type { DependentSetting } from "../../domain/rotation/settings.ts";

type WorkloadSetting = Extract<DependentSetting, { kind: "workload" }>;

interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly template: {
      readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
      readonly spec?: { readonly terminationGracePeriodSeconds?: number };
    };
  };
  readonly status?: Readonly<Partial<Record<WorkloadCount, number>>> & {
    readonly currentRevision?: string;
    readonly updateRevision?: string;
  };
}
type WorkloadCount =
  | "observedGeneration"
  | "replicas"
  | "updatedReplicas"
  | "availableReplicas"
  | "readyReplicas"
  | "desiredNumberScheduled"
  | "updatedNumberScheduled"
  | "numberAvailable";

const KINDS: Readonly<Record<WorkloadSetting["workload"]["kind"], ResourceKind>> = {
  Deployment: deployments,
  StatefulSet: statefulSets,
  DaemonSet: daemonSets,
};

/** Kubernetes' default for pods that do not say. */
const DEFAULT_GRACE_SECONDS = 30;

export interface WorkloadDoor {
  readonly cluster: ClusterClient;
  readonly namespace: string;
  /** The pod-template annotation whose value is the version of this rotation's credential. */
  readonly annotation: string;
}

const refOf = (door: WorkloadDoor, setting: WorkloadSetting) => ({
  kind: KINDS[setting.workload.kind],
  namespace: door.namespace,
  name: setting.workload.name,
});

/** The workload as it stands now: is it there, on which version, and rolled out at its present generation? */
export const viewWorkload = async (door: WorkloadDoor, setting: WorkloadSetting): Promise<DependentView> => {
  const workload = await door.cluster.get<Workload>(refOf(door, setting));
  if (workload === undefined || workload.metadata.deletionTimestamp !== undefined) {
    return { kind: "workload", state: "Missing", graceSeconds: 0 };
  }
  const version = workload.spec.template.metadata?.annotations?.[door.annotation];
  return {
    kind: "workload",
    state: rolledOut(setting.workload.kind, workload) ? "Healthy" : "Progressing",
    ...(version === undefined ? {} : { version }),
    graceSeconds: workload.spec.template.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS,
  };
};

const rolledOut = (kind: WorkloadSetting["workload"]["kind"], workload: Workload): boolean => {
  const status = workload.status ?? {};
  if ((status.observedGeneration ?? 0) < (workload.metadata.generation ?? 0)) return false;
  if (kind === "DaemonSet") {
    const wanted = status.desiredNumberScheduled ?? 0;
    return (status.updatedNumberScheduled ?? 0) >= wanted && (status.numberAvailable ?? 0) >= wanted;
  }
  const wanted = workload.spec.replicas ?? 1;
  const updated = (status.updatedReplicas ?? 0) >= wanted && (status.replicas ?? 0) <= (status.updatedReplicas ?? 0);
  const available = (status.availableReplicas ?? 0) >= wanted;
  // A StatefulSet drops updatedReplicas once its revisions are equal again.
  const settled = kind === "StatefulSet" && status.currentRevision === status.updateRevision;
  return available && (updated || settled);
};

/**
 * Rolls the workload by one annotation on its pod template. The same version again changes nothing, so a repeated call after a
 * lost answer restarts nothing.
 */
export const moveWorkload = async (door: WorkloadDoor, setting: WorkloadSetting, version: string): Promise<void> => {
  await door.cluster.mergePatch(refOf(door, setting), {
    spec: { template: { metadata: { annotations: { [door.annotation]: version } } } },
  });
};
