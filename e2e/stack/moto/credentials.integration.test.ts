import { deepEqual, equal, match, notEqual, ok } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { texts } from "../aws.ts";
import { createAuthority } from "../certificates.ts";
import { refused, textOf, withIam } from "../iam.ts";

type Fields = Readonly<Record<string, string>>;

describe("credentials of users at moto", function () {
  this.timeout(30_000);
  const iam = withIam();
  const call = (action: string, parameters: Fields = {}): Promise<string> => iam().action("iam", action, parameters);
  let made = 0;
  const newUser = async (): Promise<{ readonly UserName: string }> => {
    const UserName = `holder-${++made}`;
    await iam().createUser(UserName);
    return { UserName };
  };

  it("keeps two service-specific credentials a service, shows their secret once, and filters by service", async () => {
    const user = await newUser();
    const services = ["codecommit", "cassandra", "bedrock"].map((name) => `${name}.amazonaws.com`);
    const create = (ServiceName: string): Promise<string> =>
      call("CreateServiceSpecificCredential", { ...user, ServiceName });
    for (const service of services) {
      for (const xml of [await create(service), await create(service)]) {
        equal(textOf(xml, "Status"), "Active");
        ok(textOf(xml, service.startsWith("bedrock") ? "ServiceCredentialSecret" : "ServicePassword") !== "");
      }
      const words = "409 LimitExceeded: Cannot exceed quota for ServiceSpecificCredentialsPerUser: 2";
      await refused(create(service), `CreateServiceSpecificCredential: ${words}`);
    }
    const all = await call("ListServiceSpecificCredentials", user);
    equal(texts(all, "ServiceSpecificCredentialId").length, 6);
    ok(!/ServicePassword|ServiceCredentialSecret/.test(all));
    const codecommit = await call("ListServiceSpecificCredentials", { ...user, ServiceName: services[0] ?? "" });
    deepEqual(texts(codecommit, "ServiceUserName"), [
      `${user.UserName}-at-123456789012`,
      `${user.UserName}+1-at-123456789012`,
    ]);
    await refused(create("s3.amazonaws.com"), "CreateServiceSpecificCredential: 404 NotSupportedService");
    const unknown = call("ListServiceSpecificCredentials", { UserName: "nobody" });
    await refused(unknown, "ListServiceSpecificCredentials: 404 NoSuchEntity");
  });

  it("switches a service-specific credential off and on, resets its secret and deletes it", async () => {
    const user = await newUser();
    const xml = await call("CreateServiceSpecificCredential", { ...user, ServiceName: "codecommit.amazonaws.com" });
    const it = { ...user, ServiceSpecificCredentialId: textOf(xml, "ServiceSpecificCredentialId") };
    match(it.ServiceSpecificCredentialId, /^ACCA\w{17}$/);
    const status = async (): Promise<string> => textOf(await call("ListServiceSpecificCredentials", user), "Status");
    await call("UpdateServiceSpecificCredential", { ...it, Status: "Inactive" });
    equal(await status(), "Inactive");
    await call("UpdateServiceSpecificCredential", { ...it, Status: "Active" });
    equal(await status(), "Active");
    const off = call("UpdateServiceSpecificCredential", { ...it, Status: "Off" });
    await refused(off, "UpdateServiceSpecificCredential: 400 ValidationError");
    const reset = await call("ResetServiceSpecificCredential", it);
    notEqual(textOf(reset, "ServicePassword"), textOf(xml, "ServicePassword"));
    await call("DeleteServiceSpecificCredential", it);
    for (const action of ["Delete", "Reset"]) {
      const name = `${action}ServiceSpecificCredential`;
      await refused(call(name, it), `${name}: 404 NoSuchEntity`);
    }
    deepEqual(texts(await call("ListServiceSpecificCredentials", user), "Status"), []);
  });

  it("dates a Bedrock key that ends by itself, and no other credential", async () => {
    const user = await newUser();
    const aged = { ...user, CredentialAgeDays: "30" };
    const xml = await call("CreateServiceSpecificCredential", { ...aged, ServiceName: "bedrock.amazonaws.com" });
    const days = (Date.parse(textOf(xml, "ExpirationDate")) - Date.parse(textOf(xml, "CreateDate"))) / 86_400_000;
    equal(days, 30);
    const other = call("CreateServiceSpecificCredential", { ...aged, ServiceName: "cassandra.amazonaws.com" });
    await refused(other, "CreateServiceSpecificCredential: 400 ValidationError");
  });

  it("keeps a password with its own date, changes only what is given, and deletes it once", async () => {
    const user = await newUser();
    await refused(call("GetLoginProfile", user), "GetLoginProfile: 404 NoSuchEntity");
    await refused(call("DeleteLoginProfile", user), "DeleteLoginProfile: 404 NoSuchEntity");
    const weak = call("CreateLoginProfile", { ...user, Password: "password" });
    await refused(weak, "CreateLoginProfile: 400 PasswordPolicyViolation");
    await call("CreateLoginProfile", { ...user, Password: "Sup3r-secret", PasswordResetRequired: "true" });
    const again = call("CreateLoginProfile", { ...user, Password: "Sup3r-secret" });
    await refused(again, "CreateLoginProfile: 409 EntityAlreadyExists");
    const shown = await call("GetLoginProfile", user);
    equal(textOf(shown, "PasswordResetRequired"), "true");
    ok(Math.abs(Date.parse(textOf(shown, "CreateDate")) - Date.now()) < 60_000);
    await call("UpdateLoginProfile", { ...user, PasswordResetRequired: "false" });
    equal(textOf(await call("GetLoginProfile", user), "PasswordResetRequired"), "false");
    await call("DeleteLoginProfile", user);
    await refused(call("DeleteLoginProfile", user), "DeleteLoginProfile: 404 NoSuchEntity");
  });

  it("enables an MFA device for one user at a time and only one that is there", async () => {
    const [user, other] = [await newUser(), await newUser()];
    const xml = await call("CreateVirtualMFADevice", { VirtualMFADeviceName: user.UserName });
    const device = { SerialNumber: textOf(xml, "SerialNumber") };
    const codes = { AuthenticationCode1: "123456", AuthenticationCode2: "654321" };
    const absent = { SerialNumber: "arn:aws:iam::123456789012:mfa/absent" };
    await refused(call("EnableMFADevice", { ...user, ...absent, ...codes }), "EnableMFADevice: 404 NoSuchEntity");
    await call("EnableMFADevice", { ...user, ...device, ...codes });
    const taken = call("EnableMFADevice", { ...other, ...device, ...codes });
    await refused(taken, "EnableMFADevice: 409 EntityAlreadyExists");
    deepEqual(texts(await call("ListMFADevices", user), "SerialNumber"), [device.SerialNumber]);
    await call("DeactivateMFADevice", { ...user, ...device });
    await refused(call("DeactivateMFADevice", { ...user, ...device }), "DeactivateMFADevice: 404 NoSuchEntity");
    deepEqual(texts(await call("ListMFADevices", user), "SerialNumber"), []);
    await call("DeleteVirtualMFADevice", device);
    await refused(call("DeleteVirtualMFADevice", device), "DeleteVirtualMFADevice: 404 NoSuchEntity");
  });

  it("takes five different RSA keys for SSH, switches and deletes them", async () => {
    const user = await newUser();
    const keyOf = (modulusLength: number): string =>
      generateKeyPairSync("rsa", { modulusLength }).publicKey.export({ type: "spki", format: "pem" }).toString();
    const upload = (SSHPublicKeyBody: string): Promise<string> =>
      call("UploadSSHPublicKey", { ...user, SSHPublicKeyBody });
    const body = keyOf(2048);
    const key = { ...user, SSHPublicKeyId: textOf(await upload(body), "SSHPublicKeyId") };
    await refused(upload(body), "UploadSSHPublicKey: 400 DuplicateSSHPublicKey");
    await refused(upload("ssh-rsa AAAA"), "UploadSSHPublicKey: 400 InvalidPublicKey");
    await refused(upload(keyOf(1024)), "UploadSSHPublicKey: 400 InvalidPublicKey");
    for (let i = 0; i < 4; i += 1) await upload(keyOf(2048));
    await refused(upload(keyOf(2048)), "UploadSSHPublicKey: 409 LimitExceeded");
    await call("UpdateSSHPublicKey", { ...key, Status: "Inactive" });
    const listed = await call("ListSSHPublicKeys", user);
    deepEqual(texts(listed, "Status"), ["Inactive", "Active", "Active", "Active", "Active"]);
    await call("DeleteSSHPublicKey", key);
    await refused(call("DeleteSSHPublicKey", key), "DeleteSSHPublicKey: 404 NoSuchEntity");
  });

  it("takes two signing certificates, switches and deletes them", async () => {
    const user = await newUser();
    const upload = (CertificateBody: string): Promise<string> =>
      call("UploadSigningCertificate", { ...user, CertificateBody });
    const body = createAuthority("one").pem;
    const one = { ...user, CertificateId: textOf(await upload(body), "CertificateId") };
    await refused(upload(body), "UploadSigningCertificate: 409 DuplicateCertificate");
    await refused(upload("no certificate"), "UploadSigningCertificate: 400 MalformedCertificate");
    await upload(createAuthority("two").pem);
    await refused(upload(createAuthority("three").pem), "UploadSigningCertificate: 409 LimitExceeded");
    await call("UpdateSigningCertificate", { ...one, Status: "Inactive" });
    deepEqual(texts(await call("ListSigningCertificates", user), "Status"), ["Inactive", "Active"]);
    await call("DeleteSigningCertificate", one);
    await refused(call("DeleteSigningCertificate", one), "DeleteSigningCertificate: 404 NoSuchEntity");
  });

  it("gives a credential report of the moment when it was made, for four hours the same", async () => {
    const user = await newUser();
    await call("CreateLoginProfile", { ...user, Password: "Sup3r-secret" });
    await iam().createAccessKey(user.UserName);
    await refused(call("GetCredentialReport"), "GetCredentialReport: 410 ReportNotPresent");
    equal(textOf(await call("GenerateCredentialReport"), "State"), "STARTED");
    const later = await newUser();
    equal(textOf(await call("GenerateCredentialReport"), "State"), "COMPLETE");
    const xml = await call("GetCredentialReport");
    ok(Math.abs(Date.parse(textOf(xml, "GeneratedTime")) - Date.now()) < 60_000);
    const [header = "", ...lines] = Buffer.from(textOf(xml, "Content"), "base64").toString().trim().split("\n");
    const names = header.split(",");
    const rows = lines.map((line) => Object.fromEntries(line.split(",").map((value, i) => [names[i] ?? "", value])));
    equal(rows[0]?.["user"], "<root_account>");
    const row = rows.find((one) => one["user"] === user.UserName);
    deepEqual(
      ["password_enabled", "mfa_active", "access_key_1_active", "access_key_2_active"].map((name) => row?.[name]),
      ["true", "false", "true", "false"],
    );
    equal(
      rows.find((one) => one["user"] === later.UserName),
      undefined,
    );
  });
});
