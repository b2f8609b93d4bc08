import assert from "node:assert/strict";
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
