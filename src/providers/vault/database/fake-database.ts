import { randomUUID } from "node:crypto";
import { OperatorError } from "../../../kernel/errors.ts";
import type { DatabaseServer, LoginOutcome } from "../../database/server.ts";
import type { DatabaseCalls } from "./calls.ts";

interface Role {
  readonly database: string;
  readonly username: string;
  password: string;
  changedAt: Date;
}

/** Static roles of Vault and the database behind them, in memory: sessions stay open until somebody ends them. */
export class FakeDatabase {
  readonly roles = new Map<string, Role>();
  readonly sessions: { readonly username: string; readonly password: string; readonly since: Date }[] = [];
  /** Every login, in order. */
  readonly logins: { readonly username: string; readonly outcome: LoginOutcome }[] = [];
  periodSeconds = 30 * 86_400;
  /** Lets everybody in without asking for a password. */
  trusts = false;
  rotations = 0;
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  add(name: string, username: string, database = "orders"): void {
    this.roles.set(name, { database, username, password: randomUUID(), changedAt: this.#now() });
  }

  /** Vault changes it by itself, or somebody has it changed. */
  change(name: string): void {
    const role = this.#role(name);
    // Vault's time has more digits than a second; two changes are never at the same.
    const at = Math.max(this.#now().getTime(), role.changedAt.getTime() + 1);
    Object.assign(role, { password: randomUUID(), changedAt: new Date(at) });
  }

  open(username: string, password: string): void {
    this.sessions.push({ username, password, since: this.#now() });
  }

  readonly calls: DatabaseCalls = {
    readRole: ({ name }) => {
      const role = this.roles.get(name);
      if (role === undefined) return Promise.resolve(undefined);
      const { database, username, changedAt } = role;
      return Promise.resolve({
        database,
        username,
        changedAt: changedAt.toISOString(),
        periodSeconds: this.periodSeconds,
      });
    },
    readCredentials: ({ name }) => {
      const { username, password, changedAt } = this.#role(name);
      const ttlSeconds = this.periodSeconds - (this.#now().getTime() - changedAt.getTime()) / 1000;
      return Promise.resolve({ username, password, changedAt: changedAt.toISOString(), ttlSeconds });
    },
    rotate: ({ name }) => {
      this.rotations += 1;
      this.change(name);
      return Promise.resolve();
    },
  };

  readonly server: DatabaseServer = {
    logIn: ({ username, password }) => {
      const known = [...this.roles.values()].some((role) => role.username === username && role.password === password);
      const outcome = this.trusts ? "unasked" : known ? "accepted" : "refused";
      this.logins.push({ username, outcome });
      return Promise.resolve(outcome);
    },
    endSessions: ({ username }, before) => {
      const ended = this.sessions.filter(
        (session) => session.username === username && (before === undefined || session.since < before),
      );
      for (const session of ended) this.sessions.splice(this.sessions.indexOf(session), 1);
      return Promise.resolve(ended.length);
    },
  };

  #role(name: string): Role {
    const role = this.roles.get(name);
    if (role === undefined) throw new OperatorError("NotFound", { publicMessage: "Vault found nothing." });
    return role;
  }
}
