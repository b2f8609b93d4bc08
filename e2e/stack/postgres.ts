import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chown, copyFile, mkdtemp, readFile, writeFile, chmod, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { root } from "../lane/paths.ts";
import { freePort } from "./ports.ts";
import { serverOf } from "./server.ts";
import type { Stack } from "./stack.ts";
import { ensureProgram } from "./toolchain.ts";
import { VaultError, type VaultClient } from "./vault.ts";

const run = promisify(execFile);

/** A PostgreSQL under TLS, with scram passwords for everybody, and what Vault calls it. */
export interface Postgres {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Name of its configuration in Vault's database engine. */
  readonly vaultName: string;
  /** SQL as the superuser. */
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** A user's own session. Throws pg's error. */
  connect(login: { readonly user: string; readonly password: string }): Promise<pg.Client>;
}

const VAULT_NAME = "orders";
const DATABASE = "postgres";
const HOST = "127.0.0.1";
const NOBODY = 65_534;
const PLUGIN = "postgresql-database-plugin";

const started = new WeakMap<Stack, Promise<Postgres>>();

/** The stack's PostgreSQL, started when it is first asked for, with Vault's database engine set up for it. */
export const ensurePostgres = (stack: Stack): Promise<Postgres> => {
  const before = started.get(stack);
  if (before !== undefined) return before;
  const made = startPostgres(stack);
  started.set(stack, made);
  return made;
};

async function startPostgres(stack: Stack): Promise<Postgres> {
  const bin = await postgresFolder();
  // Others than its owner cannot enter the stack's own folder, and PostgreSQL does not run as root.
  const folder = await mkdtemp(join(tmpdir(), "keyturn-postgres-"));
  stack.supervisor.removeAtEnd(folder);
  const asRoot = process.getuid?.() === 0;
  const unprivileged = (file: string, args: readonly string[]): { file: string; args: string[] } =>
    asRoot
      ? {
          file: "setpriv",
          args: [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "env", `--chdir=${folder}`, file, ...args],
        }
      : { file, args: [...args] };
  const mine = async (path: string, text?: string): Promise<string> => {
    if (text !== undefined) await writeFile(path, text, { mode: 0o600 });
    if (asRoot) await chown(path, NOBODY, NOBODY);
    return path;
  };
  await mine(folder);
  const password = randomBytes(18).toString("hex");
  const data = join(folder, "data");
  const leaf = stack.ca.authority.issue({ cn: "postgres", names: ["localhost", HOST] });
  const [cert, key, pw] = await Promise.all([
    mine(join(folder, "server.crt"), leaf.cert),
    mine(join(folder, "server.key"), leaf.key),
    mine(join(folder, "pw"), password),
  ]);
  const init = unprivileged(join(bin, "initdb"), [
    `--pgdata=${data}`,
    "--username=postgres",
    "--auth=scram-sha-256",
    "--no-sync",
    "--locale=C",
    "--encoding=UTF8",
    `--pwfile=${pw}`,
  ]);
  await run(init.file, init.args);
  await mine(join(data, "pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n");
  const port = await freePort();
  const connect: Postgres["connect"] = async ({ user, password: secret }) => {
    const client = new pg.Client({
      host: HOST,
      port,
      database: DATABASE,
      user,
      password: secret,
      ssl: { ca: stack.ca.pem, host: HOST },
      connectionTimeoutMillis: 5000,
    });
    client.on("error", () => undefined);
    await client.connect().catch(async (error: unknown) => {
      await client.end().catch(() => undefined);
      throw error;
    });
    return client;
  };
  const query: Postgres["query"] = async (text) => {
    const client = await connect({ user: "postgres", password });
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  const settings = {
    listen_addresses: HOST,
    port: String(port),
    unix_socket_directories: "",
    ssl: "on",
    ssl_cert_file: cert,
    ssl_key_file: key,
    fsync: "off",
    full_page_writes: "off",
    synchronous_commit: "off",
    shared_buffers: "32MB",
  };
  const server = serverOf(stack.supervisor, stack.dir, {
    name: "postgres",
    ...unprivileged(join(bin, "postgres"), [
      "-D",
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ]),
    ready: async () => (await query("SELECT 1")).length === 1,
  });
  await server.start();
  stack.onStop(() => server.kill9());
  const postgres: Postgres = { host: HOST, port, database: DATABASE, vaultName: VAULT_NAME, query, connect };
  await setUpEngine(stack, postgres);
  return postgres;
}

/** Vault's database engine at `database/`, with a user of its own on the server. */
async function setUpEngine(stack: Stack, postgres: Postgres): Promise<void> {
  await ensurePlugin(stack.vault.client, join(stack.dir, "vault-plugins"));
  await stack.vault.client.call("POST", "sys/mounts/database", { type: "database" });
  await putDatabase(stack, postgres, { username: "vault", ...postgres });
}

/** A database of another name in Vault's engine, which reaches the same server at another port. */
export const putFragileDatabase = (
  stack: Stack,
  postgres: Postgres,
  { vaultName, port }: { readonly vaultName: string; readonly port: number },
): Promise<void> => putDatabase(stack, postgres, { username: `vault-${vaultName}`, vaultName, port });

async function putDatabase(
  { vault: { client }, ca }: Stack,
  postgres: Postgres,
  { username, vaultName, port }: { readonly username: string; readonly vaultName: string; readonly port: number },
): Promise<void> {
  const password = randomBytes(18).toString("hex");
  const { host, database } = postgres;
  await postgres.query(`CREATE ROLE "${username}" LOGIN SUPERUSER PASSWORD '${password}'`);
  await client.call("POST", `database/config/${vaultName}`, {
    plugin_name: PLUGIN,
    allowed_roles: ["*"],
    connection_url: `postgresql://{{username}}:{{password}}@${host}:${port}/${database}?sslmode=verify-full`,
    tls_ca: ca.pem,
    username,
    password,
    password_authentication: "scram-sha-256",
  });
}

/** Built in to full builds of Vault; beside it otherwise. */
async function ensurePlugin(client: VaultClient, folder: string): Promise<void> {
  const known = await client.call("GET", `sys/plugins/catalog/database/${PLUGIN}`).catch((error: unknown) => {
    if (error instanceof VaultError) return undefined;
    throw error;
  });
  if (known !== undefined) return;
  const built = await ensureProgram("vaultPostgres");
  await mkdir(folder, { recursive: true });
  const file = join(folder, PLUGIN);
  await copyFile(built, file);
  await chmod(file, 0o755);
  const sha256 = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  await client.call("PUT", `sys/plugins/catalog/database/${PLUGIN}`, { sha256, command: PLUGIN });
}

/** Two users, and the static roles that keep their passwords. */
export async function putStaticRoles(
  stack: Stack,
  postgres: Postgres,
  roles: readonly { readonly name: string; readonly username: string }[],
): Promise<void> {
  for (const { name, username } of roles) {
    await postgres.query(`CREATE ROLE "${username}" LOGIN PASSWORD '${randomBytes(18).toString("hex")}'`);
    await stack.vault.client.call("POST", `database/static-roles/${name}`, {
      db_name: postgres.vaultName,
      username,
      rotation_period: "720h",
    });
  }
}

/** Where the programs are, by the same search that stands before `make test`. Throws what that says when there are none. */
async function postgresFolder(): Promise<string> {
  const { stdout } = await run(join(root, "scripts/check-tools.sh"), ["--postgresql"]);
  return stdout.trim();
}
