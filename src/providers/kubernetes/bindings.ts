import type { NotLooked } from "../../domain/lifecycle/action.ts";
import type { Clock } from "../../kernel/clock.ts";
import { toOperatorError } from "../../kernel/errors.ts";
import type { IdentityObject, KubernetesCalls, Subject } from "./calls.ts";
import { serviceAccountGroups, serviceAccountUser } from "./proof.ts";
import { leftOutOf, nameOf, readableOf, type LeftOut } from "../../kernel/listed.ts";

/** A binding as a survey remembers it. Whose it is a survey does not know: for that it is read by its name. */
export interface SeenBinding {
  readonly kind: "RoleBinding" | "ClusterRoleBinding";
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly roleRef: { readonly kind: string; readonly name: string };
}

/** Bindings of the whole cluster, or of the namespaces that are watched, at one moment. */
export interface SeenBindings {
  /** Those that name the ServiceAccount, as ServiceAccount or as user. */
  naming(namespace: string, name: string): readonly SeenBinding[];
  /** Those of the groups that every ServiceAccount of the namespace is in; without Kubernetes' own. */
  ofGroups(namespace: string): readonly SeenBinding[];
  /** Those whose name is `<prefix>.<one more part>`; only for prefixes that begin with `keyturn.` */
  named(prefix: string): readonly SeenBinding[];
  readonly notLooked: readonly NotLooked[];
}

export interface BindingSurvey {
  /**
   * `Leaver`: at most a minute old. `Resync`: at most a resync old, and waited for. A leaver waits no longer than `patienceMs`, then takes
   * what was seen last, and is told that it was not looked. Never throws: what could not be listed is in `notLooked`.
   */
  look(freshness: "Leaver" | "Resync", patienceMs?: number): Promise<SeenBindings>;
}

export interface BindingSurveyOptions {
  readonly calls: Pick<KubernetesCalls, "list">;
  readonly clock: Clock;
  readonly resyncMs: number;
  /** The namespaces in which the operator has rights; empty: all. */
  readonly watched: readonly string[];
}

const MINUTE_MS = 60_000;
/** So long a leaver waits for a list that is under way. */
const PATIENCE_MS = 2000;

/**
 * One survey of RoleBindings and ClusterRoleBindings for all accounts: a list a minute serves all leavers, one a resync everybody else,
 * whoever asks first. What cannot be listed is tried again a minute later, and until then what was seen last is told on.
 */
export const bindingSurvey = (options: BindingSurveyOptions): BindingSurvey => {
  const { clock, resyncMs } = options;
  const maxAge = { Leaver: Math.min(MINUTE_MS, resyncMs), Resync: resyncMs } as const;
  const parts = partsOf(options.watched);
  const beyond = beyondWatched(options.watched);
  const last = new Map<Part, readonly Kept[]>();
  let held: { readonly startedMs: number; readonly seen: SeenBindings; readonly whole: boolean } | undefined;
  let running: Promise<SeenBindings> | undefined;

  const survey = async (): Promise<SeenBindings> => {
    const startedMs = clock.monotonicMs();
    const failures: NotLooked[] = [];
    for (const part of parts) {
      const found = await listed(options.calls, part);
      if ("kept" in found) {
        // A binding that could not be read is as it was seen last.
        const unread = new Set(found.leftOut.map(nameOf));
        const before = (last.get(part) ?? []).filter(({ binding }) => unread.has(nameOf(binding)));
        last.set(part, [...found.kept, ...before]);
        failures.push(
          ...found.leftOut.map((each): NotLooked => ({ what: `${part.kind} ${nameOf(each)}`, why: "Failed" })),
        );
      } else failures.push(found);
    }
    const seen = indexed([...last.values()].flat(), [...failures, ...beyond]);
    held = { startedMs, seen, whole: !failures.some(({ why }) => why === "Failed") };
    return seen;
  };

  const begin = (): Promise<SeenBindings> =>
    (running ??= survey().finally(() => {
      running = undefined;
    }));

  const isFresh = (freshness: keyof typeof maxAge): boolean => {
    if (held === undefined) return false;
    return clock.monotonicMs() - held.startedMs < (held.whole ? maxAge[freshness] : maxAge.Leaver);
  };

  const late = (): SeenBindings => {
    const notLooked = [...parts.map(({ what }): NotLooked => ({ what, why: "Failed" })), ...beyond];
    return held === undefined ? indexed([], notLooked) : { ...held.seen, notLooked };
  };

  return {
    async look(freshness, patienceMs = PATIENCE_MS) {
      if (held !== undefined && isFresh(freshness)) return held.seen;
      return freshness === "Resync" ? begin() : inTime(begin(), late, patienceMs, clock);
    },
  };
};

interface Part {
  readonly kind: SeenBinding["kind"];
  readonly namespace?: string;
  readonly what: string;
}

const partsOf = (watched: readonly string[]): readonly Part[] => {
  const kind = "RoleBinding";
  const inNamespaces = watched.map((namespace): Part => ({
    kind,
    namespace,
    what: `${kind}s of namespace ${namespace}`,
  }));
  return [
    ...(watched.length === 0 ? [{ kind, what: `${kind}s of all namespaces` } as const] : inNamespaces),
    { kind: "ClusterRoleBinding", what: "ClusterRoleBindings" },
  ];
};

