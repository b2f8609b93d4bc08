import type { ClusterClient, KubeObject, ResourceKind } from "../../cluster/contract.ts";
import { cronJobs, daemonSets, deployments, jobs, statefulSets } from "../../cluster/resources.ts";
import type { DependentView, HeldBy } from "../../domain/rotation/action.ts";
import type { DependentSetting, WorkloadKind } from "../../domain/rotation/settings.ts";

type WorkloadSetting = Extract<DependentSetting, { kind: "workload" }>;

interface PodTemplate {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: { readonly terminationGracePeriodSeconds?: number };
}

interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly template: PodTemplate;
    /** Of a StatefulSet or a DaemonSet. */
    readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } };
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

interface CronJob extends KubeObject {
  readonly spec: { readonly jobTemplate: { readonly spec: { readonly template: PodTemplate } } };
  readonly status?: { readonly active?: readonly { readonly name?: string }[] };
}

interface Job extends KubeObject {
  readonly spec: { readonly template: PodTemplate };
  readonly status?: { readonly active?: number };
}

const KINDS: Readonly<Record<WorkloadKind, ResourceKind>> = {
  Deployment: deployments,
  StatefulSet: statefulSets,
  DaemonSet: daemonSets,
  CronJob: cronJobs,
};

/** Kubernetes' default for pods that do not say. */
const DEFAULT_GRACE_SECONDS = 30;

export interface WorkloadDoor {
  readonly cluster: ClusterClient;
  readonly namespace: string;
  /** The pod-template annotation whose value is the version of this rotation's credential. */
  readonly annotation: string;
}

/** `Deployment/web`: for people, and for the book of roll-outs. */
export const workloadText = ({ workload: { kind, name } }: WorkloadSetting): string => `${kind}/${name}`;

const refOf = (door: WorkloadDoor, { workload: { kind, name } }: WorkloadSetting) => ({
  kind: KINDS[kind],
  namespace: door.namespace,
  name,
});

/** The workload as it stands now: is it there, on which version, and rolled out at its present generation? */
export const viewWorkload = async (door: WorkloadDoor, setting: WorkloadSetting): Promise<DependentView> => {
  const { kind } = setting.workload;
  const found = await door.cluster.get<Workload | CronJob>(refOf(door, setting));
  if (found === undefined || found.metadata.deletionTimestamp !== undefined)
    return { kind: "workload", state: "Missing", graceSeconds: 0 };
  const template = templateOf(found);
  const version = versionIn(template, door);
  const rolled = "jobTemplate" in found.spec ? await runsOf(door, found as CronJob) : rollOf(kind, found as Workload);
  return {
    kind: "workload",
    ...rolled,
    ...(version === undefined ? {} : { version }),
    graceSeconds: template.spec?.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS,
  };
};

type Rolled = { readonly state: "Progressing"; readonly held?: HeldBy } | { readonly state: "Healthy" };

const templateOf = ({ spec }: Workload | CronJob): PodTemplate =>
  "jobTemplate" in spec ? spec.jobTemplate.spec.template : spec.template;

const versionIn = ({ metadata }: PodTemplate, { annotation }: WorkloadDoor): string | undefined =>
  metadata?.annotations?.[annotation];

const rollOf = (kind: WorkloadKind, workload: Workload): Rolled => {
  if (isRolledOut(kind, workload)) return { state: "Healthy" };
  const held = isCurrent(workload) ? heldBy(kind, workload) : undefined;
  return { state: "Progressing", ...(held === undefined ? {} : { held }) };
};

/** Its controller has seen what stands there. */
const isCurrent = ({ metadata, status }: Workload): boolean =>
  (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);

const isRolledOut = (kind: WorkloadKind, workload: Workload): boolean => {
  const { status = {} } = workload;
  if (!isCurrent(workload)) return false;
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

/** Pods of before stay for as long as somebody wants; one that is merely not ready yet is not held. */
const heldBy = (kind: WorkloadKind, { spec, status = {} }: Workload): HeldBy | undefined => {
  if (spec.paused === true) return "Paused";
  if (kind === "Deployment") return undefined;
  const [all, updated, ready] =
    kind === "DaemonSet"
      ? [status.desiredNumberScheduled, status.updatedNumberScheduled, status.numberAvailable]
      : [spec.replicas ?? 1, status.updatedReplicas, status.availableReplicas];
  const back = (all ?? 0) - (updated ?? 0);
  // While some are not available, the roll-out or an illness is under way.
  if (back <= 0 || (ready ?? 0) < (all ?? 0)) return undefined;
  if (spec.updateStrategy?.type === "OnDelete") return "OnDelete";
  const partition = spec.updateStrategy?.rollingUpdate?.partition ?? 0;
  return kind === "StatefulSet" && partition >= back ? "Partition" : undefined;
};

/** A CronJob is there when no run of it is left that began with another version. */
const runsOf = async (door: WorkloadDoor, cronJob: CronJob): Promise<Rolled> => {
  const wanted = versionIn(templateOf(cronJob), door);
  for (const { name } of cronJob.status?.active ?? []) {
    if (name === undefined) continue;
    const run = await door.cluster.get<Job>({ kind: jobs, namespace: door.namespace, name });
    const running = run !== undefined && (run.status?.active ?? 0) > 0;
    if (running && versionIn(run.spec.template, door) !== wanted) return { state: "Progressing", held: "RunningJob" };
  }
  return { state: "Healthy" };
};

/**
 * Rolls the workload by annotations on its pod template, one for each rotation that changes something for it. The same versions again change
 * nothing, so a repeated call after a lost answer restarts nothing.
 */
export const moveWorkload = async (
  door: WorkloadDoor,
  setting: WorkloadSetting,
  annotations: Readonly<Record<string, string>>,
): Promise<void> => {
  const template = { metadata: { annotations } };
  const spec = setting.workload.kind === "CronJob" ? { jobTemplate: { spec: { template } } } : { template };
  await door.cluster.mergePatch(refOf(door, setting), { spec });
};
