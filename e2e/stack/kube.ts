import { httpClient, lines } from "./http.ts";

/** Any Kubernetes object as JSON; `spec`, `status` and the like are for the caller to know. */
export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** The part of metadata that the tests read. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: { apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }[];
  [field: string]: unknown;
}

/** A list as the API server answers it. */
export interface KubeList<T extends KubeObject = KubeObject> {
  readonly metadata: { readonly resourceVersion: string };
  readonly items: T[];
}

/** One event of a watch; for BOOKMARK only the resource version of `object` counts, for ERROR it is a Status. */
export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  readonly object: T;
}

/** An answer of the API server that is not 2xx. */
export class KubeError extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(what: string, status: number, reason: string, message: string) {
    super(`${what}: ${status} ${reason}: ${message}`);
    this.name = "KubeError";
    this.status = status;
    this.reason = reason;
  }
}

/**
 * A client of the API server that speaks paths: "/api/v1/namespaces/x/secrets/y". It decides nothing, caches nothing and
 * retries nothing, so that a test sees what is there.
 */
export interface KubeClient {
  readonly url: string;
  get<T extends KubeObject = KubeObject>(path: string): Promise<T>;
  /** As `get`, and undefined where there is nothing (404). */
  find<T extends KubeObject = KubeObject>(path: string): Promise<T | undefined>;
  list<T extends KubeObject = KubeObject>(path: string): Promise<KubeList<T>>;
  create<T extends KubeObject = KubeObject>(path: string, object: object): Promise<T>;
  replace<T extends KubeObject = KubeObject>(path: string, object: object): Promise<T>;
  /** JSON merge patch; for a status give the path with /status. */
  mergePatch<T extends KubeObject = KubeObject>(path: string, patch: object): Promise<T>;
  /** Server-side apply, forced; creates what is not there. */
  apply<T extends KubeObject = KubeObject>(path: string, object: object, manager?: string): Promise<T>;
  /** False when there was nothing to delete. */
  delete(path: string, options?: object): Promise<boolean>;
  /** Watches a collection from a resource version until the server or `signal` ends it. */
  watch<T extends KubeObject = KubeObject>(
    path: string,
    from: string,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>>;
  /** A token of a ServiceAccount for an audience (default: the API server itself). */
  serviceAccountToken(namespace: string, name: string, audience?: string, seconds?: number): Promise<string>;
  /** Any other call: status and body as they come. `type` of the body; absent means JSON. */
  raw(method: string, path: string, body?: object, type?: string): Promise<{ status: number; body: string }>;
  close(): void;
}

/** `token` is a bearer token; `ca` the PEM of the CA that signed the server's certificate. */
export function kubeClient(options: { url: string; ca: string; token: string }): KubeClient {
  const http = httpClient(options.url, options.ca);
  const authorization = `Bearer ${options.token}`;

  const send = (method: string, path: string, body?: object, type = "application/json") =>
    http.call({
      method,
      path,
      headers: { authorization, accept: "application/json", ...(body === undefined ? {} : { "content-type": type }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const call = async <T>(method: string, path: string, body?: object, type?: string): Promise<T> => {
    const answer = await send(method, path, body, type);
    if (answer.status < 200 || answer.status > 299) throw failure(`${method} ${path}`, answer.status, answer.body);
    return JSON.parse(answer.body) as T;
  };
  const orNothing = async <T>(promise: Promise<T>): Promise<T | undefined> => {
    try {
      return await promise;
    } catch (error) {
      if (error instanceof KubeError && error.status === 404) return undefined;
      throw error;
    }
  };

  return {
    url: options.url,
    get: (path) => call("GET", path),
    find: <T extends KubeObject>(path: string) => orNothing(call<T>("GET", path)),
    list: (path) => call("GET", path),
    create: (path, object) => call("POST", path, object),
    replace: (path, object) => call("PUT", path, object),
    mergePatch: (path, patch) => call("PATCH", path, patch, "application/merge-patch+json"),
    apply: (path, object, manager = "e2e") =>
      // JSON is YAML, which is what the server-side apply media type says.
      call("PATCH", `${path}?fieldManager=${manager}&force=true`, object, "application/apply-patch+yaml"),
    delete: async (path, body) => (await orNothing(call("DELETE", path, body))) !== undefined,
    async *watch<T extends KubeObject>(path: string, from: string, signal: AbortSignal) {
      const query = `watch=true&allowWatchBookmarks=true&resourceVersion=${from}`;
      const full = `${path}${path.includes("?") ? "&" : "?"}${query}`;
      const answer = await http.open({
        method: "GET",
        path: full,
        headers: { authorization, accept: "application/json" },
      });
      const stop = (): void => {
        answer.destroy();
      };
      if (signal.aborted) stop();
      signal.addEventListener("abort", stop, { once: true });
      try {
        if (answer.statusCode !== 200) throw failure(`WATCH ${path}`, answer.statusCode ?? 0, "");
        for await (const line of lines(answer)) yield JSON.parse(line) as WatchEvent<T>;
      } catch (error) {
        if (!signal.aborted) throw error;
      } finally {
        signal.removeEventListener("abort", stop);
        stop();
      }
    },
    async serviceAccountToken(namespace, name, audience, seconds = 3600) {
      const spec = { expirationSeconds: seconds, ...(audience === undefined ? {} : { audiences: [audience] }) };
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
      return (await call<{ status: { token: string } }>("POST", path, body)).status.token;
    },
    async raw(method, path, body, type) {
      const { status, body: text } = await send(method, path, body, type);
      return { status, body: text };
    },
    close: () => {
      http.close();
    },
  };
}

function failure(what: string, status: number, body: string): KubeError {
  try {
    const answer = JSON.parse(body) as { reason?: string; message?: string };
    return new KubeError(what, status, answer.reason ?? "", answer.message ?? body.slice(0, 500));
  } catch {
    return new KubeError(what, status, "", body.slice(0, 500));
  }
}

/** A kubeconfig (as JSON, which is YAML) for one user. Credentials: a bearer token, or a client certificate. */
export function kubeconfig(options: {
  url: string;
  ca: string;
  token?: string;
  client?: { cert: string; key: string };
  namespace?: string;
}): string {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const { url, ca, token, client, namespace } = options;
  const user = {
    ...(token === undefined ? {} : { token }),
    ...(client === undefined
      ? {}
      : { "client-certificate-data": base64(client.cert), "client-key-data": base64(client.key) }),
  };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "local", cluster: { server: url, "certificate-authority-data": base64(ca) } }],
    users: [{ name: "user", user }],
    contexts: [
      { name: "local", context: { cluster: "local", user: "user", ...(namespace === undefined ? {} : { namespace }) } },
    ],
    "current-context": "local",
  });
}
