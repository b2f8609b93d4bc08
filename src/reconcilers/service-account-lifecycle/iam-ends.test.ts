import assert from "node:assert/strict";
import { ALLOW_ALL } from "../../providers/aws/identity/fake-policies.ts";
import { AWS_DENY, DENIALS, IamBench, NAME } from "./iam-bench.fake.ts";

const BOUND = "arn:aws:iam::111122223333:policy/theirs";

describe("an IAM user that is suspended and comes back", () => {
  it("gets the boundary back that the cut has replaced", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    user.boundary = BOUND;
    await bench.toRest();
    scene.refuse("putInlinePolicy");
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.equal(user.boundary, AWS_DENY);
    assert.equal(bench.condition("Suspended")?.status, "True");
    scene.allow("putInlinePolicy");
    bench.apply({ state: "Active" });
    await scene.passes(60);
    assert.equal(user.boundary, BOUND);
    assert.equal(scene.lets(), true);
  });

  it("keeps a denying boundary that somebody else has put on, whatever cut it meanwhile", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    user.boundary = AWS_DENY;
    await bench.toRest();
    scene.refuse("putInlinePolicy");
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.deepEqual(bench.record("lake")?.cutWays, ["AttachedDeny"]);
    scene.allow("putInlinePolicy");
    bench.apply({ state: "Active" });
    await scene.passes(60);
    assert.equal(user.boundary, AWS_DENY);
    assert.equal(scene.lets(), false);
  });

  it("keeps a denying policy that somebody else has attached, whatever cut it meanwhile", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    user.attached.add(AWS_DENY);
    await bench.toRest();
    scene.refuse("putInlinePolicy", "setBoundary");
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.equal(bench.condition("Suspended")?.status, "True");
    scene.allow("putInlinePolicy", "setBoundary");
    bench.apply({ state: "Active" });
    await scene.passes(60);
    assert.equal(user.attached.has(AWS_DENY), true);
    assert.equal(scene.lets(), false);
  });
});

describe("an IAM user on which no denial can be put", () => {
  it("loses its console password with its grants, and is proven to be refused", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    user.credentials.push({ kind: "Password", id: NAME, createdAt: bench.bench.clock.now(), enabled: true });
    scene.refuse(...DENIALS);
    bench.apply({ state: "Suspended" });
    await scene.passes(20);
    assert.deepEqual(user.credentials, []);
    assert.equal(scene.lets(), false);
    assert.equal(bench.condition("Suspended")?.status, "True");
  });

  it("is switched off wherever it can be although what its policies say finds no room on record", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    user.inline.set("later", JSON.stringify({ Version: "2012-10-17", Later: " ".repeat(21_000), Statement: [] }));
    user.keys.set("AKIAX", { id: "AKIAX", secret: "s", createdAt: bench.bench.clock.now(), enabled: true });
    scene.refuse(...DENIALS);
    bench.apply({ state: "Suspended" });
    await scene.passes(20);
    assert.equal(user.keys.get("AKIAX")?.enabled, false);
    assert.deepEqual([...user.attached], []);
    assert.deepEqual([...user.inline.keys()], ["later"]);
    assert.ok((bench.record("lake")?.former ?? []).every(({ value }) => value.length <= 20_480));
    assert.equal(bench.condition("Suspended")?.status, "False");
    bench.apply({ state: "Decommissioned" });
    await scene.passes(20);
    assert.deepEqual([...user.inline.keys()], []);
  });

  it("loses the 65th privilege as well when it ends, although the record has room for 64", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    for (let n = 0; n < 70; n += 1) user.inline.set(`p${n}`, ALLOW_ALL);
    user.keys.set("AKIAX", { id: "AKIAX", secret: "s", createdAt: bench.bench.clock.now(), enabled: true });
    scene.refuse(...DENIALS);
    bench.apply({ state: "Suspended" });
    await scene.passes(20);
    assert.equal(user.keys.get("AKIAX")?.enabled, false);
    assert.equal(bench.condition("Suspended")?.status, "False");
    bench.apply({ state: "Decommissioned" });
    await scene.passes(20);
    assert.equal(scene.lets(), false);
    assert.equal(bench.condition("Offboarded")?.status, "True");
  });
});
