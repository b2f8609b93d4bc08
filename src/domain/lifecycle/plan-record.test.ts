import assert from "node:assert/strict";
import { planRecord } from "./plan-record.ts";

const STAYS_OFF = "~ lake: credential K1 stays off: no SecretRotation answers for it";
const before = { generation: 2, digest: "d", lines: [STAYS_OFF, "+ lake: managedPolicy/R (widens)"] };
const line = { sign: "+", account: "secrets", title: "policy/p", direction: "widen" } as const;

describe("the plan on record", () => {
  it("goes on telling which credentials stay off while the same spec is carried out", () => {
    assert.deepEqual(planRecord(2, [line], before).lines, ["+ secrets: policy/p (widens)", STAYS_OFF]);
    assert.deepEqual(planRecord(2, [], before).lines, [STAYS_OFF]);
  });

  it("tells it once", () => {
    const again = { sign: "~", account: "lake", title: STAYS_OFF.slice("~ lake: ".length), direction: "none" } as const;
    assert.deepEqual(planRecord(2, [again], before).lines, [STAYS_OFF]);
  });

  it("forgets it with the next spec", () => {
    assert.deepEqual(planRecord(3, [line], before).lines, ["+ secrets: policy/p (widens)"]);
  });
});
