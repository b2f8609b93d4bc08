import { allow, documentOf, refused, textOf, withIam } from "../iam.ts";

type Fields = Readonly<Record<string, string>>;

describe("quotas and names at moto", function () {
  this.timeout(60_000);
  const iam = withIam();
  const call = (action: string, parameters: Fields): Promise<string> => iam().action("iam", action, parameters);
  const trust = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
  });

  /** A document of exactly so many characters that count, with white space that does not. */
  const documentSized = (size: number): string => {
    const bare = documentOf(allow("s3:GetObject", "arn:aws:s3:::")).length;
    const resource = `arn:aws:s3:::${"x".repeat(size - bare)}`;
    return documentOf(allow("s3:GetObject", resource)).replaceAll(",", ",\n\t    ");
  };

  const inline = [
    { kind: "User", most: 2048, make: () => iam().createUser("full-User") },
    {
      kind: "Role",
      most: 10_240,
      make: () => call("CreateRole", { RoleName: "full-Role", AssumeRolePolicyDocument: trust }),
    },
    { kind: "Group", most: 5120, make: () => call("CreateGroup", { GroupName: "full-Group" }) },
  ];
  for (const { kind, most, make } of inline)
    it(`gives the inline policies of a ${kind.toLowerCase()} ${most} characters together, white space not counted`, async () => {
      await make();
      const put = (PolicyName: string, size: number): Promise<string> =>
        call(`Put${kind}Policy`, {
          ...{ [`${kind}Name`]: `full-${kind}`, PolicyName },
          PolicyDocument: documentSized(size),
        });
      const words =
        `Put${kind}Policy: 409 LimitExceeded: Maximum policy size of ${most} bytes exceeded for ` +
        `${kind.toLowerCase()} full-${kind}`;
      await refused(put("alone", most + 1), words);
      await put("first", 1000);
      await refused(put("second", most - 999), words);
      await put("second", most - 1000);
      await refused(put("third", 130), words);
      // What is replaced does not count.
      await put("first", 870);
      await put("third", 130);
    });

  it("attaches ten managed policies to a user and to a role, and the eleventh to neither", async () => {
    const policies = await Promise.all(
      Array.from({ length: 11 }, async (_, i) => {
        const parameters = { PolicyName: `many-${i}`, PolicyDocument: documentOf(allow("iam:GetUser")) };
        return textOf(await call("CreatePolicy", parameters), "Arn");
      }),
    );
    await iam().createUser("many");
    await call("CreateRole", { RoleName: "many", AssumeRolePolicyDocument: trust });
    const [eleventh = "", ...ten] = policies;
    for (const kind of ["User", "Role"]) {
      const attach = (PolicyArn: string): Promise<string> =>
        call(`Attach${kind}Policy`, { [`${kind}Name`]: "many", PolicyArn });
      for (const arn of ten) await attach(arn);
      const words = `Attach${kind}Policy: 409 LimitExceeded: Cannot exceed quota for PoliciesPer${kind}: 10`;
      await refused(attach(eleventh), words);
      // One that is attached already is not one more.
      await attach(ten[0] ?? "");
      await call(`Detach${kind}Policy`, { [`${kind}Name`]: "many", PolicyArn: ten[0] ?? "" });
      await attach(eleventh);
    }
  });

  it("takes a user into ten groups and not into an eleventh", async () => {
    await iam().createUser("member");
    const join = (i: number): Promise<string> =>
      call("AddUserToGroup", { GroupName: `group-${i}`, UserName: "member" });
    for (let i = 0; i < 11; i += 1) await call("CreateGroup", { GroupName: `group-${i}` });
    for (let i = 0; i < 10; i += 1) await join(i);
    await refused(join(10), "AddUserToGroup: 409 LimitExceeded: Cannot exceed quota for GroupsPerUser: 10");
    await join(9);
  });

  it("answers each call by itself, whatever else is made and deleted at the same time", async () => {
    const come = async (lane: number): Promise<void> => {
      for (let i = 0; i < 30; i += 1) {
        const UserName = `hurried-${lane}-${i}`;
        await iam().createUser(UserName);
        if (i % 3 !== 0) await call("DeleteUser", { UserName });
      }
    };
    const look = async (): Promise<void> => {
      for (let i = 0; i < 15; i += 1) {
        await call("GetAccountAuthorizationDetails", { "Filter.member.1": "User" });
        await call("ListUsers", { MaxItems: "1000" });
      }
    };
    await Promise.all([come(1), come(2), come(3), come(4), look(), look()]);
  });

  it("does not distinguish names by case when it makes or renames", async () => {
    const exists = async (action: string, parameters: Fields): Promise<void> =>
      refused(call(action, parameters), `${action}: 409 EntityAlreadyExists`);
    await iam().createUser("Cased");
    await exists("CreateUser", { UserName: "cASED" });
    await exists("CreateUser", { UserName: "Cased" });
    await call("CreateRole", { RoleName: "Cased", AssumeRolePolicyDocument: trust });
    await exists("CreateRole", { RoleName: "CASED", AssumeRolePolicyDocument: trust });
    await call("CreateGroup", { GroupName: "Cased" });
    await exists("CreateGroup", { GroupName: "cased" });
    const PolicyDocument = documentOf(allow("iam:GetUser"));
    await call("CreatePolicy", { PolicyName: "Cased", PolicyDocument });
    await exists("CreatePolicy", { PolicyName: "cased", PolicyDocument });
    await iam().createUser("other");
    await exists("UpdateUser", { UserName: "other", NewUserName: "CASED" });
  });

  it("renames and moves a user with its tags and keys", async () => {
    await iam().createUser("moving", { tags: { team: "payments" } });
    const key = await iam().createAccessKey("moving");
    await call("UpdateUser", { UserName: "moving", NewUserName: "Moving", NewPath: "/new/" });
    const tags = await iam().listUserTags("Moving");
    if (tags["team"] !== "payments") throw new Error("the tags are lost");
    if ((await iam().getCallerIdentity(key)) !== "arn:aws:iam::123456789012:user/new/Moving")
      throw new Error("the key is another's");
    await iam().deleteAccessKey("Moving", key.accessKeyId);
  });
});
