import assert from "node:assert/strict";
import type { ProviderConnection } from "../api/v1alpha1/provider-connection.ts";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { Budgets } from "./budgets.ts";

const connection = (name: string, generation = 1): ProviderConnection =>
  ({ metadata: { name, uid: `u-${name}`, generation }, spec: { vault: {} } }) as unknown as ProviderConnection;

describe("budgets of connections", () => {
  it("are one for each generation, and gone with the connection", () => {
    const budgets = new Budgets(new FakeClock());
    const first = budgets.of(connection("vault"));
    assert.equal(budgets.of(connection("vault")), first);
    assert.notEqual(budgets.of(connection("aws")), first);
    assert.notEqual(budgets.of(connection("vault", 2)), first);
    budgets.retire("vault");
    assert.deepEqual(budgets.open(), [{ connection: "aws", host: 0, others: 0 }]);
  });

  it("tell which of their breakers are open", async () => {
    const budgets = new Budgets(new FakeClock());
    budgets.of(connection("aws"));
    const away = new OperatorError("Unavailable", { publicMessage: "away", hostFault: true });
    for (let n = 0; n < 5; n += 1) {
      const { signal } = new AbortController();
      await assert.rejects(budgets.of(connection("vault")).run({ signal }, () => Promise.reject(away)));
    }
    assert.deepEqual(budgets.open(), [
      { connection: "aws", host: 0, others: 0 },
      { connection: "vault", host: 1, others: 0 },
    ]);
  });
});
