import { generateKeyPairSync } from "node:crypto";
import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { spareNames } from "../../lane/identity-site.ts";
import { createAuthority } from "../../stack/certificates.ts";
import { texts } from "../../stack/aws.ts";
import { sleep } from "../../stack/wait.ts";
import { issued, rotationOf } from "../lifecycle/fifty.ts";
import type { Leaver, LeaverCase } from "./leaver.ts";
import { about } from "./leaver.ts";

// What IAM may refuse a leaver's end: each way to a denial, each switch, each deletion; of users and of roles (A1 to A3).

export const document = (...Statement: readonly object[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement });
export const allow = (Action: string, Resource: string | readonly string[] = "*"): object => ({
  ...{ Effect: "Allow", Action, Resource },
});

const aUser = (site: IdentitySite): readonly Account[] => [
  site.awsUser({ policies: ["read"], inline: ["s3:Get*"], groups: ["staff"] }),
];
const aRole = (site: IdentitySite): readonly Account[] => [
  site.kubernetesAccount({ roles: ["reader"] }),
  site.awsRole({ policies: ["read"], inline: ["s3:Get*"] }),
];

/** Ways of a user, best first: what is refused until this one is left. */
const userWays = ["PutUserPolicy", "PutUserPermissionsBoundary", "AttachUserPolicy"] as const;
const roleWays = ["PutRolePolicy", "PutRolePermissionsBoundary", "AttachRolePolicy"] as const;
const refusing =
  (...verbs: readonly string[]) =>
  (leaver: Leaver): Promise<void> =>
    leaver.refuseByIam(...verbs);

/** Fills the room that IAM has for inline policies: by hand, and with what is allowed anyhow. */
async function fillRoom(leaver: Leaver): Promise<void> {
  const { iam, user } = leaver;
  const PolicyDocument = document(allow("s3:GetObject", ["*", `arn:aws:s3:::${"x".repeat(1700)}`]));
  await iam("PutUserPolicy", { UserName: user, PolicyName: "by-hand", PolicyDocument });
  leaver.expectRefused("PutUserPolicy");
}

async function fillRoleRoom(leaver: Leaver): Promise<void> {
  const { iam, role } = leaver;
  const PolicyDocument = document(allow("s3:GetObject", ["*", `arn:aws:s3:::${"x".repeat(9900)}`]));
  await iam("PutRolePolicy", { RoleName: role, PolicyName: "by-hand", PolicyDocument });
  leaver.expectRefused("PutRolePolicy");
}

/** As many policies as IAM attaches. */
async function attachTen({ iam, user, site }: Leaver): Promise<void> {
  for (const name of spareNames.slice(0, 9))
    await iam("AttachUserPolicy", {
      UserName: user,
      PolicyArn: site.policyArn("read").replace(/read$/, name),
    });
}

const password = ({ iam, user }: Leaver): Promise<unknown> =>
  iam("CreateLoginProfile", { UserName: user, Password: "Sup3r-secret" });
const sshKey = ({ iam, user }: Leaver): Promise<unknown> => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const SSHPublicKeyBody = publicKey.export({ type: "spki", format: "pem" }).toString();
  return iam("UploadSSHPublicKey", { UserName: user, SSHPublicKeyBody });
};
const serviceCredential = ({ iam, user }: Leaver): Promise<unknown> =>
  iam("CreateServiceSpecificCredential", { UserName: user, ServiceName: "codecommit.amazonaws.com" });
const certificate = ({ iam, user }: Leaver): Promise<unknown> =>
  iam("UploadSigningCertificate", { UserName: user, CertificateBody: createAuthority(user).pem });
