import type { Clock } from "../../kernel/clock.ts";
import type { AwsAccount } from "../../api/v1alpha1/service-account-lifecycle.ts";
import { partitionOf } from "../../domain/lifecycle/pieces/aws.ts";
import type { Mark } from "../../domain/inventory/mark.ts";
import { OperatorError } from "../../kernel/errors.ts";
import type { AccountClient, AccountOwner } from "../account.ts";
import type { CallContext, CredentialSource } from "../contract.ts";
import { PerGeneration } from "../per-generation.ts";
import type { ConnectionSpec } from "../spec.ts";
import { invalidField } from "../spec.ts";
import { awsConfig, pathOfNamespace, type AwsConfig } from "./config.ts";
import { awsAccount } from "./account.ts";
import { denyPolicy } from "./identity/denials.ts";
import { IamMemory } from "./identity/memory.ts";
import { markedIdentities } from "./identity/inventory.ts";
import { missingIamRights } from "./identity/rights.ts";
import type { AwsCalls, AwsKeys, AwsKeySource, AwsOptions } from "./sdk.ts";
import { awsSource, type AwsAccess } from "./source.ts";

/**
 * A Secret of the operator's own namespace, decoded; undefined when there is none. Compose builds it from the ClusterClient:
 * providers do not import cluster/.
 */
export type LoginSecretReader = (name: string) => Promise<Readonly<Record<string, string>> | undefined>;

export interface AwsConnectionOptions {
  readonly clock: Clock;
  readonly readLoginSecret: LoginSecretReader;
  /** Replaced in tests. */
  readonly open?: (options: AwsOptions) => AwsCalls;
  readonly chain?: () => AwsKeySource;
}

export interface AwsConnections {
  /** The access keys of one user, as this namespace may reach them. Throws InvalidSpec for a bad connection; calls nothing. */
  source(
    connection: ConnectionSpec,
    target: { readonly namespace: string; readonly userName: string },
  ): CredentialSource;
  /** An IAM user or role of this owner's namespace, by an item of spec.accounts. Throws InvalidSpec for a bad connection; calls nothing. */
  account(
    connection: ConnectionSpec,
    owner: AccountOwner,
    account: { readonly name: string; readonly aws: AwsAccount },
  ): AccountClient;
  /** Users and roles under the connection's path, or some namespaces' parts of it, that have an owner mark. Reads only. */
  marked(connection: ConnectionSpec, context: CallContext, namespaces: readonly string[]): Promise<readonly Mark[]>;
  /** A login as the operator itself, live: throws what went wrong (InvalidSpec for a wrong accountId). */
  check(connection: ConnectionSpec, context: CallContext): Promise<void>;
  /** IAM actions on `*` that this version asks for and the login lacks. Reads only. */
  missingRights(connection: ConnectionSpec, context: CallContext): Promise<readonly string[]>;
  /** Forgets the clients of a connection that is gone. */
  retire(connectionName: string): void;
  close(): void;
}

/** In the place of a tenant's namespace, for the operator's own check; no namespace has such a name. */
const OPERATOR = "operator.check";
const OWN_LOGIN_REFUSED = "AWS GetCallerIdentity refused the operator's own login.";

interface Client {
  readonly access: AwsAccess;
  readonly memory: IamMemory;
  dispose(): void;
}

/** Clients by connection and tenant namespace (the session's name differs by namespace); another generation replaces them. */
export const awsConnections = (options: AwsConnectionOptions): AwsConnections => {
  const clients = new Map<string, PerGeneration<Client>>();
  const clientsOf = (name: string): PerGeneration<Client> => {
    const present =
      clients.get(name) ??
      new PerGeneration<Client>((before) => {
        before.dispose();
      });
    clients.set(name, present);
    return present;
  };

  const clientFor = (connection: ConnectionSpec, config: AwsConfig, namespace: string): Client =>
    clientsOf(connection.name).of(namespace, connection, () => openAccess(config, namespace, options));

  const retire = (name: string): void => {
    for (const client of clients.get(name)?.takeAll() ?? []) client.dispose();
    clients.delete(name);
  };

  return {
    source(connection, { namespace, userName }) {
      const config = awsConfig(connection.spec);
      const allowedPath = pathOfNamespace(config, namespace);
      const { access } = clientFor(connection, config, namespace);
      return awsSource(access, { userName, allowedPath }, options.clock);
    },
    account(connection, owner, account) {
      const config = awsConfig(connection.spec);
      const { accountId, issuer, denyPolicyArn } = config;
      if (accountId === undefined) throw invalidField("spec.aws.accountId", "is required for accounts");
      const allowedPath = pathOfNamespace(config, owner.namespace);
      const { access, memory } = clientFor(connection, config, owner.namespace);
      const partition = partitionOf(config.region);
      const where = { accountId, allowedPath, issuer, partition, denyPolicyArn, memory };
      return awsAccount(access, where, owner, account);
    },
    async marked(connection, context, namespaces) {
      const config = awsConfig(connection.spec);
      const paths =
        namespaces.length === 0
          ? [config.pathPrefix]
          : new Set(namespaces.map((namespace) => pathOfNamespace(config, namespace)));
      const { access } = clientFor(connection, config, OPERATOR);
      const marks: Mark[] = [];
      for (const path of paths)
        marks.push(
          ...(await access.use((calls, accountId) => markedIdentities(calls, accountId, path, context), context)),
        );
      return marks;
    },
    async check(connection, context) {
      const { access } = clientFor(connection, awsConfig(connection.spec), OPERATOR);
      await access.use(async (calls) => {
        const own = await calls.callerIdentity("own", context.signal);
        if (own.kind !== "refused") return;
        throw new OperatorError("Unauthenticated", { publicMessage: OWN_LOGIN_REFUSED });
      }, context);
    },
    async missingRights(connection, context) {
      const config = awsConfig(connection.spec);
      const { access } = clientFor(connection, config, OPERATOR);
      const { arn } = denyPolicy({ denyPolicyArn: config.denyPolicyArn, partition: partitionOf(config.region) });
      return access.use((calls) => missingIamRights(calls, arn, context.signal), context);
    },
    retire,
    close() {
      for (const name of [...clients.keys()]) retire(name);
    },
  };
};

