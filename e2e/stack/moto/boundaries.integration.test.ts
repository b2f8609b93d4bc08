import { equal, ok } from "node:assert/strict";
import type { AwsKey } from "../aws.ts";
import { allow, deny, documentOf, refused, textOf, withIam } from "../iam.ts";
import type { Statement } from "../iam.ts";

const DENY_ALL = "arn:aws:iam::aws:policy/AWSDenyAll";
const READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess";
const QUARANTINES = ["V2", "V3"].map((version) => `arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine${version}`);

describe("permissions boundaries at moto", function () {
  this.timeout(30_000);
  const iam = withIam();
  let made = 0;

  /** A user that its policies let do anything, with a key. */
  const administrator = async (): Promise<{ readonly name: string; readonly key: AwsKey }> => {
    const name = `bounded-${++made}`;
    await iam().createUser(name, { path: "/keyturn/" });
    await iam().action("iam", "AttachUserPolicy", { UserName: name, PolicyArn: ADMINISTRATOR });
    return { name, key: await iam().createAccessKey(name) };
  };
  const bind = (UserName: string, PermissionsBoundary: string): Promise<string> =>
    iam().action("iam", "PutUserPermissionsBoundary", { UserName, PermissionsBoundary });
  const unbind = (UserName: string): Promise<string> =>
    iam().action("iam", "DeleteUserPermissionsBoundary", { UserName });
  const shown = async (UserName: string): Promise<string | undefined> =>
    /<PermissionsBoundaryArn>([^<]+)</.exec(await iam().action("iam", "GetUser", { UserName }))?.[1];
  const list = (key: AwsKey): Promise<string> => iam().action("iam", "ListUsers", {}, key);
  const policy = async (...statements: Statement[]): Promise<string> => {
    const parameters = { PolicyName: `boundary-${++made}`, PolicyDocument: documentOf(...statements) };
    return textOf(await iam().action("iam", "CreatePolicy", parameters), "Arn");
  };

  it("keeps the boundary of a user and shows it in GetUser, never in ListUsers", async () => {
    const { name } = await administrator();
    equal(await shown(name), undefined);
    await bind(name, READ_ONLY);
    equal(await shown(name), READ_ONLY);
    await bind(name, DENY_ALL);
    equal(await shown(name), DENY_ALL);
    ok(!(await iam().action("iam", "ListUsers")).includes("PermissionsBoundary"));
    await unbind(name);
    equal(await shown(name), undefined);
  });

  it("takes a boundary with CreateUser", async () => {
    await iam().action("iam", "CreateUser", { UserName: "born-bounded", PermissionsBoundary: DENY_ALL });
    equal(await shown("born-bounded"), DENY_ALL);
    const nowhere = "arn:aws:iam::123456789012:policy/nowhere";
    const call = iam().action("iam", "CreateUser", { UserName: "never-born", PermissionsBoundary: nowhere });
    await refused(call, `CreateUser: 404 NoSuchEntity: Scope ARN: ${nowhere} does not exist or is not attachable.`);
    await refused(iam().action("iam", "GetUser", { UserName: "never-born" }), "GetUser: 404 NoSuchEntity");
  });

  it("refuses a boundary that is not there, one that is no policy, and a user that is not there", async () => {
    const { name } = await administrator();
    const nowhere = "arn:aws:iam::123456789012:policy/nowhere";
    await refused(bind(name, nowhere), "PutUserPermissionsBoundary: 404 NoSuchEntity: Scope ARN");
    await refused(bind(name, "arn:aws:iam::123456789012:role/x"), "PutUserPermissionsBoundary: 404 NoSuchEntity");
    await refused(bind(name, "ReadOnlyAccessOfAll!"), "PutUserPermissionsBoundary: 400 ValidationError");
    await refused(bind("nobody", DENY_ALL), "PutUserPermissionsBoundary: 404 NoSuchEntity");
    await refused(unbind("nobody"), "DeleteUserPermissionsBoundary: 404 NoSuchEntity");
    await refused(unbind(name), "DeleteUserPermissionsBoundary: 404 NoSuchEntity");
  });

  it("denies a user everything while its boundary is AWSDenyAll, and it may name itself nevertheless", async () => {
    const { name, key } = await administrator();
    await list(key);
    await bind(name, DENY_ALL);
    await refused(list(key), "ListUsers: 403 AccessDenied");
    await refused(iam().action("iam", "CreateUser", { UserName: "x" }, key), "CreateUser: 403 AccessDenied");
    equal(await iam().getCallerIdentity(key), `arn:aws:iam::123456789012:user/keyturn/${name}`);
    await unbind(name);
    await list(key);
  });

  it("denies what the boundary denies and what it does not allow, and gives nothing by itself", async () => {
    const { name, key } = await administrator();
    const get = (): Promise<string> => iam().action("iam", "GetUser", { UserName: name }, key);
    await bind(name, await policy(allow("iam:List*")));
    await list(key);
    await refused(get(), "GetUser: 403 AccessDenied");
    await bind(name, await policy(allow("*"), deny("iam:ListUsers")));
    await get();
    await refused(list(key), "ListUsers: 403 AccessDenied");
    await iam().action("iam", "DetachUserPolicy", { UserName: name, PolicyArn: ADMINISTRATOR });
    await refused(get(), "GetUser: 403 AccessDenied");
  });

  it("evaluates the boundary as it is now: its default version", async () => {
    const { name, key } = await administrator();
    const arn = await policy(allow("*"));
    await bind(name, arn);
    await list(key);
    const PolicyDocument = documentOf(deny("*"));
    await iam().action("iam", "CreatePolicyVersion", { PolicyArn: arn, PolicyDocument, SetAsDefault: "true" });
    await refused(list(key), "ListUsers: 403 AccessDenied");
  });

  it("denies a session of a role, made before, by the boundary that the role gets", async () => {
    const trust = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal: "*", Action: "sts:AssumeRole" }] };
    const arn = await iam().createRole("bounded", trust, JSON.parse(documentOf(allow("*"))) as object);
    const session = await iam().assumeRole(arn, "before");
    await list(session);
    await iam().action("iam", "PutRolePermissionsBoundary", { RoleName: "bounded", PermissionsBoundary: DENY_ALL });
    await refused(list(session), "ListUsers: 403 AccessDenied");
    equal(textOf(await iam().action("iam", "GetRole", { RoleName: "bounded" }), "PermissionsBoundaryArn"), DENY_ALL);
    await iam().action("iam", "DeleteRolePermissionsBoundary", { RoleName: "bounded" });
    await list(session);
    const again = iam().action("iam", "DeleteRolePermissionsBoundary", { RoleName: "bounded" });
    await refused(again, "DeleteRolePermissionsBoundary: 404 NoSuchEntity");
  });

  it("denies by AWSDenyAll that is attached, also to a user whom another policy allows everything", async () => {
    const { name, key } = await administrator();
    await iam().action("iam", "AttachUserPolicy", { UserName: name, PolicyArn: DENY_ALL });
    await refused(list(key), "ListUsers: 403 AccessDenied");
    await iam().action("iam", "DetachUserPolicy", { UserName: name, PolicyArn: DENY_ALL });
    await list(key);
  });

  it("knows AWSDenyAll and the quarantine policies with AWS's own documents", async () => {
    const documentIn = async (PolicyArn: string): Promise<string> => {
      const VersionId = textOf(await iam().action("iam", "GetPolicy", { PolicyArn }), "DefaultVersionId");
      const xml = await iam().action("iam", "GetPolicyVersion", { PolicyArn, VersionId });
      const encoded = textOf(xml, "Document");
      ok(encoded.startsWith("%7B"));
      return decodeURIComponent(encoded);
    };
    const { Statement } = JSON.parse(await documentIn(DENY_ALL)) as { Statement: unknown };
    equal(JSON.stringify(Statement), '[{"Action":["*"],"Effect":"Deny","Resource":"*","Sid":"DenyAll"}]');
    for (const arn of QUARANTINES) {
      const { name, key } = await administrator();
      ok((await documentIn(arn)).includes("iam:CreateAccessKey"));
      await iam().action("iam", "AttachUserPolicy", { UserName: name, PolicyArn: arn });
      await iam().action("iam", "GetUser", { UserName: name }, key);
      const create = iam().action("iam", "CreateAccessKey", { UserName: name }, key);
      await refused(create, "CreateAccessKey: 403 AccessDenied");
    }
  });
});
