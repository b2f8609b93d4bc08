import assert from "node:assert/strict";
import fc from "fast-check";
import { OperatorError } from "../../kernel/errors.ts";
import { normalise } from "./index.ts";
import { documents } from "./random.fake.ts";

const V = "2012-10-17";
const allow = (more: object): object => ({
  Effect: "Allow",
  Action: "s3:GetObject",
  Resource: "arn:aws:s3:::a/*",
  ...more,
});
const doc = (...Statement: object[]): object => ({ Version: V, Statement });

describe("normalise: documents of equal meaning are equal text", () => {
  const rows: readonly (readonly [what: string, a: unknown, b: unknown])[] = [
    ["text and object", JSON.stringify(doc(allow({}))), doc(allow({}))],
    ["one statement alone", { Version: V, Statement: allow({}) }, doc(allow({}))],
    ["a single action and a list", doc(allow({ Action: ["s3:GetObject"] })), doc(allow({}))],
    ["the case of actions", doc(allow({ Action: "S3:getobject" })), doc(allow({}))],
    ["order of actions", doc(allow({ Action: ["a:B", "a:A"] })), doc(allow({ Action: ["a:A", "a:B"] }))],
    ["the same action twice", doc(allow({ Action: ["a:A", "a:a"] })), doc(allow({ Action: "a:A" }))],
    ["an action that another covers", doc(allow({ Action: ["a:*", "a:Get"] })), doc(allow({ Action: "a:*" }))],
    ["*:* and *", doc(allow({ Action: "*:*" })), doc(allow({ Action: "*" }))],
    ["order of wildcards in a run", doc(allow({ Action: "a:*?" })), doc(allow({ Action: "a:?*" }))],
    ["doubled stars", doc(allow({ Resource: "arn:aws:s3:::a/**" })), doc(allow({}))],
    [
      "order of resources",
      doc(allow({ Resource: ["arn:aws:s3:::b", "arn:aws:s3:::a"] })),
      doc(allow({ Resource: ["arn:aws:s3:::a", "arn:aws:s3:::b"] })),
    ],
    [
      "a resource that another covers",
      doc(allow({ Resource: ["*", "arn:aws:s3:::a/*"] })),
      doc(allow({ Resource: "*" })),
    ],
    ["the Sid", doc(allow({ Sid: "Read" })), doc(allow({}))],
    ["the Id of the document", { ...doc(allow({})), Id: "x" }, doc(allow({}))],
    [
      "order of statements",
      doc(allow({}), allow({ Effect: "Deny", Action: "a:B" })),
      doc(allow({ Effect: "Deny", Action: "a:B" }), allow({})),
    ],
    ["a statement twice", doc(allow({}), allow({ Sid: "Again" })), doc(allow({}))],
    [
      "actions spread over statements",
      doc(allow({ Action: "a:A" }), allow({ Action: "a:B" })),
      doc(allow({ Action: ["a:A", "a:B"] })),
    ],
    [
      "resources spread over statements",
      doc(allow({ Resource: "arn:aws:s3:::a" }), allow({ Resource: "arn:aws:s3:::b" })),
      doc(allow({ Resource: ["arn:aws:s3:::a", "arn:aws:s3:::b"] })),
    ],
    ["the old version, where nothing varies", { Version: "2008-10-17", Statement: [allow({})] }, doc(allow({}))],
    ["no version, where nothing varies", { Statement: [allow({})] }, doc(allow({}))],
    [
      "a single condition value and a list",
      doc(allow({ Condition: { StringEquals: { "aws:x": ["a"] } } })),
      doc(allow({ Condition: { StringEquals: { "aws:x": "a" } } })),
    ],
    [
      "the case of condition keys",
      doc(allow({ Condition: { StringEquals: { "AWS:X": "a" } } })),
      doc(allow({ Condition: { StringEquals: { "aws:x": "a" } } })),
    ],
    [
      "a truth value and its text",
      doc(allow({ Condition: { Bool: { "aws:x": true } } })),
      doc(allow({ Condition: { Bool: { "aws:x": "True" } } })),
    ],
    [
      "a number and its text",
      doc(allow({ Condition: { NumericEquals: { "aws:x": 5 } } })),
      doc(allow({ Condition: { NumericEquals: { "aws:x": "5" } } })),
    ],
    [
      "order of condition values",
      doc(allow({ Condition: { StringLike: { "aws:x": ["b", "a"] } } })),
      doc(allow({ Condition: { StringLike: { "aws:x": ["a", "b"] } } })),
    ],
    ["no condition and an empty one", doc(allow({ Condition: {} })), doc(allow({}))],
    ["an operator that holds nothing", doc(allow({ Condition: { StringLike: {} } })), doc(allow({}))],
    ["everybody", doc(allow({ Principal: "*" })), doc(allow({ Principal: { AWS: "*" } }))],
    [
      "everybody and somebody",
      doc(allow({ Principal: { AWS: ["*", "123456789012"] } })),
      doc(allow({ Principal: "*" })),
    ],
    [
      "an account's id and its root",
      doc(allow({ Principal: { AWS: "123456789012" } })),
      doc(allow({ Principal: { AWS: ["arn:aws:iam::123456789012:root"] } })),
    ],
    [
      "order of principals",
      doc(allow({ Principal: { AWS: ["b", "a"], Service: "s" } })),
      doc(allow({ Principal: { Service: ["s"], AWS: ["a", "b"] } })),
    ],
    [
      "NotAction in a list",
      doc({ Effect: "Allow", NotAction: ["IAM:*"], Resource: "*" }),
      doc({ Effect: "Allow", NotAction: "iam:*", Resource: ["*"] }),
    ],
  ];
  for (const [what, a, b] of rows) {
    it(`does not mind ${what}`, () => {
      assert.equal(normalise(a), normalise(b));
    });
  }
});

