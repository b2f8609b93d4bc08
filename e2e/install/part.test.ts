import assert from "node:assert/strict";
import { missedTargets } from "./part.ts";
import type { InstallPart, Target } from "./part.ts";
import { acceptInstall } from "./run.ts";

const part = (targets: Readonly<Record<string, Target>>): InstallPart => ({
  name: "part",
  targets,
  run: async () => ({ figures: { objects: 3, tested: 3, wrong: 0 }, problems: [] }),
});
const silent = { say: () => undefined, print: () => undefined };

describe("a part of accept -- install", () => {
  it("meets what it aims at, and says what it misses", () => {
    const figures = { objects: 3, tested: 2, wrong: 1 };
    const targets = { objects: { atLeast: 3 }, tested: { same: "objects" }, wrong: { is: 0 }, absent: { atMost: 1 } };
    assert.deepEqual(missedTargets(part(targets), figures), [
      "tested is 2, wanted the same as objects",
      "wrong is 1, wanted 0",
      "absent is not there",
    ]);
  });

  it("fails the run when it throws, has a problem or misses a target, and lets the others run", async () => {
    const good = part({ wrong: { is: 0 } });
    const thrown: InstallPart = { ...good, run: () => Promise.reject(new Error("no stack")) };
    const lines: string[] = [];
    assert.equal(await acceptInstall([good], silent), 0);
    assert.equal(await acceptInstall([part({ wrong: { is: 1 } })], silent), 1);
    assert.equal(await acceptInstall([thrown, good], { ...silent, print: (line) => lines.push(line) }), 1);
    assert.deepEqual(lines, ['{"objects":3,"tested":3,"wrong":0}']);
  });

  it("is no success when there is none", async () => {
    assert.equal(await acceptInstall([], silent), 1);
  });
});
