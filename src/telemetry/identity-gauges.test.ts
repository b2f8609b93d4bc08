import assert from "node:assert/strict";
import type { IdentityFacts } from "../domain/inventory/facts.ts";
import { PrometheusMetrics } from "./metrics.ts";

const identity = (name: string, facts: Partial<IdentityFacts> = {}): IdentityFacts => ({
  namespace: "payments",
  name,
  uid: name,
  predecessors: [],
  team: "payments",
  contact: "p@example.com",
  purpose: "x",
  environment: "production",
  state: "Active",
  ready: "True",
  accounts: [],
  undecided: 0,
  ...facts,
});

const setUp = (identities: IdentityFacts[]) => {
  const metrics = new PrometheusMetrics({ version: "1", process: false });
  metrics.identitiesFrom(() => identities);
  const lines = async (name: string): Promise<readonly string[]> =>
    (await metrics.render()).text.split("\n").filter((line) => line.startsWith(`${name}{`));
  return { metrics, lines };
};

describe("metrics of identities", () => {
  it("count them by team, environment and state, as they are when they are asked for", async () => {
    const identities = [identity("a"), identity("b"), identity("c", { environment: undefined })];
    const { lines } = setUp(identities);
    assert.deepEqual(await lines("keyturn_identities"), [
      'keyturn_identities{team="payments",environment="production",state="Active"} 2',
      'keyturn_identities{team="payments",environment="",state="Active"} 1',
    ]);
    identities.splice(0, 3, identity("b", { state: "Suspended" }));
    assert.deepEqual(await lines("keyturn_identities"), [
      'keyturn_identities{team="payments",environment="production",state="Suspended"} 1',
    ]);
  });

  it("show the oldest credential and the end of each, and nothing of one that is gone or has none", async () => {
    const times = { oldestCredentialAt: "2026-10-01T00:00:00Z", expiresAt: "2027-01-01T01:00:00+01:00" };
    const identities = [identity("a", times), identity("b", { expiresAt: "not a time" })];
    const { lines } = setUp(identities);
    const of = (seconds: number): string => `{namespace="payments",name="a"} ${seconds}`;
    const [oldest, expiry] = [
      "keyturn_identity_oldest_credential_timestamp_seconds",
      "keyturn_identity_expiry_timestamp_seconds",
    ];
    assert.deepEqual(await lines(oldest), [`${oldest}${of(1_790_812_800)}`]);
    assert.deepEqual(await lines(expiry), [`${expiry}${of(1_798_761_600)}`]);
    identities.length = 0;
    assert.deepEqual([...(await lines(oldest)), ...(await lines(expiry))], []);
  });

  it("stay few whatever words teams choose, and still count everybody", async () => {
    const { lines } = setUp(Array.from({ length: 2000 }, (_, index) => identity(`i${index}`, { team: `t${index}` })));
    const all = await lines("keyturn_identities");
    assert.equal(all.length, 501);
    assert.ok(all.includes('keyturn_identities{team="(others)",environment="(others)",state="Active"} 1500'));
  });

  it("show unowned marks of the newest survey alone", async () => {
    const { metrics, lines } = setUp([]);
    metrics.unownedMarks([
      { connection: "aws", count: 2 },
      { connection: "vault", count: 0 },
    ]);
    metrics.unownedMarks([{ connection: "vault", count: 1 }]);
    assert.deepEqual(await lines("keyturn_unowned_marks"), ['keyturn_unowned_marks{connection="vault"} 1']);
  });

  it("tell how many objects of others stay because nobody knows what they forbid, and nothing when there is none", async () => {
    const identities = [identity("a", { undecided: 2 }), identity("b")];
    const { lines } = setUp(identities);
    const name = "keyturn_identity_undecided_objects";
    assert.deepEqual(await lines(name), [`${name}{namespace="payments",name="a"} 2`]);
    identities.splice(0, 1, identity("a"));
    assert.deepEqual(await lines(name), []);
  });
});
