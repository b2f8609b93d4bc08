import assert from "node:assert/strict";
import type { Effect } from "../lifecycle/piece.ts";
import { deniesEverything, documentEffect, onlyDenials, togetherOf } from "./effect.ts";

const document = (...statements: readonly object[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
const allow = { Effect: "Allow", Action: "s3:GetObject", Resource: "*" };
const deny = { Effect: "Deny", Action: "*", Resource: "*" };
const since = { ...deny, Condition: { DateLessThan: { "aws:TokenIssueTime": "2026-11-30T10:00:00Z" } } };

describe("what a policy document does", () => {
  const cases: readonly (readonly [what: string, text: string, effect: Effect, everything: boolean])[] = [
    ["allows one action", document(allow), "Allows", false],
    ["denies everything", document(deny), "Denies", true],
    ["denies sessions of before", document(since), "Denies", false],
    ["denies and allows", document(allow, since), "Both", false],
    ["denies everything and allows", document(allow, deny), "Both", true],
    ["has no statement, so it gives nothing", document(), "Denies", false],
    ["has one statement outside of a list", `{"Statement":${JSON.stringify(allow)}}`, "Allows", false],
    ["denies all but one action", document({ Effect: "Deny", NotAction: "sts:*", Resource: "*" }), "Denies", false],
    ["denies all actions on one bucket", document({ ...deny, Resource: "arn:aws:s3:::a/*" }), "Denies", false],
    [
      "denies all actions on all but one bucket",
      document({ Effect: "Deny", Action: "*", NotResource: "x" }),
      "Denies",
      false,
    ],
    ["denies everything in a list of actions", document({ ...deny, Action: ["s3:*", "*"] }), "Denies", true],
    ["is no JSON", "{ not JSON", "Unread", false],
    ["has an element that is not known", '{"Statement":[],"Extra":1}', "Unread", false],
    ["has an effect that is none", document({ ...deny, Effect: "deny" }), "Unread", false],
  ];
  for (const [what, text, effect, everything] of cases) {
    it(`is told of one that ${what}`, () => {
      assert.deepEqual([documentEffect(text), deniesEverything(text)], [effect, everything]);
    });
  }

  it("is reduced to what it denies, and to nothing where it denies nothing", () => {
    const variable = { ...deny, Resource: "arn:aws:s3:::${aws:username}/*" };
    const reduced = onlyDenials(document(allow, variable)) ?? "";
    assert.equal(documentEffect(reduced), "Denies");
    assert.deepEqual(JSON.parse(reduced), {
      Version: "2012-10-17",
      Statement: [{ Effect: "Deny", Action: ["*"], Resource: ["arn:aws:s3:::${aws:username}/*"] }],
    });
    assert.equal(onlyDenials(document(allow)), '{"Statement":[],"Version":"2012-10-17"}');
    assert.equal(onlyDenials("{ not JSON"), undefined);
  });

  it("is told of several together, and of none where one could not be read", () => {
    assert.equal(togetherOf([]), "Allows");
    assert.equal(togetherOf(["Denies", "Denies"]), "Denies");
    assert.equal(togetherOf(["Allows"]), "Allows");
    assert.equal(togetherOf(["Allows", "Denies"]), "Both");
    assert.equal(togetherOf(["Both"]), "Both");
    assert.equal(togetherOf(["Denies", "Unread", "Allows"]), "Unread");
  });
});