describe("normalise: other meaning is other text", () => {
  const rows: readonly (readonly [what: string, a: unknown, b: unknown])[] = [
    ["the effect", doc(allow({})), doc(allow({ Effect: "Deny" }))],
    ["the case of resources", doc(allow({ Resource: "arn:aws:s3:::A" })), doc(allow({ Resource: "arn:aws:s3:::a" }))],
    [
      "the case of condition values",
      doc(allow({ Condition: { StringEquals: { k: "A" } } })),
      doc(allow({ Condition: { StringEquals: { k: "a" } } })),
    ],
    [
      "Action and NotAction",
      doc({ Effect: "Allow", NotAction: "a:A", Resource: "*" }),
      doc({ Effect: "Allow", Action: "a:A", Resource: "*" }),
    ],
    [
      "Resource and NotResource",
      doc({ Effect: "Allow", Action: "a:A", NotResource: "*" }),
      doc({ Effect: "Allow", Action: "a:A", Resource: "*" }),
    ],
    ["Principal and NotPrincipal", doc(allow({ NotPrincipal: { AWS: "*" } })), doc(allow({ Principal: { AWS: "*" } }))],
    [
      "two NotAction statements and one of both",
      doc({ Effect: "Allow", NotAction: "a:A", Resource: "*" }, { Effect: "Allow", NotAction: "a:B", Resource: "*" }),
      doc({ Effect: "Allow", NotAction: ["a:A", "a:B"], Resource: "*" }),
    ],
    [
      "crosswise pairs",
      doc(allow({ Action: "a:A", Resource: "arn:aws:s3:::a" }), allow({ Action: "a:B", Resource: "arn:aws:s3:::b" })),
      doc(allow({ Action: ["a:A", "a:B"], Resource: ["arn:aws:s3:::a", "arn:aws:s3:::b"] })),
    ],
    [
      "the version, where something varies",
      { Version: "2008-10-17", Statement: [allow({ Resource: "arn:aws:s3:::${aws:username}" })] },
      doc(allow({ Resource: "arn:aws:s3:::${aws:username}" })),
    ],
    [
      "the operator",
      doc(allow({ Condition: { StringEquals: { k: "a" } } })),
      doc(allow({ Condition: { StringLike: { k: "a" } } })),
    ],
  ];
  for (const [what, a, b] of rows) {
    it(`minds ${what}`, () => {
      assert.notEqual(normalise(a), normalise(b));
    });
  }
});

describe("normalise: what is no policy document", () => {
  const rows: readonly (readonly [what: string, document: unknown])[] = [
    ["no JSON", "{"],
    ["a list", []],
    ["null", null],
    ["an unknown version", { Version: "2020-01-01", Statement: [] }],
    ["an unknown member", { Version: V, Statement: [], Extra: 1 }],
    ["an unknown member of a statement", doc(allow({ Extra: 1 }))],
    ["no effect", doc({ Action: "a:A", Resource: "*" })],
    ["an effect in lower case", doc(allow({ Effect: "allow" }))],
    ["no action", doc({ Effect: "Allow", Resource: "*" })],
    ["Action and NotAction", doc(allow({ NotAction: "a:B" }))],
    ["an action that is a number", doc(allow({ Action: 5 }))],
    ["an empty action", doc(allow({ Action: "" }))],
    ["a principal that is a number", doc(allow({ Principal: 5 }))],
    ["a condition value that is an object", doc(allow({ Condition: { StringEquals: { k: {} } } }))],
    ["a condition key twice", doc(allow({ Condition: { StringEquals: { k: "a", K: "b" } } }))],
    ["a text without end", " ".repeat(300_000)],
  ];
  for (const [what, document] of rows) {
    it(`refuses ${what}`, () => {
      assert.throws(
        () => normalise(document),
        (error) => error instanceof OperatorError && error.code === "InvalidSpec",
      );
    });
  }
});

describe("normalise", () => {
  it("changes nothing that it has made itself", () => {
    fc.assert(fc.property(documents, (document) => normalise(normalise(document)) === normalise(document)));
  });

  it("does not depend on the order of statements", () => {
    fc.assert(
      fc.property(documents, (document) => {
        const turned = { ...document, Statement: [...document.Statement].reverse() };
        assert.equal(normalise(turned), normalise(document));
      }),
    );
  });
});
