import { deepEqual } from "node:assert/strict";
import type { Outside, Thing } from "../../lane/outside.ts";
import { expectedBack } from "./back.ts";

const user = (id: string, keys: readonly string[]): Thing => ({
  ...{ key: "aws/user/site.app.lake", version: "", id },
  shape: { path: "/keyturn/", keys },
});
const outside = (...things: readonly Thing[]): Outside => new Map(things.map((thing) => [thing.key, thing]));

describe("what comes back after a suspension", () => {
  const before = user("AIDA1,AKIA1 Active,AKIA2 Active", ["Active", "Active"]);

  it("is the key that a rotation answers for; every other one stays off, and the rest is as it was", () => {
    deepEqual(
      [...expectedBack(outside(before), "AKIA2").values()],
      [{ ...before, id: "AKIA1 Inactive,AKIA2 Active", shape: { path: "/keyturn/", keys: ["Active", "Inactive"] } }],
    );
  });

  it("is no key at all where no rotation answers for one", () => {
    deepEqual(
      [...expectedBack(outside(before), undefined).values()],
      [
        {
          ...before,
          id: "AKIA1 Inactive,AKIA2 Inactive",
          shape: { path: "/keyturn/", keys: ["Inactive", "Inactive"] },
        },
      ],
    );
  });

  it("does not switch on what a rotation has and was off before", () => {
    const off = user("AIDA1,AKIA1 Inactive", ["Inactive"]);
    deepEqual([...expectedBack(outside(off), "AKIA1").values()], [{ ...off, id: "AKIA1 Inactive" }]);
  });

  it("is everything else as it was, whatever its id is now", () => {
    const entity: Thing = { key: "vault/entity/app", id: "1", version: "2", shape: { disabled: false } };
    deepEqual([...expectedBack(outside(entity), undefined).values()], [{ ...entity, id: "" }]);
  });
});
