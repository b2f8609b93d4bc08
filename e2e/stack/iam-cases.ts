import { equal } from "node:assert/strict";
import type { AwsClient, AwsKey } from "./aws.ts";
import { refusalOf, sessionIn } from "./aws-accounts.ts";
import { allow, deny, documentOf, textOf } from "./iam.ts";
import { waitFor } from "./wait.ts";

/** An IAM that is asked whether it does what the product relies on. */
export interface IamUnderTest {
  readonly admin: AwsClient;
  readonly accountId: string;
  /** The policy that denies everything: AWSDenyAll, or one made in the account where AWS's own are not known. */
  readonly denyAll: string;
  /** Lets IAM make up its mind, where it is eventually consistent. */
  readonly settle?: () => Promise<void>;
}

/** What a server can be judged by; what is false is not asked of it. */
export interface IamAbilities {
  /** DeleteUser looks at passwords. */
  readonly passwords: boolean;
  /** An absent name is judged by the ARN without a path. */
  readonly absentNames: boolean;
  /** Sizes of policies, names in another case. */
  readonly quotas: boolean;
  /** Service-specific credentials. */
  readonly serviceCredentials: boolean;
}

type Fields = Readonly<Record<string, string>>;
const PATH = "/keyturn/e2e/";
let made = 0;

