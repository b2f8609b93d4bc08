import { ADMISSION_PROBE, CHANGED_BY, PROBED_POLICIES } from "../../api/v1alpha1/annotations.ts";
import { SERVICE_ACCOUNT_LIFECYCLE } from "../../api/v1alpha1/service-account-lifecycle.ts";
import type { ClusterClient, KubeObject, NewObject } from "../../cluster/contract.ts";
import type { Clock } from "../../kernel/clock.ts";
import { isRefusal, toOperatorError } from "../../kernel/errors.ts";

/** Do the admission policies hold that every grant rests on? */
export interface AdmissionProbe {
  /** What is not in force, in words for people; undefined when everything is. */
  missing(): Promise<string | undefined>;
}

/** No user's name: the API server gives none that begins so. */
export const FORGED = "keyturn:forged";
const ANSWER_HOLDS_MS = 60_000;

/**
 * Tries, by dry run, to create a ServiceAccountLifecycle with somebody else's stamp: it must be refused, or come back with
 * another stamp. Each policy that grants rest on refuses a probe that names it. The same without any of this must be
 * accepted, or the refusals say nothing about policies. An answer holds for 60 s; an error is none and is thrown, so that nothing
 * is given while nobody can tell.
 */
export const admissionProbe = (cluster: ClusterClient, operatorNamespace: string, clock: Clock): AdmissionProbe => {
  let known: { readonly answer: string | undefined; readonly atMs: number } | undefined;
  return {
    async missing() {
      if (known !== undefined && clock.monotonicMs() - known.atMs < ANSWER_HOLDS_MS) return known.answer;
      const answer = await look(cluster, operatorNamespace);
      known = { answer, atMs: clock.monotonicMs() };
      return answer;
    },
  };
};

const look = async (cluster: ClusterClient, operatorNamespace: string): Promise<string | undefined> => {
  const ref = { kind: SERVICE_ACCOUNT_LIFECYCLE, namespace: operatorNamespace };
  const make = (annotations: Readonly<Record<string, string>>): Promise<KubeObject | undefined> =>
    tried(cluster, ref, probe(operatorNamespace, annotations));
  if ((await make({})) === undefined)
    return "the operator may not create the ServiceAccountLifecycle that it probes with";
  const forged = await make({ [CHANGED_BY]: FORGED });
  if (forged?.metadata.annotations?.[CHANGED_BY] === FORGED) return "a forged stamp is accepted";
  for (const policy of PROBED_POLICIES) {
    if ((await make({ [ADMISSION_PROBE]: policy })) !== undefined) return `${policy} is not in force`;
  }
  return undefined;
};

/** What would have been stored; undefined when it was refused. */
const tried = async (
  cluster: ClusterClient,
  ref: Parameters<ClusterClient["dryRunCreate"]>[0],
  object: NewObject,
): Promise<KubeObject | undefined> => {
  try {
    return await cluster.dryRunCreate<KubeObject>(ref, object);
  } catch (thrown) {
    const error = toOperatorError(thrown);
    if (!isRefusal(error)) throw error;
    return undefined;
  }
};

/** Names nothing that exists and asks for no privilege. */
const probe = (namespace: string, annotations: Readonly<Record<string, string>>): NewObject => ({
  apiVersion: "keyturn.dev/v1alpha1",
  kind: "ServiceAccountLifecycle",
  metadata: { name: "keyturn-admission-probe", namespace, annotations },
  spec: {
    owner: { team: "keyturn", contact: "nobody@keyturn.dev" },
    purpose: "Shows that the admission policies are in force",
    accounts: [{ name: "probe", kubernetes: { serviceAccountName: "keyturn-admission-probe" } }],
  },
});
