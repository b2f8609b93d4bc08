import { deepEqual, equal } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { texts } from "../aws.ts";
import { createAuthority } from "../certificates.ts";
import { allow, documentOf, refused, textOf, withIam } from "../iam.ts";

type Fields = Readonly<Record<string, string>>;

describe("lists of moto by pages", function () {
  this.timeout(60_000);
  const iam = withIam();
  const call = (action: string, parameters: Fields = {}): Promise<string> => iam().action("iam", action, parameters);
  const user = { UserName: "paged" };
  const role = { RoleName: "paged" };
  const PolicyDocument = documentOf(allow("iam:GetUser"));

  /** Two of everything that is listed. */
  before(async () => {
    const trust = JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
    });
    await iam().createUser(user.UserName, { path: "/paged/", tags: { a: "1", b: "2" } });
    await iam().createUser("paged-2", { path: "/paged/" });
    for (const RoleName of [role.RoleName, "paged-2"])
      await call("CreateRole", { RoleName, Path: "/paged/", AssumeRolePolicyDocument: trust });
    for (const name of ["one", "two"]) {
      await iam().createAccessKey(user.UserName);
      await call("PutUserPolicy", { ...user, PolicyName: name, PolicyDocument });
      await call("PutRolePolicy", { ...role, PolicyName: name, PolicyDocument });
      const PolicyArn = textOf(await call("CreatePolicy", { PolicyName: name, PolicyDocument }), "Arn");
      await call("AttachUserPolicy", { ...user, PolicyArn });
      await call("AttachRolePolicy", { ...role, PolicyArn });
      await call("CreateGroup", { GroupName: name });
      await call("PutGroupPolicy", { GroupName: "one", PolicyName: name, PolicyDocument });
      await call("AttachGroupPolicy", { GroupName: "one", PolicyArn });
      await call("AddUserToGroup", { ...user, GroupName: name });
      await call("CreateInstanceProfile", { InstanceProfileName: name });
      await call("AddRoleToInstanceProfile", { ...role, InstanceProfileName: name });
      const SerialNumber = `GAHT1234567-${name}`;
      await call("EnableMFADevice", {
        ...{ ...user, SerialNumber, AuthenticationCode1: "123456", AuthenticationCode2: "654321" },
      });
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const SSHPublicKeyBody = publicKey.export({ type: "spki", format: "pem" }).toString();
      await call("UploadSSHPublicKey", { ...user, SSHPublicKeyBody });
      await call("CreateServiceSpecificCredential", { ...user, ServiceName: "bedrock.amazonaws.com" });
      await call("UploadSigningCertificate", { ...user, CertificateBody: createAuthority(name).pem });
    }
  });

  /** Each list: what is asked, and the element that names an item. */
  const lists: readonly (readonly [string, Fields, string])[] = [
    ["ListUsers", { PathPrefix: "/paged/" }, "UserName"],
    ["ListRoles", { PathPrefix: "/paged/" }, "RoleName"],
    ["ListAccessKeys", user, "AccessKeyId"],
    ["ListUserTags", user, "Key"],
    ["ListUserPolicies", user, "member"],
    ["ListAttachedUserPolicies", user, "PolicyArn"],
    ["ListGroupsForUser", user, "GroupName"],
    ["ListRolePolicies", role, "member"],
    ["ListAttachedRolePolicies", role, "PolicyArn"],
    ["ListInstanceProfilesForRole", role, "InstanceProfileName"],
    ["ListGroups", {}, "GroupName"],
    ["ListGroupPolicies", { GroupName: "one" }, "member"],
    ["ListAttachedGroupPolicies", { GroupName: "one" }, "PolicyArn"],
    ["ListMFADevices", user, "SerialNumber"],
    ["ListSSHPublicKeys", user, "SSHPublicKeyId"],
    ["ListServiceSpecificCredentials", user, "ServiceSpecificCredentialId"],
    ["ListSigningCertificates", user, "CertificateId"],
    ["ListPolicies", { Scope: "Local" }, "PolicyName"],
  ];
  for (const [action, parameters, element] of lists)
    it(`gives ${action} by as many as are asked for, and says that there are more`, async () => {
      const whole = await call(action, parameters);
      const all = texts(whole, element);
      equal(all.length, 2);
      equal(textOf(whole, "IsTruncated"), "false");
      const first = await call(action, { ...parameters, MaxItems: "1" });
      equal(textOf(first, "IsTruncated"), "true");
      const Marker = textOf(first, "Marker");
      const second = await call(action, { ...parameters, MaxItems: "1", Marker });
      equal(textOf(second, "IsTruncated"), "false");
      deepEqual([...texts(first, element), ...texts(second, element)], all);
      for (const [MaxItems, bound] of [
        ["0", "greater than or equal to 1"],
        ["1001", "less than or equal to 1000"],
      ] as const) {
        const constraint = `failed to satisfy constraint: Member must have value ${bound}`;
        const words = `${action}: 400 ValidationError: 1 validation error detected: Value '${MaxItems}' at 'maxItems'`;
        await refused(call(action, { ...parameters, MaxItems }), `${words} ${constraint}`);
      }
      const other = call(action, { ...parameters, Marker: "of-another-list" });
      await refused(other, `${action}: 400 ValidationError: Invalid Marker.`);
    });

  it("gives a hundred where nothing is asked for, and skips nothing when what was shown is deleted", async () => {
    const names = Array.from({ length: 103 }, (_, i) => `many-${String(i).padStart(3, "0")}`);
    for (const name of names) await iam().createUser(name, { path: "/many/" });
    const first = await call("ListUsers", { PathPrefix: "/many/" });
    equal(texts(first, "UserName").length, 100);
    for (const name of names.slice(50, 100)) await iam().removeUser(name);
    const rest = await call("ListUsers", { PathPrefix: "/many/", Marker: textOf(first, "Marker") });
    deepEqual(texts(rest, "UserName"), names.slice(100));
  });
});
