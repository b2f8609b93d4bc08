import type { KubeConfig } from "@kubernetes/client-node";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError } from "../kernel/errors.ts";
import { leftOutOf, listedOf, readableOf, type LeftOut, type Listed } from "../kernel/listed.ts";
import { errorOfRubbish, isGone, isTooLong, type Asked } from "./api-errors.ts";
import type {
  AccessQuestion,
  ClusterClient,
  Keeping,
  KubeObject,
  ListOptions,
  NewObject,
  ObjectRef,
  ResourceKind,
  TokenVerdict,
  TokenWish,
} from "./contract.ts";
import { withEmptyObjects } from "./empty-objects.ts";
import { Endpoint } from "./endpoint.ts";
import { asNames, asPage, keptOf, metadataOf, type Page } from "./list-page.ts";
import { PageSize } from "./page-size.ts";
import { apiVersionOf, collectionPath, describeRef, objectPath, serviceAccounts } from "./resources.ts";
import { ServerClock } from "./server-clock.ts";
import { Transport, type Call } from "./transport.ts";
import { watchLines } from "./watch-lines.ts";

export interface KubernetesClientOptions {
  readonly config: KubeConfig;
  readonly clock: Clock;
  /** For the User-Agent. */
  readonly version: string;
  /** Without one: 10 s. */
  readonly deadlineMs?: number;
  /** Of one page of a list; a longer one is asked for again with fewer objects. Without one: 4 MiB. */
  readonly largestPageBytes?: number;
  /** Of one object, also as a page of its own; a longer one is left out of a list. Without one: 16 MiB. */
  readonly largestObjectBytes?: number;
}

/** What the informer needs beyond ClusterClient: the list's own resourceVersion, and the stream. */
export interface WatchSource {
  listAll<T extends KubeObject>(kind: ResourceKind, options: ListOptions & Keeping): Promise<ListedAt<T>>;
  /** Lines of a watch, each a JSON text. Ends when the server ends it; throws OperatorError when it breaks or is quiet too long. */
  watch(kind: ResourceKind, options: WatchOptions, signal: AbortSignal): AsyncIterable<string>;
}

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** After this the server ends the watch by itself. */
  readonly timeoutSeconds: number;
  /** Without a byte for so long, the connection counts as dead. */
  readonly idleMs: number;
}

/** A list with its own resourceVersion, from which a watch goes on. */
export type ListedAt<T> = Listed<T> & { readonly resourceVersion: string };

const DEADLINE_MS = 10_000;
/** etcd takes 1.5 MiB, which JSON's escapes make at most six times as long: nobody can make an object that is not read. */
const LARGEST_OBJECT_BYTES = 16 * 1024 * 1024;
/** Parsing one page holds up the event loop for some 40 ms at most. */
const LARGEST_PAGE_BYTES = 4 * 1024 * 1024;
/** Of one object's metadata alone, from which the name of one that is left out is read. */
const LARGEST_METADATA_BYTES = 16 * 1024 * 1024;
/** How kube-apiserver is asked for metadata instead of whole objects. */
const METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
/**
 * Strict: what the server's schema does not know is refused instead of dropped, so that an operator newer than its CRDs fails
 * loudly before it acts, instead of losing an intent.
 */
const WRITE = { fieldManager: "keyturn", fieldValidation: "Strict" };
const MERGE_PATCH = "application/merge-patch+json";

/** ClusterClient on a real kube-apiserver. */
export class KubernetesClient implements ClusterClient, WatchSource {
  readonly #transport: Transport;
  readonly #endpoint: Endpoint;
  readonly #serverClock: ServerClock;
  readonly #clock: Clock;
  readonly #largestPageBytes: number;
  readonly #largestObjectBytes: number;

