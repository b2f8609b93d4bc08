import {
  CreateAccessKeyCommand,
  DeleteAccessKeyCommand,
  GetAccessKeyLastUsedCommand,
  GetUserCommand,
  IAMClient,
  ListAccessKeysCommand,
  ListUserTagsCommand,
  TagUserCommand,
  UpdateAccessKeyCommand,
} from "@aws-sdk/client-iam";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromNodeProviderChain } from "@aws-sdk/credential-providers";
import { OperatorError } from "../../kernel/errors.ts";
import { agentFor, guardedLookup } from "../endpoint.ts";
import { TRIES_A_KEY, awsError, type SeenAnswer } from "./errors.ts";
import { ask, CALL_MS, dateOf, GUARD_PLACE, MOST_PAGES, odd } from "./guard.ts";
import type { CredentialCalls, IdentityCalls, PolicyCalls } from "./identity/contract.ts";
import { credentialCalls } from "./identity/credentials/sdk.ts";
import { policyCalls } from "./identity/policies/sdk.ts";
import { identityCalls } from "./identity/sdk.ts";
import { iamSender } from "./identity/transport/sdk.ts";

/** Keys that requests are signed with. Held in closures only; nothing prints them. */
export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** Asked by the SDK before it signs, and again when `expiration` draws near. */
export type AwsKeySource = () => Promise<AwsKeys>;

export interface AwsOptions {
  readonly region: string;
  readonly endpoint?: URL | undefined;
  readonly caBundle?: string | undefined;
  readonly keys: AwsKeySource;
}

export interface AwsKeyEntry {
  readonly id: string;
  readonly createdAt: Date;
  readonly enabled: boolean;
}

/** `refused`: the answer was a genuine refusal of the key itself, by a code that only AWS's authentication gives. */
export type CallerAnswer =
  | { readonly kind: "identity"; readonly account: string; readonly arn: string }
  | { readonly kind: "refused"; readonly code: string; readonly time: Date | undefined };

/**
 * Precisely the calls that are used. `time` is the Date header of the answer, undefined where there was none. Every call ends
 * within 10 s, reads at most 256 KiB of an answer, which must name its own action, follows no redirect, and throws OperatorError.
 * Mutations are sent once: the SDK never repeats them.
 */
export interface AwsCalls {
  /** Undefined when the user does not exist. */
  getUser(userName: string, signal: AbortSignal): Promise<{ readonly path: string; readonly arn: string } | undefined>;
  listUserTags(userName: string, signal: AbortSignal): Promise<Readonly<Record<string, string>>>;
  tagUser(userName: string, tags: Readonly<Record<string, string>>, signal: AbortSignal): Promise<void>;
  listAccessKeys(
    userName: string,
    signal: AbortSignal,
  ): Promise<{ readonly keys: readonly AwsKeyEntry[]; readonly time: Date | undefined }>;
  accessKeyLastUsed(
    id: string,
    signal: AbortSignal,
  ): Promise<{ readonly userName: string | undefined; readonly at: Date | undefined; readonly service: string }>;
  /** Members are undefined where the answer lacked them: the caller judges. */
  createAccessKey(
    userName: string,
    signal: AbortSignal,
  ): Promise<{
    readonly id: string | undefined;
    readonly secret: string | undefined;
    readonly userName: string | undefined;
    readonly createdAt: Date | undefined;
    readonly time: Date | undefined;
  }>;
  updateAccessKey(userName: string, id: string, enabled: boolean, signal: AbortSignal): Promise<void>;
  /** NotFound when it is gone already. */
  deleteAccessKey(userName: string, id: string, signal: AbortSignal): Promise<void>;
  /** STS GetCallerIdentity with the operator's own keys, or with those given. */
  callerIdentity(keys: AwsKeys | "own", signal: AbortSignal): Promise<CallerAnswer>;
  assumeRole(
    role: { readonly arn: string; readonly externalId: string | undefined; readonly sessionName: string },
    signal: AbortSignal,
  ): Promise<AwsKeys>;
  /** Users and roles themselves, not their keys. */
  readonly identity: IdentityCalls;
  readonly credentials: CredentialCalls;
  readonly policies: PolicyCalls;
  dispose(): void;
}

