import { claimName } from "../../../src/stores/claims.ts";
import { identityPath } from "../../lane/identity.ts";
import type { KubeObject } from "../../stack/kube.ts";
import { inParallel } from "../lifecycle/fifty.ts";
import type { Flood } from "./flood.ts";
import { named, restarted } from "./floods-objects.ts";
import { atOnce, bareIdentity } from "./ground.ts";
import type { Crowd } from "./ground.ts";
import { joinBare, refusedInTime } from "./measures.ts";

// Claims that together are larger than an answer may be, and a resource that vanishes behind the operator's back: only they know it.

/** What a claim keeps of a large declaration. */
const snapshotBytes = 32 * 1024;
/** A sweep is made at every resync (30 s here); the cut follows it. */
const sweptSeconds = 90;

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export function fatClaims(claims: number): Flood {
  let vanished: ReadonlyMap<string, string> = new Map();
  const targets = named("crowd/fat", claims);
  return {
    id: `flood/fat-claims-${claims}`,
    kind: "fat objects",
    namespaces: 1,
    async prepare(crowd) {
      const [mob = ""] = crowd.flooding;
      vanished = await joinBare(crowd, [bareIdentity(crowd.site, mob, "vanishes")]);
      await joinBare(crowd, [bareIdentity(crowd.site, mob, "holder")]);
      const like = await claimOf(crowd, mob, "holder");
      const data = like.data ?? {};
      // Spaces after a JSON text leave its meaning as it is.
      const snapshot = (data["snapshot"] ?? "").padEnd(snapshotBytes, " ");
      await inParallel(targets, atOnce, (target) =>
        crowd.kube.create(folderOf(crowd), {
          metadata: { name: claimName(target), labels: like.metadata.labels },
          data: { ...data, target, snapshot },
        }),
      );
      crowd.count({ sizes: { "fat claims": claims } });
    },
    async begin(crowd) {
      const [mob = ""] = crowd.flooding;
      const path = identityPath(mob, "vanishes");
      await restarted(crowd, async () => {
        await crowd.kube.mergePatch(path, { metadata: { finalizers: null } });
        await crowd.kube.delete(path);
      });
      return { done: () => claims, stop: () => Promise.resolve() };
    },
    async meanwhile(crowd) {
      const words = "An identity that vanished behind the operator's back works on, for its claims are not read.";
      await refusedInTime(crowd, vanished, words, sweptSeconds);
    },
    async after(crowd) {
      const { items } = await crowd.kube.list(folderOf(crowd));
      const there = new Set(items.map(({ metadata: { name } }) => name));
      const lost = targets.filter((target) => !there.has(claimName(target)));
      if (lost.length > 0)
        crowd.stage.broken(
          "RUN",
          `${lost.length} of ${claims} claims are gone, so the flood was smaller than it says.`,
        );
      await inParallel(targets, atOnce, (target) => crowd.kube.delete(`${folderOf(crowd)}/${claimName(target)}`));
    },
  };
}

const folderOf = ({ site }: Crowd): string => `/api/v1/namespaces/${site.operatorNamespace}/configmaps`;

async function claimOf(crowd: Crowd, namespace: string, name: string): Promise<ConfigMap> {
  const { items } = await crowd.kube.list<ConfigMap>(folderOf(crowd));
  const found = items.find(({ data = {} }) => data["ownerNamespace"] === namespace && data["ownerName"] === name);
  if (found === undefined) throw new Error(`${namespace}/${name} has no claim`);
  return found;
}
