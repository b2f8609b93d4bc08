import { createHash, createHmac } from "node:crypto";
import { httpClient } from "./http.ts";

/** A long-lived IAM access key, or with a session token the temporary one of a role. */
export interface AwsKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** An answer of IAM or STS that is not 200: `code` as AWS names it ("NoSuchEntity"). */
export class AwsError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(action: string, status: number, code: string, message: string) {
    super(`${action}: ${status} ${code}: ${message}`);
    this.name = "AwsError";
    this.status = status;
    this.code = code;
  }
}

/** An access key as IAM lists it (never its secret). */
export interface ListedKey {
  readonly accessKeyId: string;
  readonly status: "Active" | "Inactive";
  readonly createDate: string;
}

/** A client of IAM and STS as one caller. It retries nothing and lets every error out. */
export interface AwsClient {
  readonly url: string;
  createUser(name: string, options?: { path?: string; tags?: Readonly<Record<string, string>> }): Promise<void>;
  /** Deletes a user with its keys and inline policies; false when there is no such user. */
  removeUser(name: string): Promise<boolean>;
  putUserPolicy(name: string, policyName: string, policy: object): Promise<void>;
  tagUser(name: string, tags: Readonly<Record<string, string>>): Promise<void>;
  untagUser(name: string, keys: readonly string[]): Promise<void>;
  listUserTags(name: string): Promise<Record<string, string>>;
  createAccessKey(name: string): Promise<AwsKey>;
  listAccessKeys(name: string): Promise<ListedKey[]>;
  updateAccessKey(name: string, accessKeyId: string, status: "Active" | "Inactive"): Promise<void>;
  deleteAccessKey(name: string, accessKeyId: string): Promise<void>;
  /** When the key was last used, in ISO form; undefined if never. */
  accessKeyLastUsed(accessKeyId: string): Promise<string | undefined>;
  createRole(name: string, trust: object, policy: object): Promise<string>;
  assumeRole(roleArn: string, sessionName: string, externalId?: string): Promise<AwsKey>;
  /** A login: the ARN of the caller. With a key, the login is made with that key. */
  getCallerIdentity(key?: AwsKey): Promise<string>;
  /** Any action: the XML of the answer. */
  action(
    service: keyof typeof versions,
    action: string,
    parameters?: Readonly<Record<string, string>>,
    key?: AwsKey,
  ): Promise<string>;
  close(): void;
}

/** The version of each service's API. SNS is asked only for what a session of a user may do: it may do nothing at IAM. */
const versions = { iam: "2010-05-08", sts: "2011-06-15", sns: "2010-03-31" } as const;

/** `ca` is the PEM of the CA that signed the endpoint's certificate. */
export function awsClient(options: { url: string; ca: string; region: string; key: AwsKey }): AwsClient {
  const http = httpClient(options.url, options.ca);
  const { host } = new URL(options.url);
  const action: AwsClient["action"] = async (service, name, parameters = {}, key = options.key) => {
    // moto signs a body that it has encoded anew, with these two the way that the SDKs write them.
    const body = new URLSearchParams({ Action: name, Version: versions[service], ...parameters })
      .toString()
      .replaceAll("*", "%2A")
      .replaceAll("+", "%20");
    const headers = sign({ host, region: options.region, service, body, key, at: new Date() });
    const answer = await http.call({ method: "POST", path: "/", headers, body });
    if (answer.status === 200) return answer.body;
    throw new AwsError(
      name,
      answer.status,
      tag(answer.body, "Code") ?? "",
      tag(answer.body, "Message") ?? answer.body.slice(0, 300),
    );
  };
  const iam = (name: string, parameters?: Record<string, string>): Promise<string> => action("iam", name, parameters);
  const listAccessKeys = async (name: string): Promise<ListedKey[]> =>
    members(await iam("ListAccessKeys", { UserName: name }), "AccessKeyMetadata").map((xml) => ({
      accessKeyId: need(xml, "AccessKeyId"),
      status: need(xml, "Status") as ListedKey["status"],
      createDate: need(xml, "CreateDate"),
    }));
  const deleteAccessKey = async (name: string, accessKeyId: string): Promise<void> => {
    await iam("DeleteAccessKey", { UserName: name, AccessKeyId: accessKeyId });
  };

  return {
    url: options.url,
    action,
    listAccessKeys,
    deleteAccessKey,
    async createUser(name, { path = "/", tags = {} } = {}) {
      await iam("CreateUser", { UserName: name, Path: path, ...tagParameters(tags) });
    },
    async removeUser(name) {
      try {
        for (const key of await listAccessKeys(name)) await deleteAccessKey(name, key.accessKeyId);
        const policies = await iam("ListUserPolicies", { UserName: name });
        for (const policy of texts(policies, "member"))
          await iam("DeleteUserPolicy", { UserName: name, PolicyName: policy });
        await iam("DeleteUser", { UserName: name });
        return true;
      } catch (error) {
        if (error instanceof AwsError && error.code === "NoSuchEntity") return false;
        throw error;
      }
    },
    async putUserPolicy(name, policyName, policy) {
      await iam("PutUserPolicy", { UserName: name, PolicyName: policyName, PolicyDocument: JSON.stringify(policy) });
    },
    async tagUser(name, tags) {
      await iam("TagUser", { UserName: name, ...tagParameters(tags) });
    },
    async untagUser(name, keys) {
      const parameters = Object.fromEntries(keys.map((key, i) => [`TagKeys.member.${i + 1}`, key]));
      await iam("UntagUser", { UserName: name, ...parameters });
    },
    async listUserTags(name) {
      const found = members(await iam("ListUserTags", { UserName: name }), "Tags");
      return Object.fromEntries(found.map((xml) => [need(xml, "Key"), tag(xml, "Value") ?? ""]));
    },
    async createAccessKey(name) {
      return keyOf(await iam("CreateAccessKey", { UserName: name }));
    },
    async updateAccessKey(name, accessKeyId, status) {
      await iam("UpdateAccessKey", { UserName: name, AccessKeyId: accessKeyId, Status: status });
    },
    async accessKeyLastUsed(accessKeyId) {
      return tag(await iam("GetAccessKeyLastUsed", { AccessKeyId: accessKeyId }), "LastUsedDate");
    },
    async createRole(name, trust, policy) {
      const answer = await iam("CreateRole", { RoleName: name, AssumeRolePolicyDocument: JSON.stringify(trust) });
      await iam("PutRolePolicy", { RoleName: name, PolicyName: "all", PolicyDocument: JSON.stringify(policy) });
      return need(answer, "Arn");
    },
    async assumeRole(roleArn, sessionName, externalId) {
      const extra = externalId === undefined ? {} : { ExternalId: externalId };
      return keyOf(await action("sts", "AssumeRole", { RoleArn: roleArn, RoleSessionName: sessionName, ...extra }));
    },
    async getCallerIdentity(key) {
      return need(await action("sts", "GetCallerIdentity", {}, key), "Arn");
    },
    close: () => {
      http.close();
    },
  };
}