interface Session {
  readonly calls: AwsCalls;
  /** Whose account the login is in, asked once. */
  readonly account: Promise<string>;
  /** Closes the connections when the last running call has ended: cutting one would leave its outcome unknown. */
  retire(): void;
  begin(): void;
  end(): void;
}

/** One tenant's way into one account: opened at the first call, opened anew once when the login was refused. */
const openAccess = (config: AwsConfig, namespace: string, options: AwsConnectionOptions): Client => {
  let session: Session | undefined;

  const drop = (dropped: Session): void => {
    if (session === dropped) session = undefined;
    dropped.retire();
  };

  const attempt = async <T>(
    run: (calls: AwsCalls, account: string) => Promise<T>,
    context: CallContext,
  ): Promise<T> => {
    const sdk = await sdkOf(options);
    const used = (session ??= openSession(config, namespace, { ...options, ...sdk }, context));
    used.begin();
    try {
      return await run(used.calls, await used.account);
    } catch (error) {
      if (await failed(used.account)) drop(used);
      else if (isUnauthenticated(error)) drop(used);
      throw error;
    } finally {
      used.end();
    }
  };

  return {
    memory: new IamMemory(options.clock),
    access: {
      async use(run, context) {
        try {
          return await attempt(run, context);
        } catch (error) {
          // A refused login had no effect at AWS, so even CreateAccessKey may be asked again: the Secret may have changed.
          if (!isUnauthenticated(error)) throw error;
          return attempt(run, context);
        }
      },
    },
    dispose() {
      session?.retire();
      session = undefined;
    },
  };
};

type Sdk = Required<Pick<AwsConnectionOptions, "open" | "chain">>;

/** AWS's SDK is large: whoever has no connection to AWS does not load it. */
const sdkOf = async ({ open, chain }: AwsConnectionOptions): Promise<Sdk> => {
  if (open !== undefined && chain !== undefined) return { open, chain };
  const { defaultChain, openAws } = await import("./sdk.ts");
  return { open: open ?? openAws, chain: chain ?? defaultChain };
};

const isUnauthenticated = (error: unknown): boolean =>
  error instanceof OperatorError && error.code === "Unauthenticated";

/** A failed question for the account must not be remembered as the answer. */
const failed = (account: Promise<string>): Promise<boolean> =>
  account.then(
    () => false,
    () => true,
  );

const openSession = (
  config: AwsConfig,
  namespace: string,
  options: AwsConnectionOptions & Sdk,
  context: CallContext,
): Session => {
  const { region, endpoint, caBundle, assumeRole } = config;
  const opened: AwsCalls[] = [];
  const openWith = (keys: AwsKeySource): AwsCalls => {
    const calls = options.open({ region, endpoint, caBundle, keys });
    opened.push(calls);
    return calls;
  };
  const own = ownKeys(config, options);
  let calls: AwsCalls;
  if (assumeRole === undefined) {
    calls = openWith(own);
  } else {
    const base = openWith(own);
    // STS allows 64 characters; a namespace may have 63.
    const role = {
      arn: assumeRole.roleArn,
      externalId: assumeRole.externalId,
      sessionName: `keyturn-${namespace}`.slice(0, 64),
    };
    // The keys outlive this pass, so they are fetched under no pass's signal: each call has its own deadline.
    calls = openWith(() => base.assumeRole(role, new AbortController().signal));
  }
  const account = checkAccount(calls, config, context);
  account.catch(() => undefined);
  let running = 0;
  let retired = false;
  const closeWhenIdle = (): void => {
    if (retired && running === 0) for (const each of opened) each.dispose();
  };
  return {
    calls,
    account,
    begin() {
      running += 1;
    },
    end() {
      running -= 1;
      closeWhenIdle();
    },
    retire() {
      retired = true;
      closeWhenIdle();
    },
  };
};

const ownKeys = (config: AwsConfig, options: AwsConnectionOptions & Sdk): AwsKeySource => {
  if (config.login.kind === "defaultChain") return options.chain();
  const { name } = config.login;
  return async (): Promise<AwsKeys> => {
    const secret = await options.readLoginSecret(name);
    if (secret === undefined) throw invalidField("spec.aws.login.secretRef.name", "names a Secret that does not exist");
    const { accessKeyId, secretAccessKey, sessionToken } = secret;
    if (!accessKeyId || !secretAccessKey) {
      throw invalidField("spec.aws.login.secretRef.name", "names a Secret without accessKeyId and secretAccessKey");
    }
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
  };
};

const checkAccount = async (calls: AwsCalls, config: AwsConfig, context: CallContext): Promise<string> => {
  const own = await calls.callerIdentity("own", context.signal);
  if (own.kind === "refused") {
    throw new OperatorError("Unauthenticated", {
      publicMessage: OWN_LOGIN_REFUSED,
    });
  }
  if (config.accountId !== undefined && own.account !== config.accountId) {
    throw invalidField("spec.aws.accountId", "is another account than the one that the login leads to");
  }
  return own.account;
};
