import type { ClientRequest, IncomingMessage } from "node:http";
import { request as httpsRequest, type Agent } from "node:https";
import nodeVault from "node-vault";
import { OperatorError } from "../../kernel/errors.ts";
import { boundedAnswer, type BoundedAnswer } from "../bounded-answer.ts";
import { agentFor, guardedLookup } from "../endpoint.ts";
import { odd, record, strings } from "./answers.ts";
import { isPlainPath } from "./config.ts";
import { ABSENT, LOGIN, vaultError, vaultUnreachable } from "./errors.ts";
import { appRoleCalls, type AppRoleCalls } from "./approle/calls.ts";
import { databaseCalls, type DatabaseCalls } from "./database/calls.ts";
import { streamedNames } from "./streamed-names.ts";
import { identityCalls, type IdentityCalls } from "./identity/calls.ts";
import { tokenCalls, type TokenCalls } from "./identity/token-calls.ts";
import { pkiCalls, type PkiCalls } from "./pki/calls.ts";

export interface VaultOptions {
  readonly address: URL;
  readonly caBundle: string | undefined;
  readonly namespace: string | undefined;
  /** https.request; tests put http.request here. */
  readonly request?: typeof httpsRequest;
}

export interface VaultLogin {
  readonly token: string;
  /** 0 where the token does not end by itself. */
  readonly leaseMs: number;
}

/** Where a secret lies in a KV v2 engine: without "data/" or "metadata/". */
export interface KvPlace {
  readonly mount: string;
  readonly path: string;
}

export interface KvMetadata {
  /** 0 when metadata was written before any data. */
  readonly currentVersion: number;
  /** The newest version has been deleted (it can be undeleted) or destroyed. */
  readonly currentIsDeleted: boolean;
  readonly custom: Readonly<Record<string, string>>;
}