  constructor(options: KubernetesClientOptions) {
    this.#clock = options.clock;
    this.#largestPageBytes = options.largestPageBytes ?? LARGEST_PAGE_BYTES;
    this.#largestObjectBytes = options.largestObjectBytes ?? LARGEST_OBJECT_BYTES;
    this.#endpoint = new Endpoint(options.config, options.clock);
    this.#serverClock = new ServerClock(options.clock);
    this.#transport = new Transport({
      endpoint: this.#endpoint,
      clock: options.clock,
      serverClock: this.#serverClock,
      userAgent: `keyturn/${options.version}`,
      deadlineMs: options.deadlineMs ?? DEADLINE_MS,
    });
  }

  async get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined> {
    const asked = ask("read", ref);
    const path = objectPath(ref);
    const answer = await absentAsUndefined(
      this.#transport.call({ ...asked, method: "GET", path, maxBytes: this.#largestObjectBytes }),
    );
    return answer === undefined ? undefined : asObject<T>(asked, ref, answer);
  }

  async list<T extends KubeObject>(kind: ResourceKind, options: ListOptions & Keeping): Promise<Listed<T>> {
    const listed = await this.listAll<T>(kind, options);
    return listedOf(readableOf(listed), leftOutOf(listed));
  }

  async listAll<T extends KubeObject>(kind: ResourceKind, options: ListOptions & Keeping): Promise<ListedAt<T>> {
    const size = new PageSize();
    try {
      return await this.#listPages<T>(kind, options, size);
    } catch (thrown) {
      // The next page's token had expired; a list from the start needs none. What was learned of the size still holds.
      if (isGone(thrown)) return this.#listPages<T>(kind, options, size);
      throw thrown;
    }
  }

  create<T extends KubeObject>(ref: Omit<ObjectRef, "name">, object: NewObject): Promise<T> {
    return this.#create(ref, object, WRITE);
  }

  dryRunCreate<T extends KubeObject>(ref: Omit<ObjectRef, "name">, object: NewObject): Promise<T> {
    return this.#create(ref, object, { ...WRITE, dryRun: "All" });
  }

  async replace<T extends KubeObject>(ref: ObjectRef, object: T): Promise<T> {
    const asked = ask("update", ref);
    return asObject<T>(asked, ref, await this.#write("PUT", asked, objectPath(ref), object));
  }

  async replaceStatus<T extends KubeObject>(ref: ObjectRef, object: T): Promise<T> {
    const asked = ask("update the status of", ref);
    return asObject<T>(asked, ref, await this.#write("PUT", asked, `${objectPath(ref)}/status`, object));
  }

  async mergePatch<T extends KubeObject>(ref: ObjectRef, patch: Readonly<Record<string, unknown>>): Promise<T> {
    const asked = ask("patch", ref);
    return asObject<T>(asked, ref, await this.#write("PATCH", asked, objectPath(ref), patch, MERGE_PATCH));
  }

  async delete(
    ref: ObjectRef,
    preconditions: { readonly uid: string; readonly resourceVersion?: string },
  ): Promise<boolean> {
    const asked = ask("delete", ref);
    const body = { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background", preconditions };
    const call = { ...asked, method: "DELETE" as const, path: objectPath(ref), body, maxBytes: LARGEST_OBJECT_BYTES };
    return (await absentAsUndefined(this.#transport.call(call))) !== undefined;
  }

  async requestToken(
    serviceAccount: { readonly namespace: string; readonly name: string },
    { audiences, expirationSeconds, boundTo }: TokenWish,
  ): Promise<string> {
    const ref = { kind: serviceAccounts, ...serviceAccount };
    // A token leaves nothing behind at the server, so a lost answer is not ambiguous.
    const asked = { ...ask("issue a token for", ref), write: false };
    const bound = boundTo === undefined ? {} : { boundObjectRef: { apiVersion: "v1", kind: "Secret", ...boundTo } };
    const spec = { audiences, expirationSeconds, ...bound };
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
    const path = `${objectPath(ref)}/token`;
    const answer = await this.#transport.call({ ...asked, method: "POST", path, body, maxBytes: LARGEST_OBJECT_BYTES });
    const status = answer["status"];
    const token = typeof status === "object" && status !== null && "token" in status ? status.token : undefined;
    if (typeof token !== "string" || token === "") throw errorOfRubbish(asked, "answered without a token");
    return token;
  }

  async reviewToken(token: string, audiences: readonly string[]): Promise<TokenVerdict> {
    const asked = { what: "review a token", write: false };
    const spec = { token, ...(audiences.length === 0 ? {} : { audiences }) };
    const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec };
    const path = "/apis/authentication.k8s.io/v1/tokenreviews";
    const answer = await this.#transport.call({ ...asked, method: "POST", path, body, maxBytes: LARGEST_OBJECT_BYTES });
    const { authenticated, user } = (answer["status"] ?? {}) as {
      authenticated?: unknown;
      user?: { username?: unknown; uid?: unknown; groups?: unknown; extra?: unknown };
    };
    if (authenticated !== true) return { authenticated: false };
    if (typeof user?.username !== "string") throw errorOfRubbish(asked, "answered without a user");
    const { username, uid, groups, extra } = user;
    return {
      authenticated,
      username,
      ...(typeof uid === "string" ? { uid } : {}),
      groups: textsIn(groups),
      ...(typeof extra === "object" && extra !== null
        ? { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, textsIn(values)])) }
        : {}),
    };
  }

  async review(question: AccessQuestion): Promise<boolean> {
    const asked = { what: `review access of ${question.user}`, write: false };
    const body = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec: reviewSpec(question) };
    const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    const answer = await this.#transport.call({ ...asked, method: "POST", path, body, maxBytes: LARGEST_OBJECT_BYTES });
    const status = answer["status"];
    const allowed = typeof status === "object" && status !== null && "allowed" in status ? status.allowed : undefined;
    // `evaluationError` is no reason to doubt: RBAC reports every binding to a role that is gone there, and a request is
    // refused all the same.
    if (typeof allowed !== "boolean") throw errorOfRubbish(asked, "answered without a decision");
    return allowed;
  }

  /** The server's own version, for the doctor. */
  async serverVersion(): Promise<{ readonly major: string; readonly minor: string }> {
    const asked = { what: "read the server's version", write: false };
    const answer = await this.#transport.call({
      ...asked,
      method: "GET",
      path: "/version",
      maxBytes: LARGEST_OBJECT_BYTES,
    });
    const { major, minor } = answer;
    if (typeof major !== "string" || typeof minor !== "string")
      throw errorOfRubbish(asked, "answered without a version");
    return { major, minor };
  }

  serverTime(): { readonly now: Date; readonly skewMs: number } | undefined {
    return this.#serverClock.read();
  }

  async *watch(kind: ResourceKind, options: WatchOptions, signal: AbortSignal): AsyncGenerator<string> {
    const asked = { what: `watch ${kind.plural}`, write: false };
    const query = {
      ...selection(options),
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: options.resourceVersion,
      timeoutSeconds: String(options.timeoutSeconds),
    };
    const path = collectionPath(kind, options.namespace);
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    try {
      const { chunks } = await this.#transport.stream({ ...asked, path, query }, both);
      yield* watchLines(chunks, { clock: this.#clock, idleMs: options.idleMs, onIdle: () => stop.abort(), asked });
    } finally {
      stop.abort();
    }
  }

  /** Cuts every connection; calls after that open new ones. */
  async close(): Promise<void> {
    await this.#endpoint.close();
  }

  async #create<T extends KubeObject>(
    ref: Omit<ObjectRef, "name">,
    object: NewObject,
    query: Readonly<Record<string, string>>,
  ): Promise<T> {
    const named = { ...ref, name: object.metadata.name ?? "" };
    if (ref.kind.namespaced && ref.namespace === undefined)
      throw new RangeError("A namespaced object without a namespace.");
    const asked = { ...ask("create", named), write: query["dryRun"] === undefined };
    const path = collectionPath(ref.kind, ref.namespace);
    const answer = await this.#write("POST", asked, path, object, "application/json", query);
    return asObject<T>(asked, named, query["dryRun"] === undefined ? answer : asIfStored(answer));
  }

  async #listPages<T extends KubeObject>(
    kind: ResourceKind,
    options: ListOptions & Keeping,
    size: PageSize,
  ): Promise<ListedAt<T>> {
    const items: T[] = [];
    const leftOut: LeftOut[] = [];
    let next = "";
    for (;;) {
      const page = await this.#page(
        kind,
        { ...selection(options), ...(next !== "" && { continue: next }) },
        options,
        size,
      );
      const { keep } = options;
      const kept = keep === undefined ? page : keptOf(page, keep);
      items.push(...(kept.items as readonly T[]));
      leftOut.push(...kept.leftOut);
      if (page.next === "") return { ...listedOf(items, leftOut), resourceVersion: page.resourceVersion };
      next = page.next;
    }
  }

  /**
   * One page. One that is longer than is read is asked for again from the same place, of half as many objects, down to one. Of one
   * object that is too long by itself only the name is asked for, and the list goes on behind it.
   */
  async #page(
    kind: ResourceKind,
    query: Readonly<Record<string, string>>,
    { namespace }: ListOptions,
    size: PageSize,
  ): Promise<Page> {
    const asked = { what: `list ${kind.plural}`, write: false };
    const call = { ...asked, method: "GET" as const, path: collectionPath(kind, namespace) };
    for (;;) {
      try {
        const limited = { ...query, limit: String(size.objects) };
        const maxBytes = size.objects === 1 ? this.#largestObjectBytes : this.#largestPageBytes;
        let length = 0;
        const onLength = (bytes: number): void => void (length = bytes);
        const answer = await this.#transport.call({ ...call, query: limited, maxBytes, onLength });
        const page = asPage(asked, kind, answer);
        size.cameWhole(length / this.#largestPageBytes);
        return page;
      } catch (thrown) {
        if (!isTooLong(thrown)) throw thrown;
        if (!size.halve()) return this.#namesOnly({ ...call, query: { ...query, limit: "1" } });
      }
    }
  }

  /** A page without its objects: each counts as left out for its size. */
  async #namesOnly(call: Omit<Call, "maxBytes">): Promise<Page> {
    const answer = await this.#transport.call({ ...call, accept: METADATA_ONLY, maxBytes: LARGEST_METADATA_BYTES });
    return asNames(call, answer);
  }

  #write(
    method: "POST" | "PUT" | "PATCH",
    asked: Asked,
    path: string,
    body: unknown,
    contentType = "application/json",
    query: Readonly<Record<string, string>> = WRITE,
  ): Promise<Readonly<Record<string, unknown>>> {
    const maxBytes = LARGEST_OBJECT_BYTES;
    return this.#transport.call({ ...asked, method, path, query, body, contentType, maxBytes });
  }
}

