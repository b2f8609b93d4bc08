import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { randomWord } from "../kernel/ids.ts";
import type { ClusterClient, KubeObject, ObjectRef } from "./contract.ts";
import { jobs, pods, secrets } from "./resources.ts";
import { readableOf } from "../kernel/listed.ts";

interface Pod extends KubeObject {
  readonly status?: {
    readonly containerStatuses?: readonly {
      readonly state?: { readonly terminated?: { readonly message?: string } };
    }[];
  };
}

/** What runs, declared by the platform. */
export interface JobTemplate {
  readonly image: string;
  readonly command?: readonly string[] | undefined;
  readonly serviceAccountName?: string | undefined;
  readonly timeoutMs: number;
}

const POLL_MS = 500;
const LEFT_FOR_SECONDS = 300;
const ANSWER_FILE = "/dev/termination-log";

/**
 * Runs Jobs in the operator's own namespace. The Job comes first, and the Secret with the request is owned by it: whenever this process dies, the Job
 * ends by its own deadline and takes the Secret with it.
 */
export const jobRunner = (cluster: ClusterClient, namespace: string, clock: Clock) => ({
  async run(template: JobTemplate, request: string, signal: AbortSignal): Promise<string | undefined> {
    const name = `keyturn-hook-${randomWord(10)}`;
    const ref: ObjectRef = { kind: jobs, namespace, name };
    const job = await cluster.create({ kind: jobs, namespace }, jobObject(name, template));
    const { uid } = job.metadata;
    try {
      await cluster.create({ kind: secrets, namespace }, requestObject(name, uid, request));
      return await ended(
        cluster,
        { namespace, name },
        { clock, signal, untilMs: clock.monotonicMs() + template.timeoutMs },
      );
    } finally {
      await cluster.delete(ref, { uid }).catch(() => false);
    }
  },
});

const ended = async (
  cluster: ClusterClient,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  { clock, signal, untilMs }: { readonly clock: Clock; readonly signal: AbortSignal; readonly untilMs: number },
): Promise<string | undefined> => {
  const labelSelector = `batch.kubernetes.io/job-name=${name}`;
  for (;;) {
    if (signal.aborted)
      throw new OperatorError("Aborted", { publicMessage: "The operator is stopping.", ambiguous: true });
    const found = await cluster.list<Pod>(pods, { namespace, labelSelector });
    // Of presence alone: what cannot be read has not ended yet.
    const states = readableOf(found).flatMap(({ status }) => status?.containerStatuses ?? []);
    const terminated = states.map(({ state }) => state?.terminated).find((one) => one !== undefined);
    if (terminated !== undefined) return terminated.message === "" ? undefined : terminated.message;
    if (clock.monotonicMs() > untilMs)
      throw new OperatorError("Timeout", { publicMessage: "The hook's Job has not ended in time.", ambiguous: true });
    await clock.sleep(POLL_MS);
  }
};

/** The Job's own deadline is for a process that is gone: it comes after this one's, or a run that is late would be told as one without an answer. */
const SPARE_SECONDS = 5;
const LABELS = { "app.kubernetes.io/managed-by": "keyturn", "keyturn.dev/hook": "job" } as const;

const jobObject = (name: string, { image, command, serviceAccountName, timeoutMs }: JobTemplate) => ({
  apiVersion: "batch/v1",
  kind: "Job",
  metadata: { name, labels: LABELS },
  spec: {
    backoffLimit: 0,
    activeDeadlineSeconds: Math.ceil(timeoutMs / 1000) + SPARE_SECONDS,
    ttlSecondsAfterFinished: LEFT_FOR_SECONDS,
    template: {
      metadata: { labels: LABELS },
      spec: {
        restartPolicy: "Never",
        automountServiceAccountToken: serviceAccountName !== undefined,
        ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
        securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
        containers: [
          {
            name: "hook",
            image,
            ...(command === undefined ? {} : { command }),
            terminationMessagePath: ANSWER_FILE,
            terminationMessagePolicy: "File",
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
            env: [
              { name: "KEYTURN_REQUEST", valueFrom: { secretKeyRef: { name, key: "request" } } },
              { name: "KEYTURN_ANSWER_FILE", value: ANSWER_FILE },
            ],
          },
        ],
      },
    },
  },
});

const requestObject = (name: string, uid: string, request: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  type: "Opaque",
  metadata: {
    name,
    labels: LABELS,
    ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name, uid }],
  },
  data: { request: Buffer.from(request).toString("base64") },
});
