import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { describeCredentialSource } from "../conformance.ts";
import { FakeAws, awsRefusal } from "./fake-calls.ts";
import type { AwsCalls } from "./sdk.ts";
import { awsSource, type AwsAccess } from "./source.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const OWN = { accessKeyId: "AKIAOPERATOR", secretAccessKey: "operator" };

const setUp = (change: Partial<AwsCalls> = {}) => {
  const clock = new FakeClock();
  const aws = new FakeAws(clock);
  aws.addUser("billing", "/keyturn/payments/", { "keyturn.dev/owner": "local/payments/billing" });
  const calls = { ...aws.calls(() => Promise.resolve(OWN)), ...change };
  const access: AwsAccess = { use: (run) => run(calls, aws.account) };
  const target = { userName: "billing", allowedPath: "/keyturn/payments/" };
  return { clock, aws, source: awsSource(access, target, clock) };
};

describeCredentialSource("AWS access keys over a fake SDK", () => {
  const { aws, source } = setUp();
  return Promise.resolve({ source, mutations: () => aws.mutations() });
});

describe("AWS access keys", () => {
  it("says that a user outside the namespace's path is not allowed, and does not read its tags", async () => {
    for (const path of ["/keyturn/other/", "/keyturn/payments2/", "/", "/keyturn/"]) {
      const { aws, source } = setUp();
      aws.addUser("billing", path, { "keyturn.dev/owner": "x" });
      assert.deepEqual(await source.observeTarget(context), { exists: true, allowed: false });
      assert.equal(aws.log.includes("listUserTags"), false);
    }
  });

  it("allows a user below the namespace's path, and shows both owner tags", async () => {
    const { aws, source } = setUp();
    aws.addUser("billing", "/keyturn/payments/deep/", { "keyturn.dev/owner": "o", "keyturn.dev/owner-uid": "u" });
    assert.deepEqual(await source.observeTarget(context), { exists: true, allowed: true, owner: "o", ownerUid: "u" });
  });

  it("says that a missing user does not exist", async () => {
    const { aws, source } = setUp();
    aws.users.clear();
    assert.equal((await source.observeTarget(context)).exists, false);
  });

  for (const missing of ["id", "secret"] as const) {
    it(`takes an answer without the ${missing} for ambiguous`, async () => {
      const { source, aws } = setUp({
        createAccessKey: async (userName) => ({
          ...{ id: "AKIA1", secret: "s", userName, createdAt: undefined, time: undefined },
          [missing]: "",
        }),
      });
      await assert.rejects(
        source.issue(context),
        (error) => error instanceof OperatorError && error.code === "Unavailable" && error.ambiguous,
      );
      assert.equal(aws.mutations(), 0);
    });
  }

  it("calls a young refused key notYet until the settle time has passed on the provider's clock, then rejected", async () => {
    const { clock, aws, source } = setUp();
    const issued = await source.issue(context);
    aws.users.get("billing")!.keys.get(issued.id)!.enabled = false;
    await clock.advance(89_000);
    assert.deepEqual(await source.verify(issued.material, issued.issuedAt, context), { kind: "notYet" });
    await clock.advance(1_000);
    assert.deepEqual(await source.verify(issued.material, issued.issuedAt, context), { kind: "rejected" });
  });

  it("does not let a leap of the local wall clock age a key", async () => {
    const { clock, source } = setUp({
      callerIdentity: async () => ({ kind: "refused", code: "InvalidClientTokenId", time: undefined }),
    });
    const issued = await source.issue(context);
    clock.leap(86_400_000);
    assert.deepEqual(await source.verify(issued.material, issued.issuedAt, context), { kind: "notYet" });
  });

  for (const arn of [
    "arn:aws:iam::123456789012:user/keyturn/payments/other",
    "arn:aws:iam::999999999999:user/keyturn/payments/billing",
    "arn:aws:sts::123456789012:assumed-role/billing/billing",
    "arn:aws:iam::123456789012:root",
  ]) {
    it(`rejects a key that logs in as ${arn}`, async () => {
      const { source } = setUp({ callerIdentity: async () => ({ kind: "identity", account: "123456789012", arn }) });
      const issued = await source.issue(context);
      assert.deepEqual(await source.verify(issued.material, issued.issuedAt, context), { kind: "rejected" });
    });
  }

  it("throws, and judges nothing, when the target is out of reach", async () => {
    const { aws, source } = setUp();
    const issued = await source.issue(context);
    const away = new OperatorError("Unavailable", { publicMessage: "away", status: 503, ambiguous: true });
    for (const ask of [
      () => source.verify(issued.material, issued.issuedAt, context),
      () => source.negativeControl(issued.material, context),
      () => source.proveRefused(issued.material, context),
    ]) {
      aws.failNext("callerIdentity", away);
      await assert.rejects(ask(), away);
    }
  });

  it("does not take AccessDenied for the death of a key", async () => {
    const { aws, source } = setUp();
    const issued = await source.issue(context);
    aws.failNext("callerIdentity", awsRefusal("PermissionDenied", "AccessDenied", 403));
    await assert.rejects(source.proveRefused(issued.material, context), OperatorError);
    aws.failNext("callerIdentity", awsRefusal("PermissionDenied", "AccessDenied", 403));
    assert.deepEqual(await source.verify(issued.material, issued.issuedAt, context), { kind: "notYet" });
  });

  it("sees through a target that accepts every credential", async () => {
    const { source } = setUp({
      callerIdentity: async () => ({
        kind: "identity",
        account: "123456789012",
        arn: "arn:aws:iam::123456789012:user/keyturn/payments/billing",
      }),
    });
    const issued = await source.issue(context);
    assert.deepEqual(await source.negativeControl(issued.material, context), { kind: "accepted" });
  });

  it("tries the wrong secret with the same key id, length and classes of characters", async () => {
    const tried: string[] = [];
    const { source } = setUp({
      callerIdentity: async (keys) => {
        if (keys !== "own") tried.push(keys.accessKeyId, keys.secretAccessKey);
        return { kind: "refused", code: "SignatureDoesNotMatch", time: undefined };
      },
    });
    const issued = await source.issue(context);
    await source.negativeControl(issued.material, context);
    const real = issued.material.reveal()["secretAccessKey"]!;
    const shape = (text: string) => text.replace(/[a-z]/g, "a").replace(/[A-Z]/g, "A").replace(/[0-9]/g, "0");
    assert.equal(tried[0], issued.id);
    assert.notEqual(tried[1], real);
    assert.equal(shape(tried[1]!), shape(real));
  });

  it("knows nothing of the last use of a key that is not this user's", async () => {
    const { aws, source } = setUp();
    assert.deepEqual(await source.lastUse("AKIANOBODY", context), { kind: "unknown" });
    aws.addUser("other", "/").keys.set("AKIAX", { id: "AKIAX", secret: "x", createdAt: new Date(0), enabled: true });
    assert.deepEqual(await source.lastUse("AKIAX", context), { kind: "unknown" });
  });
});