export interface KvData {
  readonly version: number;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Calls under one token. Paths are judged again here, whatever stands above: plain segments only. */
export interface VaultSession {
  /** Undefined when the path is absent; NotFound when the mount is. */
  readMetadata(place: KvPlace, signal: AbortSignal): Promise<KvMetadata | undefined>;
  /** The newest version; undefined when it is absent or deleted. */
  readData(place: KvPlace, signal: AbortSignal): Promise<KvData | undefined>;
  /** Writes under check-and-set (0: only if the path has no version). Gives the new version; Conflict on a mismatch. */
  writeData(
    place: KvPlace,
    values: Readonly<Record<string, string>>,
    cas: number,
    signal: AbortSignal,
  ): Promise<number>;
  /** Replaces custom_metadata as a whole; leaves the other settings alone. */
  writeCustomMetadata(place: KvPlace, custom: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  deleteLatest(place: KvPlace, signal: AbortSignal): Promise<void>;
  /** All versions and the metadata. */
  deleteEverything(place: KvPlace, signal: AbortSignal): Promise<void>;
  /** Entities, aliases and login roles. */
  readonly identity: IdentityCalls;
  readonly tokens: TokenCalls;
  readonly pki: PkiCalls;
  readonly appRole: AppRoleCalls;
  readonly database: DatabaseCalls;
  lookupSelf(signal: AbortSignal): Promise<{ readonly leaseMs: number }>;
  revokeSelf(signal: AbortSignal): Promise<void>;
}

export interface VaultCalls {
  loginJwt(
    login: { readonly mount: string; readonly role: string; readonly jwt: string },
    signal: AbortSignal,
  ): Promise<VaultLogin>;
  session(token: string): VaultSession;
  dispose(): void;
}

const CALL_MS = 10_000;
/** A list may have a million names. */
const LIST_MS = 60_000;
const LONGEST_ANSWER = 2 * 1024 * 1024;

/**
 * node-vault's client over a transport of our own (its seam `request-promise`). With its built-in one (axios) redirects and the
 * environment's proxies cannot be switched off, answers are not bounded, and its errors carry bodies; with DEBUG set it also prints
 * them. Here an answer is JSON of Vault or becomes an OperatorError at once, without a word of its body.
 */
export const openVault = (options: VaultOptions): VaultCalls => {
  const agent = agentFor({ lookup: guardedLookup, caBundle: options.caBundle });
  const send = options.request ?? httpsRequest;

  /** One client per call: node-vault keeps token and options in the client, and calls of several tenants run at once. */
  const clientFor = (operation: string, token: string | undefined, signal: AbortSignal, prefix = "") => {
    const client = nodeVault({
      endpoint: options.address.origin,
      debug: () => undefined,
      "request-promise": {
        defaults: () => (wish: Wish) =>
          exchange(wish, { operation, signal, prefix, send, agent: options.request ? undefined : agent }),
      },
    });
    // The client would take these from the environment where they are not set.
    const open = client as unknown as { token: string; namespace: string; pathPrefix: string };
    open.token = token ?? "";
    open.namespace = options.namespace ?? "";
    open.pathPrefix = "";
    return client;
  };

  const session = (token: string): VaultSession => ({
    async readMetadata(place, signal) {
      const found = await absentAsUndefined(
        clientFor("read of metadata", token, signal).read(pathOf(place, "metadata")),
      );
      if (found === undefined) return undefined;
      const answer = record(record(found)["data"]);
      const currentVersion = wholeNumber(answer["current_version"], "read of metadata");
      const current = record(record(answer["versions"])[String(currentVersion)]);
      return {
        currentVersion,
        currentIsDeleted: currentVersion > 0 && (Boolean(current["deletion_time"]) || current["destroyed"] === true),
        custom: strings(answer["custom_metadata"]),
      };
    },
    async readData(place, signal) {
      const found = await absentAsUndefined(clientFor("read of data", token, signal).read(pathOf(place, "data")));
      if (found === undefined) return undefined;
      const answer = record(record(found)["data"]);
      const version = wholeNumber(record(answer["metadata"])["version"], "read of data");
      return answer["data"] === null ? undefined : { version, values: record(answer["data"]) };
    },
    async writeData(place, values, cas, signal) {
      const body = { data: values, options: { cas } };
      const answer: unknown = await clientFor("write of data", token, signal).write(pathOf(place, "data"), body);
      return wholeNumber(record(record(answer)["data"])["version"], "write of data");
    },
    async writeCustomMetadata(place, custom, signal) {
      await clientFor("write of metadata", token, signal).write(pathOf(place, "metadata"), { custom_metadata: custom });
    },
    async deleteLatest(place, signal) {
      await absentAsUndefined(clientFor("deletion", token, signal).delete(pathOf(place, "data")));
    },
    async deleteEverything(place, signal) {
      await absentAsUndefined(clientFor("deletion", token, signal).delete(pathOf(place, "metadata")));
    },
    identity: identityCalls((operation, signal, prefix) => clientFor(operation, token, signal, prefix)),
    tokens: tokenCalls((operation, signal) => clientFor(operation, token, signal)),
    pki: pkiCalls((operation, signal) => clientFor(operation, token, signal)),
    appRole: appRoleCalls((operation, signal) => clientFor(operation, token, signal), clientFor),
    database: databaseCalls((operation, signal) => clientFor(operation, token, signal)),
    async lookupSelf(signal) {
      const answer: unknown = await clientFor("token look-up", token, signal).read("auth/token/lookup-self");
      return { leaseMs: wholeNumber(record(record(answer)["data"])["ttl"], "token look-up") * 1000 };
    },
    async revokeSelf(signal) {
      await clientFor("token revocation", token, signal).write("auth/token/revoke-self", {});
    },
  });

  return {
    async loginJwt(login, signal) {
      if (!isPlainPath(login.mount)) throw badPath();
      const body = { role: login.role, jwt: login.jwt };
      const answer: unknown = await clientFor(LOGIN, undefined, signal).write(`auth/${login.mount}/login`, body);
      const auth = record(record(answer)["auth"]);
      const token = auth["client_token"];
      if (typeof token !== "string" || token === "" || /[^\x21-\x7e]/.test(token)) throw odd(LOGIN);
      return { token, leaseMs: wholeNumber(auth["lease_duration"] ?? 0, LOGIN) * 1000 };
    },
    session,
    dispose() {
      agent.destroy();
    },
  };
};

const pathOf = (place: KvPlace, part: "data" | "metadata"): string => {
  if (!isPlainPath(place.mount) || !isPlainPath(place.path)) throw badPath();
  const encoded = (path: string): string => path.split("/").map(encodeURIComponent).join("/");
  return `${encoded(place.mount)}/${part}/${encoded(place.path)}`;
};

/** What node-vault hands to a transport. */
interface Wish {
  readonly method: string;
  readonly uri: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
}

interface Way {
  readonly operation: string;
  readonly signal: AbortSignal;
  /** Of a list, the names that are kept begin with it. */
  readonly prefix: string;
  readonly send: typeof httpsRequest;
  readonly agent: Agent | undefined;
}

/** One request and its whole answer, or an OperatorError. */
const exchange = async (
  wish: Wish,
  way: Way,
): Promise<{ statusCode: number; body: unknown; request: { path: string } }> => {
  const deadline = AbortSignal.timeout(wish.method === "LIST" ? LIST_MS : CALL_MS);
  try {
    const { status, headers, body } = await roundTrip(wish, way, AbortSignal.any([way.signal, deadline]));
    if (status !== 200 && status !== 204) {
      const retryAfter = headers["retry-after"];
      throw vaultError({ status, errors: errorsOf(body), retryAfter, date: headers.date }, way.operation);
    }
    if (status === 200 && body === undefined) throw odd(way.operation);
    return { statusCode: status, body, request: { path: new URL(wish.uri).pathname } };
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const name = deadline.aborted ? "TimeoutError" : way.signal.aborted ? "AbortError" : undefined;
    throw vaultUnreachable(name === undefined ? error : { name }, way.operation);
  }
};

type ReadAnswer = Pick<BoundedAnswer, "status" | "headers"> & { readonly body: unknown };

const roundTrip = (wish: Wish, way: Way, signal: AbortSignal): Promise<ReadAnswer> =>
  new Promise((resolve, reject) => {
    const body = wish.json === undefined ? undefined : JSON.stringify(wish.json);
    const headers = {
      ...wish.headers,
      "X-Vault-Request": "true",
      ...(body === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
    };
    const agent = way.agent === undefined ? {} : { agent: way.agent };
    // LIST is a method that proxies on the way may not know; GET with list=true is the same to Vault.
    const [method, uri] = wish.method === "LIST" ? ["GET", `${wish.uri}?list=true`] : [wish.method, wish.uri];
    const read = async (sent: ClientRequest, answer: IncomingMessage): Promise<ReadAnswer> => {
      if (wish.method === "LIST" && answer.statusCode === 200) {
        return { status: 200, headers: answer.headers, body: await streamedNames(sent, answer, way.prefix) };
      }
      const { status, headers, text } = await boundedAnswer(sent, answer, LONGEST_ANSWER);
      return { status, headers, body: parsed(text) };
    };
    const sent = way.send(uri, { method, headers, signal, ...agent }, (answer) => {
      read(sent, answer).then(resolve, reject);
    });
    sent.on("error", reject);
    sent.end(body);
  });

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
};

/** Vault's list of words; a deleted KV version answers 404 with data and no list, which is "absent" as well. */
const errorsOf = (body: unknown): readonly string[] | undefined => {
  if (typeof body !== "object" || body === null) return undefined;
  const { errors, data } = body as { readonly errors?: unknown; readonly data?: unknown };
  if (Array.isArray(errors)) return errors.filter((words): words is string => typeof words === "string");
  return typeof data === "object" && data !== null ? [] : undefined;
};

const absentAsUndefined = async (answer: Promise<unknown>): Promise<unknown> => {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof OperatorError && error.code === "NotFound" && error.serverCode === ABSENT) return undefined;
    throw error;
  }
};

const wholeNumber = (value: unknown, operation: string): number => {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw odd(operation);
  return value;
};

const badPath = (): OperatorError =>
  new OperatorError("InvalidSpec", { publicMessage: "A Vault path is not of plain segments." });