async function mfa({ iam, user }: Leaver): Promise<void> {
  const made = await iam("CreateVirtualMFADevice", { VirtualMFADeviceName: user });
  const [SerialNumber = ""] = texts(made, "SerialNumber");
  const codes = { AuthenticationCode1: "123456", AuthenticationCode2: "654321" };
  await iam("EnableMFADevice", { UserName: user, SerialNumber, ...codes });
}
const loadedWith =
  (...loads: readonly ((leaver: Leaver) => Promise<unknown>)[]) =>
  async (leaver: Leaver): Promise<void> => {
    for (const load of loads) await load(leaver);
  };
const everyKind = loadedWith(password, sshKey, serviceCredential, certificate, mfa);

/** A SecretRotation has issued one of the user's keys and answers for it. */
export async function rotated({ site, name }: Leaver): Promise<void> {
  await site.team.apply(...rotationOf(site, name));
  await issued(site, name);
  // A key that turns up in the window of an intent would be taken for its late answer, and revoked.
  await sleep(5000);
}

/** One switch that is refused: everything else is shut meanwhile. */
const oneSwitch = (
  id: string,
  verb: string,
  load: (leaver: Leaver) => Promise<unknown>,
  ends: LeaverCase["ends"],
): LeaverCase => ({
  ...{ id: `user/${id}`, ends, accounts: aUser, load: loadedWith(load), lifted: true, meanwhile: /key …|session/ },
  refuse: refusing(verb),
});

const ofUsers: readonly LeaverCase[] = [
  { id: "user/nothing-refused", ends: ["suspended", "expired"], accounts: aUser },
  { id: "user/rotated", ends: ["suspended"], accounts: aUser, load: rotated },
  {
    ...{ id: "user/rotated-and-inline-deny-refused", accounts: aUser, load: rotated, refuse: refusing(userWays[0]) },
    ends: ["suspended", "expired"],
  },
  {
    ...{ id: "user/inline-deny-refused", accounts: aUser, refuse: refusing(userWays[0]) },
    ends: ["suspended", "decommissioned", "left-out", "deleted"],
  },
  {
    ...{ id: "user/deny-and-boundary-refused", accounts: aUser, refuse: refusing(...userWays.slice(0, 2)) },
    ends: ["suspended", "expired", "ledger"],
  },
  {
    ...{ id: "user/every-denial-refused", accounts: aUser, refuse: refusing(...userWays) },
    ends: ["suspended", "decommissioned", "ledger"],
  },
  { id: "user/room-full", ends: ["suspended", "ledger"], accounts: aUser, load: fillRoom },
  {
    ...{ id: "user/room-full-boundary-refused", accounts: aUser, load: fillRoom, ends: ["deleted"] },
    refuse: refusing("PutUserPermissionsBoundary"),
  },
  {
    ...{ id: "user/room-full-no-other-denial", accounts: aUser, load: fillRoom, ends: ["suspended", "decommissioned"] },
    refuse: refusing(...userWays.slice(1)),
  },
  {
    ...{ id: "user/ten-attached", accounts: aUser, load: attachTen, ends: ["suspended", "expired"] },
    refuse: async (leaver) => {
      await leaver.refuseByIam(...userWays.slice(0, 2));
      leaver.expectRefused("AttachUserPolicy");
    },
  },
  {
    ...{ id: "user/own-boundary-replaced", ends: ["suspended", "decommissioned"], refuse: refusing(userWays[0]) },
    accounts: (site) => [
      {
        name: "lake",
        aws: {
          connectionRef: { name: site.connections.aws },
          user: { permissionsBoundary: site.policyArn("admin"), policies: [site.policyArn("read")] },
        },
      },
    ],
  },
  {
    ...{ id: "user/one-key-not-switched", accounts: aUser, ends: ["suspended", "decommissioned"], lifted: true },
    meanwhile: /key …\w+, |session/,
    refuse: async (leaver) => {
      const { client } = leaver.site.lane.world.stack.aws;
      const [AccessKeyId = ""] = (await client.listAccessKeys(leaver.user)).map((key) => key.accessKeyId);
      leaver.refuseByProxy("aws", "UpdateAccessKey", about("UpdateAccessKey", [leaver.user], { AccessKeyId }));
    },
  },
  oneSwitch("ssh-key-not-switched", "UpdateSSHPublicKey", sshKey, ["suspended", "expired"]),
  oneSwitch("service-credential-not-switched", "UpdateServiceSpecificCredential", serviceCredential, [
    "suspended",
    "deleted",
  ]),
  oneSwitch("certificate-not-switched", "UpdateSigningCertificate", certificate, ["decommissioned"]),
  {
    ...{ id: "user/password-and-no-denial", accounts: aUser, load: loadedWith(password, mfa), staysAway: true },
    ...{ ends: ["suspended", "decommissioned"], refuse: refusing(...userWays) },
  },
  {
    ...{ id: "user/password-not-deleted", accounts: aUser, load: loadedWith(password), staysAway: true },
    ...{ ends: ["suspended"], lifted: true, meanwhile: /key …|session/ },
    refuse: refusing(...userWays, "DeleteLoginProfile"),
  },
  {
    id: "user/every-kind-of-credential",
    ends: ["suspended", "decommissioned", "ledger"],
    accounts: aUser,
    load: everyKind,
  },
  {
    ...{
      id: "user/password-may-not-be-listed",
      accounts: aUser,
      load: loadedWith(sshKey),
      names: /iam:GetLoginProfile/,
    },
    ...{ ends: ["expired"], refuse: refusing("GetLoginProfile") },
  },
  {
    ...{ id: "user/not-deleted", accounts: aUser, ends: ["decommissioned", "ledger"], lifted: true, meanwhile: /./ },
    refuse: refusing("DeleteUser"),
  },
  {
    ...{ id: "user/group-stays", accounts: aUser, ends: ["suspended"], lifted: true, meanwhile: /login by key/ },
    refuse: refusing(...userWays, "RemoveUserFromGroup"),
  },
  {
    ...{ id: "user/nothing-possible", accounts: aUser, ends: ["suspended", "left-out", "deleted"], lifted: true },
    refuse: refusing(...userWays, "DetachUserPolicy", "DeleteUserPolicy", "UpdateAccessKey"),
  },
];

