import type { KubeClient } from "../kube.ts";

const leaseSeconds = 40;

/** Registers a Node that is Ready and has room, and renews its Lease and status until `stop`. */
export async function keepNode(kube: KubeClient, name: string): Promise<{ stop(): void }> {
  const resources = { cpu: "64", memory: "256Gi", pods: "1000" };
  const leasePath = `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${name}`;
  await kube.apply(`/api/v1/nodes/${name}`, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": process.platform } },
  });
  // Admission taints a new node as not ready; the node lifecycle controller, which would take that back, does not run.
  await kube.mergePatch(`/api/v1/nodes/${name}`, { spec: { taints: null } });

  const beat = async (): Promise<void> => {
    const now = new Date().toISOString();
    await kube.mergePatch(`/api/v1/nodes/${name}/status`, {
      status: {
        capacity: resources,
        allocatable: resources,
        addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
        conditions: [
          {
            type: "Ready",
            status: "True",
            reason: "ProcessKubelet",
            message: "containers run as local processes",
            lastHeartbeatTime: now,
            lastTransitionTime: now,
          },
        ],
      },
    });
    await kube.apply(leasePath, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name, namespace: "kube-node-lease" },
      spec: { holderIdentity: name, leaseDurationSeconds: leaseSeconds, renewTime: now.replace("Z", "000Z") },
    });
  };
  await beat();
  const timer = setInterval(
    () => {
      // A missed beat is made up by the next one: a lease lasts four of them.
      beat().catch(() => undefined);
    },
    (leaseSeconds * 1000) / 4,
  );
  return {
    stop() {
      clearInterval(timer);
    },
  };
}
