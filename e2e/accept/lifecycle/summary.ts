import type { Results } from "../results.ts";
import type { LifecycleEntry } from "./campaign.ts";
import { added, emptyTally } from "./tally.ts";
import type { Tally } from "./tally.ts";

/** The one line that the campaign ends with. */
export interface LifecycleSummary extends Tally {
  readonly mutatingCalls: number;
  readonly killPoints: number;
  readonly killPointsHit: number;
  readonly violations: number;
  readonly plantedLeaks: number;
  readonly plantedLeaksFound: number;
  readonly leaks: number;
  readonly minutes: number;
}

export function summariseLifecycle(
  results: Results<LifecycleEntry>,
  killPoints: readonly string[],
  mutatingCalls: number,
): LifecycleSummary {
  const { entries } = results;
  const tally = entries.map((entry) => entry.tally).reduce(added, emptyTally());
  const hits = new Set(entries.flatMap((entry) => entry.hits));
  const scan = entries.find(({ id }) => id === "scan");
  const sum = (of: (entry: LifecycleEntry) => number): number => entries.reduce((total, entry) => total + of(entry), 0);
  const { joined, moved, offboarded, offboardSecondsMax, stillAcceptedTried, stillAccepted } = tally;
  const { foreignPlanted, foreignTouched, reverts, revertLeftovers, narrowingsReverted } = tally;
  const { mutatedFields, pathDependent, specWrites, tenantAttempts, tenantWins, adopted, givenBack, undone } = tally;
  return {
    joined,
    moved,
    offboarded,
    offboardSecondsMax,
    stillAcceptedTried,
    stillAccepted,
    foreignPlanted,
    foreignTouched,
    reverts,
    revertLeftovers,
    narrowingsReverted,
    mutatingCalls,
    killPoints: killPoints.length,
    killPointsHit: killPoints.filter((id) => hits.has(id)).length,
    violations: sum(({ violations }) => violations.length),
    mutatedFields,
    pathDependent,
    specWrites,
    tenantAttempts,
    tenantWins,
    adopted,
    givenBack,
    undone,
    plantedLeaks: scan?.planted ?? 0,
    plantedLeaksFound: scan?.plantedFound ?? 0,
    leaks: sum(({ leaks }) => leaks),
    minutes: Math.round(results.minutes() * 10) / 10,
  };
}

/** What the campaign must reach; the names of those that it missed. */
export function missedLifecycleTargets(summary: LifecycleSummary): string[] {
  const zeros = [
    "stillAccepted",
    "foreignTouched",
    "revertLeftovers",
    "narrowingsReverted",
    "violations",
    "pathDependent",
    "specWrites",
    "tenantWins",
    "leaks",
  ] as const;
  const targets: readonly (readonly [string, boolean])[] = [
    ...zeros.map((name) => [`${name} = 0`, summary[name] === 0] as const),
    ["50 offboarded at once and more", summary.offboarded >= 50],
    ["offboardSecondsMax ≤ 300", summary.offboardSecondsMax > 0 && summary.offboardSecondsMax <= 300],
    ["stillAcceptedTried ≥ 100", summary.stillAcceptedTried >= 100],
    ["foreignPlanted ≥ 20", summary.foreignPlanted >= 20],
    ["reverts ≥ 18", summary.reverts >= 18],
    ["mutatingCalls ≥ 60", summary.mutatingCalls >= 60],
    ["killPoints ≥ 3 × mutatingCalls", summary.killPoints >= 3 * summary.mutatingCalls],
    ["all kill points hit", summary.killPointsHit === summary.killPoints],
    ["mutatedFields ≥ 40", summary.mutatedFields >= 40],
    ["tenantAttempts ≥ 20", summary.tenantAttempts >= 20],
    ["adopted ≥ 1", summary.adopted >= 1],
    ["givenBack ≥ 1", summary.givenBack >= 1],
    ["undone ≥ 10", summary.undone >= 10],
    ["plantedLeaks ≥ 20", summary.plantedLeaks >= 20],
    ["all planted leaks found", summary.plantedLeaksFound === summary.plantedLeaks],
    ["minutes ≤ 45", summary.minutes <= 45],
  ];
  return targets.filter(([, reached]) => !reached).map(([name]) => name);
}
