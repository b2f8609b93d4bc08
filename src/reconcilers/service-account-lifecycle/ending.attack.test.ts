import assert from "node:assert/strict";
import { account, good, input, piece, record, settings, view } from "../../domain/lifecycle/fixtures.fake.ts";
import { planLifecycle } from "../../domain/lifecycle/plan.ts";
import { normalise } from "../../domain/policy-document/index.ts";
import { awsRefusal } from "../../providers/aws/fake-calls.ts";
import { ALLOW_ALL, DENY_ALL } from "../../providers/aws/identity/fake-policies.ts";
import { LifecycleBench, WIDER } from "./bench.fake.ts";
import { AWS_DENY, DENIALS, IamBench } from "./iam-bench.fake.ts";

/** Histories that break a promise about identities that must end; every one of them fails. */
describe("ATTACK", () => {
  it("B2 a foreign grant comes back under drift Report although one request was throttled", async () => {
    const theirs = "arn:aws:iam::111122223333:policy/theirs";
    const drift = { mode: "Report" } as const;
    const scene = await IamBench.joined({ drift });
    const { bench, user, world } = scene;
    user.attached.add(theirs);
    await bench.toRest();
    scene.refuse(...DENIALS);
    bench.apply({ state: "Suspended", drift });
    await bench.toRest();
    assert.equal(user.attached.has(theirs), false);
    scene.allow(...DENIALS);
    for (let n = 0; n < 2; n += 1) world.failNext("attachPolicy", awsRefusal("Throttled", "Throttling", 400));
    bench.apply({ state: "Active", drift });
    await bench.toRest();
    assert.equal(user.attached.has(theirs), true);
  });

  it("B4 a suspension takes away more privileges than the record has room for", async () => {
    const scene = await IamBench.joined();
    for (let n = 0; n < 70; n += 1) scene.user.inline.set(`p${n}`, ALLOW_ALL);
    scene.refuse(...DENIALS);
    scene.bench.apply({ state: "Suspended" });
    await scene.passes(20);
    assert.equal(scene.lets(), false);
  });

  it("A4 a boundary of ours that was refused does not make another's ours later", async () => {
    const scene = await IamBench.joined();
    const { bench, user } = scene;
    scene.refuse("putInlinePolicy", "setBoundary");
    bench.apply({ state: "Suspended" });
    await scene.passes(20);
    scene.allow("putInlinePolicy", "setBoundary");
    user.boundary = AWS_DENY; // Security, while it is suspended by the attached policy.
    bench.apply({ state: "Active" });
    await scene.passes(40);
    assert.equal(user.boundary, AWS_DENY);
  });

  it("H1 an account that is taken out goes although the same spec makes no sense elsewhere", async () => {
    const bench = new LifecycleBench();
    bench.apply({ accounts: WIDER });
    await bench.toRest();
    const accounts = WIDER.filter(({ name }) => name !== "lake").map((each) =>
      each.vault === undefined ? each : { ...each, vault: { ...each.vault, policies: ["billing", "root"] } },
    );
    bench.apply({ accounts });
    for (let pass = 0; pass < 30; pass += 1) {
      await bench.pass();
      await bench.bench.clock.advance(60_000);
    }
    assert.equal(bench.place("lake").lets(), false);
  });

  it("I1 an inline policy that also denies goes although another account's addition fails", () => {
    const statement = (Effect: string, action: string) => ({ Effect, Action: [action], Resource: ["*"] });
    const Statement = [statement("Allow", "s3:*"), statement("Deny", "s3:DeleteObject")];
    const I = piece("inlinePolicy/I", normalise({ Version: "2012-10-17", Statement }));
    const W = piece("managedPolicy/W");
    const accounts = ["lake", "pond"].map((name) => ({ name, aws: { connectionRef: { name: "aws" }, user: {} } }));
    const lines = ["- lake: inlinePolicy/I (widens and narrows)", "+ pond: managedPolicy/W (widens)"];
    const plan = { generation: 1, digest: "d", lines };
    const action = planLifecycle(
      input({
        specHash: "h2",
        settings: settings({ accounts }),
        status: good([record("lake", [I.key]), record("pond", [W.key])], { plan }),
        desired: { lake: account("lake", []), pond: account("pond", [W]) },
        observed: { lake: view([I]), pond: view() },
        permissions: { "lake/inlinePolicy/I": { kind: "allowed" }, "pond/managedPolicy/W": { kind: "allowed" } },
        failed: ["pond/managedPolicy/W"],
      }),
    );
    assert.ok(action.type === "remove" || action.type === "beginNarrowing", JSON.stringify(action));
  });

  it("M1 what the boundary replaced is not forgotten when the deny policy changes meanwhile", async () => {
    const arnOf = (name: string): string => `arn:aws:iam::111122223333:policy/${name}`;
    const scene = new IamBench();
    for (const name of ["old", "next"])
      scene.world.policyDocuments.set(arnOf(name), { version: "v1", document: DENY_ALL });
    scene.denyPolicyArn = arnOf("old");
    await scene.join();
    scene.user.boundary = arnOf("theirs");
    await scene.bench.toRest();
    scene.refuse("putInlinePolicy");
    scene.bench.apply({ state: "Suspended" });
    await scene.bench.toRest();
    scene.denyPolicyArn = arnOf("next");
    await scene.bench.toRest();
    const former = scene.bench.record("lake")?.former?.find(({ key }) => key === "boundary")?.value;
    assert.equal(former, JSON.stringify(arnOf("theirs")));
  });
});
