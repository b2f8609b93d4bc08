import type { LifecycleEntry } from "../lifecycle/campaign.ts";
import type { Results } from "../results.ts";
import { bothCrowds, emptyCrowd, floodKinds } from "./tally.ts";
import type { CrowdTally } from "./tally.ts";

/** The record of a scenario of the crowd. */
export interface CrowdEntry extends LifecycleEntry {
  readonly crowd?: CrowdTally;
}

/** The one line that the campaign ends with; its members stand in this order. */
export interface CrowdSummary {
  readonly floods: number;
  readonly revocationSecondsMaxUnderFlood: number;
  readonly healthySlowdownMax: number;
  readonly syncedWithFatObjectsSeconds: number;
  readonly rssMiBMax: number;
  readonly prunes: number;
  readonly prunedInUseMin: number;
  readonly probes: number;
  readonly permitsStolen: number;
  readonly callsOfOthers: number;
  readonly breakersOpenedForOthers: number;
  readonly probeFailures: number;
  readonly scrapesUnauthorized: number;
  readonly roleCells: number;
  readonly roleCellsWrong: number;
  readonly violations: number;
  readonly minutes: number;
}

/** Counts that the whole campaign must reach, by the names under which scenarios count it. */
export const fullSizes: Readonly<Record<string, number>> = {
  "fat objects": 2000,
  "fat objects, few": 65,
  "fat objects decided": 2000,
  "fat bindings": 65,
  "fat claims": 500,
  "touched objects": 5000,
  "flipped identities": 20,
  "dead rotations, a database that refuses": 60,
  "dead rotations, a database that hangs": 60,
  "hanging hooks": 40,
  "held sockets": 120,
  "scrapes at once": 64,
  "namespaces of one tenant": 10,
  "pruned resources": 300,
  "pruned namespaces": 60,
};

export function crowdOf({ entries }: Pick<Results<CrowdEntry>, "entries">): CrowdTally {
  return entries.map(({ crowd }) => crowd ?? emptyCrowd()).reduce(bothCrowds, emptyCrowd());
}

export function summariseCrowd(results: Results<CrowdEntry>): CrowdSummary {
  const tally = crowdOf(results);
  return {
    floods: tally.floods.length,
    revocationSecondsMaxUnderFlood: round(tally.revocationSecondsMaxUnderFlood),
    healthySlowdownMax: round(tally.healthySlowdownMax),
    syncedWithFatObjectsSeconds: round(tally.syncedWithFatObjectsSeconds),
    rssMiBMax: Math.round(tally.rssMiBMax),
    prunes: tally.prunes,
    prunedInUseMin: tally.prunedInUseMin ?? 0,
    probes: tally.probes,
    permitsStolen: tally.permitsStolen,
    callsOfOthers: tally.callsOfOthers,
    breakersOpenedForOthers: tally.breakersOpenedForOthers,
    probeFailures: tally.probeFailures,
    scrapesUnauthorized: tally.scrapesUnauthorized,
    roleCells: tally.roleCells,
    roleCellsWrong: tally.roleCellsWrong,
    violations: results.entries.reduce((sum, { violations }) => sum + violations.length, 0),
    minutes: round(results.minutes()),
  };
}

/** Names of the targets that were missed. A figure of zero where something is measured was not measured. */
export function missedCrowdTargets(summary: CrowdSummary, tally: CrowdTally): string[] {
  const zeros = [
    "permitsStolen",
    "breakersOpenedForOthers",
    "probeFailures",
    "scrapesUnauthorized",
    "roleCellsWrong",
    "violations",
  ] as const;
  const most = {
    revocationSecondsMaxUnderFlood: 30,
    healthySlowdownMax: 3,
    syncedWithFatObjectsSeconds: 60,
    rssMiBMax: 512,
    minutes: 35,
  } as const;
  const least = { floods: 9, prunes: 2, probes: 200, callsOfOthers: 500 } as const;
  const targets: readonly (readonly [string, boolean])[] = [
    ...zeros.map((name) => [`${name} = 0`, summary[name] === 0] as const),
    ...namesOf(most).map(
      (name) => [`${name} ≤ ${most[name]}`, summary[name] > 0 && summary[name] <= most[name]] as const,
    ),
    ...namesOf(least).map((name) => [`${name} ≥ ${least[name]}`, summary[name] >= least[name]] as const),
    ["prunedInUseMin = 280", summary.prunedInUseMin === 280],
    ["roleCells = 40", summary.roleCells === 40],
    ...floodKinds.map((kind) => [`flood of ${kind}`, tally.floods.includes(kind)] as const),
    ...Object.entries(fullSizes).map(
      ([name, size]) => [`${name} ≥ ${size}`, (tally.sizes[name] ?? 0) >= size] as const,
    ),
  ];
  return targets.filter(([, reached]) => !reached).map(([name]) => name);
}

const namesOf = <T extends object>(of: T): (keyof T & string)[] => Object.keys(of) as (keyof T & string)[];

const round = (value: number): number => Math.round(value * 100) / 100;
