import { generateKeyPairSync } from "node:crypto";
import { createAuthority } from "../certificates.ts";
import { allow, documentOf, refused, textOf, withIam } from "../iam.ts";

const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const PASSWORD = "A-pass-word-of-the-test-1";
type Fields = Readonly<Record<string, string>>;

describe("what moto does not delete", function () {
  this.timeout(30_000);
  const iam = withIam();
  const call = (action: string, parameters: Fields): Promise<string> => iam().action("iam", action, parameters);

  /** Each thing that keeps a user: how it comes, what AWS says, how it goes. */
  const kept: readonly {
    readonly what: string;
    readonly add: (UserName: string) => Promise<() => Promise<unknown>>;
    readonly message: string;
  }[] = [
    {
      what: "an access key",
      add: async (UserName) => {
        const { accessKeyId } = await iam().createAccessKey(UserName);
        await iam().updateAccessKey(UserName, accessKeyId, "Inactive");
        return () => iam().deleteAccessKey(UserName, accessKeyId);
      },
      message: "must delete access keys first.",
    },
    {
      what: "a password",
      add: async (UserName) => {
        await call("CreateLoginProfile", { UserName, Password: PASSWORD });
        return () => call("DeleteLoginProfile", { UserName });
      },
      message: "must delete login profile first.",
    },
    {
      what: "a virtual MFA device",
      add: async (UserName) => {
        const device = await call("CreateVirtualMFADevice", { VirtualMFADeviceName: UserName });
        const SerialNumber = textOf(device, "SerialNumber");
        const codes = { AuthenticationCode1: "123456", AuthenticationCode2: "654321" };
        await call("EnableMFADevice", { UserName, SerialNumber, ...codes });
        const early = call("DeleteVirtualMFADevice", { SerialNumber });
        const message = "MFA VirtualDevice in use. Must deactivate first.";
        await refused(early, `DeleteVirtualMFADevice: 409 DeleteConflict: ${message}`);
        return async () => {
          await call("DeactivateMFADevice", { UserName, SerialNumber });
          await call("DeleteVirtualMFADevice", { SerialNumber });
        };
      },
      message: "must delete MFA device first.",
    },
    {
      what: "a hardware MFA device",
      add: async (UserName) => {
        const SerialNumber = "GAHT12345678";
        const codes = { AuthenticationCode1: "123456", AuthenticationCode2: "654321" };
        await call("EnableMFADevice", { UserName, SerialNumber, ...codes });
        return () => call("DeactivateMFADevice", { UserName, SerialNumber });
      },
      message: "must delete MFA device first.",
    },
    {
      what: "an SSH public key",
      add: async (UserName) => {
        const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
        const SSHPublicKeyBody = publicKey.export({ type: "spki", format: "pem" }).toString();
        const SSHPublicKeyId = textOf(
          await call("UploadSSHPublicKey", { UserName, SSHPublicKeyBody }),
          "SSHPublicKeyId",
        );
        return () => call("DeleteSSHPublicKey", { UserName, SSHPublicKeyId });
      },
      message: "must remove referenced objects first.",
    },
    {
      what: "a service-specific credential",
      add: async (UserName) => {
        const ServiceName = "bedrock.amazonaws.com";
        const xml = await call("CreateServiceSpecificCredential", { UserName, ServiceName });
        const ServiceSpecificCredentialId = textOf(xml, "ServiceSpecificCredentialId");
        return () => call("DeleteServiceSpecificCredential", { UserName, ServiceSpecificCredentialId });
      },
      message: "must remove referenced objects first.",
    },
    {
      what: "a signing certificate",
      add: async (UserName) => {
        const CertificateBody = createAuthority(UserName).pem;
        const CertificateId = textOf(
          await call("UploadSigningCertificate", { UserName, CertificateBody }),
          "CertificateId",
        );
        return () => call("DeleteSigningCertificate", { UserName, CertificateId });
      },
      message: "must delete certificates first.",
    },
    {
      what: "an inline policy",
      add: async (UserName) => {
        await call("PutUserPolicy", { UserName, PolicyName: "p", PolicyDocument: documentOf(allow("*")) });
        return () => call("DeleteUserPolicy", { UserName, PolicyName: "p" });
      },
      message: "must delete policies first.",
    },
    {
      what: "an attached policy",
      add: async (UserName) => {
        await call("AttachUserPolicy", { UserName, PolicyArn: READ_ONLY });
        return () => call("DetachUserPolicy", { UserName, PolicyArn: READ_ONLY });
      },
      message: "must detach all policies first.",
    },
    {
      what: "a group",
      add: async (UserName) => {
        await call("CreateGroup", { GroupName: "kept" });
        await call("AddUserToGroup", { GroupName: "kept", UserName });
        const early = call("DeleteGroup", { GroupName: "kept" });
        const message = "Cannot delete entity, must remove users from group first.";
        await refused(early, `DeleteGroup: 409 DeleteConflict: ${message}`);
        return () => call("RemoveUserFromGroup", { GroupName: "kept", UserName });
      },
      message: "must remove users from group first.",
    },
  ];

  for (const [index, { what, add, message }] of kept.entries())
    it(`keeps a user that has ${what}`, async () => {
      const UserName = `kept-${index}`;
      await iam().createUser(UserName);
      const remove = await add(UserName);
      const words = `DeleteUser: 409 DeleteConflict: Cannot delete entity, ${message}`;
      await refused(call("DeleteUser", { UserName }), words);
      await call("GetUser", { UserName });
      await remove();
      await call("DeleteUser", { UserName });
      await refused(call("GetUser", { UserName }), "GetUser: 404 NoSuchEntity");
    });

  it("deletes a user that has nothing but a boundary", async () => {
    const PermissionsBoundary = "arn:aws:iam::aws:policy/AWSDenyAll";
    await call("CreateUser", { UserName: "bounded", PermissionsBoundary });
    await call("DeleteUser", { UserName: "bounded" });
  });

  it("keeps a role that has an instance profile, an attached policy or an inline policy", async () => {
    const RoleName = "kept";
    const trust = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: "*", Action: "sts:AssumeRole" }] };
    await iam().createRole(RoleName, trust, JSON.parse(documentOf(allow("*"))) as object);
    const InstanceProfileName = "kept";
    await call("CreateInstanceProfile", { InstanceProfileName });
    await call("AddRoleToInstanceProfile", { InstanceProfileName, RoleName });
    await call("AttachRolePolicy", { RoleName, PolicyArn: READ_ONLY });
    await call("PutRolePermissionsBoundary", { RoleName, PermissionsBoundary: READ_ONLY });
    const words = "DeleteRole: 409 DeleteConflict: Cannot delete entity, must";
    await refused(call("DeleteRole", { RoleName }), `${words} remove roles from instance profile first.`);
    await call("RemoveRoleFromInstanceProfile", { InstanceProfileName, RoleName });
    await refused(call("DeleteRole", { RoleName }), `${words} detach all policies first.`);
    await call("DetachRolePolicy", { RoleName, PolicyArn: READ_ONLY });
    await refused(call("DeleteRole", { RoleName }), `${words} delete policies first.`);
    await call("DeleteRolePolicy", { RoleName, PolicyName: "all" });
    await call("DeleteRole", { RoleName });
  });

  it("keeps a policy that is attached or a boundary, and one with more than one version", async () => {
    const PolicyDocument = documentOf(allow("iam:Get*"));
    const PolicyArn = textOf(await call("CreatePolicy", { PolicyName: "kept", PolicyDocument }), "Arn");
    const words = "DeletePolicy: 409 DeleteConflict:";
    await iam().createUser("holder");
    await call("AttachUserPolicy", { UserName: "holder", PolicyArn });
    await refused(call("DeletePolicy", { PolicyArn }), `${words} Cannot delete a policy attached to entities.`);
    await call("DetachUserPolicy", { UserName: "holder", PolicyArn });
    await call("PutUserPermissionsBoundary", { UserName: "holder", PermissionsBoundary: PolicyArn });
    await refused(call("DeletePolicy", { PolicyArn }), words);
    await call("DeleteUserPermissionsBoundary", { UserName: "holder" });
    await call("CreatePolicyVersion", { PolicyArn, PolicyDocument });
    await refused(call("DeletePolicy", { PolicyArn }), `${words} This policy has more than one version.`);
    await call("DeletePolicyVersion", { PolicyArn, VersionId: "v2" });
    await call("DeletePolicy", { PolicyArn });
  });
});
