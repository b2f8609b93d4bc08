import type { AwsClient } from "../stack/aws.ts";
import { AwsError } from "../stack/aws.ts";
import { at, entries, parseXml, textAt } from "./xml.ts";
import type { Xml } from "./xml.ts";

/** Takes a user away with everything that hangs on it; nothing happens where there is none. */
export async function removeUser(aws: AwsClient, UserName: string): Promise<void> {
  await unlessAbsent(async () => {
    const call = caller(aws);
    for (const group of entries(at(await call("ListGroupsForUser", { UserName }), "Groups")))
      await call("RemoveUserFromGroup", { UserName, GroupName: textAt(group, "GroupName") });
    for (const policy of entries(at(await call("ListAttachedUserPolicies", { UserName }), "AttachedPolicies")))
      await call("DetachUserPolicy", { UserName, PolicyArn: textAt(policy, "PolicyArn") });
    for (const [list, member, id, take] of otherCredentials)
      for (const one of entries(at(await call(list, { UserName }), member)))
        await call(take, { UserName, [id]: textAt(one, id) });
    for (const one of entries(at(await call("ListMFADevices", { UserName }), "MFADevices"))) {
      const SerialNumber = textAt(one, "SerialNumber");
      await call("DeactivateMFADevice", { UserName, SerialNumber });
      await call("DeleteVirtualMFADevice", { SerialNumber });
    }
    await unlessAbsent(async () => {
      await call("DeleteLoginProfile", { UserName });
    });
    await aws.removeUser(UserName);
  });
}

/** Credentials of a user beside keys and password: how they are listed, under which name, by which id, and how they go. */
const otherCredentials = [
  ["ListSSHPublicKeys", "SSHPublicKeys", "SSHPublicKeyId", "DeleteSSHPublicKey"],
  [
    "ListServiceSpecificCredentials",
    "ServiceSpecificCredentials",
    "ServiceSpecificCredentialId",
    "DeleteServiceSpecificCredential",
  ],
  ["ListSigningCertificates", "Certificates", "CertificateId", "DeleteSigningCertificate"],
] as const;

/** Takes a role away with everything that hangs on it; nothing happens where there is none. */
export async function removeRole(aws: AwsClient, RoleName: string): Promise<void> {
  await unlessAbsent(async () => {
    const call = caller(aws);
    for (const policy of entries(at(await call("ListAttachedRolePolicies", { RoleName }), "AttachedPolicies")))
      await call("DetachRolePolicy", { RoleName, PolicyArn: textAt(policy, "PolicyArn") });
    for (const policy of entries(at(await call("ListRolePolicies", { RoleName }), "PolicyNames")))
      await call("DeleteRolePolicy", { RoleName, PolicyName: typeof policy === "string" ? policy : "" });
    for (const one of entries(at(await call("ListInstanceProfilesForRole", { RoleName }), "InstanceProfiles"))) {
      const InstanceProfileName = textAt(one, "InstanceProfileName");
      await call("RemoveRoleFromInstanceProfile", { RoleName, InstanceProfileName });
      await call("DeleteInstanceProfile", { InstanceProfileName });
    }
    await call("DeleteRole", { RoleName });
  });
}

/** Names of the users and roles that a namespace's name begins, before a dot or a dash. */
export async function namesOf(aws: AwsClient, namespace: string): Promise<{ users: string[]; roles: string[] }> {
  const call = caller(aws);
  const details = await call("GetAccountAuthorizationDetails", {
    "Filter.member.1": "User",
    "Filter.member.2": "Role",
  });
  const names = (list: string, name: string): string[] =>
    entries(at(details, list))
      .map((one) => textAt(one, name))
      .filter((one) => one.startsWith(`${namespace}.`) || one.startsWith(`${namespace}-`));
  return { users: names("UserDetailList", "UserName"), roles: names("RoleDetailList", "RoleName") };
}

function caller(aws: AwsClient): (action: string, parameters: Record<string, string>) => Promise<Xml | undefined> {
  return async (action, parameters) => at(parseXml(await aws.action("iam", action, parameters)), `${action}Result`);
}

async function unlessAbsent(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof AwsError && error.code === "NoSuchEntity")) throw error;
  }
}
