import assert from "node:assert/strict";
import type { Account } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { ORPHANED_CREDENTIAL } from "../../api/v1alpha1/orphaned-credential.ts";
import type { KubeObject, ObjectRef } from "../../cluster/contract.ts";
import { OperatorError } from "../../kernel/errors.ts";
import { awsRefusal } from "../../providers/aws/fake-calls.ts";
import { ALLOW_ALL } from "../../providers/aws/identity/fake-policies.ts";
import { IDENTITY } from "./bench.fake.ts";
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
  it("keeps over a suspension what somebody else gave it, although another account's bindings are made again", async () => {
    const FULL = "arn:aws:iam::aws:policy/AmazonS3FullAccess";
    const scene = await IamBench.joined({ drift: { mode: "Report" } });
    const { bench, user } = scene;
    user.attached.add(FULL);
    await bench.toRest();
    bench.apply({ drift: { mode: "Report" }, state: "Suspended" });
    await bench.toRest();
    assert.deepEqual(bench.keys("cluster"), []);
    bench.apply({ drift: { mode: "Report" } });
    await scene.passes(60);
    assert.notDeepEqual(bench.keys("cluster"), []);
    assert.equal(user.attached.has(FULL), true);
    assert.match(bench.condition("Drifted")?.message ?? "", /AmazonS3FullAccess/);
  });

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

describe("an IAM user that is deleted while IAM refuses every step", () => {
  const STEPS = [...DENIALS, "detachPolicy", "deleteInlinePolicy", "updateAccessKey"];
  const deleted = async (): Promise<IamBench> => {
    const scene = await IamBench.joined();
    const createdAt = scene.bench.bench.clock.now();
    scene.user.keys.set("AKIALAKE", { id: "AKIALAKE", secret: "lake", createdAt, enabled: true });
    scene.refuse(...STEPS);
    // The pass ends before the ledger knows of the second denial, and the next one tries that before the keys.
    const { cluster } = scene.bench.bench;
    const write = cluster.replaceStatus.bind(cluster);
    cluster.replaceStatus = <T extends KubeObject>(ref: ObjectRef, object: T) => {
      if (ref.kind !== ORPHANED_CREDENTIAL) return write(ref, object);
      cluster.replaceStatus = write;
      return Promise.reject(new OperatorError("Unavailable", { publicMessage: "Not now." }));
    };
    await scene.bench.delete();
    await scene.passes(5, 2000);
    assert.equal(scene.lets(), true);
    return scene;
  };

  it("is cut with the first pass after a way is open, however many were refused before", async () => {
    const scene = await deleted();
    assert.equal(scene.bench.status().leaveFailures?.reason, "PermissionDenied");
    scene.allow(...STEPS);
    await scene.passes(2, 60_000);
    assert.equal(scene.lets(), false);
    assert.equal(scene.user.keys.get("AKIALAKE")?.enabled, false);
  });

  it("has no refused denial on record, in the ledger neither", async () => {
    const scene = await deleted();
    const entry = scene.bench.entry();
    const known = (entry?.status?.accounts ?? entry?.spec.accounts)?.find(({ name }) => name === "lake");
    assert.deepEqual(known?.enabledCredentials, ["AKIALAKE"]);
    assert.deepEqual(known.cutWays, scene.bench.record("lake")?.cutWays);
    assert.equal(known.cutWays?.includes("Boundary"), false);
  });

  it("gets back the boundary that a pass has replaced whose own record was lost", async () => {
    const scene = await IamBench.joined();
    const { bench } = scene;
    scene.user.boundary = BOUND;
    await bench.toRest();
    scene.refuse("putInlinePolicy", "updateAccessKey");
    scene.user.keys.set("AKIALAKE", {
      ...{ id: "AKIALAKE", secret: "lake", enabled: true },
      createdAt: bench.bench.clock.now(),
    });
    const before = bench.status();
    await bench.delete();
    await bench.pass();
    assert.equal(scene.user.boundary, AWS_DENY);
    const left = bench.object();
    bench.bench.cluster.seed(IDENTITY, { ...left, status: before });
    scene.allow("putInlinePolicy", "updateAccessKey");
    await scene.passes(5);
    assert.equal(bench.exists, false);
    const entry = bench.entry();
    const known = (entry?.status?.accounts ?? entry?.spec.accounts)?.find(({ name }) => name === "lake");
    assert.deepEqual(
      known?.former?.map(({ value }) => value),
      [JSON.stringify(BOUND)],
    );
  });
});
