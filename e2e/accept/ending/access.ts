import type { Account } from "../../../src/api/v1alpha1/service-account-lifecycle.ts";
import { at, entries, parseXml, textAt } from "../../lane/xml.ts";
import type { IdentitySite } from "../../lane/identity-site.ts";
import { accountId } from "../../lane/ground.ts";
import { assumeByWebIdentity, sessionIn } from "../../stack/aws-accounts.ts";
import { AwsError } from "../../stack/aws.ts";
import type { AwsKey } from "../../stack/aws.ts";
import { kubeClient } from "../../stack/kube.ts";
import { appRole, jwtLogin } from "../lifecycle/credentials.ts";
import type { Credential } from "../lifecycle/credentials.ts";
import { decodedData } from "../world-view.ts";
import { isAllowed } from "./iam-view.ts";
import type { IamView } from "./iam-view.ts";
import type { Access } from "./observer.ts";

const nothing = (): void => undefined;

/** The issuer that the site's connection names; no server here looks at a token's signature. */
const issuer = "https://kubernetes.default.svc.cluster.local";

/** Actions of which some are granted to every leaver of IAM, one of them by a group. */
export const candidateActions = ["iam:GetUser", "sns:ListTopics", "iam:ListRoles", "iam:ListGroups", "s3:GetObject"];

/**
 * Everything that an identity has been given, or has made of it: keys, sessions, secret ids, tokens, bindings, other credentials of IAM.
 * It is asked for as the platform's administrators or as the identity itself, while it still works.
 */
export async function everythingOf(
  site: IdentitySite,
  name: string,
  accounts: readonly Account[],
  iam: () => Promise<IamView>,
): Promise<Access[]> {
  const all: Access[] = [];
  for (const account of accounts) {
    if (account.kubernetes !== undefined)
      all.push(...(await ofServiceAccount(site, account.kubernetes.serviceAccountName ?? name)));
    if (account.aws?.user !== undefined) all.push(...(await ofUser(site, name, site.awsName(name, account.name), iam)));
    if (account.aws?.role !== undefined) all.push(...(await ofRole(site, site.awsName(name, account.name), name)));
    if (account.vault !== undefined) {
      const role = site.vaultName(name, account.name);
      const jwt = account.vault.login.mode === "JWT";
      all.push(...own(jwt ? await jwtLogin(site, role, name) : await appRole(site, role)));
    }
  }
  return all;
}

function own(credentials: readonly Credential[]): Access[] {
  return credentials.map((one) => ({ ...one, from: "own" as const }));
}

/** What a role of the site lets a ServiceAccount do: the configuration here, the nodes of the cluster. */
export function reachOf(site: IdentitySite): readonly (readonly [string, Review])[] {
  const { namespace } = site;
  return [
    [`/api/v1/namespaces/${namespace}/configmaps/settings`, { namespace, resource: "configmaps", verb: "get" }],
    ["/api/v1/nodes?limit=1", { resource: "nodes", verb: "list" }],
  ];
}

export interface Review {
  readonly namespace?: string;
  readonly resource: string;
  readonly verb: string;
}

/** By a bound token that was made before, and by what kube-apiserver says of the ServiceAccount (SubjectAccessReview). */
async function ofServiceAccount(site: IdentitySite, account: string): Promise<Access[]> {
  const { stack } = site.lane.world;
  const token = await stack.kubernetes.client.serviceAccountToken(site.namespace, account);
  site.values.add(token);
  const all = reachOf(site).flatMap(([path, review]) => [
    byToken(site, token, account, path, "own"),
    byReview(site, account, review, "own"),
  ]);
  // What it never had says nothing of its end.
  const answers = await Promise.all(all.map((one) => one.tryIt()));
  const [having, never] = [true, false].map((has) => all.filter((_, i) => (answers[i] === "accepted") === has));
  for (const one of never ?? []) one.close();
  return having ?? [];
}

export function byToken(
  site: IdentitySite,
  token: string,
  account: string,
  path: string,
  from: Access["from"],
): Access {
  const { stack } = site.lane.world;
  const client = kubeClient({ url: stack.kubernetes.url, ca: stack.ca.pem, token });
  return {
    what: `token of ServiceAccount ${account}, GET ${path}`,
    from,
    async tryIt() {
      const { status, body } = await client.raw("GET", path);
      if (status === 200) return "accepted";
      if (status === 403 || status === 401) return "refused";
      throw new Error(`${status}: ${body.slice(0, 200)}`);
    },
    close: () => client.close(),
  };
}

/** As the ServiceAccount with its groups; one that is not there any more has no rights, for nobody is it. */
export function byReview(site: IdentitySite, account: string, review: Review, from: Access["from"]): Access {
  const kube = site.lane.world.stack.kubernetes.client;
  const { namespace } = site;
  return {
    what: `rights of ServiceAccount ${account}, ${review.verb} ${review.resource} in ${review.namespace ?? "the cluster"}`,
    from,
    async tryIt() {
      if ((await kube.find(`/api/v1/namespaces/${namespace}/serviceaccounts/${account}`)) === undefined)
        return "refused";
      const answer = await kube.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        spec: {
          user: `system:serviceaccount:${namespace}:${account}`,
          groups: ["system:serviceaccounts", `system:serviceaccounts:${namespace}`, "system:authenticated"],
          resourceAttributes: review,
        },
      });
      return (answer["status"] as { allowed?: boolean }).allowed === true ? "accepted" : "refused";
    },
    close: nothing,
  };
}

