import { OperatorError, type FailureCode } from "../../kernel/errors.ts";
import type {
  IdentityObject,
  IdentityPlace,
  KubernetesCalls,
  NewIdentityObject,
  PolicyRule,
  ReviewQuestion,
} from "./calls.ts";
import { listedOf, nameOf, type Listed } from "../../kernel/listed.ts";

type Stored = { -readonly [key in keyof IdentityObject]: IdentityObject[key] };

/**
 * The part of kube-apiserver that identities need, in memory: preconditions, finalizers, an immutable roleRef, what a binding's subjects
 * must be, and RBAC's own rules for `review`. Subjects are stored as they are given. `log` holds verb and kind of every call, such as "create RoleBinding".
 */
export class FakeKubernetes implements KubernetesCalls {
  readonly objects = new Map<string, { readonly kind: string; readonly object: Stored }>();
  readonly log: string[] = [];
  /** Runs once before the next call of that name takes effect: somebody else's write in between. */
  readonly interjections: { readonly call: string; readonly run: () => void }[] = [];
  readonly #faults: { readonly call: string; readonly error: OperatorError; readonly at: "before" | "after" }[] = [];
  /** Bindings as the authorizer still has them for so many reviews more. */
  staleReviews = 0;
  #revision = 100;
  #uids = 0;

  failNext(call: string, error: OperatorError, at: "before" | "after" = "before"): void {
    this.#faults.push({ call, error, at });
  }

  /** Puts an object there as somebody else would; replaces what was there. */
  seed(
    place: IdentityPlace,
    content: Partial<NewIdentityObject> & { readonly rules?: readonly PolicyRule[]; readonly type?: string },
  ): void {
    if (!subjectsAreValid(place, content.subjects)) throw new Error(`no server keeps ${keyOf(place)}`);
    this.#put(place, content);
  }

  peek(place: IdentityPlace): IdentityObject | undefined {
    return this.objects.get(keyOf(place))?.object;
  }

