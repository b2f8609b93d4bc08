import type { KubeClient } from "../../stack/kube.ts";
import type { Scenario } from "../lifecycle/stage.ts";
import type { Keep } from "./flood.ts";
import { closeCrowd, openCrowd, tallyFor } from "./ground.ts";

/** Tries each role that ships at each thing that it may do, or may not: how many cells, and which were wrong. */
export type TryRoles = (options: {
  /** A cluster administrator. */
  readonly admin: KubeClient;
  /** PEM of the authority of kube-apiserver's certificate. */
  readonly ca: string;
  readonly operatorNamespace: string;
  readonly namespace: string;
  /** Another tenant's. */
  readonly elsewhere: string;
}) => Promise<{ readonly roleCells: number; readonly roleCellsWrong: number; readonly wrong: readonly string[] }>;

export const roleCells = (tryRoles: TryRoles, keep: Keep): Scenario => ({
  id: "roles",
  async play(stage) {
    const { site } = stage;
    const { stack } = site.lane.world;
    const count = tallyFor((tally) => keep("roles", tally));
    const crowd = await openCrowd(stage, { namespaces: 1, labels: {}, count });
    try {
      const found = await tryRoles({
        admin: crowd.kube,
        ca: stack.ca.pem,
        operatorNamespace: site.operatorNamespace,
        namespace: site.namespace,
        elsewhere: crowd.flooding[0] ?? "",
      });
      count({ roleCells: found.roleCells, roleCellsWrong: found.roleCellsWrong });
      for (const what of found.wrong) stage.broken("S13", "A role may do something else than its page says.", what);
    } finally {
      await closeCrowd(crowd);
    }
  },
});
