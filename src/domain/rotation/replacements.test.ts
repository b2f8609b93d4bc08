import { deepEqual, equal } from "node:assert/strict";
import type { CurrentCredential, RotationStatus } from "./record.ts";
import { nextReplacement, replacementNoted, replacesLost } from "./replacements.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const at = (minutes: number): Date => new Date(START + minutes * 60_000);
const current: CurrentCredential = { version: "1-a", id: "k", issuedAt: "2026-01-01T00:00:00Z" };

describe("the bound on replacements", () => {
  it("lets three of a day pass, then one an hour, and three again when the day is over", () => {
    let status: RotationStatus = { current };
    for (const minutes of [0, 1, 2]) {
      equal(nextReplacement(status, at(minutes)), undefined);
      status = replacementNoted(status, "Lost", at(minutes));
    }
    deepEqual(nextReplacement(status, at(3)), at(62));
    equal(nextReplacement(status, at(62)), undefined);
    status = replacementNoted(status, "Leaked", at(62));
    deepEqual(nextReplacement(status, at(63)), at(122));
    equal(nextReplacement(status, at(62 + 24 * 60)), undefined);
  });

  it("counts what was lost or has leaked, and nothing that was planned or asked for", () => {
    for (const because of ["Scheduled", "Requested", "Resumed", "Changed"] as const) {
      equal(replacesLost({ current }, because), false);
      deepEqual(replacementNoted({ current }, because, at(0)), { current });
    }
    equal(replacesLost({ current }, "Leaked"), true);
    equal(replacesLost({}, "FirstIssue"), false, "the very first one");
    equal(replacesLost({ lastHandledLeak: "1-a" }, "FirstIssue"), true, "one that was revoked first");
  });
});
