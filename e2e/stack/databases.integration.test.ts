import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { Budget } from "../../src/engine/budget.ts";
import { systemClock } from "../../src/kernel/clock.ts";
import { OperatorError } from "../../src/kernel/errors.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import { describeCredentialSource } from "../../src/providers/conformance.ts";
import type { CallContext, CredentialSource } from "../../src/providers/contract.ts";
import { postgresServer } from "../../src/providers/database/postgres.ts";
import { databaseSource } from "../../src/providers/vault/database/source.ts";
import { measuredSource } from "../../src/reconcilers/measured.ts";
import { PrometheusMetrics } from "../../src/telemetry/metrics.ts";
import { openFragileWay } from "./fragile.ts";
import { ensurePostgres, putFragileDatabase, putStaticRoles, type Postgres } from "./postgres.ts";
import { startStack } from "./stack.ts";
import type { Stack } from "./stack.ts";
import { loginWith, type VaultLogin } from "./vault-login.ts";
import { databasePolicy } from "./vault.ts";

const context: CallContext = { signal: new AbortController().signal, log: silentLogger };

/** Passwords that Vault's database engine changes on a real PostgreSQL, with the policy that the how-to names and no more. */
describe("passwords of a real PostgreSQL", function () {
  this.timeout(60_000);
  let stack: Stack;
  let postgres: Postgres;
  let login: VaultLogin;
  let roles = 0;

  before(async function () {
    this.timeout(600_000);
    stack = await startStack();
    postgres = await ensurePostgres(stack);
    login = await loginWith(stack, databasePolicy());
  });
  after(async () => {
    await login.close();
    await stack.stop();
  });

  const server = () => ({
    name: postgres.vaultName,
    host: postgres.host,
    port: postgres.port,
    database: postgres.database,
    caBundle: stack.ca.pem,
  });

  const sourceOf = async (users: "Alternating" | "Single" = "Alternating"): Promise<CredentialSource> => {
    roles += 1;
    const role = `web${roles}`;
    const seats = users === "Single" ? [""] : [".a", ".b"];
    await putStaticRoles(
      stack,
      postgres,
      seats.map((seat) => ({ name: `keyturn.team.${role}${seat}`, username: `${role}${seat}` })),
    );
    return databaseSource(
      login.connection({ databases: { servers: [server()] } }),
      { namespace: "team", role, users },
      { clock: systemClock, servers: postgresServer },
    );
  };
  const inUse = (...ids: string[]) => ({ inUse: ids });
  const opened = (material: { reveal(): Readonly<Record<string, string>> }) => {
    const { username = "", password = "" } = material.reveal();
    return postgres.connect({ user: username, password });
  };

  describeCredentialSource("vaultDatabase", async () => ({ source: await sourceOf() }));

  it("keeps the sessions of the user in use, and ends those of the one that it retires", async () => {
    const source = await sourceOf();
    const first = await source.issue(context, "r-1", inUse());
    const second = await source.issue(context, "r-2", inUse(first.id));
    const [old, present] = [await opened(first.material), await opened(second.material)];
    equal(await source.revoke(first.id, context), "removed");
    await rejects(old.query("SELECT 1"));
    equal((await present.query<{ one: number }>("SELECT 1 AS one")).rows[0]?.one, 1);
    equal((await source.proveRefused(first.material, context)).kind, "refused");
    await present.end();
  });

  it("ends the old sessions of a single user and leaves those with the new password", async () => {
    const source = await sourceOf("Single");
    const first = await source.issue(context, "r-1", inUse());
    const old = await opened(first.material);
    const second = await source.issue(context, "r-2", inUse(first.id));
    const present = await opened(second.material);
    equal(await source.revoke(first.id, context), "alreadyAbsent");
    await rejects(old.query("SELECT 1"));
    equal((await present.query<{ one: number }>("SELECT 1 AS one")).rows[0]?.one, 1);
    await present.end();
  });

  it("knows when Vault would change it by itself, and lists Vault's own time", async () => {
    const source = await sourceOf();
    const issued = await source.issue(context, "r-1", inUse());
    ok(Math.abs((issued.expiresAt?.getTime() ?? 0) - Date.now() - 720 * 3_600_000) < 10_000);
    const { credentials } = await source.list(context);
    equal(credentials.length, 2);
    ok(credentials.some(({ id }) => id === issued.id));
  });

  it("sees that Vault or somebody has changed it since, and overwrites nothing then", async () => {
    const source = await sourceOf();
    const knownIds = (await source.list(context)).credentials.map(({ id }) => id);
    await stack.vault.client.call("POST", `database/rotate-role/keyturn.team.web${roles}.a`, {});
    await rejects(
      source.issue(context, "r-1", { inUse: [], knownIds }),
      (error) => error instanceof OperatorError && error.code === "Unavailable",
    );
  });

  it("notices a server that asks nobody for a password", async () => {
    const source = await sourceOf();
    const { material } = await source.issue(context, "r-1", inUse());
    const [{ file }] = (await postgres.query("SELECT current_setting('hba_file') AS file")) as [{ file: string }];
    const write = async (lines: readonly string[]): Promise<void> => {
      await postgres.query(`COPY (SELECT unnest(ARRAY['${lines.join("','")}'])) TO '${file}'`);
      await postgres.query("SELECT pg_reload_conf()");
      await new Promise((resolve) => setTimeout(resolve, 300));
    };
    const strict = "hostssl all all 127.0.0.1/32 scram-sha-256";
    await write([`hostssl all "web${roles}.a" 127.0.0.1/32 trust`, strict]);
    try {
      equal((await source.negativeControl(material, context)).kind, "accepted");
    } finally {
      await write([strict]);
    }
    equal((await source.negativeControl(material, context)).kind, "refused");
  });

  it("says what is wrong with a server that it cannot trust, and not what the server said", async () => {
    const source = await sourceOf();
    const { material } = await source.issue(context, "r-1", inUse());
    const { username = "", password = "" } = material.reveal();
    const untrusted = { ...server(), caBundle: undefined };
    await rejects(
      postgresServer(untrusted).logIn({ username, password }, context.signal),
      (error) => error instanceof OperatorError && /caBundle/.test(error.publicMessage),
    );
    await rejects(
      postgresServer({ ...server(), database: "nowhere" }).logIn({ username, password }, context.signal),
      (error) => error instanceof OperatorError && error.publicMessage.endsWith("(SQLSTATE 3D000)."),
    );
  });

  for (const [what, mode] of [
    ["that cuts every connection", "refuse"],
    ["that accepts connections and never answers", "hang"],
  ] as const)
    it(`leaves a tenant's database ${what} alone, and Vault open for everybody`, async function () {
      this.timeout(180_000);
      const way = await openFragileWay(postgres);
      const vaultName = `fragile-${mode}`;
      await putFragileDatabase(stack, postgres, { vaultName, port: way.port });
      const roleOn = async (namespace: string, database: Postgres) => {
        roles += 1;
        const [role, username] = [`fragile${roles}`, `fragile${roles}`];
        await putStaticRoles(stack, database, [{ name: `keyturn.${namespace}.${role}`, username }]);
        const target = { namespace, role, users: "Single" } as const;
        const databases = { servers: [{ ...server(), name: vaultName, port: way.port }, server()] };
        const source = databaseSource(login.connection({ databases }), target, {
          clock: systemClock,
          servers: postgresServer,
        });
        return measuredSource(source, { clock: systemClock, metrics, provider: "vault", budget });
      };
      const metrics = new PrometheusMetrics({ version: "0", process: false });
      const budget = new Budget({ clock: systemClock, name: "shared", perSecond: 100, burst: 200, atOnce: 20 });
      const of = (share: string): CallContext => ({ ...context, turn: { lane: "rest", share } });
      const [dead, healthy] = [
        await roleOn("team", { ...postgres, vaultName }),
        await roleOn("other", postgres),
      ] as const;
      const { material, issuedAt } = await dead.issue(of("team"), "r-1", inUse());
      way.turn(mode);
      try {
        const before = Date.now();
        const changes = Array.from({ length: 3 }, () => rejects(dead.issue(of("team"), "r-2", inUse())));
        const tries = Array.from({ length: 3 }, () => rejects(dead.verify(material, issuedAt, of("team"))));
        // In the middle of them: a look at the role, and another namespace.
        await dead.list(of("team"));
        await healthy.issue(of("other"), "r-1", inUse());
        ok(Date.now() - before < 5000);
        await Promise.all([...changes, ...tries]);
        await rejects(dead.verify(material, issuedAt, of("team")), /^OperatorError: Vault's database fragile-/);
        await rejects(dead.issue(of("team"), "r-2", inUse()), /has not answered several times in a row/);
        await healthy.issue(of("other"), "r-2", inUse());
        deepEqual(budget.open(), { host: 0, others: 1 });
      } finally {
        way.turn("pass");
        await way.close();
      }
    });

  it("says that a static role does not exist", async () => {
    const nobody = databaseSource(
      login.connection(),
      { namespace: "team", role: "nobody", users: "Alternating" },
      { clock: systemClock, servers: postgresServer },
    );
    deepEqual(await nobody.observeTarget(context), { exists: false, allowed: true });
    await rejects(nobody.list(context), (error) => error instanceof OperatorError && error.code === "NotFound");
  });
});
