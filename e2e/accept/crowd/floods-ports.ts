import { connect } from "node:net";
import { oneRequest } from "../../lane/one-request.ts";
import { sleep } from "../../stack/wait.ts";
import { againAndAgain } from "./flood.ts";
import type { Flood, UnderWay } from "./flood.ts";
import type { Crowd } from "./ground.ts";
import type { Scale } from "./scale.ts";

// Floods on the operator's own ports: sockets that are held, scrapes at once. The mob has an address of its own, as a pod has.

const mobAddress = "127.0.0.2";
const readerAddress = "127.0.0.3";
/** As a kubelet's. */
const probeTimeoutMs = 1000;
const probeEveryMs = 100;
const quietProbes = 10;

/** Sockets that are opened again as soon as they are closed; half of them begin a request and never end it. */
function holdSockets(url: string, sockets: number): UnderWay {
  const { port } = new URL(url);
  let over = false;
  const ends = new Set<() => void>();
  let opened = 0;
  const hold = async (index: number): Promise<void> => {
    while (!over) {
      await new Promise<void>((resolve) => {
        const socket = connect({ host: "127.0.0.1", port: Number(port), localAddress: mobAddress });
        const end = (): void => void socket.destroy();
        ends.add(end);
        socket.on("connect", () => {
          opened += 1;
          if (index % 2 === 0) socket.write("GET /healthz HTTP/1.1\r\nHost: ");
        });
        socket.on("error", end);
        socket.on("close", () => {
          ends.delete(end);
          resolve();
        });
      });
      // Connections in their thousands would be a flood of the kernel, not of the operator.
      await sleep(100);
    }
  };
  const running = Array.from({ length: sockets }, (_, index) => hold(index));
  return {
    done: () => opened,
    async stop() {
      over = true;
      for (const end of ends) end();
      await Promise.all(running);
    },
  };
}

export function heldSockets({ sockets, probes }: Scale): Flood {
  return {
    id: "flood/held-sockets",
    kind: "held sockets",
    namespaces: 1,
    async prepare(crowd) {
      const failed = await failedProbes(crowd, quietProbes);
      if (failed.length > 0)
        crowd.stage.broken("RUN", "A probe fails before any socket is held, so its failure proves nothing.", failed);
    },
    begin(crowd) {
      crowd.count({ sizes: { "held sockets": sockets } });
      return Promise.resolve(holdSockets(crowd.stage.operator().probeUrl, sockets));
    },
    meanwhile: (crowd) => probe(crowd, probes),
  };
}

async function probe(crowd: Crowd, probes: number): Promise<void> {
  const { stage, count } = crowd;
  const failed = await failedProbes(crowd, probes);
  count({ probes, probeFailures: failed.length });
  stage.say(`${failed.length} of ${probes} probes failed`);
  if (failed.length > 0)
    stage.broken("L1", `${failed.length} of ${probes} probes fail while sockets are held.`, failed.slice(0, 10));
}

/** As a kubelet asks: each on a connection of its own. */
async function failedProbes({ stage }: Crowd, probes: number): Promise<string[]> {
  const { probeUrl } = stage.operator();
  const failed: string[] = [];
  const all = Array.from({ length: probes }, async (_, number) => {
    await sleep(number * probeEveryMs);
    const path = number % 2 === 0 ? "/healthz" : "/readyz";
    const answer = await oneRequest(`${probeUrl}${path}`, { timeoutMs: probeTimeoutMs }).catch((error: unknown) =>
      String(error),
    );
    if (typeof answer === "string") failed.push(`${path}: ${answer}`);
    else if (answer.status !== 200) failed.push(`${path}: ${answer.status} ${answer.body.slice(0, 200)}`);
  });
  await Promise.all(all);
  return failed;
}

/** `port`: a free one for the metrics. */
export function scrapes({ scrapes: atOnce }: Scale, port: number): Flood {
  const flags = { "metrics-address": `127.0.0.1:${port}`, "metrics-auth": "Reviewed" };
  const url = `https://127.0.0.1:${port}/metrics`;
  let unauthorized = 0;
  return {
    id: "flood/scrapes",
    kind: "scrapes",
    namespaces: 1,
    flags,
    begin(crowd) {
      crowd.count({ sizes: { "scrapes at once": atOnce } });
      const under = againAndAgain(
        async () => {
          const { status, body } = await oneRequest(url, { from: mobAddress });
          if (status < 300 || body.includes("keyturn_")) unauthorized += 1;
        },
        { workers: atOnce, everyMs: 50 },
      );
      return Promise.resolve({
        done: under.done,
        async stop() {
          await under.stop();
          crowd.count({ scrapesUnauthorized: unauthorized });
          if (unauthorized > 0)
            crowd.stage.broken("S13", `${unauthorized} scrapes without a token get the metrics.`, url);
        },
      });
    },
    meanwhile: (crowd) => readMetrics(crowd, url),
    after: ({ kube, site }) => withoutReader(kube, site.operatorNamespace),
  };
}

const rbac = "/apis/rbac.authorization.k8s.io/v1";
const readerOf = (operatorNamespace: string): string => `${operatorNamespace}-reads-metrics`;
const reads = 5;

/** A reader with the right asks a few times meanwhile. */
async function readMetrics({ stage, site, kube }: Crowd, url: string): Promise<void> {
  const name = readerOf(site.operatorNamespace);
  const namespace = `${site.namespace}-people`;
  const apiGroup = "rbac.authorization.k8s.io";
  await kube.create(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "prometheus" } });
  await kube.create(`${rbac}/clusterroles`, {
    metadata: { name },
    rules: [{ nonResourceURLs: ["/metrics"], verbs: ["get"] }],
  });
  await kube.create(`${rbac}/clusterrolebindings`, {
    metadata: { name },
    roleRef: { apiGroup, kind: "ClusterRole", name },
    subjects: [{ kind: "ServiceAccount", name: "prometheus", namespace }],
  });
  const token = await kube.serviceAccountToken(namespace, "prometheus");
  site.values.add(token);
  const failed: string[] = [];
  for (let number = 0; number < reads; number += 1) {
    await sleep(1000);
    const answer = await oneRequest(url, { from: readerAddress, token }).catch((error: unknown) => String(error));
    if (typeof answer === "string") failed.push(answer);
    else if (answer.status !== 200 || !answer.body.includes("keyturn_"))
      failed.push(`${answer.status}: ${answer.body.slice(0, 200)}`);
  }
  stage.say(`${reads - failed.length} of ${reads} scrapes with a token are answered`);
  if (failed.length > 0)
    stage.broken("L1", "A reader with a token does not get the metrics while others ask without one.", failed);
}

async function withoutReader(kube: Crowd["kube"], operatorNamespace: string): Promise<void> {
  for (const kind of ["clusterrolebindings", "clusterroles"])
    await kube.delete(`${rbac}/${kind}/${readerOf(operatorNamespace)}`);
}
