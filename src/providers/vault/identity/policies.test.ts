import assert from "node:assert/strict";
import { context, leaver, name, type Leaver } from "./bench.fake.ts";

describe("Vault policies that nobody declared", () => {
  const effectOf = async (bench: Leaver, policy: string) =>
    (await bench.client.observe(context)).pieces.find(({ key }) => key === `policy/${policy}`);
  const given = async (policy: string): Promise<Leaver> => {
    const bench = await leaver("JWT");
    const entity = bench.identity.entities.get(name)!;
    entity.policies = [...entity.policies, policy];
    return bench;
  };
  const TEXTS = [
    ["Allows", `path "kv/*" { capabilities = ["read"] }`],
    ["Denies", `path "kv/*" { capabilities = ["deny"] }`],
    ["Both", `path "kv/*" { capabilities = ["read"] } path "kv/a" { capabilities = ["deny"] }`],
    ["Both", "odd"],
  ] as const;
  for (const [effect, text] of TEXTS) {
    it(`${effect}: ${text}`, async () => {
      const bench = await given("incident-7");
      bench.identity.policies.set("incident-7", text);
      assert.equal((await effectOf(bench, "incident-7"))?.effect, effect);
    });
  }

  it("one that does not exist forbids nothing", async () => {
    assert.equal((await effectOf(await given("gone"), "gone"))?.effect, "Allows");
  });

  it("one that may not be read is Unread, and the right that lacks is named", async () => {
    const bench = await given("incident-7");
    bench.identity.missingRights.add("sys/policies/acl");
    const found = await effectOf(bench, "incident-7");
    assert.deepEqual([found?.effect, found?.missingRight], ["Unread", "read sys/policies/acl/incident-7"]);
  });

  it("one with a name that cannot be asked for is Unread, and nothing is sent", async () => {
    const bench = await given("../raw");
    assert.equal((await effectOf(bench, "../raw"))?.effect, "Unread");
    assert.equal(bench.vault.log.includes("readPolicy"), false);
  });

  it("are read once a minute; declared ones never", async () => {
    const bench = await given("incident-7");
    bench.identity.policies.set("incident-7", TEXTS[0][1]);
    assert.equal((await effectOf(bench, "read-invoices"))?.effect, undefined);
    await bench.client.observe(context);
    assert.equal(bench.vault.log.filter((call) => call === "readPolicy").length, 1);
    bench.identity.policies.set("incident-7", TEXTS[1][1]);
    await bench.clock.advance(60_001);
    assert.equal((await effectOf(bench, "incident-7"))?.effect, "Denies");
  });
});
