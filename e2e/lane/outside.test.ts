import { deepEqual, equal, match } from "node:assert/strict";
import { atProviders, compareOutside } from "./outside.ts";
import type { Outside, Thing } from "./outside.ts";

const state = (...things: (Partial<Thing> & { key: string })[]): Outside =>
  new Map(things.map((thing) => [thing.key, { id: "1", version: "1", shape: {}, ...thing }]));

describe("two states outside", () => {
  it("are the same when nothing differs but ids and versions, unless these are asked for", () => {
    const [a, b] = [state({ key: "aws/user/x", id: "1" }), state({ key: "aws/user/x", id: "2", version: "9" })];
    deepEqual(compareOutside(a, b), []);
    equal(compareOutside(a, b, { ids: true }).length, 1);
    equal(compareOutside(a, b, { versions: true }).length, 1);
  });

  it("tell what came, what went and what changed", () => {
    const lines = compareOutside(
      state({ key: "gone" }, { key: "same", shape: { tags: { a: "1" } } }),
      state({ key: "same", shape: { tags: { a: "2" } } }, { key: "came" }),
    );
    equal(lines.length, 3);
    match(lines.join("\n"), /gone is gone[^]*same differs[^]*came is there/);
  });

  it("may carry other names", () => {
    const names = (text: string): string => text.replaceAll("site-2", "site-1");
    deepEqual(compareOutside(state({ key: "aws/user/site-1.a" }), state({ key: "aws/user/site-2.a" }), { names }), []);
  });

  it("leave out what Keyturn itself remembers", () => {
    deepEqual([...atProviders(state({ key: "own/claim/x" }, { key: "vault/entity/x" })).keys()], ["vault/entity/x"]);
  });
});
