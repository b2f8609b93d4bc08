import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import { Bench, OPERATOR_NAMESPACE } from "../ports.fake.ts";

describe("publishing", () => {
  it("believes what it reads back, not what the write was answered: a Conflict is no success", async () => {
    const bench = new Bench();
    bench.deploy("web");
    bench.apply();
    const conflict = new OperatorError("Conflict", { publicMessage: "somebody wrote in between" });
    bench.cluster.failNext(
      (call) => call.verb === "create" && call.plural === "secrets" && call.namespace !== OPERATOR_NAMESPACE,
      conflict,
      "before",
      2,
    );
    for (let pass = 0; pass < 60; pass += 1) {
      const { recheckAfterMs } = await bench.pass();
      const ready = bench.condition("Ready")?.status === "True";
      assert.ok(!ready || bench.delivered() !== undefined, "Ready although nothing is delivered");
      const written = (bench.status().deliveries ?? []).some(
        ({ name, version }) => name === "app" && version !== "0-unwritten",
      );
      assert.ok(!written || bench.delivered() !== undefined, "on record as delivered although nothing is there");
      await bench.clock.advance(Math.min(recheckAfterMs ?? 1000, 60_000));
    }
    assert.equal(bench.condition("Ready")?.status, "True");
  });
});
