import type { ProviderConnection } from "./api/v1alpha1/provider-connection.ts";
import type { ClusterClient } from "./cluster/contract.ts";
import { jobRunner } from "./cluster/job-runner.ts";
import { identityCalls } from "./cluster/identity-calls.ts";
import type { Mark } from "./domain/inventory/mark.ts";
import { wordsOf, type SourceKind, type SourceTarget } from "./domain/rotation/source.ts";
import type { Clock } from "./kernel/clock.ts";
import { SecretMaterial } from "./kernel/secret-material.ts";
import type { Options } from "./options.ts";
import { awsConnections } from "./providers/aws/connection.ts";
import { CAPABILITIES } from "./providers/capabilities.ts";
import type { CallContext, CredentialSource, SourceOwner } from "./providers/contract.ts";
import { hookConnections, type HookDoor } from "./providers/hook/connection.ts";
import { hookSource } from "./providers/hook/source.ts";
import { kubernetesAccount, kubernetesAccountOptions } from "./providers/kubernetes/account.ts";
import { tokenSource } from "./providers/kubernetes/token/source.ts";
import { invalidField, type ConnectionSpec } from "./providers/spec.ts";
import { appRoleSource } from "./providers/vault/approle/source.ts";
import { vaultConnections } from "./providers/vault/connection.ts";
import { vaultAccount } from "./providers/vault/identity/account.ts";
import { PKI_FIELDS, pkiSource } from "./providers/vault/pki/source.ts";
import { postgresServer } from "./providers/database/postgres.ts";
import { databaseSource } from "./providers/vault/database/source.ts";
import { markedEntities } from "./providers/vault/identity/marked.ts";
import { missingVaultRights } from "./providers/vault/identity/rights.ts";
import { missingPkiRights } from "./providers/vault/pki/leases.ts";
import type { VaultSession } from "./providers/vault/sdk.ts";
import { Budgets } from "./reconcilers/budgets.ts";
import { Gate, guardedCluster } from "./reconcilers/doors.ts";
import { measuredAccount, measuredSource, measuredStore, type Meter } from "./reconcilers/measured.ts";
import type { Accounts, Sources, Stores } from "./reconcilers/ports.ts";
import { hookStore } from "./stores/hook.ts";
import { fromBase64, SECRETS, type Secret } from "./stores/kinds.ts";
import { kubernetesSecretStore } from "./stores/kubernetes-secret.ts";
import { vaultKvStore } from "./stores/vault-kv.ts";
import { readOnlySwitch, type ReadOnly } from "./stores/read-only.ts";
import type { Metrics } from "./telemetry/contract.ts";
import type { Redactor } from "./telemetry/redactor.ts";

type OpenSource<Kind extends SourceKind> = (
  connection: ProviderConnection,
  target: Extract<SourceTarget, { readonly kind: Kind }>,
  owner: SourceOwner,
) => CredentialSource;

export interface Connections {
  readonly sources: Sources;
  readonly accounts: Accounts;
  readonly stores: Stores;
  /** What carries an owner mark of ours at one provider, as far as namespaces are watched. */
  marked(connection: ProviderConnection, context: CallContext): Promise<readonly Mark[]>;
  close(): Promise<void>;
}

