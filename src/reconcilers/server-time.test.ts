import assert from "node:assert/strict";
import { isTimeTrusted, msUntil } from "./server-time.ts";

const NOW = new Date("2026-01-01T00:00:04.000Z");

describe("a wait by kube-apiserver's time", () => {
  for (const [what, at, ms] of [
    ["a millisecond past the second that is known lasts until the next second", "2026-01-01T00:00:04.001Z", 1000],
    ["for a whole second ends with it", "2026-01-01T00:00:06.000Z", 2000],
    ["for what is due is none", "2026-01-01T00:00:04.000Z", 0],
    ["for what is overdue is none", "2025-01-01T00:00:00.000Z", 0],
  ] as const)
    it(what, () => {
      assert.equal(msUntil(new Date(at), NOW), ms);
      assert.equal(msUntil(Date.parse(at), NOW), ms);
    });
});

describe("kube-apiserver's clock", () => {
  it("is trusted within thirty seconds of this one, either way, and only when it is known", () => {
    assert.equal(isTimeTrusted({ skewMs: -30_000 }), true);
    assert.equal(isTimeTrusted({ skewMs: 30_001 }), false);
    assert.equal(isTimeTrusted(undefined), false);
  });
});
