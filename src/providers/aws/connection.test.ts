import assert from "node:assert/strict";
import { OperatorError } from "../../kernel/errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { silentLogger } from "../../kernel/logger.ts";
import { awsConnections } from "./connection.ts";
import { FakeAws } from "./fake-calls.ts";
import { DENY_ALL } from "./identity/fake-policies.ts";
import type { AwsOptions } from "./sdk.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const target = { namespace: "payments", userName: "billing" };
const specOf = (more: object = {}, generation = 1) => ({
  name: "aws-prod",
  uid: "u1",
  generation,
  spec: { region: "eu-central-1", login: { secretRef: { name: "aws-login" } }, ...more },
});

const setUp = () => {
  const clock = new FakeClock();
  const aws = new FakeAws(clock);
  aws.addUser("billing", "/keyturn/payments/");
  const opened: AwsOptions[] = [];
  const secret: { keys: Record<string, string> | undefined; reads: number } = {
    keys: { accessKeyId: "AKIAOP", secretAccessKey: "one" },
    reads: 0,
  };
  const connections = awsConnections({
    clock,
    readLoginSecret: async (name) => {
      assert.equal(name, "aws-login");
      secret.reads += 1;
      return secret.keys;
    },
    open: (options) => {
      opened.push(options);
      return aws.calls(options.keys);
    },
    chain: () => () => Promise.resolve({ accessKeyId: "CHAIN", secretAccessKey: "chain" }),
  });
  return { clock, aws, opened, secret, connections };
};
const code =
  (wanted: string, part = "") =>
  (error: unknown) =>
    error instanceof OperatorError && error.code === wanted && error.publicMessage.includes(part);

