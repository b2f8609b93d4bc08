import type { VaultAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import { LIFECYCLE_DEFAULTS } from "../../../api/v1alpha1/defaults.ts";
import { parseDuration } from "../../../kernel/duration.ts";
import { OperatorError } from "../../../kernel/errors.ts";
import { canonicalJson } from "../../../kernel/ids.ts";
import type { Piece } from "../piece.ts";
import type { PieceContext, VaultFacts } from "./context.ts";
import { ownerValue } from "./owner.ts";

/** What the names of a Vault account follow from. */
export interface VaultNames {
  readonly cluster: string;
  readonly namespace: string;
  readonly name: string;
  readonly account: string;
  readonly serviceAccountName?: string | undefined;
  readonly connection: Pick<VaultFacts, "namePrefix" | "appRoleMount" | "jwtMount">;
}

/** The login of an account: which method, whom Vault knows it as, and how long its tokens live. */
export interface VaultLoginFacts {
  readonly mode: "AppRole" | "JWT";
  readonly mount: string;
  /** Name of the entity's alias: the role id, or the subject of the ServiceAccount's tokens. */
  readonly alias: string;
  readonly audience?: string | undefined;
  readonly ttlSeconds: number;
}

/**
 * Pieces of a Vault account, in the order in which they are made: the entity with its owner record, the alias, so that the first
 * login finds this entity and does not make one of its own, the login role, and the policies, which stand on the entity.
 * Throws InvalidSpec where a JWT login has no ServiceAccount to be pinned to.
 */
export const vaultPieces = (account: VaultAccount, context: PieceContext): readonly Piece[] => {
  const names = vaultNamesOf(context);
  const name = vaultNameOf(names);
  const login = vaultLoginOf(account, names);
  return [
    { key: "principal", class: "principal", value: entityValue(name), title: `Vault entity ${name}` },
    { key: "owner", class: "attribute", value: ownerValue(context), title: "owner record" },
    { key: "alias", class: "login", value: aliasValue(login), title: `alias of auth/${login.mount}` },
    { key: "login", class: "login", value: loginValue(login), title: `${login.mode} login role ${name}` },
    ...[...(account.policies ?? [])].sort().map((policy): Piece => ({
      key: `policy/${policy}`,
      class: "grant",
      value: policyValue(policy),
      title: `Vault policy ${policy}`,
    })),
  ];
};

/** Name of the entity and of the login role. Prefix, namespace and account have no dots, so no two resources share one. */
export const vaultNameOf = (names: Pick<VaultNames, "namespace" | "name" | "account" | "connection">): string =>
  [names.connection.namePrefix, names.namespace, names.name, names.account].join(".");

/** The role id of an AppRole. Vault lets us choose it, and no two roles have the same: it says whose the role is. */
export const roleIdOf = (names: Pick<VaultNames, "cluster" | "namespace" | "name" | "account">): string =>
  `keyturn:${names.cluster}:${names.namespace}:${names.name}:${names.account}`;

export const vaultLoginOf = (account: VaultAccount, names: VaultNames): VaultLoginFacts => {
  const { login } = account;
  const ttlSeconds = secondsOf(login.tokenTTL ?? LIFECYCLE_DEFAULTS.vaultTokenTTL);
  if (login.mode === "AppRole") {
    return { mode: "AppRole", mount: names.connection.appRoleMount, alias: roleIdOf(names), ttlSeconds };
  }
  if (names.serviceAccountName === undefined) {
    throw new OperatorError("InvalidSpec", {
      publicMessage:
        "vault.login.mode JWT needs a ServiceAccount to be pinned to; add an account with kubernetes or use mode AppRole.",
    });
  }
  return {
    mode: "JWT",
    mount: names.connection.jwtMount,
    alias: `${subjectPrefix(names.namespace)}${names.serviceAccountName}`,
    audience: login.audience ?? LIFECYCLE_DEFAULTS.vaultAudience,
    ttlSeconds,
  };
};

export const entityValue = (name: string): string => canonicalJson({ kind: "entity", name });

export const aliasValue = (alias: Pick<VaultLoginFacts, "mount" | "alias">): string =>
  canonicalJson({ mount: alias.mount, name: alias.alias });

/** `deviations`: settings of the role as it stands that are not as Keyturn sets them, by name; absent where there are none. */
export const loginValue = (login: VaultLoginFacts, deviations?: Readonly<Record<string, unknown>>): string =>
  canonicalJson({ ...login, deviations });

/** The facts of a value that `loginValue` made without deviations. */
export const loginFactsIn = (value: string): VaultLoginFacts => JSON.parse(value) as VaultLoginFacts;

/** The alias of a value that `aliasValue` made. */
export const aliasNameIn = (value: string): string => (JSON.parse(value) as { readonly name: string }).name;

/** What the subjects of a namespace's ServiceAccounts begin with. */
export const subjectPrefix = (namespace: string): string => `system:serviceaccount:${namespace}:`;

export const policyValue = (policy: string): string => canonicalJson({ policy });

const vaultNamesOf = (context: PieceContext): VaultNames => {
  const { connection } = context;
  if (connection.kind !== "vault") {
    throw new OperatorError("InvalidSpec", {
      publicMessage: "vault.connectionRef must name a ProviderConnection with spec.vault.",
    });
  }
  return { ...context, connection };
};

const secondsOf = (duration: string): number => {
  const ms = parseDuration(duration);
  if (ms === undefined || ms < 60_000) {
    throw new OperatorError("InvalidSpec", {
      publicMessage: "vault.login.tokenTTL must be a duration of 1m at least.",
    });
  }
  return ms / 1000;
};
