import type { ClusterClient } from "../cluster/contract.ts";
import { readableOf, wholeOf } from "../kernel/listed.ts";
import { CLAIM_ROLE } from "./claims.ts";
import { CLAIM_FORM, CONFIG_MAPS, ROLE_LABEL } from "./kinds.ts";

/** Reviewed: each reader of the metrics is asked for a token. None: anybody who reaches them reads them. */
export type MetricsAuth = "Reviewed" | "None";

/**
 * What holds where nothing is declared: None in a cluster with claims of a version that did not review, so that what scrapes it goes on
 * to do so, and Reviewed in every other one. Throws where kube-apiserver does not answer, or names none and leaves members out.
 */
export const undeclaredAuth = async (
  cluster: Pick<ClusterClient, "list">,
  operatorNamespace: string,
): Promise<MetricsAuth> => {
  const found = await cluster.list(CONFIG_MAPS, {
    namespace: operatorNamespace,
    labelSelector: `${ROLE_LABEL}=${CLAIM_ROLE},!${CLAIM_FORM.label}`,
    // That there is one is all that counts.
    keep: ({ metadata: { name, namespace, uid, resourceVersion } }) => ({
      metadata: { name, uid, resourceVersion, ...(namespace === undefined ? {} : { namespace }) },
    }),
  });
  if (readableOf(found).length > 0) return "None";
  wholeOf("claims", found);
  return "Reviewed";
};
