import assert from "node:assert/strict";
import { Budget, type Caller } from "../engine/budget.ts";
import type { Behind } from "../kernel/behind.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { silentLogger } from "../kernel/logger.ts";
import { SecretMaterial } from "../kernel/secret-material.ts";
import { FakeSource } from "../providers/fake-source.ts";
import { PrometheusMetrics } from "../telemetry/metrics.ts";
import { measuredSource } from "./measured.ts";

class CountingBudget extends Budget {
  taken = 0;

  override run<T>(caller: Caller, call: (behind: Behind) => Promise<T>): Promise<T> {
    this.taken += 1;
    return super.run(caller, call);
  }
}

describe("a source's calls", () => {
  const takenBy = async (checksHere: boolean): Promise<readonly number[]> => {
    const clock = new FakeClock();
    const budget = new CountingBudget({ clock, name: "vault", perSecond: 100, burst: 100, atOnce: 100 });
    const metrics = new PrometheusMetrics({ version: "0", process: false });
    const fake = new FakeSource(clock, checksHere ? { checksHere } : {});
    const source = measuredSource(fake, { clock, metrics, provider: "fake", budget });
    const context = { signal: new AbortController().signal, log: silentLogger };
    const material = new SecretMaterial({ accessKeyId: "a", secretAccessKey: "b" });
    await source.list(context);
    const asked = budget.taken;
    await source.verify(material, clock.now(), context);
    await source.negativeControl(material, context);
    return [asked, budget.taken - asked];
  };

  it("take from the budget of the connection, checks too", async () => {
    assert.deepEqual(await takenBy(false), [1, 2]);
  });

  it("take nothing where a check asks nobody", async () => {
    assert.deepEqual(await takenBy(true), [1, 0]);
  });
});