/** The same questions for moto, ministack and, where it is wanted, a real account: what ours take for granted, AWS answers. */
export function describeIamCases(name: string, abilities: IamAbilities, start: () => Promise<IamUnderTest>): void {
  describe(`IAM as ${name} has it`, () => {
    let iam: IamUnderTest;
    const undo: (() => Promise<unknown>)[] = [];
    before(async function () {
      // It may be installed first.
      this.timeout(600_000);
      iam = await start();
    });
    afterEach(async () => {
      for (const step of undo.splice(0).reverse()) await refusalOf(step());
    });
    const call = (action: string, fields: Fields, key?: AwsKey): Promise<string> =>
      iam.admin.action("iam", action, fields, key);
    const itCan = (ability: keyof IamAbilities, title: string, test: () => Promise<void>): void => {
      if (abilities[ability]) it(title, test);
    };
    /** Answered with this code (undefined: let through), at once or, where IAM needs it, after a while. */
    const becomes = async (attempt: () => Promise<unknown>, code: string | undefined): Promise<void> => {
      if (iam.settle === undefined) equal(await refusalOf(attempt()), code);
      else
        await waitFor(
          `the answer ${code ?? "that lets it through"}`,
          async () => (await refusalOf(attempt())) === code,
          {
            every: 2000,
          },
        );
    };
    const newName = (): string => `keyturn-e2e-${++made}-${Date.now().toString(36)}`;
    const newUser = async (document?: string): Promise<{ readonly UserName: string; readonly key: AwsKey }> => {
      const UserName = newName();
      await call("CreateUser", { UserName, Path: PATH });
      undo.push(() => call("DeleteUser", { UserName }));
      const key = await iam.admin.createAccessKey(UserName);
      undo.push(() => iam.admin.deleteAccessKey(UserName, key.accessKeyId));
      if (document !== undefined) {
        await call("PutUserPolicy", { UserName, PolicyName: "own", PolicyDocument: document });
        undo.push(() => call("DeleteUserPolicy", { UserName, PolicyName: "own" }));
      }
      await iam.settle?.();
      return { UserName, key };
    };
    const list = (key: AwsKey) => (): Promise<string> => call("ListUsers", { PathPrefix: PATH }, key);

    it("denies a user by a boundary that denies everything, and no longer once it is gone", async () => {
      const { UserName, key } = await newUser(documentOf(allow("iam:*")));
      await becomes(list(key), undefined);
      await call("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: iam.denyAll });
      await becomes(list(key), "AccessDenied");
      equal(textOf(await call("GetUser", { UserName }), "PermissionsBoundaryArn"), iam.denyAll);
      await call("DeleteUserPermissionsBoundary", { UserName });
      await becomes(list(key), undefined);
      equal(await refusalOf(call("DeleteUserPermissionsBoundary", { UserName })), "NoSuchEntity");
    });

    it("deletes a user whose boundary denies everything", async () => {
      const UserName = newName();
      await call("CreateUser", { UserName, Path: PATH, PermissionsBoundary: iam.denyAll });
      await call("DeleteUser", { UserName });
      await becomes(() => call("GetUser", { UserName }), "NoSuchEntity");
    });

    it("denies a user by an explicit Deny of a boundary that allows the rest", async () => {
      const { UserName, key } = await newUser(documentOf(allow("iam:*")));
      const PolicyDocument = documentOf(allow("*"), deny("iam:ListUsers"));
      const PolicyArn = textOf(await call("CreatePolicy", { PolicyName: newName(), PolicyDocument }), "Arn");
      undo.push(() => call("DeletePolicy", { PolicyArn }));
      await call("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: PolicyArn });
      undo.push(() => call("DeleteUserPermissionsBoundary", { UserName }));
      await becomes(list(key), "AccessDenied");
      await becomes(() => call("GetUser", { UserName }, key), undefined);
    });

    it("denies a user by a policy attached that denies everything", async () => {
      const { UserName, key } = await newUser(documentOf(allow("iam:*")));
      await call("AttachUserPolicy", { UserName, PolicyArn: iam.denyAll });
      undo.push(() => call("DetachUserPolicy", { UserName, PolicyArn: iam.denyAll }));
      await becomes(list(key), "AccessDenied");
    });

    it("denies a session of a role, made before, by a boundary that the role gets", async () => {
      const { key, UserName } = await newUser(documentOf(allow("sts:AssumeRole")));
      const RoleName = newName();
      const Principal = { AWS: `arn:aws:iam::${iam.accountId}:user${PATH}${UserName}` };
      const trust = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Principal, Action: "sts:AssumeRole" }] };
      const RoleArn = await iam.admin.createRole(RoleName, trust, JSON.parse(documentOf(allow("iam:*"))) as object);
      undo.push(() => call("DeleteRole", { RoleName }));
      undo.push(() => call("DeleteRolePolicy", { RoleName, PolicyName: "all" }));
      await iam.settle?.();
      const xml = await iam.admin.action("sts", "AssumeRole", { RoleArn, RoleSessionName: "before" }, key);
      const session = sessionIn(xml);
      await becomes(list(session), undefined);
      await call("PutRolePermissionsBoundary", { RoleName, PermissionsBoundary: iam.denyAll });
      await becomes(list(session), "AccessDenied");
    });

    itCan("passwords", "does not delete a user that has a password", async () => {
      const UserName = newName();
      await call("CreateUser", { UserName, Path: PATH });
      undo.push(() => call("DeleteUser", { UserName }));
      await call("CreateLoginProfile", { UserName, Password: `Aa1!${newName()}` });
      undo.push(() => call("DeleteLoginProfile", { UserName }));
      equal(await refusalOf(call("DeleteUser", { UserName })), "DeleteConflict");
      // IAM says EntityTemporarilyUnmodifiable while it still makes the password.
      await becomes(() => call("DeleteLoginProfile", { UserName }), undefined);
      await becomes(() => call("DeleteUser", { UserName }), undefined);
    });

    itCan("serviceCredentials", "does not delete a user that has a service-specific credential", async () => {
      const UserName = newName();
      await call("CreateUser", { UserName, Path: PATH });
      undo.push(() => call("DeleteUser", { UserName }));
      const ServiceName = "codecommit.amazonaws.com";
      const xml = await call("CreateServiceSpecificCredential", { UserName, ServiceName });
      const ServiceSpecificCredentialId = textOf(xml, "ServiceSpecificCredentialId");
      equal(await refusalOf(call("DeleteUser", { UserName })), "DeleteConflict");
      await call("DeleteServiceSpecificCredential", { UserName, ServiceSpecificCredentialId });
      await becomes(() => call("DeleteUser", { UserName }), undefined);
    });

    itCan("absentNames", "judges an absent name by the ARN without a path", async () => {
      const arn = `arn:aws:iam::${iam.accountId}:user${PATH}*`;
      const { UserName, key } = await newUser(documentOf(allow("iam:GetUser", arn)));
      const absent = newName();
      await becomes(() => call("GetUser", { UserName }, key), undefined);
      await becomes(() => call("GetUser", { UserName: absent }, key), "AccessDenied");
      const PolicyDocument = documentOf(allow("iam:GetUser"));
      await call("PutUserPolicy", { UserName, PolicyName: "own", PolicyDocument });
      await becomes(() => call("GetUser", { UserName: absent }, key), "NoSuchEntity");
    });

    itCan(
      "quotas",
      "does not distinguish names by case when it makes a user, and does when it looks for one",
      async () => {
        const { UserName } = await newUser();
        const other = UserName.toUpperCase();
        equal(await refusalOf(call("CreateUser", { UserName: other, Path: PATH })), "EntityAlreadyExists");
        equal(await refusalOf(call("GetUser", { UserName: other })), "NoSuchEntity");
      },
    );

    itCan(
      "quotas",
      "refuses an inline policy beyond 2,048 characters and the deletion of a policy in use",
      async () => {
        const { UserName } = await newUser();
        const PolicyDocument = documentOf(allow("s3:GetObject", `arn:aws:s3:::${"x".repeat(2000)}`));
        equal(await refusalOf(call("PutUserPolicy", { UserName, PolicyName: "own", PolicyDocument })), "LimitExceeded");
        const small = { PolicyName: newName(), PolicyDocument: documentOf(allow("iam:GetUser")) };
        const PolicyArn = textOf(await call("CreatePolicy", small), "Arn");
        undo.push(() => call("DeletePolicy", { PolicyArn }));
        await call("PutUserPermissionsBoundary", { UserName, PermissionsBoundary: PolicyArn });
        undo.push(() => call("DeleteUserPermissionsBoundary", { UserName }));
        equal(await refusalOf(call("DeletePolicy", { PolicyArn })), "DeleteConflict");
      },
    );
  });
}