/** Two keys, an action by each, sessions that one has made, and what else is listed for the user. */
async function ofUser(
  site: IdentitySite,
  name: string,
  UserName: string,
  iam: () => Promise<IamView>,
): Promise<Access[]> {
  const { client } = site.lane.world.stack.aws;
  // IAM lets a user have two; a rotation's is one of them.
  const rotated = await deliveredKey(site, name);
  const made = await site.createKey(UserName);
  const keys = [made, rotated ?? (await site.createKey(UserName))];
  const first = made;
  const session = sessionIn(await client.action("sts", "GetSessionToken", {}, first));
  const policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
  });
  const federated = sessionIn(
    await client.action("sts", "GetFederationToken", { Name: "before", Policy: policy }, first),
  );
  for (const one of [session, federated]) site.values.add(one.secretAccessKey);
  const action = (key: AwsKey, service: "iam" | "sns", verb: string, what: string): Access =>
    awsAccess(`${what} …${key.accessKeyId.slice(-4)}, ${verb}`, () =>
      client.action(service, verb, service === "iam" ? { UserName } : {}, key),
    );
  return [
    ...keys.map((key) => awsAccess(`login by key …${key.accessKeyId.slice(-4)}`, () => client.getCallerIdentity(key))),
    ...keys.map((key) => action(key, "iam", "GetUser", "key")),
    action(first, "sns", "ListTopics", "key"),
    action(session, "sns", "ListTopics", "session"),
    action(federated, "sns", "ListTopics", "federated session"),
    ...(await otherCredentials(site, UserName, iam)),
  ];
}

/** What a rotation of the identity has put into its Secret. */
export async function deliveredKey(site: IdentitySite, name: string): Promise<AwsKey | undefined> {
  const secret = await site.lane.world.stack.kubernetes.client.find(
    `/api/v1/namespaces/${site.namespace}/secrets/${name}-aws`,
  );
  if (secret === undefined) return undefined;
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: value } = decodedData(secret);
  return id === undefined || value === undefined ? undefined : { accessKeyId: id, secretAccessKey: value };
}

/** A session by web identity that was made before, and another one by a token of before. */
async function ofRole(site: IdentitySite, RoleName: string, serviceAccount: string): Promise<Access[]> {
  const { client } = site.lane.world.stack.aws;
  const { namespace } = site;
  const arn = `arn:aws:iam::${accountId}:role/keyturn/${namespace}/${RoleName}`;
  const sub = `system:serviceaccount:${namespace}:${serviceAccount}`;
  const assume = (): Promise<AwsKey> =>
    assumeByWebIdentity(client, arn, { iss: issuer, sub, aud: "sts.amazonaws.com" });
  const session = await assume();
  site.values.add(session.secretAccessKey);
  const UserName = `${namespace}-foreign`;
  return [
    awsAccess(`session of ${RoleName}, GetUser`, () => client.action("iam", "GetUser", { UserName }, session)),
    awsAccess(`session of ${RoleName}, ListTopics`, () => client.action("sns", "ListTopics", {}, session)),
    awsAccess(`web identity of ${RoleName}`, assume),
  ];
}

/** What no emulator lets log in: a switch that is on counts as working, a password where no denial stands before it. */
async function otherCredentials(site: IdentitySite, UserName: string, iam: () => Promise<IamView>): Promise<Access[]> {
  const { client } = site.lane.world.stack.aws;
  const listing = (list: string, member: string, what: string): Access =>
    listed(what, async () => {
      const xml = await orAbsent(() => client.action("iam", list, { UserName }));
      const found = xml === undefined ? [] : entries(at(parseXml(xml), `${list}Result`, member));
      return found.some((one) => textAt(one, "Status") === "Active");
    });
  const all = [
    listing("ListSSHPublicKeys", "SSHPublicKeys", `SSH public key of ${UserName}`),
    listing("ListServiceSpecificCredentials", "ServiceSpecificCredentials", `service credential of ${UserName}`),
    listing("ListSigningCertificates", "Certificates", `signing certificate of ${UserName}`),
    listed(`password of ${UserName}`, async () => {
      if ((await orAbsent(() => client.action("iam", "GetLoginProfile", { UserName }))) === undefined) return false;
      const held = (await iam()).get(`user/${UserName}`);
      // A denial of everything leaves nothing behind a password, also of what no policy allows.
      const all = JSON.stringify({ Statement: { Effect: "Allow", Action: "*", Resource: "*" } });
      return held !== undefined && isAllowed({ ...held, documents: [...held.documents, all] }, "iam:GetUser");
    }),
  ];
  const there = await Promise.all(all.map((one) => one.tryIt()));
  return all.filter((_, i) => there[i] === "accepted");
}

function listed(what: string, works: () => Promise<boolean>): Access {
  return { what, from: "own", tryIt: async () => ((await works()) ? "accepted" : "refused"), close: nothing };
}

function awsAccess(what: string, act: () => Promise<unknown>): Access {
  return {
    ...{ what, from: "own", close: nothing },
    async tryIt() {
      try {
        await act();
        return "accepted";
      } catch (error) {
        if (error instanceof AwsError && (error.status === 403 || error.code === "NoSuchEntity")) return "refused";
        throw error;
      }
    },
  };
}

async function orAbsent<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof AwsError && error.code === "NoSuchEntity") return undefined;
    throw error;
  }
}
