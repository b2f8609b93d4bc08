import { parseAllDocuments } from "yaml";
import { metricsReader } from "../lane/metrics-reader.ts";
import { oneRequest } from "../lane/one-request.ts";
import type { Answer } from "../lane/one-request.ts";
import type { KubeObject } from "../stack/kube.ts";
import { NAMESPACE } from "./installation.ts";
import type { Installation } from "./installation.ts";

/** Where the reader is who scrapes: the namespace that the NetworkPolicy names. */
export const MONITORING = { namespace: "monitoring", name: "prometheus" } as const;
/** Values of a chart that give its role to the reader. */
export const READER_VALUES = `metrics.readers[0].name=${MONITORING.name},metrics.readers[0].namespace=${MONITORING.namespace}`;

interface Endpoint {
  readonly port: string;
  readonly scheme?: "http" | "https";
  readonly path: string;
  readonly bearerTokenFile?: string;
  readonly tlsConfig?: { readonly insecureSkipVerify?: boolean };
}

interface Service {
  readonly metadata: { readonly labels?: Readonly<Record<string, string>> };
  readonly spec: { readonly ports: readonly { readonly name: string; readonly targetPort: string }[] };
}

/** A reader in the namespace `monitoring`, without a role but for what the chart gives; its token. */
export async function monitoringReader({ stack }: Installation): Promise<string> {
  const { client } = stack.kubernetes;
  const { namespace, name } = MONITORING;
  await client.create("/api/v1/namespaces", { metadata: { name: namespace } });
  return metricsReader(client, { namespace, name, role: false });
}

/** What the chart's ServiceMonitor of a release gets from the first replica, as Prometheus would read it. */
export async function scrapedAsShipped(
  { helm, kubelet, stack }: Installation,
  chart: string,
  token: string,
): Promise<Answer> {
  const set = ["--set", "image.repository=keyturn,serviceMonitor.enabled=true"];
  const rendered = await helm("template", "keyturn", chart, "-n", NAMESPACE, ...set);
  const monitor = parseAllDocuments(rendered)
    .map((document) => document.toJS() as (KubeObject & { readonly spec?: MonitorSpec }) | null)
    .find((object) => object?.kind === "ServiceMonitor");
  const [endpoint] = monitor?.spec?.endpoints ?? [];
  if (monitor?.spec === undefined || endpoint === undefined) throw new Error("the chart renders no ServiceMonitor");
  const path = `/api/v1/namespaces/${NAMESPACE}/services/keyturn`;
  const service = (await stack.kubernetes.client.get(path)) as unknown as Service;
  for (const [label, value] of Object.entries(monitor.spec.selector.matchLabels))
    if (service.metadata.labels?.[label] !== value) throw new Error("the ServiceMonitor does not select the Service");
  const target = service.spec.ports.find(({ name }) => name === endpoint.port)?.targetPort ?? "";
  const port = kubelet.ports(NAMESPACE, "keyturn-0")[target];
  if (port === undefined)
    throw new Error(`the pod has no port ${target}, which the ServiceMonitor's ${endpoint.port} leads to`);
  const host = `127.0.0.1:${port}${endpoint.path}`;
  if (endpoint.scheme !== "https") return oneRequest(`http://${host}`);
  const shown = endpoint.bearerTokenFile === undefined ? undefined : token;
  return oneRequest(`https://${host}`, { token: shown, verify: endpoint.tlsConfig?.insecureSkipVerify !== true });
}

interface MonitorSpec {
  readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
  readonly endpoints: readonly Endpoint[];
}

/** What the port of the probes answers to a scrape over plain HTTP. */
export const scrapedAtProbes = ({ kubelet }: Installation): Promise<Answer> =>
  oneRequest(`http://127.0.0.1:${kubelet.ports(NAMESPACE, "keyturn-0")["http"] ?? 0}/metrics`);
