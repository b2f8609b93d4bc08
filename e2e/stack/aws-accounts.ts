import { ok } from "node:assert/strict";
import type { AwsAccount } from "../../src/api/v1alpha1/service-account-lifecycle.ts";
import type { Piece } from "../../src/domain/lifecycle/piece.ts";
import { awsPieces } from "../../src/domain/lifecycle/pieces/aws.ts";
import type { PieceContext } from "../../src/domain/lifecycle/pieces/context.ts";
import type { AccountHarness } from "../../src/providers/account-conformance.ts";
import type { AccountClient, AccountOwner } from "../../src/providers/account.ts";
import type { CallContext } from "../../src/providers/contract.ts";
import type { AwsConnections } from "../../src/providers/aws/connection.ts";
import type { ConnectionSpec } from "../../src/providers/spec.ts";
import { AwsError } from "./aws.ts";
import type { AwsClient, AwsKey } from "./aws.ts";

/** What a server that speaks IAM can be judged by; what is false is not asked of it. */
export interface AwsAbilities {
  /** Put- and DeleteUserPermissionsBoundary, and their effect. */
  readonly userBoundaries: boolean;
  /** Sessions of GetSessionToken and GetFederationToken may call IAM. AWS lets them not, nor does moto (`moto/sessions.integration.test.ts`). */
  readonly userSessions: boolean;
  /** AssumeRoleWithWebIdentity takes unsigned tokens and looks at the trust policy: issuer, subject, audience. */
  readonly webIdentity: boolean;
  /** Attaching a policy that does not exist is refused. */
  readonly knownPolicies: boolean;
}

/** An AWS account to make identities in. */
export interface AwsGround {
  readonly accountId: string;
  readonly connections: AwsConnections;
  readonly connection: ConnectionSpec;
  /** An administrator beside the operator. */
  readonly admin: AwsClient;
  /** A group that may list and get what is in IAM, and the ARN of a policy that allows no more. */
  readonly group: string;
  readonly boundary: string;
  /** Lets IAM make up its mind, where it is eventually consistent. */
  readonly settle?: () => Promise<void>;
  /** Takes away what the ground itself made, where it outlives the test. */
  readonly dispose?: () => Promise<void>;
}

export const cluster = "local";
export const namespace = "payments";
export const pathPrefix = "/keyturn/";
export const issuer = "https://oidc.example.com/id/ABCDEF";
export const serviceAccount = "billing";

let made = 0;

/** One identity of one resource on a ground, with everything that looks at it. Names are never used twice. */
export interface AwsScene {
  readonly name: string;
  readonly kind: "user" | "role";
  readonly arn: string;
  readonly owner: AccountOwner;
  readonly client: AccountClient;
  readonly context: PieceContext;
  readonly desired: readonly Piece[];
  clientFor(owner: Partial<AccountOwner>, declared?: AwsAccount): AccountClient;
  piecesFor(aws: AwsAccount, owner?: PieceContext["owner"]): readonly Piece[];
  join(call: CallContext, pieces?: readonly Piece[]): Promise<void>;
  iam(action: string, parameters?: Readonly<Record<string, string>>): Promise<string>;
  /** The same action about this user or role: `on("Put", "Policy", …)` is PutUserPolicy or PutRolePolicy. */
  on(verb: string, noun: string, parameters?: Readonly<Record<string, string>>): Promise<string>;
}

export function awsScene(ground: AwsGround, declare: (name: string) => Omit<AwsAccount, "connectionRef">): AwsScene {
  made += 1;
  const resource = `app-${made}-${Date.now().toString(36)}`;
  const aws: AwsAccount = { connectionRef: { name: "aws" }, ...declare(resource) };
  const owner: AccountOwner = { cluster, namespace, name: resource, uid: `uid-${resource}`, predecessors: [] };
  const kind = aws.user === undefined ? "role" : "user";
  const name = `${namespace}.${resource}.lake`;
  const named = kind === "user" ? "UserName" : "RoleName";
  const context: PieceContext = {
    ...{ cluster, namespace, name: resource, account: "lake" },
    owner: { team: "payments", contact: "pay@example.com", environment: "test" },
    purpose: "Conformance of the account client.",
    serviceAccountName: serviceAccount,
    connection: { kind: "aws", accountId: ground.accountId, pathPrefix, issuer },
  };
  // A name of its own keeps the place when another resource looks at it.
  const clientFor: AwsScene["clientFor"] = (whose, declared = aws) => {
    const pinned: AwsAccount = { ...declared, [kind]: { ...declared[kind], name } };
    return ground.connections.account(ground.connection, { ...owner, ...whose }, { name: "lake", aws: pinned });
  };
  const desired = awsPieces(aws, context);
  const client = clientFor({});
  const iam: AwsScene["iam"] = (action, parameters = {}) => ground.admin.action("iam", action, parameters);
  return {
    ...{ name, kind, owner, client, context, desired, clientFor, iam },
    arn: `arn:aws:iam::${ground.accountId}:${kind}${pathPrefix}${namespace}/${name}`,
    piecesFor: (other, who) => awsPieces(other, { ...context, ...(who && { owner: who }) }),
    async join(call, pieces = desired) {
      for (const piece of pieces) await client.apply(piece, call, pieces);
      await ground.settle?.();
    },
    on: (verb, noun, parameters = {}) =>
      iam(`${verb}${kind === "user" ? "User" : "Role"}${noun}`, { [named]: name, ...parameters }),
  };
}

