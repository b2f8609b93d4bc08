/** The server behind a fault proxy. */
export type ServerKind = StackServer | "hook";

/** Those that every stack has. */
export type StackServer = "kubernetes" | "vault" | "aws";

/**
 * What a request does. `write` and `login` change something that lasts (a login makes a token) and count as mutating.
 * Writes of Leases and Events, reviews (questions asked by POST) and tokens asked for or renewed are kinds of their own:
 * their number follows the clock and not the work.
 */
export type CallKind = "read" | "watch" | "write" | "login" | "lease" | "event" | "review" | "token";

/** A request, as far as rules and counts care. */
export interface Classified {
  /** HTTP method; WATCH for a Kubernetes watch, LIST for a Vault list, the action for AWS. */
  readonly verb: string;
  /** The path without query, with names, namespaces and keys replaced by placeholders. */
  readonly template: string;
  readonly kind: CallKind;
  readonly mutating: boolean;
}

/** `target` is path and query as requested; `body` matters for AWS, where the action is in the form. */
export function classify(server: ServerKind, method: string, target: string, body: string): Classified {
  const { pathname, searchParams } = new URL(target, "http://server");
  const template = templateOf(server, pathname);
  const of = (verb: string, kind: CallKind): Classified => ({
    verb,
    template,
    kind,
    mutating: kind === "write" || kind === "login",
  });
  switch (server) {
    case "kubernetes":
      return ["true", "1"].includes(searchParams.get("watch") ?? "")
        ? of("WATCH", "watch")
        : of(method, searchParams.has("dryRun") ? "review" : kubeKind(method, template));
    case "vault":
      return searchParams.get("list") === "true" ? of("LIST", "read") : of(method, vaultKind(method, template));
    case "hook": {
      const { verb = method } = bodyOf(body);
      return of(verb, verb === "test" || verb === "GET" ? "read" : "write");
    }
    case "aws": {
      const action = new URLSearchParams(body).get("Action") ?? searchParams.get("Action") ?? method;
      const reads = /^(Get|List|Simulate|AssumeRole|Decode)/.test(action);
      return of(action, reads ? "read" : "write");
    }
  }
}

/** "/api/v1/namespaces/a/secrets/b" → "/api/v1/namespaces/{namespace}/secrets/{name}"; "/v1/kv/data/a/b" → "/v1/kv/data/{path}". */
export function templateOf(server: ServerKind, pathname: string): string {
  switch (server) {
    case "kubernetes":
      return kubeTemplate(pathname);
    case "vault":
      return vaultTemplate(pathname);
    case "hook":
    case "aws":
      return pathname;
  }
}

function bodyOf(text: string): { readonly verb?: string } {
  try {
    return JSON.parse(text) as { readonly verb?: string };
  } catch {
    return {};
  }
}

function kubeTemplate(pathname: string): string {
  const parts = pathname.split("/").filter((part) => part !== "");
  const head = parts[0] === "api" ? 2 : parts[0] === "apis" ? 3 : parts.length;
  const group = parts.slice(0, head);
  let rest = parts.slice(head);
  const placeholders: string[] = [];
  // namespaces/x/secrets… is a namespaced resource; namespaces/x, …/status and …/finalize are the Namespace itself.
  if (rest[0] === "namespaces" && rest.length > 2 && !["status", "finalize"].includes(rest[2] ?? "")) {
    placeholders.push("namespaces", "{namespace}");
    rest = rest.slice(2);
  }
  const [resource, name, ...subresource] = rest;
  if (resource !== undefined) placeholders.push(resource);
  if (name !== undefined) placeholders.push("{name}", ...subresource);
  return "/" + [...group, ...placeholders].join("/");
}

function vaultTemplate(pathname: string): string {
  return pathname
    .replace(/^(\/v1\/[^/]+\/(?:data|metadata|delete|undelete|destroy|subkeys))\/.*$/, "$1/{path}")
    .replace(/^(\/v1\/[^/]+\/(?:cert|sign|issue))\/[^/]+$/, "$1/{name}")
    .replace(/^(\/v1\/[^/]+\/(?:static-roles|static-creds|rotate-role))\/[^/]+$/, "$1/{name}")
    .replace(/^(\/v1\/sys\/policies\/\w+)\/.*$/, "$1/{name}")
    .replace(/^(\/v1\/auth\/[^/]+\/role)\/[^/]+(\/.*)?$/, "$1/{name}$2")
    .replace(/^(\/v1\/identity\/[^/]+\/(?:id|name))\/.*$/, "$1/{name}");
}

function kubeKind(method: string, template: string): CallKind {
  if (method === "GET" || method === "HEAD") return "read";
  if (/^\/apis\/authorization\.k8s\.io\//.test(template) || /^\/apis\/authentication\.k8s\.io\//.test(template))
    return "review";
  if (/\/serviceaccounts\/\{name\}\/token$/.test(template)) return "token";
  if (template.startsWith("/apis/coordination.k8s.io/")) return "lease";
  if (/\/events(\/\{name\})?$/.test(template)) return "event";
  return "write";
}

function vaultKind(method: string, template: string): CallKind {
  if (method === "GET" || method === "HEAD" || method === "LIST") return "read";
  if (/^\/v1\/auth\/[^/]+\/login(\/|$)/.test(template)) return "login";
  if (/^\/v1\/auth\/token\/renew/.test(template)) return "token";
  if (/^\/v1\/(auth\/token\/lookup|sys\/capabilities|identity\/lookup)/.test(template)) return "read";
  if (/\/(secret-id|secret-id-accessor)\/lookup$/.test(template)) return "read";
  return "write";
}
