import type { KubeClient, KubeObject, ObjectMeta } from "../stack/kube.ts";
import type { RotationStatus } from "../../src/domain/rotation/record.ts";

/** Waits that a spec declares, in whole seconds. */
export interface Waits {
  readonly soak: number;
  readonly overlap: number;
  readonly deleteAfter: number;
}

export interface RotationOptions {
  readonly namespace: string;
  readonly name: string;
  readonly userName: string;
  readonly awsConnection: string;
  readonly vaultConnection: string;
  readonly secretName: string;
  readonly kvPath: string;
  readonly workload: string;
  readonly waits: Waits;
  readonly successes?: number;
  readonly progressDeadline?: string;
  readonly holdFor?: string;
  readonly dependentTimeout?: string;
}

/** A SecretRotation as the API server shows it. */
export interface Rotation extends KubeObject {
  metadata: ObjectMeta;
  status?: RotationStatus;
}

/** A SecretRotation of an AWS key that goes to a Secret and to Vault, and that one Deployment uses. */
export function rotationObject(
  options: RotationOptions,
): KubeObject & { spec: { deliver: object[]; [field: string]: unknown } } {
  const { namespace, name, waits } = options;
  return {
    apiVersion: "keyturn.dev/v1alpha1",
    kind: "SecretRotation",
    metadata: { name, namespace },
    spec: {
      source: { awsAccessKey: { connectionRef: { name: options.awsConnection }, userName: options.userName } },
      deliver: [
        {
          name: "app",
          kubernetesSecret: {
            name: options.secretName,
            keys: { accessKeyId: "AWS_ACCESS_KEY_ID", secretAccessKey: "AWS_SECRET_ACCESS_KEY" },
          },
        },
        { name: "kv", vaultKV: { connectionRef: { name: options.vaultConnection }, path: options.kvPath } },
      ],
      dependents: [
        {
          name: "app",
          workload: { kind: "Deployment", name: options.workload },
          timeout: options.dependentTimeout ?? "60s",
        },
      ],
      verify: { successes: options.successes ?? 2, soak: `${waits.soak}s` },
      retire: { overlap: `${waits.overlap}s`, deleteAfter: `${waits.deleteAfter}s` },
      progressDeadline: options.progressDeadline ?? "5s",
      deletion: { holdFor: options.holdFor ?? "2s" },
    },
  };
}

export function rotationPath(namespace: string, name: string): string {
  return `/apis/keyturn.dev/v1alpha1/namespaces/${namespace}/secretrotations/${name}`;
}

export function conditionOf(
  status: RotationStatus | undefined,
  type: string,
): NonNullable<RotationStatus["conditions"]>[number] | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Asks for a rotation now; gives the value of the annotation, which status.lastHandledRotateAt will show. */
export async function askForRotation(kube: KubeClient, path: string): Promise<string> {
  const at = new Date(Math.floor(Date.now() / 1000) * 1000).toISOString().replace(".000", "");
  await kube.mergePatch(path, { metadata: { annotations: { "keyturn.dev/rotate-at": at } } });
  return at;
}

/** The resource says that nothing is open; with `asked`, that this rotation has been acted on. */
export function isAtRest(rotation: Rotation | undefined, asked: string | undefined): boolean {
  const status = rotation?.status;
  if (rotation === undefined || status?.current === undefined || status.rotation !== undefined) return false;
  const is = (type: string): boolean => conditionOf(status, type)?.status === "True";
  return (
    is("Ready") &&
    !is("Reconciling") &&
    !is("Stalled") &&
    (status.pendingRevocations ?? []).length === 0 &&
    status.observedGeneration === rotation.metadata.generation &&
    (asked === undefined || status.lastHandledRotateAt === asked)
  );
}
