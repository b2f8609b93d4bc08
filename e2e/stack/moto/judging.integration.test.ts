import type { AwsKey } from "../aws.ts";
import { allow, deny, documentOf, refused, textOf, withIam } from "../iam.ts";
import type { Statement } from "../iam.ts";

const account = "arn:aws:iam::123456789012";

describe("what moto judges a call by", function () {
  this.timeout(30_000);
  const iam = withIam();
  let made = 0;

  const userWith = async (...statements: Statement[]): Promise<{ readonly name: string; readonly key: AwsKey }> => {
    const name = `caller-${++made}`;
    await iam().createUser(name);
    await iam().putUserPolicy(name, "all", JSON.parse(documentOf(...statements)) as object);
    return { name, key: await iam().createAccessKey(name) };
  };

  it("judges what is about a user or a role by its ARN with the path", async () => {
    await iam().createUser("inside", { path: "/keyturn/team/" });
    await iam().createUser("outside", { path: "/other/" });
    const { key } = await userWith(allow("iam:*User*", `${account}:user/keyturn/*`));
    const get = (UserName: string): Promise<string> => iam().action("iam", "GetUser", { UserName }, key);
    await get("inside");
    await refused(get("outside"), "GetUser: 403 AccessDenied");
    await iam().action("iam", "CreateUser", { UserName: "made-inside", Path: "/keyturn/" }, key);
    await iam().action("iam", "DeleteUser", { UserName: "made-inside" }, key);
    const outside = iam().action("iam", "CreateUser", { UserName: "made-outside" }, key);
    await refused(outside, "CreateUser: 403 AccessDenied");
    await refused(iam().action("iam", "ListUsers", {}, key), "ListUsers: 403 AccessDenied");
  });

  it("judges an absent name by the ARN without a path: AccessDenied, not NoSuchEntity", async () => {
    const narrow = [allow("iam:*User*", `${account}:user/keyturn/*`), allow("iam:*Role*", `${account}:role/keyturn/*`)];
    const { key } = await userWith(...narrow);
    const calls = [
      ["GetUser", { UserName: "absent" }],
      ["ListUserPolicies", { UserName: "absent" }],
      ["DeleteUser", { UserName: "absent" }],
      ["GetRole", { RoleName: "absent" }],
      ["DeleteRole", { RoleName: "absent" }],
    ] as const;
    for (const [action, parameters] of calls)
      await refused(iam().action("iam", action, parameters, key), `${action}: 403 AccessDenied`);
    const wide = await userWith(...narrow, allow(["iam:GetUser", "iam:GetRole"]));
    const [user, role] = [{ UserName: "absent" }, { RoleName: "absent" }];
    await refused(iam().action("iam", "GetUser", user, wide.key), "GetUser: 404 NoSuchEntity");
    await refused(iam().action("iam", "GetRole", role, wide.key), "GetRole: 404 NoSuchEntity");
    await refused(iam().action("iam", "DeleteUser", user, wide.key), "DeleteUser: 403 AccessDenied");
  });

  it("takes the caller for the user where none is named", async () => {
    const { name, key } = await userWith(allow("iam:*", `${account}:user/\${aws:username}`));
    await iam().action("iam", "GetUser", {}, key);
    await iam().action("iam", "ListMFADevices", {}, key);
    await iam().action("iam", "ListServiceSpecificCredentials", {}, key);
    await iam().action("iam", "ListAccessKeys", { UserName: name }, key);
    await refused(iam().action("iam", "GetUser", { UserName: "stack-admin" }, key), "GetUser: 403 AccessDenied");
  });

  it("narrows attaching by iam:PolicyARN and iam:PermissionsBoundary", async () => {
    const [readOnly, denyAll] = ["ReadOnlyAccess", "AWSDenyAll"].map((name) => `arn:aws:iam::aws:policy/${name}`);
    const attach = allow("iam:AttachUserPolicy");
    const { name, key } = await userWith(
      { ...attach, Condition: { ArnEquals: { "iam:PolicyARN": readOnly ?? "" } } },
      { ...allow("iam:CreateUser"), Condition: { StringEquals: { "iam:PermissionsBoundary": denyAll ?? "" } } },
    );
    const attached = (PolicyArn = ""): Promise<string> =>
      iam().action("iam", "AttachUserPolicy", { UserName: name, PolicyArn }, key);
    await attached(readOnly);
    await refused(attached(denyAll), "AttachUserPolicy: 403 AccessDenied");
    const create = (more: Record<string, string>): Promise<string> =>
      iam().action("iam", "CreateUser", { UserName: `${name}-made`, ...more }, key);
    await refused(create({}), "CreateUser: 403 AccessDenied");
    await refused(create({ PermissionsBoundary: readOnly ?? "" }), "CreateUser: 403 AccessDenied");
    await create({ PermissionsBoundary: denyAll ?? "" });
  });

  it("takes an Allow whose condition does not hold for nothing, not for a Deny", async () => {
    const condition = { StringEquals: { "aws:PrincipalAccount": "210987654321" } };
    const { key } = await userWith({ ...allow("*"), Condition: condition }, allow("iam:ListUsers"));
    await iam().action("iam", "ListUsers", {}, key);
    await refused(iam().action("iam", "ListRoles", {}, key), "ListRoles: 403 AccessDenied");
  });

  it("lets only the trust's principals assume a role, and none that it denies", async () => {
    const { name, key } = await userWith(allow("sts:AssumeRole"));
    const other = await userWith(allow("sts:AssumeRole"));
    const user = `${account}:user/${name}`;
    const arn = await iam().createRole("trusting", trust(["Allow", user]), JSON.parse(documentOf(deny("*"))) as object);
    textOf(await assume(arn, key), "SessionToken");
    await refused(assume(arn, other.key), "AssumeRole: 403 AccessDenied");
    await refused(assume(`${arn}-absent`, key), "AssumeRole: 403 AccessDenied");
    const denials = [
      [["Deny", user]],
      [
        ["Allow", user],
        ["Deny", `${account}:root`],
      ],
    ] as const;
    for (const statements of denials) {
      const PolicyDocument = JSON.stringify(trust(...statements));
      await iam().action("iam", "UpdateAssumeRolePolicy", { RoleName: "trusting", PolicyDocument });
      await refused(assume(arn, key), "AssumeRole: 403 AccessDenied");
    }
  });

  it("lets a user whom the trust names assume a role without a policy, unless a boundary denies it", async () => {
    const { name, key } = await userWith(allow("iam:GetUser"));
    const all = JSON.parse(documentOf(allow("*"))) as object;
    const named = await iam().createRole("naming", trust(["Allow", `${account}:user/${name}`]), all);
    const wide = await iam().createRole("trusting-all", trust(["Allow", `${account}:root`]), all);
    await assume(named, key);
    await refused(assume(wide, key), "AssumeRole: 403 AccessDenied");
    const boundary = { UserName: name, PermissionsBoundary: "arn:aws:iam::aws:policy/AWSDenyAll" };
    await iam().action("iam", "PutUserPermissionsBoundary", boundary);
    await refused(assume(named, key), "AssumeRole: 403 AccessDenied");
  });

  const trust = (...statements: readonly (readonly ["Allow" | "Deny", string])[]): object => ({
    Version: "2012-10-17",
    Statement: statements.map(([Effect, AWS]) => ({ Effect, Principal: { AWS }, Action: "sts:AssumeRole" })),
  });
  const assume = (RoleArn: string, as: AwsKey): Promise<string> =>
    iam().action("sts", "AssumeRole", { RoleArn, RoleSessionName: "s" }, as);
});
