import assert from "node:assert/strict";
import { OperatorError } from "../../../kernel/errors.ts";
import { FakeClock } from "../../../kernel/fake-clock.ts";
import { silentLogger } from "../../../kernel/logger.ts";
import { describeCredentialSource } from "../../conformance.ts";
import type { CallContext, CredentialSource } from "../../contract.ts";
import type { VaultConnection } from "../connection.ts";
import type { VaultSession } from "../sdk.ts";
import { FakeDatabase } from "./fake-database.ts";
import { databaseSource, staticRoleNames, type DatabaseTarget } from "./source.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };
const config = {
  identities: { namePrefix: "keyturn" },
  databases: { mount: "database", servers: [{ name: "orders", host: "db", port: 5432, database: "orders" }] },
};
const [A, B] = ["keyturn.payments.web.a", "keyturn.payments.web.b"] as const;

const sourceOn = (
  database: FakeDatabase,
  clock: FakeClock,
  users: DatabaseTarget["users"] = "Alternating",
  servers = config.databases.servers,
): CredentialSource => {
  const session = { database: database.calls } as unknown as VaultSession;
  const connection = {
    config: { ...config, databases: { ...config.databases, servers } },
    use: (run: (session: VaultSession) => Promise<unknown>) => run(session),
  } as unknown as VaultConnection;
  return databaseSource(
    connection,
    { namespace: "payments", role: "web", users },
    { clock, servers: () => database.server },
  );
};

const prepared = (clock: FakeClock): FakeDatabase => {
  const database = new FakeDatabase(() => clock.now());
  database.add(A, "web_a");
  database.add(B, "web_b");
  database.add("keyturn.payments.web", "web");
  return database;
};

describeCredentialSource("vaultDatabase in memory", () => {
  const clock = new FakeClock();
  const database = prepared(clock);
  return Promise.resolve({ source: sourceOn(database, clock), mutations: () => database.rotations });
});

describe("database source", () => {
  let clock: FakeClock;
  let database: FakeDatabase;
  let source: CredentialSource;

  beforeEach(() => {
    clock = new FakeClock();
    database = prepared(clock);
    source = sourceOn(database, clock);
  });
  const usersOf = async (...inUse: string[]) => (await source.issue(context, "r", { inUse })).material.reveal();
  const code = (wanted: string) => (error: unknown) => error instanceof OperatorError && error.code === wanted;

  it("changes the password of the user that is not in use", async () => {
    const first = await source.issue(context, "r", { inUse: [] });
    assert.equal(first.material.reveal()["username"], "web_a");
    assert.equal((await usersOf(first.id))["username"], "web_b");
    assert.equal((await source.verify(first.material, first.issuedAt, context)).kind, "usable");
  });

  it("overwrites nothing that has come since the intent was written", async () => {
    const knownIds = (await source.list(context)).credentials.map(({ id }) => id);
    database.change(A);
    await assert.rejects(source.issue(context, "r", { inUse: [], knownIds }), code("Unavailable"));
    assert.equal(database.rotations, 0);
  });

  it("ends the sessions of the user whose password it takes away, and nobody else's", async () => {
    const first = await source.issue(context, "r", { inUse: [] });
    const second = await source.issue(context, "r", { inUse: [first.id] });
    for (const { material } of [first, second]) {
      const { username = "", password = "" } = material.reveal();
      database.open(username, password);
    }
    await clock.advance(1000);
    assert.equal(await source.revoke(first.id, context), "removed");
    assert.deepEqual(
      database.sessions.map(({ username }) => username),
      ["web_b"],
    );
  });

  it("ends them also when the one who changed the password died before that, and not those of whoever came later", async () => {
    const first = await source.issue(context, "r", { inUse: [] });
    const { username = "", password = "" } = first.material.reveal();
    database.open(username, password);
    await clock.advance(1000);
    database.change(A);
    await clock.advance(1000);
    const next = await database.calls.readCredentials({ mount: "database", name: A }, context.signal);
    database.open(next.username, next.password);
    assert.equal(await source.revoke(first.id, context), "alreadyAbsent");
    assert.deepEqual(
      database.sessions.map(({ password: used }) => used),
      [next.password],
    );
    assert.equal(database.rotations, 1, "the password that somebody has now is left alone");
  });

  it("notices a server that asks nobody for a password", async () => {
    const { material } = await source.issue(context, "r", { inUse: [] });
    assert.equal((await source.negativeControl(material, context)).kind, "refused");
    database.trusts = true;
    assert.equal((await source.negativeControl(material, context)).kind, "accepted");
  });

  it("says when Vault would change the password by itself", async () => {
    database.periodSeconds = 3600;
    const { id, expiresAt } = await source.issue(context, "r", { inUse: [] });
    assert.ok(Math.abs((expiresAt?.getTime() ?? 0) - clock.now().getTime() - 3_600_000) < 1000);
    const listed = (await source.list(context)).credentials.find((one) => one.id === id);
    assert.ok(Math.abs((listed?.expiresAt?.getTime() ?? 0) - (expiresAt?.getTime() ?? 0)) < 1000);
  });

  it("has one place with a single user, which it overwrites", async () => {
    const single = sourceOn(database, clock, "Single");
    assert.equal(single.capabilities.slots, 1);
    const first = await single.issue(context, "r", { inUse: [] });
    const second = await single.issue(context, "r", { inUse: [first.id] });
    assert.equal((await single.proveRefused(first.material, context)).kind, "refused");
    assert.equal((await single.verify(second.material, second.issuedAt, context)).kind, "usable");
    assert.equal(await single.revoke(first.id, context), "alreadyAbsent");
    assert.equal((await single.verify(second.material, second.issuedAt, context)).kind, "usable");
  });

  it("wants two users of one database", async () => {
    assert.deepEqual(await source.observeTarget(context), { exists: true, allowed: true, ownedByName: true });
    database.add(B, "web_b", "other");
    await assert.rejects(source.observeTarget(context), code("InvalidSpec"));
    database.add(B, "web_a");
    await assert.rejects(source.observeTarget(context), code("InvalidSpec"));
    database.roles.delete(B);
    assert.equal((await source.observeTarget(context)).exists, false);
  });

  it("tries no login where nobody has named the server, and says where to name it", async () => {
    const blind = sourceOn(database, clock, "Alternating", []);
    const { id, material, issuedAt } = await blind.issue(context, "r", { inUse: [] });
    await assert.rejects(
      blind.verify(material, issuedAt, context),
      (error) => code("InvalidSpec")(error) && /spec\.vault\.databases\.servers/.test((error as Error).message),
    );
    assert.equal(await blind.revoke(id, context), "removed");
  });

  it("reaches roles of its own namespace only", () => {
    const names = (namespace: string, role: string, users: DatabaseTarget["users"] = "Alternating") =>
      staticRoleNames({ config } as never, { namespace, role, users });
    assert.deepEqual(names("payments", "web"), [A, B]);
    assert.deepEqual(names("payments", "web", "Single"), ["keyturn.payments.web"]);
    for (const [namespace, role] of [
      ["payments", "web.a"],
      ["payments", "../x"],
      ["pay.ments", "web"],
    ] as const)
      assert.throws(() => names(namespace, role), OperatorError);
  });
});
