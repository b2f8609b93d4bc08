import assert from "node:assert/strict";
import fc from "fast-check";
import type { Direction } from "../lifecycle/piece.ts";
import { compareDocuments, normalise } from "./index.ts";
import { allows, documents, pairs, REQUESTS } from "./random.fake.ts";

const allow = (more: object = {}): object => ({
  Effect: "Allow",
  Action: "s3:Get*",
  Resource: "arn:aws:s3:::a/*",
  ...more,
});
const deny = (more: object = {}): object => allow({ Effect: "Deny", ...more });
const when = (Condition: object): object => allow({ Condition });
const text = (...Statement: object[]): string => normalise({ Version: "2012-10-17", Statement });

/** Before, after, and what the way there is; the way back must be the opposite. */
const rows: readonly (readonly [
  what: string,
  before: string | undefined,
  after: string | undefined,
  way: Direction,
])[] = [
  ["nothing", undefined, undefined, "none"],
  ["the same", text(allow()), text(allow()), "none"],
  ["a first document", undefined, text(allow()), "widen"],
  ["a first document that only denies", undefined, text(deny()), "narrow"],
  ["a first document that does both", undefined, text(allow(), deny({ Action: "s3:GetTag" })), "mixed"],
  ["an empty document", undefined, text(), "none"],
  ["one more action", text(allow()), text(allow({ Action: ["s3:Get*", "s3:Put"] })), "widen"],
  ["a wider action", text(allow()), text(allow({ Action: "s3:*" })), "widen"],
  ["every action", text(allow()), text(allow({ Action: "*" })), "widen"],
  ["another action", text(allow()), text(allow({ Action: "s3:Put*" })), "mixed"],
  ["one more resource", text(allow()), text(allow({ Resource: ["arn:aws:s3:::a/*", "arn:aws:s3:::b"] })), "widen"],
  ["a wider resource", text(allow()), text(allow({ Resource: "arn:aws:s3:::*" })), "widen"],
  ["every resource", text(allow()), text(allow({ Resource: "*" })), "widen"],
  ["another resource", text(allow()), text(allow({ Resource: "arn:aws:s3:::b/*" })), "mixed"],
  [
    "more actions on fewer resources",
    text(allow()),
    text(allow({ Action: "*", Resource: "arn:aws:s3:::a/b" })),
    "mixed",
  ],
  ["one more statement", text(allow()), text(allow(), allow({ Action: "sqs:*", Resource: "*" })), "widen"],
  [
    "a further statement that says no more",
    text(allow({ Resource: "*" })),
    text(allow({ Resource: "*" }), allow({ Action: "s3:GetTag" })),
    "none",
  ],
  ["a denial", text(allow()), text(allow(), deny({ Action: "s3:GetTag" })), "narrow"],
  [
    "a wider denial",
    text(allow(), deny({ Action: "s3:GetTag" })),
    text(allow(), deny({ Action: "s3:GetT*" })),
    "narrow",
  ],
  [
    "a denial that is gone while a right is too",
    text(allow({ Action: ["s3:Get*", "s3:Put"] }), deny({ Action: "s3:GetTag" })),
    text(allow()),
    "mixed",
  ],
  ["a denial under a condition", text(deny()), text(deny({ Condition: { StringEquals: { k: "a" } } })), "widen"],
  ["Allow turned to Deny", text(allow()), text(deny()), "narrow"],
  [
    "pairs that were spread over statements",
    text(allow({ Action: "a:A" }), allow({ Action: "a:B", Resource: "*" })),
    text(allow({ Action: ["a:A", "a:B"] })),
    "narrow",
  ],
  [
    "pairs crosswise",
    text(allow({ Action: "a:A" }), allow({ Action: "a:B", Resource: "arn:aws:s3:::b" })),
    text(allow({ Action: ["a:A", "a:B"] })),
    "mixed",
  ],
  ["a first condition", text(allow()), text(when({ StringEquals: { k: "a" } })), "narrow"],
  [
    "one more condition",
    text(when({ StringEquals: { k: "a" } })),
    text(when({ StringEquals: { k: "a", l: "b" } })),
    "narrow",
  ],
  [
    "one more operator",
    text(when({ StringEquals: { k: "a" } })),
    text(when({ StringEquals: { k: "a" }, Bool: { m: "true" } })),
    "narrow",
  ],
  ["another key", text(when({ StringEquals: { k: "a" } })), text(when({ StringEquals: { l: "a" } })), "mixed"],
  [
    "one more accepted value",
    text(when({ StringEquals: { k: "a" } })),
    text(when({ StringEquals: { k: ["a", "b"] } })),
    "widen",
  ],
  [
    "one more refused value",
    text(when({ StringNotEquals: { k: "a" } })),
    text(when({ StringNotEquals: { k: ["a", "b"] } })),
    "narrow",
  ],
  [
    "a narrower pattern of values",
    text(when({ StringLike: { k: "a*" } })),
    text(when({ StringLike: { k: "ab*" } })),
    "narrow",
  ],
  [
    "a wider pattern of refused values",
    text(when({ StringNotLike: { k: "ab*" } })),
    text(when({ StringNotLike: { k: "a*" } })),
    "narrow",
  ],
  [
    "a star that is no wildcard",
    text(when({ StringEquals: { k: "*" } })),
    text(when({ StringEquals: { k: "a" } })),
    "mixed",
  ],
  [
    "a wider pattern of ARNs",
    text(when({ ArnLike: { k: "arn:aws:s3:::a" } })),
    text(when({ ArnLike: { k: "arn:aws:s3:::*" } })),
    "widen",
  ],
  ["another number", text(when({ NumericLessThan: { k: "5" } })), text(when({ NumericLessThan: { k: "6" } })), "mixed"],
  [
    "another address",
    text(when({ IpAddress: { k: "10.0.0.0/8" } })),
    text(when({ IpAddress: { k: "10.1.0.0/16" } })),
    "mixed",
  ],
  [
    "another operator",
    text(when({ StringEquals: { k: "a" } })),
    text(when({ StringEqualsIfExists: { k: "a" } })),
    "mixed",
  ],
  [
    "of every value one fewer",
    text(when({ "ForAllValues:StringEquals": { k: ["a", "b"] } })),
    text(when({ "ForAllValues:StringEquals": { k: "a" } })),
    "narrow",
  ],
  [
    "everything but less",
    text({ Effect: "Allow", NotAction: "iam:*", Resource: "*" }),
    text({ Effect: "Allow", NotAction: ["iam:*", "sts:*"], Resource: "*" }),
    "narrow",
  ],
  [
    "everything but a part of it",
    text({ Effect: "Allow", NotAction: "iam:*", Resource: "*" }),
    text({ Effect: "Allow", NotAction: "iam:Get*", Resource: "*" }),
    "widen",
  ],
  [
    "an action out of everything but others",
    text({ Effect: "Allow", NotAction: "iam:*", Resource: "*" }),
    text({ Effect: "Allow", Action: "s3:*", Resource: "*" }),
    "narrow",
  ],
  [
    "an action that everything but it leaves out",
    text({ Effect: "Allow", NotAction: "iam:*", Resource: "*" }),
    text({ Effect: "Allow", Action: "iam:Get*", Resource: "*" }),
    "mixed",
  ],
  [
    "everything out of everything but something",
    text({ Effect: "Allow", NotAction: "iam:*", Resource: "*" }),
    text({ Effect: "Allow", Action: "*", Resource: "*" }),
    "widen",
  ],
  [
    "every resource but one",
    text({ Effect: "Allow", Action: "*", Resource: "*" }),
    text({ Effect: "Allow", Action: "*", NotResource: "arn:aws:s3:::a" }),
    "narrow",
  ],
  [
    "one more principal",
    text(allow({ Principal: { AWS: "1" } })),
    text(allow({ Principal: { AWS: ["1", "2"] } })),
    "widen",
  ],
  ["everybody", text(allow({ Principal: { AWS: "1" } })), text(allow({ Principal: "*" })), "widen"],
  [
    "a principal of another kind",
    text(allow({ Principal: { AWS: "1" } })),
    text(allow({ Principal: { Service: "1" } })),
    "mixed",
  ],
  ["a principal where there was none", text(allow()), text(allow({ Principal: "*" })), "mixed"],
  [
    "everybody but another",
    text(allow({ NotPrincipal: { AWS: "1" } })),
    text(allow({ NotPrincipal: { AWS: "2" } })),
    "mixed",
  ],
  [
    "a variable instead of every user",
    text(allow({ Resource: "arn:aws:s3:::*" })),
    text(allow({ Resource: "arn:aws:s3:::${aws:username}" })),
    "narrow",
  ],
  [
    "another variable",
    text(allow({ Resource: "arn:aws:s3:::${aws:userid}" })),
    text(allow({ Resource: "arn:aws:s3:::${aws:username}" })),
    "mixed",
  ],
  ["what cannot be read", text(allow()), "{", "mixed"],
  ["an older version in which nothing varies", text(allow()), normalise({ Statement: [allow()] }), "none"],
  [
    "an older version in which something would",
    text(allow({ Resource: "arn:aws:s3:::${x}" })),
    normalise({ Statement: [allow({ Resource: "arn:aws:s3:::${x}" })] }),
    "mixed",
  ],
];

