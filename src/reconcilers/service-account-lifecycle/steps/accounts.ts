import type { ProviderConnection } from "../../../api/v1alpha1/provider-connection.ts";
import type { Account } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { AccountView, DesiredAccount, LifecycleAction } from "../../../domain/lifecycle/action.ts";
import { desiredAccount, identityServiceAccount, sharedTarget } from "../../../domain/lifecycle/pieces/index.ts";
import type { AccountRecord, LifecycleStatus } from "../../../domain/lifecycle/record.ts";
import { wantedState } from "../../../domain/lifecycle/settings.ts";
import { OperatorError, toOperatorError } from "../../../kernel/errors.ts";
import type { AccountClient, AccountObservation, Recorded } from "../../../providers/account.ts";
import type { Ports } from "../../ports.ts";
import { connectionNameOf, readConnection } from "../connections.ts";
import { factsOf } from "../facts.ts";
import { fieldOf, grantsFor, judgeAws } from "../grants.ts";
import { failedSteps, type AccountScope, type InForce } from "../scope.ts";

/**
 * The accounts of the spec in force as pieces. Each connection is read live, once. An account whose connection is gone or cannot
 * serve it is a failure of its own and holds up no other. Of an account that leaves only the record counts: whatever the spec
 * calls by its name by now is no reason not to cut it.
 */
export const openDesired = async (scope: AccountScope, inForce: InForce, ports: Ports): Promise<void> => {
  const { settings } = inForce;
  for (const account of settings.accounts) {
    if (leavesAsRecorded(scope, account.name)) continue;
    try {
      scope.desired.set(account.name, await desiredOf(scope, account, settings, ports));
    } catch (thrown) {
      noteFailure(scope, account.name, toOperatorError(thrown));
    }
  }
};

/** One declared account as pieces. Throws where its connection is gone or cannot serve it. */
export const desiredOf = async (
  scope: AccountScope,
  account: Account,
  settings: InForce["settings"],
  ports: Ports,
): Promise<DesiredAccount> => {
  const { namespace, name } = scope.request;
  const connection = await connectionOf(scope, account, ports);
  const boundary = boundaryFor(account, connection, namespace);
  const identity = { cluster: ports.clusterName, namespace, name };
  return desiredAccount(account, settings, identity, {
    facts: factsOf(connection),
    ...(boundary === undefined ? {} : { requiredBoundary: boundary }),
  });
};

/** Two accounts of one spec that are the same thing at the provider. */
export const refusalOfTargets = (scope: AccountScope): Extract<LifecycleAction, { type: "refuse" }> | undefined => {
  const shared = sharedTarget(Object.fromEntries(scope.desired));
  if (shared !== undefined)
    return { type: "refuse", code: "InvalidSpec", message: shared.message, about: shared.field };
  const taken = [...scope.desired.values()].find(({ name, target }) =>
    scope.status.accounts?.some((record) => record.name !== name && record.target === target),
  );
  return taken === undefined ? undefined : stillLeaving(taken);
};

/** One thing at a provider under two names would be cut and deleted under the one while it is kept up under the other. */
const stillLeaving = ({ name, target }: DesiredAccount): Extract<LifecycleAction, { type: "refuse" }> => ({
  type: "refuse",
  code: "Conflict",
  message: `Account ${name} would be ${target}, which is on record under another name and is on its way out. Declare it under that name, or wait until it is deleted.`,
  about: name,
});

const boundaryFor = (account: Account, connection: ProviderConnection, namespace: string): string | undefined =>
  account.aws === undefined
    ? undefined
    : judgeAws(account.aws, fieldOf(account), grantsFor(connection, namespace)).requiredBoundary;

/** Throws what reading the connection threw, every time it is asked for in this pass. */
export const connectionOf = async (
  scope: AccountScope,
  account: Account,
  ports: Ports,
): Promise<ProviderConnection> => {
  const name = connectionNameOf(account);
  const known = scope.connections.get(name) ?? (await readConnection(ports.cluster, name));
  scope.connections.set(name, known);
  if (known instanceof OperatorError) throw known;
  return known;
};

/** The account as it is declared now; of one that leaves, or is not declared any more, as it was declared last. */
export const declarationOf = (scope: AccountScope, name: string): Account => {
  const declared = scope.inForce?.settings.accounts.find((account) => account.name === name);
  if (declared !== undefined && !leavesAsRecorded(scope, name)) return declared;
  const record = recordOf(scope, name);
  if (record !== undefined) return JSON.parse(record.declaration) as Account;
  throw new OperatorError("Unknown", { publicMessage: `Account ${name} is neither declared nor on record.` });
};

export const recordOf = ({ status }: Pick<AccountScope, "status">, name: string): AccountRecord | undefined =>
  status.accounts?.find((record) => record.name === name);

/** The account's client; one a pass, for it remembers whose the account was when it looked. */
export const clientOf = async (scope: AccountScope, name: string, ports: Ports): Promise<AccountClient> => {
  const known = scope.clients.get(name);
  if (known !== undefined) return known;
  const account = declarationOf(scope, name);
  const connection = await connectionOf(scope, account, ports);
  const client = ports.accounts.open(connection, scope.owner, account, {
    serviceAccountName: serviceAccountOf(scope),
  });
  const record = recordOf(scope, name);
  if (record !== undefined && record.target !== client.target) {
    throw new OperatorError("Conflict", {
      publicMessage: `Account ${name} is recorded as ${record.target} and would now be ${client.target}: the connection's names or prefixes have changed. Put them back, or take the account out of the spec and declare one of another name.`,
    });
  }
  scope.clients.set(name, client);
  return client;
};

