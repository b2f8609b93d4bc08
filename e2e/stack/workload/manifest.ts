import { fileURLToPath } from "node:url";

/** What a login probe needs to know. */
export interface ProbeOptions {
  readonly namespace: string;
  readonly name: string;
  readonly replicas?: number;
  /** Deployment (default), StatefulSet or DaemonSet. */
  readonly kind?: "Deployment" | "StatefulSet" | "DaemonSet";
  /** The Secret with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. */
  readonly secretName: string;
  /** Where it logs in, and the file with the CA to trust. */
  readonly endpoint: string;
  readonly caFile: string;
  readonly intervalMs: number;
  /** The file that gets a line per attempt. */
  readonly probeLog: string;
}

/** A workload whose pods log in to AWS at an interval with the key in a Secret, read when the pod starts. */
export function loginProbe(options: ProbeOptions): { path: string; object: object } {
  const { namespace, name, kind = "Deployment", replicas = 2, secretName } = options;
  const fromSecret = (key: string) => ({ name: key, valueFrom: { secretKeyRef: { name: secretName, key } } });
  const labels = { app: name };
  const container = {
    name: "probe",
    image: "login-probe",
    command: [process.execPath, fileURLToPath(new URL("login-probe.mjs", import.meta.url))],
    // The process-kubelet takes a container with a readinessProbe as ready when it prints `ready`.
    readinessProbe: { exec: { command: ["true"] } },
    env: [
      { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      fromSecret("AWS_ACCESS_KEY_ID"),
      fromSecret("AWS_SECRET_ACCESS_KEY"),
      { name: "AWS_ENDPOINT", value: options.endpoint },
      { name: "AWS_CA", value: options.caFile },
      { name: "PROBE_INTERVAL_MS", value: String(options.intervalMs) },
      { name: "PROBE_LOG", value: options.probeLog },
    ],
  };
  const strategy = {
    Deployment: { replicas, strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } } },
    StatefulSet: { replicas, serviceName: name },
    DaemonSet: {},
  }[kind];
  const spec = { terminationGracePeriodSeconds: 5, automountServiceAccountToken: false, containers: [container] };
  return {
    path: `/apis/apps/v1/namespaces/${namespace}/${kind.toLowerCase()}s/${name}`,
    object: {
      apiVersion: "apps/v1",
      kind,
      metadata: { name, namespace, labels },
      spec: { ...strategy, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
    },
  };
}

/** One line of a probe log. */
export interface Attempt {
  readonly at: number;
  readonly pod: string;
  /** The last four characters of the access key id. */
  readonly key: string;
  readonly result: "ok" | "refused" | "error" | "late";
  readonly code: string;
}

/** Reads a probe log; a last line that is still being written is left out. */
export function parseProbeLog(text: string): Attempt[] {
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const [at = "", pod = "", key = "", result = "", code = ""] = line.split(" ");
      return { at: Number(at), pod, key, result: result as Attempt["result"], code };
    });
}