const ask = (verb: string, ref: ObjectRef): Asked => ({ what: `${verb} ${describeRef(ref)}`, write: verb !== "read" });

const textsIn = (values: unknown): readonly string[] =>
  Array.isArray(values) ? values.filter((value) => typeof value === "string") : [];

const reviewSpec = ({ user, uid, groups, extra, attributes }: AccessQuestion): Readonly<Record<string, unknown>> => ({
  user,
  ...(uid === undefined ? {} : { uid }),
  groups,
  ...(extra === undefined ? {} : { extra }),
  ...(attributes.kind === "path"
    ? { nonResourceAttributes: { path: attributes.path, verb: attributes.verb } }
    : { resourceAttributes: { ...attributes, kind: undefined, version: "*" } }),
});

const selection = ({ labelSelector, fieldSelector }: ListOptions): Record<string, string> => ({
  ...(labelSelector === undefined ? {} : { labelSelector }),
  ...(fieldSelector === undefined ? {} : { fieldSelector }),
});

const absentAsUndefined = async <T>(call: Promise<T>): Promise<T | undefined> => {
  try {
    return await call;
  } catch (thrown) {
    if (thrown instanceof OperatorError && thrown.code === "NotFound") return undefined;
    throw thrown;
  }
};

/** The answer as the object that was asked for, apiVersion and kind filled in; rubbish and another object are Unavailable. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the one place where an answer gets its type.
const asObject = <T extends KubeObject>(asked: Asked, ref: ObjectRef, answer: Readonly<Record<string, unknown>>): T => {
  const object = { apiVersion: apiVersionOf(ref.kind), kind: ref.kind.kind, ...answer };
  const metadata = metadataOf(object);
  if (metadata === undefined) throw errorOfRubbish(asked, "answered with something that is no Kubernetes object");
  const wrongNamespace = ref.kind.namespaced && metadata.namespace !== ref.namespace;
  const wrongName = ref.name !== "" && metadata.name !== ref.name;
  if (wrongName || wrongNamespace) throw errorOfRubbish(asked, "answered with another object than was asked for");
  return withEmptyObjects(ref.kind, object) as unknown as T;
};

/** What was only tried has no resourceVersion yet. */
const asIfStored = (answer: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const { metadata } = answer;
  return typeof metadata === "object" && metadata !== null
    ? { ...answer, metadata: { resourceVersion: "0", ...metadata } }
    : answer;
};
