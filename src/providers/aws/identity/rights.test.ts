import assert from "node:assert/strict";
import { OperatorError } from "../../../kernel/errors.ts";
import type { PolicyCalls } from "./contract.ts";
import { missingIamRights } from "./rights.ts";

type Call = keyof PolicyCalls;
const RIGHT_OF: Readonly<Record<Call, string>> = {
  defaultVersion: "iam:GetPolicy",
  document: "iam:GetPolicyVersion",
  attachedToGroup: "iam:ListAttachedGroupPolicies",
  inlineOfGroup: "iam:ListGroupPolicies",
  groupDocument: "iam:GetGroupPolicy",
};
const CALLS = Object.keys(RIGHT_OF) as Call[];

const missing = (refused: readonly Call[], code: OperatorError["code"] = "PermissionDenied") => {
  const answer = (call: Call) => () =>
    Promise.reject(
      new OperatorError(refused.includes(call) ? code : "NotFound", { publicMessage: "as the provider says" }),
    );
  const policies = Object.fromEntries(CALLS.map((call) => [call, answer(call)])) as unknown as PolicyCalls;
  return missingIamRights({ policies }, "arn:aws:iam::aws:policy/AWSDenyAll", AbortSignal.timeout(1000));
};

describe("rights that a login at IAM lacks", () => {
  it("are none where IAM says only that there is no such thing", async () => {
    assert.deepEqual(await missing([]), []);
  });

  for (const call of CALLS)
    it(`name ${RIGHT_OF[call]} where that alone is refused`, async () => {
      assert.deepEqual(await missing([call]), [RIGHT_OF[call]]);
    });

  it("cannot be told while IAM does not answer", async () => {
    await assert.rejects(missing(["document"], "Unavailable"), { code: "Unavailable" });
  });
});
