import { deepEqual, equal, ok, throws } from "node:assert/strict";
import type { Results } from "../results.ts";
import { clusterCases } from "./cases-cluster.ts";
import { iamCases } from "./cases-iam.ts";
import { chosenCases } from "./modes.ts";
import { endingPart } from "./parts.ts";
import { casesOfStay, stayScenarios } from "./stay-cases.ts";
import { missedEndingTargets, summariseEnding } from "./summary.ts";
import type { EndingEntry } from "./summary.ts";
import { emptyEnding } from "./tally.ts";
import type { EndingTally } from "./tally.ts";

const members =
  "leaverCases leaverWrong stepsRefused accessTried accessLeft falseProofs uncutSeconds editorAttempts editorWins holdEvasions holdWins removals removalsHeldUp denials denialsRemoved exchanges tamperCases tampersMissed readOnlyWaiting readOnlyMutations killPoints killPointsHit violations minutes";
const entry = (id: string, ending: Partial<EndingTally>, hits: readonly string[] = []): EndingEntry => ({
  ...{ id, hits, violations: [], leaks: 0, seconds: 1, tally: {} as EndingEntry["tally"] },
  ending: { ...emptyEnding(), ...ending },
});
const resultsOf = (...entries: EndingEntry[]): Results<EndingEntry> => ({
  entries,
  minutes: () => 20,
  get: (id) => entries.find((one) => one.id === id),
  add: () => Promise.resolve(),
});
const good: Partial<EndingTally> = {
  ...{
    leaverCases: 48,
    stepsRefused: 36,
    accessTried: 600,
    removals: 12,
    denials: 10,
    exchanges: 6,
    tamperCases: 30,
    readOnlyWaiting: 20,
  },
  ...{ editorAttempts: 40, holdEvasions: 10 },
};
const kills = Array.from({ length: 90 }, (_, i) => `kill/${i}`);

describe("the last line of the campaign of leavers", () => {
  it("has the members that the issue names for this part, in its order", () => {
    equal(Object.keys(summariseEnding(resultsOf(), [])).join(" "), members);
  });

  it("is good when everything is reached, and adds up", () => {
    const two = [entry("a", { ...good, accessTried: 100 }, kills), entry("b", { accessTried: 500 })];
    deepEqual(missedEndingTargets(summariseEnding(resultsOf(...two), kills)), []);
  });

  for (const name of [
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
  ] as const)
    it(`is not good with one of ${name}`, () => {
      const missed = missedEndingTargets(summariseEnding(resultsOf(entry("a", { ...good, [name]: 1 }, kills)), kills));
      deepEqual(missed, [`${name} = 0`]);
    });

  it("is not good with a kill point that was never hit", () => {
    const missed = missedEndingTargets(summariseEnding(resultsOf(entry("a", good, kills.slice(1))), kills));
    deepEqual(missed, ["all kill points hit"]);
  });
});

describe("the table of leavers", () => {
  const all = chosenCases();

  it("has each case once, and enough of them", () => {
    const ids = all.map(({ it: one, end }) => `${one.id}/${end}`);
    equal(new Set(ids).size, ids.length);
    ok(ids.length >= 48, `${ids.length} cases`);
    equal(new Set([...iamCases, ...clusterCases].map(({ id }) => id)).size, iamCases.length + clusterCases.length);
  });

  it("has every way to end several times", () => {
    for (const end of ["suspended", "decommissioned", "expired", "left-out", "deleted", "ledger"] as const)
      ok(all.filter((one) => one.end === end).length >= 3, end);
  });
});

describe("the table of what is tried to stay", () => {
  const of = (sort: string) => casesOfStay.filter(({ it: one }) => one.id.startsWith(sort)).map(({ it: one }) => one);
  const attempts = (cases: ReturnType<typeof of>): number =>
    cases.reduce((sum, { before = [], after = [] }) => sum + before.length + after.length, 0);

  it("has each case once", () => {
    equal(new Set(casesOfStay.map(({ it: one }) => one.id)).size, casesOfStay.length);
  });

  it("has forty attempts of ten kinds by editors, and ten ways round a hold", () => {
    const editors = of("editor/");
    ok(editors.length >= 10 && attempts(editors) >= 40, `${attempts(editors)} attempts of ${editors.length} kinds`);
    ok(of("hold/").length >= 10, `${of("hold/").length} evasions`);
  });

  it("gives every case an attempt", () => {
    for (const { it: one } of casesOfStay) ok(attempts([one]) > 0, one.id);
  });

  it("plays every case in one batch", () => {
    const played = stayScenarios(casesOfStay, () => undefined);
    equal(new Set(played.map(({ id }) => id)).size, played.length);
  });
});

describe("parts of the campaign of leavers", () => {
  it("are named, and one that there is not is an error that says so", () => {
    equal(endingPart("cut"), "cut");
    equal(endingPart("stay"), "stay");
    equal(endingPart(undefined), undefined);
    throws(() => endingPart("cat"), /no part cat.*ground, cut, stay, record/);
  });
});
