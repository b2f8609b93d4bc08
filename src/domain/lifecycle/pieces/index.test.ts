import assert from "node:assert/strict";
import type { DesiredAccount } from "../action.ts";
import { sharedTarget } from "./index.ts";

const account = (name: string, target: string): DesiredAccount => ({
  ...{ name, target, declaration: "{}", pieces: [] },
  ...{ cutsByRemoval: false, canDisableCredentials: true },
});
const shared = (one: string, other: string) => sharedTarget({ a: account("a", one), b: account("b", other) });

describe("two accounts of one identity", () => {
  it("are the same thing where their targets are", () => {
    assert.deepEqual(shared("aws-user/1/etl", "aws-user/1/etl"), {
      field: "spec.accounts[b]",
      message: "spec.accounts[b] is the same account as spec.accounts[a]; give it another name.",
    });
    assert.equal(shared("aws-user/1/etl", "aws-role/1/etl"), undefined);
  });

  it("are the same IAM user or role in whatever case it is spelled, and not the same elsewhere", () => {
    assert.equal(shared("aws-user/1/ETL-loader", "aws-user/1/etl-loader")?.field, "spec.accounts[b]");
    assert.equal(shared("vault-entity/v/-/ETL", "vault-entity/v/-/etl"), undefined);
  });
});