const CONNECT_MS = 3_000;

/** Codes by which AWS says that it does not know the key or that the signature is wrong. AccessDenied is not among them. */
const KEY_REFUSALS = new Set([
  "InvalidClientTokenId",
  "SignatureDoesNotMatch",
  "InvalidAccessKeyId",
  "UnrecognizedClient",
  "AuthFailure",
]);

/** The chain of the SDK: web identity, container, instance profile, environment, shared files. */
export const defaultChain = (): AwsKeySource => {
  const chain = fromNodeProviderChain({ maxRetries: 1, timeout: CONNECT_MS });
  return async () => {
    try {
      return await chain();
    } catch (error) {
      throw awsError(error, "login");
    }
  };
};

export const openAws = (options: AwsOptions): AwsCalls => {
  const agent = agentFor({ lookup: guardedLookup, caBundle: options.caBundle });
  const common = (maxAttempts: number) => ({
    region: options.region,
    credentials: options.keys,
    maxAttempts,
    retryMode: "standard",
    customUserAgent: "keyturn",
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint.href }),
    requestHandler: {
      httpsAgent: agent,
      connectionTimeout: CONNECT_MS,
      requestTimeout: CALL_MS,
      throwOnRequestTimeout: true,
    },
  });
  const reads = new IAMClient(common(3));
  const writes = new IAMClient(common(1));
  const sts = new STSClient(common(3));

  const sender = iamSender(reads, writes);

  return {
    identity: identityCalls(sender),
    credentials: credentialCalls(sender),
    policies: policyCalls(sender),

    async getUser(userName, signal) {
      try {
        const { answer } = await ask("GetUser", signal, (guard) => {
          const command = new GetUserCommand({ UserName: userName });
          command.middlewareStack.add(guard.middleware, GUARD_PLACE);
          return reads.send(command, guard.sending);
        });
        const user = answer.User;
        if (user?.UserName !== userName || user.Path === undefined) throw odd("GetUser");
        return { path: user.Path, arn: user.Arn ?? "" };
      } catch (error) {
        if (error instanceof OperatorError && error.code === "NotFound") return undefined;
        throw error;
      }
    },

    async listUserTags(userName, signal) {
      const tags = new Map<string, string>();
      let marker: string | undefined;
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const input = { UserName: userName, ...(marker === undefined ? {} : { Marker: marker }) };
        const { answer } = await ask("ListUserTags", signal, (guard) => {
          const command = new ListUserTagsCommand(input);
          command.middlewareStack.add(guard.middleware, GUARD_PLACE);
          return reads.send(command, guard.sending);
        });
        for (const tag of answer.Tags ?? []) if (tag.Key !== undefined) tags.set(tag.Key, tag.Value ?? "");
        if (answer.IsTruncated !== true) return Object.fromEntries(tags);
        // Half of a list would pass for the whole.
        if (!answer.Marker) throw odd("ListUserTags");
        marker = answer.Marker;
      }
      throw odd("ListUserTags");
    },

    async tagUser(userName, tags, signal) {
      const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
      await ask("TagUser", signal, (guard) => {
        const command = new TagUserCommand({ UserName: userName, Tags });
        command.middlewareStack.add(guard.middleware, GUARD_PLACE);
        return writes.send(command, guard.sending);
      });
    },

    async listAccessKeys(userName, signal) {
      const keys: AwsKeyEntry[] = [];
      let marker: string | undefined;
      for (let page = 0; page < MOST_PAGES; page += 1) {
        const input = { UserName: userName, ...(marker === undefined ? {} : { Marker: marker }) };
        const { answer, time } = await ask("ListAccessKeys", signal, (guard) => {
          const command = new ListAccessKeysCommand(input);
          command.middlewareStack.add(guard.middleware, GUARD_PLACE);
          return reads.send(command, guard.sending);
        });
        for (const key of answer.AccessKeyMetadata ?? []) {
          if (key.AccessKeyId === undefined || key.Status === undefined) throw odd("ListAccessKeys");
          const createdAt = key.CreateDate ?? new Date(0);
          keys.push({ id: key.AccessKeyId, createdAt, enabled: key.Status === "Active" });
        }
        if (answer.IsTruncated !== true) return { keys, time };
        // Half of a list would pass for the whole.
        if (!answer.Marker) throw odd("ListAccessKeys");
        marker = answer.Marker;
      }
      throw odd("ListAccessKeys");
    },

    async accessKeyLastUsed(id, signal) {
      const { answer } = await ask("GetAccessKeyLastUsed", signal, (guard) => {
        const command = new GetAccessKeyLastUsedCommand({ AccessKeyId: id });
        command.middlewareStack.add(guard.middleware, GUARD_PLACE);
        return reads.send(command, guard.sending);
      });
      const used = answer.AccessKeyLastUsed;
      return { userName: answer.UserName, at: used?.LastUsedDate, service: used?.ServiceName ?? "" };
    },

    async createAccessKey(userName, signal) {
      const { answer, time } = await ask("CreateAccessKey", signal, (guard) => {
        const command = new CreateAccessKeyCommand({ UserName: userName });
        command.middlewareStack.add(guard.middleware, GUARD_PLACE);
        return writes.send(command, guard.sending);
      });
      const key = answer.AccessKey;
      return {
        id: key?.AccessKeyId,
        secret: key?.SecretAccessKey,
        userName: key?.UserName,
        createdAt: key?.CreateDate,
        time,
      };
    },

    async updateAccessKey(userName, id, enabled, signal) {
      await ask("UpdateAccessKey", signal, (guard) => {
        const Status = enabled ? "Active" : "Inactive";
        const command = new UpdateAccessKeyCommand({ UserName: userName, AccessKeyId: id, Status });
        command.middlewareStack.add(guard.middleware, GUARD_PLACE);
        return writes.send(command, guard.sending);
      });
    },

    async deleteAccessKey(userName, id, signal) {
      await ask("DeleteAccessKey", signal, (guard) => {
        const command = new DeleteAccessKeyCommand({ UserName: userName, AccessKeyId: id });
        command.middlewareStack.add(guard.middleware, GUARD_PLACE);
        return writes.send(command, guard.sending);
      });
    },

    async callerIdentity(keys, signal) {
      // A client of its own for foreign keys: it shares the agent, so it is not destroyed.
      const client =
        keys === "own" ? sts : new STSClient({ ...common(1), credentials: () => Promise.resolve({ ...keys }) });
      const seen: SeenAnswer[] = [];
      try {
        const { answer } = await ask(TRIES_A_KEY, signal, (guard) => {
          seen.push(guard.seen);
          const command = new GetCallerIdentityCommand({});
          command.middlewareStack.add(guard.middleware, GUARD_PLACE);
          return client.send(command, guard.sending);
        });
        if (answer.Account === undefined || answer.Arn === undefined) throw odd(TRIES_A_KEY);
        return { kind: "identity", account: answer.Account, arn: answer.Arn };
      } catch (error) {
        const code = error instanceof OperatorError ? (error.serverCode ?? "") : "";
        if (keys === "own" || !KEY_REFUSALS.has(code)) throw error;
        return { kind: "refused", code, time: dateOf(seen[0]?.date) };
      }
    },

    async assumeRole(role, signal) {
      const { answer } = await ask("AssumeRole", signal, (guard) => {
        const command = new AssumeRoleCommand({
          RoleArn: role.arn,
          RoleSessionName: role.sessionName,
          ...(role.externalId === undefined ? {} : { ExternalId: role.externalId }),
        });
        command.middlewareStack.add(guard.middleware, GUARD_PLACE);
        return sts.send(command, guard.sending);
      });
      const keys = answer.Credentials;
      if (!keys?.AccessKeyId || !keys.SecretAccessKey || !keys.SessionToken) throw odd("AssumeRole");
      return {
        accessKeyId: keys.AccessKeyId,
        secretAccessKey: keys.SecretAccessKey,
        sessionToken: keys.SessionToken,
        ...(keys.Expiration === undefined ? {} : { expiration: keys.Expiration }),
      };
    },

    dispose() {
      agent.destroy();
    },
  };
};
