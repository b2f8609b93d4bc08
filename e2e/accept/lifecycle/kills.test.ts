import { deepEqual, equal, ok } from "node:assert/strict";
import type { Thing } from "../../lane/outside.ts";
import { commonTrace, killCycles, killedPart, phaseKills } from "./kills.ts";
import type { StoryTrace } from "./kills.ts";
import { differencesFrom } from "./story.ts";

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

describe("a story of several lives", () => {
  const done = (): Promise<void> => Promise.resolve();
  const phase = (name: string, life?: string) => ({
    name,
    act: done,
    rest: done,
    ...(life === undefined ? {} : { life }),
  });
  const phases = [phase("begin"), phase("a-join", "a"), phase("a-leave", "a"), phase("b-join", "b")];
  const thing = (key: string): Thing => ({ key, id: "", version: "", shape: {} });
  const lifeOf = ({ key }: Thing): string | undefined => ["a", "b"].find((life) => key === `user/${life}`);
  const kills = phaseKills({ site: "s", phases: [{ name: "a-leave", writes: [write("DeleteUser")], after: [] }] });

  it("is told with the lives in which something is killed, from their beginning, and with what is of none", () => {
    const told = killedPart(kills, { phases, lifeOf });
    deepEqual(
      told.phases.map(({ name }) => name),
      ["begin", "a-join", "a-leave"],
    );
    deepEqual(["user/a", "user/b", "user/c"].map(thing).map(told.isTold), [true, false, true]);
  });

  it("is told whole where no phase has a life", () => {
    const whole = ["join", "leave"].map((name) => phase(name));
    deepEqual(killedPart(kills, { phases: whole }).phases, whole);
  });
});

describe("states of two sites", () => {
  const state = (site: string): Map<string, Thing> =>
    new Map([[`user/${site}.app`, { key: `user/${site}.app`, id: "", version: "", shape: { path: `/${site}/` } }]]);

  it("are the same but for their names, also where one's name begins with the other's", () => {
    deepEqual(differencesFrom(state("life-7-1"), state("life-7-12"), ["life-7-1", "life-7-12"]), []);
    deepEqual(differencesFrom(state("life-7-12"), state("life-7-1"), ["life-7-12", "life-7-1"]), []);
  });
});
