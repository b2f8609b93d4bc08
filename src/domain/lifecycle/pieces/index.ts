import type { Account } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import type { DesiredAccount } from "../action.ts";
import type { Piece } from "../piece.ts";
import type { LifecycleSettings, SpecViolation } from "../settings.ts";
import { awsPieces, awsQuotas, iamNameOf } from "./aws.ts";
import type { AwsFacts, ConnectionFacts, KubernetesFacts, PieceContext, VaultFacts } from "./context.ts";
import { kubernetesPieces, serviceAccountNameOf } from "./kubernetes.ts";
import { vaultNameOf, vaultPieces } from "./vault.ts";

/** Whose accounts they are. */
export interface IdentityContext {
  readonly cluster: string;
  readonly namespace: string;
  /** Of the ServiceAccountLifecycle. */
  readonly name: string;
}

/** What an account's connection says about it; an account without an entry is left out. */
export interface AccountConnection {
  readonly facts: ConnectionFacts;
  readonly requiredBoundary?: string | undefined;
}

/** The accounts of a spec as pieces, by name. Pure; throws InvalidSpec where a connection cannot serve an account. */
export const desiredAccounts = (
  settings: Pick<LifecycleSettings, "accounts" | "owner" | "purpose">,
  identity: IdentityContext,
  connections: Readonly<Record<string, AccountConnection>>,
): Readonly<Record<string, DesiredAccount>> => {
  const desired: Record<string, DesiredAccount> = {};
  for (const account of settings.accounts) {
    const connection = connections[account.name];
    if (connection !== undefined) desired[account.name] = desiredAccount(account, settings, identity, connection);
  }
  return desired;
};

export const desiredAccount = (
  account: Account,
  settings: Pick<LifecycleSettings, "accounts" | "owner" | "purpose">,
  identity: IdentityContext,
  connection: AccountConnection,
): DesiredAccount => {
  const context = pieceContext(account, settings, identity, connection);
  const { facts } = connection;
  const common = { name: account.name, declaration: canonicalJson(account) };
  if (account.kubernetes !== undefined && facts.kind === "kubernetes") {
    const target = `kubernetes-service-account/${identity.namespace}/${serviceAccountNameOf(account.kubernetes, context)}`;
    return {
      ...common,
      target,
      pieces: kubernetesPieces(account.kubernetes, context),
      cutsByRemoval: true,
      canDisableCredentials: false,
    };
  }
  if (account.aws !== undefined && facts.kind === "aws") {
    const kind = account.aws.user === undefined ? "aws-role" : "aws-user";
    const target = `${kind}/${facts.accountId}/${iamNameOf(account.aws, context)}`;
    const pieces = awsPieces(account.aws, context);
    const quotas = awsQuotas(kind === "aws-user" ? "user" : "role");
    return { ...common, target, pieces, cutsByRemoval: false, canDisableCredentials: kind === "aws-user", quotas };
  }
  if (account.vault !== undefined && facts.kind === "vault") {
    const vault = { ...context, connection: facts };
    const target = `vault-entity/${facts.host}/${facts.vaultNamespace ?? "-"}/${vaultNameOf(vault)}`;
    const pieces = vaultPieces(account.vault, context);
    return { ...common, target, pieces, cutsByRemoval: false, canDisableCredentials: false };
  }
  throw new OperatorError("InvalidSpec", {
    publicMessage: `spec.accounts[${account.name}] names a ProviderConnection of another kind (${facts.kind}); name one of its own provider.`,
  });
};

/** What the pieces of one account follow from. */
export const pieceContext = (
  account: Account,
  settings: Pick<LifecycleSettings, "accounts" | "owner" | "purpose">,
  identity: IdentityContext,
  connection: AccountConnection,
): PieceContext => {
  const serviceAccountName = identityServiceAccount(settings.accounts, identity);
  return {
    ...identity,
    account: account.name,
    owner: settings.owner,
    purpose: settings.purpose,
    ...(serviceAccountName === undefined ? {} : { serviceAccountName }),
    connection: connection.facts,
    ...(connection.requiredBoundary === undefined ? {} : { requiredBoundary: connection.requiredBoundary }),
  };
};

/** The ServiceAccount that the identity is in its namespace; undefined without a kubernetes account. */
export const identityServiceAccount = (
  accounts: readonly Account[],
  identity: Pick<IdentityContext, "name">,
): string | undefined => {
  const account = accounts.find(({ kubernetes }) => kubernetes !== undefined);
  return account?.kubernetes === undefined ? undefined : serviceAccountNameOf(account.kubernetes, identity);
};

/** Two accounts of one spec that are the same thing at the provider would undo each other for ever. */
export const sharedTarget = (desired: Readonly<Record<string, DesiredAccount>>): SpecViolation | undefined => {
  const accounts = Object.values(desired);
  for (const [index, account] of accounts.entries()) {
    const other = accounts.slice(0, index).find(({ target }) => sameTarget(target, account.target));
    if (other === undefined) continue;
    const field = `spec.accounts[${account.name}]`;
    return { field, message: `${field} is the same account as spec.accounts[${other.name}]; give it another name.` };
  }
  return undefined;
};

/** IAM's names are unique without regard to case; elsewhere they are what they are spelled. */
const sameTarget = (one: string, other: string): boolean =>
  one === other || (one.startsWith("aws-") && one.toLowerCase() === other.toLowerCase());

export type { AwsFacts, ConnectionFacts, KubernetesFacts, Piece, PieceContext, VaultFacts };
