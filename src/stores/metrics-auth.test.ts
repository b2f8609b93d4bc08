import assert from "node:assert/strict";
import { FakeCluster } from "../cluster/fake-cluster.ts";
import { OperatorError } from "../kernel/errors.ts";
import { FakeClock } from "../kernel/fake-clock.ts";
import { claimName, claimStore } from "./claims.ts";
import { CONFIG_MAPS } from "./kinds.ts";
import { undeclaredAuth } from "./metrics-auth.ts";

const NAMESPACE = "keyturn-system";
const OWNER = { kind: "SecretRotation", namespace: "team-a", name: "db", uid: "u-1" };

const bench = () => {
  const cluster = new FakeCluster(new FakeClock());
  const claims = claimStore(cluster, NAMESPACE);
  const decided = (): Promise<string> => undeclaredAuth(cluster, NAMESPACE);
  /** As a version before wrote it. */
  const claimOfBefore = (target: string): void => {
    const data = {
      target,
      ownerKind: OWNER.kind,
      ownerNamespace: "team-a",
      ownerName: "db",
      ownerUid: "u-1",
      snapshot: "{}",
    };
    const labels = { "app.kubernetes.io/managed-by": "keyturn", "keyturn.dev/role": "claim" };
    cluster.seed({ kind: CONFIG_MAPS, namespace: NAMESPACE, name: claimName(target) }, { metadata: { labels }, data });
  };
  return { cluster, claims, decided, claimOfBefore };
};

describe("readers of the metrics, where nothing is declared", () => {
  it("are reviewed in a new cluster, and after a restart that finds this version's own claims", async () => {
    const { cluster, claims, decided } = bench();
    assert.equal(await decided(), "Reviewed");
    const made = await claims.make("awsAccessKey/1/u", { owner: OWNER, snapshot: "{}" });
    assert.equal(made.kind, "made");
    assert.equal(await decided(), "Reviewed");
    const claim = await claims.read("awsAccessKey/1/u");
    await claims.takeOver(await claims.update(claim!, { sequence: 2 }), { ...OWNER, uid: "u-2" });
    assert.equal(await decided(), "Reviewed");
    cluster.seed({ kind: CONFIG_MAPS, namespace: NAMESPACE, name: "keyturn-limits" }, { data: {} });
    assert.equal(await decided(), "Reviewed");
  });

  it("are not where there is one claim of before, also when this version has written to it", async () => {
    const { claims, decided, claimOfBefore } = bench();
    claimOfBefore("secret/team-a/db");
    await claims.make("awsAccessKey/1/u", { owner: OWNER, snapshot: "{}" });
    assert.equal(await decided(), "None");
    const claim = await claims.read("secret/team-a/db");
    const updated = await claims.update(claim!, { sequence: 2 });
    assert.equal(await decided(), "None");
    await claims.release(updated.target, OWNER.uid);
    assert.equal(await decided(), "Reviewed");
  });

  it("stay undecided while no claim can be read, or the list does not come", async () => {
    const { cluster, decided, claimOfBefore } = bench();
    claimOfBefore("secret/team-a/db");
    cluster.unreadable.add(`configmaps ${NAMESPACE}/${claimName("secret/team-a/db")}`);
    await assert.rejects(decided(), { code: "Unavailable" });
    claimOfBefore("secret/team-a/other");
    assert.equal(await decided(), "None");
    cluster.failNext(
      ({ verb }) => verb === "list",
      new OperatorError("Unavailable", { publicMessage: "No." }),
      "before",
    );
    await assert.rejects(decided(), { code: "Unavailable" });
  });
});
