import { Agent as HttpAgent, request as httpRequest } from "node:http";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { Agent as HttpsAgent, createServer, request as httpsRequest } from "node:https";
import type { Server } from "node:https";
import type { Authority } from "./certificates.ts";
import { closeAtOnce } from "./close-at-once.ts";
import { lines } from "./http.ts";
import { freePort } from "./ports.ts";
import { answerHistory, errorAnswer } from "./proxy/answers.ts";
import type { Answer } from "./proxy/answers.ts";
import { classify } from "./proxy/classify.ts";
import type { CallKind, ServerKind } from "./proxy/classify.ts";
import { newKeys } from "./proxy/new-keys.ts";
import { ruleBook } from "./proxy/rules.ts";
import type { Action, ActiveRule, Call, Rule, SeenEvent } from "./proxy/rules.ts";
import { sleep } from "./wait.ts";

export type { CallKind, ServerKind, StackServer } from "./proxy/classify.ts";
export type { Action, ActiveRule, Call, Match, Point, Rule, SeenEvent } from "./proxy/rules.ts";
export { classify, templateOf } from "./proxy/classify.ts";

/** Options of `startFaultProxy`. */
export interface FaultProxyOptions {
  /** Says what kind of server is behind it: that decides verbs, templates, kinds and the wording of errors. */
  readonly server: ServerKind;
  /** The server's address, and the PEM of the CA that signed its certificate. */
  readonly upstream: { readonly url: string; readonly ca?: string };
  /** Signs the proxy's own certificate. */
  readonly authority: Authority;
}

/** A proxy (TLS, HTTP/1.1) in front of one server. */
export interface FaultProxy {
  readonly server: ServerKind;
  /** The address for the operator: every request there is recorded, and rules apply. */
  readonly url: string;
  /** A second address for everybody else: nothing is recorded and no rule applies, but a new key is refused here as well. */
  readonly workloadUrl: string;
  /** The operator's requests since the counters were last reset, oldest first. */
  calls(): readonly Call[];
  /** How many there were, all and by kind. */
  counts(): { readonly total: number; readonly mutating: number; readonly byKind: Readonly<Record<CallKind, number>> };
  /** Forgets the calls and counts from 1 again; rules stay. */
  resetCounters(): void;
  add(rule: Rule): ActiveRule;
  clearRules(): void;
  /** Keys that a CreateAccessKey answer shows are refused (403 InvalidClientTokenId) until this age; 0 turns it off. */
  refuseNewKeysFor(ms: number): void;
  /** Closes the operator's open watches; says how many. */
  closeWatches(): number;
  stop(): Promise<void>;
}

const kinds: readonly CallKind[] = ["read", "watch", "write", "login", "lease", "event", "review", "token"];