/** The headers of a POST to "/" of the query protocol, signed with Signature Version 4. */
function sign(call: {
  host: string;
  region: string;
  service: string;
  body: string;
  key: AwsKey;
  at: Date;
}): Record<string, string> {
  const { host, region, service, body, key } = call;
  const date = call.at.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const headers: Record<string, string> = {
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    host,
    "x-amz-date": date,
    ...(key.sessionToken === undefined ? {} : { "x-amz-security-token": key.sessionToken }),
  };
  const names = Object.keys(headers).sort();
  const signed = names.join(";");
  const canonical = [
    "POST",
    "/",
    "",
    ...names.map((name) => `${name}:${headers[name] ?? ""}`),
    "",
    signed,
    sha256(body),
  ].join("\n");
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, scope, sha256(canonical)].join("\n");
  const signingKey = scope
    .split("/")
    .reduce<Buffer>((k, part) => hmac(k, part), Buffer.from(`AWS4${key.secretAccessKey}`));
  const signature = hmac(signingKey, text).toString("hex");
  headers["authorization"] =
    `AWS4-HMAC-SHA256 Credential=${key.accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
  return headers;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function tagParameters(tags: Readonly<Record<string, string>>): Record<string, string> {
  const pairs = Object.entries(tags).flatMap(([key, value], i) => [
    [`Tags.member.${i + 1}.Key`, key],
    [`Tags.member.${i + 1}.Value`, value],
  ]);
  return Object.fromEntries(pairs) as Record<string, string>;
}

function keyOf(xml: string): AwsKey {
  const sessionToken = tag(xml, "SessionToken");
  return {
    accessKeyId: need(xml, "AccessKeyId"),
    secretAccessKey: need(xml, "SecretAccessKey"),
    ...(sessionToken === undefined ? {} : { sessionToken }),
  };
}

/** The texts of an element in an answer, in their order. */
export function texts(xml: string, name: string): string[] {
  return [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map((match) => unescape(match[1] ?? ""));
}

function tag(xml: string, name: string): string | undefined {
  return texts(xml, name)[0];
}

function need(xml: string, name: string): string {
  const value = tag(xml, name);
  if (value === undefined) throw new Error(`the answer has no <${name}>`);
  return value;
}

/** The `<member>`s of a list in an answer, as XML. */
function members(xml: string, list: string): string[] {
  const inner = new RegExp(`<${list}>(.*?)</${list}>`, "s").exec(xml)?.[1] ?? "";
  return [...inner.matchAll(/<member>(.*?)<\/member>/gs)].map((match) => match[1] ?? "");
}

function unescape(text: string): string {
  const plain: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => plain[entity] ?? "");
}