/** The clouds and stores: a new one is a line here. */
export const connect = (
  options: Options,
  { clock, metrics, redactor }: { readonly clock: Clock; readonly metrics: Metrics; readonly redactor: Redactor },
  cluster: ClusterClient,
  readOnly: Pick<ReadOnly, "state"> = readOnlySwitch(cluster, {
    operatorNamespace: options.operatorNamespace,
    clock,
    always: options.readOnly,
  }),
): Connections => {
  const readLoginSecret = async (name: string): Promise<Readonly<Record<string, string>> | undefined> => {
    const secret = await cluster.get<Secret>({ kind: SECRETS, namespace: options.operatorNamespace, name });
    if (secret === undefined) return undefined;
    const login = Object.fromEntries(Object.entries(secret.data ?? {}).map(([key, value]) => [key, fromBase64(value)]));
    redactor.remember(new SecretMaterial(login));
    return login;
  };
  const aws = awsConnections({ clock, readLoginSecret });
  const hooks = hookConnections({
    clock,
    readSecret: readLoginSecret,
    // A hook that runs as a Job changes the cluster even where it only reads.
    jobs: jobRunner(guardedCluster(cluster, new Gate(readOnly)), options.operatorNamespace, clock),
  });
  const hookOf = (connection: ProviderConnection, field: string): HookDoor => {
    if (connection.spec.hook === undefined) throw invalidField(field, "names a connection that is not a hook");
    return hooks.connection(connectionSpec(connection, connection.spec.hook));
  };
  const budgets = new Budgets(clock);
  metrics.breakersFrom(() => budgets.open());
  const meter = (provider: string, connection?: ProviderConnection): Meter => ({
    clock,
    metrics,
    provider,
    ...(connection === undefined ? {} : { budget: budgets.of(connection) }),
  });
  const serviceAccount = { namespace: options.operatorNamespace, name: options.serviceAccount };
  const vault = vaultConnections({ clock, requestToken: (wish) => cluster.requestToken(serviceAccount, wish) });
  const vaultOf = (connection: ProviderConnection, field: string) => {
    if (connection.spec.vault === undefined) throw invalidField(field, "names a connection that is not a Vault");
    return vault.connection(connectionSpec(connection, connection.spec.vault));
  };
  const calls = identityCalls(cluster);
  const kubernetes = kubernetesAccountOptions(calls, clock, {
    resyncMs: options.resyncMs,
    watched: options.watchNamespaces,
    operator: serviceAccount,
  });
  /** `field`: who has named the connection. */
  const awsOf = (connection: ProviderConnection, field = "spec.source.awsAccessKey.connectionRef"): ConnectionSpec => {
    if (connection.spec.aws === undefined) throw invalidField(field, "names a connection that is not an AWS account");
    return connectionSpec(connection, connection.spec.aws);
  };
  const openHook = (
    connection: ProviderConnection,
    { kind, target, request }: Extract<SourceTarget, { readonly target: string }>,
    owner: SourceOwner,
  ): CredentialSource => {
    const { call } = hookOf(connection, sourceField(kind));
    return hookSource(call, { cluster: options.clusterName, owner, target, request }, { clock });
  };
  const open: { readonly [kind in SourceKind]: OpenSource<kind> } = {
    awsAccessKey: (connection, { userName }, { namespace }) => aws.source(awsOf(connection), { namespace, userName }),
    vaultPKI: (connection, { kind, role, request }, { namespace }) =>
      remembered(pkiSource(vaultOf(connection, sourceField(kind)), { namespace, role, request }, clock), redactor),
    vaultAppRole: (connection, { kind, role }, { namespace }) =>
      appRoleSource(vaultOf(connection, sourceField(kind)), { namespace, role }, clock),
    vaultDatabase: (connection, { kind, role, users }, { namespace }) => {
      const door = vaultOf(connection, sourceField(kind));
      return databaseSource(door, { namespace, role, users }, { clock, servers: postgresServer });
    },
    kubernetesToken: (connection, { kind, serviceAccountName, request }, { namespace }) => {
      if (connection.spec.kubernetes === undefined)
        throw invalidField(sourceField(kind), "names a connection that is not a cluster");
      return tokenSource({ calls, tokens: cluster, clock }, { namespace, serviceAccountName, request });
    },
    generated: openHook,
    hook: openHook,
  };
  return {
    sources: {
      capabilities: (kind) => CAPABILITIES[kind],
      open(connection, target, owner) {
        const source = (open[target.kind] as OpenSource<SourceKind>)(connection, target, owner);
        return measuredSource(source, meter(wordsOf(target.kind).provider, connection));
      },
      async check(connection, context: CallContext) {
        // This cluster: whoever reads the connection is logged in.
        if (connection.spec.kubernetes !== undefined) return;
        // Without a target there is nothing to ask a hook for; but it must be possible to sign.
        if (connection.spec.hook !== undefined) {
          await hookOf(connection, "spec.hook").signingKey();
          return;
        }
        if (connection.spec.vault !== undefined)
          await vaultOf(connection, DELIVERY_FIELD).use(() => Promise.resolve(), context);
        else await aws.check(awsOf(connection), context);
      },
      async missingRights(connection, context) {
        const { aws: account, vault: server, grants = [] } = connection.spec;
        const door = server === undefined ? undefined : vaultOf(connection, DELIVERY_FIELD);
        const ofRoles = door === undefined ? [] : missingPkiRights(door);
        // Without a grant nobody has an account here.
        if (grants.length === 0) return ofRoles;
        if (account?.accountId !== undefined) return aws.missingRights(awsOf(connection), context);
        if (door === undefined) return [];
        const ask = ({ tokens }: VaultSession) => missingVaultRights(tokens, door.config.identities, context.signal);
        return [...(await door.use(ask, context)), ...ofRoles];
      },
      retire(name) {
        budgets.retire(name);
        aws.retire(name);
        hooks.retire(name);
        void vault.retire(name);
      },
    },
    accounts: {
      open(connection, owner, account, identity) {
        const { kubernetes: serviceAccount, aws: declared, vault: entity } = account;
        if (declared !== undefined) {
          const target = { name: account.name, aws: declared };
          return measuredAccount(
            aws.account(awsOf(connection, accountField(account.name)), owner, target),
            meter("aws", connection),
          );
        }
        if (entity !== undefined) {
          return measuredAccount(
            vaultAccount(vaultOf(connection, accountField(account.name)), owner, account, identity),
            meter("vault", connection),
          );
        }
        return measuredAccount(kubernetesAccount(kubernetes, owner, serviceAccount ?? {}), meter("kubernetes"));
      },
    },
    stores: {
      kubernetesSecret: (owner, place, form) =>
        measuredStore(kubernetesSecretStore(cluster, owner, place, form), meter("kubernetes")),
      vaultKV: (connection, owner, place, form) =>
        measuredStore(
          vaultKvStore(vaultOf(connection, DELIVERY_FIELD), owner, place, form),
          meter("vault", connection),
        ),
      hook: (connection, owner, { place }) =>
        measuredStore(
          hookStore(hookOf(connection, "spec.deliver.hook.connectionRef"), owner, place),
          meter("hook", connection),
        ),
    },
    async marked(connection, context) {
      const { watchNamespaces } = options;
      if (connection.spec.vault !== undefined)
        return markedEntities(vaultOf(connection, DELIVERY_FIELD), context, watchNamespaces);
      return connection.spec.aws === undefined ? [] : aws.marked(awsOf(connection), context, watchNamespaces);
    },
    async close() {
      aws.close();
      hooks.close();
      await vault.close();
    },
  };
};

/** What is not staged is learnt by the redactor where it is made. */
export const remembered = (source: CredentialSource, redactor: Pick<Redactor, "rememberText">): CredentialSource => ({
  ...source,
  async issue(...asked) {
    const issued = await source.issue(...asked);
    // The rest of it is public, and each value that is remembered costs every line of the log.
    redactor.rememberText(issued.material.reveal()[PKI_FIELDS.key] ?? "");
    return issued;
  },
});

const DELIVERY_FIELD = "spec.deliver.vaultKV.connectionRef";

const accountField = (account: string): string => `spec.accounts[${account}].connectionRef`;

const sourceField = (kind: SourceKind): string => `spec.source.${kind}.connectionRef`;

const connectionSpec = (connection: ProviderConnection, spec: unknown): ConnectionSpec => ({
  name: connection.metadata.name,
  uid: connection.metadata.uid,
  generation: connection.metadata.generation ?? 0,
  spec,
});
