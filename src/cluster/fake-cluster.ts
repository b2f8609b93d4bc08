/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters -- the caller says what lies there, as with ClusterClient.get */
import { FakeClock } from "../kernel/fake-clock.ts";
import type { Clock } from "../kernel/clock.ts";
import { OperatorError, type FailureCode } from "../kernel/errors.ts";
import { listedOf, nameOf, type LeftOut, type Listed } from "../kernel/listed.ts";
import { withEmptyObjects } from "./empty-objects.ts";
import type {
  AccessQuestion,
  ClusterClient,
  Keeping,
  KubeObject,
  ListOptions,
  NewObject,
  ObjectMeta,
  ObjectRef,
  ResourceKind,
  TokenVerdict,
  TokenWish,
} from "./contract.ts";

export type FakeVerb =
  | "get"
  | "list"
  | "create"
  | "dryRunCreate"
  | "replace"
  | "replaceStatus"
  | "mergePatch"
  | "delete"
  | "requestToken"
  | "reviewToken"
  | "review";

/** One call as the log keeps it. `name` is "" for list; `body` is what was sent (a copy), for assertions. */
export interface FakeCall {
  readonly verb: FakeVerb;
  readonly plural: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly body?: unknown;
}

interface Fault {
  readonly when: (call: FakeCall) => boolean;
  readonly error: OperatorError;
  readonly at: "before" | "after";
  left: number;
}

interface Interjection {
  readonly when: (call: FakeCall) => boolean;
  readonly run: () => void | Promise<void>;
}

type Json = Record<string, unknown>;
type Stored = Json & { metadata: ObjectMeta };
type Mutable<T> = { -readonly [key in keyof T]: T[key] };

/**
 * kube-apiserver in memory, for tests: resourceVersion, uid and generation grow as on a real one; create-only, PUT with
 * resourceVersion, merge patch, delete with preconditions, finalizers, status subresource and immutable Secrets keep its rules.
 * Answers are copies. Nothing is validated against a schema, and label selectors know only `key=value` and `key`, by commas.
 */
export class FakeCluster implements ClusterClient {
  /** Every call in order, faulty ones too. */
  readonly calls: FakeCall[] = [];
  /** Decides `review`; nobody may do anything unless a test says so. */
  allows: (question: AccessQuestion) => boolean = () => false;
  /** Objects that no read answers and every list leaves out, by plural and name (`secretrotations team-a/db`): what cannot be read. */
  readonly unreadable = new Set<string>();
  /** What admission makes of an object that `dryRunCreate` sends; throws where it refuses. */
  admission: (object: NewObject, ref: Omit<ObjectRef, "name">) => NewObject = (object) => object;
  readonly #objects = new Map<string, { readonly kind: ResourceKind; object: Stored }>();
  readonly #faults: Fault[] = [];
  readonly #interjections: Interjection[] = [];
  readonly #clock: Clock;
  #revision = 1000;
  #uids = 0;
  #tokens = 0;
  readonly #bound = new Map<
    string,
    {
      readonly namespace: string;
      readonly account: { readonly name: string; readonly uid: string };
      readonly anchor: { readonly name: string; readonly uid: string };
      readonly audiences: readonly string[];
      readonly endsAtMs: number;
      readonly username: string;
    }
  >();

  constructor(clock: Clock = new FakeClock()) {
    this.#clock = clock;
  }

  /**
   * The next `times` matching calls throw: `before` = nothing happened at the server (P0), `after` = it took effect and the
   * answer was lost (P1).
   */
  failNext(
    when: (call: FakeCall) => boolean,
    error: OperatorError,
    at: "before" | "after" = "before",
    times = 1,
  ): void {
    this.#faults.push({ when, error, at, left: times });
  }

  /** Runs once, just before the next matching call takes effect: somebody else's write in between. */
  interject(when: (call: FakeCall) => boolean, run: () => void | Promise<void>): void {
    this.#interjections.push({ when, run });
  }