/** The identity's ServiceAccount, also when its account is on its way out. */
const serviceAccountOf = (scope: AccountScope): string => {
  const recorded = (scope.status.accounts ?? []).map(({ declaration }) => JSON.parse(declaration) as Account);
  const accounts = [...(scope.inForce?.settings.accounts ?? []), ...recorded];
  return identityServiceAccount(accounts, { name: scope.request.name }) ?? scope.request.name;
};

export const observeAccount = async (scope: AccountScope, name: string, ports: Ports): Promise<void> => {
  const client = await clientOf(scope, name, ports);
  const record = recordOf(scope, name);
  const externalId = record?.externalId;
  const seen = await client.observe(
    { signal: scope.signal, turn: scope.turn, log: ports.log },
    recordedOf(scope, name, record),
  );
  scope.observed.set(name, seen);
  scope.succeeded.add(name);
  if (seen.principal === "ours" && seen.externalId !== undefined && seen.externalId !== externalId) {
    scope.status = withExternalId(scope.status, name, seen.externalId);
  }
};

/** Who comes and who leaves is looked at wholly; between the two the provider decides how often. */
const recordedOf = (scope: AccountScope, name: string, record: AccountRecord | undefined): Recorded => {
  const leaving = record !== undefined && isLeaving(scope, name);
  return {
    externalId: record?.externalId,
    leaving,
    cutWays: record?.cutWays,
    former: record?.former,
    pieces: record?.pieces,
    adopting: record?.adopted === true && record.state !== "Active",
    ...(record?.closedAt === undefined ? {} : { closedAt: new Date(record.closedAt) }),
    ...(record?.cutAt === undefined ? {} : { cutAt: new Date(record.cutAt) }),
    ...(scope.hold?.compromised === true || record?.compromised === true ? { revokeTokens: true } : {}),
    everything: (leaving && isUnderWay(record, scope.now)) || record === undefined || record.adopted === true,
  };
};

/** Being cut, or being taken away after its hold; in between the provider's daily look is enough. */
const isUnderWay = ({ state, heldUntil }: AccountRecord, now: Date): boolean =>
  state !== "Cut" || (heldUntil !== undefined && new Date(heldUntil) <= now);

/** The provider's own id, as soon as it is seen: it proves later that what stands there is what was made. */
const withExternalId = (status: LifecycleStatus, name: string, externalId: string): LifecycleStatus => ({
  ...status,
  ...(status.accounts === undefined
    ? {}
    : { accounts: status.accounts.map((record) => (record.name === name ? { ...record, externalId } : record)) }),
});

/** What the planner may know of an observation. */
export const viewOf = (seen: AccountObservation): AccountView => ({
  principal: seen.principal,
  ...(seen.externalId === undefined ? {} : { externalId: seen.externalId }),
  pieces: seen.pieces,
  conflicts: seen.conflicts,
  foreignGrants: seen.foreignGrants,
  groupGrants: seen.groupGrants,
  credentials: seen.credentials,
  rightsCut: seen.rightsCut,
  loginClosed: seen.loginClosed,
  grantsGone: seen.grantsGone,
  cutWays: seen.cutWays,
  cutBy: seen.cutBy,
  closes: seen.closes,
  outstanding: seen.outstanding,
  notLooked: seen.notLooked,
});

/** Capabilities of the accounts that are only on record. */
export const leavingCapabilities = async (
  scope: AccountScope,
  ports: Ports,
): Promise<Readonly<Record<string, Pick<DesiredAccount, "cutsByRemoval" | "canDisableCredentials">>>> => {
  const found: Record<string, AccountClient["capabilities"]> = {};
  // One whose steps have failed is still told what it can do: its other steps go on. Only one that cannot be reached is left out.
  const unreached = failedSteps(scope);
  for (const { name } of scope.status.accounts ?? []) {
    if (scope.desired.has(name) || unreached.includes(name)) continue;
    try {
      found[name] = (await clientOf(scope, name, ports)).capabilities;
    } catch (thrown) {
      noteFailure(scope, name, toOperatorError(thrown));
    }
  }
  return found;
};

/** It has been made, and is being taken back. */
const leavesAsRecorded = (scope: AccountScope, name: string): boolean =>
  recordOf(scope, name) !== undefined && isLeaving(scope, name);

const isDeclared = ({ inForce }: AccountScope, name: string): boolean =>
  inForce?.settings.accounts.some((account) => account.name === name) === true;

/** Is whatever is done about this account now a taking away? Its failures must not hold up what is added, nor count against the spec. */
export const isLeaving = (scope: AccountScope, name: string): boolean => {
  const { inForce } = scope;
  if (!isDeclared(scope, name) || inForce === undefined) return true;
  return wantedState(inForce.settings, scope.now) !== "Active";
};

/** Throws Aborted on: a stopping operator is nobody's failure. */
export const noteFailure = (
  scope: AccountScope,
  about: string,
  error: OperatorError,
  leaving = isLeaving(scope, about.split("/")[0] ?? about),
): void => {
  if (error.code === "Aborted") throw error;
  scope.failures.push({ error, about, leaving });
};