const ofRoles: readonly LeaverCase[] = [
  {
    ...{ id: "role/inline-deny-refused", accounts: aRole, leaving: ["job"], refuse: refusing(roleWays[0]) },
    ends: ["suspended", "left-out", "ledger"],
  },
  {
    ...{ id: "role/deny-and-boundary-refused", accounts: aRole, leaving: ["job"] },
    ...{ ends: ["decommissioned", "expired"], refuse: refusing(...roleWays.slice(0, 2)) },
  },
  {
    ...{ id: "role/every-denial-refused", accounts: aRole, leaving: ["job"], refuse: refusing(...roleWays) },
    ends: ["suspended", "deleted"],
  },
  {
    ...{ id: "role/room-full-no-other-denial", accounts: aRole, load: fillRoleRoom, ends: ["suspended"] },
    refuse: refusing(...roleWays.slice(1)),
  },
  {
    ...{ id: "role/trust-not-closed", accounts: aRole, ends: ["suspended", "decommissioned"], lifted: true },
    ...{ meanwhile: /^session|ServiceAccount/, refuse: refusing("UpdateAssumeRolePolicy") },
  },
  {
    ...{ id: "role/in-an-instance-profile", accounts: aRole, ends: ["decommissioned"], lifted: true, meanwhile: /./ },
    load: async ({ iam, role }) => {
      await iam("CreateInstanceProfile", { InstanceProfileName: role });
      await iam("AddRoleToInstanceProfile", { InstanceProfileName: role, RoleName: role });
    },
    refuse: async (leaver) =>
      leaver.refuseByProxy(
        "aws",
        "RemoveRoleFromInstanceProfile",
        about("RemoveRoleFromInstanceProfile", [leaver.role]),
      ),
  },
];

export const iamCases: readonly LeaverCase[] = [...ofUsers, ...ofRoles];