  /** Puts an object there without a call in the log; answers it as stored. Replaces what was there, keeping its uid. */
  seed<T extends KubeObject>(ref: ObjectRef, object: Readonly<Record<string, unknown>>): T {
    const before = this.#objects.get(keyOf(ref))?.object;
    const stored = this.#fresh(ref, object, { keepStatus: true, ...(before && { uid: before.metadata.uid }) });
    this.#objects.set(keyOf(ref), { kind: ref.kind, object: stored });
    return copy(stored) as unknown as T;
  }

  /** Looks without a call in the log. */
  peek<T extends KubeObject>(ref: ObjectRef): T | undefined {
    const found = this.#objects.get(keyOf(ref));
    return found === undefined ? undefined : (withEmptyObjects(found.kind, copy(found.object)) as unknown as T);
  }

  /** Removes at once, whatever finalizers say. */
  drop(ref: ObjectRef): void {
    this.#objects.delete(keyOf(ref));
  }

  /** Every stored object of a kind, without a call in the log. */
  all<T extends KubeObject>(kind: ResourceKind): readonly T[] {
    return [...this.#objects.values()]
      .filter((entry) => sameKind(entry.kind, kind))
      .map((entry) => withEmptyObjects(entry.kind, copy(entry.object)) as unknown as T);
  }

  /** Calls that change something. */
  mutations(): readonly FakeCall[] {
    const reading: readonly FakeVerb[] = ["get", "list", "requestToken", "reviewToken", "review", "dryRunCreate"];
    return this.calls.filter((call) => !reading.includes(call.verb));
  }

  async get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined> {
    return this.#call("get", ref, undefined, () => {
      if (this.unreadable.has(`${ref.kind.plural} ${nameOf(ref)}`))
        throw new OperatorError("Unavailable", { publicMessage: "The object is longer than is read.", status: 200 });
      return this.peek<T>(ref);
    });
  }

  async list<T extends KubeObject>(kind: ResourceKind, options: ListOptions & Keeping): Promise<Listed<T>> {
    return this.#call("list", { kind, namespace: options.namespace, name: "" }, undefined, () => {
      const found = this.all<T>(kind).filter(
        (object) =>
          (options.namespace === undefined || object.metadata.namespace === options.namespace) &&
          selects(options.labelSelector, object.metadata.labels ?? {}) &&
          selects(options.fieldSelector, object as unknown as Readonly<Record<string, string>>),
      );
      const isReadable = ({ metadata }: T): boolean => !this.unreadable.has(`${kind.plural} ${nameOf(metadata)}`);
      const leftOut = found
        .filter((object) => !isReadable(object))
        .map(({ metadata: { namespace, name, uid } }): LeftOut => ({ namespace, name, uid, why: "TooLarge" }));
      const { keep } = options;
      return listedOf(
        found.filter(isReadable).map((object) => (keep === undefined ? object : (keep(object) as T))),
        leftOut,
      );
    });
  }

  async create<T extends KubeObject>(ref: Omit<ObjectRef, "name">, object: NewObject): Promise<T> {
    const name = object.metadata.name ?? "";
    const full = { ...ref, name };
    return this.#call("create", full, object, () => {
      if (name === "") throw refusal("InvalidSpec", 422, full);
      if (this.#objects.has(keyOf(full))) throw refusal("AlreadyExists", 409, full);
      const stored = this.#fresh(full, object, { keepStatus: false });
      this.#objects.set(keyOf(full), { kind: ref.kind, object: stored });
      return copy(stored) as unknown as T;
    });
  }

  async dryRunCreate<T extends KubeObject>(ref: Omit<ObjectRef, "name">, object: NewObject): Promise<T> {
    const full = { ...ref, name: object.metadata.name ?? "" };
    return this.#call("dryRunCreate", full, object, () => {
      if (this.#objects.has(keyOf(full))) throw refusal("AlreadyExists", 409, full);
      return copy(this.#fresh(full, this.admission(object, ref), { keepStatus: false })) as unknown as T;
    });
  }

  async replace<T extends KubeObject>(ref: ObjectRef, object: T): Promise<T> {
    return this.#call("replace", ref, object, () => {
      const before = this.#expect(ref, object.metadata);
      const next = copy(object) as unknown as Stored;
      if (hasStatus(before)) next["status"] = before["status"];
      return this.#store(ref, before, next) as unknown as T;
    });
  }

  async replaceStatus<T extends KubeObject>(ref: ObjectRef, object: T): Promise<T> {
    return this.#call("replaceStatus", ref, object, () => {
      const before = this.#expect(ref, object.metadata);
      const next = copy(before);
      next["status"] = copy((object as unknown as Json)["status"]);
      return this.#store(ref, before, next) as unknown as T;
    });
  }

  async mergePatch<T extends KubeObject>(ref: ObjectRef, patch: Readonly<Record<string, unknown>>): Promise<T> {
    return this.#call("mergePatch", ref, patch, () => {
      const metadata = (patch["metadata"] ?? {}) as Partial<ObjectMeta>;
      const before = this.#expect(ref, metadata);
      const next = merged(before, patch) as Stored;
      if (hasStatus(before)) next["status"] = before["status"];
      return this.#store(ref, before, next) as unknown as T;
    });
  }

  async delete(
    ref: ObjectRef,
    preconditions: { readonly uid: string; readonly resourceVersion?: string },
  ): Promise<boolean> {
    return this.#call("delete", ref, preconditions, () => {
      if (!this.#objects.has(keyOf(ref))) return false;
      const before = this.#expect(ref, preconditions);
      if ((before.metadata.finalizers ?? []).length === 0) {
        this.#objects.delete(keyOf(ref));
      } else if (before.metadata.deletionTimestamp === undefined) {
        const next = copy(before);
        // A deletion that waits for finalizers raises the generation, as in kube-apiserver.
        const { generation } = next.metadata;
        next.metadata = {
          ...next.metadata,
          ...(generation === undefined ? {} : { generation: generation + 1 }),
          deletionTimestamp: this.#timestamp(),
          resourceVersion: this.#next(),
        };
        this.#objects.set(keyOf(ref), { kind: ref.kind, object: next });
      }
      return true;
    });
  }

  async requestToken(
    serviceAccount: { readonly namespace: string; readonly name: string },
    options: TokenWish,
  ): Promise<string> {
    const ref = { kind: SERVICE_ACCOUNTS, ...serviceAccount };
    return this.#call("requestToken", ref, options, () => {
      this.#tokens += 1;
      if (options.boundTo !== undefined) return this.#boundToken(serviceAccount, options.boundTo, options);
      return `token-${this.#tokens}-of-${serviceAccount.namespace}-${serviceAccount.name}-for-${options.audiences.join("+")}`;
    });
  }

  /** Good for as long as its ServiceAccount and the Secret that it is bound to stand, and no longer than its own life. */
  async reviewToken(token: string, audiences: readonly string[]): Promise<TokenVerdict> {
    return this.#call("reviewToken", { kind: REVIEWS, name: "token" }, undefined, () => {
      const known = this.#bound.get(token);
      const anchor = known && this.peek({ kind: SECRETS, namespace: known.namespace, name: known.anchor.name });
      const account =
        known && this.peek({ kind: SERVICE_ACCOUNTS, namespace: known.namespace, name: known.account.name });
      const good =
        known !== undefined &&
        account?.metadata.uid === known.account.uid &&
        anchor?.metadata.uid === known.anchor.uid &&
        known.endsAtMs > this.#clock.now().getTime() &&
        (audiences.length === 0
          ? known.audiences.length === 0
          : audiences.some((one) => known.audiences.includes(one)));
      return good ? { authenticated: true, username: known.username } : { authenticated: false };
    });
  }

  #boundToken(
    { namespace, name }: { readonly namespace: string; readonly name: string },
    anchor: { readonly name: string; readonly uid: string },
    { audiences, expirationSeconds }: TokenWish,
  ): string {
    const ref = { kind: SERVICE_ACCOUNTS, namespace, name };
    const account = this.peek(ref);
    if (account === undefined) throw refusal("NotFound", 404, ref);
    const { uid } = account.metadata;
    const endsAtMs = this.#clock.now().getTime() + expirationSeconds * 1000;
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
    const signature = Buffer.from(`signature-${this.#tokens}-of-the-fake`).toString("base64url");
    const claims = {
      exp: Math.floor(endsAtMs / 1000),
      aud: audiences,
      jti: this.#tokens,
      "kubernetes.io": { namespace, serviceaccount: { name, uid } },
    };
    const token = `${part({ alg: "none" })}.${part(claims)}.${signature}`;
    const username = `system:serviceaccount:${namespace}:${name}`;
    this.#bound.set(token, { namespace, account: { name, uid }, anchor, audiences, endsAtMs, username });
    return token;
  }

  async review(question: AccessQuestion): Promise<boolean> {
    const ref = { kind: REVIEWS, name: question.user };
    return this.#call("review", ref, question, () => this.allows(question));
  }

  serverTime(): { readonly now: Date; readonly skewMs: number } {
    const now = this.#clock.now().getTime();
    return { now: new Date(Math.floor(now / 1000) * 1000), skewMs: 0 };
  }

  async #call<T>(verb: FakeVerb, ref: ObjectRef, body: unknown, run: () => T): Promise<T> {
    const call = { verb, plural: ref.kind.plural, namespace: ref.namespace, name: ref.name, body: copy(body) };
    this.calls.push(call);
    await this.#interrupt(call);
    this.#fail(call, "before");
    const answer = run();
    this.#fail(call, "after");
    return answer;
  }

  async #interrupt(call: FakeCall): Promise<void> {
    const index = this.#interjections.findIndex((interjection) => interjection.when(call));
    if (index < 0) return;
    const [interjection] = this.#interjections.splice(index, 1);
    await interjection?.run();
  }

  #fail(call: FakeCall, at: "before" | "after"): void {
    const fault = this.#faults.find((candidate) => candidate.at === at && candidate.left > 0 && candidate.when(call));
    if (fault === undefined) return;
    fault.left -= 1;
    throw fault.error;
  }

  /** The stored object, after the uid and resourceVersion that the request carries have been compared. */
  #expect(ref: ObjectRef, claimed: { readonly uid?: string; readonly resourceVersion?: string }): Stored {
    const before = this.#objects.get(keyOf(ref))?.object;
    if (before === undefined) throw refusal("NotFound", 404, ref);
    const uidDiffers = claimed.uid !== undefined && claimed.uid !== "" && claimed.uid !== before.metadata.uid;
    const version = claimed.resourceVersion;
    const versionDiffers = version !== undefined && version !== "" && version !== before.metadata.resourceVersion;
    if (uidDiffers || versionDiffers) throw refusal("Conflict", 409, ref);
    return before;
  }

  #store(ref: ObjectRef, before: Stored, wanted: Stored): Stored {
    const next = withoutUndefined(wanted) as Stored;
    if (before["immutable"] === true && JSON.stringify(before["data"]) !== JSON.stringify(next["data"])) {
      throw refusal("InvalidSpec", 422, ref);
    }
    const metadata: Mutable<ObjectMeta> = { ...next.metadata };
    metadata.name = before.metadata.name;
    metadata.uid = before.metadata.uid;
    copyServerFields(before.metadata, metadata);
    next.metadata = metadata;
    if (before.metadata.generation !== undefined) {
      metadata.generation = before.metadata.generation + (sameContent(before, next) ? 0 : 1);
    }
    metadata.resourceVersion = before.metadata.resourceVersion;
    if (canonical(before) !== canonical(next)) metadata.resourceVersion = this.#next();
    if (metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).length === 0) {
      this.#objects.delete(keyOf(ref));
    } else {
      this.#objects.set(keyOf(ref), { kind: ref.kind, object: next });
    }
    return copy(next);
  }

  #fresh(
    ref: ObjectRef,
    object: Readonly<Record<string, unknown>>,
    options: { readonly keepStatus: boolean; readonly uid?: string },
  ): Stored {
    const next = withoutUndefined(copy(object)) as Json;
    const given = (next["metadata"] ?? {}) as Partial<ObjectMeta>;
    this.#uids += 1;
    const metadata: Mutable<ObjectMeta> = {
      creationTimestamp: this.#timestamp(),
      ...given,
      name: ref.name,
      uid: options.uid ?? given.uid ?? `uid-${String(this.#uids).padStart(4, "0")}`,
      resourceVersion: this.#next(),
    };
    if (ref.namespace !== undefined) metadata.namespace = ref.namespace;
    if (next["spec"] !== undefined) metadata.generation ??= 1;
    const stored: Stored = { ...next, metadata };
    if (!options.keepStatus && hasStatus(stored)) delete stored["status"];
    return stored;
  }

  #timestamp(): string {
    return this.#clock
      .now()
      .toISOString()
      .replace(/\.\d+Z$/, "Z");
  }

  #next(): string {
    this.#revision += 1;
    return String(this.#revision);
  }
}

