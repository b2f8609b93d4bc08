import type { KubeObject, ObjectMeta, ObjectRef } from "../cluster/contract.ts";
import { isRefusal, toOperatorError } from "../kernel/errors.ts";
import { canonicalJson } from "../kernel/ids.ts";
import type { Mutation, Outside } from "./outside.ts";
import type { Ports } from "./ports.ts";

/** One spec that failed, and what is to stand in its place. */
export interface Rewrite<Spec extends object> {
  readonly ref: ObjectRef;
  /** As it was read live in this pass; its resourceVersion is the precondition. */
  readonly object: KubeObject & { readonly spec: Spec };
  /** The last known good spec. */
  readonly good: Spec;
  /** Members that stay as they are declared now, also when they are absent now: what only narrows is never taken back. */
  readonly newest: readonly (keyof Spec & string)[];
  readonly subject: Mutation["subject"];
  readonly passId: string;
  readonly signal: AbortSignal;
}

export type RewriteOutcome =
  | { readonly kind: "written" }
  /** The spec says already what it would be given. */
  | { readonly kind: "same" }
  | { readonly kind: "refused"; readonly why: string };

/**
 * rollback.mode RewriteSpec: writes the good spec over a failed one, unless Git owns the object. The caller does it once per failed
 * generation (`status.rewrittenGeneration`) and tells people how it went. Throws Conflict when somebody has written in between, and
 * what else is no refusal; a refusal of the API server (an immutable field, a policy) is an outcome.
 */
export const rewriteSpec = async <Spec extends object>(
  ports: Pick<Ports, "cluster"> & { readonly outside: Pick<Outside, "mutate"> },
  rewrite: Rewrite<Spec>,
): Promise<RewriteOutcome> => {
  const { ref, object, subject, passId, signal } = rewrite;
  const owner = gitOwner(object.metadata);
  if (owner !== undefined) {
    return { kind: "refused", why: `${owner} shows that Git owns the object; change the spec there.` };
  }
  const spec = restored(rewrite);
  if (canonicalJson(spec) === canonicalJson(object.spec)) return { kind: "same" };
  try {
    await ports.outside.mutate(
      {
        action: "kubernetes:RewriteSpec",
        kind: "Issuing",
        subject,
        target: `${ref.namespace ?? ""}/${ref.name}`,
        passId,
      },
      signal,
      () => ports.cluster.replace(ref, { ...object, spec }),
    );
    return { kind: "written" };
  } catch (thrown) {
    const error = toOperatorError(thrown);
    if (error.code === "Conflict" || !isRefusal(error)) throw error;
    return { kind: "refused", why: `the API server refused it (${error.code}).` };
  }
};

/** The good spec with the newest values of what must act whatever else fails. */
export const restored = <Spec extends object>({
  object,
  good,
  newest,
}: Pick<Rewrite<Spec>, "object" | "good" | "newest">): Spec => {
  const kept = Object.entries(object.spec).filter(([key]) => newest.some((name) => name === key));
  const rest = Object.entries(good).filter(([key]) => !newest.some((name) => name === key));
  return Object.fromEntries([...rest, ...kept]) as Spec;
};

const ANNOTATIONS = ["argocd.argoproj.io/tracking-id"];
const LABELS = ["argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"];
const MANAGERS = ["argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller"];

type WithManagers = ObjectMeta & { readonly managedFields?: readonly { readonly manager?: string }[] };

/** The mark by which Argo CD or Flux shows that it applies this object; undefined when there is none. */
export const gitOwner = (metadata: WithManagers): string | undefined => {
  const annotation = ANNOTATIONS.find((name) => metadata.annotations?.[name] !== undefined);
  if (annotation !== undefined) return `Annotation ${annotation}`;
  const label = LABELS.find((name) => metadata.labels?.[name] !== undefined);
  if (label !== undefined) return `Label ${label}`;
  // Argo CD's older tracking label, app.kubernetes.io/instance, is everybody's; only its manager beside it says whose it is here.
  const manager = MANAGERS.find((name) => metadata.managedFields?.some((fields) => fields.manager === name) === true);
  return manager === undefined ? undefined : `Field manager ${manager}`;
};