/** Starts a proxy on two free ports of loopback. */
export async function startFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { server, authority } = options;
  const book = ruleBook();
  const history = answerHistory();
  const keys = newKeys();
  const upstream = upstreamOf(options.upstream);
  const watches = new Set<ServerResponse>();
  let calls: Mutable<Call>[] = [];
  let seen = new Map<string, number>();
  let mutating = 0;

  const record = (request: IncomingMessage, body: string): Mutable<Call> => {
    const path = request.url ?? "/";
    const classified = classify(server, request.method ?? "GET", path, body);
    const name = `${classified.verb} ${classified.template}`;
    const occurrence = (seen.get(name) ?? 0) + 1;
    seen.set(name, occurrence);
    if (classified.mutating) mutating += 1;
    const call: Mutable<Call> = {
      ...classified,
      n: calls.length + 1,
      server,
      path,
      ordinal: classified.mutating ? mutating : undefined,
      occurrence,
      at: Date.now(),
      status: undefined,
    };
    calls.push(call);
    return call;
  };

  /** The server's answer; keys that it shows for the first time are noted, whether or not the client ever sees it. */
  const ask = async (request: IncomingMessage, body: Buffer): Promise<Answer> => {
    const answer = await complete(await upstream.send(request, body));
    if (server === "aws") keys.noteFrom(answer.body);
    return answer;
  };

  const operatorRequest = async (request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> => {
    const text = body.toString("utf8");
    const call = record(request, text);
    const fault = await nextFault(book.matching(call, text));
    switch (fault?.do) {
      case "kill":
      case "cut":
      case "hang":
        if (fault.point !== "beforeSend") break;
        if (fault.do === "kill") await fault.kill(call);
        if (fault.do === "hang") await closed(response);
        return abort(response);
      case "answer": {
        const made = errorAnswer(server, fault.status, fault.code);
        call.status = fault.status;
        const headers = { ...made.headers, ...fault.headers };
        return deliver(response, {
          ...made,
          headers,
          body: fault.body === undefined ? made.body : Buffer.from(fault.body),
        });
      }
      case "repeat":
      case "stale":
      case undefined:
    }
    if (fault?.do === "stale") {
      const old = staleOf(fault, call);
      if (old !== undefined) {
        call.status = old.status;
        return deliver(response, old);
      }
    }
    if (server === "aws" && keys.refuses(request.headers.authorization)) {
      call.status = 403;
      return deliver(response, errorAnswer("aws", 403, "InvalidClientTokenId"));
    }
    if (call.kind === "watch") return passWatch(request, response, body, call, fault);

    const answer = await ask(request, body);
    call.status = answer.status;
    if (call.verb === "GET") history.record(call.path, answer);
    if (fault?.do === "repeat") for (let i = 0; i < fault.times; i += 1) await ask(request, body);
    if (fault?.do === "kill" && fault.point === "answerLost") await fault.kill(call);
    if (fault?.do === "hang") await closed(response);
    if (fault?.do === "cut" && fault.point === "midAnswer") await deliverHalf(response, answer);
    if (fault?.do === "cut" || fault?.do === "hang" || (fault?.do === "kill" && fault.point === "answerLost"))
      return abort(response);
    await deliver(response, answer);
    if (fault?.do === "kill") await fault.kill(call);
  };

  /** Delays are waited for; the first other rule that is about the request is the fault, and is hit. */
  const nextFault = async (rules: { action: Action; hit(): void }[]): Promise<Fault | undefined> => {
    for (const rule of rules) {
      const { action } = rule;
      if (action.do === "delay") {
        rule.hit();
        await sleep(action.ms);
      } else if (action.do === "stale") {
        return { ...action, hit: () => rule.hit() };
      } else if (action.do !== "dropEvent" && action.do !== "closeWatch") {
        rule.hit();
        return { ...action, hit: () => rule.hit() };
      }
    }
    return undefined;
  };
  const staleOf = (fault: Extract<Fault, { do: "stale" }>, call: Call): Answer | undefined => {
    if (call.verb !== "GET") return undefined;
    const old = "back" in fault ? history.back(call.path, fault.back) : history.olderThan(call.path, fault.olderThanMs);
    if (old !== undefined) fault.hit();
    return old;
  };

  const passWatch = async (
    request: IncomingMessage,
    response: ServerResponse,
    body: Buffer,
    call: Mutable<Call>,
    fault: Fault | undefined,
  ): Promise<void> => {
    const answer = await upstream.send(request, body);
    call.status = answer.statusCode ?? 0;
    if (call.status !== 200) return deliver(response, await complete(answer));
    if (fault?.do === "kill" && fault.point === "answerLost") await fault.kill(call);
    if (fault?.do === "hang") await closed(response);
    if (fault?.do === "cut" || fault?.do === "hang" || (fault?.do === "kill" && fault.point === "answerLost")) {
      answer.destroy();
      return abort(response);
    }
    watches.add(response);
    response.on("close", () => {
      watches.delete(response);
      answer.destroy();
    });
    response.writeHead(200, passedHeaders(answer));
    response.flushHeaders();
    if (fault?.do === "kill") await fault.kill(call);
    for await (const line of lines(answer)) {
      const rule = book.matching(call, "").find(({ action }) => isAboutEvent(action, line));
      if (rule?.action.do === "dropEvent") rule.hit();
      else if (rule?.action.do === "closeWatch") {
        rule.hit();
        if (rule.action.half === true) await written(response, line.slice(0, line.length / 2));
        return abort(response);
      } else if (!response.write(line + "\n")) await drained(response);
    }
    response.end();
  };

  const workloadRequest = async (request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> => {
    if (server === "aws" && keys.refuses(request.headers.authorization))
      return deliver(response, errorAnswer("aws", 403, "InvalidClientTokenId"));
    await deliver(response, await ask(request, body));
  };

  const listen = async (handle: typeof operatorRequest): Promise<{ url: string; listener: Server }> => {
    const port = await freePort();
    const listener = createServer(
      authority.issue({ cn: `${server}-proxy`, names: ["localhost", "127.0.0.1"] }),
      (request, response) => {
        // The server is away, or the client is: for the client that is a connection that ends.
        collect(request)
          .then((body) => handle(request, response, body))
          .catch(() => {
            abort(response);
          });
      },
    );
    listener.keepAliveTimeout = 0;
    listener.requestTimeout = 0;
    await new Promise<void>((resolve, reject) => {
      listener.once("error", reject);
      listener.listen(port, "127.0.0.1", resolve);
    });
    return { url: `https://127.0.0.1:${port}`, listener };
  };
  const [operators, workloads] = await Promise.all([listen(operatorRequest), listen(workloadRequest)]);

  return {
    server,
    url: operators.url,
    workloadUrl: workloads.url,
    calls: () => calls,
    counts() {
      const byKind = Object.fromEntries(kinds.map((kind) => [kind, calls.filter((call) => call.kind === kind).length]));
      return { total: calls.length, mutating, byKind: byKind as Record<CallKind, number> };
    },
    resetCounters() {
      calls = [];
      seen = new Map();
      mutating = 0;
    },
    add: (rule) => book.add(rule),
    clearRules: () => {
      book.clear();
    },
    refuseNewKeysFor: (ms) => {
      keys.refuseFor(ms);
    },
    closeWatches() {
      const open = [...watches];
      for (const response of open) abort(response);
      return open.length;
    },
    async stop() {
      book.clear();
      await Promise.all([operators, workloads].map(({ listener }) => closeAtOnce(listener)));
      upstream.close();
    },
  };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Fault = Exclude<Action, { do: "dropEvent" | "closeWatch" | "delay" }> & { hit(): void };

interface Upstream {
  send(request: IncomingMessage, body: Buffer): Promise<IncomingMessage>;
  close(): void;
}

/** Sends requests on as they came: the Host header stays, because AWS signatures cover it. */
function upstreamOf({ url, ca }: FaultProxyOptions["upstream"]): Upstream {
  const { protocol, hostname, port } = new URL(url);
  // Idle connections are given up well before any server gives them up: no request meets a connection that is closing.
  const kept = { keepAlive: true, timeout: 20_000 };
  const agent =
    protocol === "https:" ? new HttpsAgent({ ...kept, ...(ca === undefined ? {} : { ca }) }) : new HttpAgent(kept);
  const send = protocol === "https:" ? httpsRequest : httpRequest;
  return {
    send: (request, body) =>
      new Promise((resolve, reject) => {
        const headers: OutgoingHttpHeaders = { ...request.headers };
        delete headers["connection"];
        delete headers["transfer-encoding"];
        if (body.length > 0 || headers["content-length"] !== undefined) headers["content-length"] = body.length;
        const { method = "GET", url: path = "/" } = request;
        const sent = send({ hostname, port, agent, method, path, headers });
        sent.on("error", reject);
        sent.on("response", resolve);
        sent.end(body);
      }),
    close: () => {
      agent.destroy();
    },
  };
}

async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function complete(answer: IncomingMessage): Promise<Answer> {
  return { status: answer.statusCode ?? 0, headers: passedHeaders(answer), body: await collect(answer) };
}

function passedHeaders(answer: IncomingMessage): Record<string, string | string[]> {
  const own = new Set(["connection", "keep-alive", "transfer-encoding", "content-length"]);
  return Object.fromEntries(
    Object.entries(answer.headers).filter(
      (entry): entry is [string, string | string[]] => entry[1] !== undefined && !own.has(entry[0]),
    ),
  );
}

/** Resolves when the answer has left for the client's socket. */
async function deliver(response: ServerResponse, answer: Answer): Promise<void> {
  const { socket } = response;
  response.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
  await new Promise<void>((resolve) => {
    response.once("close", resolve);
    response.end(answer.body, resolve);
  });
  // The end of the response says that the socket has taken the data; it must also have given it to the system.
  while (socket !== null && !socket.destroyed && socket.writableLength > 0) await sleep(1);
}

async function deliverHalf(response: ServerResponse, answer: Answer): Promise<void> {
  response.writeHead(answer.status, { ...answer.headers, "content-length": answer.body.length });
  response.flushHeaders();
  await written(response, answer.body.subarray(0, Math.floor(answer.body.length / 2)));
}

function written(response: ServerResponse, data: string | Buffer): Promise<void> {
  return new Promise((resolve) => {
    response.write(data, () => {
      resolve();
    });
  });
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed || response.closed) resolve();
    else response.once("close", resolve);
  });
}

function abort(response: ServerResponse): void {
  response.socket?.destroy();
  response.destroy();
}

function isAboutEvent(action: Action, line: string): boolean {
  if (action.do === "closeWatch") return true;
  if (action.do !== "dropEvent") return false;
  return action.event === undefined || action.event(JSON.parse(line) as SeenEvent);
}
