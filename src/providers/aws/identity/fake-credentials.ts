import type { FakeAws } from "../fake-calls.ts";
import { awsRefusal } from "../fake-refusal.ts";
import type { CredentialCalls, HangingKind } from "./contract.ts";
import type { FakeCall, FakeRights } from "./fake-calls.ts";

/** In IAM's own words, as its refusals of DeleteUser and DeleteRole have them. */
export const IN_THE_WAY: Readonly<Record<HangingKind, string>> = {
  Password: "a console password",
  MfaDevice: "an MFA device",
  SshPublicKey: "an SSH public key",
  ServiceSpecificCredential: "a service-specific credential",
  SigningCertificate: "a signing certificate",
  InstanceProfile: "an instance profile",
};

/** What IAM does with credentials that are no access keys, in memory. */
export const fakeCredentialCalls = (world: FakeAws, call: FakeCall): CredentialCalls => {
  const of = (kind: HangingKind, name: string): FakeRights => {
    const found = (kind === "InstanceProfile" ? world.roles : world.users).get(name);
    if (found === undefined) throw noSuchEntity();
    return found;
  };
  const hanging = (kind: HangingKind, name: string, id: string) => {
    const found = of(kind, name).credentials.find((each) => each.kind === kind && each.id === id);
    if (found === undefined) throw noSuchEntity();
    return found;
  };

  return {
    list: (kind, name) =>
      call(`list${kind}`, () =>
        of(kind, name)
          .credentials.filter((each) => each.kind === kind)
          .map(({ id, createdAt, enabled }) => ({ id, createdAt, enabled })),
      ),
    setEnabled: (kind, userName, id, enabled) =>
      call(`set${kind}`, () => {
        hanging(kind, userName, id).enabled = enabled;
      }),
    remove: (kind, name, id) =>
      call(`remove${kind}`, () => {
        const gone = hanging(kind, name, id);
        const { credentials } = of(kind, name);
        credentials.splice(credentials.indexOf(gone), 1);
        if (kind === "MfaDevice" && id.includes(":mfa/")) world.unassignedDevices.add(id);
      }),
    deleteVirtualMfaDevice: (serial) =>
      call("deleteVirtualMfaDevice", () => {
        const users = [...world.users.values()];
        if (users.some(({ credentials }) => credentials.some(({ id }) => id === serial)))
          throw awsRefusal("InUse", "DeleteConflict", 409);
        if (!world.unassignedDevices.delete(serial)) throw noSuchEntity();
      }),
  };
};

const noSuchEntity = () => awsRefusal("NotFound", "NoSuchEntity", 404);
