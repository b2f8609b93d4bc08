import { KubeConfig } from "@kubernetes/client-node";
import { KubernetesClient, type KubernetesClientOptions } from "../../src/cluster/kubernetes-client.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { kubeconfig } from "./kube.ts";
import type { Stack } from "./stack.ts";

/** The operator's own way into the stack's cluster: its client with the token of ServiceAccount ops/keyturn, so with its rights and no more. */
export async function clusterLogin(
  stack: Stack,
  options: Pick<KubernetesClientOptions, "largestPageBytes" | "largestObjectBytes"> = {},
): Promise<KubernetesClient> {
  const token = await stack.kubernetes.client.serviceAccountToken("ops", "keyturn");
  const config = new KubeConfig();
  config.loadFromString(kubeconfig({ url: stack.kubernetes.url, ca: stack.ca.pem, token }));
  return new KubernetesClient({ config, clock: systemClock, version: "test", ...options });
}