const SECRETS: ResourceKind = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };

const SERVICE_ACCOUNTS: ResourceKind = {
  group: "",
  version: "v1",
  plural: "serviceaccounts",
  kind: "ServiceAccount",
  namespaced: true,
};

const REVIEWS: ResourceKind = {
  group: "authorization.k8s.io",
  version: "v1",
  plural: "subjectaccessreviews",
  kind: "SubjectAccessReview",
  namespaced: false,
};

const copy = <T>(value: T): T => (value === undefined ? value : structuredClone(value));

const keyOf = (ref: ObjectRef): string =>
  [ref.kind.group, ref.kind.plural, ref.kind.namespaced ? ref.namespace : "", ref.name].join("/");

const sameKind = (a: ResourceKind, b: ResourceKind): boolean => a.group === b.group && a.plural === b.plural;

/** Kinds with a spec have a status subresource here, as all of ours and the workloads have. */
const hasStatus = (object: Json): boolean => object["spec"] !== undefined;

/** What counts for the generation: everything except metadata and status. */
const sameContent = (a: Json, b: Json): boolean =>
  canonical({ ...a, metadata: undefined, status: undefined }) ===
  canonical({ ...b, metadata: undefined, status: undefined });

const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );

const copyServerFields = (before: ObjectMeta, next: Mutable<ObjectMeta>): void => {
  if (before.namespace !== undefined) next.namespace = before.namespace;
  if (before.creationTimestamp !== undefined) next.creationTimestamp = before.creationTimestamp;
  if (before.deletionTimestamp !== undefined) next.deletionTimestamp = before.deletionTimestamp;
};

const withoutUndefined = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** RFC 7386. */
const merged = (target: unknown, patch: unknown): unknown => {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return copy(patch);
  const base = typeof target === "object" && target !== null && !Array.isArray(target) ? target : {};
  const next = new Map<string, unknown>(Object.entries(copy(base)));
  for (const [key, member] of Object.entries(patch)) {
    if (member === null) next.delete(key);
    else next.set(key, merged(next.get(key), member));
  }
  return Object.fromEntries(next);
};

const selects = (selector: string | undefined, labels: Readonly<Record<string, string>>): boolean =>
  (selector ?? "")
    .split(",")
    .filter((term) => term !== "")
    .every((term) => {
      if (term.startsWith("!")) return labels[term.slice(1)] === undefined;
      const [key = "", value] = term.split("=");
      return value === undefined ? labels[key] !== undefined : labels[key] === value;
    });

const refusal = (code: FailureCode, status: number, ref: ObjectRef): OperatorError =>
  new OperatorError(code, { publicMessage: `${code}: ${ref.kind.kind} ${ref.name}.`, status });
