import type { NotLooked, Outstanding } from "../../domain/lifecycle/action.ts";
import type { Clock } from "../../kernel/clock.ts";
import { toOperatorError } from "../../kernel/errors.ts";
import type { IdentityObject, KubernetesCalls } from "./calls.ts";
import { serviceAccountGroups, serviceAccountUser } from "./proof.ts";
import { wholeOf } from "../../kernel/listed.ts";

/** A Secret from before tokens were bound: good for as long as it stands and its ServiceAccount does. */
export const LEGACY = {
  type: "kubernetes.io/service-account-token",
  of: "kubernetes.io/service-account.name",
} as const;

export interface TokenSecrets {
  /** Names of a ServiceAccount's token Secrets, or why they were not looked for. Never throws. */
  of(namespace: string, name: string): Promise<readonly Outstanding[] | NotLooked>;
}

export interface TokenSecretsOptions {
  readonly calls: Pick<KubernetesCalls, "list" | "review">;
  readonly clock: Clock;
  /** The operator's own ServiceAccount. */
  readonly operator: { readonly namespace: string; readonly name: string };
  /** So long the answer to "may the operator list Secrets there?" is remembered. */
  readonly rememberMs: number;
}

const WHAT = "legacy token Secrets";
const NOT_ALLOWED: NotLooked = { what: WHAT, why: "NotAllowed", right: "list secrets" };

/**
 * The operator lists Secrets of tenants nowhere, but where the platform has bound `keyturn-token-issuer` it may. Whether it may in a
 * namespace it asks kube-apiserver, with the right that it has for proofs, and only then lists: a refused request would be one too many.
 */
export const tokenSecrets = ({ calls, clock, operator, rememberMs }: TokenSecretsOptions): TokenSecrets => {
  const known = new Map<string, { readonly atMs: number; readonly may: boolean }>();
  const mayList = async (namespace: string): Promise<boolean> => {
    const atMs = clock.monotonicMs();
    const before = known.get(namespace);
    if (before !== undefined && atMs - before.atMs < rememberMs) return before.may;
    const may = await calls.review({
      user: serviceAccountUser(operator.namespace, operator.name),
      groups: serviceAccountGroups(operator.namespace),
      attributes: { kind: "resource", verb: "list", group: "", resource: "secrets", namespace },
    });
    known.set(namespace, { atMs, may });
    return may;
  };
  return {
    async of(namespace, name) {
      try {
        if (!(await mayList(namespace))) return NOT_ALLOWED;
        const found = await calls.list("Secret", { namespace, fieldSelector: `type=${LEGACY.type}`, keep: named });
        return wholeOf("Secrets", found)
          .filter(({ metadata }) => metadata.annotations?.[LEGACY.of] === name)
          .map(({ metadata }) => ({
            title: `token Secret ${namespace}/${metadata.name}, which never ends`,
            holdsUp: false,
          }));
      } catch (thrown) {
        return toOperatorError(thrown).code === "PermissionDenied" ? NOT_ALLOWED : { what: WHAT, why: "Failed" };
      }
    },
  };
};

/** Neither token nor anything else that is secret is kept. */
const named = ({ metadata }: IdentityObject): IdentityObject => {
  const { name, uid, resourceVersion, annotations } = metadata;
  const of = annotations?.[LEGACY.of];
  return {
    metadata: { name, uid, resourceVersion, ...(of === undefined ? {} : { annotations: { [LEGACY.of]: of } }) },
  };
};
