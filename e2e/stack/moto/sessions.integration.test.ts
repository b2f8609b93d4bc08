import { equal } from "node:assert/strict";
import type { AwsKey } from "../aws.ts";
import { assumeByWebIdentity, sessionIn } from "../aws-accounts.ts";
import { allow, deny, documentOf, refused, withIam } from "../iam.ts";

describe("sessions at moto", function () {
  this.timeout(30_000);
  const iam = withIam();
  let made = 0;

  const newUser = async (): Promise<{ readonly name: string; readonly key: AwsKey }> => {
    const name = `sessions-${++made}`;
    await iam().createUser(name);
    await iam().putUserPolicy(name, "all", JSON.parse(documentOf(allow("*"))) as object);
    return { name, key: await iam().createAccessKey(name) };
  };
  const topics = (key: AwsKey): Promise<string> => iam().action("sns", "ListTopics", {}, key);

  it("judges a session of a user by what the user may now, and after its key is gone", async () => {
    const { name, key } = await newUser();
    const session = sessionIn(await iam().action("sts", "GetSessionToken", {}, key));
    await topics(session);
    equal(await iam().getCallerIdentity(session), `arn:aws:iam::123456789012:user/${name}`);
    await iam().deleteAccessKey(name, key.accessKeyId);
    await refused(topics(key), "ListTopics: 403 InvalidClientTokenId");
    await topics(session);
    await iam().putUserPolicy(name, "cut", JSON.parse(documentOf(deny("*"))) as object);
    await refused(topics(session), "ListTopics: 403 AccessDenied");
    await iam().action("iam", "DeleteUserPolicy", { UserName: name, PolicyName: "cut" });
    await topics(session);
    const boundary = { UserName: name, PermissionsBoundary: "arn:aws:iam::aws:policy/AWSDenyAll" };
    await iam().action("iam", "PutUserPermissionsBoundary", boundary);
    await refused(topics(session), "ListTopics: 403 AccessDenied");
    await iam().removeUser(name);
    await refused(topics(session), "ListTopics: 403 AccessDenied");
  });

  it("lets a session of a user do nothing at IAM, and takes no other token", async () => {
    const { key } = await newUser();
    const session = sessionIn(await iam().action("sts", "GetSessionToken", {}, key));
    await refused(iam().action("iam", "ListUsers", {}, session), "ListUsers: 403 AccessDenied");
    await refused(iam().action("sts", "GetSessionToken", {}, session), "GetSessionToken: 403 AccessDenied");
    await refused(topics({ ...session, sessionToken: "other" }), "ListTopics: 403 InvalidClientTokenId");
  });

  it("takes no session of a user or role for one that is made under the same name later", async () => {
    const trust = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: "*", Action: "sts:AssumeRole" }] };
    const all = JSON.parse(documentOf(allow("*"))) as object;
    const { name, key } = await newUser();
    const arn = await iam().createRole("again", trust, all);
    const sessions = [
      sessionIn(await iam().action("sts", "GetSessionToken", {}, key)),
      await iam().assumeRole(arn, "before"),
    ];
    for (const session of sessions) await topics(session);
    await iam().removeUser(name);
    await iam().action("iam", "DeleteRolePolicy", { RoleName: "again", PolicyName: "all" });
    await iam().action("iam", "DeleteRole", { RoleName: "again" });
    await iam().createUser(name);
    await iam().putUserPolicy(name, "all", all);
    await iam().createRole("again", trust, all);
    for (const session of sessions) await refused(topics(session), "ListTopics: 403 AccessDenied");
  });

  it("gives a federated user what both its user and its policy allow", async () => {
    const { name, key } = await newUser();
    const federate = async (Policy: Record<string, string>): Promise<AwsKey> =>
      sessionIn(await iam().action("sts", "GetFederationToken", { Name: "federated", ...Policy }, key));
    const wide = await federate({ Policy: documentOf(allow("*")) });
    await topics(wide);
    await refused(topics(await federate({})), "ListTopics: 403 AccessDenied");
    await refused(topics(await federate({ Policy: documentOf(allow("sqs:*")) })), "ListTopics: 403 AccessDenied");
    await iam().putUserPolicy(name, "cut", JSON.parse(documentOf(deny("*"))) as object);
    await refused(topics(wide), "ListTopics: 403 AccessDenied");
  });

  it("lets a web identity assume only a role whose trust names it, and none that is closed", async () => {
    const issuer = "https://oidc.example.com/id/A";
    const host = issuer.replace("https://", "");
    const claims = { iss: issuer, sub: "system:serviceaccount:team:app", aud: "sts.amazonaws.com" };
    const statement = (Effect: string): object => ({
      ...{ Effect, Action: "sts:AssumeRoleWithWebIdentity" },
      Principal: { Federated: `arn:aws:iam::123456789012:oidc-provider/${host}` },
      Condition: { StringEquals: { [`${host}:sub`]: claims.sub, [`${host}:aud`]: claims.aud } },
    });
    const trust = (...Statement: object[]): object => ({ Version: "2012-10-17", Statement });
    const all = JSON.parse(documentOf(allow("*"))) as object;
    const arn = await iam().createRole("by-token", trust(statement("Allow")), all);
    const assume = (change: object = {}): Promise<AwsKey> => assumeByWebIdentity(iam(), arn, { ...claims, ...change });
    await topics(await assume());
    for (const change of [{ sub: "system:serviceaccount:other:app" }, { aud: "vault" }, { iss: `${issuer}B` }])
      await refused(assume(change), "AssumeRoleWithWebIdentity: 403 AccessDenied");
    const PolicyDocument = JSON.stringify(trust(statement("Allow"), statement("Deny")));
    await iam().action("iam", "UpdateAssumeRolePolicy", { RoleName: "by-token", PolicyDocument });
    await refused(assume(), "AssumeRoleWithWebIdentity: 403 AccessDenied");
  });
});
