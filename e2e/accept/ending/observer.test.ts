import { deepEqual, equal } from "node:assert/strict";
import type { IamPrincipal } from "./iam-view.ts";
import { isAllowed } from "./iam-view.ts";
import type { Access, Claim } from "./observer.ts";
import { countRound, isFalseProof, leftIn, look, uncutMeter } from "./observer.ts";
import { emptyEnding } from "./tally.ts";

const access = (from: Access["from"], answer: "accepted" | "refused"): Access => ({
  ...{ what: `${from} ${answer}`, from, tryIt: () => Promise.resolve(answer), close: () => undefined },
});
const proven: Claim = { proven: true, reason: "Proven", message: "" };
const cutting: Claim = { proven: false, reason: "Cutting", message: "" };
const foreign: Claim = { proven: false, reason: "ForeignGrant", message: "RoleBinding a/b" };
const round = (worked: readonly Access[], before: Claim, after: Claim) => ({ before, worked, tried: 3, after });
const allow = (Action: string, more: object = {}): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: { Effect: "Allow", Action, Resource: "*", ...more } });
const deny = (Action: string, more: object = {}): string => allow(Action, { Effect: "Deny", ...more });
const principal = (documents: readonly string[], boundary?: string): IamPrincipal => ({
  ...{ documents, boundary, inline: new Map(), attached: [], groups: [] },
});

describe("the observer of leavers", () => {
  it("counts what it tries and finds what still works", async () => {
    const tally = emptyEnding();
    const seen = await look([access("own", "accepted"), access("own", "refused")], () => Promise.resolve(cutting));
    countRound(tally, seen);
    deepEqual([tally.accessTried, tally.falseProofs, leftIn(seen).length], [2, 0, 1]);
  });

  it("sees a false proof only where the proof is claimed before and after", () => {
    const own = [access("own", "accepted")];
    equal(isFalseProof(round(own, proven, proven)), true);
    equal(isFalseProof(round(own, cutting, proven)), false);
    equal(isFalseProof(round(own, proven, cutting)), false);
    equal(isFalseProof(round([], proven, proven)), false);
  });

  it("takes another's grant for left access unless it is told, and for a false proof in any case", () => {
    const others = [access("others", "accepted")];
    equal(leftIn(round(others, foreign, foreign)).length, 0);
    equal(leftIn(round(others, cutting, cutting)).length, 1);
    equal(leftIn(round(others, proven, proven)).length, 1);
    equal(isFalseProof(round(others, proven, proven)), true);
    equal(leftIn(round([access("own", "accepted")], foreign, foreign)).length, 1, "its own is never excused by it");
  });

  it("counts what a group gives nowhere", () => {
    const group = [access("group", "accepted")];
    deepEqual([isFalseProof(round(group, proven, proven)), leftIn(round(group, proven, proven)).length], [false, 0]);
  });

  it("measures from the first cut that was read, and not what was before it or after the end", () => {
    const meter = uncutMeter();
    meter.sample(0, ["iam:GetUser"]);
    meter.sample(1000, []);
    equal(meter.seconds(), 0);
    meter.sample(2000, ["iam:GetUser"]);
    meter.sample(2500, ["iam:GetUser"]);
    meter.sample(3000, []);
    equal(meter.seconds(), 1);
    meter.stop();
    meter.sample(9000, ["iam:GetUser"]);
    meter.sample(9900, []);
    deepEqual([meter.seconds(), [...meter.seen]], [1, ["iam:GetUser"]]);
  });

  it("is never at zero once it has seen a hole", () => {
    const meter = uncutMeter();
    meter.sample(0, []);
    meter.sample(100, ["iam:GetUser"]);
    equal(meter.seconds() > 0, true);
  });

  it("judges what IAM holds: Deny before Allow, within the boundary, in doubt allowed", () => {
    const is = (documents: readonly string[], boundary?: string) =>
      isAllowed(principal(documents, boundary), "iam:GetUser");
    equal(is([allow("iam:Get*")]), true);
    equal(is([allow("iam:Get*"), deny("*")]), false);
    equal(is([allow("iam:*")], deny("*")), false);
    equal(is([allow("iam:*")], allow("s3:*")), false);
    equal(is([allow("iam:*")], allow("*")), true);
    equal(is([deny("*")]), false);
    equal(is([allow("s3:*")]), false);
    equal(is([allow("*"), deny("*", { Condition: { StringEquals: { a: "b" } } })]), true);
    equal(is([allow("*"), deny("*", { Resource: "arn:aws:iam::1:user/x" })]), true);
    equal(is([allow("*"), deny("iam:ListUsers")]), true);
  });
});
