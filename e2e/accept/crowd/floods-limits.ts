import { identityPath } from "../../lane/identity.ts";
import { sleep } from "../../stack/wait.ts";
import { inParallel } from "../lifecycle/fifty.ts";
import { againAndAgain } from "./flood.ts";
import type { Flood } from "./flood.ts";
import { named } from "./floods-objects.ts";
import { aliveOf, atOnce, bareIdentity, patched } from "./ground.ts";
import type { Crowd } from "./ground.ts";
import { joinBare, refusedInTime } from "./measures.ts";
import type { Scale } from "./scale.ts";

// A namespace that wants all permits: it flips identities, and deletes more than its share.

/** `--limit-offboardings`, and what a namespace may have of it in ten minutes. */
export const limits = { cluster: 20, namespace: 5 } as const;
const deletedByMob = 20;
const neighbours = { namespaces: 3, each: 3 } as const;
const endsInMs = 20_000;

type Tokens = ReadonlyMap<string, string>;

export function permits({ flipped }: Scale): Flood {
  const flips = named("flip", flipped);
  let gone: Tokens = new Map();
  let mine: Tokens = new Map();
  let ending: Tokens = new Map();
  let others: Tokens = new Map();
  let endsAt = 0;
  return {
    id: "flood/permits",
    kind: "permits",
    namespaces: 1 + neighbours.namespaces,
    flags: { "limit-offboardings": String(limits.cluster) },
    async prepare(crowd) {
      const [mob = "", ...rest] = crowd.flooding;
      const bare = (namespace: string, names: readonly string[]): Promise<Tokens> =>
        joinBare(
          crowd,
          names.map((name) => bareIdentity(crowd.site, namespace, name)),
        );
      await bare(mob, flips);
      gone = await bare(mob, named("gone", deletedByMob));
      mine = await bare(mob, ["compromised"]);
      ending = await bare(mob, ["ends"]);
      others = new Map(
        (await Promise.all(rest.map((one) => bare(one, named("left", neighbours.each))))).flatMap((all) => [...all]),
      );
    },
    async begin(crowd) {
      const [mob = ""] = crowd.flooding;
      endsAt = Math.ceil((Date.now() + endsInMs) / 1000) * 1000;
      const expiresAt = new Date(endsAt).toISOString().replace(".000", "");
      await patched(crowd, mob, "ends", { spec: { expiresAt } });
      const under = againAndAgain(
        (number) => {
          const state = Math.floor(number / flips.length) % 2 === 0 ? "Suspended" : "Active";
          return patched(crowd, mob, flips[number % flips.length] ?? "", { spec: { state } });
        },
        { workers: 2, everyMs: 300 },
      );
      await inParallel(named("gone", deletedByMob), atOnce, (name) => crowd.kube.delete(identityPath(mob, name)));
      // In the flood: the share of its namespace is used up.
      await crowd.kube.delete(identityPath(mob, "ends"));
      crowd.count({ sizes: { "flipped identities": flips.length } });
      return under;
    },
    async meanwhile(crowd) {
      const [mob = "", ...rest] = crowd.flooding;
      await sleep(2000);
      const suspended = patched(crowd, mob, "compromised", { spec: { state: "Suspended" } });
      const deleted = inParallel(rest, atOnce, (namespace) =>
        inParallel(named("left", neighbours.each), 1, (name) => crowd.kube.delete(identityPath(namespace, name))),
      );
      await Promise.all([suspended, deleted]);
      const stolen = await Promise.all([
        refusedInTime(crowd, others, "Deletions of other namespaces stay in use: their permits are taken."),
        refusedInTime(crowd, mine, "An identity that security suspends in the flooding namespace works on."),
        sleep(Math.max(0, endsAt - Date.now())).then(() =>
          refusedInTime(crowd, ending, "An identity with a fixed end, deleted in the flood, works on."),
        ),
      ]);
      const beyond = await beyondShare(crowd, gone);
      crowd.count({ permitsStolen: beyond + stolen.reduce((sum, left) => sum + left, 0) });
    },
  };
}

/** Deletions of the flooding namespace that got a permit beyond its share. */
async function beyondShare(crowd: Crowd, gone: Tokens): Promise<number> {
  const ended = gone.size - (await aliveOf(crowd, gone)).size;
  crowd.stage.say(`${ended} of ${gone.size} deletions of the flooding namespace were carried out`);
  const beyond = Math.max(0, ended - limits.namespace);
  if (beyond > 0) crowd.stage.broken("S6", `The flooding namespace got ${beyond} permits beyond its share.`, { ended });
  return beyond;
}
