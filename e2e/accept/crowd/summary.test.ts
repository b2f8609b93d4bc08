import { deepEqual, equal } from "node:assert/strict";
import { emptyTally } from "../lifecycle/tally.ts";
import type { Results } from "../results.ts";
import { crowdOf, fullSizes, missedCrowdTargets, summariseCrowd } from "./summary.ts";
import type { CrowdEntry } from "./summary.ts";
import { emptyCrowd, floodKinds } from "./tally.ts";
import type { CrowdTally } from "./tally.ts";

const keys =
  "floods revocationSecondsMaxUnderFlood healthySlowdownMax syncedWithFatObjectsSeconds rssMiBMax prunes prunedInUseMin probes permitsStolen callsOfOthers breakersOpenedForOthers probeFailures scrapesUnauthorized roleCells roleCellsWrong violations minutes";

const entry = (id: string, crowd: Partial<CrowdTally>, more: Partial<CrowdEntry> = {}): CrowdEntry => ({
  id,
  tally: emptyTally(),
  violations: [],
  hits: [],
  leaks: 0,
  seconds: 1,
  crowd: { ...emptyCrowd(), ...crowd },
  ...more,
});
const resultsOf = (entries: readonly CrowdEntry[], minutes = 30): Results<CrowdEntry> => ({
  entries,
  minutes: () => minutes,
  get: (id) => entries.find((one) => one.id === id),
  add: () => Promise.resolve(),
});
const good: Partial<CrowdTally> = {
  floods: floodKinds,
  revocationSecondsMaxUnderFlood: 4,
  healthySlowdownMax: 2.5,
  syncedWithFatObjectsSeconds: 20,
  rssMiBMax: 300,
  probes: 250,
  callsOfOthers: 700,
  roleCells: 40,
  sizes: fullSizes,
};
const prunes = [
  entry("prune/end", { prunes: 1, prunedInUseMin: 280 }),
  entry("prune/keep", { prunes: 1, prunedInUseMin: 280 }),
];
const missed = (crowd: Partial<CrowdTally>, more: Partial<CrowdEntry> = {}, minutes = 30): string[] => {
  const results = resultsOf([entry("floods", { ...good, ...crowd }, more), ...prunes], minutes);
  return missedCrowdTargets(summariseCrowd(results), crowdOf(results));
};

describe("the line of the crowd", () => {
  it("has the members of the issue, in their order", () => {
    deepEqual(Object.keys(summariseCrowd(resultsOf([]))).join(" "), keys);
  });

  it("misses nothing where every bound is kept", () => {
    deepEqual(missed({}), []);
  });

  const breaches: readonly (readonly [string, Partial<CrowdTally>])[] = [
    ["revocationSecondsMaxUnderFlood ≤ 30", { revocationSecondsMaxUnderFlood: 30.1 }],
    ["healthySlowdownMax ≤ 3", { healthySlowdownMax: 3.1 }],
    ["healthySlowdownMax ≤ 3", { healthySlowdownMax: 0 }],
    ["syncedWithFatObjectsSeconds ≤ 60", { syncedWithFatObjectsSeconds: 61 }],
    ["rssMiBMax ≤ 512", { rssMiBMax: 513 }],
    ["prunedInUseMin = 280", { prunedInUseMin: 279 }],
    ["probes ≥ 200", { probes: 199 }],
    ["permitsStolen = 0", { permitsStolen: 1 }],
    ["callsOfOthers ≥ 500", { callsOfOthers: 499 }],
    ["breakersOpenedForOthers = 0", { breakersOpenedForOthers: 1 }],
    ["probeFailures = 0", { probeFailures: 1 }],
    ["scrapesUnauthorized = 0", { scrapesUnauthorized: 1 }],
    ["roleCells = 40", { roleCells: 39 }],
    ["roleCellsWrong = 0", { roleCellsWrong: 1 }],
    ["touched objects ≥ 5000", { sizes: { ...fullSizes, "touched objects": 600 } }],
  ];
  for (const [name, crowd] of breaches)
    it(`misses ${name} at ${JSON.stringify(Object.values(crowd)[0]).slice(0, 12)}`, () => {
      deepEqual(missed(crowd), [name]);
    });

  it("asks for each kind of flood by its name", () => {
    deepEqual(missed({ floods: floodKinds.filter((kind) => kind !== "scrapes") }), ["floods ≥ 9", "flood of scrapes"]);
  });

  it("misses a violation and the time", () => {
    const violations = [{ invariant: "S10", what: "it works on", evidence: "" }] as const;
    deepEqual(missed({}, { violations }), ["violations = 0"]);
    deepEqual(missed({}, {}, 36), ["minutes ≤ 35"]);
  });

  it("takes the least of the prunes and nothing for those that were not decided", () => {
    equal(summariseCrowd(resultsOf([entry("a", {})])).prunedInUseMin, 0);
    equal(crowdOf(resultsOf([...prunes, entry("c", { prunedInUseMin: 12 })])).prunedInUseMin, 12);
  });
});
