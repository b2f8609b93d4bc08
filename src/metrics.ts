import type { ClusterClient } from "./cluster/contract.ts";
import type { Clock } from "./kernel/clock.ts";
import { OperatorError, toOperatorError } from "./kernel/errors.ts";
import type { Logger } from "./kernel/logger.ts";
import type { Options } from "./options.ts";
import { fromBase64, SECRETS, type Secret } from "./stores/kinds.ts";
import { undeclaredAuth, type MetricsAuth } from "./stores/metrics-auth.ts";
import { keepCertificate } from "./telemetry/kept-certificate.ts";
import { addressOf } from "./telemetry/listen.ts";
import type { PrometheusMetrics } from "./telemetry/metrics.ts";
import { metricsServer } from "./telemetry/metrics-server.ts";
import type { KeyAndCertificate } from "./telemetry/own-certificate.ts";
import { ScrapeReview, type ReviewCalls } from "./telemetry/scrape-review.ts";
import { sharedRender, type Render } from "./telemetry/shared-render.ts";

export interface ServedMetricsOptions {
  readonly options: Pick<
    Options,
    "metricsAddress" | "metricsAuth" | "metricsSecret" | "operatorNamespace" | "leaseIdentity"
  >;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Pick<PrometheusMetrics, "renderPieces" | "unreviewed">;
  readonly cluster: ClusterClient;
}

export interface ServedMetrics {
  /** For the port of the probes: undefined unless `metrics.auth` is None. */
  readonly open: () => Render | undefined;
  /** The port over TLS; undefined while it cannot be bound. */
  readonly port: () => number | undefined;
  close(): Promise<void>;
}

const RENDER_MS = 5000;
const AGAIN_MS = 10_000;
const BIND_AGAIN_MS = 30_000;

/**
 * Serves the metrics over TLS. Where nothing is declared, readers are reviewed until the claims of before have been asked about. An address that
 * cannot be bound is tried again, and holds nothing else up: who must lose access loses it unwatched.
 */
export const serveMetrics = ({ options, clock, log, metrics, cluster }: ServedMetricsOptions): ServedMetrics => {
  const render = sharedRender(clock, RENDER_MS, () => metrics.renderPieces());
  const review = new ScrapeReview({ clock, log, calls: reviewCalls(cluster) });
  const { metricsSecret, operatorNamespace } = options;
  const stop = new AbortController();
  let auth: MetricsAuth = options.metricsAuth ?? "Reviewed";
  let port: number | undefined;

  const decide = (decided: MetricsAuth): void => {
    auth = decided;
    metrics.unreviewed(decided === "None");
    if (decided === "None")
      log.warn(
        "The metrics are read without a token: metrics.auth is None, or it is absent and there are claims of before.",
      );
  };
  decide(auth);
  const server = metricsServer({
    ...addressOf(options.metricsAddress),
    ...{ clock, log, render },
    judge: (authorization, address) =>
      auth === "None" ? Promise.resolve("Allowed" as const) : review.judge(authorization, address),
  });
  const certificate = keepCertificate({
    clock,
    log,
    name: `${options.leaseIdentity}.keyturn.${operatorNamespace}.svc`,
    fromSecret:
      metricsSecret === undefined ? undefined : () => certificateIn(cluster, operatorNamespace, metricsSecret),
    use: (used) => {
      server.use(used);
    },
  });
  const again = (what: string, waitMs: number, run: () => Promise<void>): Promise<void> =>
    untilItWorks({ clock, signal: stop.signal, waitMs, failed: (error) => log.warn(what, { error }) }, run);
  void certificate.then(() =>
    again("The address of the metrics cannot be bound; it is tried again.", BIND_AGAIN_MS, async () => {
      if (!stop.signal.aborted) port = await server.listen().catch(unbound);
      if (stop.signal.aborted && port !== undefined) await server.close();
    }),
  );
  if (options.metricsAuth === undefined)
    void again("The claims of before cannot be listed; until then scrapes need a token.", AGAIN_MS, async () => {
      decide(await undeclaredAuth(cluster, operatorNamespace));
    });
  return {
    open: () => (auth === "None" ? render : undefined),
    port: () => port,
    async close() {
      const { aborted } = stop.signal;
      stop.abort();
      // A Secret that is being read holds no end up.
      void certificate.then((end) => {
        end();
      });
      if (port !== undefined && !aborted) await server.close();
    },
  };
};

/** Runs it until it does not throw, or the signal is aborted. Never rejects. */
const untilItWorks = async (
  how: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly waitMs: number;
    readonly failed: (error: OperatorError) => void;
  },
  run: () => Promise<void>,
): Promise<void> => {
  while (!how.signal.aborted) {
    try {
      await run();
      return;
    } catch (thrown) {
      how.failed(toOperatorError(thrown));
      await how.clock.sleep(how.waitMs, how.signal).catch(() => undefined);
    }
  }
};

const unbound = (thrown: unknown): never => {
  const code = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown error";
  throw new OperatorError("Unavailable", { publicMessage: `--metrics-address cannot be bound (${code}).` });
};

const PATH = "/metrics";

const reviewCalls = (cluster: ClusterClient): ReviewCalls => ({
  async authenticate(token) {
    const { authenticated, username, uid, groups = [], extra } = await cluster.reviewToken(token, []);
    return authenticated && username !== undefined ? { user: username, uid, groups, extra } : undefined;
  },
  mayRead: (caller) => cluster.review({ ...caller, attributes: { kind: "path", verb: "get", path: PATH } }),
});

const certificateIn = async (cluster: ClusterClient, namespace: string, name: string): Promise<KeyAndCertificate> => {
  const secret = await cluster.get<Secret>({ kind: SECRETS, namespace, name });
  const { "tls.key": key, "tls.crt": cert } = secret?.data ?? {};
  if (key === undefined || cert === undefined)
    throw new OperatorError("NotFound", { publicMessage: `Secret ${name} has no tls.crt and tls.key.` });
  return { key: fromBase64(key), cert: fromBase64(cert) };
};
