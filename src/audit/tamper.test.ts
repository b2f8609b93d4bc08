import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeClock } from "../kernel/fake-clock.ts";
import { openAuditTrail } from "./chain.ts";
import { trailFiles } from "./files.ts";
import { tamperDrill } from "./tamper.fake.ts";

/** Three processes, of which the first fills several files. */
const realTrail = async (folder: string): Promise<void> => {
  const clock = new FakeClock();
  for (const longestFileBytes of [4_000, 1_000_000, 1_000_000]) {
    const trail = await openAuditTrail({ files: trailFiles(folder), clock, longestFileBytes });
    for (let turn = 0; turn < 12; turn += 1) {
      const subject = { kind: "SecretRotation", namespace: "payments", name: "billing", uid: "u1" };
      const about = { subject, target: `key-${turn}`, passId: "p", onSinkFailure: "FailClosed" } as const;
      await (await trail.begin({ action: "issue", ...about })).succeeded();
    }
    await trail.close();
    await clock.advance(5_000);
  }
};

describe("a trail that is tampered with", () => {
  it("is found in each way that a hash chain can show, and an untouched one is whole", async () => {
    const folder = await mkdtemp(join(tmpdir(), "keyturn-trail-"));
    try {
      await realTrail(folder);
      const { untouched, results } = await tamperDrill(folder);
      assert.deepEqual([untouched.ok, untouched.findings], [true, []]);
      assert.deepEqual(
        results.filter(({ found }) => found.length === 0),
        [],
      );
      assert.ok(results.length >= 30, `${results.length} cases`);
      assert.ok(new Set(results.map(({ kind }) => kind)).size >= 8);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
