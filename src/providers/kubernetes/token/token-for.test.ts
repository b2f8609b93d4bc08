import assert from "node:assert/strict";
import { namesInTokenFor } from "./token-for.ts";

describe("the annotation keyturn.dev/token-for", () => {
  const label = "a".repeat(63);
  const rows: readonly (readonly [value: string, names: readonly string[] | undefined])[] = [
    ["ci-token", ["ci-token"]],
    ["ci-token,backup", ["ci-token", "backup"]],
    ["  ci-token ,\tbackup  ", ["ci-token", "backup"]],
    ["0", ["0"]],
    [label, [label]],
    [`${label}a`, undefined],
    ["", undefined],
    [" ", undefined],
    [",", undefined],
    ["ci-token,", undefined],
    [",ci-token", undefined],
    ["ci-token,,backup", undefined],
    ["ci-token backup", undefined],
    ["ci-token;backup", undefined],
    ["payments/ci-token", undefined],
    ["default/payments/ci-token", undefined],
    ["CI-token", undefined],
    ["-ci", undefined],
    ["ci-", undefined],
    ["ci.token", undefined],
    ["ci_token", undefined],
    ["*", undefined],
    ["ci-token,*", undefined],
    ["\u0441i-token", undefined],
    ["ci\u0000", undefined],
  ];
  for (const [value, names] of rows)
    it(`${names === undefined ? "is no list in" : `names ${names.length} in`} ${JSON.stringify(value).slice(0, 40)}`, () => {
      assert.deepEqual(namesInTokenFor(value), names);
    });
});