/** Where the operator has rights in some namespaces only, the others are not its to look at. */
const beyondWatched = (watched: readonly string[]): readonly NotLooked[] =>
  watched.length === 0
    ? []
    : [{ what: "RoleBindings of namespaces that are not watched", why: "NotAllowed", right: "list rolebindings" }];

/** A binding, and whom it is for as the index has it. */
interface Kept {
  readonly binding: SeenBinding;
  readonly subjects: readonly string[];
}

const listed = async (
  calls: BindingSurveyOptions["calls"],
  { kind, namespace, what }: Part,
): Promise<{ readonly kept: readonly Kept[]; readonly leftOut: readonly LeftOut[] } | NotLooked> => {
  try {
    const found = await calls.list(kind, { ...(namespace === undefined ? {} : { namespace }), keep: bare });
    return { kept: readableOf(found).flatMap((object) => keptOf(kind, object)), leftOut: leftOutOf(found) };
  } catch (thrown) {
    return toOperatorError(thrown).code === "PermissionDenied"
      ? { what, why: "NotAllowed", right: `list ${kind.toLowerCase()}s` }
      : { what, why: "Failed" };
  }
};

/** Without annotations, labels and managed fields, which may be large and are anybody's to write; and of subjects those that matter. */
const bare = ({ metadata, roleRef, subjects }: IdentityObject): IdentityObject => {
  const { name, namespace, uid, resourceVersion } = metadata;
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion },
    ...(roleRef === undefined ? {} : { roleRef }),
    subjects: (subjects ?? []).filter((subject) => subjectKey(subject, namespace) !== undefined),
  };
};

const keptOf = (kind: SeenBinding["kind"], object: IdentityObject): readonly Kept[] => {
  const { name, namespace } = object.metadata;
  const subjects = (object.subjects ?? []).flatMap((subject) => subjectKey(subject, namespace) ?? []);
  if (subjects.length === 0 && prefixOf(name) === undefined) return [];
  const roleRef = { kind: object.roleRef?.kind ?? "role", name: object.roleRef?.name ?? "unknown" };
  return [{ binding: { kind, namespace, name, roleRef }, subjects: [...new Set(subjects)] }];
};

/**
 * As RBAC understands a subject (`appliesTo` of kube-apiserver's RBAC authorizer): a ServiceAccount without a namespace is one of the
 * binding's own. Undefined for whoever is no ServiceAccount and no group of ServiceAccounts.
 */
const subjectKey = ({ kind, name, namespace }: Subject, own: string | undefined): string | undefined => {
  if (kind === "ServiceAccount") {
    const of = namespace === undefined || namespace === "" ? own : namespace;
    return of === undefined ? undefined : userKey(serviceAccountUser(of, name));
  }
  if (kind === "User") return name.startsWith("system:serviceaccount:") ? userKey(name) : undefined;
  if (kind !== "Group") return undefined;
  return name === "system:authenticated" || /^system:serviceaccounts(:|$)/.test(name) ? groupKey(name) : undefined;
};

export const namesServiceAccount = (
  { metadata, subjects }: IdentityObject,
  namespace: string,
  name: string,
): boolean => {
  const key = userKey(serviceAccountUser(namespace, name));
  return (subjects ?? []).some((subject) => subjectKey(subject, metadata.namespace) === key);
};

const userKey = (name: string): string => `user ${name}`;

const groupKey = (name: string): string => `group ${name}`;

/** All of a name of ours but its last part. */
const prefixOf = (name: string): string | undefined =>
  name.startsWith("keyturn.") ? name.slice(0, name.lastIndexOf(".")) : undefined;

/** What kube-apiserver makes at its start for discovery and the like: both names begin with `system:`. */
const isKubernetesOwn = ({ name, roleRef }: SeenBinding): boolean =>
  name.startsWith("system:") && roleRef.name.startsWith("system:");

const indexed = (all: readonly Kept[], notLooked: readonly NotLooked[]): SeenBindings => {
  const bySubject = new Map<string, SeenBinding[]>();
  const byPrefix = new Map<string, SeenBinding[]>();
  for (const { binding, subjects } of all) {
    for (const subject of subjects) put(bySubject, subject, binding);
    const prefix = prefixOf(binding.name);
    if (prefix !== undefined) put(byPrefix, prefix, binding);
  }
  return {
    naming: (namespace, name) => bySubject.get(userKey(serviceAccountUser(namespace, name))) ?? [],
    ofGroups: (namespace) => {
      const found = serviceAccountGroups(namespace).flatMap((group) => bySubject.get(groupKey(group)) ?? []);
      return [...new Set(found)].filter((binding) => !isKubernetesOwn(binding));
    },
    named: (prefix) => byPrefix.get(prefix) ?? [],
    notLooked,
  };
};

const put = (map: Map<string, SeenBinding[]>, key: string, binding: SeenBinding): void => {
  const known = map.get(key);
  if (known === undefined) map.set(key, [binding]);
  else known.push(binding);
};

const inTime = <T>(run: Promise<T>, late: () => T, patienceMs: number, clock: Clock): Promise<T> =>
  new Promise((resolve, reject) => {
    const cancel = clock.schedule(patienceMs, () => {
      resolve(late());
    });
    run.then(resolve, reject).finally(cancel);
  });
