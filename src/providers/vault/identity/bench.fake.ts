import type { VaultAccount } from "../../../api/v1alpha1/service-account-lifecycle.ts";
import type { PieceContext } from "../../../domain/lifecycle/pieces/context.ts";
import { vaultLoginOf, vaultPieces } from "../../../domain/lifecycle/pieces/vault.ts";
import { FakeClock } from "../../../kernel/fake-clock.ts";
import { silentLogger } from "../../../kernel/logger.ts";
import type { AccountObservation, AccountOwner, Recorded } from "../../account.ts";
import { vaultConnections } from "../connection.ts";
import { FakeVault } from "../fake-calls.ts";
import { entityAccount, vaultAccount, vaultFacts } from "./account.ts";

export const owner: AccountOwner = {
  cluster: "local",
  namespace: "payments",
  name: "billing",
  uid: "uid-1",
  predecessors: [],
};
export const context = { signal: new AbortController().signal, log: silentLogger };
export const name = "keyturn.payments.billing.secrets";
const accounts = {
  AppRole: {
    connectionRef: { name: "vault" },
    policies: ["read-invoices", "pki/issue"],
    login: { mode: "AppRole", tokenTTL: "30m" },
  },
  JWT: {
    connectionRef: { name: "vault" },
    policies: ["read-invoices"],
    login: { mode: "JWT", audience: "vault.example" },
  },
} as const satisfies Readonly<Record<string, VaultAccount>>;
export type Mode = keyof typeof accounts;

/** One account of the identity `payments/billing` on a fake Vault, and what a test needs to look behind it. */
export const setUp = (mode: Mode = "AppRole") => {
  const vault = new FakeVault();
  const clock = new FakeClock();
  const connections = vaultConnections({
    clock,
    requestToken: () => Promise.resolve("jwt"),
    open: () => vault.calls(),
  });
  const connection = connections.connection({
    name: "vault",
    uid: "u1",
    generation: 1,
    spec: { address: "https://vault.example:8200", login: { jwt: { role: "keyturn" } } },
  });
  const declared: VaultAccount = accounts[mode];
  const serviceAccountName = "billing";
  const pieceContext: PieceContext = {
    cluster: "local",
    namespace: "payments",
    name: "billing",
    account: "secrets",
    owner: { team: "payments", contact: "payments@example.org", environment: "production" },
    purpose: "Nightly invoices: reads & writes.",
    serviceAccountName,
    connection: vaultFacts(connection.config),
  };
  const desired = vaultPieces(declared, pieceContext);
  const client = vaultAccount(connection, owner, { name: "secrets", vault: declared }, { serviceAccountName });
  const facts = vaultLoginOf(declared, { ...pieceContext, connection: connection.config.identities });
  const isOurs = (alias: string) =>
    mode === "JWT" ? alias.startsWith("system:serviceaccount:payments:") : alias === facts.alias;
  const login = { mode, mount: facts.mount, alias: facts.alias, isOurs };
  const clientOf = (other: Partial<AccountOwner>) => entityAccount(connection, { ...owner, ...other }, { name, login });
  const rolePlace = `${login.mount}/${name}`;
  const join = async () => {
    for (const piece of desired) await client.apply(piece, context, desired);
  };
  const { identity } = vault;
  const piece = (key: string) => {
    const found = desired.find((each) => each.key === key);
    if (found === undefined) throw new Error(`no piece ${key}`);
    return found;
  };
  const observed = async (key: string) => (await client.observe(context)).pieces.find((each) => each.key === key);
  return {
    ...{
      vault,
      clock,
      connection,
      client,
      clientOf,
      desired,
      declared,
      pieceContext,
      login,
      rolePlace,
      join,
      identity,
    },
    ...{ piece, observed },
  };
};

export const CLOSED_AT = new Date("2026-01-01T12:00:00Z");

/** A joined account that leaves, and people who do things to its entity. */
export const leaver = async (mode: Mode) => {
  const bench = setUp(mode);
  const { client, identity, login, join, desired } = bench;
  await join();
  const { externalId } = await client.observe(context);
  identity.seed("ledger", { policies: ["ledger-admin"] });
  const record: Recorded = { externalId, leaving: true };
  const logIn = () => identity.logIn(login.mount, name, login.alias);
  /** What the planner does: looks, records what closing takes away, closes, and looks again. */
  const close = async (more: Partial<Recorded> = {}): Promise<AccountObservation> => {
    const { closes } = await client.observe(context, { ...record, ...more });
    await client.closeLogin(context);
    const former = [...(more.former ?? []), ...closes];
    return client.observe(context, { ...record, closedAt: CLOSED_AT, ...more, former });
  };
  const comeBack = async (): Promise<void> => {
    await client.observe(context, { externalId });
    await client.openLogin(context, desired);
    await join();
  };
  return { ...bench, externalId, record, logIn, close, comeBack };
};

export type Leaver = Awaited<ReturnType<typeof leaver>>;
