import type { Scenario } from "../lifecycle/stage.ts";
import { editorCases } from "./editors.ts";
import { casesBeside } from "./editors-beside.ts";
import { evasions } from "./evasions.ts";
import { stayBatch } from "./stay.ts";
import type { Counted, StayCase } from "./stay.ts";
import type { EndingTally } from "./tally.ts";

const editors: Counted = { who: "intern", attempts: "editorAttempts", wins: "editorWins" };
const evaders: Counted = { who: "team", attempts: "holdEvasions", wins: "holdWins" };

interface Counting {
  readonly it: StayCase;
  readonly counted: Counted;
}

/** Everything that is tried to keep an access that has ended; ids say of which sort. */
export const casesOfStay: readonly Counting[] = [
  ...[...editorCases, ...casesBeside].map((it) => ({ it: { ...it, id: `editor/${it.id}` }, counted: editors })),
  ...evasions.map((it) => ({ it: { ...it, id: `hold/${it.id}` }, counted: evaders })),
];

/** Cases of one sort on one site at once. */
const atOnce = 5;

/** Batches of these cases, of each sort by itself. */
export function stayScenarios(
  chosen: readonly Counting[],
  done: (id: string, tally: EndingTally) => void,
): readonly Scenario[] {
  return [editors, evaders].flatMap((counted) => {
    const mine = chosen.filter((one) => one.counted === counted).map(({ it }) => it);
    const count = Math.ceil(mine.length / atOnce);
    return Array.from({ length: count }, (_, i) => {
      const id = `${counted === editors ? "editors" : "evasions"}/${i + 1}`;
      const cases = mine.filter((_, place) => place % count === i);
      return stayBatch(id, cases, counted, (tally) => done(id, tally));
    });
  });
}
