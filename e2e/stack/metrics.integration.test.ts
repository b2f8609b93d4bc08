import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { KubernetesClient } from "../../src/cluster/kubernetes-client.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { serveMetrics, type ServedMetrics } from "../../src/metrics.ts";
import { PrometheusMetrics } from "../../src/telemetry/metrics.ts";
import { claimName, claimStore } from "../../src/stores/claims.ts";
import { metricsReader } from "../lane/metrics-reader.ts";
import { oneRequest } from "../lane/one-request.ts";
import { applyOperatorRbac } from "../lane/rbac.ts";
import { clusterLogin } from "./cluster-login.ts";
import { freePort } from "./ports.ts";
import { startStack, type Stack } from "./stack.ts";
import { waitFor } from "./wait.ts";

const NAMESPACE = "ops";

describe("metrics, reviewed by a real API server", function () {
  this.timeout(120_000);
  let stack: Stack;
  let cluster: KubernetesClient;
  const running = new Set<ServedMetrics>();

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    const kube = stack.kubernetes.client;
    for (const name of [NAMESPACE, "monitoring", "team-a"])
      await kube.create("/api/v1/namespaces", { metadata: { name } });
    // With the operator's own rights, and no more.
    await applyOperatorRbac(kube, NAMESPACE);
    cluster = await clusterLogin(stack);
  });
  after(async () => {
    for (const one of running) await one.close();
    await cluster.close();
    await stack.stop();
  });

  const served = async (): Promise<(token?: string) => Promise<number>> => {
    const port = await freePort();
    const one = serveMetrics({
      ...{ clock: systemClock, log: silentLogger, cluster },
      options: {
        metricsAddress: `127.0.0.1:${port}`,
        metricsAuth: undefined,
        metricsSecret: undefined,
        operatorNamespace: NAMESPACE,
        leaseIdentity: "keyturn-0",
      },
      metrics: new PrometheusMetrics({ version: "test", process: false }),
    });
    running.add(one);
    await waitFor("the port is bound", () => Promise.resolve(one.port() !== undefined), { timeout: 10_000 });
    return async (token) => (await oneRequest(`https://127.0.0.1:${port}/metrics`, { token })).status;
  };

  it("are read by whom the shipped role lets, through an outage too, and by nobody else", async () => {
    const { client } = stack.kubernetes;
    const reader = await metricsReader(client, { namespace: "monitoring", name: "prometheus", role: true });
    const tenant = await metricsReader(client, { namespace: "team-a", name: "default-app", role: false });
    const scrape = await served();
    deepStrictEqual(
      [await scrape(), await scrape("rubbish"), await scrape(`${reader}x`), await scrape(tenant), await scrape(reader)],
      [401, 401, 401, 403, 200],
    );
    strictEqual(await scrape(stack.kubernetes.adminToken), 200);
    await stack.kubernetes.stop();
    try {
      deepStrictEqual([await scrape(reader), await scrape(tenant), await scrape("other-rubbish")], [200, 403, 503]);
    } finally {
      await stack.kubernetes.start();
    }
  });

  it("are read by nobody whose ServiceAccount is gone", async () => {
    const { client } = stack.kubernetes;
    const token = await metricsReader(client, { namespace: "monitoring", name: "leaver", role: true });
    await client.delete("/api/v1/namespaces/monitoring/serviceaccounts/leaver");
    const scrape = await served();
    await waitFor("the token is refused", async () => (await scrape(token)) === 401, { timeout: 90_000, every: 1000 });
  });

  it("are open in a cluster with a claim of before, and not for one of this version", async () => {
    const owner = { kind: "SecretRotation", namespace: "team-a", name: "db", uid: "u" };
    await claimStore(cluster, NAMESPACE).make("secret/team-a/new", { owner, snapshot: "{}" });
    strictEqual(await (await served())(), 401);
    const name = claimName("secret/team-a/db");
    await stack.kubernetes.client.create(`/api/v1/namespaces/${NAMESPACE}/configmaps`, {
      metadata: { name, labels: { "app.kubernetes.io/managed-by": "keyturn", "keyturn.dev/role": "claim" } },
      data: {
        target: "secret/team-a/db",
        ownerKind: "SecretRotation",
        ownerNamespace: "team-a",
        ownerName: "db",
        ownerUid: "u",
        snapshot: "{}",
      },
    });
    const scrape = await served();
    await waitFor("they are open", async () => (await scrape()) === 200, { timeout: 10_000 });
    ok([...running].at(-1)?.open() !== undefined);
  });
});
