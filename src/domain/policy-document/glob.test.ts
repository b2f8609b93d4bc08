import assert from "node:assert/strict";
import fc from "fast-check";
import { areDisjoint, contains, covers, coversArn, coversText, intersects, parseGlob } from "./glob.ts";

describe("covers (actions)", () => {
  const rows: readonly (readonly [pattern: string, action: string, expected: boolean])[] = [
    ["*", "*", true],
    ["*", "s3:GetObject", true],
    ["*:*", "iam:*", true],
    ["s3:*", "*", false],
    ["s3:*", "*:*", false],
    ["s3:*", "s3:GetObject", true],
    ["s3:*", "s3:*", true],
    ["s3:*", "s3-object-lambda:GetObject", false],
    ["s3:Get*", "s3:GetObject", true],
    ["s3:get*", "S3:GETOBJECT", true],
    ["s3:Get*", "s3:Get*Tagging", true],
    ["s3:Get*Tagging", "s3:Get*", false],
    ["s3:GetObject", "s3:Get*", false],
    ["s3:GetObject", "s3:GetObjectTagging", false],
    ["s3:Get?bject", "s3:GetObject", true],
    ["s3:Get?bject", "s3:Get*bject", false],
    ["s3:?*", "s3:*?", true],
    ["s3:*?", "s3:*", false],
    ["s3:*", "sqs:Get", false],
    ["*:Get*", "sqs:GetQueueUrl", true],
    ["s3", "s3:Get", false],
    ["iam:*Role*", "iam:PassRole", true],
    ["iam:*Role*", "iam:PassUser", false],
    ["s3:G*t*ct", "s3:GetObject", true],
    ["s3:G*t*ct", "s3:GetObjects", false],
  ];
  for (const [pattern, action, expected] of rows) {
    it(`${pattern} ${expected ? "covers" : "does not cover"} ${action}`, () => {
      assert.equal(covers(pattern, action), expected);
    });
  }
});

describe("coversArn", () => {
  const rows: readonly (readonly [pattern: string, arn: string, expected: boolean])[] = [
    ["*", "arn:aws:s3:::a", true],
    ["arn:aws:s3:::*", "*", false],
    ["arn:aws:s3:::a/*", "arn:aws:s3:::a/b/c", true],
    ["arn:aws:s3:::a/*", "arn:aws:s3:::a", false],
    ["arn:aws:s3:::a/*", "arn:aws:s3:::A/b", false],
    ["arn:aws:sns:*:123456789012:*", "arn:aws:sns:eu-central-1:123456789012:jobs", true],
    ["arn:aws:sns:*:jobs", "arn:aws:sns:eu-central-1:123456789012:jobs", false],
    ["arn:aws:sns:*:jobs", "arn:aws:sns:*:jobs", true],
    ["arn:aws:logs:*:*:log-group:*", "arn:aws:logs:eu-central-1:123456789012:log-group:a:*", true],
    ["arn:aws:s3:::${aws:username}/*", "arn:aws:s3:::${aws:username}/a", true],
    ["arn:aws:s3:::*/a", "arn:aws:s3:::${aws:username}/a", true],
    ["arn:aws:s3:::???????????????/a", "arn:aws:s3:::${aws:username}/a", false],
    ["arn:aws:s3:::?/a", "arn:aws:s3:::${aws:username}/a", false],
    ["arn:aws:s3:::${aws:userid}/a", "arn:aws:s3:::${aws:username}/a", false],
    ["arn:aws:s3:::a${*}", "arn:aws:s3:::a*", false],
    ["arn:aws:s3:::a*", "arn:aws:s3:::a${*}", true],
    ["arn:aws:s3:::a?", "arn:aws:s3:::a${*}", true],
  ];
  for (const [pattern, arn, expected] of rows) {
    it(`${pattern} ${expected ? "covers" : "does not cover"} ${arn}`, () => {
      assert.equal(coversArn(pattern, arn), expected);
    });
  }
});

describe("globs", () => {
  const glob = fc.string({ unit: fc.constantFrom("a", "b", "?", "*"), maxLength: 7 });
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 7 });
  const matches = (pattern: string, text: string): boolean =>
    new RegExp(`^${pattern.replaceAll("?", ".").replaceAll("*", ".*")}$`).test(text);

  it("contain themselves", () => {
    fc.assert(fc.property(glob, (a) => contains(parseGlob(a), parseGlob(a))));
  });

  it("match words as a regular expression does", () => {
    fc.assert(
      fc.property(glob, word, (a, text) => coversText(a, text) === matches(a, text)),
      { numRuns: 2000 },
    );
  });

  it("contain only what matches no more", () => {
    fc.assert(
      fc.property(glob, glob, word, (a, b, text) => {
        if (coversText(a, b) && matches(b, text)) assert.ok(matches(a, text));
      }),
      { numRuns: 5000 },
    );
  });

  it("are contained in a third one when each is in the next", () => {
    fc.assert(
      fc.property(glob, glob, glob, (a, b, c) => {
        if (coversText(a, b) && coversText(b, c)) assert.ok(coversText(a, c));
      }),
      { numRuns: 5000 },
    );
  });

  it("are contained wherever no word tells them apart (with ? only where that is plain)", () => {
    // Every word up to length 4 over three letters, one of which no pattern names.
    const letters = ["a", "b", "c"];
    const words = [""];
    for (let from = 0, length = 0; length < 4; length += 1) {
      const end = words.length;
      for (; from < end; from += 1) words.push(...letters.map((letter) => `${words[from] ?? ""}${letter}`));
    }
    const short = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 3 });
    fc.assert(
      fc.property(short, short, (a, b) => {
        const within = words.every((each) => !matches(b, each) || matches(a, each));
        assert.equal(coversText(a, b), within);
      }),
      { numRuns: 3000 },
    );
  });

  it("intersect exactly where a word matches both", () => {
    fc.assert(
      fc.property(glob, glob, word, (a, b, text) => {
        if (matches(a, text) && matches(b, text)) assert.ok(intersects(parseGlob(a), parseGlob(b)));
      }),
      { numRuns: 5000 },
    );
    const rows: readonly (readonly [string, string, boolean])[] = [
      ["s3:Get*", "s3:Put*", true],
      ["s3:Get*", "s3:*Object", false],
      ["iam:*", "s3:*", true],
      ["a?c", "ab", true],
      ["x${aws:username}", "xanything", false],
      ["", "?", true],
    ];
    for (const [a, b, disjoint] of rows) assert.equal(areDisjoint(a, b), disjoint, `${a} ${b}`);
  });

  it("are compared in a moment, however they are built", () => {
    const [outer, inner] = [`${"*a".repeat(250)}b`, `${"a*".repeat(250)}c`];
    const started = performance.now();
    contains(parseGlob(outer), parseGlob(inner));
    intersects(parseGlob(outer), parseGlob(inner));
    assert.ok(performance.now() - started < 2000);
  });
});