  /** A change by somebody else. */
  edit(place: IdentityPlace, change: (object: Stored) => void): void {
    const found = this.objects.get(keyOf(place));
    if (found === undefined) throw new Error(`nothing at ${keyOf(place)}`);
    change(found.object);
    found.object.metadata = { ...found.object.metadata, resourceVersion: this.#next() };
  }

  drop(place: IdentityPlace): void {
    this.objects.delete(keyOf(place));
  }

  mutations(): readonly string[] {
    return this.log.filter((call) => /^(create|mergePatch|delete) /.test(call));
  }

  /** Objects that every list leaves out: `RoleBinding team-a/x`. */
  readonly unreadable = new Set<string>();

  /** Everything that stands, without versions. */
  snapshot(): string {
    const each = [...this.objects].map(([key, { object }]) => [
      key,
      { ...object, metadata: { ...object.metadata, resourceVersion: "" } },
    ]);
    return JSON.stringify(each.sort(), null, 1);
  }

  get(place: IdentityPlace): Promise<IdentityObject | undefined> {
    return this.#call(`get ${place.kind}`, () => structuredClone(this.peek(place)));
  }

  list(kind: string, options: Parameters<KubernetesCalls["list"]>[1]): Promise<Listed<IdentityObject>> {
    return this.#call(`list ${kind}`, () => {
      const [label = "", value] = (options.labelSelector ?? "").split("=");
      const type = /^type=(.+)$/.exec(options.fieldSelector ?? "")?.[1];
      const { keep = (object) => object } = options;
      const found = this.#all(kind)
        .filter(({ metadata }) => options.namespace === undefined || metadata.namespace === options.namespace)
        .filter(({ metadata }) => label === "" || metadata.labels?.[label] === value)
        .filter((object) => type === undefined || (object as { readonly type?: string }).type === type)
        .map((object) => structuredClone(object));
      const isUnreadable = ({ metadata }: IdentityObject): boolean =>
        this.unreadable.has(`${kind} ${nameOf(metadata)}`);
      return listedOf(
        found.filter((object) => !isUnreadable(object)).map(keep),
        found.filter(isUnreadable).map(({ metadata }) => ({ ...metadata, why: "TooLarge" })),
      );
    });
  }

  create(place: IdentityPlace, object: NewIdentityObject): Promise<IdentityObject> {
    return this.#call(`create ${place.kind}`, () => {
      if (this.objects.has(keyOf(place))) throw refusal("AlreadyExists", 409, place);
      if (!subjectsAreValid(place, object.subjects)) throw refusal("InvalidSpec", 422, place);
      return structuredClone(this.#put(place, object));
    });
  }

  mergePatch(place: IdentityPlace, patch: Readonly<Record<string, unknown>>): Promise<IdentityObject> {
    return this.#call(`mergePatch ${place.kind}`, () => {
      const { metadata = {}, ...rest } = patch as {
        metadata?: Record<string, unknown>;
        subjects?: NewIdentityObject["subjects"];
      };
      const before = this.#expect(place, metadata);
      if ("roleRef" in rest) throw refusal("InvalidSpec", 422, place);
      if (!subjectsAreValid(place, rest.subjects)) throw refusal("InvalidSpec", 422, place);
      const next = structuredClone(before);
      Object.assign(next, rest);
      next.metadata = {
        ...next.metadata,
        labels: merged(next.metadata.labels, metadata["labels"]),
        annotations: merged(next.metadata.annotations, metadata["annotations"]),
        resourceVersion: this.#next(),
      };
      this.objects.set(keyOf(place), { kind: place.kind, object: next });
      return structuredClone(next);
    });
  }

  delete(
    place: IdentityPlace,
    preconditions: { readonly uid: string; readonly resourceVersion: string },
  ): Promise<boolean> {
    return this.#call(`delete ${place.kind}`, () => {
      if (!this.objects.has(keyOf(place))) return false;
      const before = this.#expect(place, preconditions);
      if ((before.metadata.finalizers ?? []).length === 0) return this.objects.delete(keyOf(place));
      if (before.metadata.deletionTimestamp === undefined) {
        this.edit(place, (object) => {
          object.metadata = { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
        });
      }
      return true;
    });
  }

  review(question: ReviewQuestion): Promise<boolean> {
    return this.#call("review", () => {
      if (this.staleReviews > 0) {
        this.staleReviews -= 1;
        return !question.user.endsWith(":Nobody");
      }
      const bindings = [...this.#all("RoleBinding"), ...this.#all("ClusterRoleBinding")];
      return bindings.some((binding) => names(binding, question) && this.#gives(binding, question.attributes));
    });
  }

  #gives(binding: IdentityObject, asked: ReviewQuestion["attributes"]): boolean {
    const { namespace } = binding.metadata;
    if (namespace !== undefined && (asked.kind === "path" || asked.namespace !== namespace)) return false;
    const { roleRef } = binding;
    const name = roleRef?.name ?? "";
    const role = this.peek(
      roleRef?.kind === "Role" ? { kind: "Role", namespace, name } : { kind: "ClusterRole", name },
    );
    return (role?.rules ?? []).some((rule) => allows(rule, asked));
  }

  #all(kind: string): readonly Stored[] {
    return [...this.objects.values()].filter((entry) => entry.kind === kind).map((entry) => entry.object);
  }

  #put(place: IdentityPlace, content: Partial<NewIdentityObject>): Stored {
    const { labels, annotations, ...rest } = content;
    this.#uids += 1;
    const object: Stored = {
      metadata: {
        name: place.name,
        ...(place.namespace === undefined ? {} : { namespace: place.namespace }),
        uid: `uid-${this.#uids}`,
        resourceVersion: this.#next(),
        labels: { ...labels },
        annotations: { ...annotations },
      },
      ...structuredClone(rest),
    };
    this.objects.set(keyOf(place), { kind: place.kind, object });
    return object;
  }

  #expect(place: IdentityPlace, claimed: { readonly uid?: string; readonly resourceVersion?: string }): Stored {
    const before = this.objects.get(keyOf(place))?.object;
    if (before === undefined) throw refusal("NotFound", 404, place);
    const { uid = before.metadata.uid, resourceVersion = before.metadata.resourceVersion } = claimed;
    if (uid !== before.metadata.uid || resourceVersion !== before.metadata.resourceVersion)
      throw refusal("Conflict", 409, place);
    return before;
  }

  #next(): string {
    this.#revision += 1;
    return String(this.#revision);
  }

  async #call<T>(name: string, run: () => T): Promise<T> {
    this.log.push(name);
    const index = this.interjections.findIndex((each) => each.call === name);
    if (index >= 0) this.interjections.splice(index, 1)[0]?.run();
    this.#fail(name, "before");
    const answer = run();
    this.#fail(name, "after");
    return answer;
  }

  #fail(call: string, at: "before" | "after"): void {
    const index = this.#faults.findIndex((fault) => fault.call === call && fault.at === at);
    if (index < 0) return;
    const [fault] = this.#faults.splice(index, 1);
    if (fault !== undefined) throw fault.error;
  }
}

