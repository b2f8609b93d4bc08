import { equal, ok, rejects } from "node:assert/strict";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { SecretMaterial } from "../../src/kernel/secret-material.ts";
import { awsConnections } from "../../src/providers/aws/connection.ts";
import { describeCredentialSource } from "../../src/providers/conformance.ts";
import type { CallContext } from "../../src/providers/contract.ts";
import { vaultConnections } from "../../src/providers/vault/connection.ts";
import { vaultKvStore } from "../../src/stores/vault-kv.ts";
import type { AwsKey } from "./aws.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { ACCESS_KEY_FORM } from "../../src/stores/form.fake.ts";

const ACCOUNT = "123456789012";
const context: CallContext = { signal: new AbortController().signal, log: silentLogger };

/** The adapters against the servers that they are made for: the conformance suite, every way to log in, and what is refused. */
describe("providers and stores on real servers", function () {
  this.timeout(60_000);
  let stack: Stack;
  let login: AwsKey;
  let roleArn: string;
  let users = 0;

  before(async function () {
    this.timeout(3_600_000);
    stack = await startStack();
    const { client } = stack.aws;
    const all = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] };
    await client.createUser("operator");
    await client.putUserPolicy("operator", "all", all);
    login = await client.createAccessKey("operator");
    const trust = {
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { AWS: "*" }, Action: "sts:AssumeRole" }],
    };
    roleArn = await client.createRole("keyturn", trust, all);
  });
  after(async () => {
    await stack.stop();
  });

  const connectionsWith = (secret: Readonly<Record<string, string>> | undefined) =>
    awsConnections({ clock: systemClock, readLoginSecret: () => Promise.resolve(secret) });
  const spec = (more: object = {}) => ({
    name: "aws",
    uid: "1",
    generation: 1,
    spec: {
      region: stack.aws.region,
      accountId: ACCOUNT,
      endpoint: stack.aws.url,
      caBundle: stack.ca.pem,
      login: { secretRef: { name: "login" } },
      ...more,
    },
  });
  const newUser = async (): Promise<string> => {
    users += 1;
    const name = `conform-${users}`;
    await stack.aws.client.createUser(name, { path: "/keyturn/team/", tags: { "keyturn.dev/owner": "c/team/app" } });
    return name;
  };
  const ways: readonly (readonly [string, () => object])[] = [
    ["keys in a Secret", () => ({})],
    ["an assumed role with an external id", () => ({ assumeRole: { roleArn, externalId: "keyturn-test" } })],
  ];
  for (const [way, more] of ways) {
    describeCredentialSource(`awsAccessKey, login by ${way}`, async () => {
      const connections = connectionsWith({ accessKeyId: login.accessKeyId, secretAccessKey: login.secretAccessKey });
      const source = connections.source(spec(more()), { namespace: "team", userName: await newUser() });
      return { source, dispose: () => Promise.resolve(connections.close()) };
    });
  }

  it("names the field when the login leads to another account", async () => {
    const connections = connectionsWith({ accessKeyId: login.accessKeyId, secretAccessKey: login.secretAccessKey });
    await rejects(
      () => connections.check(spec({ accountId: "999999999999" }), context),
      (error) =>
        error instanceof OperatorError &&
        error.code === "InvalidSpec" &&
        error.publicMessage.includes("spec.aws.accountId"),
    );
    connections.close();
  });

  it("says that the operator's own login is refused", async () => {
    const connections = connectionsWith({ accessKeyId: login.accessKeyId, secretAccessKey: "wrong".repeat(8) });
    await rejects(
      () => connections.check(spec(), context),
      (error) => error instanceof OperatorError && error.code === "Unauthenticated",
    );
    connections.close();
  });

  it("keeps a value in Vault KV v2, refuses what is somebody else's, logs in anew when its token dies", async () => {
    const kube = stack.kubernetes.client;
    await kube.create("/api/v1/namespaces", { metadata: { name: "ops" } });
    await kube.create("/api/v1/namespaces/ops/serviceaccounts", { metadata: { name: "keyturn" } });
    const policy = ["data", "metadata"]
      .map(
        (part) => `path "kv/${part}/keyturn/team/*" { capabilities = ["create", "read", "update", "patch", "delete"] }`,
      )
      .join("\n");
    await stack.vault.client.putRole({ name: "team", policy, serviceAccount: { namespace: "ops", name: "keyturn" } });
    let logins = 0;
    const connections = vaultConnections({
      clock: systemClock,
      requestToken: ({ audiences, expirationSeconds }) => {
        logins += 1;
        return kube.serviceAccountToken("ops", "keyturn", audiences[0], expirationSeconds);
      },
    });
    const connection = connections.connection({
      name: "vault",
      uid: "2",
      generation: 1,
      spec: { address: stack.vault.url, caBundle: stack.ca.pem, login: { jwt: { role: "team" } } },
    });
    const owner = { cluster: "c", namespace: "team", name: "app", uid: "uid-1", predecessors: [] };
    const store = vaultKvStore(connection, owner, { path: "app" }, ACCESS_KEY_FORM);
    const material = new SecretMaterial({ accessKeyId: "AKIA", secretAccessKey: "s3cret" });
    const empty = await store.observe(context);
    ok(empty.kind === "absent");
    await store.publish({ version: "1-a", material }, empty.precondition, context);
    const stored = await store.observe(context);
    ok(stored.kind === "ours" && stored.version === "1-a" && stored.matches(material));
    await rejects(
      () => store.publish({ version: "2-b", material }, empty.precondition, context),
      (error) => error instanceof OperatorError && error.code === "Conflict",
    );
    const rival = vaultKvStore(connection, { ...owner, name: "other", uid: "uid-2" }, { path: "app" }, ACCESS_KEY_FORM);
    equal((await rival.observe(context)).kind, "foreign");
    equal(await rival.withdraw({ final: true }, context), "foreign");

    equal(logins, 1);
    const { data } = (await stack.vault.client.call("LIST", "auth/token/accessors")) as { data: { keys: string[] } };
    for (const accessor of data.keys) {
      const { data: token } = (await stack.vault.client.call("POST", "auth/token/lookup-accessor", { accessor })) as {
        data: { policies: string[] };
      };
      if (token.policies.includes("team"))
        await stack.vault.client.call("POST", "auth/token/revoke-accessor", { accessor });
    }
    equal((await store.observe(context)).kind, "ours");
    equal(logins, 2);

    await stack.vault.seal();
    await rejects(
      () => store.observe(context),
      (error) => error instanceof OperatorError && error.code === "Unavailable",
    );
    await stack.vault.unseal();
    equal(await store.withdraw({ final: true }, context), "removed");
    equal((await store.observe(context)).kind, "absent");
    await connections.close();
  });
});
