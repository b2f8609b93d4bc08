import { rootCertificates } from "node:tls";
import { systemClock } from "../../src/kernel/clock.ts";
import { awsConnections } from "../../src/providers/aws/connection.ts";
import { awsClient, AwsError } from "./aws.ts";
import type { AwsClient, AwsKey } from "./aws.ts";
import { issuer, pathPrefix } from "./aws-accounts.ts";
import type { AwsGround } from "./aws-accounts.ts";
import type { Stack } from "./stack.ts";
import { sleep } from "./wait.ts";

const accountId = "123456789012";
const statement = (...actions: string[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }] });

/** An account on a server of the stack: the operator's own user, a group and a boundary, as a platform team would have made them. */
export async function localGround(
  stack: Stack,
  server: { readonly url: string; readonly region: string; readonly client: AwsClient },
): Promise<AwsGround> {
  const { client, url, region } = server;
  await client.createUser("operator");
  await client.action("iam", "PutUserPolicy", {
    ...{ UserName: "operator", PolicyName: "all", PolicyDocument: statement("*") },
  });
  const login = await client.createAccessKey("operator");
  const { group, boundary } = await furnish(client, "keyturn-test", accountId);
  return {
    ...{ accountId, group, boundary, admin: client },
    ...through(login, { region, accountId, endpoint: url, caBundle: stack.ca.pem }),
  };
}

/** IAM's own answers take a while to be the same everywhere. */
const SETTLE_MS = 12_000;
const region = "us-east-1";

/** Whether a real account is to be asked too (E2E_AWS=1); where it is not, says so once for each file of tests. */
export function asksRealAws(tests: string): boolean {
  if (process.env["E2E_AWS"] === "1") return true;
  process.stderr.write(`${tests}: E2E_AWS=1 is not set, so no real AWS account is asked\n`);
  return false;
}

/** An administrator of a real account. */
export interface RealAws {
  readonly admin: AwsClient;
  readonly accountId: string;
  readonly key: AwsKey;
  /** Lets IAM make up its mind. */
  readonly settle: () => Promise<void>;
}

/**
 * A real account, with the key in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: an administrator of an account that nothing else is
 * in. Whatever is made lies under the path /keyturn/ or is named keyturn-e2e.
 */
export async function realAws(): Promise<RealAws> {
  const env = (name: string): string => {
    const value = process.env[name];
    if (value === undefined || value === "") throw new Error(`E2E_AWS=1 needs ${name}`);
    return value;
  };
  const key = { accessKeyId: env("AWS_ACCESS_KEY_ID"), secretAccessKey: env("AWS_SECRET_ACCESS_KEY") };
  const ca = rootCertificates.join("\n");
  const clientAt = (url: string): AwsClient => awsClient({ url, ca, region, key });
  const [iam, sts] = [clientAt("https://iam.amazonaws.com"), clientAt(`https://sts.${region}.amazonaws.com`)];
  const admin: AwsClient = {
    ...iam,
    action: (service, ...call) => (service === "iam" ? iam : sts).action(service, ...call),
    getCallerIdentity: (as) => sts.getCallerIdentity(as),
    assumeRole: (...role) => sts.assumeRole(...role),
  };
  const accountId = /:(\d{12}):/.exec(await admin.getCallerIdentity())?.[1] ?? "";
  return { admin, accountId, key, settle: () => sleep(SETTLE_MS) };
}

/** The real account with what the accounts' tests need in it; that is taken away at the end. */
export async function realAwsGround(): Promise<AwsGround> {
  const { admin, accountId: account, key, settle } = await realAws();
  const provider = `arn:aws:iam::${account}:oidc-provider/${issuer.replace("https://", "")}`;
  const { group, boundary } = await furnish(admin, "keyturn-e2e", account);
  await unlessThere(
    admin.action("iam", "CreateOpenIDConnectProvider", {
      ...{ Url: issuer, "ClientIDList.member.1": "sts.amazonaws.com", "ThumbprintList.member.1": "0".repeat(40) },
    }),
  );
  await settle();
  return {
    ...{ accountId: account, group, boundary, admin, settle },
    ...through(key, { region, accountId: account }),
    async dispose() {
      await admin.action("iam", "DeleteGroupPolicy", { GroupName: group, PolicyName: "read" });
      await admin.action("iam", "DeleteGroup", { GroupName: group });
      await admin.action("iam", "DeletePolicy", { PolicyArn: boundary });
      await admin.action("iam", "DeleteOpenIDConnectProvider", { OpenIDConnectProviderArn: provider });
    },
  };
}

async function furnish(
  client: AwsClient,
  name: string,
  account: string,
): Promise<{ readonly group: string; readonly boundary: string }> {
  const document = statement("iam:List*", "iam:Get*");
  await unlessThere(client.action("iam", "CreateGroup", { GroupName: name }));
  await client.action("iam", "PutGroupPolicy", { GroupName: name, PolicyName: "read", PolicyDocument: document });
  await unlessThere(client.action("iam", "CreatePolicy", { PolicyName: name, PolicyDocument: document }));
  return { group: name, boundary: `arn:aws:iam::${account}:policy/${name}` };
}

function through(login: AwsKey, more: object): Pick<AwsGround, "connections" | "connection"> {
  const connections = awsConnections({
    clock: systemClock,
    readLoginSecret: async () => ({ accessKeyId: login.accessKeyId, secretAccessKey: login.secretAccessKey }),
  });
  const spec = { pathPrefix, login: { secretRef: { name: "login" } }, webIdentity: { issuer }, ...more };
  return { connections, connection: { name: "aws", uid: "1", generation: 1, spec } };
}

/** A run that was broken off leaves these behind. */
async function unlessThere(made: Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (error) {
    if (!(error instanceof AwsError && error.code === "EntityAlreadyExists")) throw error;
  }
}