const keyOf = (place: IdentityPlace): string => [place.kind, place.namespace ?? "", place.name].join("/");

const merged = (before: Readonly<Record<string, string>> | undefined, change: unknown): Record<string, string> => {
  const next = new Map(Object.entries(before ?? {}));
  for (const [key, value] of Object.entries((change ?? {}) as Record<string, string | null>)) {
    if (value === null) next.delete(key);
    else next.set(key, value);
  }
  return Object.fromEntries(next);
};

/** As kube-apiserver validates them: a ClusterRoleBinding has no namespace that a ServiceAccount without one could be of. */
const subjectsAreValid = ({ kind }: IdentityPlace, subjects: NewIdentityObject["subjects"]): boolean =>
  (subjects ?? []).every(
    (subject) =>
      ["ServiceAccount", "User", "Group"].includes(subject.kind) &&
      subject.name !== "" &&
      (subject.kind !== "ServiceAccount" || kind === "RoleBinding" || (subject.namespace ?? "") !== ""),
  );

/** A ServiceAccount without a namespace is one of the binding's own. */
const names = (binding: IdentityObject, question: ReviewQuestion): boolean =>
  (binding.subjects ?? []).some(({ kind, name, namespace = "" }) => {
    if (kind === "Group") return question.groups.includes(name);
    const of = namespace === "" ? (binding.metadata.namespace ?? "") : namespace;
    return question.user === (kind === "User" ? name : `system:serviceaccount:${of}:${name}`);
  });

const allows = (rule: PolicyRule, asked: ReviewQuestion["attributes"]): boolean => {
  const has = (members: readonly string[] | undefined, wanted: string): boolean =>
    members?.includes("*") === true || members?.includes(wanted) === true;
  if (!has(rule.verbs, asked.verb)) return false;
  if (asked.kind === "path") {
    return (rule.nonResourceURLs ?? []).some((url) =>
      url.endsWith("*") ? asked.path.startsWith(url.slice(0, -1)) : url === asked.path,
    );
  }
  const resource = [asked.resource, asked.subresource].filter((part) => part !== undefined).join("/");
  const named = rule.resourceNames ?? [];
  const covers = has(rule.resources, resource) || has(rule.resources, `*/${asked.subresource ?? "-"}`);
  return has(rule.apiGroups, asked.group) && covers && (named.length === 0 || named.includes(asked.name ?? ""));
};

const refusal = (code: FailureCode, status: number, place: IdentityPlace): OperatorError =>
  new OperatorError(code, { publicMessage: `${code}: ${place.kind} ${place.name}.`, status });
