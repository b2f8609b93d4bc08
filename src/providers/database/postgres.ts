import { Socket, isIP } from "node:net";
import type { Client } from "pg";
import { OperatorError } from "../../kernel/errors.ts";
import { codeOf, isCertificateFault } from "../connection-faults.ts";
import { guardedLookup } from "../endpoint.ts";
import { demandRunning } from "../running.ts";
import type { DatabaseLogin, DatabaseServer, DatabaseServerConfig, LoginOutcome } from "./server.ts";

const CALL_MS = 10_000;

/** invalid_password, invalid_authorization_specification, and a user that may not log in: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const REFUSED = new Set(["28P01", "28000"]);

/** What PostgreSQL asks for a password with; an answer without any of them has checked none. */
const ASKS = ["authenticationCleartextPassword", "authenticationMD5Password", "authenticationSASL"] as const;

/**
 * A PostgreSQL server, always under TLS that is checked. One connection for each call: what is tried here is the login itself.
 */
export const postgresServer = (config: DatabaseServerConfig): DatabaseServer => {
  const connected = async <T>(
    login: DatabaseLogin,
    signal: AbortSignal,
    run: (client: Client, asked: boolean) => Promise<T>,
  ): Promise<T | "refused"> => {
    demandRunning({ signal });
    // Loaded by whoever has a database to log in to.
    const { default: pg } = await import("pg");
    const client = new pg.Client(settingsOf(config, login));
    // Without a listener an error between two queries would end the process.
    client.on("error", () => undefined);
    let asked = false;
    const { connection } = client as unknown as { readonly connection: NodeJS.EventEmitter };
    for (const name of ASKS) connection.once(name, () => (asked = true));
    const stop = (): void => void client.end().catch(() => undefined);
    signal.addEventListener("abort", stop, { once: true });
    try {
      await client.connect();
      return await run(client, asked);
    } catch (thrown) {
      if (isRefused(thrown)) return "refused";
      throw unreachable(thrown, signal);
    } finally {
      signal.removeEventListener("abort", stop);
      await client.end().catch(() => undefined);
    }
  };
  return {
    logIn: (login, signal): Promise<LoginOutcome> =>
      connected(login, signal, async (client, asked) => {
        await client.query("SELECT 1");
        return asked ? "accepted" : "unasked";
      }),

    async endSessions(login, before, signal) {
      const ended = await connected(login, signal, async (client) => {
        const { rows } = await client.query<{ readonly ended: number }>(END_SESSIONS, [before?.toISOString() ?? null]);
        return rows[0]?.ended ?? 0;
      });
      if (ended === "refused") throw refusedToEnd();
      return ended;
    },
  };
};

/** A user may end sessions of its own: https://www.postgresql.org/docs/current/functions-admin.html */
const END_SESSIONS = `SELECT count(pg_terminate_backend(pid))::int AS ended FROM pg_stat_activity
  WHERE usename = current_user AND pid <> pg_backend_pid() AND ($1::timestamptz IS NULL OR backend_start < $1::timestamptz)`;

/** All of it said here: whatever is absent would be taken from the environment. */
const settingsOf = (
  { host, port, database, caBundle }: DatabaseServerConfig,
  { username, password }: DatabaseLogin,
) => ({
  host,
  port,
  database,
  user: username,
  password,
  application_name: "keyturn",
  options: "",
  connectionTimeoutMillis: CALL_MS,
  query_timeout: CALL_MS,
  statement_timeout: CALL_MS,
  ssl: {
    rejectUnauthorized: true,
    // The name that the certificate is checked for.
    host,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(caBundle === undefined ? {} : { ca: caBundle }),
  },
  stream: guardedSocket,
});

/** A name that leads to where clouds hand out credentials is not called. */
const guardedSocket = (): Socket => {
  const socket = new Socket();
  const connect = socket.connect.bind(socket) as (options: object) => Socket;
  socket.connect = ((port: number, host: string) =>
    connect({ port, host, lookup: guardedLookup })) as Socket["connect"];
  return socket;
};

const isRefused = (thrown: unknown): boolean => REFUSED.has(codeOf(thrown));

/** Words of the server's are never shown: they may name what was sent. */
const unreachable = (thrown: unknown, signal: AbortSignal): OperatorError => {
  if (thrown instanceof OperatorError) return thrown;
  if (signal.aborted) return new OperatorError("Aborted", { publicMessage: "The database login was stopped." });
  const code = codeOf(thrown);
  const state = /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E") ? ` (SQLSTATE ${code})` : "";
  const certificate = isCertificateFault(code);
  return new OperatorError("Unavailable", {
    publicMessage: certificate
      ? "The database's certificate is not trusted; name its authority in spec.vault.databases.servers[].caBundle."
      : `The database gave no good answer${state}.`,
  });
};

const refusedToEnd = (): OperatorError =>
  new OperatorError("Unavailable", {
    publicMessage: "The database refused the login that ends the old sessions; it is tried again.",
  });
