import assert from "node:assert/strict";
import { ledgerDue } from "./due.ts";
import type { OrphanSpec, OrphanStatus } from "./record.ts";

const entry = (more: Partial<OrphanSpec> = {}, ready?: "True" | "False") => {
  const spec: OrphanSpec = {
    origin: { kind: "SecretRotation", namespace: "payments", name: "billing", uid: "u1" },
    target: "aws-access-key/1/billing",
    policy: "Delete",
    recordedAt: "2026-01-01T12:00:00Z",
    holdSeconds: 86_400,
    ...more,
  };
  const time = "2026-01-01T12:00:00Z";
  const condition = {
    type: "Ready",
    status: ready ?? "False",
    reason: "Revoked",
    message: "x",
    lastTransitionTime: time,
  };
  const status: OrphanStatus = ready === undefined ? {} : { conditions: [condition] };
  return { spec, status };
};
const due = (...entries: Parameters<typeof ledgerDue>[0]): string | undefined => {
  const at = ledgerDue(entries);
  return at === undefined ? undefined : new Date(at).toISOString().replace(".000", "");
};

describe("when the ledger is due", () => {
  const rows: readonly (readonly [string, string | undefined, string | undefined])[] = [
    ["is never while it is empty", due(), undefined],
    ["is when an entry's hold ends", due(entry()), "2026-01-02T12:00:00Z"],
    [
      "is when the hold that is on record ends",
      due(entry({ heldUntil: "2026-01-31T12:00:00Z" })),
      "2026-01-31T12:00:00Z",
    ],
    [
      "is when no late answer can come any more",
      due(entry({ holdSeconds: 60, attributionSeconds: 3600 })),
      "2026-01-01T13:00:00Z",
    ],
    ["is at once for what is to be disabled", due(entry({ policy: "Disable" }, "False")), "2026-01-01T12:00:00Z"],
    [
      "is at its end for what is in use until then",
      due(entry({ policy: "Disable", held: "UntilEnd", until: "2026-06-30T00:00:00Z" }, "False")),
      "2026-06-30T00:00:00Z",
    ],
    ["is never for what is kept disabled", due(entry({ policy: "Disable" }, "True")), undefined],
    [
      "is when the first is, whatever is held for longer",
      due(entry({ holdSeconds: 30 * 86_400 }), entry({}, "False"), entry({ policy: "Disable" }, "True")),
      "2026-01-02T12:00:00Z",
    ],
  ];
  for (const [sentence, found, expected] of rows)
    it(sentence, () => {
      assert.equal(found, expected);
    });
});
