import { deepEqual, equal } from "node:assert/strict";
import { parts, partsOf } from "./parts.ts";

describe("the parts of accept -- install that a name means", () => {
  const names = (name?: string): readonly string[] => partsOf(name).map((part) => part.name);

  it("are all of them without a name", () => {
    equal(partsOf(undefined).length, parts.length);
  });

  it("are the one of that name and its own parts, and no other that begins so", () => {
    deepEqual(names("upgrade"), ["upgrade", "upgrade/in-place"]);
    deepEqual(names("upgrade/in-place"), ["upgrade/in-place"]);
    deepEqual(names("up"), []);
  });
});
