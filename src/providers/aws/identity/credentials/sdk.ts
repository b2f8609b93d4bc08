import {
  DeactivateMFADeviceCommand,
  DeleteLoginProfileCommand,
  DeleteServiceSpecificCredentialCommand,
  DeleteSigningCertificateCommand,
  DeleteSSHPublicKeyCommand,
  DeleteVirtualMFADeviceCommand,
  GetLoginProfileCommand,
  ListInstanceProfilesForRoleCommand,
  ListMFADevicesCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  RemoveRoleFromInstanceProfileCommand,
  UpdateServiceSpecificCredentialCommand,
  UpdateSigningCertificateCommand,
  UpdateSSHPublicKeyCommand,
} from "@aws-sdk/client-iam";
import { OperatorError } from "../../../../kernel/errors.ts";
import { odd } from "../../guard.ts";
import type { CredentialCalls, HangingKind, ListedCredential, SwitchableKind } from "../contract.ts";
import { pages, unlessAbsent, type IamSender } from "../transport/sdk.ts";

type List = (name: string, signal: AbortSignal) => Promise<readonly ListedCredential[]>;
type Remove = (name: string, id: string, signal: AbortSignal) => Promise<void>;
type Switch = (name: string, id: string, status: "Active" | "Inactive", signal: AbortSignal) => Promise<void>;

/** Each kind's own calls: a kind that is added does not compile until it has them. */
export const credentialCalls = ({ read, write }: IamSender): CredentialCalls => {
  const lists: Readonly<Record<HangingKind, List>> = {
    async Password(UserName, signal) {
      const command = new GetLoginProfileCommand({ UserName });
      const found = await unlessAbsent(read("GetLoginProfile", command, signal));
      if (found === undefined) return [];
      const profile = found.answer.LoginProfile;
      if (profile?.UserName !== UserName) throw odd("GetLoginProfile");
      return [{ id: UserName, createdAt: profile.CreateDate ?? UNKNOWN_TIME, enabled: true }];
    },
    MfaDevice: (UserName, signal) =>
      pages("ListMFADevices", async (next, operation) => {
        const { answer } = await read(operation, new ListMFADevicesCommand({ UserName, ...next }), signal);
        const devices = answer.MFADevices ?? [];
        const items = devices.map(({ SerialNumber, EnableDate }) => listed(SerialNumber, EnableDate, "Active"));
        return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
      }),
    SshPublicKey: (UserName, signal) =>
      pages("ListSSHPublicKeys", async (next, operation) => {
        const { answer } = await read(operation, new ListSSHPublicKeysCommand({ UserName, ...next }), signal);
        const keys = answer.SSHPublicKeys ?? [];
        const items = keys.map(({ SSHPublicKeyId, UploadDate, Status }) => listed(SSHPublicKeyId, UploadDate, Status));
        return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
      }),
    async ServiceSpecificCredential(UserName, signal) {
      try {
        return await pages("ListServiceSpecificCredentials", async (next, operation) => {
          const command = new ListServiceSpecificCredentialsCommand({ UserName, ...next });
          const { answer } = await read(operation, command, signal);
          const items = (answer.ServiceSpecificCredentials ?? []).map((each) =>
            listed(each.ServiceSpecificCredentialId, each.CreateDate, each.Status),
          );
          return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
        });
      } catch (error) {
        // Where AWS has no service with such credentials there are none.
        if (error instanceof OperatorError && error.serverCode === "NotSupportedService") return [];
        throw error;
      }
    },
    SigningCertificate: (UserName, signal) =>
      pages("ListSigningCertificates", async (next, operation) => {
        const { answer } = await read(operation, new ListSigningCertificatesCommand({ UserName, ...next }), signal);
        const certificates = answer.Certificates ?? [];
        const items = certificates.map(({ CertificateId, UploadDate, Status }) =>
          listed(CertificateId, UploadDate, Status),
        );
        return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
      }),
    InstanceProfile: (RoleName, signal) =>
      pages("ListInstanceProfilesForRole", async (next, operation) => {
        const { answer } = await read(operation, new ListInstanceProfilesForRoleCommand({ RoleName, ...next }), signal);
        const profiles = answer.InstanceProfiles ?? [];
        const items = profiles.map((each) => listed(each.InstanceProfileName, each.CreateDate, "Active"));
        return { items, isTruncated: answer.IsTruncated, marker: answer.Marker };
      }),
  };

  const switches: Readonly<Record<SwitchableKind, Switch>> = {
    SshPublicKey: (UserName, SSHPublicKeyId, Status, signal) =>
      write("UpdateSSHPublicKey", new UpdateSSHPublicKeyCommand({ UserName, SSHPublicKeyId, Status }), signal),
    ServiceSpecificCredential(UserName, ServiceSpecificCredentialId, Status, signal) {
      const command = new UpdateServiceSpecificCredentialCommand({ UserName, ServiceSpecificCredentialId, Status });
      return write("UpdateServiceSpecificCredential", command, signal);
    },
    SigningCertificate: (UserName, CertificateId, Status, signal) =>
      write(
        "UpdateSigningCertificate",
        new UpdateSigningCertificateCommand({ UserName, CertificateId, Status }),
        signal,
      ),
  };

  const removals: Readonly<Record<HangingKind, Remove>> = {
    Password: (UserName, _, signal) => write("DeleteLoginProfile", new DeleteLoginProfileCommand({ UserName }), signal),
    MfaDevice: (UserName, SerialNumber, signal) =>
      write("DeactivateMFADevice", new DeactivateMFADeviceCommand({ UserName, SerialNumber }), signal),
    SshPublicKey: (UserName, SSHPublicKeyId, signal) =>
      write("DeleteSSHPublicKey", new DeleteSSHPublicKeyCommand({ UserName, SSHPublicKeyId }), signal),
    ServiceSpecificCredential(UserName, ServiceSpecificCredentialId, signal) {
      const command = new DeleteServiceSpecificCredentialCommand({ UserName, ServiceSpecificCredentialId });
      return write("DeleteServiceSpecificCredential", command, signal);
    },
    SigningCertificate: (UserName, CertificateId, signal) =>
      write("DeleteSigningCertificate", new DeleteSigningCertificateCommand({ UserName, CertificateId }), signal),
    InstanceProfile(RoleName, InstanceProfileName, signal) {
      const command = new RemoveRoleFromInstanceProfileCommand({ RoleName, InstanceProfileName });
      return write("RemoveRoleFromInstanceProfile", command, signal);
    },
  };

  return {
    list: (kind, name, signal) => lists[kind](name, signal),
    setEnabled: (kind, userName, id, enabled, signal) =>
      switches[kind](userName, id, enabled ? "Active" : "Inactive", signal),
    remove: (kind, name, id, signal) => removals[kind](name, id, signal),
    deleteVirtualMfaDevice: (SerialNumber, signal) =>
      write("DeleteVirtualMFADevice", new DeleteVirtualMFADeviceCommand({ SerialNumber }), signal),
  };
};

const UNKNOWN_TIME = new Date(0);

/** Undefined, so that the list fails, where what it is known by is missing. */
const listed = (
  id: string | undefined,
  createdAt: Date | undefined,
  status: string | undefined,
): ListedCredential | undefined =>
  id === undefined || status === undefined
    ? undefined
    : { id, createdAt: createdAt ?? UNKNOWN_TIME, enabled: status === "Active" };
