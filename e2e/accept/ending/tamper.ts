import { verifyFolder } from "../../../src/audit/trail.ts";
import { tamperDrill, type TamperResult } from "../../../src/audit/tamper.fake.ts";
import { trailFiles } from "../../../src/audit/files.ts";
import type { Scenario, Stage } from "../lifecycle/stage.ts";
import { untilBack } from "./back.ts";
import { emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

// The trail of an operator that has given, been killed, and taken away on real servers; copies of it are forged, and each must be found.

const leastKinds = 8;

/** `done` is told what the drill counted. */
export function tamperScenario(done: (id: string, tally: EndingTally) => void): Scenario {
  return {
    id: "audit/tamper",
    site: { leavers: true, resync: "6s" },
    async play(stage) {
      const { site } = stage;
      const accounts = [site.kubernetesAccount({ roles: ["reader"] }), site.awsUser({ policies: ["read"] })];
      await site.apply(site.identity("tampered", accounts, { deletion: { holdFor: "1h", timeout: "30s" } }));
      await site.until("tampered", "Good");
      // Two processes at least: the second one goes on from what the first left.
      await stage.killAndRestart();
      await stage.restarted();
      await site.team.mergePatch(site.path("tampered"), { spec: { state: "Suspended" } });
      await site.until("tampered", "Suspended", 90_000);
      await stage.operator().process.term();
      try {
        const kinds = new Set<string>();
        const counted = await drilled(stage, (all) => {
          for (const { kind } of all) kinds.add(kind);
          return all;
        });
        if (kinds.size < leastKinds) stage.broken("S11", `The drill has only ${kinds.size} kinds of forgery.`);
        done(stage.id, { ...emptyEnding(), ...counted });
      } finally {
        await stage.operator().process.start();
      }
      // A third process goes on with the trail that was only read.
      await site.team.mergePatch(site.path("tampered"), { spec: { state: "Active" } });
      await untilBack(site, "tampered");
    },
  };
}

type Forgery = Pick<TamperResult, "kind" | "name">;

/** Forges copies of the trail of an operator that is down: all ways, or some of them. */
export async function drilled(
  stage: Stage,
  some: (all: readonly Forgery[]) => readonly Forgery[],
): Promise<Pick<EndingTally, "tamperCases" | "tampersMissed">> {
  const { auditDir } = stage.site;
  const { untouched, results } = await tamperDrill(auditDir, some);
  for (const { kind, file, what } of untouched.findings)
    stage.broken("S11", `An audit trail that nobody touched does not verify: ${kind}.`, `${file}: ${what}`);
  if (untouched.records === 0) stage.broken("S11", "The operator's audit trail is empty.");
  const missed = results.filter(({ found }) => found.length === 0);
  for (const { kind, name } of missed)
    stage.broken("S11", `A forged audit trail was taken for whole: ${kind}, ${name}.`);
  // The drill forges copies alone.
  if (!(await verifyFolder(trailFiles(auditDir))).ok) stage.broken("S11", "The drill has changed the trail itself.");
  stage.say(`${untouched.records} records, ${results.length} forgeries, ${missed.length} missed`);
  return { tamperCases: results.length, tampersMissed: missed.length };
}
