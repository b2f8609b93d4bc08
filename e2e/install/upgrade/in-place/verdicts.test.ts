import { deepEqual, equal } from "node:assert/strict";
import type { Words } from "./verdicts.ts";
import { isConflict, isInvalidSpec, linesOf, newlySaid, resourcesIn } from "./verdicts.ts";

const word = (type: string, status: string, reason: string) => ({ type, status, reason, message: "m" });
const words = (...of: ReturnType<typeof word>[]): Words =>
  new Map([
    ["secretrotations payments/app", of],
    ["providerconnections /aws", [word("Ready", "True", "LoggedIn")]],
  ]);

describe("what resources say after an upgrade", () => {
  const good = words(word("Ready", "True", "Available"));

  it("counts resources of people, and no connection", () => {
    equal(resourcesIn(good), 1);
  });

  it("counts a Conflict that was not there before, by its condition or as the reason of another", () => {
    for (const one of [word("Conflict", "True", "NotOurs"), word("Ready", "False", "Conflict")])
      deepEqual(newlySaid(good, words(one), isConflict), [
        `secretrotations payments/app: ${one.type}=${one.status} ${one.reason}: m`,
      ]);
    const before = words(word("Conflict", "True", "NotOurs"));
    equal(newlySaid(before, before, isConflict).length, 0);
  });

  it("counts a spec that has become invalid", () => {
    equal(newlySaid(good, words(word("Stalled", "True", "InvalidSpec")), isInvalidSpec).length, 1);
    equal(newlySaid(good, good, isInvalidSpec).length, 0);
  });

  it("has every message as a line, those of connections too", () => {
    deepEqual(linesOf(good), ["Ready=True Available: m", "Ready=True LoggedIn: m"]);
  });
});
