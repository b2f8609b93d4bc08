import type { ClusterClient, KubeObject } from "../../cluster/contract.ts";
import { statefulSets } from "../../cluster/resources.ts";
import { undeclaredAuth, type MetricsAuth } from "../../stores/metrics-auth.ts";
import type { Finding } from "./finding.ts";

export interface MetricsPorts {
  readonly cluster: Pick<ClusterClient, "get" | "list">;
  readonly operatorNamespace: string;
  /** As this process is told; undefined where it is not. */
  readonly metricsAuth: MetricsAuth | undefined;
}

/** As the chart and config/manager name it. */
const OPERATOR = "keyturn";
const [ID, WHAT] = ["metrics", "readers of the metrics are reviewed"];

/** Does the operator ask who reads its metrics? Its StatefulSet says so, or else the claims of before. */
export const metrics = async (ports: MetricsPorts): Promise<readonly Finding[]> => {
  const declared = ports.metricsAuth ?? (await declaredAuth(ports));
  const auth = declared ?? (await undeclaredAuth(ports.cluster, ports.operatorNamespace));
  if (auth === "Reviewed") return [{ id: ID, what: WHAT, result: "ok" }];
  const why =
    declared === undefined
      ? "metrics.auth is absent, and there are claims of a version that did not review: whoever reaches the operator reads the names of all resources"
      : "metrics.auth is None: whoever reaches the operator reads the names of all resources";
  const next =
    "Give Prometheus the role keyturn-metrics-reader, then set metrics.auth to Reviewed: docs/how-to/monitor.md";
  return [{ id: ID, what: WHAT, result: "warn", why, next }];
};

interface StatefulSet extends KubeObject {
  readonly spec?: {
    readonly template?: {
      readonly spec?: {
        readonly containers?: readonly {
          readonly args?: readonly string[];
          readonly env?: readonly { readonly name: string; readonly value?: string }[];
        }[];
      };
    };
  };
}

/** Undefined where it says nothing, or may not be read. */
const declaredAuth = async ({ cluster, operatorNamespace }: MetricsPorts): Promise<MetricsAuth | undefined> => {
  const ref = { kind: statefulSets, namespace: operatorNamespace, name: OPERATOR };
  const found = await cluster.get<StatefulSet>(ref).catch(() => undefined);
  const containers = found?.spec?.template?.spec?.containers ?? [];
  const said = containers.flatMap(({ args = [], env = [] }) => [
    ...args.map((arg) => /^--metrics-auth=(.*)$/.exec(arg)?.[1]),
    ...env.filter(({ name }) => name === "KEYTURN_METRICS_AUTH").map(({ value }) => value),
  ]);
  return (["Reviewed", "None"] as const).find((auth) => said.includes(auth));
};
