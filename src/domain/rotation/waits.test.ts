import assert from "node:assert/strict";
import { isLifted } from "./waits.ts";

describe("back-off", () => {
  it("is lifted when the provider is back, but for a refusal, which it would only repeat", () => {
    assert.equal(isLifted(true, { reason: "Unavailable" }), true);
    assert.equal(isLifted(true, { reason: "Timeout" }), true);
    assert.equal(isLifted(true, { reason: "PermissionDenied" }), false);
    assert.equal(isLifted(true, { reason: "InvalidSpec" }), false);
    assert.equal(isLifted(false, { reason: "Unavailable" }), false);
    assert.equal(isLifted(undefined, { reason: "Unavailable" }), false);
  });
});
