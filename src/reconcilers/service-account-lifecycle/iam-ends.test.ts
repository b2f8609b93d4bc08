import assert from "node:assert/strict";
import type { Account } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { awsRefusal } from "../../providers/aws/fake-calls.ts";
import { ALLOW_ALL } from "../../providers/aws/identity/fake-policies.ts";
import { AWS_DENY, DENIALS, IamBench, NAME } from "./iam-bench.fake.ts";

const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
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

  it("keeps a denying boundary that somebody else puts on after its own was refused", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    scene.refuse("putInlinePolicy", "setBoundary");
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.deepEqual(bench.record("lake")?.cutWays, ["AttachedDeny"]);
    user.boundary = AWS_DENY;
    await bench.toRest();
    scene.allow("putInlinePolicy", "setBoundary");
    bench.apply({ state: "Active" });
    await scene.passes(60);
    assert.equal(user.boundary, AWS_DENY);
    assert.deepEqual([...user.attached].includes(AWS_DENY), false);
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

  it("gets back what others have forbidden in a policy that gives as well", async () => {
    const theirs = "arn:aws:iam::111122223333:policy/theirs";
    const statements = [
      { Effect: "Allow", Action: "sqs:*", Resource: "*" },
      { Effect: "Deny", Action: "s3:DeleteObject", Resource: "*" },
    ];
    const document = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    scene.world.policyDocuments.set(theirs, { version: "v1", document });
    user.attached.add(theirs);
    user.inline.set("theirs", document.replace("s3:DeleteObject", "s3:PutObject"));
    await bench.toRest();
    scene.refuse(...DENIALS);
    bench.apply({ state: "Suspended" });
    await bench.toRest();
    assert.deepEqual([...user.attached], []);
    assert.equal(bench.condition("Suspended")?.status, "True");
    scene.allow(...DENIALS);
    bench.apply({ state: "Active" });
    await bench.toRest();
    const may = ["s3:GetObject", "s3:DeleteObject", "s3:PutObject"].map((action) => scene.lets(action));
    assert.deepEqual(may, [true, false, false]);
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

describe("an IAM user whose inline policies may not be read", () => {
  it("is cut by a denial that can be seen, and switched off", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    user.inline.set("theirs", ALLOW_ALL);
    user.keys.set("AKIAX", { id: "AKIAX", secret: "s", createdAt: bench.bench.clock.now(), enabled: true });
    scene.refuse("inlinePolicy");
    bench.apply({ state: "Suspended" });
    await scene.passes(10);
    assert.equal(user.keys.get("AKIAX")?.enabled, false);
    assert.equal(user.boundary, AWS_DENY);
    assert.deepEqual(bench.condition("Suspended")?.status, "True");
    assert.match(bench.condition("Suspended")?.message ?? "", /iam:GetUserPolicy/);
    scene.allow("inlinePolicy");
    bench.apply({ state: "Active" });
    await scene.passes(30);
    assert.equal(scene.lets(), true);
  });
});

describe("an IAM user whose account gets another name in the spec", () => {
  it("ends under the old name before it begins under the new one, and has its claim", async () => {
    const named = (name: string): Account => ({
      name,
      aws: { connectionRef: { name: "aws" }, user: { name: NAME, policies: [READ_ONLY] } },
    });
    const scene = await IamBench.joined({ accounts: [named("lake")] });
    const { bench } = scene;
    bench.apply({ accounts: [named("pond")] });
    for (let pass = 0; pass < 60; pass += 1) {
      await scene.passes(1, 500);
      assert.equal(bench.condition("Ready")?.status === "True" && !scene.lets(), false, "Ready while it is cut");
    }
    assert.equal(bench.record("lake")?.state, "Cut");
    assert.match(bench.condition("Ready")?.message ?? "", /under another name/);
    await bench.toRest();
    assert.equal(bench.condition("Ready")?.reason, "AsDeclared");
    assert.equal(scene.lets(), true);
    assert.equal(bench.claims(), 1);
  });
});

describe("an IAM user whose differences are only reported", () => {
  it("gets back what somebody else gave it, although a request was throttled on the way", async () => {
    const theirs = "arn:aws:iam::111122223333:policy/theirs";
    const accounts = [{ name: "lake", aws: { connectionRef: { name: "aws" }, user: { policies: [READ_ONLY] } } }];
    const spec = { accounts, drift: { mode: "Report" as const } };
    const scene = await IamBench.joined(spec);
    const { bench, user } = scene;
    user.attached.add(theirs);
    await bench.toRest();
    scene.refuse(...DENIALS);
    bench.apply({ ...spec, state: "Suspended" });
    await bench.toRest();
    assert.equal(user.attached.has(theirs), false);
    scene.allow(...DENIALS);
    for (let time = 0; time < 2; time += 1)
      scene.world.failNext("attachPolicy", awsRefusal("Throttled", "Throttling", 400));
    bench.apply({ ...spec, state: "Active" });
    await bench.toRest();
    assert.equal(user.attached.has(theirs), true);
    assert.equal(bench.condition("Drifted")?.reason, "Reported");
  });
});