const opposite: Readonly<Record<Direction, Direction>> = {
  widen: "narrow",
  narrow: "widen",
  mixed: "mixed",
  none: "none",
};

describe("compareDocuments", function () {
  this.timeout(30_000);

  for (const [what, before, after, way] of rows) {
    it(`${what}: ${way}`, () => {
      assert.equal(compareDocuments(before, after), way);
      assert.equal(compareDocuments(after, before), opposite[way]);
    });
  }

  it("finds the opposite on the way back, and none between equals", () => {
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        assert.equal(compareDocuments(text(...a.Statement), text(...a.Statement)), "none");
        const [there, back] = [
          compareDocuments(JSON.stringify(a), JSON.stringify(b)),
          compareDocuments(JSON.stringify(b), JSON.stringify(a)),
        ];
        assert.equal(back, opposite[there]);
      }),
      { numRuns: 2000 },
    );
  });

  it("never calls narrow what lets something more be done, nor widen what lets less", () => {
    const found: Record<string, number> = {};
    fc.assert(
      fc.property(pairs, ([a, b]) => {
        const way = compareDocuments(JSON.stringify(a), JSON.stringify(b));
        found[way] = (found[way] ?? 0) + 1;
        for (const request of REQUESTS) {
          const [before, after] = [allows(a, request), allows(b, request)];
          if (way === "narrow" || way === "none") assert.ok(before || !after, JSON.stringify(request));
          if (way === "widen" || way === "none") assert.ok(after || !before, JSON.stringify(request));
        }
      }),
      { numRuns: 2000 },
    );
    // A comparison that proves nothing would pass the above.
    for (const way of ["narrow", "widen", "none", "mixed"])
      assert.ok((found[way] ?? 0) > 50, `${way}: ${found[way] ?? 0}`);
  });

  it("leaves what a document allows as it is when it is normalised", () => {
    fc.assert(
      fc.property(documents, (document) => {
        const normal = JSON.parse(normalise(document)) as typeof document;
        for (const request of REQUESTS) assert.equal(allows(normal, request), allows(document, request));
      }),
      { numRuns: 1000 },
    );
  });
});
