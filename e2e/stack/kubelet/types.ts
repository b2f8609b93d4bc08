import type { KubeObject } from "../kube.ts";

/** The fields of a Pod that the process-kubelet reads. */
export interface Pod extends KubeObject {
  spec: PodSpec;
  status?: { phase?: string };
}

/** The part of a Pod's spec that it honours. */
export interface PodSpec {
  readonly nodeName?: string;
  readonly restartPolicy?: "Always" | "OnFailure" | "Never";
  readonly terminationGracePeriodSeconds?: number;
  readonly schedulingGates?: readonly unknown[];
  readonly containers: readonly Container[];
  readonly serviceAccountName?: string;
  readonly volumes?: readonly Volume[];
  readonly securityContext?: { readonly runAsUser?: number; readonly runAsGroup?: number; readonly fsGroup?: number };
}

/** A volume of a container with an image; the projected one is the ServiceAccount's. */
export interface Volume {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly emptyDir?: object;
  readonly projected?: object;
}

/** The part of a container that it honours. */
export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly terminationMessagePath?: string;
  readonly env?: readonly EnvVar[];
  readonly readinessProbe?: {
    readonly httpGet?: { readonly path?: string };
    readonly periodSeconds?: number;
  };
  readonly ports?: readonly { readonly name?: string; readonly containerPort: number }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly securityContext?: { readonly readOnlyRootFilesystem?: boolean };
}

/** One environment variable. */
export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: KeyRef;
    readonly configMapKeyRef?: KeyRef;
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

/** A key of a Secret or ConfigMap of the Pod's namespace. */
export interface KeyRef {
  readonly name: string;
  readonly key: string;
  readonly optional?: boolean;
}
