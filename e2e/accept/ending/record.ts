import { waitFor } from "../../stack/wait.ts";
import type { Scenario } from "../lifecycle/stage.ts";
import { pick, randomFrom } from "../random.ts";
import { readOnlyDrill, underReadOnly } from "./read-only.ts";
import { drilled, tamperScenario } from "./tamper.ts";
import type { EndingTally } from "./tally.ts";

type Done = (id: string, tally: EndingTally) => void;

/** Stopping it all (B), and the audit trail (C). */
export const recordScenarios = (done: Done): readonly Scenario[] => [readOnlyDrill(done), tamperScenario(done)];

/** Two ends that wait under read-only, and a few forgeries of the trail that they leave, drawn by a seed, for every build. */
export function fewOfRecord(random: () => number, done: Done): Scenario {
  const ends = pick(["suspended", "decommissioned", "expired", "deleted"] as const, 2, random);
  // Drawn now: what else is drawn depends on what is played first.
  const forgeries = randomFrom(Math.floor(random() * 2 ** 32));
  return {
    id: `record/${ends.join("+")}`,
    site: { resync: "3s", leavers: true },
    async play(stage) {
      const leaving = ends.map((end) => [end, 1] as const);
      const tally = await underReadOnly(stage, { leaving, rotationsDue: 0, rotationsDeleted: 0, watchedSeconds: 4 });
      const { process } = stage.operator();
      await process.term();
      const forged = await drilled(stage, (all) => pick(all, 5, forgeries));
      await process.start();
      // A process that has only just begun ends by the signal itself.
      await waitFor("the operator is ready again", () => stage.operator().ready(), { timeout: 30_000 });
      done(stage.id, { ...tally, ...forged });
    },
  };
}
