import assert from "node:assert/strict";
import { wouldChange } from "./lifecycle/would.ts";
import { wouldEnd } from "./orphan/would.ts";
import { wouldDeleteRotation, wouldRotate } from "./rotation/would.ts";

describe("what read-only keeps from being done, in words", () => {
  it("is nothing where a planner only looks or waits", () => {
    assert.equal(wouldRotate({ type: "observe", what: "listing" }), undefined);
    assert.equal(wouldRotate({ type: "wait", for: "NextRotation" }), undefined);
    assert.equal(wouldRotate({ type: "stall", reason: "Conflict", about: "x" }), undefined);
    assert.equal(wouldDeleteRotation({ type: "observe", what: "deliveries" }), undefined);
    assert.equal(wouldChange({ type: "observe", what: "account", account: "lake" }), undefined);
    assert.equal(wouldChange({ type: "wait", for: "Rest" }), undefined);
    assert.equal(wouldChange({ type: "refuse", code: "Conflict", message: "x", about: "lake" }), undefined);
    assert.equal(wouldEnd({ type: "observe" }), undefined);
    assert.equal(wouldEnd({ type: "wait", for: "Held" }), undefined);
  });

  it("names what it is about, and says whether it belongs to an end", () => {
    assert.deepEqual(wouldRotate({ type: "openIntent", trigger: "Scheduled" }), {
      text: "begin a rotation (Scheduled)",
      ends: false,
    });
    assert.deepEqual(wouldRotate({ type: "revoke", id: "AKIA1", onlyIfNeverUsed: false }), {
      text: "revoke AKIA1",
      ends: true,
    });
    assert.deepEqual(wouldDeleteRotation({ type: "removeFinalizer" }), { text: "release its finalizer", ends: true });
    assert.deepEqual(wouldChange({ type: "cut", account: "lake", way: "Deny" }), {
      text: "cut the rights of account lake",
      ends: true,
    });
    assert.deepEqual(wouldChange({ type: "openLogin", account: "lake" }), {
      text: "open the login of account lake",
      ends: false,
    });
    assert.deepEqual(wouldEnd({ type: "finish" }), { text: "release its claims and delete the entry", ends: true });
  });

  it("shows a plan: an end when it only takes away, its first lines when it is long", () => {
    const line = (sign: "+" | "-", title: string) => ({ sign, account: "lake", title, direction: "widen" as const });
    const remove = wouldChange({ type: "recordPlan", lines: [line("-", "policy A"), line("-", "policy B")] });
    assert.deepEqual(remove, { text: "carry out this plan: - lake: policy A; - lake: policy B", ends: true });
    const long = Array.from({ length: 10 }, (_, index) => line("+", `policy ${index}`));
    assert.match(wouldChange({ type: "recordPlan", lines: long })?.text ?? "", /policy 7 and 2 more$/);
  });
});
