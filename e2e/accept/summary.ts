import type { StackServer } from "../stack/fault-proxy.ts";
import type { KillPoint } from "./kill-points.ts";
import type { Entry, Results } from "./results.ts";

/** The one line that a campaign ends with. */
export interface Summary {
  readonly rotations: number;
  readonly logins: number;
  readonly loginRatio: number;
  readonly refusedLogins: number;
  readonly maxLoginGapMs: number;
  readonly mutatingCalls: number;
  readonly mutatingCallsByServer: Readonly<Record<StackServer, number>>;
  readonly killPoints: number;
  readonly killPointsHit: number;
  readonly violations: number;
  readonly orphans: number;
  readonly faultRuns: number;
  readonly plantedLeaks: number;
  readonly plantedLeaksFound: number;
  readonly leaks: number;
  readonly convergedSecondsMax: number;
  readonly outsideCallsPerRotation: number;
  readonly minutes: number;
}

/** Logins, ratio and gap are those of the rotations that run alone; refusals, violations and the like are those of all runs. */
export function summarise(results: Results, killPoints: readonly KillPoint[], minutes: number): Summary {
  const { entries } = results;
  const reference = entries.find(({ id }) => id === "reference");
  const alone = entries.find(({ phase }) => phase === "rotations");
  const scan = entries.find(({ id }) => id === "scan");
  const writes = (reference?.trace ?? []).filter(({ mutating }) => mutating);
  const by = (server: StackServer): number => writes.filter((call) => call.server === server).length;
  const sum = (of: (entry: Entry) => number): number => entries.reduce((total, entry) => total + of(entry), 0);
  return {
    rotations: alone?.rotations ?? 0,
    logins: alone?.logins.logins ?? 0,
    loginRatio: alone === undefined ? 0 : round(loginRatio(alone, 50)),
    refusedLogins: sum(({ logins }) => logins.refused),
    maxLoginGapMs: alone?.logins.maxGapMs ?? 0,
    mutatingCalls: writes.length,
    mutatingCallsByServer: { kubernetes: by("kubernetes"), vault: by("vault"), aws: by("aws") },
    killPoints: killPoints.length,
    killPointsHit: killPoints.filter(({ id }) => results.get(id)?.hit === true).length,
    violations: sum(({ violations }) => violations.length),
    orphans: sum(({ orphans }) => orphans),
    faultRuns: entries.filter(({ phase, hit }) => phase === "fault" && hit).length,
    plantedLeaks: scan?.planted ?? 0,
    plantedLeaksFound: scan?.plantedFound ?? 0,
    leaks: sum(({ leaks }) => leaks),
    convergedSecondsMax: round(Math.max(0, ...entries.map(({ convergedSeconds }) => convergedSeconds ?? 0))),
    outsideCallsPerRotation: alone === undefined ? 0 : round((alone.outsideCalls ?? 0) / (alone.rotations + 1)),
    minutes: round(minutes),
  };
}

/** Logins that there were, of those that two replicas should have made. */
export function loginRatio({ logins }: Pick<Entry, "logins">, intervalMs: number): number {
  const expected = (2 * logins.spanMs) / intervalMs;
  return expected === 0 ? 0 : Math.min(1, logins.logins / expected);
}

/** What a campaign must reach; the names of those that it missed. */
export function missedTargets(summary: Summary): string[] {
  const targets: readonly (readonly [string, boolean])[] = [
    ["rotations = 5", summary.rotations === 5],
    ["loginRatio ≥ 0.8", summary.loginRatio >= 0.8],
    ["refusedLogins = 0", summary.refusedLogins === 0],
    ["maxLoginGapMs ≤ 2000", summary.maxLoginGapMs <= 2000 && summary.logins > 0],
    ["mutatingCalls ≥ 15", summary.mutatingCalls >= 15],
    ["aws ≥ 3", summary.mutatingCallsByServer.aws >= 3],
    ["vault ≥ 2", summary.mutatingCallsByServer.vault >= 2],
    ["all kill points hit", summary.killPointsHit === summary.killPoints && summary.killPoints > 0],
    ["violations = 0", summary.violations === 0],
    ["orphans = 0", summary.orphans === 0],
    ["faultRuns ≥ 12", summary.faultRuns >= 12],
    ["plantedLeaks ≥ 20", summary.plantedLeaks >= 20],
    ["all planted leaks found", summary.plantedLeaksFound === summary.plantedLeaks],
    ["leaks = 0", summary.leaks === 0],
    ["convergedSecondsMax ≤ 30", summary.convergedSecondsMax <= 30],
    ["minutes ≤ 40", summary.minutes <= 40],
  ];
  return targets.filter(([, reached]) => !reached).map(([name]) => name);
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
