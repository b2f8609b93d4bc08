import assert from "node:assert/strict";
import type { ProviderConnection } from "../../api/v1alpha1/provider-connection.ts";
import type { KubeObject } from "../../cluster/contract.ts";
import { Bench, connectionRef } from "../ports.fake.ts";
import { connectionReconciler } from "./reconciler.ts";

const looked = async (bench: Bench) => {
  await connectionReconciler(bench.ports).reconcile({ namespace: "", name: "aws" }, bench.context());
  const { status } = (await bench.cluster.get<ProviderConnection & KubeObject>(connectionRef("aws"))) ?? {};
  const of = (type: string) => status?.conditions?.find((condition) => condition.type === type);
  return { ready: of("Ready"), rights: of("RightsMissing") };
};

describe("a connection whose login lacks rights", () => {
  it("names each, and is ready all the same", async () => {
    const bench = new Bench();
    bench.missingRights = ["iam:GetPolicy", "iam:GetGroupPolicy"];
    const { ready, rights } = await looked(bench);
    assert.deepEqual([ready?.status, ready?.reason], ["True", "LoggedIn"]);
    assert.deepEqual([rights?.status, rights?.reason], ["True", "NotAllowed"]);
    assert.match(rights?.message ?? "", /lacks iam:GetPolicy, iam:GetGroupPolicy\./);
  });

  it("keeps what was said while it cannot be found out, and takes it back when they are there", async () => {
    const bench = new Bench();
    bench.missingRights = ["iam:GetPolicy"];
    const before = await looked(bench);
    bench.missingRights = undefined;
    const { ready, rights } = await looked(bench);
    assert.equal(ready?.status, "True");
    assert.deepEqual(rights, before.rights);
    bench.missingRights = [];
    assert.equal((await looked(bench)).rights, undefined);
  });
});
