/** Kinds of floods that the whole campaign must have carried out at their full scale. */
export const floodKinds = [
  "fat objects",
  "touches",
  "permits",
  "retries",
  "dead database",
  "hanging hook",
  "held sockets",
  "scrapes",
  "ten namespaces",
] as const;
export type FloodKind = (typeof floodKinds)[number];

/** The counts of a scenario: sums, but for `…Max`, `…Seconds` (the greatest) and `…Min` (the least). */
export interface CrowdTally {
  readonly floods: readonly FloodKind[];
  readonly revocationSecondsMaxUnderFlood: number;
  readonly healthySlowdownMax: number;
  readonly syncedWithFatObjectsSeconds: number;
  readonly rssMiBMax: number;
  readonly prunes: number;
  /** Undefined: no prune was decided about. */
  readonly prunedInUseMin: number | undefined;
  readonly probes: number;
  readonly permitsStolen: number;
  readonly callsOfOthers: number;
  readonly breakersOpenedForOthers: number;
  readonly probeFailures: number;
  readonly scrapesUnauthorized: number;
  readonly roleCells: number;
  readonly roleCellsWrong: number;
  /** How much of each was really done; the whole line asks for the full counts. */
  readonly sizes: Readonly<Record<string, number>>;
}

export const emptyCrowd = (): CrowdTally => ({
  floods: [],
  revocationSecondsMaxUnderFlood: 0,
  healthySlowdownMax: 0,
  syncedWithFatObjectsSeconds: 0,
  rssMiBMax: 0,
  prunes: 0,
  prunedInUseMin: undefined,
  probes: 0,
  permitsStolen: 0,
  callsOfOthers: 0,
  breakersOpenedForOthers: 0,
  probeFailures: 0,
  scrapesUnauthorized: 0,
  roleCells: 0,
  roleCellsWrong: 0,
  sizes: {},
});

const greatest = [
  "revocationSecondsMaxUnderFlood",
  "healthySlowdownMax",
  "syncedWithFatObjectsSeconds",
  "rssMiBMax",
] as const;
const sums = [
  "prunes",
  "probes",
  "permitsStolen",
  "callsOfOthers",
  "breakersOpenedForOthers",
  "probeFailures",
  "scrapesUnauthorized",
  "roleCells",
  "roleCellsWrong",
] as const;

/** Both together. */
export function bothCrowds(a: CrowdTally, b: CrowdTally): CrowdTally {
  const least = [a.prunedInUseMin, b.prunedInUseMin].filter((one) => one !== undefined);
  const names = new Set([...Object.keys(a.sizes), ...Object.keys(b.sizes)]);
  return {
    ...a,
    ...Object.fromEntries(greatest.map((name) => [name, Math.max(a[name], b[name])])),
    ...Object.fromEntries(sums.map((name) => [name, a[name] + b[name]])),
    floods: [...new Set([...a.floods, ...b.floods])],
    prunedInUseMin: least.length === 0 ? undefined : Math.min(...least),
    sizes: Object.fromEntries(
      [...names].map((name) => [name, Math.max(a.sizes[name] ?? 0, b.sizes[name] ?? 0)] as const),
    ),
  };
}
