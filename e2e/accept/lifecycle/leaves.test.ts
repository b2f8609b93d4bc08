import { deepEqual, ok } from "node:assert/strict";
import { attempts, changed, placesOf, specLeaves } from "./leaves.ts";

describe("leaves of the schema", () => {
  it("are found in lists, unions and maps", async () => {
    const paths = (await specLeaves()).map(({ path }) => path);
    for (const path of [
      "owner.team",
      "accounts[].kubernetes.roles[].scope",
      "accounts[].aws.role.inlinePolicies[].statements[].conditions{}{}[]",
      "accounts[].vault.login.mode",
      "deletion.holdFor",
    ])
      ok(paths.includes(path), path);
    ok(paths.length >= 40);
  });

  it("get at least four values each", async () => {
    for (const leaf of await specLeaves()) ok(attempts(leaf).length >= 4, leaf.path);
  });
});

describe("a place in a spec", () => {
  const spec = { accounts: [{ a: { names: ["x", "y"] } }, { b: { map: { k: { l: ["z"] } } } }] };

  it("is found through lists and maps", () => {
    deepEqual(placesOf(spec, "accounts[].a.names[]"), [
      ["accounts", 0, "a", "names", 0],
      ["accounts", 0, "a", "names", 1],
    ]);
    deepEqual(placesOf(spec, "accounts[].b.map{}{}[]"), [["accounts", 1, "b", "map", "k", "l", 0]]);
    deepEqual(placesOf(spec, "accounts[].c"), []);
  });

  it("is changed in a copy", () => {
    const other = changed(spec, ["accounts", 0, "a", "names", 0], undefined);
    deepEqual(placesOf(other, "accounts[].a.names[]").length, 1);
    deepEqual(placesOf(spec, "accounts[].a.names[]").length, 2);
    deepEqual(changed(spec, ["accounts", 0, "a"], 7).accounts[0], { a: 7 });
  });
});
