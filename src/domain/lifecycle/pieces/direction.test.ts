import assert from "node:assert/strict";
import type { Direction } from "../piece.ts";
import { classOfKey, directionOf } from "./direction.ts";

const document = (...actions: readonly string[]): string =>
  JSON.stringify({
    Statement: [{ Action: actions, Effect: "Allow", Resource: ["*"] }],
    Version: "2012-10-17",
  });
const role = (maxSessionSeconds: number): string => JSON.stringify({ kind: "role", maxSessionSeconds });

describe("the direction of a change", () => {
  const rows: readonly (readonly [string, string, string | undefined, string | undefined, Direction])[] = [
    ["a privilege that is given widens", "managedPolicy/x", undefined, "true", "widen"],
    ["one that is taken away narrows", "managedPolicy/x", "true", undefined, "narrow"],
    ["a boundary that is put up narrows", "boundary", undefined, '"b"', "narrow"],
    ["one that is taken off widens", "boundary", '"b"', undefined, "widen"],
    ["one that is exchanged may do either", "boundary", '"b"', '"c"', "mixed"],
    ["a login that is made widens", "login", undefined, "{}", "widen"],
    ["one that is taken away narrows", "alias/other", "{}", undefined, "narrow"],
    ["one that is changed may do either", "trust", "{}", '{"a":1}', "mixed"],
    ["a policy that allows more widens", "inlinePolicy/x", document("s3:getobject"), document("s3:*"), "widen"],
    ["one that allows less narrows", "inlinePolicy/x", document("s3:*"), document("s3:getobject"), "narrow"],
    [
      "one that allows something else does both",
      "inlinePolicy/x",
      document("s3:getobject"),
      document("sqs:*"),
      "mixed",
    ],
    ["an owner is about neither", "owner", '"a"', '"b"', "none"],
    ["a principal is about neither", "principal", undefined, "{}", "none"],
    ["longer sessions widen", "principal", role(3600), role(7200), "widen"],
    ["shorter ones narrow", "principal", role(7200), role(3600), "narrow"],
    ["what does not change is about neither", "group/x", "true", "true", "none"],
  ];
  for (const [sentence, key, before, after, expected] of rows) {
    it(sentence, () => {
      assert.equal(directionOf(key, before, after), expected);
    });
  }

  it("follows from what the key stands for", () => {
    const keys = ["principal", "owner", "boundary", "trust", "login", "alias", "alias/1", "binding/Role/r", "policy/p"];
    assert.deepEqual(keys.map(classOfKey), [
      "principal",
      "attribute",
      "restriction",
      "login",
      "login",
      "login",
      "login",
      "grant",
      "grant",
    ]);
  });
});
