import { createHash } from "node:crypto";
import type { RequestOptions } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { Agent, ProxyAgent, type Dispatcher } from "undici";
import type { Clock } from "../kernel/clock.ts";

/** A way to kube-apiserver, ready to be used for one request. */
export interface Connection {
  readonly dispatcher: Dispatcher;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Loads where kube-apiserver is and how to log in: the file when one is named, else client-node's own order (KUBECONFIG,
 * ~/.kube/config, the Pod's service account). Throws what client-node throws; main shows it and exits.
 */
export const loadKubeConfig = (options: { readonly file?: string; readonly context?: string } = {}): KubeConfig => {
  const config = new KubeConfig();
  if (options.file === undefined) config.loadFromDefault();
  else config.loadFromFile(options.file);
  if (options.context !== undefined) config.setCurrentContext(options.context);
  return config;
};

type Agents = Readonly<Record<Use, Dispatcher>>;

interface Login {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Readonly<Record<string, unknown>>;
  readonly tlsDigest: string;
  readonly readMs: number;
}

/** How long headers and certificates are used before they are asked for again; client-node re-reads token files each minute. */
const LOGIN_MS = 10_000;
const CONNECT_MS = 5000;
const IDLE_MS = 30_000;
/** Requests in flight at once, of all passes and whatever else there is; watches and the lease have connections of their own and are not counted. */
const CONNECTIONS = 32;
/** A renewal, and one more while the first is cut. */
const LEASE_CONNECTIONS = 2;

const USES = ["requests", "watches", "lease"] as const;

/** What a connection is for: the lease must not wait behind passes that wait for a slow server, or the leadership is lost with it. */
export type Use = (typeof USES)[number];

/**
 * Login and connections. client-node (2.0.1) is used for what it does well, reading kubeconfigs and logging in (tokens from
 * files, exec plugins, OIDC, client certificates); requests go through undici on agents shared by all of them, because
 * client-node makes a new agent, so a new TLS handshake, for every request, has no deadline and reads answers of any size.
 */
export class Endpoint {
  readonly origin: string;
  /** Path before /api, for a server behind a prefix; "" otherwise. */
  readonly prefix: string;
  #config: KubeConfig;
  readonly #clock: Clock;
  #login: Login | undefined;
  #agents: ({ readonly tlsDigest: string } & Agents) | undefined;

  constructor(config: KubeConfig, clock: Clock) {
    const server = new URL(config.getCurrentCluster()?.server ?? "");
    this.origin = server.origin;
    this.prefix = server.pathname.replace(/\/+$/, "");
    this.#config = config;
    this.#clock = clock;
  }

  /** Throws what the login throws (an exec plugin that fails, a token file that is gone). */
  async connect(use: Use): Promise<Connection> {
    const login = await this.#currentLogin();
    return { dispatcher: this.#agentsFor(login)[use], headers: login.headers };
  }

  /** After a 401: the next request reads the login anew, a token file from disk. */
  forgetLogin(): void {
    this.#login = undefined;
    // client-node remembers a token file for a minute, and an exec plugin's answer until it expires; a new KubeConfig remembers neither.
    const { clusters, contexts, users, currentContext } = this.#config;
    this.#config = new KubeConfig();
    this.#config.loadFromOptions({ clusters, contexts, users, currentContext });
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    const agents = this.#agents;
    this.#agents = undefined;
    if (agents !== undefined) await Promise.all(USES.map((use) => agents[use].destroy()));
  }

  async #currentLogin(): Promise<Login> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#login !== undefined && nowMs - this.#login.readMs < LOGIN_MS) return this.#login;
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const { ca, cert, key, passphrase, rejectUnauthorized, servername } = options;
    const tls = withoutUndefined({ ca, cert, key, passphrase, rejectUnauthorized, servername });
    const headers = withoutUndefined({ ...(options.headers as Record<string, unknown> | undefined) });
    if (typeof options.auth === "string") headers["Authorization"] = `Basic ${base64(options.auth)}`;
    this.#login = {
      headers: headers as Record<string, string>,
      tls,
      tlsDigest: createHash("sha256").update(JSON.stringify(tls)).digest("hex"),
      readMs: nowMs,
    };
    return this.#login;
  }

  /** New certificates make new agents; the old ones finish what they carry. */
  #agentsFor(login: Login): Agents {
    const before = this.#agents;
    if (before?.tlsDigest === login.tlsDigest) return before;
    if (before !== undefined) for (const use of USES) void before[use].close().catch(() => undefined);
    this.#agents = {
      tlsDigest: login.tlsDigest,
      requests: this.#newAgent(login, CONNECTIONS),
      watches: this.#newAgent(login, undefined),
      lease: this.#newAgent(login, LEASE_CONNECTIONS),
    };
    return this.#agents;
  }

  #newAgent(login: Login, connections: number | undefined): Dispatcher {
    const common = {
      // One multiplexed connection that hangs would hang every request and watch at once.
      allowH2: false,
      keepAliveTimeout: IDLE_MS,
      ...(connections !== undefined && { connections }),
    };
    const connect = { ...login.tls, timeout: CONNECT_MS, keepAlive: true, keepAliveInitialDelay: IDLE_MS };
    const proxy = this.#config.getCurrentCluster()?.proxyUrl;
    if (proxy === undefined || proxy === "") return new Agent({ ...common, connect });
    if (!proxy.startsWith("http"))
      throw new RangeError("Only http and https proxies are known (kubeconfig proxy-url).");
    return new ProxyAgent({ ...common, uri: proxy, requestTls: connect });
  }
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");

const withoutUndefined = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== null));
