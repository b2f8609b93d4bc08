import assert from "node:assert/strict";
import { CONDITIONS } from "../api/v1alpha1/reasons.ts";
import type { IdentityFacts } from "../domain/inventory/facts.ts";
import { PrometheusMetrics } from "./metrics.ts";

const RESOURCES = 10_000;
/** Series of one SecretRotation at rest: four conditions, two times, pending revocations, keys, those that stay and their quota. */
const OF_ROTATION = 10;
/** Of one identity at rest: one condition, the oldest credential, the end. */
const OF_IDENTITY = 3;

const count = (text: string): number => text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length;

const identity = (i: number): IdentityFacts => ({
  namespace: `team-${i % 500}`,
  name: `identity-${i}`,
  uid: `uid-${i}`,
  predecessors: [],
  // Everybody writes another word.
  team: `team-${i}`,
  contact: `someone-${i}@example.com`,
  purpose: `purpose ${i}`,
  environment: `environment-${i}`,
  state: "Active",
  ready: "True",
  accounts: [],
  undecided: 0,
  expiresAt: "2099-01-01T00:00:00Z",
  oldestCredentialAt: "2026-01-01T00:00:00Z",
});

const ATREST = ["Ready", "Verified", "DependentsUpdated", "OldCredentialRevoked"].map((type) => ({
  type,
  status: "True",
}));

/** As the operator tells of each at a pass. */
const tell = (metrics: PrometheusMetrics, i: number, conditions: readonly { type: string; status: string }[]): void => {
  const labels = { namespace: `team-${i % 500}`, name: `rotation-${i}` };
  metrics.conditions({ kind: "SecretRotation", ...labels }, conditions);
  // At rest there is no deadline; whatever passes by, there is one series for each of the two.
  const moving = conditions !== ATREST ? { rotationDeadline: new Date(i), revocationDueAt: new Date(i) } : {};
  metrics.credential(labels, { createdAt: new Date(1000 * i), nextRotationAt: new Date(2000 * i), ...moving });
  metrics.pendingRevocations(labels, i % 3);
  metrics.providerKeys(labels, { provider: "aws", identity: `user-${i}`, count: 1, staying: 1, quota: 2 });
};

describe("metrics of 10,000 rotations and as many identities", function () {
  this.timeout(60_000);

  it("are a bounded number of series for each, and some hundreds for all the rest", async () => {
    const metrics = new PrometheusMetrics({ version: "1", process: true });
    const before = count((await metrics.render()).text);
    const identities = Array.from({ length: RESOURCES }, (_, i) => identity(i));
    metrics.identitiesFrom(() => identities);
    for (let i = 0; i < RESOURCES; i += 1) {
      tell(metrics, i, ATREST);
      metrics.conditions({ kind: "ServiceAccountLifecycle", namespace: "x", name: `identity-${i}` }, [
        { type: "Ready", status: "True" },
      ]);
    }
    const { text } = await metrics.render();
    const rest = count(text) - RESOURCES * (OF_ROTATION + OF_IDENTITY);
    assert.ok(rest - before <= 600, `${rest - before} series beside those of resources`);
    assert.ok(text.length < 16 * 1024 * 1024, `${text.length} characters`);
  });

  it("do not grow with rotations, restarts of conditions or what people write, and end with their resources", async () => {
    const metrics = new PrometheusMetrics({ version: "1", process: false });
    const before = count((await metrics.render()).text);
    const all = Object.keys(CONDITIONS);
    for (let round = 0; round < 5; round += 1)
      for (let i = 0; i < 1000; i += 1) {
        tell(
          metrics,
          i,
          all.map((type, at) => ({
            type,
            status: (["True", "False", "Unknown"] as const)[(at + round) % 3] ?? "True",
          })),
        );
        metrics.rotationEnded({ result: "Succeeded", provider: "aws" });
      }
    // One status each, whatever they were before.
    assert.equal(count((await metrics.render()).text) - before, 1000 * (all.length + 8) + 1);
    for (let i = 0; i < 1000; i += 1)
      metrics.forget({ kind: "SecretRotation", namespace: `team-${i % 500}`, name: `rotation-${i}` });
    assert.equal(count((await metrics.render()).text) - before, 1);
  });

  it("take less than three seconds of work to be written", async () => {
    const metrics = new PrometheusMetrics({ version: "1", process: false });
    for (let i = 0; i < RESOURCES; i += 1) tell(metrics, i, ATREST);
    const began = process.cpuUsage();
    await metrics.render();
    const { user, system } = process.cpuUsage(began);
    assert.ok(user + system < 3_000_000, `${(user + system) / 1000} ms`);
  });
});
