import { deepEqual, equal, ok } from "node:assert/strict";
import type { Results } from "../results.ts";
import type { LifecycleEntry } from "./campaign.ts";
import { missedLifecycleTargets, summariseLifecycle } from "./summary.ts";
import { emptyTally } from "./tally.ts";
import type { Tally } from "./tally.ts";

const keys =
  "joined moved offboarded offboardSecondsMax stillAcceptedTried stillAccepted foreignPlanted foreignTouched reverts revertLeftovers narrowingsReverted mutatingCalls killPoints killPointsHit violations mutatedFields pathDependent specWrites tenantAttempts tenantWins adopted givenBack undone plantedLeaks plantedLeaksFound leaks minutes";

const entry = (id: string, tally: Partial<Tally>, more: Partial<LifecycleEntry> = {}): LifecycleEntry => ({
  id,
  tally: { ...emptyTally(), ...tally },
  violations: [],
  hits: [],
  leaks: 0,
  seconds: 1,
  ...more,
});
const resultsOf = (...entries: LifecycleEntry[]): Results<LifecycleEntry> => ({
  entries,
  minutes: () => 20,
  get: (id) => entries.find((one) => one.id === id),
  add: () => Promise.resolve(),
});
const good: Partial<Tally> = {
  joined: 60,
  moved: 3,
  offboarded: 55,
  offboardSecondsMax: 20,
  stillAcceptedTried: 150,
  foreignPlanted: 100,
  reverts: 40,
  mutatedFields: 44,
  tenantAttempts: 30,
  adopted: 3,
  givenBack: 3,
  undone: 10,
};
const kills = Array.from({ length: 180 }, (_, i) => `kill/${i}`);
const scan = entry("scan", {}, { planted: 40, plantedFound: 40 });

describe("the campaign's last line", () => {
  it("has exactly the members that the issue names, in its order", () => {
    equal(Object.keys(summariseLifecycle(resultsOf(), [], 0)).join(" "), keys);
  });

  it("is good when everything is reached", () => {
    const summary = summariseLifecycle(resultsOf(entry("a", good, { hits: kills }), scan), kills, 60);
    deepEqual(missedLifecycleTargets(summary), []);
  });

  it("adds up, and keeps the greatest of seconds", () => {
    const summary = summariseLifecycle(
      resultsOf(entry("a", { joined: 1, offboardSecondsMax: 9 }), entry("b", { joined: 2, offboardSecondsMax: 4 })),
      [],
      0,
    );
    equal(summary.joined, 3);
    equal(summary.offboardSecondsMax, 9);
  });

  for (const [name, spoiled, more] of [
    ["one credential still accepted", { stillAccepted: 1 }, {}],
    ["one foreign thing touched", { foreignTouched: 1 }, {}],
    ["something left by a revert", { revertLeftovers: 1 }, {}],
    ["a narrowing reverted", { narrowingsReverted: 1 }, {}],
    ["a spec written", { specWrites: 1 }, {}],
    ["a tenant that wins", { tenantWins: 1 }, {}],
    ["a world that depends on the path", { pathDependent: 1 }, {}],
    ["a late last refusal", { offboardSecondsMax: 301 }, {}],
    ["a kill point never hit", {}, { hits: kills.slice(1) }],
    ["a leak", {}, { leaks: 1 }],
  ] as const)
    it(`is not good with ${name}`, () => {
      const spoiledEntry = entry("a", { ...good, ...spoiled }, { hits: kills, ...more });
      ok(missedLifecycleTargets(summariseLifecycle(resultsOf(spoiledEntry, scan), kills, 60)).length > 0);
    });
});
