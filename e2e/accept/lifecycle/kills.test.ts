import { deepEqual, equal, ok } from "node:assert/strict";
import { commonTrace, killCycles, phaseKills } from "./kills.ts";
import type { StoryTrace } from "./kills.ts";

const write = (verb: string, template = "/") => ({ server: "aws", verb, template }) as const;
const trace: StoryTrace = {
  site: "a",
  phases: [
    { name: "join", writes: [write("CreateUser"), write("TagUser"), write("TagUser")], after: [] },
    { name: "leave", writes: [write("DeleteUser")], after: [] },
  ],
};

describe("two undisturbed stories", () => {
  it("have in common what both have, as often as both have it", () => {
    const other: StoryTrace = {
      site: "b",
      phases: [
        { name: "join", writes: [write("TagUser"), write("CreateUser"), write("AttachUserPolicy")], after: [] },
        { name: "leave", writes: [], after: [] },
      ],
    };
    deepEqual(
      commonTrace(trace, other).phases.map(({ writes }) => writes.map(({ verb }) => verb)),
      [["CreateUser", "TagUser"], []],
    );
    deepEqual(commonTrace(trace, trace), trace);
  });
});

describe("kill points of a story", () => {
  const kills = phaseKills(trace);

  it("are three for each mutating request, each with a name of its own", () => {
    equal(kills.length, 12);
    equal(new Set(kills.map(({ id }) => id)).size, 12);
    deepEqual(
      kills
        .filter(({ verb, point }) => verb === "TagUser" && point === "answerLost")
        .map(({ occurrence }) => occurrence),
      [1, 2],
    );
  });

  it("are spread over stories, none left out, and never two of a kind in one phase", () => {
    const cycles = killCycles(kills, 1);
    equal(cycles.length, 6);
    for (const cycle of cycles) {
      const kinds = cycle.kills.map(({ phase, verb }) => `${phase} ${verb}`);
      ok(new Set(kinds).size === kinds.length);
    }
    equal(new Set(cycles.flatMap((cycle) => cycle.kills.map(({ id }) => id))).size, 12);
  });

  it("need no story when there is none", () => {
    deepEqual(killCycles([], 2), []);
  });
});
