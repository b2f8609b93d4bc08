import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { CutWayName } from "../../src/domain/lifecycle/record.ts";
import type { AwsKey } from "./aws.ts";
import { awsHarness, awsScene, refusalOf } from "./aws-accounts.ts";
import type { AwsGround, AwsScene } from "./aws-accounts.ts";
import { localGround } from "./aws-grounds.ts";
import { createAuthority } from "./certificates.ts";
import { startMinistack } from "./ministack.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";

const context = { signal: new AbortController().signal, log: silentLogger };
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const mayList = [{ effect: "Allow" as const, actions: ["iam:ListUsers"], resources: ["*"] }];
const document = (...statements: readonly object[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
const allowAll = { Effect: "Allow", Action: "*", Resource: "*" };
const serialsIn = (xml: string): readonly string[] =>
  [...xml.matchAll(/<SerialNumber>([^<]+)</g)].map(([, serial]) => serial ?? "");
const denyAll = { Effect: "Deny", Action: "*", Resource: "*" };

/** moto has every kind of credential and AWSDenyAll; ministack judges the connection's own policy as a second judge. */
const servers = ["moto", "ministack"] as const;

/** Leavers on servers that judge by what IAM holds: cut, dismantled and deleted, with their real keys tried. */
describe("leaving IAM on real servers", function () {
  this.timeout(60_000);
  let stack: Stack;
  const grounds = new Map<string, AwsGround>();

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    grounds.set("moto", await localGround(stack, stack.aws));
    const ministack = await localGround(stack, await startMinistack(stack));
    const denyPolicyArn = `arn:aws:iam::${ministack.accountId}:policy/keyturn-deny`;
    await ministack.admin.action("iam", "CreatePolicy", {
      ...{ PolicyName: "keyturn-deny", PolicyDocument: document(denyAll) },
    });
    const { connection } = ministack;
    const spec = { ...(connection.spec as object), denyPolicyArn };
    grounds.set("ministack", { ...ministack, connection: { ...connection, spec } });
  });
  after(async () => {
    for (const ground of grounds.values()) ground.connections.close();
    await stack.stop();
  });

  const groundOf = (name: string): AwsGround => {
    const ground = grounds.get(name);
    ok(ground);
    return ground;
  };
  const scenes: { readonly ground: AwsGround; readonly scene: AwsScene }[] = [];
  afterEach(async () => {
    for (const { ground, scene } of scenes.splice(0)) await awsHarness(ground, scene, []).dispose?.();
  });
  const userWith = async (ground: AwsGround, more: object): Promise<AwsScene> => {
    const scene = awsScene(ground, () => ({ user: more }));
    scenes.push({ ground, scene });
    await scene.join(context);
    return scene;
  };
  const dismantle = async ({ client, desired }: AwsScene): Promise<void> => {
    for (const { key, class: of } of desired)
      if (of === "grant" || of === "restriction") await client.remove(key, context);
  };

  for (const name of servers) {
    const list = (key: AwsKey): Promise<string | undefined> =>
      refusalOf(groundOf(name).admin.action("iam", "ListUsers", { PathPrefix: "/nobody/" }, key));

    for (const way of ["Deny", "Boundary", "AttachedDeny", "Room"] as const satisfies readonly CutWayName[]) {
      it(`denies what a key could do, and gives back what stood there: ${way} on ${name}`, async () => {
        const ground = groundOf(name);
        const scene = await userWith(ground, {
          ...{ policies: [READ_ONLY], permissionsBoundary: ground.boundary },
          inlinePolicies: [{ name: "list", statements: mayList }],
        });
        const key = await ground.admin.createAccessKey(scene.name);
        equal(await list(key), undefined);
        await scene.client.cut(context, way);
        equal(await list(key), "AccessDenied");
        const recorded = { leaving: true, cutWays: [way] };
        const seen = await scene.client.observe(context, recorded);
        deepEqual([seen.rightsCut, seen.cutBy], [true, [way]]);
        const boundary = way === "Boundary" ? JSON.stringify(ground.boundary) : undefined;
        await scene.client.uncut(context, { ways: [way], boundary });
        equal(await list(key), undefined);
        const after = await scene.client.observe(context);
        deepEqual(
          [after.rightsCut, after.pieces.filter(({ key: of }) => of === "boundary").map(({ value }) => value)],
          [false, [JSON.stringify(ground.boundary)]],
        );
      });
    }

    it(`deletes a user under a denial, whichever cut it: ${name}`, async () => {
      for (const way of ["Deny", "Boundary", "AttachedDeny"] as const) {
        const scene = await userWith(groundOf(name), { policies: [READ_ONLY] });
        const key = await groundOf(name).admin.createAccessKey(scene.name);
        await scene.client.cut(context, way);
        await scene.client.observe(context, { leaving: true, cutWays: [way] });
        await scene.client.setCredentialEnabled(key.accessKeyId, false, context);
        deepEqual(await scene.client.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });
        await dismantle(scene);
        await scene.client.removeCredential(key.accessKeyId, context);
        equal(await scene.client.remove("principal", context), "removed");
        equal((await scene.client.observe(context)).principal, "absent");
      }
    });

    it(`tells what others have put there by what it holds: ${name}`, async () => {
      const ground = groundOf(name);
      const scene = await userWith(ground, {});
      const made = `theirs-${scene.owner.name}`;
      const arn = `arn:aws:iam::${ground.accountId}:policy/${made}`;
      const create = { PolicyName: made, PolicyDocument: document({ ...denyAll, Action: "iam:*" }) };
      await ground.admin.action("iam", "CreatePolicy", create);
      await scene.on("Attach", "Policy", { PolicyArn: arn });
      await scene.on("Put", "Policy", { PolicyName: "theirs", PolicyDocument: document(denyAll, allowAll) });
      await scene.iam("AddUserToGroup", { UserName: scene.name, GroupName: ground.group });
      const seen = await scene.client.observe(context, { leaving: true });
      const effects = seen.pieces.filter((piece) => piece.class === "grant").map(({ key, effect }) => [key, effect]);
      deepEqual(effects, [
        [`managedPolicy/${arn}`, "Denies"],
        ["inlinePolicy/theirs", "Both"],
        [`group/${ground.group}`, "Allows"],
      ]);
    });
  }

  describe("at moto", () => {
    const ground = (): AwsGround => groundOf("moto");
    const call = (action: string, fields: Readonly<Record<string, string>>): Promise<string> =>
      ground().admin.action("iam", action, fields);
    /** What the operator's own login may not do, until the end of the test. */
    const forbid = (...actions: readonly string[]): Promise<string> =>
      call("PutUserPolicy", {
        ...{ UserName: "operator", PolicyName: "forbidden" },
        PolicyDocument: document({ Effect: "Deny", Action: actions, Resource: "*" }),
      });
    afterEach(() => refusalOf(call("DeleteUserPolicy", { UserName: "operator", PolicyName: "forbidden" })));

    const loaded = async (): Promise<AwsScene> => {
      const scene = await userWith(ground(), { policies: [READ_ONLY] });
      const user = { UserName: scene.name };
      const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const SSHPublicKeyBody = publicKey.export({ type: "spki", format: "pem" }).toString();
      await call("CreateLoginProfile", { ...user, Password: "Sup3r-secret" });
      await call("UploadSSHPublicKey", { ...user, SSHPublicKeyBody });
      await call("CreateServiceSpecificCredential", { ...user, ServiceName: "codecommit.amazonaws.com" });
      await call("UploadSigningCertificate", { ...user, CertificateBody: createAuthority(scene.name).pem });
      const [SerialNumber = ""] = serialsIn(await call("CreateVirtualMFADevice", { VirtualMFADeviceName: scene.name }));
      const codes = { AuthenticationCode1: "123456", AuthenticationCode2: "654321" };
      await call("EnableMFADevice", { ...user, SerialNumber, ...codes });
      return scene;
    };

    it("switches off every credential that has a switch, and deletes all in the order in which they are listed", async () => {
      const scene = await loaded();
      await scene.client.cut(context, "Deny");
      const { credentials, notLooked } = await scene.client.observe(context, { everything: true });
      deepEqual(
        [notLooked, credentials.map(({ kind }) => kind)],
        [[], ["Password", "SshPublicKey", "ServiceSpecificCredential", "SigningCertificate", "MfaDevice"]],
      );
      for (const { id } of credentials.filter(({ switchable }) => switchable))
        await scene.client.setCredentialEnabled(id, false, context);
      deepEqual(await scene.client.proveRefused([], context), { kind: "refused", proof: "ProvenByListing" });
      await dismantle(scene);
      await rejects(
        scene.client.remove("principal", context),
        (error) =>
          error instanceof OperatorError && error.code === "InUse" && /a console password/.test(error.publicMessage),
      );
      equal((await scene.client.observe(context)).rightsCut, true);
      for (const { id } of credentials) equal(await scene.client.removeCredential(id, context), "removed");
      equal(await scene.client.remove("principal", context), "removed");
      deepEqual(serialsIn(await call("ListVirtualMFADevices", {})), []);
    });

    it("is denied again at once where IAM refuses the deletion for what may not be listed, and names it", async () => {
      const scene = await loaded();
      await scene.client.cut(context, "Deny");
      await forbid("iam:GetLoginProfile");
      const { credentials, notLooked } = await scene.client.observe(context, { leaving: true, everything: true });
      deepEqual(notLooked, [
        { what: "console passwords", why: "NotAllowed", right: "iam:GetLoginProfile, iam:DeleteLoginProfile" },
      ]);
      for (const { id } of credentials) await scene.client.removeCredential(id, context);
      await dismantle(scene);
      await rejects(
        scene.client.remove("principal", context),
        (error) =>
          error instanceof OperatorError && error.code === "InUse" && /a console password/.test(error.publicMessage),
      );
      const seen = await scene.client.observe(context, { leaving: true });
      deepEqual([seen.rightsCut, seen.cutBy], [true, ["Deny"]]);
      const shown = await call("GetUser", { UserName: scene.name });
      equal(shown.includes("PermissionsBoundary"), false);
      await call("DeleteLoginProfile", { UserName: scene.name });
      equal(await scene.client.remove("principal", context), "removed");
    });

    it("deletes without a boundary where the login may not put one on", async () => {
      const scene = await userWith(ground(), { policies: [READ_ONLY] });
      await scene.client.cut(context, "Deny");
      await dismantle(scene);
      await forbid("iam:PutUserPermissionsBoundary");
      equal(await scene.client.remove("principal", context), "removed");
    });

    it("cuts another way where inline policies fill the room", async () => {
      const scene = await userWith(ground(), {});
      const key = await ground().admin.createAccessKey(scene.name);
      const filling = document({ ...allowAll, Resource: ["*", `arn:aws:s3:::${"x".repeat(1920)}`] });
      await scene.on("Put", "Policy", { PolicyName: "by-hand", PolicyDocument: filling });
      const list = (): Promise<string | undefined> =>
        refusalOf(ground().admin.action("iam", "ListUsers", { PathPrefix: "/nobody/" }, key));
      equal(await list(), undefined);
      await rejects(
        scene.client.cut(context, "Deny"),
        (error) => error instanceof OperatorError && error.code === "QuotaExceeded",
      );
      await scene.client.cut(context, "Boundary");
      equal(await list(), "AccessDenied");
    });

    it("says of a name that IAM has in another case that it has it", async () => {
      const scene = awsScene(ground(), () => ({ user: {} }));
      await ground().admin.createUser(scene.name.toUpperCase());
      const [principal] = scene.desired;
      ok(principal);
      await rejects(
        scene.client.apply(principal, context, scene.desired),
        (error) =>
          error instanceof OperatorError && error.code === "Conflict" && /in another case/.test(error.publicMessage),
      );
      await ground().admin.removeUser(scene.name.toUpperCase());
    });
  });
});
