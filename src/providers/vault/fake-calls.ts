import type { OperatorError } from "../../kernel/errors.ts";
import { vaultError } from "./errors.ts";
import { FakeClock } from "../../kernel/fake-clock.ts";
import { FakeAppRole } from "./approle/fake-role.ts";
import { FakeDatabase } from "./database/fake-database.ts";
import { FakePkiEngine } from "./pki/fake-engine.ts";
import { FakeIdentity } from "./identity/fake-identity.ts";
import type { KvPlace, VaultCalls, VaultSession } from "./sdk.ts";

interface FakePath {
  custom: Readonly<Record<string, string>>;
  versions: { values: Readonly<Record<string, unknown>>; deleted: boolean }[];
}

interface FakeFault {
  readonly call: string;
  readonly error: OperatorError;
  readonly at: "before" | "after";
}

/** KV v2, JWT login and identities of one Vault in memory, with the calls of sdk.ts on top. `log` holds the names of calls in order. */
export class FakeVault {
  readonly paths = new Map<string, FakePath>();
  readonly log: string[] = [];
  readonly identity = new FakeIdentity();
  readonly appRole = new FakeAppRole(() => new FakeClock().now());
  readonly database = new FakeDatabase(() => new FakeClock().now());
  readonly pki = new FakePkiEngine(() => new FakeClock().now());
  readonly logins: { readonly mount: string; readonly role: string; readonly jwt: string }[] = [];
  readonly liveTokens = new Set<string>();
  leaseMs = 600_000;
  disposed = 0;
  /** As Vault does for tokens without the default policy. */
  refusesLookup = false;
  /** Runs once before the next call of that name takes effect: somebody else's write in between. */
  readonly interjections: { readonly call: string; readonly run: () => void }[] = [];
  readonly #faults: FakeFault[] = [];
  #tokens = 0;

  failNext(call: string, error: OperatorError, at: "before" | "after" = "before"): void {
    this.#faults.push({ call, error, at });
  }

  /** Takes back the faults that have not struck. */
  forgiveAll(): void {
    this.#faults.length = 0;
  }

  path(place: KvPlace): FakePath | undefined {
    return this.paths.get(`${place.mount}/${place.path}`);
  }

  /** A write by somebody else, without check-and-set. */
  writeByHand(place: KvPlace, values: Readonly<Record<string, unknown>>): void {
    this.#ensure(place).versions.push({ values, deleted: false });
  }

  mutations(): readonly string[] {
    return this.log.filter((call) => /^(write|delete|destroy|revokeAccessor)/.test(call));
  }

  calls(): VaultCalls {
    return {
      loginJwt: async (login) => {
        this.log.push("loginJwt");
        this.#fail("loginJwt", "before");
        this.logins.push(login);
        this.#tokens += 1;
        const token = `hvs.fake-${this.#tokens}`;
        this.liveTokens.add(token);
        return { token, leaseMs: this.leaseMs };
      },
      session: (token) => this.#session(token),
      dispose: () => {
        this.disposed += 1;
      },
    };
  }

  #session(token: string): VaultSession {
    const call = async <T>(name: string, run: () => T): Promise<T> => {
      this.log.push(name);
      const index = this.interjections.findIndex((each) => each.call === name);
      if (index >= 0) this.interjections.splice(index, 1)[0]?.run();
      this.#fail(name, "before");
      if (!this.liveTokens.has(token)) throw refused(403, ["permission denied"], name);
      const answer = run();
      this.#fail(name, "after");
      return answer;
    };
    return {
      readMetadata: (place) =>
        call("readMetadata", () => {
          const found = this.path(place);
          const latest = found?.versions.at(-1);
          return (
            found && {
              currentVersion: found.versions.length,
              currentIsDeleted: latest?.deleted ?? false,
              custom: found.custom,
            }
          );
        }),
      readData: (place) =>
        call("readData", () => {
          const found = this.path(place);
          const latest = found?.versions.at(-1);
          return latest === undefined || latest.deleted
            ? undefined
            : { version: found?.versions.length ?? 0, values: latest.values };
        }),
      writeData: (place, values, cas) =>
        call("writeData", () => {
          if ((this.path(place)?.versions.length ?? 0) !== cas) {
            throw refused(400, ["check-and-set parameter did not match the current version"], "write of data");
          }
          return this.#ensure(place).versions.push({ values, deleted: false });
        }),
      writeCustomMetadata: (place, custom) =>
        call("writeCustomMetadata", () => {
          this.#ensure(place).custom = custom;
        }),
      deleteLatest: (place) =>
        call("deleteLatest", () => {
          const latest = this.path(place)?.versions.at(-1);
          if (latest !== undefined) latest.deleted = true;
        }),
      deleteEverything: (place) =>
        call("deleteEverything", () => {
          this.paths.delete(`${place.mount}/${place.path}`);
        }),
      pki: this.pki.calls,
      appRole: this.appRole.calls,
      database: this.database.calls,
      identity: this.identity.calls(call, (status, errors) => refused(status, errors, "identity call")),
      tokens: this.identity.tokenCalls(call, (status, errors) => refused(status, errors, "token call")),
      lookupSelf: () =>
        call("lookupSelf", () => {
          if (this.refusesLookup) throw refused(403, ["permission denied"], "token look-up");
          return { leaseMs: this.leaseMs };
        }),
      revokeSelf: () =>
        call("revokeSelf", () => {
          this.liveTokens.delete(token);
        }),
    };
  }

  #ensure(place: KvPlace): FakePath {
    const key = `${place.mount}/${place.path}`;
    const found = this.paths.get(key) ?? { custom: {}, versions: [] };
    this.paths.set(key, found);
    return found;
  }

  #fail(call: string, at: "before" | "after"): void {
    const index = this.#faults.findIndex((fault) => fault.call === call && fault.at === at);
    if (index < 0) return;
    const [fault] = this.#faults.splice(index, 1);
    if (fault !== undefined) throw fault.error;
  }
}

const refused = (status: number, errors: readonly string[], operation: string): OperatorError =>
  vaultError({ status, errors }, operation);
