import type { LifecycleEntry } from "../lifecycle/campaign.ts";
import type { Results } from "../results.ts";
import { bothEndings, emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

/** What is kept of a scenario of leavers. */
export interface EndingEntry extends LifecycleEntry {
  readonly ending?: EndingTally;
}

/** The one line that the campaign ends with. */
export interface EndingSummary extends EndingTally {
  readonly killPoints: number;
  readonly killPointsHit: number;
  readonly violations: number;
  readonly minutes: number;
}

export function summariseEnding(results: Results<EndingEntry>, killPoints: readonly string[]): EndingSummary {
  const { entries } = results;
  const tally = entries.map(({ ending }) => ending ?? emptyEnding()).reduce(bothEndings, emptyEnding());
  const hits = new Set(entries.flatMap((entry) => entry.hits));
  return {
    ...tally,
    uncutSeconds: Math.round(tally.uncutSeconds * 10) / 10,
    killPoints: killPoints.length,
    killPointsHit: killPoints.filter((id) => hits.has(id)).length,
    violations: entries.reduce((sum, { violations }) => sum + violations.length, 0),
    minutes: Math.round(results.minutes() * 10) / 10,
  };
}

/** What the campaign must reach; the names of those that it missed. */
export function missedEndingTargets(summary: EndingSummary): string[] {
  const zeros = [
    "leaverWrong",
    "accessLeft",
    "falseProofs",
    "uncutSeconds",
    "editorWins",
    "holdWins",
    "removalsHeldUp",
    "denialsRemoved",
    "readOnlyMutations",
    "tampersMissed",
    "violations",
  ] as const;
  const least = {
    leaverCases: 48,
    stepsRefused: 36,
    accessTried: 600,
    editorAttempts: 40,
    holdEvasions: 10,
    removals: 12,
    denials: 10,
    exchanges: 6,
    readOnlyWaiting: 20,
    tamperCases: 30,
    killPoints: 90,
  } as const;
  const targets: readonly (readonly [string, boolean])[] = [
    ...zeros.map((name) => [`${name} = 0`, summary[name] === 0] as const),
    ...Object.entries(least).map(
      ([name, number]) => [`${name} ≥ ${number}`, summary[name as keyof typeof least] >= number] as const,
    ),
    ["all kill points hit", summary.killPointsHit === summary.killPoints],
    ["minutes ≤ 45", summary.minutes <= 45],
  ];
  return targets.filter(([, reached]) => !reached).map(([name]) => name);
}
