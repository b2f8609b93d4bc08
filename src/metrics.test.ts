import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { request } from "node:https";
import { createServer, type AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { FakeCluster } from "./cluster/fake-cluster.ts";
import { FakeClock } from "./kernel/fake-clock.ts";
import { silentLogger } from "./kernel/logger.ts";
import { serveMetrics, type ServedMetrics, type ServedMetricsOptions } from "./metrics.ts";
import { CONFIG_MAPS, SECRETS, toBase64 } from "./stores/kinds.ts";
import { ownCertificate } from "./telemetry/own-certificate.ts";

const NAMESPACE = "keyturn-system";

const bench = (more: Partial<ServedMetricsOptions["options"]> = {}) => {
  const clock = new FakeClock("2026-06-01T12:00:00Z");
  const cluster = new FakeCluster(clock);
  const unreviewed: boolean[] = [];
  const renders = { count: 0 };
  const reviews = { token: "good", user: "prometheus" };
  cluster.reviewToken = (token) =>
    Promise.resolve(
      token === reviews.token
        ? { authenticated: true, username: reviews.user, uid: "u", groups: ["system:authenticated"] }
        : { authenticated: false },
    );
  cluster.allows = ({ user, groups, attributes }) =>
    user === "prometheus" &&
    groups.includes("system:authenticated") &&
    attributes.kind === "path" &&
    attributes.path === "/metrics" &&
    attributes.verb === "get";
  const begin = (): ServedMetrics =>
    serveMetrics({
      ...{ clock, log: silentLogger, cluster },
      options: {
        metricsAddress: "127.0.0.1:0",
        metricsAuth: undefined,
        metricsSecret: undefined,
        operatorNamespace: NAMESPACE,
        leaseIdentity: "keyturn-0",
        ...more,
      },
      metrics: {
        unreviewed: (isOpen) => void unreviewed.push(isOpen),
        renderPieces: async () => {
          renders.count += 1;
          return { contentType: "text/plain", pieces: [Buffer.from("m 1\n")], bytes: 4 };
        },
      },
    });
  return { clock, cluster, unreviewed, renders, reviews, begin };
};

const until = async (isSo: () => boolean): Promise<void> => {
  for (let i = 0; i < 400 && !isSo(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(isSo());
};

const scrape = (
  port: number,
  token?: string,
): Promise<{ readonly status: number; readonly subject: string; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const options = { host: "127.0.0.1", port, path: "/metrics", agent: false, rejectUnauthorized: false, headers };
    request(options, (response) => {
      const { subject } = new X509Certificate(
        (response.socket as unknown as Pick<TLSSocket, "getPeerCertificate">).getPeerCertificate().raw,
      );
      let body = "";
      response.on("data", (piece: Buffer) => (body += piece.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, subject, body }));
    })
      .on("error", reject)
      .end();
  });

/** The clock goes on while the request is under way. */
const scrapeWhile = async (clock: FakeClock, ...of: Parameters<typeof scrape>): ReturnType<typeof scrape> => {
  const answer = scrape(...of);
  const state = { over: false };
  void answer.finally(() => (state.over = true)).catch(() => undefined);
  while (!state.over) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(50);
  }
  return answer;
};

const running = async (
  one: ReturnType<typeof bench>,
  run: (port: number, served: ServedMetrics) => Promise<void>,
): Promise<void> => {
  const served = one.begin();
  try {
    await until(() => served.port() !== undefined);
    await run(served.port() ?? 0, served);
  } finally {
    await served.close();
  }
};

const claimOfBefore = { metadata: { labels: { "keyturn.dev/role": "claim" } } };
const CLAIM = { kind: CONFIG_MAPS, namespace: NAMESPACE, name: "keyturn-claim-1" };

describe("served metrics", () => {
  it("ask kube-apiserver who reads them, and whether they may", async () => {
    const one = bench();
    await running(one, async (port, served) => {
      assert.equal((await scrapeWhile(one.clock, port)).status, 401);
      assert.equal((await scrapeWhile(one.clock, port, "bad")).status, 401);
      const { status, body, subject } = await scrapeWhile(one.clock, port, "good");
      assert.deepEqual([status, body, subject], [200, "m 1\n", `CN=keyturn-0.keyturn.${NAMESPACE}.svc`]);
      assert.equal(served.open(), undefined);
      assert.deepEqual(new Set(one.unreviewed), new Set([false]));
      one.reviews.token = "of-a-tenant";
      one.reviews.user = "tenant";
      assert.equal((await scrapeWhile(one.clock, port, "of-a-tenant")).status, 403);
    });
  });

  it("are rendered once for 64 scrapes at once", async () => {
    const one = bench({ metricsAuth: "None" });
    await running(one, async (port) => {
      const all = await Promise.all(Array.from({ length: 64 }, () => scrape(port)));
      assert.deepEqual([...new Set(all.map(({ status }) => status))], [200]);
      assert.equal(one.renders.count, 1);
    });
  });

  it("are open, over plain HTTP too, where there are claims of before, and it shows", async () => {
    const one = bench();
    one.cluster.seed(CLAIM, claimOfBefore);
    await running(one, async (port, served) => {
      await until(() => served.open() !== undefined);
      assert.equal((await scrape(port)).status, 200);
      assert.equal((await scrape(port, "good")).status, 200);
      assert.equal(one.unreviewed.at(-1), true);
    });
  });

  it("are reviewed in spite of claims of before where that is declared, and open where None is", async () => {
    const reviewed = bench({ metricsAuth: "Reviewed" });
    reviewed.cluster.seed(CLAIM, claimOfBefore);
    await running(reviewed, async (port, served) => {
      assert.equal((await scrape(port)).status, 401);
      assert.deepEqual([served.open(), reviewed.unreviewed], [undefined, [false]]);
    });
    const open = bench({ metricsAuth: "None" });
    await running(open, async (port, served) => {
      assert.equal((await scrape(port)).status, 200);
      assert.notEqual(served.open(), undefined);
    });
  });

  it("are reviewed until the claims of before have been listed", async () => {
    const one = bench();
    one.cluster.seed(CLAIM, claimOfBefore);
    one.cluster.unreadable.add(`configmaps ${NAMESPACE}/${CLAIM.name}`);
    await running(one, async (port, served) => {
      assert.equal((await scrape(port)).status, 401);
      one.cluster.unreadable.clear();
      await one.clock.advance(10_000);
      assert.notEqual(served.open(), undefined);
    });
  });

  it("have the certificate of the Secret, and one of the operator's own until that can be read", async () => {
    const one = bench({ metricsSecret: "metrics-tls" });
    await running(one, async (port) => {
      assert.match((await scrape(port)).subject, /^CN=keyturn-0/);
      const { key, cert } = await ownCertificate("from-the-secret", new Date());
      const data = { "tls.key": toBase64(key), "tls.crt": toBase64(cert) };
      one.cluster.seed({ kind: SECRETS, namespace: NAMESPACE, name: "metrics-tls" }, { data });
      await one.clock.advance(60_000);
      assert.equal((await scrape(port)).subject, "CN=from-the-secret");
    });
  });

  it("try an address that is taken again, and hold nothing else up", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as AddressInfo;
    const one = bench({ metricsAddress: `127.0.0.1:${port}` });
    const served = one.begin();
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(served.port(), undefined);
    await new Promise((resolve) => other.close(resolve));
    await one.clock.advance(30_000);
    await until(() => served.port() === port);
    await served.close();
    await assert.rejects(scrape(port));
  });
});