describe("awsConnections", () => {
  it("opens one client per connection generation and namespace, and asks for its account once", async () => {
    const { aws, opened, connections } = setUp();
    await connections.source(specOf(), target).list(context);
    await connections.source(specOf(), target).list(context);
    assert.equal(opened.length, 1);
    assert.equal(aws.log.filter((call) => call === "callerIdentity").length, 1);
    await assert.rejects(connections.source(specOf(), { ...target, namespace: "other", userName: "x" }).list(context));
    assert.equal(opened.length, 2);
  });

  it("replaces and disposes the client when the connection's generation changes, and on close", async () => {
    const { aws, opened, connections } = setUp();
    await connections.source(specOf(), target).list(context);
    await connections.source(specOf({}, 2), target).list(context);
    assert.deepEqual([opened.length, aws.disposed], [2, 1]);
    connections.close();
    assert.equal(aws.disposed, 2);
  });

  it("reads the login Secret again, once, when AWS refuses the login", async () => {
    const { aws, secret, connections } = setUp();
    aws.operatorKeys = new Map([["AKIAOP", "two"]]);
    const source = connections.source(specOf(), target);
    await assert.rejects(source.list(context), code("Unauthenticated"));
    assert.equal(secret.reads, 2);
    secret.keys = { accessKeyId: "AKIAOP", secretAccessKey: "two" };
    await source.list(context);
    aws.operatorKeys = new Map([["AKIAOP", "three"]]);
    secret.keys = { accessKeyId: "AKIAOP", secretAccessKey: "three" };
    aws.failNext("listAccessKeys", new OperatorError("Unauthenticated", { publicMessage: "expired" }));
    await source.list(context);
  });

  it("names the field when the login Secret is missing or not whole", async () => {
    const { secret, connections } = setUp();
    secret.keys = undefined;
    await assert.rejects(
      connections.source(specOf(), target).list(context),
      code("InvalidSpec", "spec.aws.login.secretRef.name"),
    );
    secret.keys = { accessKeyId: "x" };
    await assert.rejects(connections.source(specOf(), target).list(context), code("InvalidSpec", "secretAccessKey"));
  });

  it("does nothing in another account than the one that the spec names", async () => {
    const { aws, connections } = setUp();
    const source = connections.source(specOf({ accountId: "999999999999" }), target);
    await assert.rejects(source.issue(context), code("InvalidSpec", "spec.aws.accountId"));
    assert.equal(aws.mutations(), 0);
  });

  it("takes the role with external id and a session name that tells the namespace", async () => {
    const { aws, opened, connections } = setUp();
    const assumeRole = { roleArn: "arn:aws:iam::123456789012:role/keyturn", externalId: "xx-1" };
    const namespace = "n".repeat(63);
    const spec = specOf({ assumeRole, login: { defaultChain: {} } });
    assert.equal((await connections.source(spec, { ...target, namespace }).observeTarget(context)).exists, true);
    assert.equal(opened.length, 2);
    assert.deepEqual(aws.assumed[0], {
      arn: assumeRole.roleArn,
      externalId: "xx-1",
      sessionName: `keyturn-${"n".repeat(56)}`,
    });
  });

  it("does not remember a failed first question", async () => {
    const { aws, connections } = setUp();
    const source = connections.source(specOf(), target);
    aws.failNext("callerIdentity", new OperatorError("Unavailable", { publicMessage: "away" }));
    await assert.rejects(source.list(context), code("Unavailable"));
    await source.list(context);
  });

  it("asks CreateAccessKey once when its answer was lost", async () => {
    const { aws, connections } = setUp();
    aws.failNext("createAccessKey", new OperatorError("Timeout", { publicMessage: "lost", ambiguous: true }), "after");
    await assert.rejects(connections.source(specOf(), target).issue(context), code("Timeout"));
    assert.equal(aws.mutations(), 1);
  });

  it("refuses a bad spec before any call", () => {
    const { aws, connections } = setUp();
    assert.throws(() => connections.source(specOf({ region: "" }), target), code("InvalidSpec", "spec.aws.region"));
    assert.throws(() => connections.source(specOf(), { ...target, namespace: "../x" }), code("InvalidSpec"));
    assert.deepEqual(aws.log, []);
  });

  const account = { name: "lake", aws: { connectionRef: { name: "aws-prod" }, user: {} } };
  const owner = { cluster: "local", namespace: "payments", name: "billing", uid: "u1", predecessors: [] };

  it("gives accounts of the owner's namespace alone, through the client that its keys are reached by", async () => {
    const { aws, opened, connections } = setUp();
    const spec = specOf({ accountId: "123456789012" });
    const client = connections.account(spec, owner, account);
    assert.equal(client.target, "aws-user/123456789012/payments.billing.lake");
    assert.equal((await client.observe(context)).principal, "absent");
    await connections.source(spec, target).list(context);
    assert.equal(opened.length, 1);
    aws.addUser("payments.billing.lake", "/keyturn/other/", { "keyturn.dev/adopt": "payments/billing" });
    assert.equal((await client.observe(context)).principal, "foreign");
  });

  it("lists a user's other credentials once a day, whichever pass looks, and again under another spec", async () => {
    const { clock, aws, connections } = setUp();
    const tags = { "keyturn.dev/owner": "local/payments/billing", "keyturn.dev/owner-uid": "u1" };
    aws.addUser("payments.billing.lake", "/keyturn/payments/", tags);
    const look = (generation: number) =>
      connections.account(specOf({ accountId: "123456789012" }, generation), owner, account).observe(context);
    const lists = (): number => aws.log.filter((call) => call === "listMfaDevice").length;
    for (let turn = 0; turn < 3; turn += 1) await look(1);
    assert.equal(lists(), 1);
    await clock.advance(24 * 3_600_000);
    await look(1);
    assert.equal(lists(), 2);
    await look(2);
    assert.equal(lists(), 3);
  });

  it("cuts by the policy of the spec, else by AWS's own of the region's partition", async () => {
    const { aws, connections } = setUp();
    const tags = { "keyturn.dev/owner": "local/payments/billing", "keyturn.dev/owner-uid": "u1" };
    const user = aws.addUser("payments.billing.lake", "/keyturn/payments/", tags);
    const own = "arn:aws:iam::123456789012:policy/deny";
    aws.policyDocuments.set(own, { version: "v1", document: DENY_ALL });
    for (const [more, arn] of [
      [{ denyPolicyArn: own }, own],
      [{}, "arn:aws:iam::aws:policy/AWSDenyAll"],
      [{ region: "us-gov-west-1" }, "arn:aws-us-gov:iam::aws:policy/AWSDenyAll"],
      [{ region: "cn-north-1" }, "arn:aws-cn:iam::aws:policy/AWSDenyAll"],
    ] as const) {
      const spec = { ...specOf({ accountId: "123456789012", ...more }), uid: arn };
      await connections.account(spec, owner, account).cut(context, "Boundary");
      assert.equal(user.boundary, arn);
    }
  });

  it("makes no account in another AWS account than the one that the spec names, nor without its id", async () => {
    const { aws, connections } = setUp();
    const client = connections.account(specOf({ accountId: "999999999999" }), owner, account);
    const piece = { key: "owner", class: "attribute", value: "{}", title: "" } as const;
    await assert.rejects(client.apply(piece, context, []), code("InvalidSpec", "spec.aws.accountId"));
    assert.equal(aws.mutations(), 0);
    assert.throws(() => connections.account(specOf(), owner, account), code("InvalidSpec", "spec.aws.accountId"));
  });

  it("finds the marks of all namespaces under its path", async () => {
    const { aws, connections } = setUp();
    aws.addUser("b", "/keyturn/shop/", { "keyturn.dev/owner": "local/shop/b", "keyturn.dev/owner-uid": "u2" });
    aws.addUser("c", "/elsewhere/", { "keyturn.dev/owner": "local/shop/c" });
    const marks = await connections.marked(specOf({ accountId: "123456789012" }), context, []);
    assert.deepEqual(
      marks.filter(({ id }) => !id.endsWith("/billing")),
      [{ kind: "AwsUser", id: "aws-user/123456789012/b", owner: "local/shop/b", ownerUid: "u2" }],
    );
  });
});