/** The scene as the conformance suite wants it. */
export function awsHarness(ground: AwsGround, scene: AwsScene, changed: readonly Piece[]): AccountHarness {
  const administrator = "arn:aws:iam::aws:policy/AdministratorAccess";
  return {
    client: scene.client,
    desired: scene.desired,
    changed,
    rival: scene.clientFor({ name: "rival", uid: "uid-rival" }),
    successor: scene.clientFor({ uid: "uid-next", predecessors: [scene.owner.uid] }),
    async plant(adopt) {
      const tags = { team: "theirs", ...(adopt && { "keyturn.dev/adopt": `${namespace}/${scene.owner.name}` }) };
      const trust = {
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: { Service: "ec2.amazonaws.com" }, Action: "sts:AssumeRole" }],
      };
      await scene.on("Create", "", {
        Path: `${pathPrefix}${namespace}/`,
        ...(scene.kind === "role" && { AssumeRolePolicyDocument: JSON.stringify(trust) }),
        ...tagParameters(tags),
      });
      await scene.on("Attach", "Policy", { PolicyArn: administrator });
    },
    snapshot: () => snapshot(scene),
    ...(scene.kind === "user" && {
      addCredential: async () => (await ground.admin.createAccessKey(scene.name)).accessKeyId,
    }),
    async addByHand() {
      await scene.on("Attach", "Policy", { PolicyArn: administrator });
      return `managedPolicy/${administrator}`;
    },
    async stripMarks() {
      const keys = ["owner", "owner-uid", "team", "contact", "purpose", "environment"];
      const parameters = keys.map((key, i) => [`TagKeys.member.${i + 1}`, `keyturn.dev/${key}`] as const);
      await scene.on("Untag", "", Object.fromEntries(parameters));
    },
    ...(ground.settle && { settle: ground.settle }),
    dispose: () => removeIdentity(ground, scene),
  };
}

/** Everything that IAM says about an identity, without what differs from one answer to the next. */
async function snapshot(scene: AwsScene): Promise<string> {
  const asks: (readonly [string, string])[] = [
    ["Get", ""],
    ["List", "Policies"],
    ["ListAttached", "Policies"],
    ...(scene.kind === "user" ? ([["ListAccessKeys", ""]] as const) : []),
  ];
  const answers = await Promise.all(
    asks.map(([verb, noun]) =>
      verb === "ListAccessKeys" ? scene.iam(verb, { UserName: scene.name }) : scene.on(verb, noun),
    ),
  );
  return answers.map((xml) => xml.replace(/<RequestId>[^<]*<\/RequestId>|<RoleLastUsed\/>/g, "")).join("\n");
}

async function removeIdentity(ground: AwsGround, scene: AwsScene): Promise<void> {
  const attempt = async (action: () => Promise<unknown>): Promise<string> => {
    try {
      return String(await action());
    } catch (error) {
      if (error instanceof AwsError && error.code === "NoSuchEntity") return "";
      throw error;
    }
  };
  const policies = await attempt(() => scene.on("ListAttached", "Policies"));
  for (const [, arn] of policies.matchAll(/<PolicyArn>([^<]+)</g))
    await attempt(() => scene.on("Detach", "Policy", { PolicyArn: arn ?? "" }));
  const inline = await attempt(() => scene.on("List", "Policies"));
  for (const [, policy] of inline.matchAll(/<member>([^<]+)</g))
    await attempt(() => scene.on("Delete", "Policy", { PolicyName: policy ?? "" }));
  if (scene.kind === "user") {
    const groups = await attempt(() => scene.iam("ListGroupsForUser", { UserName: scene.name }));
    for (const [, group] of groups.matchAll(/<GroupName>([^<]+)</g))
      await attempt(() => scene.iam("RemoveUserFromGroup", { UserName: scene.name, GroupName: group ?? "" }));
    await ground.admin.removeUser(scene.name);
  } else await attempt(() => scene.on("Delete", ""));
}

function tagParameters(tags: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(tags).flatMap(([key, value], i) => [
    [`Tags.member.${i + 1}.Key`, key],
    [`Tags.member.${i + 1}.Value`, value],
  ]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

/** The code with which a call is refused; undefined when it is not. */
export async function refusalOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof AwsError && error.status >= 400 && error.status < 500) return error.code;
    throw error;
  }
}

/** A session by web identity; the token is not signed, for no server here looks at that. */
export async function assumeByWebIdentity(
  client: AwsClient,
  roleArn: string,
  claims: { readonly iss: string; readonly sub: string; readonly aud: string },
): Promise<AwsKey> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = `${part({ alg: "none" })}.${part(claims)}.x`;
  const xml = await client.action("sts", "AssumeRoleWithWebIdentity", {
    ...{ RoleArn: roleArn, RoleSessionName: "conformance", WebIdentityToken: token },
  });
  return sessionIn(xml);
}

/** The temporary credentials of an answer of STS. */
export function sessionIn(xml: string): AwsKey {
  const [accessKeyId, secretAccessKey, sessionToken] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(
    (name) => new RegExp(`<${name}>([^<]+)<`).exec(xml)?.[1],
  );
  ok(accessKeyId && secretAccessKey && sessionToken, "the answer has no session");
  return { accessKeyId, secretAccessKey, sessionToken };
}
