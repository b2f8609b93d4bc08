import assert from "node:assert/strict";
import { waitingFirst, type Waiting } from "./waiting.ts";

const of = (name: string, reason?: string, since = "", deletionTimestamp?: string): Waiting => ({
  metadata: {
    name,
    uid: name,
    resourceVersion: "1",
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  },
  status: {
    conditions:
      reason === undefined
        ? []
        : [{ type: "ReadOnly", status: "True", reason, message: "", lastTransitionTime: since }],
  },
});

describe("what read-only keeps waiting", () => {
  it("is told with the oldest leaver first, then what else waits, then the rest as it was", () => {
    const all = [
      of("rest-2"),
      of("waits-2", "Waiting", "2026-01-02T00:00:00Z"),
      of("leaver-2", "EndWaiting", "2026-01-05T00:00:00Z"),
      of("rest-1"),
      of("waits-1", "Waiting", "2026-01-01T00:00:00Z"),
      // Asked to go long before read-only was switched on.
      of("leaver-1", "EndWaiting", "2026-01-06T00:00:00Z", "2026-01-03T00:00:00Z"),
    ];
    const names = waitingFirst(all).map(({ metadata }) => metadata.name);
    assert.deepEqual(names, ["leaver-1", "leaver-2", "waits-1", "waits-2", "rest-2", "rest-1"]);
  });
});
