import type { Scenario } from "../lifecycle/stage.ts";
import { pick } from "../random.ts";
import { editorCases } from "./editors.ts";
import { casesBeside } from "./editors-beside.ts";
import { evasions } from "./evasions.ts";
import { restartEvasions } from "./evasions-restart.ts";
import { stayBatch } from "./stay.ts";
import type { Counted, Counting } from "./stay.ts";
import type { EndingTally } from "./tally.ts";

const editors: Counted = { who: "intern", attempts: "editorAttempts", wins: "editorWins" };
const evaders: Counted = { who: "team", attempts: "holdEvasions", wins: "holdWins" };
/** By themselves: the operator of their site is killed. */
const restarters: Counted = { ...evaders };
const sorts = { editors, evasions: evaders, restarts: restarters } as const;

/** Everything that is tried to keep an access that has ended; ids say of which sort. */
export const casesOfStay: readonly Counting[] = [
  ...[...editorCases, ...casesBeside].map((it) => ({ it: { ...it, id: `editor/${it.id}` }, counted: editors })),
  ...evasions.map((it) => ({ it: { ...it, id: `hold/${it.id}` }, counted: evaders })),
  ...restartEvasions.map((it) => ({ it: { ...it, id: `hold/restart/${it.id}` }, counted: restarters })),
];

/** Cases of one sort on one site at once. */
const atOnce = 5;

/** Batches of these cases, of each sort by itself. */
export function stayScenarios(
  chosen: readonly Counting[],
  done: (id: string, tally: EndingTally) => void,
): readonly Scenario[] {
  return Object.entries(sorts).flatMap(([sort, counted]) => {
    const mine = chosen.filter((one) => one.counted === counted);
    const count = Math.ceil(mine.length / atOnce);
    return Array.from({ length: count }, (_, i) => {
      const id = `${sort}/${i + 1}`;
      const cases = mine.filter((_, place) => place % count === i);
      return stayBatch(id, cases, (tally) => done(id, tally));
    });
  });
}

/** Without waits of their own: an attempt at each is answered at once, and an end does not have to come first. */
const isCheap = ({ it }: Counting): boolean =>
  it.load === undefined && it.before === undefined && it.finally === undefined;

/** One editor and one evader of a hold on one site, drawn by a seed, for every build: looked at for a few seconds alone. */
export function fewOfStay(random: () => number, done: (id: string, tally: EndingTally) => void): Scenario {
  const drawn = [editors, evaders].flatMap((sort) =>
    pick(
      casesOfStay.filter((one) => one.counted === sort && isCheap(one)),
      1,
      random,
    ),
  );
  const cases = drawn.map(({ it, counted }) => ({ it, counted: { ...counted, watched: 5 } }));
  const id = `stay/${cases.map((one) => one.it.id).join("+")}`;
  return stayBatch(id, cases, (tally) => done(id, tally));
}
