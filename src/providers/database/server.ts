/** A database server as a ProviderConnection names it. */
export interface DatabaseServerConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly caBundle?: string | undefined;
}

export interface DatabaseLogin {
  readonly username: string;
  readonly password: string;
}

/** `unasked`: let in without being asked for the password, so that any other would do as well. */
export type LoginOutcome = "accepted" | "unasked" | "refused";

/** A database server, as far as credentials need it. Every call has a deadline and throws OperatorError without a word of the server's. */
export interface DatabaseServer {
  logIn(login: DatabaseLogin, signal: AbortSignal): Promise<LoginOutcome>;
  /** Ends this user's other sessions: all of them, or those that began before a time. How many there were. */
  endSessions(login: DatabaseLogin, before: Date | undefined, signal: AbortSignal): Promise<number>;
}

export type DatabaseServers = (config: DatabaseServerConfig) => DatabaseServer;
